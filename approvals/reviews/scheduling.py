"""What time brings: reviews open, are reminded of, move on, close and are carried out. After an outage once, in order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from celery import shared_task
from django.utils import timezone
from django.utils.dateformat import format as dated
from django.utils.translation import gettext as _

from approvals.reviews.applying import OVER, SECONDS, carry_out_until
from approvals.reviews.closing import close_review, move_stage_on
from approvals.reviews.models import AccessReview, ReviewStage
from approvals.reviews.opening import open_review
from approvals.reviews.permissions import check_may_lead
from approvals.reviews.telling import tell_reviewers
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import amend
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken, Refused

logger = logging.getLogger(__name__)

Status = AccessReview.Status
LAST_CALL = timedelta(days=1)  # before the end of a stage
SOONEST = timedelta(minutes=5)  # between two reminders: a double click, or two who press at once, send one


@shared_task(ignore_result=True)
def run_reviews() -> None:
    """Do what is due, in the order of its time. Harmless when it is done already."""
    now = timezone.now()
    due = AccessReview.objects.select_related("series__owner", "owner", "directory").order_by(
        "starts_at", "pk"
    )
    one_by_one(due.filter(status=Status.SCHEDULED, starts_at__lte=now), _open)
    one_by_one(due.filter(status=Status.OPEN, stage_ends_at__lte=now), _move_on)
    one_by_one(due.filter(status=Status.OPEN, ends_at__lte=now), _close)
    one_by_one(due.filter(status=Status.OPEN, ends_at__gt=now, reminds=True), _remind)
    until = time.monotonic() + SECONDS
    one_by_one(
        due.filter(status__in=OVER, released_at__isnull=False),
        lambda review: carry_out_until(review, until),
    )


def one_by_one(reviews: Iterable[AccessReview], verb: Callable[[AccessReview], None]) -> None:
    """Let ``verb`` come to each of ``reviews``: what goes wrong with one does not keep it from the others."""
    for review in list(reviews):
        try:
            verb(review)
        except Overtaken:
            pass  # another worker was faster
        except Refused as refusal:
            logger.warning("Review %s: %s", review.pk, refusal.message)
        except Exception:
            logger.exception("Review %s is left for the next round", review.pk)


def _open(review: AccessReview) -> None:
    open_review(review, actor=PORTAL)


def _close(review: AccessReview) -> None:
    close_review(review, actor=PORTAL)


def _move_on(review: AccessReview) -> None:
    if review.stages.filter(number__gt=review.stage).exists():
        move_stage_on(review, actor=PORTAL)


def reminder_due(review: AccessReview) -> datetime | None:
    """When its reviewers were last to be reminded: halfway through the stage, and a day before its end."""
    stage = ReviewStage.objects.filter(review=review, number=review.stage).first()
    if stage is None or review.stage_ends_at is None:
        return None
    halfway = review.stage_ends_at - timedelta(days=stage.days) / 2
    now = timezone.now()
    return max(
        (at for at in (halfway, review.stage_ends_at - LAST_CALL) if at <= now and at >= halfway),
        default=None,
    )


def is_reminded(review: AccessReview) -> bool:
    """Whether its reviewers were reminded so lately that doing it again would only annoy them."""
    return review.reminded_at is not None and timezone.now() - review.reminded_at < SOONEST


@journaled
def remind_reviewers(review: AccessReview, *, actor: Actor) -> list[str]:
    """Remind everybody who has something left to answer. Returns whom.

    Raises:
        NotAllowed: the review is not theirs to lead.
        Overtaken: it is over.
        Refused: they were reminded in the last minutes.
    """
    check_may_lead(actor, review)
    current = AccessReview.objects.select_related("series__owner", "owner", "directory").get(pk=review.pk)
    if not current.is_open():
        raise Overtaken(_("This review is over."))
    if is_reminded(current):
        if actor.person is None:
            raise Overtaken
        last = timezone.localtime(current.reminded_at)
        said = {"at": dated(last, "j M Y, H:i"), "n": SOONEST.seconds // 60}
        words = _("Reminders went out already: %(at)s. Others can follow %(n)s minutes after that.")
        raise Refused(words % said, code="reminded")
    told = [str(one) for one in tell_reviewers(current, notice="approvals/review_reminder", actor=actor)]
    if not told and actor.person is not None:
        return []
    amend(
        current,
        actor=actor,
        action="review.reminded",
        unless_changed=["reminded_at"],
        detail={"to": told},
        reminded_at=timezone.now(),
    )
    return told


def _remind(review: AccessReview) -> None:
    if is_reminded(review):
        return
    if (due := reminder_due(review)) and (review.reminded_at is None or review.reminded_at < due):
        remind_reviewers(review, actor=PORTAL)
