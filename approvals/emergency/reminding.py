"""Reminding those who may review an emergency activation, once a day, as long as nobody has."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from approvals.emergency.models import EmergencyUse
from approvals.emergency.permissions import reviewers_of
from approvals.emergency.reviewing import as_it_stands
from approvals.emergency.telling import remind, sound_alarm
from audit.journal.actor import PORTAL, Actor
from audit.journal.models import AuditEvent
from audit.journal.recording import journaled, record
from audit.journal.refusing import Overtaken

PATIENCE = timedelta(hours=24)  # before the first reminder, and between any two
BATCH = 200


@shared_task(ignore_result=True)
def remind_of_emergencies() -> None:
    """Remind of every emergency activation that nobody has reviewed for a day. Asked again a day later."""
    late = EmergencyUse.objects.filter(
        status=EmergencyUse.Status.OPEN, opened_at__lte=timezone.now() - PATIENCE
    )
    for use in late.order_by("opened_at", "pk")[:BATCH]:
        if not was_reminded_of(use):
            with suppress(Overtaken):
                remind_of_emergency(use, actor=PORTAL)


@journaled
def remind_of_emergency(use: EmergencyUse, *, actor: Actor) -> None:
    """Remind those who may review ``use``. An alert that was settled without a review is raised anew.

    Raises:
        Overtaken: it was reviewed, or somebody reminded of it, in between.
    """
    current = as_it_stands(use)
    if current.status != EmergencyUse.Status.OPEN or was_reminded_of(current):
        raise Overtaken
    reviewers = list(reviewers_of(current))
    said = {"to": [str(one) for one in reviewers]}
    record("emergency.reminded", actor=actor, subject=current, detail=said)
    remind(current, reviewers)
    sound_alarm(current)


def was_reminded_of(use: EmergencyUse) -> bool:
    """Whether that was less than a day ago. The journal knows: it is the entry itself that counts."""
    told = AuditEvent.objects.filter(
        subject_kind=use._meta.label_lower,
        subject_key=str(use.pk),
        action="emergency.reminded",
        at__gt=timezone.now() - PATIENCE,
    )
    return told.exists()
