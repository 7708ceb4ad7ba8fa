"""Giving a role back before its end: not in the first five minutes, and never for somebody else."""

from datetime import timedelta
from typing import Any

import pytest
from time_machine import TimeMachineFixture

from approvals.granting import request_removal
from approvals.models import AccessRequest
from approvals.requesting import (
    request_deactivation,
)
from audit.journal.actor import PORTAL
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Assignment, EndCause
from roles.provisioning import begin_assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    activate,
    acts_on,
    make_eligibility,
    make_role,
    notices_of,
    now,
)

pytestmark = pytest.mark.django_db

Status = AccessRequest.Status
MINUTE = timedelta(minutes=1)


@pytest.fixture
def held(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Assignment:
    """Four hours of a role, in force since noon."""
    assignment = activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee)
    sweep()
    return now(assignment)


@pytest.mark.parametrize("seconds", [0, 299])
def test_B9_nobody_deactivates_within_the_first_five_minutes(
    held: Assignment, cast: Cast, clock: TimeMachineFixture, seconds: int
) -> None:
    clock.shift(seconds)

    with pytest.raises(Refused, match="five minutes after activation at the earliest") as refusal:
        request_deactivation(held, actor=acting(cast.employee))

    assert refusal.value.code == "active_duration_too_short"
    assert held.is_in_force()


@pytest.mark.parametrize("seconds", [300, 301])
def test_B9_after_five_minutes_it_is_given_back_at_once(
    held: Assignment, cast: Cast, clock: TimeMachineFixture, vault: Vault, seconds: int
) -> None:
    clock.shift(seconds)

    access_request = request_deactivation(held, actor=acting(cast.employee))

    assert (access_request.act, access_request.status) == ("deactivate", Status.APPROVED)
    assert access_request.assignment == held
    assert not held.is_in_force()
    assert now(held).end_cause == EndCause.DEACTIVATED
    sweep()
    assert not vault.holds(held)
    assert notices_of(cast.employee)[-1] == "roles/assignment_ended"


@pytest.mark.parametrize("seconds", [0, 299, 300])
def test_B9_an_administrator_removes_at_once(
    held: Assignment, cast: Cast, clock: TimeMachineFixture, vault: Vault, seconds: int
) -> None:
    clock.shift(seconds)

    request_removal(held, actor=acting(cast.administrator), justification="Misused")

    assert not held.is_in_force()
    assert now(held).end_cause == EndCause.REMOVED
    sweep()
    assert not vault.holds(held)


def test_B9_the_five_minutes_count_from_when_the_directory_gave_it(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    assignment = activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee)
    clock.shift(4 * MINUTE)
    sweep()

    clock.shift(MINUTE)
    with pytest.raises(Refused):
        request_deactivation(now(assignment), actor=acting(cast.employee))
    clock.shift(4 * MINUTE)
    request_deactivation(now(assignment), actor=acting(cast.employee))


def test_B9_what_is_not_in_force_yet_may_be_given_back_at_once(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row)
    begun = activate(make_eligibility(role, cast.employee), cast.employee)
    later = activate(
        make_eligibility(make_role(vault.row, "Reader"), cast.employee), cast.employee, starts_at=NOON + HOUR
    )

    for assignment in (begun, later):
        request_deactivation(assignment, actor=acting(cast.employee))
    sweep()

    assert not Assignment.objects.live().exists()
    assert ("grant", "robin", "operator") not in vault.told


def test_B9_the_floor_is_a_setting_of_the_portal(held: Assignment, cast: Cast, settings: Any) -> None:
    settings.MINIMUM_ACTIVE_MINUTES = 1
    with pytest.raises(Refused, match="1 minutes"):
        request_deactivation(held, actor=acting(cast.employee))

    settings.MINIMUM_ACTIVE_MINUTES = 0
    request_deactivation(held, actor=acting(cast.employee))


@pytest.mark.parametrize("name", ["approver", "administrator", "outsider", "root"])
def test_nobody_gives_back_what_somebody_else_holds(
    held: Assignment, cast: Cast, clock: TimeMachineFixture, name: str
) -> None:
    clock.shift(HOUR)

    with pytest.raises(NotAllowed):
        request_deactivation(held, actor=acting(getattr(cast, name)))
    with pytest.raises(NotAllowed):
        request_deactivation(held, actor=PORTAL)

    assert held.is_in_force()


def test_what_an_administrator_assigned_is_not_given_back(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row)
    assigned = begin_assignment(
        role,
        actor=PORTAL,
        person=cast.employee,
        scope=vault.row.root_scope(),
        starts_at=NOON,
        ends_at=None,
    )

    with pytest.raises(Refused, match="assigned by an administrator"):
        request_deactivation(assigned, actor=acting(cast.employee))


@pytest.mark.parametrize("as_on_the_page", [True, False])
def test_what_was_given_back_is_not_given_back_again(
    held: Assignment, cast: Cast, clock: TimeMachineFixture, as_on_the_page: bool
) -> None:
    clock.shift(HOUR)
    page = now(held)
    request_deactivation(held, actor=acting(cast.employee))

    with pytest.raises(Overtaken):
        request_deactivation(page if as_on_the_page else now(held), actor=acting(cast.employee))

    assert acts_on(held).count("assignment.ended") == 1
