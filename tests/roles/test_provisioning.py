"""Making true in the directory what is written down: once, in time, and again until it is."""

from datetime import UTC, datetime

import pytest
from time_machine import TimeMachineFixture

from accounts.duties import Duty, holds
from accounts.models import Membership, Notification
from audit.journal.actor import PORTAL
from audit.journal.verifying import verify_journal
from roles.assigning import end_eligibility
from roles.connectors.base import AuthenticationFailed, Denied, NotFound, Unavailable, Unsupported
from roles.models import Account, Assignment, Directory, Eligibility, EndCause
from roles.provisioning import begin_assignment, deprovision_assignment, end_assignment, provision_assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_group, make_person
from tests.factories.roles import (
    HOUR,
    MICROSECOND,
    NOON,
    activate,
    acts_on,
    entries_on,
    make_eligibility,
    make_portal_directory,
    make_role,
    notices_of,
    now,
    open_alerts,
)

pytestmark = pytest.mark.django_db

Status = Assignment.Status


def test_a_right_is_given_once_and_its_holder_is_told(begun: Assignment, vault: Vault) -> None:
    assert begun.status == Status.PROVISIONING
    assert not vault.holds(begun)

    sweep()
    sweep()

    assert now(begun).status == Status.ACTIVE
    assert now(begun).active_since == NOON
    assert vault.told == [("grant", "robin", "operator")]
    assert notices_of(begun.person) == ["roles/assignment_active"]
    assert acts_on(begun) == ["assignment.begun", "assignment.started", "assignment.provisioned"]
    assert [row.status for row in now(begun).history.order_by("pk")] == [
        "scheduled",
        "provisioning",
        "active",
    ]  # type: ignore[attr-defined]
    assert verify_journal().holds


def test_a_message_that_comes_twenty_times_has_one_effect(begun: Assignment, vault: Vault) -> None:
    for _ in range(20):
        provision_assignment(begun.pk)
    given = list(vault.told)
    end_assignment(now(begun), actor=PORTAL, cause=EndCause.REMOVED)
    for _ in range(20):
        deprovision_assignment(begun.pk)
        provision_assignment(begun.pk)

    assert given == [("grant", "robin", "operator")]
    assert vault.told == [*given, ("revoke", "robin", "operator")]
    assert acts_on(begun).count("assignment.deprovisioned") == 1


def test_a_message_about_something_that_is_not_there_does_nothing(vault: Vault) -> None:
    provision_assignment(10**9)
    deprovision_assignment(10**9)

    assert vault.told == []


def test_a_message_that_comes_after_the_end_gives_nothing(
    begun: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    clock.move_to(NOON + 4 * HOUR)

    provision_assignment(begun.pk)

    assert vault.told == []
    assert now(begun).status == Status.PROVISIONING, "the sweep will say that it is over"


def test_a_name_that_is_listed_goes_before_the_rule(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    Account.objects.create(directory=vault.row, person=cast.employee, name="robin_adm")

    activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee)
    sweep()

    assert vault.told == [("grant", "robin_adm", "operator")]


def test_without_an_account_nothing_is_given_and_the_holder_is_told(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    Directory.objects.filter(pk=vault.row.pk).update(account_names=Directory.AccountNames.LISTED)
    role = make_role(Directory.objects.get(pk=vault.row.pk))

    assignment = activate(make_eligibility(role, cast.employee), cast.employee)
    sweep()

    assert now(assignment).status == Status.FAILED
    assert "no account" in now(assignment).last_error
    assert notices_of(assignment.person) == ["roles/assignment_failed"]
    assert vault.told == []


def test_a_name_that_two_people_would_go_by_is_nobodys_until_it_is_listed(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    make_person("robin@elsewhere.example.test")
    eligibility = make_eligibility(make_role(vault.row), cast.employee)
    in_doubt = activate(eligibility, cast.employee)
    sweep()
    assert now(in_doubt).status == Status.FAILED
    assert vault.told == [], "nobody else's account was touched"

    Account.objects.create(directory=vault.row, person=cast.employee, name="robin")
    listed = activate(eligibility, cast.employee)
    sweep()
    assert listed.is_in_force()


@pytest.mark.parametrize("error", [Denied, NotFound, Unsupported])
def test_what_the_directory_will_never_give_fails_at_once_and_ends_on_time(
    begun: Assignment, vault: Vault, clock: TimeMachineFixture, error: type[Exception]
) -> None:
    vault.trouble = error("No.")
    sweep()
    assert now(begun).status == Status.FAILED
    assert now(begun).last_error == "No."
    assert notices_of(begun.person) == ["roles/assignment_failed"]
    assert entries_on(begun).get(action="assignment.failed").outcome == "failed"

    vault.trouble = None
    clock.shift(HOUR)
    sweep()
    assert vault.told == [], "it was not tried again"
    assert open_alerts() == ["rights_not_given"], "somebody has to act in the directory"

    clock.move_to(NOON + 4 * HOUR)
    sweep()
    assert now(begun).status == Status.ENDED
    assert now(begun).end_cause == EndCause.EXPIRED
    assert open_alerts() == []


@pytest.mark.parametrize("error", [Unavailable, AuthenticationFailed])
def test_a_directory_that_does_not_answer_gives_when_it_is_back(
    begun: Assignment, vault: Vault, clock: TimeMachineFixture, cast: Cast, error: type[Exception]
) -> None:
    vault.trouble = error("Nobody there.")
    sweep()
    assert now(begun).status == Status.PROVISIONING
    assert now(begun).last_error == "Nobody there."
    assert not begun.is_in_force()
    assert open_alerts() == ["rights_not_given"]
    assert Notification.objects.filter(person=cast.administrator, notice="audit/alert_raised").exists()

    vault.trouble = None
    clock.shift(HOUR)
    sweep()

    assert begun.is_in_force()
    assert now(begun).last_error == ""
    assert open_alerts() == [], "what the alert spoke of is gone"


def test_an_alert_about_what_is_not_given_goes_when_it_is_not_wanted_any_more(
    begun: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    vault.trouble = Unavailable("Nobody there.")
    sweep()

    vault.trouble = None
    clock.move_to(NOON + 4 * HOUR)
    sweep()

    assert now(begun).status == Status.ENDED
    assert open_alerts() == []


def test_a_grant_whose_answer_was_lost_is_the_portals_own(
    begun: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    def lose_the_answer() -> None:
        vault.before_answering = lambda: None
        raise Unavailable("The line was cut.")

    vault.before_answering = lose_the_answer
    sweep()
    assert now(begun).status == Status.PROVISIONING
    assert vault.holds(begun)

    clock.shift(HOUR)
    sweep()
    clock.move_to(NOON + 4 * HOUR)
    sweep()

    assert not now(begun).was_there_before
    assert not vault.holds(begun)


@pytest.fixture
def scheduled(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Assignment:
    """Two hours of a role from one o'clock on, by an eligibility of a group."""
    eligibility = make_eligibility(make_role(vault.row), make_group("Operators", cast.employee))
    return activate(eligibility, cast.employee, minutes=120, starts_at=NOON + HOUR)


def test_what_starts_later_waits_and_then_begins(
    scheduled: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    assert scheduled.status == Status.SCHEDULED
    clock.move_to(NOON + HOUR - MICROSECOND)
    sweep()
    assert vault.told == []

    clock.move_to(NOON + HOUR)
    sweep()

    assert scheduled.is_in_force()
    assert now(scheduled).ends_at == NOON + 3 * HOUR
    assert vault.holds(scheduled)


def end_the_eligibility(assignment: Assignment) -> None:
    end_eligibility(Eligibility.objects.get(pk=assignment.eligibility_id), actor=PORTAL)


def let_the_eligibility_run_out(assignment: Assignment) -> None:
    Eligibility.objects.filter(pk=assignment.eligibility_id).update(ends_at=NOON + HOUR)


def leave_the_group(assignment: Assignment) -> None:
    Membership.objects.filter(person=assignment.person).delete()


def disable_the_holder(assignment: Assignment) -> None:
    type(assignment.person).objects.filter(pk=assignment.person_id).update(is_active=False)


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        (end_the_eligibility, EndCause.ELIGIBILITY_ENDED),
        (let_the_eligibility_run_out, EndCause.ELIGIBILITY_ENDED),
        (leave_the_group, EndCause.ELIGIBILITY_ENDED),
        (disable_the_holder, EndCause.LEFT),
    ],
)
def test_B15_what_it_rests_on_is_asked_again_at_the_start(
    scheduled: Assignment, vault: Vault, clock: TimeMachineFixture, happens: object, cause: str
) -> None:
    happens(scheduled)  # type: ignore[operator]

    clock.move_to(NOON + HOUR)
    sweep()
    sweep()

    assert vault.told == []
    assert now(scheduled).status == Status.ENDED
    assert now(scheduled).end_cause == cause


def test_a_duty_is_true_when_the_act_returns(cast: Cast) -> None:
    role = make_portal_directory().roles.get(entitlement=Duty.SECURITY_READER)

    assignment = begin_assignment(
        role,
        actor=PORTAL,
        person=cast.outsider,
        scope=role.directory.root_scope(),
        starts_at=datetime.now(UTC),
        ends_at=None,
    )
    assert holds(cast.outsider, Duty.SECURITY_READER)
    assert assignment.status == Status.ACTIVE

    end_assignment(assignment, actor=PORTAL, cause=EndCause.REMOVED)

    assert not holds(cast.outsider, Duty.SECURITY_READER)
    assert assignment.status == Status.ENDED
