"""Membership and ownership of a group as roles: activated, given back, over on time; and nobody helps themselves (E6)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from time_machine import TimeMachineFixture

from accounts.models import Group, Membership, User
from approvals.permissions import approvers_of, requests_decidable_by
from approvals.requesting import request_deactivation
from audit.journal.actor import PORTAL
from audit.journal.recording import delete_as, save_as
from audit.journal.refusing import NotAllowed, Refused
from roles.cataloguing import add_role, manage_group
from roles.effective import settings_at
from roles.models import Assignment, Directory, Eligibility, Role
from roles.permissions import OWN, people_with, roles_of
from roles.provisioning import begin_assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_group
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    activate,
    appoint,
    approve,
    ask,
    change_settings,
    make_eligibility,
    make_role,
    now,
    proof,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def group(clock: TimeMachineFixture) -> Group:
    return make_group("Engineers")


def member_role(group: Group) -> Role:
    """The membership of ``group``, for which nobody needs a second factor here."""
    member, _owner = manage_group(group, actor=PORTAL)
    change_settings(member, **proof(None))
    return member


def is_in(group: Group, person: User) -> bool:
    return Membership.objects.in_force().filter(group=group, person=person, kind="member").exists()


def test_a_managed_group_is_two_roles_that_nobody_holds_for_good(group: Group) -> None:
    member, owner = manage_group(group, actor=PORTAL)

    assert [role.name for role in (member, owner)] == ["Engineers: member", "Engineers: owner"]
    assert {role.entitlement for role in (member, owner)} == {f"member:{group.pk}", f"owner:{group.pk}"}
    assert not settings_at(member).eligible_permanent
    assert not settings_at(owner).active_permanent
    with pytest.raises(Refused, match="managed already"):
        manage_group(group, actor=PORTAL)


def test_who_may_manage_a_group_are_its_owners_and_the_role_administrators(cast: Cast) -> None:
    mine = make_group("Mine", cast.approver, owners=(cast.employee,))
    with pytest.raises(NotAllowed):
        manage_group(mine, actor=acting(cast.approver))
    manage_group(mine, actor=acting(cast.employee))
    manage_group(make_group("Another"), actor=acting(cast.administrator))
    assert Directory.objects.filter(kind="groups").count() == 1


def test_activating_puts_one_into_the_group_at_once_and_time_takes_one_out_again(
    cast: Cast, group: Group, clock: TimeMachineFixture
) -> None:
    eligibility = make_eligibility(member_role(group), cast.employee)
    activate(eligibility, cast.employee, minutes=60)
    membership = group.memberships.get()
    assert is_in(group, cast.employee), "no worker has run"
    assert (membership.origin, membership.ends_at) == ("activated", NOON + HOUR)

    clock.move_to(NOON + HOUR)
    assert not is_in(group, cast.employee), "no sweep has run"
    sweep()
    assert not group.memberships.exists()
    activate(eligibility, cast.employee, minutes=60)
    assert is_in(group, cast.employee)


def test_given_back_it_is_over_at_once_and_what_was_entered_by_hand_stays(
    cast: Cast, group: Group, clock: TimeMachineFixture
) -> None:
    Membership.objects.create(group=group, person=cast.employee)
    assignment = activate(make_eligibility(member_role(group), cast.employee), cast.employee)
    assert group.memberships.count() == 2

    clock.shift(timedelta(minutes=5))
    request_deactivation(assignment, actor=acting(cast.employee))

    assert [one.origin for one in group.memberships.all()] == ["direct"]


def test_who_activates_into_a_group_may_activate_what_it_may_for_themselves_alone(
    cast: Cast, group: Group, vault: Vault, clock: TimeMachineFixture
) -> None:
    inner = make_group("Inner", cast.approver)
    outer = make_eligibility(member_role(group), cast.employee)
    nested = make_eligibility(member_role(inner), group)
    database = make_eligibility(make_role(vault.row), inner)
    assert not Eligibility.objects.of(cast.employee).filter(pk=nested.pk).exists()

    first = activate(outer, cast.employee)
    second = activate(nested, cast.employee, minutes=120)
    third = activate(database, cast.employee, minutes=60)
    assert is_in(inner, cast.employee)
    assert not Assignment.objects.exclude(person=cast.employee).exists(), "nobody else came along"

    clock.shift(timedelta(minutes=5))
    request_deactivation(first, actor=acting(cast.employee))
    assert not second.is_in_force(), "what rests on it is over in the same moment"
    sweep()
    sweep()
    assert {now(one).status for one in (second, third)} == {"ended"}
    assert not is_in(inner, cast.employee)


def test_a_group_that_could_keep_somebody_in_it_by_itself_is_refused(cast: Cast) -> None:
    first, second, third = (make_group(name, cast.employee) for name in ("A", "B", "C"))
    roles = [member_role(group) for group in (first, second, third)]
    with pytest.raises(Refused, match="stay in it"):
        make_eligibility(roles[0], first)
    make_eligibility(roles[1], first)
    make_eligibility(roles[2], second)
    with pytest.raises(Refused, match="stay in it"):
        make_eligibility(roles[0], third)
    owner_of_first = Role.objects.get(entitlement=f"owner:{first.pk}")
    make_eligibility(owner_of_first, third)  # owning a group is not being in it


def test_an_owner_looks_after_the_roles_of_their_group_and_of_no_other(cast: Cast, vault: Vault) -> None:
    mine = make_group("Mine", owners=(cast.employee,))
    other = make_group("Other", owners=(cast.approver,))
    roles = [*manage_group(mine, actor=PORTAL), *manage_group(other, actor=PORTAL)]
    lookalike = add_role(vault.row, actor=PORTAL, name="Looks alike", entitlement=f"member:{mine.pk}")

    assert set(roles_of(cast.employee, OWN)) == set(roles[:2])
    for role in [*roles, lookalike]:
        assert set(people_with(OWN, role)) == {
            person for person in cast.everybody if role in roles_of(person, OWN)
        }
    Membership.objects.filter(person=cast.employee).delete()
    assert not roles_of(cast.employee, OWN).exists()


def test_who_activates_ownership_looks_after_the_group_while_it_lasts(
    cast: Cast, group: Group, clock: TimeMachineFixture
) -> None:
    member, owner = manage_group(group, actor=PORTAL)
    change_settings(owner, **proof(None))
    activate(make_eligibility(owner, cast.employee), cast.employee, minutes=60)
    assert member in roles_of(cast.employee, OWN)

    clock.shift(HOUR)
    assert member not in roles_of(cast.employee, OWN)


def test_E6_nobody_decides_by_a_group_of_the_same_name(cast: Cast, vault: Vault) -> None:
    deciders = make_group("Deciders", cast.approver)
    waiting = ask(make_eligibility(make_role(vault.row, approvers=[deciders]), cast.employee), cast.employee)
    deciders.name = "Former deciders"
    save_as(deciders, actor=acting(cast.administrator))
    make_group("Deciders", cast.outsider)

    assert set(approvers_of(waiting)) == {cast.approver}
    assert waiting not in requests_decidable_by(cast.outsider)


def test_E6_a_group_made_again_under_its_name_has_nothing_of_the_old_one(
    cast: Cast, vault: Vault, clock: TimeMachineFixture
) -> None:
    old = make_group("Operators", owners=(cast.approver,))
    member = member_role(old)
    eligibility = make_eligibility(member, cast.employee)
    appoint(old, OWN, vault.row)
    held = activate(eligibility, cast.employee)
    delete_as(old, actor=acting(cast.administrator))

    assert now(eligibility).status == Eligibility.Status.REMOVED
    assert now(held).status == Assignment.Status.ENDED
    new = make_group("Operators", cast.outsider, owners=(cast.second_approver,))
    again, _owner = manage_group(new, actor=PORTAL)
    assert again != member
    assert not again.eligibilities.exists()
    assert not roles_of(cast.outsider, OWN).exists(), "the directory was the old one's to look after"
    assert member not in roles_of(cast.second_approver, OWN)


def test_E6_a_group_that_is_to_get_something_cannot_be_deleted(cast: Cast, vault: Vault) -> None:
    group = make_group("Operators")
    make_eligibility(make_role(vault.row), group)
    with pytest.raises(IntegrityError), transaction.atomic():
        delete_as(group, actor=PORTAL)


def test_the_roles_of_a_group_are_called_after_it(group: Group) -> None:
    member = member_role(group)
    group.name = "Data engineers"
    save_as(group, actor=PORTAL)
    assert now(member).name == "Data engineers: member"


def test_joining_a_group_can_ask_for_approval_and_may_be_given_for_a_time(
    clock: TimeMachineFixture, cast: Cast, group: Group
) -> None:
    member = member_role(group)
    change_settings(member, approval_required=True)
    request = ask(make_eligibility(member, cast.employee), cast.employee)
    assert not is_in(group, cast.employee)
    approve(request, cast.administrator)
    assert is_in(group, cast.employee)

    begin_assignment(
        member,
        actor=PORTAL,
        person=cast.outsider,
        scope=member.directory.root_scope(),
        starts_at=NOON,
        ends_at=NOON + HOUR,
    )
    assert is_in(group, cast.outsider)
    clock.move_to(NOON + HOUR)
    assert not is_in(group, cast.outsider)
