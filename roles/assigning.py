"""The verbs that administrators' requests end in: making people and groups eligible, and ending that."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Group, User
from audit.journal.actor import Actor
from audit.journal.lifecycle import begin_life, move_to
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken, Refused
from roles.models import Eligibility, EndCause, Role, Scope
from roles.provisioning import end_assignment

Status = Eligibility.Status


@journaled
def make_eligible(
    role: Role,
    *,
    actor: Actor,
    principal: User | Group,
    scope: Scope | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    justification: str = "",
) -> Eligibility:
    """Let a person, or each member of a group, activate ``role``.

    Args:
        scope: where; the whole directory when left out.
        starts_at, ends_at: from when to when; at once and for good when left out.

    Raises:
        Refused: they are eligible already, or the end comes before the start or is over already.
    """
    scope = scope or role.directory.root_scope()
    start = starts_at or timezone.now()
    if ends_at is not None and ends_at <= max(start, timezone.now()):
        raise Refused(_("The end comes before the start, or is over already."), field="ends_at")
    held_by = {"person": principal} if isinstance(principal, User) else {"group": principal}
    for lapsed in Eligibility.objects.filter(
        role=role, scope=scope, status__in=["scheduled", "in_force"], ends_at__lte=timezone.now(), **held_by
    ):
        move_to(lapsed, Status.EXPIRED, actor=actor, action="eligibility.expired")
    if Eligibility.objects.filter(
        role=role, scope=scope, status__in=["scheduled", "in_force"], **held_by
    ).exists():
        raise Refused(_("%(who)s is already eligible for %(role)s.") % {"who": principal, "role": role})
    eligibility = Eligibility(
        role=role,
        scope=scope,
        starts_at=start,
        ends_at=ends_at,
        status=Status.IN_FORCE if start <= timezone.now() else Status.SCHEDULED,
        **held_by,
    )
    begin_life(eligibility, actor=actor, action="eligibility.made", justification=justification)
    return eligibility


@journaled
def end_eligibility(eligibility: Eligibility, *, actor: Actor, justification: str = "") -> None:
    """Remove an eligibility and end every activation that rests on it, at once.

    Raises:
        Overtaken: it has ended already.
    """
    _end(eligibility, Status.REMOVED, actor=actor, action="eligibility.removed", justification=justification)


@journaled
def expire_eligibility(eligibility: Eligibility, *, actor: Actor) -> None:
    """Write down that the time of an eligibility is over, and end every activation that rests on it.

    Raises:
        Overtaken: it has ended already.
    """
    _end(eligibility, Status.EXPIRED, actor=actor, action="eligibility.expired")


def _end(
    eligibility: Eligibility, status: str, *, actor: Actor, action: str, justification: str = ""
) -> None:
    if eligibility.status not in [Status.SCHEDULED, Status.IN_FORCE]:
        raise Overtaken(_("This has ended already."))
    move_to(eligibility, status, actor=actor, action=action, justification=justification)
    for activation in eligibility.activations.live():
        end_assignment(activation, actor=actor, cause=EndCause.ELIGIBILITY_ENDED)
