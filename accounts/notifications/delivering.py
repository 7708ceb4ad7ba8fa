"""Mailing what people were told. The row says what is still to send; a lost or doubled task changes nothing."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from celery import shared_task
from django.db.models import F
from django.utils import timezone

from accounts.notifications.channels.mail import mail_for
from accounts.notifications.models import Notification
from audit.journal.plain import one_line

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)  # longer than a mail server may take to answer
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)
MAILS_AN_HOUR = 60  # of one notice to one person; what comes faster is in the inbox, its mail goes out later
PACE_PAUSE = timedelta(minutes=10)
ROUND_SECONDS = 8.0  # one round of the sweep; the next comes after 10 s


@shared_task
def deliver_notification(pk: int) -> None:
    """Mail one notification, if it is still to be mailed and nobody else is at it.

    The mail server is spoken to outside any transaction: claimed before, settled after. Tried for ever, with pauses
    that grow from ten seconds to an hour. A worker that dies between sending and settling sends once more; both
    mails then carry the same Message-ID.
    """
    deliver(pk)


@shared_task
def deliver_due_notifications() -> None:
    """Mail what no task was lost for, or whose pause is over. The first failure ends the round.

    A mail server that is down costs one attempt in each round, not one for everybody who waits.
    """
    deadline = time.monotonic() + ROUND_SECONDS
    for pk in list(Notification.objects.due().values_list("pk", flat=True)[:500]):
        if time.monotonic() > deadline or deliver(pk) == "failed":
            break


def deliver(pk: int) -> str:
    """Mail one notification.

    Returns:
        ``mailed``, ``failed``, or ``passed over`` when there is nothing to do at the moment.
    """
    lease = claim(pk)
    if lease is None:
        return "passed over"
    row = Notification.objects.select_related("person").get(pk=pk)
    claimed = Notification.objects.filter(pk=pk, lease_until=lease)
    if row.person is not None and (not row.person.is_active or not row.person.email):
        claimed.update(withdrawn_at=timezone.now(), lease_until=None)
        return "passed over"
    try:
        mail_for(row).send()
    except Exception as error:  # noqa: BLE001 - mail backends raise what they like, and the row must say what
        why = one_line(f"{type(error).__name__}: {error}", most=300)
        claimed.update(
            lease_until=None, last_error=why, next_try_at=timezone.now() + pause_after(row.attempts)
        )
        logger.warning("Notification %s is not mailed yet, attempt %s: %s", pk, row.attempts, why)
        return "failed"
    claimed.update(lease_until=None, last_error="", mailed_at=timezone.now())
    return "mailed"


def claim(pk: int) -> datetime | None:
    """Take the notification for two minutes; None when it is not due, or somebody else has it."""
    now = timezone.now()
    row = Notification.objects.due(now).filter(pk=pk).first()
    if row is None:
        return None
    lately = Notification.objects.filter(
        person=row.person_id, address=row.address, notice=row.notice, mailed_at__gt=now - timedelta(hours=1)
    )
    if lately.count() >= MAILS_AN_HOUR:
        Notification.objects.due(now).filter(pk=pk).update(next_try_at=now + PACE_PAUSE)
        return None
    lease = now + LEASE
    taken = Notification.objects.due(now).filter(pk=pk).update(lease_until=lease, attempts=F("attempts") + 1)
    return lease if taken else None


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many failures: 10 s, 20 s, 40 s, and so on up to an hour."""
    doubled: int = 2 ** min(max(attempts - 1, 0), 12)
    return min(FIRST_PAUSE * doubled, LONGEST_PAUSE)
