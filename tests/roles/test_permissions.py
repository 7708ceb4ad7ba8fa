"""Who has which part in a role or directory: one rule, the same in every direction, and in time."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.duties import Duty
from accounts.models import Membership, User
from roles.models import Role
from roles.permissions import OWN, READ, REVIEW, may_read, people_with, people_with_duty, roles_of
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import give_duty, make_group
from tests.factories.roles import appoint, make_eligibility, make_portal_directory, make_role

pytestmark = pytest.mark.django_db

PARTS = [OWN, REVIEW, READ]


@pytest.fixture
def roles(vault: Vault) -> list[Role]:
    return [make_role(vault.row, "Operator"), make_role(vault.row, "Reader")]


@pytest.mark.parametrize("part", PARTS)
def test_both_directions_agree_for_everybody_and_every_way_to_a_part(
    cast: Cast, vault: Vault, roles: list[Role], part: str
) -> None:
    operator, reader = roles
    appoint(cast.employee, part, operator)
    appoint(cast.approver, part, vault.row)
    appoint(make_group("Role owners", cast.second_approver, owners=(cast.outsider,)), part, operator)
    directory_owners = make_group("Directory owners", cast.auditor)
    appoint(directory_owners, part, vault.row)
    past = timezone.now() - timedelta(days=1)
    Membership.objects.create(
        group=directory_owners, person=cast.outsider, starts_at=past - timedelta(days=1), ends_at=past
    )
    gone = cast.root
    appoint(gone, part, operator)
    User.objects.filter(pk=gone.pk).update(is_active=False)

    expected = {
        operator: {cast.employee, cast.approver, cast.second_approver, cast.auditor},
        reader: {cast.approver, cast.auditor},
    }
    for role, people in expected.items():
        assert set(people_with(part, role)) == people
        assert {person for person in cast.everybody if role in roles_of(person, part)} == people
        for other in set(PARTS) - {part}:
            assert not people_with(other, role).exists()


def test_a_part_by_a_group_is_over_with_the_membership(cast: Cast, roles: list[Role]) -> None:
    owners = make_group("Owners", cast.employee)
    appoint(owners, OWN, roles[0])
    assert roles[0] in roles_of(cast.employee, OWN)

    Membership.objects.update(ends_at=timezone.now())

    assert roles[0] not in roles_of(cast.employee, OWN)
    assert cast.employee not in people_with(OWN, roles[0])


def test_the_superuser_flag_opens_nothing(cast: Cast, roles: list[Role]) -> None:
    assert not any(roles_of(cast.root, part).exists() for part in PARTS)
    assert not may_read(cast.root, roles[0])
    assert cast.root not in people_with_duty(*Duty)


def test_who_holds_a_role_may_be_read_by_duty_or_by_a_part_in_it(cast: Cast, roles: list[Role]) -> None:
    operator, reader = roles
    for person, part in ((cast.employee, OWN), (cast.approver, REVIEW), (cast.second_approver, READ)):
        appoint(person, part, operator)

    assert {person for person in cast.everybody if may_read(person, operator)} == {
        cast.employee,
        cast.approver,
        cast.second_approver,
        cast.administrator,
        cast.auditor,
    }
    assert {person for person in cast.everybody if may_read(person, reader)} == {
        cast.administrator,
        cast.auditor,
    }


def test_people_with_a_duty_are_those_who_hold_it_and_those_who_may_activate_it(cast: Cast) -> None:
    portal = make_portal_directory()
    duty = portal.roles.get(entitlement=Duty.GLOBAL_ADMINISTRATOR)
    make_eligibility(duty, cast.employee)
    make_eligibility(duty, make_group("Deputies", cast.approver, owners=(cast.outsider,)))
    make_eligibility(portal.roles.get(entitlement=Duty.SECURITY_READER), cast.second_approver)
    over = make_eligibility(
        portal.roles.get(entitlement=Duty.PRIVILEGED_ROLE_ADMINISTRATOR),
        cast.outsider,
        ends_at=timezone.now() + timedelta(hours=1),
    )
    type(over).objects.filter(pk=over.pk).update(
        starts_at=timezone.now() - timedelta(hours=2), ends_at=timezone.now()
    )

    administrators = people_with_duty(Duty.GLOBAL_ADMINISTRATOR, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)

    assert set(administrators) == {cast.administrator, cast.employee, cast.approver}


def test_a_disabled_person_is_not_told_of_anything_by_a_duty(cast: Cast) -> None:
    give_duty(cast.outsider, Duty.SECURITY_ADMINISTRATOR)
    User.objects.filter(pk=cast.outsider.pk).update(is_active=False)

    assert not people_with_duty(Duty.SECURITY_ADMINISTRATOR).exists()
