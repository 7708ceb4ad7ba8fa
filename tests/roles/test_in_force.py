"""Time decides: what counts is told by times alone, with worker, beat and broker all dead.

No test here runs a sweep.
"""

from datetime import datetime

import pytest
import time_machine
from django.db.models import QuerySet
from django.utils import timezone

from accounts.duties import Duty, duties_of, holders_of, holds
from accounts.leaving import disable_person
from accounts.models import Membership
from audit.journal.actor import PORTAL
from roles.assigning import end_eligibility
from roles.models import Assignment, Eligibility
from roles.models.assignment import Assignments
from roles.provisioning import begin_assignment, work_lane
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import give_duty, make_group
from tests.factories.roles import (
    HOUR,
    MICROSECOND,
    NOON,
    activate,
    change_settings,
    make_eligibility,
    make_portal_directory,
    make_role,
    now,
)

pytestmark = pytest.mark.django_db

Status = Assignment.Status


@pytest.fixture
def held(cast: Cast, vault: Vault) -> Assignment:
    """Four hours of a role from noon on, confirmed by the directory."""
    with time_machine.travel(NOON, tick=False):
        assignment = activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee)
        work_lane(vault.row.pk)
    assert now(assignment).status == Status.ACTIVE
    return now(assignment)


def counts(assignment: Assignment, at: datetime) -> bool:
    """Whether it counts, asked at that moment and asked about that moment."""
    about = assignment.is_in_force(at)
    with time_machine.travel(at, tick=False):
        assert assignment.is_in_force() is about
    return about


def test_B1_an_assignment_counts_until_its_end_and_not_one_microsecond_longer(held: Assignment) -> None:
    assert counts(held, NOON)
    assert counts(held, NOON + 4 * HOUR - MICROSECOND)
    assert not counts(held, NOON + 4 * HOUR)
    assert not counts(held, NOON + 400 * HOUR)
    assert now(held).status == Status.ACTIVE, "nobody has written down that it is over"


def test_an_assignment_does_not_count_before_its_start(held: Assignment) -> None:
    assert not counts(held, NOON - MICROSECOND)


def test_without_the_look_at_the_end_it_would_count_for_ever(
    held: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_status_alone(self: Assignments, at: datetime | None = None) -> QuerySet[Assignment]:
        return self.filter(status=Status.ACTIVE)

    monkeypatch.setattr(Assignments, "in_force", by_status_alone)

    assert counts(held, NOON + 400 * HOUR)


@pytest.mark.parametrize("status", Status)
def test_no_status_lengthens_time_and_only_a_confirmed_one_counts(held: Assignment, status: str) -> None:
    Assignment.objects.filter(pk=held.pk).update(status=status)

    assert counts(held, NOON + HOUR) is (status == Status.ACTIVE)
    assert not counts(held, NOON + 4 * HOUR)


def test_what_the_directory_has_not_confirmed_is_due_and_not_in_force(cast: Cast, vault: Vault) -> None:
    assignment = activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee)

    assert assignment in Assignment.objects.due()
    assert not assignment.is_in_force()


def test_nothing_counts_whose_holder_is_disabled_however_that_came_about(
    held: Assignment, cast: Cast
) -> None:
    type(cast.employee).objects.filter(pk=cast.employee.pk).update(is_active=False)

    assert not counts(held, NOON + HOUR)


def test_B1_an_activation_does_not_outlive_its_eligibility_even_when_that_was_shortened_later(
    held: Assignment,
) -> None:
    Eligibility.objects.filter(pk=held.eligibility_id).update(ends_at=NOON + HOUR)

    assert counts(held, NOON + HOUR - MICROSECOND)
    assert not counts(held, NOON + HOUR)


def test_B1_an_eligibility_that_ends_first_cuts_the_activation(cast: Cast, vault: Vault) -> None:
    with time_machine.travel(NOON, tick=False):
        eligibility = make_eligibility(make_role(vault.row), cast.employee, ends_at=NOON + HOUR)
        assignment = activate(eligibility, cast.employee, minutes=240)

    assert assignment.ends_at == NOON + HOUR


def test_an_eligibility_counts_from_its_start_until_its_end(cast: Cast, vault: Vault) -> None:
    with time_machine.travel(NOON, tick=False):
        eligibility = make_eligibility(
            make_role(vault.row), cast.employee, starts_at=NOON + HOUR, ends_at=NOON + 2 * HOUR
        )

    assert not eligibility.is_in_force(NOON + HOUR - MICROSECOND)
    assert eligibility.is_in_force(NOON + HOUR)
    assert eligibility.is_in_force(NOON + 2 * HOUR - MICROSECOND)
    assert not eligibility.is_in_force(NOON + 2 * HOUR)
    assert eligibility.status == Eligibility.Status.SCHEDULED, "nobody has written down that it began"


def test_a_group_makes_its_members_eligible_only_while_they_are_members(cast: Cast, vault: Vault) -> None:
    group = make_group("Operators", owners=(cast.outsider,))
    Membership.objects.create(group=group, person=cast.employee, starts_at=NOON, ends_at=NOON + HOUR)
    with time_machine.travel(NOON, tick=False):
        eligibility = make_eligibility(make_role(vault.row), group)

    def may(person: object, at: datetime) -> bool:
        with time_machine.travel(at, tick=False):
            return eligibility in Eligibility.objects.in_force().of(person)  # type: ignore[arg-type]

    assert may(cast.employee, NOON)
    assert may(cast.employee, NOON + HOUR - MICROSECOND)
    assert not may(cast.employee, NOON + HOUR)
    assert not may(cast.outsider, NOON), "owning a group is not being in it"
    assert not may(cast.root, NOON), "the superuser flag means nothing"


def test_an_activation_by_a_group_ends_with_the_membership(cast: Cast, vault: Vault) -> None:
    with time_machine.travel(NOON, tick=False):
        group = make_group("Operators", cast.employee)
        assignment = activate(make_eligibility(make_role(vault.row), group), cast.employee)
        work_lane(vault.row.pk)
    membership = Membership.objects.get(group=group, person=cast.employee)

    assert counts(assignment, NOON + HOUR)
    membership.ends_at = NOON + 2 * HOUR
    membership.save()

    assert counts(assignment, NOON + 2 * HOUR - MICROSECOND)
    assert not counts(assignment, NOON + 2 * HOUR)


def test_being_an_owner_of_the_group_does_not_keep_an_activation_alive(cast: Cast, vault: Vault) -> None:
    with time_machine.travel(NOON, tick=False):
        group = make_group("Operators", cast.employee)
        assignment = activate(make_eligibility(make_role(vault.row), group), cast.employee)
        work_lane(vault.row.pk)

    Membership.objects.filter(group=group).update(kind=Membership.Kind.OWNER)

    assert not counts(assignment, NOON + HOUR)


def test_a_duty_is_held_from_the_act_on_and_is_over_on_time_with_no_worker(cast: Cast) -> None:
    role = make_portal_directory().roles.get(entitlement=Duty.SECURITY_ADMINISTRATOR)
    with time_machine.travel(NOON, tick=False):
        begin_assignment(
            role,
            actor=PORTAL,
            person=cast.outsider,
            scope=role.directory.root_scope(),
            starts_at=NOON,
            ends_at=NOON + HOUR,
        )

    def has(at: datetime) -> bool:
        with time_machine.travel(at, tick=False):
            held = holds(cast.outsider, Duty.SECURITY_ADMINISTRATOR)
            assert held is (Duty.SECURITY_ADMINISTRATOR in duties_of(cast.outsider))
            assert held is holders_of(Duty.SECURITY_ADMINISTRATOR).filter(pk=cast.outsider.pk).exists()
        return held

    assert has(NOON)
    assert has(NOON + HOUR - MICROSECOND)
    assert not has(NOON + HOUR)


@pytest.mark.parametrize("duty", Duty)
def test_a_superuser_holds_no_duty_by_that_flag(cast: Cast, duty: str) -> None:
    assert not holds(cast.root, duty)


def test_a_disabled_person_holds_no_duty(cast: Cast) -> None:
    give_duty(cast.outsider, Duty.GLOBAL_ADMINISTRATOR)

    disable_person(cast.outsider, actor=PORTAL, justification="Left")

    assert not holds(cast.outsider, Duty.GLOBAL_ADMINISTRATOR)
    assert cast.outsider not in holders_of(Duty.GLOBAL_ADMINISTRATOR)


def test_a_duty_by_a_group_ends_with_a_membership_whose_end_was_known(cast: Cast) -> None:
    role = make_portal_directory().roles.get(entitlement=Duty.SECURITY_READER)
    change_settings(role, factor="none")
    with time_machine.travel(NOON, tick=False):
        group = make_group("Night watch")
        Membership.objects.create(group=group, person=cast.outsider, ends_at=NOON + HOUR)
        activate(make_eligibility(role, group), cast.outsider, minutes=240)

    with time_machine.travel(NOON + HOUR - MICROSECOND, tick=False):
        assert holds(cast.outsider, Duty.SECURITY_READER)
    with time_machine.travel(NOON + HOUR, tick=False):
        assert not holds(cast.outsider, Duty.SECURITY_READER)


def test_removing_an_eligibility_takes_the_duty_away_with_it(cast: Cast) -> None:
    role = make_portal_directory().roles.get(entitlement=Duty.SECURITY_READER)
    change_settings(role, factor="none")
    eligibility = make_eligibility(role, cast.outsider)
    activate(eligibility, cast.outsider)
    assert holds(cast.outsider, Duty.SECURITY_READER)

    end_eligibility(eligibility, actor=PORTAL)

    assert not holds(cast.outsider, Duty.SECURITY_READER)


def test_times_are_kept_to_the_microsecond(held: Assignment) -> None:
    moment = timezone.now().replace(microsecond=123457)
    Assignment.objects.filter(pk=held.pk).update(starts_at=moment - HOUR, ends_at=moment)

    assert now(held).ends_at == moment
    assert held.is_in_force(moment - MICROSECOND)
    assert not held.is_in_force(moment)
