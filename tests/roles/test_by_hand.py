"""Directories that people keep by hand: each right is a task, and stands once somebody says so."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from guardian.shortcuts import assign_perm
from time_machine import TimeMachineFixture

from accounts.models import Notification
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL, Actor
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from audit.journal.verifying import verify_journal
from roles.cataloguing import add_scope, open_directory
from roles.connectors.base import Busy, Denied, Grant, NotFound, Unsupported
from roles.connectors.registry import connector_for_kind
from roles.doing_by_hand import confirm_task, people_asked, refuse_task
from roles.models import Assignment, Directory, Drift, Eligibility, EndCause, HandTask
from roles.provisioning import end_assignment
from roles.reaching import connector_for
from roles.reconciling import reconcile
from roles.sweeping import sweep
from tests.cast import Cast, make_cast
from tests.factories.roles import (
    HOUR,
    NOON,
    activate,
    acts_on,
    make_eligibility,
    make_role,
    notices_of,
    now,
    open_alerts,
)
from tests.races import racing

pytestmark = pytest.mark.django_db

Status = Assignment.Status


def open_cabinet() -> Directory:
    return open_directory("Key cabinet", actor=PORTAL, kind="by_hand")


def keyholder(cast: Cast, cabinet: Directory) -> Assignment:
    role = make_role(cabinet, "Vault keyholders")
    return activate(make_eligibility(role, cast.employee), cast.employee)


@pytest.fixture
def cabinet(db: None) -> Directory:
    return open_cabinet()


@pytest.fixture
def waiting(clock: TimeMachineFixture, cast: Cast, cabinet: Directory) -> Assignment:
    """The employee's four hours, asked for by the portal and not yet given by hand."""
    assign_perm("own_directory", cast.approver, cabinet)
    held = keyholder(cast, cabinet)
    sweep()
    return now(held)


@pytest.fixture
def given(waiting: Assignment, cast: Cast) -> Assignment:
    """The same, given."""
    confirm_task(HandTask.objects.get(), actor=Actor.of(cast.approver), note="Key 7")
    sweep()
    return now(waiting)


def test_a_right_waits_for_somebody_to_give_it_and_is_in_force_once_they_say_so(
    waiting: Assignment, cast: Cast, clock: TimeMachineFixture
) -> None:
    for _ in range(3):
        clock.shift(timedelta(minutes=6))
        sweep()
    task = HandTask.objects.get()
    assert (now(waiting).status, task.status) == (Status.PROVISIONING, "open")
    assert "by hand" in now(waiting).last_error
    assert notices_of(cast.approver) == ["roles/hand_task_asked"]
    asked = Notification.objects.get(person=cast.approver)
    assert asked.subject == "Put Robin Sample into “Vault keyholders” in Key cabinet"
    assert task.until() == waiting.ends_at

    confirm_task(task, actor=Actor.of(cast.approver), note="Key 7")
    sweep()

    assert now(waiting).status == Status.ACTIVE
    assert acts_on(task) == ["hand_task.asked", "hand_task.done"]
    assert [row.status for row in task.history.order_by("pk")] == ["open", "done"]
    assert verify_journal().holds


def test_at_its_end_somebody_is_asked_to_take_it_and_until_they_say_so_it_is_not_revoked(
    given: Assignment, cast: Cast, clock: TimeMachineFixture
) -> None:
    clock.shift(4 * HOUR)
    sweep()
    task = HandTask.objects.get(status="open")
    assert str(task) == "Take Robin Sample out of “Vault keyholders” in Key cabinet"
    assert task.is_late
    assert now(given).status == Status.ENDING
    assert open_alerts() == ["rights_not_revoked"]

    confirm_task(task, actor=Actor.of(cast.approver))
    sweep()

    assert now(given).status == Status.ENDED
    assert open_alerts() == []
    assert not HandTask.objects.standing().exists()


def test_what_ends_before_it_was_given_is_asked_for_no_more_and_those_asked_are_told(
    waiting: Assignment, cast: Cast
) -> None:
    task = HandTask.objects.get()
    end_assignment(waiting, actor=PORTAL, cause=EndCause.DEACTIVATED)
    sweep()

    assert (now(waiting).status, now(task).status) == (Status.ENDED, "withdrawn")
    assert HandTask.objects.count() == 1
    assert "roles/hand_task_withdrawn" in notices_of(cast.approver)
    with pytest.raises(Overtaken, match="undo it"):
        confirm_task(task, actor=Actor.of(cast.approver))


def test_what_is_held_again_before_it_was_taken_stays_and_nobody_need_take_it(
    given: Assignment, cast: Cast, clock: TimeMachineFixture
) -> None:
    end_assignment(given, actor=PORTAL, cause=EndCause.DEACTIVATED)
    sweep()
    taking = HandTask.objects.get(status="open")
    again = activate(Eligibility.objects.get(), cast.employee)
    sweep()
    clock.shift(timedelta(minutes=2))
    sweep()

    assert (now(again).status, now(given).status) == (Status.ACTIVE, Status.ENDED)
    assert now(taking).status == "withdrawn"
    assert HandTask.objects.standing().count() == 1


def test_what_could_not_be_given_fails_with_the_reason(waiting: Assignment, cast: Cast) -> None:
    refuse_task(HandTask.objects.get(), actor=Actor.of(cast.approver), note="The key is lost")
    sweep()

    assert now(waiting).status == Status.FAILED
    assert "The key is lost" in now(waiting).last_error
    assert open_alerts() == ["rights_not_given"]


def test_what_could_not_be_taken_stands_on_with_an_alert_and_can_be_taken_later(
    given: Assignment, cast: Cast, clock: TimeMachineFixture
) -> None:
    end_assignment(given, actor=PORTAL, cause=EndCause.REMOVED)
    sweep()
    task = HandTask.objects.get(status="open")
    refuse_task(task, actor=Actor.of(cast.approver), note="Robin is away with the key")
    clock.shift(timedelta(minutes=2))
    sweep()

    assert now(given).status == Status.ENDING
    assert "Robin is away with the key" in Alert.objects.open().get().text
    assert now(task).is_late
    with pytest.raises(Overtaken):
        refuse_task(now(task), actor=Actor.of(cast.approver), note="Still")

    confirm_task(now(task), actor=Actor.of(cast.approver))
    sweep()
    assert now(given).status == Status.ENDED


def test_why_it_could_not_be_done_has_to_be_said(waiting: Assignment, cast: Cast) -> None:
    with pytest.raises(Refused, match="Say why"):
        refuse_task(HandTask.objects.get(), actor=Actor.of(cast.approver), note=" ")


def test_only_who_looks_after_it_may_say_what_came_of_it_and_never_about_themselves(
    waiting: Assignment, cast: Cast
) -> None:
    task = HandTask.objects.get()
    for person in (cast.auditor, cast.outsider, cast.root, cast.employee):
        with pytest.raises(NotAllowed):
            confirm_task(task, actor=Actor.of(person))
    assign_perm("own_directory", cast.employee, task.role.directory)
    with pytest.raises(NotAllowed, match="about you"):
        confirm_task(task, actor=Actor.of(cast.employee))

    assert people_asked(task) == [cast.approver]
    assert now(task).status == "open"


def test_given_no_owner_or_only_the_person_themselves_then_the_role_administrators_are_asked(
    clock: TimeMachineFixture, cast: Cast, cabinet: Directory
) -> None:
    assign_perm("own_directory", cast.employee, cabinet)
    keyholder(cast, cabinet)
    sweep()

    assert people_asked(HandTask.objects.get()) == [cast.administrator]
    assert notices_of(cast.administrator).count("roles/hand_task_asked") == 1


def test_whoever_confirms_second_is_told_who_was_faster(waiting: Assignment, cast: Cast) -> None:
    task, seen = HandTask.objects.get(), HandTask.objects.get()
    confirm_task(task, actor=Actor.of(cast.administrator))
    with pytest.raises(Overtaken, match=str(cast.administrator)):
        confirm_task(seen, actor=Actor.of(cast.approver))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_confirm_at_once_one_wins() -> None:
    cast, cabinet = make_cast(), open_cabinet()
    for person in (cast.approver, cast.second_approver):
        assign_perm("own_directory", person, cabinet)
    held = keyholder(cast, cabinet)
    sweep()
    key = HandTask.objects.get().pk

    def confirm(person: str) -> None:
        confirm_task(HandTask.objects.get(pk=key), actor=Actor.of(getattr(cast, person)))

    with racing(2) as race:
        race([partial(confirm, "approver"), partial(confirm, "second_approver")])
    sweep()

    task = HandTask.objects.get()
    assert acts_on(task).count("hand_task.done") == 1
    assert now(held).status == Status.ACTIVE


def test_what_was_confirmed_is_what_stands_and_comparing_finds_no_difference(
    given: Assignment, cast: Cast, clock: TimeMachineFixture
) -> None:
    cabinet = given.role.directory
    connector = connector_for(cabinet)
    assert connector.list_grants(["vault_keyholders", "nothing"]) == [
        Grant("robin", "vault_keyholders", None, str(cast.approver))
    ]
    clock.shift(HOUR)
    reconcile(cabinet.pk)
    assert not Drift.objects.exists()


def test_another_directory_of_the_kind_has_rights_of_its_own(given: Assignment) -> None:
    other = open_directory("Cellar", actor=PORTAL, kind="by_hand")
    make_role(other, "Vault keyholders")

    assert connector_for(other).list_grants(["vault_keyholders"]) == []


def test_at_another_place_it_is_another_right(clock: TimeMachineFixture, cabinet: Directory) -> None:
    make_role(cabinet, "Vault keyholders")
    add_scope(cabinet.root_scope(), actor=PORTAL, name="Berlin", path="/berlin")
    connector = connector_for(cabinet)
    right = {"account": "robin", "entitlement": "vault_keyholders", "operation": "assignment-1"}
    for scope in ("/", "/berlin"):
        with pytest.raises(Busy):
            connector.grant(**right, not_after=None, scope=scope)
    with pytest.raises(NotFound, match="/paris"):
        connector.grant(**right, not_after=None, scope="/paris")

    assert HandTask.objects.count() == 2
    assert connector.revoke(**right, scope="/berlin").changed is False
    assert HandTask.objects.get(status="open").scope.is_root


def test_the_calls_may_be_repeated_and_say_truly_what_changed(
    clock: TimeMachineFixture, cast: Cast, cabinet: Directory
) -> None:
    make_role(cabinet, "Vault keyholders")
    connector = connector_for(cabinet)
    right = {"account": "robin", "entitlement": "vault_keyholders"}
    actor = Actor.of(cast.administrator)
    assert connector.revoke(**right, operation="op-0").changed is False
    for _ in range(2):
        with pytest.raises(Busy):
            connector.grant(**right, not_after=NOON, operation="op-1")
    confirm_task(HandTask.objects.get(), actor=actor)
    assert connector.grant(**right, not_after=NOON, operation="op-1").changed
    assert not connector.grant(**right, not_after=NOON, operation="op-2").changed
    for _ in range(2):
        with pytest.raises(Busy):
            connector.revoke(**right, operation="op-3")
    refuse_task(HandTask.objects.get(act="take"), actor=actor, note="Away")
    with pytest.raises(Denied, match="Away"):
        connector.revoke(**right, operation="op-3")
    confirm_task(HandTask.objects.get(act="take"), actor=actor)
    assert connector.revoke(**right, operation="op-3").changed
    assert HandTask.objects.count() == 2
    with pytest.raises(NotFound):
        connector.grant("robin", "nothing", not_after=None, operation="op-4")


def test_its_check_says_whether_there_is_somebody_to_ask(cabinet: Directory) -> None:
    make_role(cabinet, "Vault keyholders")

    finding = connector_for(cabinet).check(["vault_keyholders", "nothing"])

    assert finding["administers"] == ["vault_keyholders"]
    assert finding["missing"] == [
        'There is no role "nothing" here.',
        "There is nobody to ask: the directory needs an owner.",
    ]


def test_it_takes_no_settings_and_says_what_it_can_do_without_any() -> None:
    assert connector_for_kind("by_hand", {}).capabilities.lists
    with pytest.raises(Unsupported, match="host"):
        connector_for_kind("by_hand", {"host": "x"})
