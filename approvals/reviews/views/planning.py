"""Series: what is reviewed, how often and by whom. And the list of all there is."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import PortalRequest
from approvals.reviews.keeping import delete_series, keep_series, version_of
from approvals.reviews.listing import last_runs, listing_of
from approvals.reviews.meaning import meaning_of, meaning_of_kept
from approvals.reviews.models import AccessReview, ReviewSeries
from approvals.reviews.permissions import may_have_reviewed, may_lead, reviews_visible_to, series_visible_to
from approvals.reviews.series_forms import SeriesForm
from approvals.reviews.stage_forms import with_stages
from approvals.separation_forms import roles_picked
from approvals.viewing import viewer_of
from audit.journal.refusing import NotAllowed, Overtaken, Refused

SHOWN_RUNS = 10
#: what comes back alone where the browser asks for a part of the page
PARTS = {
    "picker": "approvals/reviews/parts/series_picker.html",
    "review-stages": "approvals/reviews/parts/series_stages.html",
    "told": "approvals/reviews/parts/series_told.html",
    "meaning": "approvals/reviews/parts/series_meaning.html",
}


@require_safe
def reviews(request: PortalRequest) -> HttpResponse:
    """The reviews that go on, those planned, those over, and the series."""
    viewer = viewer_of(request)
    may = may_have_reviewed(request.user, parts=viewer.parts)
    listing = listing_of(request.user, request.GET)
    if not may and not viewer.is_reader and not any(listing.counts.values()):
        raise Http404
    return render(
        request, "approvals/reviews/list.html", {"listing": listing, "page": listing.page, "may": may}
    )


@require_http_methods(["GET", "HEAD", "POST"])
def new_review(request: PortalRequest) -> HttpResponse:
    """Plan a review."""
    if not may_have_reviewed(request.user, parts=viewer_of(request).parts):
        raise Http404
    return edit(request, ReviewSeries(owner=request.user))


@require_http_methods(["GET", "HEAD", "POST"])
def review_series(request: PortalRequest, pk: int) -> HttpResponse:
    """One series: what it says, its runs, and changing it."""
    found = series_for(request, pk)
    if not may_lead(request.user, found):
        if request.method == "POST":
            raise NotAllowed
        return render(
            request, "approvals/reviews/series.html", around(found) | {"meaning": meaning_of_kept(found)}
        )
    return edit(request, found)


def series_for(request: PortalRequest, pk: int) -> ReviewSeries:
    """A series that they may see; raises Http404 where there is none."""
    return get_object_or_404(
        series_visible_to(request.user).select_related("owner", "directory", "scope"), pk=pk
    )


def edit(request: PortalRequest, series: ReviewSeries) -> HttpResponse:
    """Show a series, let it be filled in step by step, and save what was sent."""
    if request.method != "POST":
        roles = list(series.roles.select_related("directory")) if series.pk else []
        return page(request, SeriesForm(series=series, person=request.user, chosen=roles))
    if request.POST.get("act"):
        return go_on(request, series)
    form = filled_in(request, series, request.POST)
    if form.is_valid():
        try:
            kept = keep_series(
                form.filled(),
                actor=request.actor,
                roles=form.roles_wanted,
                told=form.told_wanted(),
                stages=form.wishes(),
                seen=form.cleaned_data["version"],
            )
        except Overtaken as overtaken:
            return page(request, form, status=409, overtaken=overtaken.message, seen=version_of(series))
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, said_of(kept, is_new=series.pk is None))
            return redirect("review_series", kept.pk)
    return page(request, form, status=422)


def filled_in(request: PortalRequest, series: ReviewSeries, said: QueryDict) -> SeriesForm:
    """The form as it was sent."""
    return SeriesForm(said, series=series, person=request.user, chosen=roles_picked(request.POST))


def go_on(request: PortalRequest, series: ReviewSeries) -> HttpResponse:
    """A role or a person was added, a stage more was asked for, or what it means: the form again, and nothing saved."""
    form = filled_in(request, series, with_stages(request.POST, request.POST["act"]))
    form.is_valid()
    meaning = meaning_of(form)
    form.keep_errors_of("add_told")
    context = {"form": form, "series": series, "meaning": meaning}
    if part := PARTS.get(request.headers.get("HX-Target", "")):
        answer = render(request, part, context)
        if part != PARTS["meaning"]:
            answer["HX-Trigger-After-Settle"] = "review-changed"
        return answer
    return page(request, form, meaning=meaning)


def page(request: PortalRequest, form: SeriesForm, *, status: int = 200, **said: Any) -> HttpResponse:
    """The page of one series, new or kept, with the form."""
    context: dict[str, Any] = {"form": form, "may": True, "seen": form["version"].value()}
    if "meaning" not in said:
        said["meaning"] = meaning_of(form)
    return render(
        request, "approvals/reviews/series.html", around(form.series) | context | said, status=status
    )


def around(series: ReviewSeries) -> dict[str, Any]:
    """What stands beside the form: the runs, and whether one of them is open."""
    runs = last_runs(series, most=SHOWN_RUNS) if series.pk else []
    is_open = [run for run in runs if run.status == AccessReview.Status.OPEN]
    return {"series": series, "runs": runs, "running": is_open[0] if is_open else None}


def said_of(series: ReviewSeries, *, is_new: bool) -> str:
    """The answer to the button."""
    live = series.runs.filter(status__in=[AccessReview.Status.OPEN, AccessReview.Status.SCHEDULED]).first()
    if live is not None and live.status == AccessReview.Status.OPEN:
        words = _(
            "<b>{series} is saved.</b> The review that is open keeps its terms; this counts from the next one."
        )
    elif live is None:
        words = _("<b>{series} is saved.</b> No further review starts.")
    elif is_new:
        words = _("<b>{series} is planned.</b> The reviewers hear of it when it starts.")
    else:
        words = _("<b>{series} is saved.</b> It counts from the next review.")
    return format_html(words, series=series)


@require_http_methods(["GET", "HEAD", "POST"])
def delete_review_series(request: PortalRequest, pk: int) -> HttpResponse:
    """Ask, say what stays, and delete a series."""
    found = series_for(request, pk)
    if not may_lead(request.user, found):
        raise NotAllowed
    refused = ""
    if request.method == "POST":
        try:
            delete_series(found, actor=request.actor)
        except Overtaken:
            raise
        except Refused as refusal:
            refused = refusal.message
        else:
            words = _(
                "<b>{series} is deleted.</b> No further review starts; what was answered stays on record."
            )
            messages.success(request, format_html(words, series=found))
            return redirect("reviews")
    context = around(found) | {
        "refused": refused,
        "kept": reviews_visible_to(request.user)
        .filter(series=found)
        .exclude(status__in=[AccessReview.Status.CANCELED, AccessReview.Status.SCHEDULED])
        .count(),
    }
    return render(request, "approvals/reviews/delete_series.html", context, status=422 if refused else 200)
