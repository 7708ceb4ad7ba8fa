"""Taking work: one worker for one right at a time, and nothing stays with a worker that is dead."""

from datetime import UTC, datetime, timedelta

import pytest
from time_machine import TimeMachineFixture

from audit.journal.actor import PORTAL
from roles import leasing
from roles.leasing import LEASE, claim, let_go, put_off, still_ours
from roles.models import Assignment, Role
from roles.provisioning import begin_assignment
from roles.sweeping import directories_with_work, sweep
from tests.cast import Cast
from tests.factories.connectors import Vault, open_vault
from tests.factories.people import make_person
from tests.factories.roles import HOUR, MICROSECOND, NOON, make_role, now

pytestmark = pytest.mark.django_db

PROVISIONING = Assignment.Status.PROVISIONING


@pytest.fixture
def role(clock: TimeMachineFixture, vault: Vault) -> Role:
    return make_role(vault.row)


def begin(role: Role, name: str = "somebody", *, times: int = 1) -> list[Assignment]:
    """Let a new person hold the role for a day, several times over."""
    person = make_person(name)
    start = datetime.now(UTC)
    scope = role.directory.root_scope()
    return [
        begin_assignment(
            role, actor=PORTAL, person=person, scope=scope, starts_at=start, ends_at=start + 24 * HOUR
        )
        for _ in range(times)
    ]


def test_what_one_has_taken_nobody_else_takes(role: Role) -> None:
    (one,) = begin(role)

    token, mine = claim(role.directory_id, PROVISIONING)
    _, theirs = claim(role.directory_id, PROVISIONING)

    assert mine == [one]
    assert theirs == []
    assert still_ours(token, mine, PROVISIONING) == [one]


def test_of_one_right_only_one_assignment_is_taken_at_a_time(role: Role) -> None:
    both = begin(role, times=2)

    token, [mine] = claim(role.directory_id, PROVISIONING)
    _, theirs = claim(role.directory_id, PROVISIONING)
    assert mine in both
    assert theirs == []

    Assignment.objects.filter(pk=mine.pk).update(status=Assignment.Status.ACTIVE)
    let_go(token)
    assert claim(role.directory_id, PROVISIONING)[1] == [one for one in both if one != mine]


def test_what_was_given_back_may_be_taken_again(role: Role) -> None:
    (one,) = begin(role)
    token, _ = claim(role.directory_id, PROVISIONING)

    let_go(token)

    assert claim(role.directory_id, PROVISIONING)[1] == [one]


def test_what_a_killed_worker_had_taken_is_done_once_its_lease_has_lapsed(
    role: Role, vault: Vault, clock: TimeMachineFixture
) -> None:
    (one,) = begin(role)
    claim(role.directory_id, PROVISIONING)  # and then it was killed

    clock.move_to(NOON + LEASE - MICROSECOND)
    sweep()
    assert vault.told == []
    assert role.directory_id not in directories_with_work()

    clock.move_to(NOON + LEASE)
    sweep()
    assert now(one).status == Assignment.Status.ACTIVE


def test_a_lapsed_lease_settles_nothing_once_somebody_else_has_it(
    role: Role, clock: TimeMachineFixture
) -> None:
    begin(role)
    slow, mine = claim(role.directory_id, PROVISIONING)
    clock.shift(LEASE)
    quick, theirs = claim(role.directory_id, PROVISIONING)

    put_off(slow, mine[0], until=NOON + 5 * HOUR, why="too late to say so")
    let_go(slow)

    assert still_ours(slow, mine, PROVISIONING) == []
    assert still_ours(quick, theirs, PROVISIONING) == theirs
    assert now(theirs[0]).next_try_at == NOON
    assert now(theirs[0]).last_error == ""
    assert now(theirs[0]).attempts == 0


def test_what_was_put_off_is_left_alone_until_then(role: Role, clock: TimeMachineFixture) -> None:
    (one,) = begin(role)
    token, mine = claim(role.directory_id, PROVISIONING)

    put_off(token, mine[0], until=NOON + HOUR, why="x" * 1000)

    assert claim(role.directory_id, PROVISIONING)[1] == []
    assert now(one).attempts == 1
    assert len(now(one).last_error) == 500
    clock.move_to(NOON + HOUR)
    assert claim(role.directory_id, PROVISIONING)[1] == [one]


def test_only_what_was_named_is_taken_and_only_in_its_directory(
    role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,), (second,) = begin(role, "first"), begin(role, "second")
    other = make_role(role.directory, "auditor")
    (third,) = begin(other, "third")
    elsewhere = make_role(open_vault(monkeypatch, "elsewhere").row)
    begin(elsewhere, "fourth")

    assert claim(elsewhere.directory_id, PROVISIONING, keys=[first.pk])[1] == []
    assert claim(role.directory_id, PROVISIONING, keys=[second.pk])[1] == [second]
    assert claim(role.directory_id, PROVISIONING)[1] == [third], "an entitlement has one writer"


def test_more_than_one_batch_is_done_in_one_sweep(
    role: Role, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leasing, "BATCH", 2)
    held = [begin(role, f"person{n}")[0] for n in range(5)]

    assert len(claim(role.directory_id, PROVISIONING)[1]) == 2
    Assignment.objects.update(lease_until=None)
    sweep()

    assert all(vault.holds(one) for one in held)


def test_nothing_is_taken_before_it_is_due(role: Role, cast: Cast) -> None:
    begin_assignment(
        role,
        actor=PORTAL,
        person=cast.employee,
        scope=role.directory.root_scope(),
        starts_at=NOON + timedelta(days=1),
        ends_at=None,
    )

    assert claim(role.directory_id, PROVISIONING)[1] == []
    assert directories_with_work() == []
