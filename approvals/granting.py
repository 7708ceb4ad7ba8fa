"""Those who manage a role give it: to people, groups and service principals, eligible or active, several in one act."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import FactorUse, Group, User
from approvals.filing import Act, Held, check_may_manage, check_not_oneself, check_wishes, file_all
from approvals.permissions import roles_managed_by
from approvals.proceeding import bind
from approvals.removing import request_removal
from audit.journal.actor import Actor
from audit.journal.recording import journaled
from audit.journal.refusing import Refused
from roles.announcing import tell_eligible
from roles.assigning import Wish, make_all_eligible
from roles.models import Assignment, Eligibility, GroupAssignment, Role, Scope
from roles.provisioning import begin_assignments
from roles.requirements import ACTIVE, ELIGIBLE, AskedAssignment
from roles.spreading import begin_group_assignment

__all__ = ["assign", "request_assignment", "request_eligibility", "request_removal", "roles_managed_by"]


@journaled
def assign(wishes: Sequence[Wish], *, actor: Actor) -> list[Held]:
    """Fulfil all of ``wishes``, or none.

    Raises:
        NotAllowed: one of the roles is not theirs to give, or it would be for oneself.
        RequirementsUnmet: role settings ask for more than one of them has.
        StepUpRequired: only the second factor is missing.
        Refused: somebody has it already, is disabled, or cannot have it; the message names who.
    """
    check_may_manage((wish.role for wish in wishes), actor=actor)
    check_not_oneself((wish.principal for wish in wishes), actor=actor)
    evidence = check_wishes(wishes, actor=actor, verb="assign")
    return give(wishes, actor=actor, evidence=evidence)


def give(wishes: Sequence[Wish], *, actor: Actor, evidence: FactorUse | None) -> list[Held]:
    """File and fulfil ``wishes`` that were judged already. For the verbs that give, inside their transaction."""
    eligible = [wish for wish in wishes if wish.asked.kind == ELIGIBLE]
    active = [wish for wish in wishes if wish.asked.kind == ACTIVE]
    people = [wish for wish in active if isinstance(wish.principal, User)]
    groups = [wish for wish in active if isinstance(wish.principal, Group)]
    given: list[Held] = []
    if eligible:
        filed = file_all(Act.ASSIGN, eligible, actor=actor, approved_as="eligibility.approved")
        made = make_all_eligible(eligible, actor=actor)
        for access_request, eligibility in zip(filed, made, strict=True):
            bind(access_request, eligibility)
        tell_eligible(made, actor=actor)
        given += made
    if people:
        given += _give_to_people(people, actor=actor, evidence=evidence)
    for wish in groups:
        given.append(give_to_group(wish, actor=actor, evidence=evidence))
    return given


def _give_to_people(wishes: Sequence[Wish], *, actor: Actor, evidence: FactorUse | None) -> list[Assignment]:
    check_none_holds_it(wishes)
    filed = file_all(Act.ASSIGN, wishes, actor=actor, approved_as="assignment.approved", evidence=evidence)
    begun = [
        assignment_of(wish, number=access_request.number)
        for wish, access_request in zip(wishes, filed, strict=True)
    ]
    whys = [wish.asked.justification for wish in wishes]
    begin_assignments(begun, actor=actor, justifications=whys)
    for access_request, assignment in zip(filed, begun, strict=True):
        bind(access_request, assignment)
    return begun


def assignment_of(wish: Wish, *, number: str) -> Assignment:
    """The assignment that a wish for a person asks for, not saved."""
    if not isinstance(wish.principal, User):
        raise TypeError("a group's assignment has parts")
    return Assignment(
        role=wish.role,
        scope=wish.scope,
        person=wish.principal,
        request_number=number,
        starts_at=wish.asked.starts_at or timezone.now(),
        ends_at=wish.asked.ends_at,
    )


def give_to_group(wish: Wish, *, actor: Actor, evidence: FactorUse | None) -> GroupAssignment:
    """File and fulfil a wish for a group that was judged already.

    Raises:
        Refused: the group has it already, here or above.
    """
    if not isinstance(wish.principal, Group):
        raise TypeError("only a group's assignment is begun here")
    holding = GroupAssignment.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now()),
        role=wish.role,
        group=wish.principal,
        scope__in=wish.scope.line,
        status__in=GroupAssignment.LIVE,
    )
    if holding.exists():
        raise Refused(_has_it_already(wish), field="principal", code="already_held")
    [filed] = file_all(Act.ASSIGN, [wish], actor=actor, approved_as="assignment.approved", evidence=evidence)
    return begin_group_assignment(
        wish.role,
        actor=actor,
        group=wish.principal,
        scope=wish.scope,
        starts_at=wish.asked.starts_at or timezone.now(),
        ends_at=wish.asked.ends_at,
        request_number=filed.number,
        justification=wish.asked.justification,
    )


def standing_assignments(people: Any, roles: Any) -> dict[tuple[int, int], list[Assignment]]:
    """What ``people`` hold of ``roles`` themselves, not activated and not through a group, by person and role."""
    rows = Assignment.objects.live().filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now()),
        person__in=people,
        role__in=roles,
        eligibility=None,
        through=None,
    )
    found: dict[tuple[int, int], list[Assignment]] = defaultdict(list)
    for one in rows.select_related("scope"):
        found[one.person_id, one.role_id].append(one)
    return found


def check_none_holds_it(wishes: Sequence[Wish]) -> None:
    """Refuse to give people what they hold for themselves already, at the same scope or above.

    Raises:
        Refused: one of them does; the message names who.
    """
    found = standing_assignments({wish.principal.pk for wish in wishes}, {wish.role.pk for wish in wishes})
    asked: set[tuple[int, int, int]] = set()
    for wish in wishes:
        place = (wish.principal.pk, wish.role.pk, wish.scope.pk)
        held = found[wish.principal.pk, wish.role.pk]
        if place in asked or any(one.scope_id in wish.scope.line for one in held):
            raise Refused(_has_it_already(wish), field="principal", code="already_held")
        asked.add(place)


def _has_it_already(wish: Wish) -> str:
    return _("%(who)s already holds %(role)s here, or at a scope above.") % {
        "who": wish.principal,
        "role": wish.role,
    }


@journaled
def request_eligibility(
    role: Role,
    *,
    actor: Actor,
    principal: User | Group,
    justification: str,
    scope: Scope | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Eligibility:
    """Make one person or group eligible for ``role``; see ``assign``."""
    asked = AskedAssignment(ELIGIBLE, starts_at, ends_at, justification)
    wish = Wish(role, scope or role.directory.root_scope(), principal, asked)
    return cast(Eligibility, assign([wish], actor=actor)[0])


@journaled
def request_assignment(
    role: Role,
    *,
    actor: Actor,
    person: User,
    justification: str,
    scope: Scope | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Assignment:
    """Let one person hold ``role`` without activating it; see ``assign``."""
    asked = AskedAssignment(ACTIVE, starts_at, ends_at, justification)
    wish = Wish(role, scope or role.directory.root_scope(), person, asked)
    return cast(Assignment, assign([wish], actor=actor)[0])
