"""What exactly is asked by a request: one digest of it, made when it is filed, that every decision is bound to."""

from __future__ import annotations

from accounts.mfa.freshness import act_digest
from approvals.models import AccessRequest


def content_digest(access_request: AccessRequest) -> str:
    """The digest of what is asked as it stands now: who, which role where, for how long, why, and under which settings.

    Whoever changes any of it, in whatever way, makes another one. What comes of the request is not part of it.
    """
    is_about_assignment = access_request.act != AccessRequest.Act.ACTIVATE
    return act_digest(
        act=access_request.act,
        requester=access_request.requester_id,
        holder=access_request.holder_id,
        holder_group=access_request.holder_group_id,
        role=access_request.role_id,
        scope=access_request.scope_id,
        eligibility=access_request.eligibility_id,
        assignment=access_request.assignment_id if is_about_assignment else None,
        minutes=access_request.minutes,
        asked_start=access_request.asked_start,
        asked_end=access_request.asked_end,
        justification=access_request.justification,
        ticket=access_request.ticket,
        ticket_system=access_request.ticket_system,
        asked_settings=access_request.asked_settings,
    )


def is_as_filed(access_request: AccessRequest) -> bool:
    """Whether what is asked is what was asked when it was filed, or last changed by who asks."""
    return not access_request.digest or access_request.digest == content_digest(access_request)
