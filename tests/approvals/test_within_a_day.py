"""B5 where it is enforced: filing, approval, more time, several roles at once, and what counts as held."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from time_machine import TimeMachineFixture

from approvals.activating_together import prospects_of
from approvals.deciding import NoLongerPossible, decide
from approvals.models import AccessRequest, Decision
from approvals.prolonging import room_of
from approvals.requesting import RequirementsUnmet, request_deactivation
from audit.journal.actor import PORTAL
from roles.effective import settings_at
from roles.lately import held_lately
from roles.models import Assignment, Eligibility, EndCause
from roles.provisioning import end_assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_person
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    activate,
    ask,
    asked,
    change_settings,
    make_eligibility,
    make_role,
    name_approvers,
    now,
    refusals_on,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def eligibility(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Eligibility:
    """The employee may activate a role for four hours, and hold it for six within 24."""
    role = make_role(vault.row, max_minutes=240, day_minutes=360)
    return make_eligibility(role, cast.employee)


def used(eligibility: Eligibility, cast: Cast, minutes: int = 240) -> Assignment:
    """They hold it from now on for so long, and the directory has confirmed it."""
    assignment = activate(eligibility, cast.employee, minutes=minutes)
    sweep()
    return now(assignment)


def over(assignment: Assignment, clock: TimeMachineFixture) -> None:
    """Its time is over."""
    assert assignment.ends_at is not None
    clock.move_to(assignment.ends_at)
    sweep()


def guard(eligibility: Eligibility, cast: Cast) -> None:
    """From now on somebody must approve."""
    change_settings(eligibility.role, approval_required=True, names_approvers=True)
    name_approvers(eligibility.role, cast.approver)


def approved(access_request: AccessRequest, cast: Cast, **more: Any) -> AccessRequest:
    decide(access_request, actor=acting(cast.approver), verdict=Decision.Verdict.APPROVE, **more)
    return now(access_request)


def test_B5_chained_activations_do_not_exceed_the_day(
    eligibility: Eligibility, cast: Cast, clock: TimeMachineFixture
) -> None:
    # given four of six hours used
    over(used(eligibility, cast), clock)
    # when the whole is asked for again, it is refused with what is left, and journaled
    with pytest.raises(RequirementsUnmet) as refused:
        ask(eligibility, cast.employee, minutes=240)
    assert (refused.value.code, refused.value.field) == ("day_used_up", "minutes")
    assert refusals_on(eligibility)
    assert "Of the 6 h within any 24 hours 2 h are left then." in str(refused.value)
    # then what is left may be had, and no minute more
    over(used(eligibility, cast, minutes=120), clock)
    with pytest.raises(RequirementsUnmet):
        ask(eligibility, cast.employee, minutes=30)
    # and a day after it began, all of it
    clock.move_to(NOON + timedelta(hours=24))
    assert ask(eligibility, cast.employee, minutes=240).status == AccessRequest.Status.APPROVED


def test_another_account_of_the_same_human_and_another_eligibility_are_no_way_round(
    eligibility: Eligibility, cast: Cast, clock: TimeMachineFixture
) -> None:
    robin = cast.employee
    robin.person_key = "robin"
    robin.save()
    other = make_person("robin.admin", person_key="robin")
    over(used(eligibility, cast), clock)

    with pytest.raises(RequirementsUnmet):
        ask(make_eligibility(eligibility.role, other), other, minutes=240)


def test_what_was_given_back_or_never_put_in_force_is_not_used(
    eligibility: Eligibility, cast: Cast, clock: TimeMachineFixture, vault: Vault
) -> None:
    held = used(eligibility, cast)
    clock.move_to(NOON + HOUR)
    request_deactivation(held, actor=acting(cast.employee))
    assert held_lately(cast.employee, held.role, held.scope) == [(NOON, NOON + HOUR)]

    later = ask(eligibility, cast.employee, minutes=240, starts_at=NOON + 3 * HOUR).assignment
    assert later is not None
    assert len(held_lately(cast.employee, held.role, held.scope)) == 2
    end_assignment(later, actor=PORTAL, cause=EndCause.REMOVED)
    assert len(held_lately(cast.employee, held.role, held.scope)) == 1


def test_an_approval_that_comes_when_less_is_left_gives_what_is_left(
    eligibility: Eligibility, cast: Cast
) -> None:
    # given a request that waits, and what they held by another eligibility until now
    guard(eligibility, cast)
    waiting = ask(eligibility, cast.employee, minutes=240)
    _held_meanwhile(eligibility, cast, minutes=200)
    # when it is approved
    given = approved(waiting, cast).assignment
    # then it ends after what is left of the six hours
    assert given is not None
    assert given.ends_at is not None
    assert given.ends_at - given.starts_at == timedelta(minutes=160)


def test_an_approval_that_comes_when_nothing_is_left_closes_the_request_and_says_why(
    eligibility: Eligibility, cast: Cast
) -> None:
    guard(eligibility, cast)
    waiting = ask(eligibility, cast.employee, minutes=240)
    _held_meanwhile(eligibility, cast, minutes=350)

    with pytest.raises(NoLongerPossible, match="The 6 h that this role may be held within any 24 hours"):
        approved(waiting, cast)

    assert now(waiting).status == AccessRequest.Status.FAILED
    assert "are used up." in now(waiting).outcome_note


def _held_meanwhile(eligibility: Eligibility, cast: Cast, *, minutes: int) -> None:
    """As if they had held it, by another eligibility, for so long up to now."""
    waiting = AccessRequest.objects.get()
    Assignment.objects.create(
        role=eligibility.role,
        scope=eligibility.scope,
        person=cast.employee,
        origin="activated",
        status=Assignment.Status.ENDED,
        starts_at=NOON - timedelta(minutes=minutes),
        active_since=NOON - timedelta(minutes=minutes),
        ends_at=NOON,
        ended_at=NOON,
        end_cause=EndCause.EXPIRED,
    )
    assert waiting.status == AccessRequest.Status.PENDING


def test_more_time_is_cut_to_the_day_and_none_is_refused(eligibility: Eligibility, cast: Cast) -> None:
    change_settings(eligibility.role, max_minutes=480)
    held = used(eligibility, cast, minutes=300)
    role_settings = settings_at(held.role, held.scope)

    room = room_of(held, role_settings)

    assert (room.minutes, room.by_day, room.until) == (60, True, NOON + 6 * HOUR)


def test_of_several_roles_in_one_go_each_keeps_its_own_day(
    eligibility: Eligibility, cast: Cast, clock: TimeMachineFixture, vault: Vault
) -> None:
    over(used(eligibility, cast), clock)
    free = make_eligibility(make_role(vault.row, "Reader", max_minutes=240), cast.employee)

    found = prospects_of([eligibility, free], person=cast.employee, asked=asked(minutes=240))

    assert [[one.code for one in each.unmet] for each in found] == [["day_used_up"], []]
