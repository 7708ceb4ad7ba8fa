"""How requests end: canceled, timed out, no longer possible."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from time_machine import TimeMachineFixture

from accounts.models import User
from approvals.closing import cancel_request, close_hopeless_requests, fail_request, time_out_request
from approvals.deciding import decide
from approvals.models import AccessRequest, Decision
from audit.journal import lifecycle
from audit.journal.actor import PORTAL
from audit.journal.lifecycle import HasLife
from audit.journal.refusing import NotAllowed, Overtaken
from audit.journal.verifying import verify_journal
from roles.assigning import end_eligibility
from roles.models import Assignment, Eligibility
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.roles import (
    HOUR,
    MICROSECOND,
    NOON,
    acting,
    acts_on,
    approve,
    ask,
    entries_on,
    make_eligibility,
    make_role,
    notices_of,
    now,
    refusals_on,
)

pytestmark = pytest.mark.django_db

Status, Verdict = AccessRequest.Status, Decision.Verdict
MINUTE = timedelta(minutes=1)


@pytest.fixture
def waiting(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> AccessRequest:
    """The employee asked at noon; the request waits for a day."""
    role = make_role(vault.row, approvers=[cast.approver, cast.second_approver])
    return ask(make_eligibility(role, cast.employee), cast.employee)


# --- Every way to close it, and every act that comes after ---


def approved(waiting: AccessRequest, cast: Cast, clock: TimeMachineFixture) -> str:
    approve(waiting, cast.approver)
    return f"Kim Placeholder was faster and approved {waiting.number}."


def denied(waiting: AccessRequest, cast: Cast, clock: TimeMachineFixture) -> str:
    decide(waiting, actor=acting(cast.approver), verdict=Verdict.DENY, justification="Not now")
    return f"Kim Placeholder was faster and denied {waiting.number}."


def canceled(waiting: AccessRequest, cast: Cast, clock: TimeMachineFixture) -> str:
    cancel_request(waiting, actor=acting(cast.employee))
    return f"Robin Sample has canceled {waiting.number}."


def lapsed(waiting: AccessRequest, cast: Cast, clock: TimeMachineFixture) -> str:
    clock.shift(24 * HOUR)
    return f"{waiting.number} was not decided in time and has lapsed."


def timed_out(waiting: AccessRequest, cast: Cast, clock: TimeMachineFixture) -> str:
    said = lapsed(waiting, cast, clock)
    time_out_request(now(waiting), actor=PORTAL)
    return said


def failed(waiting: AccessRequest, cast: Cast, clock: TimeMachineFixture) -> str:
    fail_request(waiting, actor=PORTAL, why="The eligibility has ended.")
    return f"{waiting.number} is closed: The eligibility has ended."


WAYS = [approved, denied, canceled, lapsed, timed_out, failed]
Way = Callable[[AccessRequest, Cast, TimeMachineFixture], str]


@pytest.mark.parametrize("as_on_the_page", [True, False], ids=["page from before", "page from after"])
@pytest.mark.parametrize("way", WAYS)
def test_A10_nothing_happens_to_a_closed_request_and_it_is_said_how_it_ended(
    waiting: AccessRequest, cast: Cast, clock: TimeMachineFixture, way: Way, as_on_the_page: bool
) -> None:
    page = now(waiting)
    said = way(now(waiting), cast, clock)
    row = page if as_on_the_page else now(waiting)
    status, decisions, assignments = now(waiting).status, Decision.objects.count(), Assignment.objects.count()

    for verdict in Verdict:
        with pytest.raises(Overtaken) as refusal:
            decide(row, actor=acting(cast.second_approver), verdict=verdict, justification="Too late")
        assert refusal.value.message == said
    with pytest.raises(Overtaken):
        cancel_request(row, actor=acting(cast.employee))

    assert now(waiting).status == status
    assert (Decision.objects.count(), Assignment.objects.count()) == (decisions, assignments)
    assert refusals_on(waiting) == ["overtaken"] * 3
    assert verify_journal().holds


def test_A10_were_the_status_not_compared_a_late_cancel_would_undo_the_approval(
    waiting: AccessRequest, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_without_comparing(things: list[HasLife], status: str, **more: Any) -> None:
        type(things[0])._base_manager.filter(pk=things[0].pk).update(status=status)

    page = now(waiting)
    assignment = approve(waiting, cast.approver)
    monkeypatch.setattr(lifecycle, "move_all_to", set_without_comparing)

    cancel_request(page, actor=acting(cast.employee))

    assert now(waiting).status == Status.CANCELED
    assert now(assignment).status == Assignment.Status.PROVISIONING, "canceled, and given all the same"


# --- Canceled ---


@pytest.mark.parametrize("name", ["approver", "auditor", "outsider", "root"])
def test_only_who_asked_cancels(waiting: AccessRequest, cast: Cast, name: str) -> None:
    with pytest.raises(NotAllowed):
        cancel_request(waiting, actor=acting(getattr(cast, name)))
    with pytest.raises(NotAllowed):
        cancel_request(waiting, actor=PORTAL)

    assert now(waiting).status == Status.PENDING


def test_who_manages_the_role_cancels_too_and_who_asked_is_told(waiting: AccessRequest, cast: Cast) -> None:
    cancel_request(waiting, actor=acting(cast.administrator), justification="Asked twice")

    assert now(waiting).status == Status.CANCELED
    assert "approvals/activation_canceled" in notices_of(cast.employee)


def test_who_canceled_may_ask_again(waiting: AccessRequest, cast: Cast) -> None:
    cancel_request(waiting, actor=acting(cast.employee), justification="I found another way")

    assert now(waiting).closed_at == NOON
    assert entries_on(waiting).last().justification == "I found another way"  # type: ignore[union-attr]
    assert ask(Eligibility.objects.get(), cast.employee).status == Status.PENDING


# --- Closed by the portal ---


def test_what_nobody_decided_is_closed_at_its_deadline_and_who_asked_is_told(
    waiting: AccessRequest, cast: Cast, clock: TimeMachineFixture
) -> None:
    clock.move_to(NOON + 24 * HOUR - MICROSECOND)
    close_hopeless_requests()
    assert now(waiting).status == Status.PENDING

    clock.move_to(NOON + 30 * HOUR)
    close_hopeless_requests()
    close_hopeless_requests()

    closed = now(waiting)
    assert (closed.status, closed.closed_at) == (Status.TIMED_OUT, NOON + 24 * HOUR)
    assert notices_of(cast.employee) == ["approvals/activation_timed_out"]
    assert notices_of(cast.approver) == ["approvals/approval_asked", "approvals/approval_timed_out"]
    assert acts_on(waiting) == ["activation.requested", "activation.timed_out"]


@pytest.mark.parametrize("reason", ["eligibility", "person"])
def test_what_has_become_impossible_is_closed_without_waiting_for_an_approver(
    waiting: AccessRequest, cast: Cast, reason: str
) -> None:
    if reason == "eligibility":
        end_eligibility(Eligibility.objects.get(), actor=PORTAL)
    else:
        User.objects.filter(pk=cast.employee.pk).update(is_active=False)

    close_hopeless_requests()

    assert now(waiting).status == Status.FAILED
    assert reason in now(waiting).outcome_note.lower()


def test_what_is_still_possible_is_left_waiting(waiting: AccessRequest) -> None:
    close_hopeless_requests()

    assert now(waiting).status == Status.PENDING


def test_one_that_somebody_decides_meanwhile_does_not_keep_the_others_from_being_closed(
    waiting: AccessRequest,
    cast: Cast,
    vault: Vault,
    clock: TimeMachineFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    role = make_role(vault.row, "Reader", approvers=[cast.approver])
    other = ask(make_eligibility(role, cast.employee), cast.employee)
    clock.shift(24 * HOUR)

    def overtaken_once(access_request: AccessRequest, **more: Any) -> None:
        if access_request == waiting:
            raise Overtaken
        time_out_request(access_request, **more)

    monkeypatch.setattr("approvals.closing.time_out_request", overtaken_once)

    close_hopeless_requests()

    assert now(other).status == Status.TIMED_OUT
