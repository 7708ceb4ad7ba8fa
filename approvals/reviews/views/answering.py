"""Answering: whoever reviews works through what is theirs."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import PortalRequest
from approvals.reviews import reviewing
from approvals.reviews.answer_forms import FollowForm, SeveralForm, TakeBackForm, VerdictForm
from approvals.reviews.models import AccessReview, ReviewDecision, Reviewer, ReviewItem, Verdict
from approvals.reviews.panel import Panel
from approvals.reviews.permissions import items_open_to, reviews_asking, reviews_visible_to
from approvals.reviews.weighing import advised_removals, case_of
from approvals.reviews.working import (
    ALL,
    DECIDED,
    OPEN,
    WHOLE,
    Items,
    habits_of,
    key_in,
    listed,
    present_item,
    progress_of,
    window_around,
)
from approvals.viewing import viewer_of
from audit.journal.refusing import Overtaken, Refused

NAMED = 100  # removals that the page of the recommendations names; of the rest it says how many
SHOWN = 50  # ticked items named again beside a mistake


@require_safe
def to_review(request: PortalRequest) -> HttpResponse:
    """The open reviews in which the viewer answers, the first to end first."""
    parts = viewer_of(request).parts
    asking = reviews_asking(request.user, parts=parts)
    lines = [(one, progress_of(items_open_to(request.user, one, parts=parts), one)) for one in asking]
    waiting = sum(bool(progress.open) for _review, progress in lines)
    return render(request, "approvals/reviews/to_review.html", {"lines": lines, "waiting": waiting})


@require_safe
def review_work(request: PortalRequest, pk: int) -> HttpResponse:
    """One item after the other, with all that is known of it."""
    review, mine = asked_of(request, pk)
    if not review.is_open():
        return over(request, review)
    show = shown(request)
    rows = listed(mine, review, show)
    key, after = key_in(request.GET, "item"), key_in(request.GET, "after")
    try:
        item = present_item(rows, mine, key=key, after=after)
    except ReviewItem.DoesNotExist as error:
        raise Http404 from error
    if item is None and not mine.exists():
        return over(request, review)
    return working(request, review, mine, item=item)


@require_POST
def answer_item(request: PortalRequest, pk: int, item: int) -> HttpResponse:
    """Answer one item, and go on to the next."""
    review, mine = asked_of(request, pk)
    found = item_of(review, mine, item)
    form = VerdictForm(request.POST)
    if form.is_valid():
        try:
            reviewing.decide_item(found, actor=request.actor, **form.answer())
        except Refused as refused:
            form.show(refused)
        else:
            return redirect(f"{reverse('review_work', args=[pk])}?show={shown(request)}&after={found.pk}")
    return working(request, review, mine, item=found, form=form)


@require_POST
def take_back_answer(request: PortalRequest, pk: int, item: int) -> HttpResponse:
    """Take back one's own last answer, and look at the item again."""
    review, mine = asked_of(request, pk)
    found = item_of(review, mine, item)
    if TakeBackForm(request.POST).is_valid():
        reviewing.take_back(found, actor=request.actor)
        words = _("<b>Your answer about {who} is taken back.</b>")
        messages.success(request, format_html(words, who=found.principal))
    return redirect(f"{reverse('review_work', args=[pk])}?item={found.pk}")


@require_POST
def answer_several(request: PortalRequest, pk: int) -> HttpResponse:
    """One answer for all that is ticked, or for none."""
    review, mine = asked_of(request, pk)
    form = SeveralForm(request.POST)
    if form.is_valid():
        said = form.answer()
        try:
            given = reviewing.decide_items(
                review, actor=request.actor, keys=form.cleaned_data["pick"], **said
            )
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, told(said["verdict"], len(given)))
            return redirect(f"{reverse('review_work', args=[pk])}?show={shown(request)}")
    keys = form.cleaned_data.get("pick", [])
    found = mine.filter(pk__in=keys[:SHOWN]).order_by("pk").select_related("person", "group", "role")
    context = {
        "review": review,
        "form": form,
        "keys": keys,
        "found": found,
        "more": max(0, len(keys) - SHOWN),
        "show": shown(request),
    }
    return render(request, "approvals/reviews/several.html", context, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
def follow_recommendations(request: PortalRequest, pk: int) -> HttpResponse:
    """First what following all recommendations would do; then all of it, or nothing."""
    review, mine = asked_of(request, pk)
    form = FollowForm(request.POST or None)
    status, changed = 422 if form.errors else 200, ""
    if form.is_valid():
        try:
            n = reviewing.follow_recommendations(review, actor=request.actor, **form.cleaned_data)
        except Refused as refused:
            if refused.status_code == Overtaken.status_code and not review_now(review).is_open():
                raise
            status, changed = refused.status_code, refused.message
        else:
            words = ngettext(
                "<b>{n} answer is kept</b> as recommended.", "<b>{n} answers are kept</b> as recommended.", n
            )
            messages.success(request, format_html(words, n=n))
            return redirect("review_work", pk)
    elif not review.is_open():
        return over(request, review)
    waiting = reviewing.recommended_to(review, request.user)
    progress = progress_of(mine, review)
    context = {
        "review": review,
        "progress": progress,
        "removals": advised_removals(waiting, review, most=NAMED),
        "more": max(0, progress.advised_remove - NAMED),
        "changed": changed,
        "until": until_of(review),
    }
    return render(request, "approvals/reviews/follow.html", context, status=status)


def working(
    request: PortalRequest,
    review: AccessReview,
    mine: Items,
    *,
    item: ReviewItem | None,
    form: VerdictForm | None = None,
) -> HttpResponse:
    """The page on which a reviewer works, at one item or at the end of a list.

    Args:
        form: one that was sent with a mistake.
    """
    show = shown(request)
    progress = progress_of(mine, review, show=show, item=item)
    habits = habits_of(request.user, review)
    context: dict[str, Any] = {
        "review": review,
        "progress": progress,
        "habits": habits,
        "minutes": habits.minutes_for(progress.open),
        "show": show,
        "until": until_of(review),
        "next_stage": review.stages.filter(number=review.stage + 1).first(),
        "leads": review.owner_id == request.user.pk or viewer_of(request).is_role_administrator,
        "list_first": "list" in request.GET,
    }
    if item is not None:
        case = case_of(item, review)
        context |= {
            "case": case,
            "item": item,
            "window": window_around(listed(mine, review, show), item),
            "form": form or VerdictForm(initial=begun(case.latest)),
            "owns_group": item.group_id in viewer_of(request).parts.owner_of,
            "is_mine": case.latest is not None and case.latest.reviewer_id == request.user.pk,
        }
    else:
        denied = (
            listed(mine, review, ALL).filter(verdict=Verdict.DENY).select_related("person", "group", "role")
        )
        context |= {"denied": denied.order_by("pk")[:SHOWN], "more": max(0, progress.remove - SHOWN)}
    wrong = form is not None and bool(form.errors)
    return render(request, "approvals/reviews/work.html", context, status=422 if wrong else 200)


def begun(latest: ReviewDecision | None) -> dict[str, str]:
    """What the form begins with: the answer that counts."""
    return {"verdict": latest.verdict, "justification": latest.justification} if latest else {}


def over(request: PortalRequest, review: AccessReview) -> HttpResponse:
    """What is said when nothing is left to answer here: the review is over, or others answer now."""
    given = ReviewDecision.objects.filter(reviewer=request.user, item__review=review, void_at=None)
    context = {
        "review": review,
        "is_over": not review.is_open(),
        "given": given.order_by().values("item").distinct().count(),
        "sees": reviews_visible_to(request.user).filter(pk=review.pk).exists(),
    }
    return render(request, "approvals/reviews/over.html", context)


def asked_of(request: PortalRequest, pk: int) -> tuple[AccessReview, Items]:
    """A review that asks the viewer, or once did, and its items that are theirs to answer while it is open.

    Raises:
        Http404: there is none, or it has nothing to do with them.
    """
    reviews = AccessReview.objects.exclude(opened_at=None).select_related(
        "owner", "series__owner", "directory"
    )
    review = get_object_or_404(reviews, pk=pk)
    parts = viewer_of(request).parts
    mine = items_open_to(request.user, review, parts=parts)
    theirs = mine if review.is_open() else Panel(review).items_of(request.user, parts)
    if not theirs.exists():
        named = Q(person=request.user) | Q(group__in=sorted(parts.member_of))
        asked = Reviewer.objects.filter(named, stage__review=review, is_fallback=False)
        answered = ReviewDecision.objects.filter(reviewer=request.user, item__review=review)
        if not asked.exists() and not answered.exists():
            raise Http404
    return review, mine


def item_of(review: AccessReview, mine: Items, key: int) -> ReviewItem:
    """An item that somebody acts on whom the review asks.

    Raises:
        Http404: the review has no such item.
        Overtaken: the review is over, or others answer for it now.
    """
    item = get_object_or_404(review.items.all(), pk=key)
    if not review.is_open():
        raise Overtaken(_("This review is over: nothing can be answered any more."))
    found = mine.select_related(*WHOLE).filter(pk=item.pk).first()
    if found is None:
        raise Overtaken(_("This is not yours to answer, or not any more: others are asked about it."))
    return found


def review_now(review: AccessReview) -> AccessReview:
    """The review as it is at this moment."""
    return AccessReview.objects.get(pk=review.pk)


def until_of(review: AccessReview) -> Any:
    """Until when the present stage may answer."""
    return min(review.stage_ends_at or review.ends_at, review.ends_at)


def shown(request: PortalRequest) -> str:
    """Which list the address asks for."""
    show = request.GET.get("show", OPEN)
    return show if show in (DECIDED, ALL) else OPEN


def told(verdict: str, n: int) -> str:
    """The answer to the button, for several at once."""
    words = {
        Verdict.APPROVE: ngettext("<b>{n} is kept.</b>", "<b>{n} are kept.</b>", n),
        Verdict.DENY: ngettext("<b>{n} is to be removed.</b>", "<b>{n} are to be removed.</b>", n),
        Verdict.UNKNOWN: ngettext("<b>{n} is left as it is.</b>", "<b>{n} are left as they are.</b>", n),
    }
    return format_html(words[Verdict(verdict)], n=n)
