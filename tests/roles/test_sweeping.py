"""The sweep: it finds what time has made due, whatever else has stopped."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from time_machine import TimeMachineFixture

from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent
from roles import announcing, sweeping
from roles.connectors.base import Unavailable
from roles.models import Assignment, Eligibility, EndCause, Heartbeat, Role
from roles.provisioning import begin_assignment
from roles.sweeping import SWEEP, beat_heart, sweep, sweep_if_late, sweep_in_lanes
from tests.cast import Cast
from tests.factories.connectors import Vault, open_vault
from tests.factories.people import make_person
from tests.factories.roles import (
    HOUR,
    NOON,
    activate,
    acts_on,
    make_eligibility,
    make_role,
    notices_of,
    now,
)
from tests.servers import wait_until

pytestmark = pytest.mark.django_db

Status = Assignment.Status


def begin(role: Role, name: str, *, hours: int = 1) -> Assignment:
    """Let a new person hold the role."""
    start = datetime.now(UTC)
    return begin_assignment(
        role,
        actor=PORTAL,
        person=make_person(name),
        scope=role.directory.root_scope(),
        starts_at=start,
        ends_at=start + hours * HOUR,
    )


def test_a_sweep_with_nothing_to_do_writes_nothing_into_the_journal(vault: Vault) -> None:
    before = AuditEvent.objects.count()

    sweep()

    assert AuditEvent.objects.count() == before


def test_an_eligibility_begins_and_ends_in_words_too(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    eligibility = make_eligibility(
        make_role(vault.row), cast.employee, starts_at=NOON + HOUR, ends_at=NOON + 2 * HOUR
    )

    clock.move_to(NOON + HOUR)
    sweep()
    assert now(eligibility).status == Eligibility.Status.IN_FORCE

    clock.move_to(NOON + 2 * HOUR)
    sweep()
    assert now(eligibility).status == Eligibility.Status.EXPIRED
    assert acts_on(eligibility) == ["eligibility.made", "eligibility.started", "eligibility.expired"]


def test_B1_what_rested_on_an_eligibility_that_was_shortened_is_taken_away(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    Eligibility.objects.filter(pk=given.eligibility_id).update(ends_at=NOON + HOUR)

    clock.move_to(NOON + HOUR)
    sweep()

    assert now(given).status == Status.ENDED
    assert now(given).end_cause == EndCause.ELIGIBILITY_ENDED
    assert not vault.holds(given)


def test_what_disabled_people_hold_is_taken_away_however_they_were_disabled(
    given: Assignment, vault: Vault
) -> None:
    type(given.person).objects.filter(pk=given.person_id).update(is_active=False)

    sweep()

    assert now(given).status == Status.ENDED
    assert now(given).end_cause == EndCause.LEFT
    assert not vault.holds(given)


def test_more_than_one_batch_ends_in_one_round(
    clock: TimeMachineFixture, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    role = make_role(vault.row)
    held = [begin(role, f"person{n}") for n in range(5)]
    sweep()

    clock.shift(HOUR)
    sweep()

    assert [now(one).status for one in held] == [Status.ENDED] * 5
    assert vault.rights == {}


def test_B11_a_clock_that_is_set_back_takes_nothing_away_and_prolongs_nothing(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    clock.move_to(NOON - HOUR)
    sweep()
    assert vault.holds(given)
    assert now(given).status == Status.ACTIVE

    clock.move_to(NOON + 4 * HOUR)
    sweep()
    assert not vault.holds(given)
    assert now(given).ends_at == NOON + 4 * HOUR


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=1), timedelta(days=365)])
def test_B11_after_a_jump_of_the_clock_the_first_sweep_catches_up(
    given: Assignment, vault: Vault, clock: TimeMachineFixture, jump: timedelta
) -> None:
    clock.move_to(NOON + 4 * HOUR + jump)

    sweep()

    assert now(given).status == Status.ENDED
    assert not vault.holds(given)


def test_a_directory_that_is_down_does_not_keep_the_others_waiting(
    given: Assignment, vault: Vault, clock: TimeMachineFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_vault(monkeypatch, "other")
    held = begin(make_role(other.row), "somebody", hours=4)
    sweep()
    vault.trouble = Unavailable("Nobody there.")

    clock.move_to(NOON + 4 * HOUR)
    sweep()

    assert now(given).status == Status.ENDING
    assert now(held).status == Status.ENDED


def test_what_could_not_be_told_in_time_is_told_by_the_next_round(
    begun: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed_before_telling:
        killed_before_telling.setattr("roles.provisioning.tell_holders", lambda directory: None)
        sweep()
    assert begun.is_in_force()
    assert notices_of(begun.person) == []

    sweep()
    sweep()

    assert notices_of(begun.person) == ["roles/assignment_active"]


def test_holders_are_told_apart_and_each_once(
    clock: TimeMachineFixture, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcing, "BATCH", 2)
    role = make_role(vault.row)
    held = [begin(role, f"person{n}") for n in range(3)]
    sweep()
    clock.shift(HOUR)
    sweep()

    for one in held:
        assert notices_of(one.person) == ["roles/assignment_active", "roles/assignment_ended"]


# --- Whether it runs ---


def test_beat_sweeps_only_when_the_loop_has_not_been_seen(
    begun: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    beat_heart()
    clock.shift(4)
    sweep_if_late()
    assert vault.told == [], "the loop was seen four seconds ago"

    clock.shift(2)
    sweep_if_late()
    assert vault.holds(begun)
    assert Heartbeat.objects.get(pk=SWEEP).at == datetime.now(UTC)


def test_B11_a_sign_of_life_from_the_future_counts_for_nothing(
    begun: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    beat_heart()

    clock.move_to(NOON - HOUR)
    sweep_if_late()
    assert Heartbeat.objects.get(pk=SWEEP).at == NOON - HOUR


def test_signs_of_life_are_not_written_more_often_than_needed(clock: TimeMachineFixture) -> None:
    beat_heart()
    clock.shift(1)
    beat_heart()
    assert Heartbeat.objects.get(pk=SWEEP).at == NOON

    clock.shift(1)
    beat_heart()
    assert Heartbeat.objects.get(pk=SWEEP).at == NOON + timedelta(seconds=2)


def test_the_loop_counts_as_late_after_five_rounds_however_slow_they_are(
    begun: Assignment, vault: Vault, clock: TimeMachineFixture, settings: Any
) -> None:
    settings.SWEEP_SECONDS = 10.0
    beat_heart()

    clock.shift(49)
    sweep_if_late()
    assert vault.told == []

    clock.shift(1)
    sweep_if_late()
    assert vault.holds(begun)


# --- In lanes, as the worker does it ---


@pytest.mark.django_db(transaction=True)
def test_a_directory_that_hangs_delays_nobody_and_is_not_asked_twice_at_once(
    cast: Cast, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_vault(monkeypatch, "other")
    stuck = activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee)
    quick = activate(make_eligibility(make_role(other.row), cast.employee), cast.employee)
    go_on = threading.Event()
    vault.before_answering = lambda: (go_on.wait(timeout=60), None)[1]

    try:
        sweep_in_lanes()
        wait_until(quick.is_in_force, "the directory that answers")
        wait_until(lambda: vault.times("grant", stuck), "the directory that hangs")
        second = activate(
            make_eligibility(make_role(vault.row, "Reader"), cast.employee), cast.employee, minutes=60
        )
        sweep_in_lanes()
        assert vault.times("grant", second) == 0, "its lane is still busy"
        assert not stuck.is_in_force()
    finally:
        go_on.set()

    wait_until(stuck.is_in_force, "the answer")
    sweep_in_lanes()
    wait_until(second.is_in_force, "the next in the lane")
    wait_until(lambda: all(lane.done() for lane in sweeping._lanes.values()), "the lanes")
    assert vault.times("grant", stuck) == 1


@pytest.mark.django_db(transaction=True)
def test_a_lane_that_breaks_is_begun_anew_in_the_next_round(
    cast: Cast, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    assignment = activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee)
    with monkeypatch.context() as broken:

        def work_lane(directory: int) -> None:
            raise RuntimeError("a defect in the portal")

        broken.setattr(sweeping, "work_lane", work_lane)
        sweep_in_lanes()
        wait_until(lambda: all(lane.done() for lane in sweeping._lanes.values()), "the lane")

    sweep_in_lanes()

    wait_until(assignment.is_in_force, "the next round")
    wait_until(lambda: all(lane.done() for lane in sweeping._lanes.values()), "the lane")
