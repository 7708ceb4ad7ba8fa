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
        Refused: they are eligible already, or the end does not come after the start.
    """
    scope = scope or role.directory.root_scope()
    start = starts_at or timezone.now()
    if ends_at is not None and ends_at <= start:
        raise Refused(_("The end comes before the start."), field="ends_at")
    held_by = {"person": principal} if isinstance(principal, User) else {"group": principal}
    for lapsed in Eligibility.objects.filter(
        role=role, scope=scope, status__in=["scheduled", "in_force"], ends_at__lte=timezone.now(), **held_by
    ):
        move_to(lapsed, Eligibility.Status.EXPIRED, actor=actor, action="eligibility.expired")
    if Eligibility.objects.filter(
        role=role, scope=scope, status__in=["scheduled", "in_force"], **held_by
    ).exists():
        raise Refused(_("%(who)s is already eligible for %(role)s.") % {"who": principal, "role": role})
    eligibility = Eligibility(
        role=role,
        scope=scope,
        starts_at=start,
        ends_at=ends_at,
        status=Eligibility.Status.IN_FORCE if start <= timezone.now() else Eligibility.Status.SCHEDULED,
        **held_by,
    )
    begin_life(eligibility, actor=actor, action="eligibility.made", justification=justification)
    return eligibility


@journaled
def end_eligibility(
    eligibility: Eligibility, *, actor: Actor, expired: bool = False, justification: str = ""
) -> None:
    """End an eligibility and every activation that rests on it, at once.

    Args:
        expired: whether its time was over, rather than somebody removing it.

    Raises:
        Overtaken: it has ended already.
    """
    if eligibility.status not in [Eligibility.Status.SCHEDULED, Eligibility.Status.IN_FORCE]:
        raise Overtaken(_("This has ended already."))
    status = Eligibility.Status.EXPIRED if expired else Eligibility.Status.REMOVED
    action = "eligibility.expired" if expired else "eligibility.removed"
    move_to(eligibility, status, actor=actor, action=action, justification=justification)
    for activation in eligibility.activations.live():
        end_assignment(activation, actor=actor, cause=EndCause.ELIGIBILITY_ENDED)
