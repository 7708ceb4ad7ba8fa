"""Watching over the journal: a check that is cheap enough to run all the time, and its last result for the pages."""

from __future__ import annotations

import logging
from dataclasses import replace

from celery import shared_task
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.alerts.alerting import raise_alert, resolve_alert
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL
from audit.journal.sealing import FIRST
from audit.journal.verifying import Verdict, verify_journal, verify_span
from audit.models import JournalCheck

logger = logging.getLogger(__name__)

ROUNDS = 12  # in which the patrol goes through the whole book: with a round every 5 minutes, in an hour
LEAST_STRETCH = 10_000  # entries read in a round where the book is short
KIND, KEY = "journal_broken", "journal"


@shared_task
def check_journal() -> None:
    """One round: follow the journal's end from the last entry that held, and read the next stretch of the whole book.

    What is read grows with what was written since and with a twelfth of the book, not with the book. A wrong entry
    raises an alert; once one was found, each round reads the whole book, until it holds again.
    """
    last = last_check()
    if last.holds:
        verdict = verify_journal(after=last.count, previous=last.head)
        stretch, whole = _patrol(last, until=verdict.count) if verdict.holds else (verdict, False)
        if stretch.holds:
            keep(verdict, patrol=stretch, whole=whole)
            return
    # Which entry is the first wrong one, only the whole book tells.
    check_whole_journal()


def check_whole_journal() -> Verdict:
    """Read the whole book now, keep what was found for the pages, and raise or resolve the alert.

    A book that holds in itself is still broken when it does not contain what an earlier check saw at its end: then
    its end was cut off together with the row that says how far it goes.
    """
    last, verdict = last_check(), verify_journal()
    if verdict.holds:
        since = verify_journal(after=last.count, previous=last.head)
        if not since.holds:
            # What was cut off grows again: the first finding names the entry, later ones stand behind it.
            verdict = since if last.wrong is None else replace(since, wrong=last.wrong, why=last.why)
    keep(verdict, whole=True)
    return verdict


def last_check() -> JournalCheck:
    """What the checks found so far; an empty one before the first."""
    return JournalCheck.objects.filter(pk=1).first() or JournalCheck(checked_at=timezone.now())


def keep(verdict: Verdict, *, patrol: Verdict | None = None, whole: bool) -> None:
    """Keep the result of a check, and tell when the journal is broken or holds again.

    Args:
        patrol: where the walk through the whole book stands; from its start again when left out.
        whole: whether the book was read to its end by this check.
    """
    now = timezone.now()
    found = {"checked_at": now, "wrong": verdict.wrong, "why": verdict.why[:200]}
    if verdict.holds:  # otherwise the end that was last seen whole stays the one to hold against
        found |= {"count": verdict.count, "head": verdict.head}
    at = patrol if patrol is not None and not whole else None
    found |= {"patrol_number": at.count if at else 0, "patrol_digest": at.head if at else FIRST}
    if whole:
        found["whole_at"] = now
    with transaction.atomic():
        JournalCheck.objects.update_or_create(pk=1, defaults=found)
        if verdict.holds:
            # Read on the console or kept by a log server, this line is the anchor outside the database.
            logger.info("The journal holds: %s entries, head %s", verdict.count, verdict.head)
            resolve_alert(KIND, key=KEY, actor=PORTAL)
        else:
            logger.error("The journal is broken at entry %s: %s", verdict.wrong, verdict.why)
            raise_alert(
                KIND,
                key=KEY,
                severity=Alert.Severity.HIGH,
                title=_("The journal was tampered with at entry %(number)s") % {"number": verdict.wrong},
                text=_("%(why)s What is recorded from there on cannot be trusted.") % {"why": verdict.why},
                fix=_(
                    "Keep the database as it is, find out who could write to it, and compare it with a backup: "
                    "manage.py verify_journal names the first wrong entry."
                ),
                url=reverse("journal"),
                actor=PORTAL,
            )


def _patrol(last: JournalCheck, *, until: int) -> tuple[Verdict, bool]:
    """Read the next stretch of the whole book; whether that was its end."""
    stretch = max(until // ROUNDS + 1, LEAST_STRETCH)
    to = min(last.patrol_number + stretch, until)
    verdict = verify_span(after=last.patrol_number, previous=last.patrol_digest, until=to)
    return verdict, verdict.holds and to == until
