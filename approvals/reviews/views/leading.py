"""Leading a run: how far it is, who is late, and what its owner may do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.http import PortalRequest
from approvals.forms import StrictForm
from approvals.reviews import applying, closing, scheduling
from approvals.reviews.holding_back import losses_of
from approvals.reviews.lead_forms import NextStageForm, ReleaseForm, ResetForm, StopForm
from approvals.reviews.losing import leaving_of
from approvals.reviews.models import AccessReview, ReviewItem
from approvals.reviews.outcomes import denied_of
from approvals.reviews.permissions import check_may_lead, may_change, may_lead, reviews_visible_to
from approvals.reviews.progress import Tally, lines_of, removal_of, tally_of
from approvals.reviews.reporting import OVER, scope_words, stage_words, stages_of
from audit.journal.actor import Actor
from audit.journal.refusing import Refused

Status = AccessReview.Status
FAILURES = 20  # on the page; the results list all of them
LOSSES = 30
RELATED = ("owner", "directory", "scope", "series__owner", "released_by")


@require_safe
def review(request: PortalRequest, pk: int) -> HttpResponse:
    """One run, for whoever leads it and whoever may look on."""
    return page(request, visible_run(request, pk))


@require_safe
def review_progress(request: PortalRequest, pk: int) -> HttpResponse:
    """How far carrying out is, asked again and again while it goes on: 204 as long as nothing has changed."""
    run = visible_run(request, pk)
    if request.headers.get("HX-Target") != "carried":
        return redirect("review", pk)
    context = carrying(run, removal_of(run)) | {"review": run, "leads": may_lead(request.user, run)}
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    answer = render(request, "approvals/reviews/parts/carried.html", context)
    if not context["is_moving"]:
        answer["HX-Refresh"] = "true"  # its headline and what one can do are other ones now
    return answer


@require_POST
def remind_review(request: PortalRequest, pk: int) -> HttpResponse:
    """Remind everybody who has something left."""
    return act(request, pk, "remind_form", StrictForm(request.POST), scheduling.remind_reviewers, reminded)


@require_POST
def next_review_stage(request: PortalRequest, pk: int) -> HttpResponse:
    """End the stage that the person saw."""
    form = NextStageForm(request.POST)
    return act(request, pk, "next_form", form, move_on, lambda came: _("The next stage has begun."))


@require_POST
def stop_review(request: PortalRequest, pk: int) -> HttpResponse:
    """End it early, for good."""
    form = StopForm(request.POST, auto_id="stop_%s")
    return act(request, pk, "stop_form", form, closing.stop_review, lambda came: _("The review is stopped."))


@require_POST
def reset_review(request: PortalRequest, pk: int) -> HttpResponse:
    """Make all answers void and ask again."""
    form = ResetForm(request.POST, auto_id="reset_%s")
    words = _("No answer counts any more. The reviewers were asked again.")
    return act(request, pk, "reset_form", form, closing.reset_review, lambda came: words)


@require_POST
def release_review(request: PortalRequest, pk: int) -> HttpResponse:
    """Let it be carried out."""
    form = ReleaseForm(request.POST, auto_id="release_%s")
    words = _("It is being carried out. You may leave this page.")
    return act(request, pk, "release_form", form, closing.release_review, lambda came: words)


@require_POST
def try_review_again(request: PortalRequest, pk: int) -> HttpResponse:
    """Let what could not be removed be tried again."""
    return act(request, pk, "again_form", StrictForm(request.POST), applying.try_again, tried)


def act(
    request: PortalRequest,
    pk: int,
    name: str,
    form: StrictForm,
    verb: Callable[..., Any],
    told: Callable[[Any], str],
) -> HttpResponse:
    """One act of whoever leads a run, and back to its page.

    Args:
        name: under which the page knows the form.
        told: the answer to the button, from what the verb returned.

    Raises:
        NotAllowed: they may look on, and no more.
    """
    run = visible_run(request, pk)
    check_may_lead(request.actor, run)
    if form.is_valid():
        try:
            came = verb(run, actor=request.actor, **form.cleaned_data)
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, told(came))
            return redirect("review", pk)
    return page(request, run, **{name: form})


def move_on(run: AccessReview, *, actor: Actor, stage: int) -> None:
    """End ``stage``, and no other: pressed twice, the button moves on once."""
    run.stage = stage
    closing.move_stage_on(run, actor=actor)


def reminded(names: list[str]) -> str:
    """Whom a reminder went to."""
    if not names:
        return _("Nobody has anything left to answer.")
    n = len(names)
    return ngettext("%(n)s reviewer is reminded.", "%(n)s reviewers are reminded.", n) % {"n": n}


def tried(n: int) -> str:
    """How many items are tried again."""
    return ngettext("%(n)s item is tried again.", "%(n)s items are tried again.", n) % {"n": n}


def visible_run(request: PortalRequest, pk: int) -> AccessReview:
    """A run the viewer may look at.

    Raises:
        Http404: there is none, or it is not theirs to see.
    """
    found: AccessReview = get_object_or_404(reviews_visible_to(request.user).select_related(*RELATED), pk=pk)
    return found


def page(request: PortalRequest, run: AccessReview, **said: StrictForm) -> HttpResponse:
    """The page of a run.

    Args:
        said: forms that were sent with a mistake.
    """
    run = visible_run(request, run.pk)  # as it is, whatever a verb has made of the one in hand
    tally, stages, leads = tally_of(run), stages_of(run), may_lead(request.user, run)
    waits = run.status in OVER and run.released_at is None and tally.going > 0
    going = denied_of(run)
    losses = losses_of(going) if waits else []
    context: dict[str, Any] = {
        "review": run,
        "leads": leads,
        "tally": tally,
        "scope": scope_words(run),
        "stages": stage_words(stages),
        "is_open": run.status == Status.OPEN,
        "may_change": leads and run.is_open() and may_change(request.user, run),
        "is_over": run.status in OVER,
        "is_last_stage": run.stage >= len(stages),
        "lines": lines_of(run, stages),
        "waits": waits,
        "leaving": leaving_of(run, losses[:LOSSES], going) if losses else [],
        "more_losses": max(len(losses) - LOSSES, 0),
        "next_form": NextStageForm(initial={"stage": run.stage}),
        "stop_form": StopForm(auto_id="stop_%s"),
        "reset_form": ResetForm(auto_id="reset_%s"),
        "release_form": ReleaseForm(auto_id="release_%s"),
    }
    context |= carrying(run, tally) | said
    wrong = any(form.errors for form in said.values())
    return render(request, "approvals/reviews/review.html", context, status=422 if wrong else 200)


def carrying(run: AccessReview, tally: Tally) -> dict[str, Any]:
    """How far carrying out is."""
    is_released = run.released_at is not None and run.status in OVER and tally.going > 0
    to_do = tally.new + tally.ending
    failed = denied_of(run).filter(done=ReviewItem.Done.FAILED) if tally.failed else None
    return {
        "tally": tally,
        "is_released": is_released,
        "is_moving": is_released and run.status != Status.APPLIED and (to_do > 0 or not tally.failed),
        "failures": failed.select_related("role__directory", "person", "group").order_by("pk")[:FAILURES]
        if failed is not None
        else [],
        "seen": f"{run.status}-{tally.new}-{tally.ending}-{tally.applied}-{tally.gone}-{tally.failed}",
    }
