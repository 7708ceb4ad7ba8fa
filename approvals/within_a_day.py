"""The time that role settings leave somebody within 24 hours, asked of requests as they are carried out."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings as configuration
from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.models import AccessRequest
from audit.journal.refusing import Refused
from roles.lately import held_lately
from roles.models import Assignment, EffectiveSettings
from roles.requirements import DAY_USED_UP
from roles.within_a_day import MINUTE, room_from
from roles.wording import in_words


def end_within_a_day(access_request: AccessRequest, *, starts_at: datetime, ends_at: datetime) -> datetime:
    """When an activation that is carried out now ends: ``ends_at``, or earlier, where less is left of its day by now.

    Raises:
        Refused: less is left than the shortest activation.
    """
    minutes = max(1, -((starts_at - ends_at) // MINUTE))  # rounded up: a shorter one must not become longer
    left = _left(access_request, starts_at, minutes)
    if left is None or left >= minutes:
        return ends_at
    if left < configuration.MINIMUM_DURATION_MINUTES:
        raise Refused(_used_up(access_request.asked_under), field="minutes", code=DAY_USED_UP)
    return min(ends_at, starts_at + timedelta(minutes=left))


def why_day_is_used_up(access_request: AccessRequest) -> str:
    """Why nothing is left of the day for an activation that would be carried out now; "" where something is."""
    least = configuration.MINIMUM_DURATION_MINUTES
    start = max(access_request.asked_start or timezone.now(), timezone.now())
    left = _left(access_request, start, least)
    return "" if left is None or left >= least else _used_up(access_request.asked_under)


def latest_within_a_day(assignment: Assignment, role_settings: EffectiveSettings) -> datetime | None:
    """Until when an activation that runs may go on as far as its day is concerned; None where nothing limits it."""
    ends_at = assignment.ends_at
    if not role_settings.day_minutes or ends_at is None:
        return None
    held = held_lately(assignment.person, assignment.role, assignment.scope)
    limit = role_settings.day_minutes
    return ends_at + timedelta(minutes=room_from(held, ends_at, limit=limit, at_most=limit))


def _left(access_request: AccessRequest, start: datetime, at_most: int) -> int | None:
    limit, holder = access_request.asked_under.day_minutes, access_request.holder
    if not limit or holder is None:
        return None
    held = held_lately(holder, access_request.role, access_request.scope)
    return room_from(held, start, limit=limit, at_most=at_most)


def _used_up(role_settings: EffectiveSettings) -> str:
    return _("The %(limit)s that this role may be held within any 24 hours are used up.") % {
        "limit": in_words(role_settings.day_minutes)
    }
