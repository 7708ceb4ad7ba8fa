"""Administrators' requests: assigning and removing. Decided at once by their own duty, never for themselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ROLE_ADMINISTRATORS, holds, require
from accounts.models import Group, Membership, User
from approvals.models import AccessRequest
from approvals.requesting import bind
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import begin_life, move_to
from audit.journal.plain import storable
from audit.journal.recording import journaled
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.assigning import end_eligibility, make_eligible
from roles.models import Assignment, Eligibility, EndCause, Role
from roles.permissions import OWN, roles_of
from roles.provisioning import begin_assignment, end_assignment
from roles.requirements import LONGEST_JUSTIFICATION


def roles_managed_by(person: User) -> Any:
    """The roles whose assignments ``person`` may change at this moment: by duty all, else those they own."""
    if holds(person, *ROLE_ADMINISTRATORS):
        return Role.objects.all()
    return roles_of(person, OWN)


@journaled
def request_eligibility(
    role: Role,
    *,
    actor: Actor,
    principal: User | Group,
    justification: str,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Eligibility:
    """Make a person or a group eligible for ``role``.

    Raises:
        NotAllowed: no duty for this role, or for oneself.
        Refused: no justification, they are eligible already, or the end does not come after the start.
    """
    _check_may_manage(role, actor)
    _check_not_oneself(principal, actor)
    access_request = _file(
        role, AccessRequest.Act.ASSIGN, actor, principal, justification, starts_at, ends_at
    )
    eligibility = make_eligible(
        role,
        actor=actor,
        principal=principal,
        starts_at=starts_at,
        ends_at=ends_at,
        justification=justification,
    )
    _close(access_request, action="eligibility.approved")
    return eligibility


@journaled
def request_assignment(
    role: Role,
    *,
    actor: Actor,
    person: User,
    justification: str,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Assignment:
    """Let a person hold ``role`` without activating it.

    Raises:
        NotAllowed: no duty for this role, or for oneself.
        Refused: no justification, they are disabled, or the end does not come after the start.
    """
    _check_may_manage(role, actor)
    _check_not_oneself(person, actor)
    start = starts_at or timezone.now()
    if ends_at is not None and ends_at <= max(start, timezone.now()):
        raise Refused(_("The end comes before the start."), field="ends_at")
    if not User.objects.enabled().filter(pk=person.pk).exists():
        raise Refused(_("%(who)s is disabled.") % {"who": person}, field="principal")
    access_request = _file(role, AccessRequest.Act.ASSIGN, actor, person, justification, starts_at, ends_at)
    _close(access_request, action="assignment.approved")
    assignment = begin_assignment(
        role,
        actor=actor,
        person=person,
        scope=role.directory.root_scope(),
        starts_at=start,
        ends_at=ends_at,
        request_number=access_request.number,
        justification=justification,
    )
    bind(access_request, assignment)
    return assignment


@journaled
def request_removal(held: Eligibility | Assignment, *, actor: Actor, justification: str) -> None:
    """Remove an eligibility, with every activation that rests on it, or an assignment. Never delayed.

    Raises:
        NotAllowed: no duty for this role.
        Refused: no justification.
        Overtaken: it has ended already.
    """
    _check_may_manage(held.role, actor)
    principal = held.principal if isinstance(held, Eligibility) else held.person
    access_request = _file(held.role, AccessRequest.Act.REMOVE, actor, principal, justification, None, None)
    if isinstance(held, Eligibility):
        _close(access_request, action="removal.approved")
        end_eligibility(held, actor=actor, justification=justification)
        return
    if held.status not in [*Assignment.LIVE, Assignment.Status.FAILED]:
        raise Overtaken(_("This has ended already."))
    _close(access_request, action="removal.approved")
    end_assignment(held, actor=actor, cause=EndCause.REMOVED, justification=justification)
    bind(access_request, held)


def _check_may_manage(role: Role, actor: Actor) -> None:
    if actor.person is not None and not roles_of(actor.person, OWN).filter(pk=role.pk).exists():
        require(actor, *ROLE_ADMINISTRATORS)


def _check_not_oneself(principal: User | Group, actor: Actor) -> None:
    if actor.person is None:
        return
    if isinstance(principal, User):
        if principal.is_same_human_as(actor.person):
            raise NotAllowed(_("Nobody assigns a role to themselves."), code="own_request")
    elif (
        Membership.objects.in_force()
        .filter(group=principal, person__in=User.objects.all().same_human_as(actor.person))
        .exists()
    ):
        raise NotAllowed(_("You are in this group; nobody assigns a role to themselves."), code="own_request")


def _file(
    role: Role,
    act: str,
    actor: Actor,
    principal: User | Group,
    justification: str,
    starts_at: datetime | None,
    ends_at: datetime | None,
) -> AccessRequest:
    if not justification.strip():
        raise Refused(_("Say why."), field="justification")
    if len(justification) > LONGEST_JUSTIFICATION:
        raise Refused(
            _("A justification has at most %(n)s characters.") % {"n": LONGEST_JUSTIFICATION},
            field="justification",
        )
    now = timezone.now()
    access_request = AccessRequest(
        act=act,
        requester=actor.person,
        holder=principal if isinstance(principal, User) else None,
        holder_group=principal if isinstance(principal, Group) else None,
        role=role,
        scope=role.directory.root_scope(),
        asked_start=starts_at,
        asked_end=ends_at,
        justification=storable(justification.strip()),
        created_at=now,
        deadline=now + timedelta(hours=1),
    )
    noun = "removal" if act == AccessRequest.Act.REMOVE else "assignment"
    begin_life(access_request, actor=actor, action=f"{noun}.requested", justification=justification)
    return access_request


def _close(access_request: AccessRequest, *, action: str) -> None:
    move_to(
        access_request,
        AccessRequest.Status.APPROVED,
        actor=PORTAL,
        action=action,
        detail={"by": "duty"},
        closed_at=timezone.now(),
    )
