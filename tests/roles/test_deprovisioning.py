"""Making untrue in the directory what is over: never early, never given up."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from time_machine import TimeMachineFixture

from accounts.duties import Duty
from accounts.models import Notification
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL
from roles import fulfilling
from roles.connectors.base import Busy, Denied, NotFound, Unavailable
from roles.models import Assignment, EndCause, Intent
from roles.provisioning import end_assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import give_duty, make_person
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


def test_what_is_over_is_taken_away_and_its_holder_is_told(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    clock.move_to(NOON + 4 * HOUR)
    sweep()
    sweep()

    over = now(given)
    assert over.status == Status.ENDED
    assert over.end_cause == EndCause.EXPIRED
    assert over.revoked_at == NOON + 4 * HOUR
    assert vault.times("revoke", given) == 1
    assert notices_of(given.person) == ["roles/assignment_active", "roles/assignment_ended"]
    assert acts_on(given)[-2:] == ["assignment.ended", "assignment.deprovisioned"]


def test_nothing_is_taken_away_early(given: Assignment, vault: Vault, clock: TimeMachineFixture) -> None:
    clock.move_to(NOON + 4 * HOUR - MICROSECOND)
    sweep()

    assert vault.holds(given)
    assert given.is_in_force()


def test_H4_a_directory_that_is_down_is_asked_for_ever_with_growing_pauses(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    clock.move_to(NOON + 4 * HOUR)
    vault.trouble = Unavailable("Nobody there.")
    pauses = []
    for _ in range(20):
        sweep()
        row = now(given)
        pauses.append((row.next_try_at - datetime.now(UTC)).total_seconds())
        assert row.status == Status.ENDING
        assert not row.is_in_force(), "over in the portal, whatever the directory says"
        clock.move_to(row.next_try_at)

    longest = [1, 2, 4, 8, 16, 32, *[60] * 14]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True)), pauses
    assert now(given).attempts == 20
    assert now(given).last_error == "Nobody there."
    assert vault.holds(given)

    vault.trouble = None
    sweep()

    assert not vault.holds(given)
    assert now(given).status == Status.ENDED
    assert now(given).end_cause == EndCause.EXPIRED


def test_H4_what_is_not_yet_revoked_raises_one_alert_that_goes_with_its_cause(
    given: Assignment, vault: Vault, clock: TimeMachineFixture, cast: Cast
) -> None:
    clock.move_to(NOON + 4 * HOUR)
    vault.trouble = Unavailable("Nobody there.")
    for _ in range(3):
        sweep()
        clock.move_to(now(given).next_try_at)

    alert = Alert.objects.get(kind="rights_not_revoked")
    assert alert.severity == Alert.Severity.HIGH
    assert "1 ended in the portal but not yet revoked in Vault" in alert.title
    assert alert.times_seen == 3
    assert Notification.objects.filter(person=cast.administrator, notice="audit/alert_raised").count() == 1
    assert not Notification.objects.filter(person=cast.outsider).exists()

    vault.trouble = None
    sweep()

    assert now(alert).status == Alert.Status.RESOLVED


def test_between_two_tries_the_directory_is_left_in_peace(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    clock.move_to(NOON + 4 * HOUR)
    vault.trouble = Unavailable("Nobody there.")
    sweep()
    vault.trouble = None

    clock.move_to(now(given).next_try_at - MICROSECOND)
    sweep()

    assert vault.times("revoke", given) == 0


def test_pauses_that_grew_while_it_was_given_are_not_carried_over_to_taking_it_away(
    begun: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    vault.trouble_with["robin"] = Unavailable("Nobody there.")
    for _ in range(8):
        sweep()
        clock.move_to(now(begun).next_try_at)

    clock.move_to(NOON + 4 * HOUR)
    sweep()

    assert now(begun).attempts == 1
    assert now(begun).next_try_at <= NOON + 4 * HOUR + timedelta(seconds=1)


def test_a_refusal_to_take_away_is_never_taken_for_done(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    clock.move_to(NOON + 4 * HOUR)
    vault.trouble = Denied("Somebody else gave it too.")
    sweep()

    assert now(given).status == Status.ENDING
    assert open_alerts() == ["rights_not_revoked"]


def test_what_the_directory_refuses_to_take_away_is_tried_for_ever_and_not_all_the_time(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    vault.trouble = Denied("Another superuser gave it too.")
    clock.move_to(NOON + 4 * HOUR)
    for _ in range(12):
        sweep()
        clock.move_to(now(given).next_try_at)

    last = now(given)
    sweep()
    assert now(given).attempts == last.attempts + 1
    assert now(given).next_try_at - last.next_try_at >= timedelta(minutes=5)
    vault.trouble = None
    clock.move_to(now(given).next_try_at)
    sweep()
    assert now(given).status == Status.ENDED


def test_an_account_that_is_gone_holds_nothing_any_more(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    clock.move_to(NOON + 4 * HOUR)
    vault.trouble = NotFound("There is no robin.")
    sweep()

    assert now(given).status == Status.ENDED
    assert entries_on(given).get(action="assignment.deprovisioned").detail["note"] == "account_or_role_gone"


def test_B8_a_right_that_stood_before_stays_and_the_journal_says_so(
    begun: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    vault.rights["robin", "operator"] = "somebody else"
    sweep()
    clock.move_to(NOON + 4 * HOUR)
    sweep()

    assert now(begun).status == Status.ENDED
    assert now(begun).was_there_before
    assert vault.holds(begun)
    assert vault.times("revoke", begun) == 0
    assert entries_on(begun).get(action="assignment.provisioned").detail["was_there_before"] is True
    assert entries_on(begun).get(action="assignment.deprovisioned").detail["note"] == "was_there_before"


def test_B8_without_that_memory_the_right_of_somebody_else_would_be_taken(
    begun: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    vault.rights["robin", "operator"] = "somebody else"
    sweep()
    Assignment.objects.filter(pk=begun.pk).update(was_there_before=False, intent=Intent.NEW)
    clock.move_to(NOON + 4 * HOUR)
    sweep()

    assert not vault.holds(begun)


@pytest.mark.parametrize("verb", ["grant", "revoke"])
def test_a_fault_in_a_connector_over_one_account_harms_nobody_else(
    clock: TimeMachineFixture, cast: Cast, vault: Vault, verb: str
) -> None:
    role = make_role(vault.row)
    people = [cast.employee, *(make_person(f"person{n}") for n in range(3))]
    assignments = [activate(make_eligibility(role, person), person) for person in people]
    if verb == "revoke":
        sweep()
        clock.move_to(NOON + 4 * HOUR)
    vault.trouble_with["robin"] = KeyError("a defect")

    sweep()

    done = Status.ACTIVE if verb == "grant" else Status.ENDED
    assert [now(one).status for one in assignments[1:]] == [done] * 3
    assert now(assignments[0]).status == (Status.PROVISIONING if verb == "grant" else Status.ENDING)
    assert now(assignments[0]).attempts == 1, "it pauses like every other failure"
    assert "KeyError" in now(assignments[0]).last_error


def test_people_are_told_who_may_activate_the_duty_to_look_after_alerts(
    given: Assignment, vault: Vault, clock: TimeMachineFixture, cast: Cast
) -> None:
    portal = make_portal_directory()
    make_eligibility(portal.roles.get(entitlement=Duty.SECURITY_ADMINISTRATOR), cast.second_approver)
    give_duty(cast.outsider, Duty.GLOBAL_READER)
    clock.move_to(NOON + 4 * HOUR)
    vault.trouble = Unavailable("Nobody there.")

    sweep()

    told_people = set(
        Notification.objects.filter(notice="audit/alert_raised").values_list("person__email", flat=True)
    )
    assert told_people == {"dana@example.test", "jo@example.test"}


def test_who_did_not_get_a_turn_in_a_long_round_gets_it_in_the_next(
    clock: TimeMachineFixture, cast: Cast, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = make_role(vault.row)
    people = (cast.employee, cast.outsider)
    held = [activate(make_eligibility(role, person), person) for person in people]
    seconds = iter([0, 0, fulfilling.LANE + 1])  # the first call takes longer than a round may
    monkeypatch.setattr(fulfilling, "time", SimpleNamespace(monotonic=lambda: next(seconds, 0)))

    assert fulfilling.work(vault.row.pk, Status.PROVISIONING) == 1
    assert sorted(now(one).status for one in held) == [Status.ACTIVE, Status.PROVISIONING]

    assert fulfilling.work(vault.row.pk, Status.PROVISIONING) == 1
    assert [now(one).attempts for one in held] == [0, 0], "waiting for a turn is no failure"


def test_a_connector_that_cannot_even_be_made_is_tried_again(
    given: Assignment, vault: Vault, clock: TimeMachineFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(directory: object) -> None:
        raise ImportError("a library is missing")

    clock.move_to(NOON + 4 * HOUR)
    with monkeypatch.context() as broken:
        broken.setattr(fulfilling, "connector_for", fail)
        sweep()
    assert now(given).status == Status.ENDING
    assert open_alerts() == ["rights_not_revoked"]

    clock.move_to(now(given).next_try_at)
    sweep()
    assert not vault.holds(given)


def test_the_connector_gets_back_what_it_gave_when_the_right_was_given(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    clock.move_to(NOON + 4 * HOUR)
    sweep()

    assert vault.receipts == [f"receipt of assignment-{given.pk}"]


@pytest.mark.parametrize(("error", "others"), [(Busy, Status.ENDED), (Unavailable, Status.ENDING)])
def test_a_directory_that_is_busy_with_one_serves_the_others_one_that_is_gone_serves_nobody(
    clock: TimeMachineFixture, cast: Cast, vault: Vault, error: type[Exception], others: str
) -> None:
    role = make_role(vault.row)
    stuck, *rest = (
        activate(make_eligibility(role, person), person)
        for person in (cast.employee, cast.outsider, cast.approver)
    )
    sweep()
    vault.trouble_with["robin"] = error("Not now.")
    for one in (stuck, *rest):  # in this order
        end_assignment(now(one), actor=PORTAL, cause=EndCause.REMOVED)
        clock.shift(1)

    sweep()

    assert now(stuck).status == Status.ENDING
    assert {now(one).status for one in rest} == {others}
