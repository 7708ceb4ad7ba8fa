"""Asking to activate a role, and what comes of it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from time_machine import TimeMachineFixture

from approvals.models import AccessRequest, Decision
from approvals.requesting import request_activation
from audit.journal.refusing import Refused
from audit.journal.verifying import verify_journal
from roles.models import Assignment, Eligibility
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_group
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    activate,
    acts_on,
    ask,
    asked,
    change_settings,
    entries_on,
    make_eligibility,
    make_role,
    notices_of,
    now,
    save_again,
    some_key,
)

pytestmark = pytest.mark.django_db

Status = AccessRequest.Status


@pytest.fixture
def eligibility(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Eligibility:
    """The employee may activate a role for which nobody has to approve."""
    return make_eligibility(make_role(vault.row), cast.employee)


def test_without_approval_it_is_decided_when_the_act_returns(
    eligibility: Eligibility, cast: Cast, clock: TimeMachineFixture
) -> None:
    access_request = ask(eligibility, cast.employee, minutes=240, justification="The nightly job is stuck")

    assert access_request.status == Status.APPROVED
    assert access_request.number == f"R-2026-{access_request.pk:05d}"
    assignment = access_request.assignment
    assert assignment is not None
    assert (assignment.starts_at, assignment.ends_at) == (NOON, NOON + 4 * HOUR)
    assert (assignment.person, assignment.eligibility) == (cast.employee, eligibility)
    assert assignment.request_number == access_request.number
    assert acts_on(access_request) == ["activation.requested", "activation.approved"]
    assert verify_journal().holds


def test_A8_settings_that_ask_nobody_are_a_decision_of_the_portal_and_recorded_as_that(
    eligibility: Eligibility, cast: Cast
) -> None:
    access_request = ask(eligibility, cast.employee)

    entry = entries_on(access_request).get(action="activation.approved")
    assert (entry.actor_name, entry.detail["by"]) == ("the portal", "role settings")
    assert not Decision.objects.exists()


def test_A8_a_request_that_waits_is_not_approved_by_a_change_of_settings(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row, approvers=[cast.approver])
    access_request = ask(make_eligibility(role, cast.employee), cast.employee)

    change_settings(role, approval_required=False)
    sweep()

    assert now(access_request).status == Status.PENDING
    assert not Assignment.objects.exists()


def test_with_approval_it_waits_and_those_who_may_decide_are_told(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(
        vault.row,
        approvers=[make_group("Approvers", cast.second_approver, cast.employee), "manager"],
        approval_hours=12,
    )

    access_request = ask(make_eligibility(role, cast.employee), cast.employee)

    assert access_request.status == Status.PENDING
    assert access_request.deadline == NOON + 12 * HOUR
    assert access_request.assignment is None
    assert not Assignment.objects.exists()
    told = {person for person in cast.everybody if notices_of(person) == ["approvals/approval_asked"]}
    assert told == {cast.approver, cast.second_approver}, "the manager and the group, never who asks"


def test_the_settings_it_was_asked_under_stay_with_it(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row, approvers=[cast.approver], max_minutes=300)
    access_request = ask(make_eligibility(role, cast.employee), cast.employee, minutes=300)

    change_settings(role, max_minutes=60)

    assert now(access_request).asked_under.max_minutes == 300


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "=HYPERLINK(1)",
        "{{ settings.SECRET_KEY }}",
        "a\u202eb\r\nc\x1b[31m",
        "x" * 2000,
    ],
)
def test_a_justification_is_kept_as_it_was_typed(eligibility: Eligibility, cast: Cast, text: str) -> None:
    access_request = ask(eligibility, cast.employee, justification=text)

    assert now(access_request).justification == text
    assert entries_on(access_request).get(action="activation.requested").justification == text


def test_B4_what_no_database_can_hold_is_no_reason_to_fail(eligibility: Eligibility, cast: Cast) -> None:
    access_request = ask(eligibility, cast.employee, justification="a\x00b\ud800c", ticket="\x00")

    assert now(access_request).justification == "a\ufffdb\ufffdc"
    assert verify_journal().holds


# --- When ---


def test_B1_a_page_that_is_older_than_the_eligibilitys_new_end_does_not_get_past_it(
    eligibility: Eligibility, cast: Cast
) -> None:
    on_the_page = now(eligibility)
    Eligibility.objects.filter(pk=eligibility.pk).update(ends_at=NOON + HOUR)

    assignment = activate(on_the_page, cast.employee, minutes=240)

    assert assignment.ends_at == NOON + HOUR


def test_a_start_that_lies_ahead_is_kept(eligibility: Eligibility, cast: Cast, vault: Vault) -> None:
    assignment = activate(eligibility, cast.employee, minutes=60, starts_at=NOON + 2 * HOUR)

    assert (assignment.starts_at, assignment.ends_at) == (NOON + 2 * HOUR, NOON + 3 * HOUR)
    assert not assignment.is_in_force()


def test_B2_a_start_a_moment_ago_is_now_and_nothing_is_backdated(
    eligibility: Eligibility, cast: Cast
) -> None:
    assignment = activate(eligibility, cast.employee, minutes=60, starts_at=NOON - timedelta(seconds=59))

    assert (assignment.starts_at, assignment.ends_at) == (NOON, NOON + HOUR)


# --- Groups ---


def test_each_member_of_a_group_activates_for_themselves(cast: Cast, vault: Vault) -> None:
    eligibility = make_eligibility(
        make_role(vault.row), make_group("Operators", cast.employee, cast.outsider)
    )

    held = [activate(eligibility, person) for person in (cast.employee, cast.outsider)]
    sweep()

    assert vault.rights.keys() == {("robin", "operator"), ("pat", "operator")}
    assert [one.person for one in held] == [cast.employee, cast.outsider]
    with pytest.raises(Refused):
        activate(eligibility, cast.employee)


# --- Sent twice ---


def test_B13_a_form_that_is_sent_twice_asks_once(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> None:
    eligibility = make_eligibility(make_role(vault.row, approvers=[cast.approver]), cast.employee)
    key = some_key()

    first, second = (
        request_activation(eligibility, actor=acting(cast.employee), asked=asked(), idempotency_key=key)
        for _ in range(2)
    )

    assert first == second
    assert AccessRequest.objects.count() == 1
    assert notices_of(cast.approver) == ["approvals/approval_asked"]


def test_B13_a_form_that_is_sent_twice_does_not_ask_for_the_second_factor_again(
    cast: Cast, vault: Vault
) -> None:
    eligibility = make_eligibility(make_role(vault.row, factor="every_time"), cast.employee)
    first = ask(eligibility, cast.employee)
    key = some_key()
    AccessRequest.objects.filter(pk=first.pk).update(idempotency_key=key)

    assert first == request_activation(
        eligibility, actor=acting(cast.employee), asked=asked(), idempotency_key=key
    )


def test_B13_somebody_elses_key_is_not_ones_own(cast: Cast, vault: Vault) -> None:
    role = make_role(vault.row)
    key = some_key()
    people = (cast.employee, cast.outsider)

    requests = [
        request_activation(
            make_eligibility(role, person), actor=acting(person), asked=asked(), idempotency_key=key
        )
        for person in people
    ]

    assert [one.holder for one in requests] == list(people)


def test_B13_the_database_itself_keeps_one_request_per_form(eligibility: Eligibility, cast: Cast) -> None:
    key = some_key()
    first = request_activation(eligibility, actor=acting(cast.employee), asked=asked(), idempotency_key=key)

    with pytest.raises(IntegrityError), transaction.atomic():
        save_again(first)
