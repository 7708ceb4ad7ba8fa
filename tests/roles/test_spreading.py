"""What a group holds: each member has a part of their own while they are in it, and no longer."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from time_machine import TimeMachineFixture

from accounts.duties import Duty, holds
from accounts.leaving import disable_person, enable_person
from accounts.models import Group, Membership, User
from audit.journal.actor import PORTAL
from audit.journal.refusing import Overtaken, Refused
from roles.cataloguing import manage_group
from roles.models import Assignment, EndCause, GroupAssignment, Role
from roles.spreading import begin_group_assignment, check_is_no_part, end_group_assignment, spread
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_group, make_person
from tests.factories.roles import (
    HOUR,
    NOON,
    acts_on,
    make_portal_directory,
    make_role,
    notices_of,
    now,
    save_again,
)
from tests.parallel import at_once

pytestmark = pytest.mark.django_db

Status = Assignment.Status


@pytest.fixture
def team(clock: TimeMachineFixture, cast: Cast) -> Group:
    return make_group("Operators", cast.employee, cast.approver, owners=(cast.outsider,))


@pytest.fixture
def role(vault: Vault) -> Role:
    return make_role(vault.row)


def give(role: Role, group: Group, **said: Any) -> GroupAssignment:
    said = {"starts_at": timezone.now(), "ends_at": None} | said
    return begin_group_assignment(
        role, actor=PORTAL, group=group, scope=role.directory.root_scope(), justification="On call", **said
    )


def part_of(person: User, held: GroupAssignment) -> Assignment:
    return held.parts.filter(person=person).latest("pk")


def in_force(role: Role) -> set[User]:
    return {one.person for one in Assignment.objects.in_force().filter(role=role)}


def test_each_member_holds_a_part_at_once_and_an_owner_none(
    cast: Cast, team: Group, role: Role, vault: Vault
) -> None:
    held = give(role, team, ends_at=NOON + 4 * HOUR)
    sweep()

    assert in_force(role) == {cast.employee, cast.approver}
    part = part_of(cast.employee, held)
    assert (part.origin, part.ends_at, part.scope) == ("direct", NOON + 4 * HOUR, held.scope)
    assert vault.holds(part)
    assert acts_on(held) == ["group_assignment.begun"]
    assert acts_on(part)[:2] == ["assignment.begun", "assignment.started"]
    assert notices_of(cast.employee) == ["roles/assignment_active"]


def test_in_the_portal_itself_it_is_true_when_the_verb_returns(cast: Cast, team: Group) -> None:
    held = give(make_portal_directory().roles.get(entitlement=Duty.SECURITY_READER), team)
    assert holds(cast.employee, Duty.SECURITY_READER)

    end_group_assignment(held, actor=PORTAL, cause=EndCause.REMOVED)
    assert not holds(cast.employee, Duty.SECURITY_READER)


def test_a_part_ends_with_the_group_s_assignment_or_the_membership_whichever_comes_first(
    cast: Cast, team: Group, role: Role, clock: TimeMachineFixture
) -> None:
    Membership.objects.filter(person=cast.approver).update(ends_at=NOON + HOUR)
    held = give(role, team, ends_at=NOON + 2 * HOUR)
    sweep()
    assert part_of(cast.approver, held).ends_at == NOON + HOUR

    clock.move_to(NOON + HOUR)
    assert in_force(role) == {cast.employee}, "no sweep has run"
    clock.move_to(NOON + 2 * HOUR)
    assert in_force(role) == set()
    sweep()
    assert now(held).status == GroupAssignment.Status.ENDED
    assert now(held).end_cause == EndCause.EXPIRED
    assert not held.parts.filter(status__in=Assignment.LIVE).exists()


def test_who_is_in_the_group_in_two_ways_has_one_part_to_the_later_end(
    cast: Cast, team: Group, role: Role
) -> None:
    for origin, end in (("direct", NOON + HOUR), ("activated", NOON + 3 * HOUR)):
        Membership.objects.update_or_create(
            group=team, person=cast.employee, kind="member", origin=origin, defaults={"ends_at": end}
        )
    held = give(role, team)

    assert [one.ends_at for one in held.parts.filter(person=cast.employee)] == [NOON + 3 * HOUR]


def test_a_future_start_waits_and_begins_by_itself(
    cast: Cast, team: Group, role: Role, clock: TimeMachineFixture
) -> None:
    held = give(role, team, starts_at=NOON + HOUR)
    sweep()
    assert not held.parts.exists()

    clock.move_to(NOON + HOUR)
    sweep()
    assert in_force(role) == {cast.employee, cast.approver}
    assert acts_on(held) == ["group_assignment.begun", "group_assignment.started"]


def test_a_new_member_gets_a_part_with_the_next_sweep_and_loses_it_on_leaving(
    cast: Cast, team: Group, role: Role, vault: Vault
) -> None:
    held = give(role, team)
    joined = Membership.objects.create(group=team, person=cast.second_approver)
    sweep()
    part = part_of(cast.second_approver, held)
    assert now(part).status == Status.ACTIVE

    joined.delete()
    assert not part.is_in_force(), "time and membership decide, not the sweep"
    sweep()
    assert (now(part).status, now(part).end_cause) == (Status.ENDED, EndCause.GROUP_ENDED)
    assert not vault.holds(part)


def test_who_is_disabled_loses_the_part_at_once_and_has_a_new_one_when_enabled_again(
    cast: Cast, team: Group, role: Role
) -> None:
    held = give(role, team)
    sweep()
    disable_person(cast.employee, actor=PORTAL, justification="Left")
    sweep()
    assert now(part_of(cast.employee, held)).end_cause == EndCause.LEFT

    enable_person(cast.employee, actor=PORTAL, justification="Came back")
    sweep()
    assert cast.employee in in_force(role)


def test_ending_it_ends_every_part_at_once(cast: Cast, team: Group, role: Role, vault: Vault) -> None:
    held = give(role, team)
    sweep()

    end_group_assignment(held, actor=PORTAL, cause=EndCause.REMOVED, justification="Not needed")
    assert in_force(role) == set()
    sweep()

    assert vault.rights == {}
    assert {one.end_cause for one in held.parts.all()} == {EndCause.GROUP_ENDED}
    with pytest.raises(Overtaken):
        end_group_assignment(held, actor=PORTAL, cause=EndCause.REMOVED)


def test_a_part_whose_account_is_missing_fails_once_and_is_not_begun_again_every_second(
    cast: Cast, team: Group, role: Role, vault: Vault
) -> None:
    vault.row.account_names = "listed"
    vault.row.save()
    held = give(role, team)
    sweep()
    sweep()

    assert [one.status for one in held.parts.filter(person=cast.employee)] == [Status.FAILED]
    Membership.objects.filter(person=cast.employee).delete()
    sweep()
    assert now(part_of(cast.employee, held)).end_cause == EndCause.GROUP_ENDED


def test_it_is_given_once_and_again_only_after_its_time(
    team: Group, role: Role, clock: TimeMachineFixture
) -> None:
    first = give(role, team, ends_at=NOON + HOUR)
    with pytest.raises(Refused, match="already"):
        give(role, team)
    with pytest.raises(Refused, match="end comes before"):
        give(make_role(role.directory, "Reader"), team, ends_at=NOON)

    clock.move_to(NOON + HOUR)
    give(role, team)
    assert now(first).status == GroupAssignment.Status.ENDED


def test_a_group_is_never_put_into_a_group(team: Group, cast: Cast) -> None:
    member, owner = manage_group(make_group("Inner"), actor=PORTAL)
    for role in (member, owner):
        with pytest.raises(Refused, match="not put into another"):
            give(role, team)


def test_a_part_is_not_taken_away_by_itself(cast: Cast, team: Group, role: Role) -> None:
    part = part_of(cast.employee, give(role, team))

    with pytest.raises(Refused, match="through Operators"):
        check_is_no_part(part)


def test_the_database_itself_keeps_one_part_for_each_member(cast: Cast, team: Group, role: Role) -> None:
    from django.db import IntegrityError

    part = part_of(cast.employee, give(role, team))
    with pytest.raises(IntegrityError):
        save_again(part)


def test_a_sweep_asks_as_much_of_many_as_of_none(cast: Cast, team: Group, role: Role) -> None:
    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            spread()
        return len(queries)

    idle = asked()
    give(role, team)
    for number in range(3):
        more = make_group(f"Team {number}", make_person(f"member{number}"), cast.employee)
        give(make_role(role.directory, f"Role {number}"), more)

    assert asked() == idle <= 4


@pytest.mark.django_db(transaction=True)
def test_B5_two_sweeps_at_once_make_one_part(cast: Cast, vault: Vault) -> None:
    team = make_group("Operators")
    held = give(make_role(vault.row), team)
    for _round in range(5):
        person = make_person(f"member{_round}")
        Membership.objects.create(group=team, person=person)

        assert at_once([spread, spread]) == [None, None]

        assert held.parts.filter(person=person).count() == 1
