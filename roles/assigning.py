"""The verbs that administrators' requests end in: making people and groups eligible, changing and ending that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Group, Membership, User
from audit.journal.actor import Actor
from audit.journal.lifecycle import amend, begin_lives, move_to
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken, Refused
from roles.models import Eligibility, EndCause, GroupAssignment, Role, Scope
from roles.nested_groups import check_no_circle
from roles.provisioning import change_assignment, changed_times, end_assignment
from roles.reaching import check_scope
from roles.requirements import ELIGIBLE, AskedAssignment

Status = Eligibility.Status
LIVE = [Status.SCHEDULED, Status.IN_FORCE]
FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Wish:
    """That somebody be given a role: who, which, where, and as what, from when to when and why."""

    role: Role
    scope: Scope
    principal: User | Group
    asked: AskedAssignment


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
        Refused: they are eligible already, here or above; a service principal never is; or the end comes before the
            start or is over already.
    """
    asked = AskedAssignment(ELIGIBLE, starts_at, ends_at, justification)
    wish = Wish(role, scope or role.directory.root_scope(), principal, asked)
    return make_all_eligible([wish], actor=actor)[0]


@journaled
def make_all_eligible(wishes: Sequence[Wish], *, actor: Actor) -> list[Eligibility]:
    """Fulfil every one of ``wishes`` for an eligibility, or none; see ``make_eligible``.

    Raises:
        Refused: one of them cannot be; the message names who.
    """
    now = timezone.now()
    made = []
    for wish in wishes:
        check_scope(wish.role, wish.scope)
        start = wish.asked.starts_at or now
        if wish.asked.ends_at is not None and wish.asked.ends_at <= max(start, now):
            raise Refused(_("The end comes before the start, or is over already."), field="ends_at")
        if isinstance(wish.principal, User) and wish.principal.kind == User.Kind.SERVICE:
            raise Refused(
                _("%(who)s is a service principal: it can be active, never eligible.")
                % {"who": wish.principal},
                field="principal",
            )
        made.append(
            Eligibility(
                role=wish.role,
                scope=wish.scope,
                person=wish.principal if isinstance(wish.principal, User) else None,
                group=wish.principal if isinstance(wish.principal, Group) else None,
                starts_at=start,
                ends_at=wish.asked.ends_at,
                status=Status.IN_FORCE if start <= now else Status.SCHEDULED,
            )
        )
    _expire_lapsed(made, actor=actor)
    _check_none_has_it(made)
    check_no_circle(made)
    whys = [wish.asked.justification for wish in wishes]
    begin_lives(made, actor=actor, action="eligibility.made", justifications=whys)
    return made


@journaled
def change_eligibility(
    eligibility: Eligibility,
    *,
    actor: Actor,
    starts_at: datetime,
    ends_at: datetime | None,
    justification: str = "",
) -> None:
    """Give an eligibility another end, and another start while it has not started.

    An earlier end cuts what was activated by it; a later one lengthens no activation.

    Raises:
        Overtaken: somebody changed or ended it in between.
    """
    if eligibility.status not in LIVE:
        raise Overtaken(_("This has ended already."))
    fields = changed_times(eligibility, starts_at=starts_at, ends_at=ends_at)
    if not fields:
        return
    amend(
        eligibility,
        actor=actor,
        action="eligibility.changed",
        unless_changed=["starts_at", "ends_at"],
        justification=justification,
        detail={"fields": fields},
        starts_at=starts_at,
        ends_at=ends_at,
    )
    if ends_at is None:
        return
    for activation in eligibility.activations.live().select_related("role__directory", "person"):
        if activation.starts_at >= ends_at:
            end_assignment(activation, actor=actor, cause=EndCause.ELIGIBILITY_ENDED)
        elif activation.ends_at is None or activation.ends_at > ends_at:
            change_assignment(activation, actor=actor, starts_at=activation.starts_at, ends_at=ends_at)


@journaled
def renew_eligibility(
    eligibility: Eligibility,
    *,
    actor: Actor,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    justification: str = "",
) -> None:
    """Let an eligibility whose time was over count again.

    Raises:
        Overtaken: it was renewed already, or removed.
        Refused: they have been made eligible again meanwhile, or the end comes before the start.
    """
    now = timezone.now()
    start = starts_at or now
    if ends_at is not None and ends_at <= max(start, now):
        raise Refused(_("The end comes before the start, or is over already."), field="ends_at")
    if eligibility.status in LIVE and eligibility.ends_at is not None and eligibility.ends_at <= now:
        expire_eligibility(eligibility, actor=actor)  # the sweep has not come by yet
    if eligibility.status != Status.EXPIRED:
        raise Overtaken(_("This is not expired any more."))
    _check_none_has_it([eligibility])
    move_to(
        eligibility,
        Status.IN_FORCE if start <= now else Status.SCHEDULED,
        actor=actor,
        action="eligibility.renewed",
        justification=justification,
        detail={"fields": changed_times(eligibility, starts_at=start, ends_at=ends_at)},
        starts_at=start,
        ends_at=ends_at,
    )


@journaled
def change_group_assignment(
    held: GroupAssignment,
    *,
    actor: Actor,
    starts_at: datetime,
    ends_at: datetime | None,
    justification: str = "",
) -> None:
    """Give what a group holds another end, for each member, and another start while it has not started.

    Raises:
        Overtaken: somebody changed or ended it in between.
    """
    if held.status not in GroupAssignment.LIVE:
        raise Overtaken(_("This has ended already."))
    fields = changed_times(held, starts_at=starts_at, ends_at=ends_at)
    if not fields:
        return
    amend(
        held,
        actor=actor,
        action="group_assignment.changed",
        unless_changed=["starts_at", "ends_at"],
        justification=justification,
        detail={"fields": fields},
        starts_at=starts_at,
        ends_at=ends_at,
    )
    members = Membership.objects.in_force().filter(group=held.group, kind=Membership.Kind.MEMBER)
    leaves: dict[int, list[datetime]] = defaultdict(list)
    for person, leaves_at in members.values_list("person", "ends_at"):
        leaves[person].append(leaves_at or FOREVER)
    for part in held.parts.live().select_related("role__directory", "person"):
        end = min(ends_at or FOREVER, max(leaves[part.person_id], default=FOREVER))
        until = None if end == FOREVER else end
        change_assignment(part, actor=actor, starts_at=part.starts_at, ends_at=until)


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
    if eligibility.status not in LIVE:
        raise Overtaken(_("This has ended already."))
    move_to(eligibility, status, actor=actor, action=action, justification=justification)
    for activation in eligibility.activations.live():
        end_assignment(activation, actor=actor, cause=EndCause.ELIGIBILITY_ENDED)


def eligible_already(places: Iterable[tuple[Role, User | Group]]) -> dict[Any, list[Eligibility]]:
    """Who is eligible now or from later on for which role, wherever, among those asked about. One query.

    Returns:
        By key of the role, of the person and of the group: the eligibilities, with their scopes.
    """
    asked = list(places)
    people = {who.pk for _role, who in asked if isinstance(who, User)}
    groups = {who.pk for _role, who in asked if isinstance(who, Group)}
    rows = Eligibility.objects.filter(
        Q(person__in=people) | Q(group__in=groups),
        Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now()),
        role__in={role.pk for role, _who in asked},
        status__in=LIVE,
    )
    found: dict[Any, list[Eligibility]] = defaultdict(list)
    for one in rows.select_related("scope"):
        found[one.role_id, one.person_id, one.group_id].append(one)
    return found


def already_eligible_words(held: Eligibility, *, scope: Scope, who: object, role: Role) -> str:
    """Why somebody who is eligible by ``held`` is not made so at ``scope``; "" when that is no reason."""
    said = {"who": who, "role": role, "scope": held.scope}
    if held.scope_id == scope.pk:
        return _("%(who)s is already eligible for %(role)s here.") % said
    if held.scope_id in scope.line:
        return _("%(who)s is already eligible for %(role)s at a scope above, %(scope)s.") % said
    return ""


def _check_none_has_it(wanted: Sequence[Eligibility]) -> None:
    found = eligible_already((one.role, one.principal) for one in wanted)
    for one in wanted:
        others = found[one.role_id, one.person_id, one.group_id]
        for other in others:
            if why := already_eligible_words(other, scope=one.scope, who=one.principal, role=one.role):
                raise Refused(why, field="principal", code="already_eligible")
        others.append(one)  # nor twice among those wanted


def _expire_lapsed(wanted: Sequence[Eligibility], *, actor: Actor) -> None:
    """Write down whose time is over at the very places that are wanted; the sweep may not have come by yet."""
    places = {(one.role_id, one.scope_id, one.person_id, one.group_id) for one in wanted}
    lapsed = Eligibility.objects.filter(
        role__in={one.role_id for one in wanted}, status__in=LIVE, ends_at__lte=timezone.now()
    )
    for one in lapsed:
        if (one.role_id, one.scope_id, one.person_id, one.group_id) in places:
            expire_eligibility(one, actor=actor)
