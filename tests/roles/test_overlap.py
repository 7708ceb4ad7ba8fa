"""One right, held several times over: it stays in the directory until the last of them ends."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from time_machine import TimeMachineFixture

from accounts.duties import Duty, duties_of, holds
from accounts.models import DutyHolding
from audit.journal.actor import PORTAL
from audit.journal.verifying import verify_journal
from roles import fulfilling
from roles.connectors.base import Unavailable
from roles.models import Account, Assignment, EndCause, Role
from roles.planning import GRACE
from roles.provisioning import begin_assignment, end_assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault, open_vault
from tests.factories.people import make_group
from tests.factories.roles import (
    HOUR,
    NOON,
    activate,
    entries_on,
    make_eligibility,
    make_portal_directory,
    make_role,
    now,
)

pytestmark = pytest.mark.django_db

Status = Assignment.Status


def assign(role: Role, cast: Cast, *, hours: float | None) -> Assignment:
    """Let the employee hold the role directly from now on."""
    start = datetime.now(UTC)
    return begin_assignment(
        role,
        actor=PORTAL,
        person=cast.employee,
        scope=role.directory.root_scope(),
        starts_at=start,
        ends_at=None if hours is None else start + hours * HOUR,
    )


@pytest.fixture
def two(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> tuple[Assignment, Assignment]:
    """Two hours by an eligibility of one's own, four by one of a group, for the same right."""
    role = make_role(vault.row)
    first = activate(make_eligibility(role, cast.employee), cast.employee, minutes=120)
    second = activate(
        make_eligibility(role, make_group("Operators", cast.employee)), cast.employee, minutes=240
    )
    sweep()
    return now(first), now(second)


def test_B6_the_first_end_does_not_take_what_the_second_needs(
    two: tuple[Assignment, Assignment], vault: Vault, clock: TimeMachineFixture
) -> None:
    first, second = two

    clock.move_to(NOON + 2 * HOUR)
    sweep()
    assert now(first).status == Status.ENDED
    assert vault.holds(second)
    assert second.is_in_force()
    assert entries_on(first).get(action="assignment.deprovisioned").detail["note"] == "kept_for_another"

    clock.move_to(NOON + 4 * HOUR)
    sweep()
    assert not vault.holds(second)
    assert vault.times("revoke", second) == 1


def test_B6_without_asking_who_else_needs_it_the_right_would_be_gone(
    two: tuple[Assignment, Assignment],
    vault: Vault,
    clock: TimeMachineFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, second = two
    monkeypatch.setattr(fulfilling, "_ends_of_rights", lambda claimed: {})

    clock.move_to(NOON + 2 * HOUR)
    sweep()

    assert second.is_in_force()
    assert not vault.holds(second)


def test_B6_both_may_end_in_the_same_moment(
    two: tuple[Assignment, Assignment], vault: Vault, clock: TimeMachineFixture
) -> None:
    clock.move_to(NOON + 5 * HOUR)
    sweep()

    assert [now(one).status for one in two] == [Status.ENDED] * 2
    assert not vault.holds(two[0])


def test_B7_a_right_assigned_for_good_survives_every_activation(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row)
    for_good = assign(role, cast, hours=None)
    activation = activate(make_eligibility(role, cast.employee), cast.employee)
    sweep()

    clock.move_to(NOON + 4 * HOUR)
    sweep()
    assert now(activation).status == Status.ENDED
    assert vault.holds(for_good)

    end_assignment(now(for_good), actor=PORTAL, cause=EndCause.REMOVED)
    sweep()
    assert not vault.holds(for_good)


def test_B7_an_account_that_has_gone_to_somebody_else_keeps_what_they_hold(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row)
    listed = Account.objects.create(directory=vault.row, person=cast.employee, name="shared")
    first = activate(make_eligibility(role, cast.employee), cast.employee, minutes=60)
    sweep()
    listed.delete()
    Account.objects.create(directory=vault.row, person=cast.outsider, name="shared")
    second = activate(make_eligibility(role, cast.outsider), cast.outsider, minutes=120)
    sweep()

    clock.move_to(NOON + HOUR)
    sweep()
    assert now(first).status == Status.ENDED
    assert second.is_in_force()
    assert vault.holds(second)

    clock.move_to(NOON + 2 * HOUR)
    sweep()
    assert vault.rights == {}


def test_B8_what_stood_before_the_first_is_still_there_after_the_last(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    vault.rights["robin", "operator"] = "somebody else"
    role = make_role(vault.row)
    first, second = assign(role, cast, hours=1), assign(role, cast, hours=2)
    sweep()

    clock.move_to(NOON + 3 * HOUR)
    sweep()

    assert [now(one).status for one in (first, second)] == [Status.ENDED] * 2
    assert vault.holds(first)


def test_B6_a_directory_that_keeps_an_end_itself_is_told_the_latest(
    clock: TimeMachineFixture, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = open_vault(monkeypatch, "expiring", native_expiry="optional")
    role = make_role(vault.row)
    right = ("robin", "operator")

    assign(role, cast, hours=4)
    short = assign(role, cast, hours=1)
    sweep()
    assert vault.ends[right] == NOON + 4 * HOUR + GRACE, "the shorter one does not shorten it"

    for_good = assign(role, cast, hours=None)
    sweep()
    assert vault.ends[right] is None

    end_assignment(now(for_good), actor=PORTAL, cause=EndCause.REMOVED)
    sweep()
    assert vault.ends[right] == NOON + 4 * HOUR + GRACE, "nothing is for good any more"
    assert now(short).status == Status.ACTIVE


def test_B7_a_duty_held_twice_is_held_until_the_later_end_with_no_worker(
    clock: TimeMachineFixture, cast: Cast
) -> None:
    role = make_portal_directory().roles.get(entitlement=Duty.SECURITY_READER)
    assign(role, cast, hours=4)
    early = assign(role, cast, hours=1)
    assert DutyHolding.objects.get(person=cast.employee).ends_at == NOON + 4 * HOUR

    end_assignment(early, actor=PORTAL, cause=EndCause.REMOVED)
    clock.move_to(NOON + 4 * HOUR - timedelta(microseconds=1))
    assert holds(cast.employee, Duty.SECURITY_READER)
    clock.move_to(NOON + 4 * HOUR)
    assert not duties_of(cast.employee)


class Overlapping(RuleBasedStateMachine):
    """Assignments of one right begin and end as they like; the directory answers or does not.

    Whenever it answered last, the right stands there exactly if some assignment is due.
    """

    def __init__(self, cast: Cast) -> None:
        super().__init__()
        self.undo = pytest.MonkeyPatch()
        self.block: AbstractContextManager[None] = transaction.atomic()
        self.block.__enter__()
        self.travel = time_machine.travel(NOON, tick=False)
        self.clock = self.travel.start()
        self.cast = cast
        self.vault = open_vault(self.undo)
        self.role = make_role(self.vault.row)
        self.eligibility = make_eligibility(self.role, cast.employee)

    def teardown(self) -> None:
        try:
            self.work()
        finally:
            transaction.set_rollback(True)
            self.block.__exit__(None, None, None)
            self.travel.stop()
            self.undo.undo()

    @initialize(first=st.sampled_from([1, 2]), second=st.sampled_from([2, 4]))
    def overlap(self, first: float, second: float) -> None:
        """Chance alone would let too few of them overlap."""
        self.assign(hours=first)
        self.assign(hours=second)

    @rule(hours=st.sampled_from([1, 2, 4]))
    def assign(self, hours: float) -> None:
        assign(self.role, self.cast, hours=hours)
        self.work()

    @precondition(lambda self: not Assignment.objects.due().filter(eligibility=self.eligibility).exists())
    @rule(minutes=st.sampled_from([30, 90, 180]))
    def activate(self, minutes: int) -> None:
        activate(self.eligibility, self.cast.employee, minutes=minutes)
        self.work()

    @precondition(lambda self: Assignment.objects.due().exists())
    @rule(last=st.booleans())
    def remove(self, last: bool) -> None:
        due = Assignment.objects.due().order_by("-ends_at" if last else "ends_at")
        end_assignment(due[0], actor=PORTAL, cause=EndCause.REMOVED)
        self.work()

    @precondition(lambda self: Assignment.objects.due().exists())
    @rule(is_down=st.booleans())
    def pass_time(self, is_down: bool) -> None:
        """To the next end; the directory may be down just then."""
        self.clock.move_to(Assignment.objects.due().order_by("ends_at")[0].ends_at)
        if is_down:
            self.vault.trouble = Unavailable("Nobody there.")
            sweep()
            self.vault.trouble = None
            self.clock.shift(timedelta(minutes=6))  # past the longest pause
        self.work()

    def work(self) -> None:
        sweep()
        stands = ("robin", "operator") in self.vault.rights
        assert stands is Assignment.objects.due().exists()
        assert stands is Assignment.objects.in_force().exists()


def test_B6_however_they_overlap_the_right_stands_while_one_of_them_is_due(cast: Cast) -> None:
    machine: Callable[[], Overlapping] = lambda: Overlapping(cast)  # noqa: E731

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=4,
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=[Phase.generate],  # eight steps need no shrinking
        ),
    )

    assert verify_journal().holds
