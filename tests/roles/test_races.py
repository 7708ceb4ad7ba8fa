"""Several sweeps, tasks and people at one assignment in the same instant: one outcome, and the directory told once."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from time_machine import TimeMachineFixture

from audit.journal.actor import PORTAL
from audit.journal.refusing import Overtaken
from audit.journal.verifying import verify_journal
from roles import leasing
from roles.models import Assignment, EndCause, Role
from roles.provisioning import (
    begin_assignment,
    deprovision_assignment,
    end_assignment,
    provision_assignment,
)
from roles.sweeping import sweep, tell_time
from tests.factories.connectors import Vault
from tests.factories.people import make_person
from tests.factories.roles import HOUR, NOON, acts_on, make_role, now
from tests.races import AT_ONCE, ROUNDS, Race, lost, racing, won

pytestmark = pytest.mark.django_db(transaction=True)

Status = Assignment.Status


@pytest.fixture
def race() -> Iterator[Race]:
    with racing() as race:
        yield race


@pytest.fixture
def race_of_four() -> Iterator[Race]:
    """For sweeps, each of which reads everything there is."""
    with racing(4) as race:
        yield race


@pytest.fixture
def role(clock: TimeMachineFixture, vault: Vault) -> Role:
    """A role of a directory in memory, at noon."""
    return make_role(vault.row)


@pytest.fixture
def begin(role: Role) -> Callable[..., Assignment]:
    """Let a new person hold the role for an hour."""
    numbers = iter(range(10**6))

    def begin() -> Assignment:
        return begin_assignment(
            role,
            actor=PORTAL,
            person=make_person(f"holder{next(numbers)}"),
            scope=role.directory.root_scope(),
            starts_at=timezone.now(),
            ends_at=timezone.now() + HOUR,
        )

    return begin


def test_two_sweeps_at_once_give_and_take_each_right_once(
    race_of_four: Race, begin: Callable[[], Assignment], vault: Vault, clock: TimeMachineFixture
) -> None:
    for n in range(ROUNDS):
        clock.move_to(NOON + n * 24 * HOUR)
        held = [begin() for _ in range(2)]

        assert not lost(race_of_four([sweep] * 4))
        assert [now(one).status for one in held] == [Status.ACTIVE] * 2

        clock.shift(HOUR)
        assert not lost(race_of_four([sweep] * 4))
        for one in held:
            assert now(one).status == Status.ENDED
            assert vault.times("grant", one) == vault.times("revoke", one) == 1
            assert acts_on(one) == [
                "assignment.begun",
                "assignment.started",
                "assignment.provisioned",
                "assignment.ended",
                "assignment.deprovisioned",
            ]
    assert verify_journal().holds


def test_H2_one_message_delivered_eight_times_at_once_has_one_effect(
    race: Race, begin: Callable[[], Assignment], vault: Vault
) -> None:
    for _ in range(ROUNDS):
        one = begin()
        race([lambda one=one: provision_assignment(one.pk)] * AT_ONCE)  # type: ignore[misc]
        end_assignment(now(one), actor=PORTAL, cause=EndCause.REMOVED)
        race([lambda one=one: deprovision_assignment(one.pk)] * AT_ONCE)  # type: ignore[misc]

        assert vault.times("grant", one) == vault.times("revoke", one) == 1
        assert now(one).status == Status.ENDED


def test_without_a_claim_the_directory_would_be_told_more_than_once(
    begin: Callable[[], Assignment], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = begin()

    def take_without_looking(
        directory: int, status: str, *, keys: object = None
    ) -> tuple[str, list[Assignment]]:
        waiting = Assignment.objects.filter(role__directory=directory, status=status)
        return "token", list(waiting.select_related("role__directory", "scope", "person"))

    def and_meanwhile_another_does_the_same() -> None:
        vault.before_answering = lambda: None
        provision_assignment(one.pk)

    monkeypatch.setattr("roles.fulfilling.claim", take_without_looking)
    monkeypatch.setattr("roles.fulfilling.still_ours", lambda token, claimed, status: [])
    vault.before_answering = and_meanwhile_another_does_the_same

    provision_assignment(one.pk)

    assert vault.times("grant", one) == 2


def test_ended_by_eight_hands_at_once_it_ends_once(
    race: Race, begin: Callable[[], Assignment], vault: Vault
) -> None:
    for _ in range(ROUNDS):
        one = begin()
        sweep()

        def end(one: Assignment = one) -> None:
            end_assignment(now(one), actor=PORTAL, cause=EndCause.REMOVED)

        outcomes = race([end] * AT_ONCE)

        assert acts_on(one).count("assignment.ended") == 1
        assert all(isinstance(refusal, Overtaken) for refusal in lost(outcomes))
        assert len(won(outcomes)) == 1
    assert verify_journal().holds


def test_removed_while_it_is_being_given_it_does_not_stay(
    race_of_four: Race, begin: Callable[[], Assignment], vault: Vault
) -> None:
    for _ in range(ROUNDS):
        one = begin()

        def remove(one: Assignment = one) -> None:
            end_assignment(now(one), actor=PORTAL, cause=EndCause.REMOVED)

        race_of_four([sweep] * 2 + [remove] * 2)
        sweep()
        sweep()

        assert now(one).status == Status.ENDED
        assert not vault.holds(one)
    assert verify_journal().holds


def test_the_end_of_time_and_a_removal_meet_and_one_cause_is_written_down(
    race_of_four: Race, begin: Callable[[], Assignment], vault: Vault, clock: TimeMachineFixture
) -> None:
    causes = set()
    for n in range(ROUNDS):
        clock.move_to(NOON + n * 24 * HOUR)
        one = begin()
        sweep()
        clock.shift(HOUR)

        def remove(one: Assignment = one) -> None:
            end_assignment(now(one), actor=PORTAL, cause=EndCause.REMOVED)

        race_of_four([tell_time] * 2 + [remove] * 2)
        sweep()

        over = now(one)
        causes.add(over.end_cause)
        assert over.status == Status.ENDED
        assert acts_on(one).count("assignment.ended") == 1
        entry = over.history.get(status=Status.ENDING)  # type: ignore[attr-defined]
        assert entry.end_cause == over.end_cause
    assert causes <= {EndCause.REMOVED, EndCause.EXPIRED}
    assert verify_journal().holds


def test_a_directory_is_spoken_to_outside_any_transaction(
    begin: Callable[[], Assignment], vault: Vault
) -> None:
    inside = []
    vault.before_answering = lambda: inside.append(transaction.get_connection().in_atomic_block)
    one = begin()

    sweep()
    end_assignment(now(one), actor=PORTAL, cause=EndCause.REMOVED)
    sweep()

    assert inside == [False, False]


def test_a_worker_whose_lease_has_lapsed_writes_nothing_down(
    begin: Callable[[], Assignment], vault: Vault, clock: TimeMachineFixture
) -> None:
    one = begin()

    def hang_for_too_long() -> None:
        vault.before_answering = lambda: None
        clock.shift(leasing.LEASE + timedelta(seconds=1))
        sweep()  # another worker finds it
        assert now(one).status == Status.ACTIVE

    vault.before_answering = hang_for_too_long
    sweep()

    assert acts_on(one).count("assignment.provisioned") == 1
    assert vault.times("grant", one) == 2, "asked twice: connectors may be asked twice"
    assert verify_journal().holds
