"""Changing a review that is open, and handing a series over."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.duties import ROLE_ADMINISTRATORS, holds
from accounts.http import PortalRequest
from accounts.models import User
from approvals.reviews import changing
from approvals.reviews.handing_over import hand_over_series
from approvals.reviews.models import AccessReview
from approvals.reviews.permissions import check_may_change, check_may_lead, series_visible_to
from approvals.reviews.reporting import scope_words
from approvals.reviews.run_forms import HandOverForm, RunForm
from approvals.reviews.views.leading import visible_run
from approvals.reviews.views.planning import around, series_for
from audit.journal.refusing import Overtaken, Refused

PART = "approvals/reviews/parts/run_stages.html"


@require_http_methods(["GET", "HEAD", "POST"])
def change_review(request: PortalRequest, pk: int) -> HttpResponse:
    """Its end, what comes of it, and who answers, as long as it is open."""
    run = visible_run(request, pk)
    check_may_change(request.actor, run)
    changing.check_is_open(run)
    if request.method != "POST":
        return page(request, RunForm(run=run))
    form = RunForm(request.POST, run=run)
    if form.is_late:
        return too_late(request, form)
    if request.POST.get("act"):
        form.go_on()
        if request.headers.get("HX-Target") == "review-stages":
            return render(request, PART, {"form": form, "review": run})
        return page(request, form)
    if form.is_valid():
        try:
            told = changing.change_review(run, actor=request.actor, **form.wanted())
        except Overtaken:
            return too_late(request, form)
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, changed_words(run, told))
            return redirect("review", run.pk)
    return page(request, form, status=422)


def too_late(request: PortalRequest, form: RunForm) -> HttpResponse:
    """Somebody was faster. What was filled in stands there yet, unless it was for a stage that is over by now.

    Raises:
        Overtaken: the review is over.
    """
    now = visible_run(request, form.run.pk)
    changing.check_is_open(now)
    if form.is_late or now.stage != form.run.stage:
        return page(request, RunForm(run=now), status=409, overtaken=Overtaken().message, is_anew=True)
    seen = changing.version_of_run(now)
    return page(request, form, status=409, overtaken=Overtaken().message, seen=seen)


def page(request: PortalRequest, form: RunForm, *, status: int = 200, **said: Any) -> HttpResponse:
    """The page on which a run is changed."""
    run = form.run
    context = {
        "form": form,
        "review": run,
        "scope": scope_words(run),
        "items": run.items.count(),
        "days": sum(run.stages.values_list("days", flat=True)),
        "latest": changing.latest_end(run),
        "seen": form["version"].value(),
    }
    return render(request, "approvals/reviews/change_review.html", context | said, status=status)


def changed_words(run: AccessReview, told: list[User]) -> str:
    """The answer to the button."""
    words = format_html(_("<b>{review} is changed.</b> It counts at once."), review=run)
    if not told:
        return words
    n = len(told)
    more = ngettext("%(n)s new reviewer is asked.", "%(n)s new reviewers are asked.", n) % {"n": n}
    return format_html("{} {}", words, more)


@require_http_methods(["GET", "HEAD", "POST"])
def hand_over_review(request: PortalRequest, pk: int) -> HttpResponse:
    """Say who owns it, say what comes of it, and let somebody else own a series and what runs of it."""
    found = series_for(request, pk)
    check_may_lead(request.actor, found)
    form = HandOverForm(request.POST if request.method == "POST" else None, series=found)
    if form.is_valid():
        try:
            kept = hand_over_series(found, actor=request.actor, **form.cleaned_data)
        except Refused as refused:
            form.show(refused)
        else:
            words = _("<b>{who} leads {series} from now on.</b>")
            messages.success(request, format_html(words, who=kept.owner, series=kept))
            sees = series_visible_to(request.user).filter(pk=kept.pk).exists()
            return redirect("review_series", kept.pk) if sees else redirect("home")
    context = around(found) | {"form": form, "administers": holds(request.user, *ROLE_ADMINISTRATORS)}
    status = 422 if form.errors else 200
    return render(request, "approvals/reviews/hand_over_review.html", context, status=status)
