"""Carrying out: what was denied ends, item by item, and is tried again until it is read back as gone."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import timedelta
from functools import partial

from celery import shared_task
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.removing import REMOVABLE, close_extensions_of
from approvals.reviews.models import AccessReview, ReviewDecision, ReviewItem
from approvals.reviews.outcomes import denied_of
from approvals.reviews.permissions import check_may_lead
from approvals.reviews.telling import tell_of_removal
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import move_to
from audit.journal.plain import one_line
from audit.journal.recording import journaled, record
from audit.journal.refusing import Overtaken, Refused
from roles.assigning import end_eligibility
from roles.models import Assignment, EndCause
from roles.provisioning import end_assignment
from roles.spreading import end_group_assignment

logger = logging.getLogger(__name__)

Status, Done = AccessReview.Status, ReviewItem.Done
OVER = [Status.CLOSED, Status.STOPPED]
AGAIN = timedelta(hours=1)  # between two tries of what was refused
BATCH = 50
SECONDS = 10.0  # that a worker stays with carrying out at one time
RELATED = (
    "review__owner",
    "role__directory",
    "person",
    "group",
    "eligibility__role__directory",
    "eligibility__person",
    "assignment__role__directory",
    "assignment__person",
    "group_assignment__role__directory",
)


def hurry_carrying_out(review: AccessReview) -> None:
    """Begin as soon as this commits, and not with the next beat. Lost, the beat does it all the same."""
    transaction.on_commit(partial(carry_out_review.delay, review.pk), robust=True)


@shared_task(ignore_result=True)
def carry_out_review(pk: int) -> None:
    """Carry out one review that was let, as far as one gets in some seconds. Harmless when it is done already."""
    review = AccessReview.objects.filter(pk=pk, status__in=OVER, released_at__isnull=False).first()
    if review is not None:
        carry_out_until(review, time.monotonic() + SECONDS)


def carry_out_until(review: AccessReview, moment: float) -> None:
    """Take away what is to be taken away, until ``moment`` of the monotonic clock at the latest."""
    while time.monotonic() < moment and carry_out(review, most=BATCH) == BATCH:
        pass


def carry_out(review: AccessReview, *, most: int) -> int:
    """Do what is to be done now: take away at most ``most`` items, look what was read back, and finish if that was all.

    Returns:
        How many items were worked on.
    """
    now = timezone.now()
    due = Q(done=Done.NEW) | Q(done=Done.FAILED, done_at__lte=now - AGAIN)
    # First their keys: joined to all that belongs to them, fifty thousand would be sorted for the sake of fifty.
    keys = list(denied_of(review).filter(due).order_by("pk").values_list("pk", flat=True)[:most])
    for item in ReviewItem.objects.filter(pk__in=keys).order_by("pk").select_related(*RELATED):
        with suppress(Overtaken):  # another worker was faster
            try_item(item)
    write_down_what_is_gone(review)
    if not is_anything_left(review):
        with suppress(Overtaken):
            finish_review(review, actor=PORTAL)
    return len(keys)


def try_item(item: ReviewItem) -> None:
    """Take it away; where that does not work, write down why: it is tried again, and the others are not kept waiting.

    Raises:
        Overtaken: somebody else has done so.
    """
    try:
        apply_item(item, actor=PORTAL)
    except Overtaken:
        raise
    except Refused as refusal:
        _write_down_as_failed(item, refusal.message)
    except Exception:
        logger.exception("Item %s of review %s could not be removed", item.pk, item.review_id)
        _write_down_as_failed(item, _("Something went wrong in the portal. It is tried again."))


def _write_down_as_failed(item: ReviewItem, why: str) -> None:
    ReviewItem.objects.filter(pk=item.pk, done__in=[Done.NEW, Done.FAILED]).update(
        done=Done.FAILED, done_at=timezone.now(), tries=F("tries") + 1, error=one_line(why, most=500)
    )


@journaled
def apply_item(item: ReviewItem, *, actor: Actor) -> None:
    """End what an item is about, with every activation that rests on it.

    Raises:
        LastHolder: it cannot be spared.
        Overtaken: somebody else has done so.
    """
    held = item.eligibility or item.assignment or item.group_assignment
    if held is None:
        raise Overtaken
    held.refresh_from_db(fields=["status"])
    gone = held.status not in REMOVABLE
    taken = ReviewItem.objects.filter(pk=item.pk, done__in=[Done.NEW, Done.FAILED]).update(
        done=Done.GONE if gone else Done.ENDING,
        done_at=timezone.now(),
        tries=F("tries") + 1,
        error="",
    )
    if not taken:
        raise Overtaken
    if gone:
        return
    why = reason_of(item)
    if item.group_assignment is None:
        close_extensions_of([held], why=_("An access review took it away."))
    if item.eligibility is not None:
        end_eligibility(item.eligibility, actor=actor, justification=why)
        tell_of_removal(item, why=why, actor=actor)
    elif item.assignment is not None:
        end_assignment(item.assignment, actor=actor, cause=EndCause.REVIEW, justification=why)
    elif item.group_assignment is not None:
        end_group_assignment(item.group_assignment, actor=actor, cause=EndCause.REVIEW, justification=why)


def reason_of(item: ReviewItem) -> str:
    """Why it ends: the review, and what its last answer said."""
    last = ReviewDecision.objects.filter(item=item, void_at=None).order_by("-at", "-pk").first()
    said = {"review": item.review, "who": item.reviewer or "", "why": last.justification if last else ""}
    if last is None:
        return _("Access review “%(review)s”: nobody answered.") % said
    if not last.justification:
        return _("Access review “%(review)s”: removed by %(who)s.") % said
    return _("Access review “%(review)s”, %(who)s: %(why)s") % said


def write_down_what_is_gone(review: AccessReview) -> None:
    """Mark what the directory has confirmed: nothing that rested on it is there any more."""
    ending = denied_of(review).filter(done=Done.ENDING)
    ending.exclude(_still_there()).update(done=Done.APPLIED, done_at=timezone.now())


def is_anything_left(review: AccessReview) -> bool:
    """Whether something is not taken away yet, or a directory still has something of what was gone here already."""
    denied = denied_of(review)
    if denied.filter(done__in=[Done.NEW, Done.ENDING, Done.FAILED]).exists():
        return True
    return denied.filter(_still_there(), done=Done.GONE).exists()


def _still_there() -> Exists:
    """Whether anything rests on an item of which no directory has said that it is gone."""
    over = [Assignment.Status.ENDED, Assignment.Status.FAILED]
    rests_on = (
        Q(pk=OuterRef("assignment"))
        | Q(eligibility=OuterRef("eligibility"))
        | Q(through=OuterRef("group_assignment"))
    )
    return Exists(Assignment.objects.filter(rests_on).exclude(status__in=over))


@journaled
def finish_review(review: AccessReview, *, actor: Actor) -> None:
    """Write down that everything is carried out, and read back.

    Raises:
        Overtaken: that was written down already, or something is left to do.
    """
    current = AccessReview.objects.get(pk=review.pk)
    if current.status not in OVER or is_anything_left(current):
        raise Overtaken
    removed = denied_of(current).filter(done=Done.APPLIED).count()
    move_to(
        current,
        Status.APPLIED,
        actor=actor,
        action="review.applied",
        detail={"removed": removed},
        applied_at=timezone.now(),
    )


@journaled
def try_again(review: AccessReview, *, actor: Actor) -> int:
    """Let what could not be removed be tried again now. Returns how many items that are.

    Raises:
        NotAllowed: the review is not theirs to lead.
        Refused: there is nothing of the kind.
    """
    check_may_lead(actor, review)
    failed = denied_of(review).filter(done=Done.FAILED)
    again = failed.update(done=Done.NEW)
    if not again:
        raise Refused(_("Everything that was denied is removed."))
    record("review.tried_again", actor=actor, subject=review, detail={"items": again})
    hurry_carrying_out(review)
    return again
