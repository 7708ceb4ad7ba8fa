"""Asking again, like last time: what a person said when they asked for a role before."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from approvals.models import AccessRequest
from roles.models import EffectiveSettings, Eligibility

FIGURES = 18  # of a key, at most


def as_last_time(
    eligibility: Eligibility, *, person: User, key: str, role_settings: EffectiveSettings
) -> dict[str, Any]:
    """What the form begins with when ``person`` asks again as in an earlier request; nothing where there is none.

    Duration, justification, and the ticket where one is asked. Never the second factor, and never the start.

    Args:
        key: of that request, as an address says it; somebody else's, or one for another role, is none.
    """
    if not (key.isascii() and key.isdecimal() and len(key) <= FIGURES):
        return {}
    mine = AccessRequest.objects.filter(requester=person, role=eligibility.role_id)
    last = mine.filter(act=AccessRequest.Act.ACTIVATE, pk=int(key)).first()
    if last is None or last.minutes is None:
        return {}
    said: dict[str, Any] = {
        "minutes": min(last.minutes, role_settings.max_minutes),
        "justification": last.justification,
    }
    if role_settings.ticket_required:
        said["ticket"] = last.ticket
        if last.ticket_system in role_settings.systems:
            said["ticket_system"] = last.ticket_system
    return said
