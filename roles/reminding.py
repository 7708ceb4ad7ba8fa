"""Telling people in good time that what they may activate, or hold without activating, is about to end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from audit.journal.actor import PORTAL
from audit.journal.recording import take_the_pen
from roles.effective import layers_for
from roles.models import Assignment, Eligibility, Origin
from roles.models.values import Audience, Occasion
from roles.telling import tell

#: so long before the end; as long as it may be extended, and once more on the last day
AHEAD = (timedelta(days=14), timedelta(days=1))
BATCH = 200


@shared_task(ignore_result=True)
def remind_of_ends() -> None:
    """Tell holders, two weeks and one day ahead, that an eligibility or a standing assignment of theirs ends.

    What lasts less than the time ahead is not spoken of, nor what a group gives: its members can extend nothing. An end
    that was moved is spoken of anew. Told once, however often this runs and in however many workers.
    """
    eligible = Eligibility.objects.in_force().filter(person__isnull=False)
    active = Assignment.objects.in_force().filter(origin=Origin.DIRECT, through__isnull=True)
    for things, occasion in ((eligible, Occasion.ELIGIBLE), (active, Occasion.ACTIVE)):
        _remind(things.filter(_due(timezone.now())), occasion)


def _due(now: datetime) -> Q:
    due = Q(pk__in=[])
    for ahead in AHEAD:
        opened = F("ends_at") - ahead
        due |= Q(ends_at__lte=now + ahead, starts_at__lt=opened) & (
            Q(reminded_at=None) | Q(reminded_at__lt=opened)
        )
    return due


def _remind(things: Any, occasion: Occasion) -> None:
    keys = list(things.values_list("pk", flat=True)[:BATCH])
    with transaction.atomic():
        take_the_pen()
        some = list(things.filter(pk__in=keys).select_related("person__manager", "role__directory", "scope"))
        layers = layers_for((one.role, one.scope) for one in some)
        things.model.objects.filter(pk__in=[one.pk for one in some]).update(reminded_at=timezone.now())
        for one in some:
            tell(
                occasion,
                role=one.role,
                scope=one.scope,
                notices={Audience.HOLDER: "roles/ends_soon"},
                people={Audience.HOLDER: [one.person]},
                context={"held": one, "eligible": occasion == Occasion.ELIGIBLE},
                url="/my-roles/",
                actor=PORTAL,
                role_settings=layers[one.role_id, one.scope_id].effective,
            )
