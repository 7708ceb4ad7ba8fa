"""When a person is disabled, everything they hold and wait for ends in the same moment."""

from datetime import timedelta

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from accounts.duties import Duty, holds
from accounts.leaving import disable_person, enable_person
from accounts.models import Membership
from approvals.models import AccessRequest
from approvals.requesting import request_activation
from audit.journal.actor import PORTAL
from audit.journal.refusing import Refused
from audit.journal.verifying import verify_journal
from roles import receivers
from roles.connectors.base import Denied
from roles.models import Assignment, Eligibility, EndCause
from roles.provisioning import begin_assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_group
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    activate,
    ask,
    asked,
    entries_on,
    make_eligibility,
    make_portal_directory,
    make_role,
    notices_of,
    now,
)

pytestmark = pytest.mark.django_db

Status = Assignment.Status


def leave(cast: Cast) -> None:
    """An administrator disables the employee."""
    disable_person(cast.employee, actor=acting(cast.administrator), justification="Left the company")


def test_everything_a_leaver_holds_ends_at_once_and_the_directory_follows(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row)
    active = activate(make_eligibility(role, cast.employee), cast.employee)
    by_group = activate(make_eligibility(role, make_group("Operators", cast.employee)), cast.employee)
    sweep()
    vault.trouble_with["robin"] = Denied("No.")
    failed = activate(make_eligibility(make_role(vault.row, "Failing"), cast.employee), cast.employee)
    sweep()
    vault.trouble_with.clear()
    begun = activate(make_eligibility(make_role(vault.row, "Begun"), cast.employee), cast.employee)
    later = activate(
        make_eligibility(make_role(vault.row, "Later"), cast.employee), cast.employee, starts_at=NOON + HOUR
    )
    everything = [active, by_group, failed, begun, later]
    assert [now(one).status for one in everything] == [
        "active",
        "active",
        "failed",
        "provisioning",
        "scheduled",
    ]

    leave(cast)

    assert not Assignment.objects.due().exists()
    assert {now(one).end_cause for one in everything} == {EndCause.LEFT}
    assert [now(one).status for one in everything] == ["ending", "ending", "ending", "ending", "ended"]
    entry = entries_on(active).get(action="assignment.ended")
    assert (entry.actor_name, entry.detail["cause"]) == ("Dana Fictive", "left")

    sweep()

    assert vault.rights == {}
    assert {now(one).status for one in everything} == {Status.ENDED}
    assert verify_journal().holds


def test_a_duty_of_a_leaver_is_gone_when_the_act_returns(cast: Cast) -> None:
    role = make_portal_directory().roles.get(entitlement=Duty.SECURITY_ADMINISTRATOR)
    begin_assignment(
        role,
        actor=PORTAL,
        person=cast.employee,
        scope=role.directory.root_scope(),
        starts_at=timezone.now(),
        ends_at=None,
    )

    leave(cast)
    assert not holds(now(cast.employee), Duty.SECURITY_ADMINISTRATOR)

    enable_person(cast.employee, actor=acting(cast.administrator), justification="Came back")
    assert not holds(now(cast.employee), Duty.SECURITY_ADMINISTRATOR), "roles that ended stay ended"


def test_what_a_leaver_asked_for_is_not_decided_any_more(cast: Cast, vault: Vault) -> None:
    role = make_role(vault.row, approvers=[cast.approver])
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    somebody_elses = ask(make_eligibility(role, cast.outsider), cast.outsider)

    leave(cast)

    assert now(waiting).status == AccessRequest.Status.FAILED
    assert now(waiting).outcome_note == "The person was disabled."
    assert now(somebody_elses).status == AccessRequest.Status.PENDING
    assert "approvals/activation_failed" not in notices_of(cast.employee), "who is disabled is not told"


def test_a_leaver_whose_page_is_still_open_asks_in_vain(cast: Cast, vault: Vault) -> None:
    eligibility = make_eligibility(make_role(vault.row), cast.employee)
    as_signed_in = now(cast.employee)
    leave(cast)

    with pytest.raises(Refused, match="not eligible"):
        request_activation(eligibility, actor=acting(as_signed_in), asked=asked())

    assert not AccessRequest.objects.exists()


def test_someone_who_comes_back_may_ask_again_and_has_nothing_meanwhile(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    eligibility = make_eligibility(make_role(vault.row), cast.employee)
    held = activate(eligibility, cast.employee)
    sweep()
    leave(cast)
    enable_person(cast.employee, actor=acting(cast.administrator), justification="Came back")
    sweep()

    assert not held.is_in_force()
    assert not vault.holds(held)
    assert eligibility in Eligibility.objects.in_force().of(now(cast.employee))
    activate(eligibility, now(cast.employee))


def test_when_what_they_hold_cannot_be_ended_they_are_not_disabled(
    given: Assignment, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(receivers, "end_assignment", fail)

    with pytest.raises(RuntimeError):
        leave(cast)

    assert now(cast.employee).is_active, "all of it or nothing"
    assert given.is_in_force()


def test_without_the_news_an_assignment_would_still_not_count_but_stand_in_the_directory(
    given: Assignment, cast: Cast, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accounts.signals import user_left

    monkeypatch.setattr(user_left, "send", lambda **news: None)

    leave(cast)

    assert not given.is_in_force()
    assert now(given).status == Status.ACTIVE
    assert vault.holds(given)


def test_a_refused_disabling_ends_nothing(given: Assignment, cast: Cast) -> None:
    with pytest.raises(Refused):
        disable_person(cast.employee, actor=acting(cast.outsider), justification="I do not like them")

    assert given.is_in_force()


def test_memberships_of_a_leaver_count_no_more(cast: Cast, vault: Vault) -> None:
    group = make_group("Operators", cast.employee)

    leave(cast)

    assert not Membership.objects.in_force(timezone.now() + timedelta(seconds=1)).filter(group=group).exists()
