"""The whole way into a real PostgreSQL and out again, as its users and the portal's people see it."""

from collections.abc import Callable

import psycopg
import pytest
from time_machine import TimeMachineFixture

from pim_portal.embedded.postgresql import PostgreSQL
from roles.models import Assignment, Role
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.databases import READER, LedgerDatabase, open_ledger
from tests.factories.people import make_group
from tests.factories.roles import (
    HOUR,
    NOON,
    activate,
    approve,
    ask,
    entries_on,
    make_eligibility,
    make_role,
    notices_of,
    now,
    open_alerts,
)

pytestmark = pytest.mark.django_db

Status = Assignment.Status


@pytest.fixture
def ledger(
    clock: TimeMachineFixture, postgresql_directory: str, monkeypatch: pytest.MonkeyPatch
) -> LedgerDatabase:
    """A database in which the employee has a login; it is noon."""
    return open_ledger(postgresql_directory, "robin", "kim", monkeypatch=monkeypatch)


@pytest.fixture
def role(ledger: LedgerDatabase) -> Role:
    role = make_role(ledger.row, "Ledger reader")
    assert role.entitlement == READER
    return role


@pytest.fixture
def hold(clock: TimeMachineFixture, cast: Cast, role: Role) -> Callable[[], Assignment]:
    """Let the employee activate the role for four hours, and the directory give it."""

    def hold() -> Assignment:
        assignment = activate(make_eligibility(role, cast.employee), cast.employee)
        sweep()
        assert assignment.is_in_force()
        return now(assignment)

    return hold


def test_an_approved_role_can_be_used_until_its_end_and_not_after(
    cast: Cast, ledger: LedgerDatabase, clock: TimeMachineFixture
) -> None:
    role = make_role(ledger.row, "Ledger reader", approvers=[cast.approver], factor="every_time")
    access_request = ask(make_eligibility(role, cast.employee), cast.employee)
    sweep()
    assert not ledger.reads("robin"), "nobody has approved it"

    assignment = approve(access_request, cast.approver)
    sweep()
    assert ledger.reads("robin")
    assert not ledger.reads("kim"), "approving gives the approver nothing"
    assert now(assignment).is_in_force()

    clock.move_to(NOON + 4 * HOUR)
    assert not assignment.is_in_force(), "over in the portal before anybody told the database"
    sweep()
    assert not ledger.reads("robin")
    assert now(assignment).status == Status.ENDED
    assert notices_of(cast.employee) == [
        "approvals/activation_approved",
        "roles/assignment_active",
        "roles/assignment_ended",
    ]


def test_H7_a_session_that_uses_the_right_ends_with_it(
    hold: Callable[[], Assignment], ledger: LedgerDatabase, clock: TimeMachineFixture
) -> None:
    hold()
    session = ledger.sign_in("robin")
    bystander = ledger.sign_in("kim")
    session.execute(f"SET ROLE {READER}")
    assert session.execute("SELECT count(*) FROM ledger").fetchone() == (0,)

    clock.move_to(NOON + 4 * HOUR)
    sweep()

    with pytest.raises(psycopg.OperationalError):
        session.execute("SELECT count(*) FROM ledger")
    bystander.execute("SELECT 1")
    bystander.close()


def test_H4_a_directory_that_is_stopped_is_revoked_in_when_it_is_back(
    hold: Callable[[], Assignment],
    cast: Cast,
    ledger: LedgerDatabase,
    clock: TimeMachineFixture,
    postgresql_directory_server: PostgreSQL,
) -> None:
    assignment = hold()
    postgresql_directory_server.stop()
    try:
        clock.move_to(NOON + 4 * HOUR)
        tries = [NOON + 4 * HOUR]
        for _ in range(4):
            sweep()
            row = now(assignment)
            assert row.status == Status.ENDING
            assert row.get_status_display() == "Not yet revoked"
            assert not row.is_in_force()
            tries.append(row.next_try_at)
            clock.move_to(row.next_try_at)
        assert tries[1] - tries[0] < tries[-1] - tries[-2], "the pauses grow"
        assert "cannot be reached" in row.last_error
        assert open_alerts() == ["rights_not_revoked"]
        assert "audit/alert_raised" in notices_of(cast.administrator)
    finally:
        postgresql_directory_server.start()
    assert ledger.reads("robin"), "the database was not told yet"

    sweep()

    assert not ledger.reads("robin")
    assert now(assignment).status == Status.ENDED
    assert open_alerts() == []


def test_a_directory_that_is_stopped_gives_when_it_is_back(
    cast: Cast,
    role: Role,
    ledger: LedgerDatabase,
    clock: TimeMachineFixture,
    postgresql_directory_server: PostgreSQL,
) -> None:
    postgresql_directory_server.stop()
    try:
        assignment = activate(make_eligibility(role, cast.employee), cast.employee)
        sweep()
        assert not assignment.is_in_force()
        assert open_alerts() == ["rights_not_given"]
    finally:
        postgresql_directory_server.start()

    clock.shift(HOUR)
    sweep()

    assert assignment.is_in_force()
    assert ledger.reads("robin")
    assert open_alerts() == []


def test_B6_two_activations_of_one_right_and_the_first_end(
    cast: Cast, role: Role, ledger: LedgerDatabase, clock: TimeMachineFixture
) -> None:
    first = activate(make_eligibility(role, cast.employee), cast.employee, minutes=60)
    activate(make_eligibility(role, make_group("Readers", cast.employee)), cast.employee, minutes=120)
    sweep()

    clock.move_to(NOON + HOUR)
    sweep()
    assert now(first).status == Status.ENDED
    assert ledger.reads("robin")

    clock.move_to(NOON + 2 * HOUR)
    sweep()
    assert not ledger.reads("robin")


def test_B8_a_membership_the_database_administrator_gave_stays(
    cast: Cast, role: Role, ledger: LedgerDatabase, clock: TimeMachineFixture
) -> None:
    ledger.run("GRANT {} TO robin", READER)
    assignment = activate(make_eligibility(role, cast.employee), cast.employee)
    sweep()
    assert now(assignment).was_there_before

    clock.move_to(NOON + 4 * HOUR)
    sweep()

    assert ledger.reads("robin")
    assert now(assignment).status == Status.ENDED
    assert entries_on(assignment).get(action="assignment.deprovisioned").detail["note"] == "was_there_before"


def test_a_login_that_is_not_there_is_said_in_words(cast: Cast, role: Role, ledger: LedgerDatabase) -> None:
    assignment = activate(make_eligibility(role, cast.outsider), cast.outsider)

    sweep()

    assert now(assignment).status == Status.FAILED
    assert "pat" in now(assignment).last_error
    assert notices_of(cast.outsider) == ["roles/assignment_failed"]


def test_a_secret_that_is_not_where_it_should_be_is_said_and_tried_again(
    cast: Cast,
    role: Role,
    ledger: LedgerDatabase,
    clock: TimeMachineFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assignment = activate(make_eligibility(role, cast.employee), cast.employee)
    with monkeypatch.context() as lost:
        lost.delenv("DIRECTORY_LEDGER_SECRET")
        sweep()
    assert now(assignment).status == Status.PROVISIONING
    assert "env:DIRECTORY_LEDGER_SECRET" in now(assignment).last_error

    clock.shift(HOUR)
    sweep()

    assert ledger.reads("robin")
