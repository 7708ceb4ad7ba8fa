"""Who may decide on each of many requests: ``approvers_of`` for a whole page, in as many queries as for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from accounts.duties import ROLE_ADMINISTRATORS, holders_of
from accounts.models import Absence, Membership, User
from accounts.wording import Fixed, worded
from approvals.models import AccessRequest, Decision, FrozenApprover
from roles.models import Approver, Role
from roles.nested_groups import group_key_of
from roles.parts import appointed_with
from roles.permissions import OWN, people_with_duty

Kind = Approver.Kind


def approvers_of_all(requests: Sequence[AccessRequest]) -> dict[int, list[User]]:
    """The people who may decide on each of ``requests`` at this moment, by the request's key, in the order of names.

    The same answer as ``approvers_of`` gives for one. Ten queries at most, however many requests and approvers.

    Args:
        requests: with ``holder``, ``requester`` and ``role__directory`` at hand.
    """
    lines: dict[int, list[FrozenApprover]] = defaultdict(list)
    for line in worded(_lines_of, timezone.now(), tuple(one.pk for one in requests)):
        lines[line.access_request_id].append(line)
    kinds = {line.kind for found in lines.values() for line in found}
    named = {line.group_id for found in lines.values() for line in found if line.kind == Kind.GROUP}
    owners = (
        _owners_of({one.role for one in requests}) if kinds & {Kind.OWNERS, FrozenApprover.MANAGERS} else {}
    )
    members = _in_groups({key for key in named if key is not None}, Membership.Kind.MEMBER)
    by_duty, to_come = set[int](), set[int]()
    if FrozenApprover.MANAGERS in kinds:
        by_duty = set(holders_of(*ROLE_ADMINISTRATORS).order_by().values_list("pk", flat=True))
    if FrozenApprover.ADMINISTRATORS in kinds:
        to_come = set(people_with_duty(*ROLE_ADMINISTRATORS).order_by().values_list("pk", flat=True))

    def who(one: AccessRequest, line: FrozenApprover) -> Iterable[int | None]:
        if line.kind == FrozenApprover.ADMINISTRATORS:
            return to_come
        if line.kind == Kind.PERSON:
            return [line.person_id]
        if line.kind == Kind.GROUP:
            return members[line.group_id or 0]
        if line.kind == Kind.MANAGER:
            return [one.holder.manager_id] if one.holder else []
        owned = owners.get(one.role_id, set())
        return owned | by_duty if line.kind == FrozenApprover.MANAGERS else owned

    def in_person(one: AccessRequest, line: FrozenApprover) -> Iterable[int | None]:
        """As ``who``, without those whom only a duty makes one of them."""
        if line.kind == FrozenApprover.MANAGERS:
            return owners.get(one.role_id, set())
        return () if line.kind == FrozenApprover.ADMINISTRATORS else who(one, line)

    keys = {one.pk: {key for line in lines[one.pk] for key in who(one, line)} for one in requests}
    themselves = {one.pk: {key for line in lines[one.pk] for key in in_person(one, line)} for one in requests}
    wanted = {key for found in (*keys.values(), *themselves.values()) for key in found if key is not None}
    absences = list(Absence.objects.in_force().filter(person__in=wanted))
    wanted |= {absence.deputy_id for absence in absences}
    people = {person.pk: person for person in User.objects.filter(pk__in=wanted, is_active=True)}
    said = _said(requests)
    found = {}
    for one in requests:
        out = [*said[one.pk], *(who for who in (one.holder, one.requester) if who is not None)]
        deputies = {
            absence.deputy_id
            for absence in absences
            if absence.person_id in themselves[one.pk] and not _is_one_of(people.get(absence.person_id), out)
        }
        able = keys[one.pk] | deputies
        found[one.pk] = [each for key, each in people.items() if key in able and not _is_one_of(each, out)]
    return found


def _lines_of(now: datetime, requests: tuple[int, ...]) -> QuerySet[FrozenApprover]:
    return FrozenApprover.objects.standing().asked(now).filter(access_request__in=requests)


def _said(requests: Sequence[AccessRequest]) -> dict[int, list[User]]:
    """Who has answered, at whatever stage, by the request's key."""
    said: dict[int, list[User]] = defaultdict(list)
    for decision in worded(_given_on, tuple(one.pk for one in requests)):
        said[decision.access_request_id].append(decision.approver)
    return said


def _given_on(requests: tuple[int, ...]) -> QuerySet[Decision]:
    given = Decision.objects.filter(access_request__in=requests, void_at=None)
    return given.select_related("approver")


def _is_one_of(person: User | None, others: Iterable[User]) -> bool:
    """Whether the human behind ``person`` is one of those behind ``others``; nobody is taken for one."""
    return person is None or any(person.is_same_human_as(who) for who in others)


def _in_groups(groups: set[int], kind: str) -> dict[int, set[int]]:
    """Who is in each of ``groups`` at this moment."""
    found: dict[int, set[int]] = defaultdict(set)
    for group, person in worded(_members_of, timezone.now(), tuple(sorted(groups)), Fixed(kind)):
        found[group].add(person)
    return found


def _members_of(now: datetime, groups: tuple[int, ...], kind: Fixed) -> QuerySet[Membership, Any]:
    rows: Any = Membership.objects.in_force(now).filter(group__in=groups, kind=kind.value).order_by()
    return rows.values_list("group", "person")  # type: ignore[no-any-return]


def _owners_of(roles: set[Role]) -> dict[int, set[int]]:
    """Who owns each of ``roles``: by the role, by its directory, or by the group that it is."""
    people, groups = appointed_with(OWN, roles)
    members = _in_groups({group for found in groups.values() for group in found}, Membership.Kind.MEMBER)
    is_group = {role.pk: key for role in roles if (key := group_key_of(role)) is not None}
    owning = _in_groups(set(is_group.values()), Membership.Kind.OWNER) if is_group else {}
    return {
        role.pk: people[role.pk].union(
            *(members[group] for group in groups[role.pk]), owning.get(is_group.get(role.pk, 0), set())
        )
        for role in roles
    }
