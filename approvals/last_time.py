"""Asking again, like last time: what a person said when they asked for a role before."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from approvals.models import AccessRequest
from roles.models import Eligibility

FIGURES = 18  # of a key, at most


def as_last_time(eligibility: Eligibility, *, person: User, key: str) -> dict[str, Any]:
    """What the form begins with when ``person`` asks again as in an earlier request; nothing where there is none.

    Duration, justification, ticket and scope; the form takes what role settings still ask or allow. Never the second
    factor, and never the start.

    Args:
        key: of that request, as an address says it; somebody else's, or one for another role, is none.
    """
    if not (key.isascii() and key.isdecimal() and len(key) <= FIGURES):
        return {}
    mine = AccessRequest.objects.filter(requester=person, role=eligibility.role_id)
    last = mine.filter(act=AccessRequest.Act.ACTIVATE, pk=int(key)).first()
    if last is None or last.minutes is None:
        return {}
    return {
        "minutes": last.minutes,
        "justification": last.justification,
        "ticket": last.ticket,
        "ticket_system": last.ticket_system,
        "scope": str(last.scope_id) if last.scope_id != eligibility.scope_id else "",
    }
