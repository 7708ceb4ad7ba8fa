"""Answering a request: what comes of it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from time_machine import TimeMachineFixture

from accounts.models import Membership, Notification
from approvals.deciding import NoLongerPossible, decide
from approvals.models import AccessRequest, Decision
from approvals.permissions import requests_decidable_by
from approvals.staging import outcome_of
from audit.journal.refusing import Overtaken, Refused
from audit.journal.verifying import verify_journal
from roles.assigning import end_eligibility
from roles.models import Assignment, Eligibility
from roles.models.stages import ALL, Stage
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_group
from tests.factories.roles import (
    HOUR,
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


@pytest.fixture
def waiting(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> AccessRequest:
    """The employee asked for four hours at noon; two people may answer."""
    role = make_role(vault.row, approvers=[cast.approver, cast.second_approver])
    return ask(make_eligibility(role, cast.employee), cast.employee)


# --- Yes ---


def test_an_approval_begins_the_assignment_and_everybody_is_told(
    waiting: AccessRequest, cast: Cast, vault: Vault, clock: TimeMachineFixture
) -> None:
    clock.shift(HOUR)

    decision = decide(waiting, actor=acting(cast.approver), verdict=Verdict.APPROVE, justification="Go ahead")

    decided = now(waiting)
    assert decided.status == Status.APPROVED
    assert decided.closed_at == NOON + HOUR
    assert (decision.approver, decision.verdict, decision.at) == (cast.approver, "approve", NOON + HOUR)
    assert decided.assignment is not None
    assert decided.assignment.starts_at == NOON + HOUR, "from the approval on, not from the asking"
    assert decided.assignment.ends_at == NOON + 5 * HOUR
    sweep()
    assert vault.holds(decided.assignment)
    assert notices_of(cast.employee) == ["approvals/activation_approved", "roles/assignment_active"]
    entry = entries_on(waiting).get(action="activation.approved")
    assert (entry.actor_name, entry.about_name) == ("Kim Placeholder", "Robin Sample")
    assert (entry.justification, entry.access_request) == ("Go ahead", waiting.number)
    assert verify_journal().holds


@pytest.mark.parametrize(
    ("decided_after", "starts", "ends"),
    [(0.0, 2, 6), (1.0, 2, 6), (3.0, 3, 7)],
    ids=["at once", "before the asked start", "after the asked start"],
)
def test_the_end_is_the_later_of_approval_and_asked_start_plus_the_duration(
    clock: TimeMachineFixture, cast: Cast, vault: Vault, decided_after: float, starts: int, ends: int
) -> None:
    role = make_role(vault.row, approvers=[cast.approver])
    access_request = ask(make_eligibility(role, cast.employee), cast.employee, starts_at=NOON + 2 * HOUR)

    clock.shift(decided_after * HOUR)
    assignment = approve(access_request, cast.approver)

    assert (assignment.starts_at, assignment.ends_at) == (NOON + starts * HOUR, NOON + ends * HOUR)


def test_B1_an_approval_is_cut_to_an_eligibility_that_was_shortened_since(
    waiting: AccessRequest, cast: Cast
) -> None:
    Eligibility.objects.filter(pk=waiting.eligibility_id).update(ends_at=NOON + HOUR)

    assert approve(waiting, cast.approver).ends_at == NOON + HOUR


# --- No ---


def test_a_denial_says_why_to_who_asked_and_begins_nothing(waiting: AccessRequest, cast: Cast) -> None:
    decide(waiting, actor=acting(cast.approver), verdict=Verdict.DENY, justification="Not during the audit")

    assert now(waiting).status == Status.DENIED
    assert not Assignment.objects.exists()
    told = Notification.objects.get(person=cast.employee)
    assert told.notice == "approvals/activation_denied"
    assert "Not during the audit" in told.text
    assert entries_on(waiting).get(action="activation.denied").justification == "Not during the audit"


@pytest.mark.parametrize("words", ["", "  \n"])
def test_a_denial_without_a_word_is_refused(waiting: AccessRequest, cast: Cast, words: str) -> None:
    with pytest.raises(Refused, match="Say why you deny it") as refusal:
        decide(waiting, actor=acting(cast.approver), verdict=Verdict.DENY, justification=words)

    assert refusal.value.field == "justification"
    assert now(waiting).status == Status.PENDING
    assert not Decision.objects.exists()


@pytest.mark.parametrize("verdict", Verdict)
def test_a_justification_of_ten_thousand_characters_is_refused(
    waiting: AccessRequest, cast: Cast, verdict: str
) -> None:
    with pytest.raises(Refused, match="at most 2000 characters"):
        decide(waiting, actor=acting(cast.approver), verdict=verdict, justification="x" * 10_000)

    assert now(waiting).status == Status.PENDING


def test_A11_an_answer_that_is_neither_yes_nor_no_decides_nothing(waiting: AccessRequest, cast: Cast) -> None:
    with pytest.raises(Refused):
        decide(waiting, actor=acting(cast.approver), verdict="approved", justification="x")

    assert now(waiting).status == Status.PENDING
    assert not Decision.objects.exists()


# --- Too late ---


@pytest.mark.parametrize("verdict", Verdict)
def test_A9_who_comes_second_is_told_who_was_faster(waiting: AccessRequest, cast: Cast, verdict: str) -> None:
    on_the_page = now(waiting)
    approve(waiting, cast.approver)

    with pytest.raises(Overtaken) as refusal:
        decide(on_the_page, actor=acting(cast.second_approver), verdict=verdict, justification="No")

    assert refusal.value.message == f"Kim Placeholder was faster and approved {waiting.number}."
    assert refusal.value.status_code == 409
    assert now(waiting).status == Status.APPROVED
    assert Decision.objects.count() == 1
    assert refusals_on(waiting) == ["overtaken"]


def test_A9_pressing_twice_decides_once(waiting: AccessRequest, cast: Cast) -> None:
    approve(waiting, cast.approver)

    with pytest.raises(Overtaken):
        approve(waiting, cast.approver)

    assert Assignment.objects.count() == 1


def test_the_database_itself_keeps_one_answer_per_person(waiting: AccessRequest, cast: Cast) -> None:
    answer = {"access_request": waiting, "approver": cast.approver, "verdict": Verdict.APPROVE}
    Decision.objects.create(**answer, void_at=NOON, void_why="It was withdrawn.")
    Decision.objects.create(**answer)

    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(**answer)


def said(verdict: str, who: int, *, stage: int = 1, void: bool = False) -> Decision:
    return Decision(verdict=verdict, approver_id=who, stage=stage, void_at=NOON if void else None)


YES, NO = Verdict.APPROVE, Verdict.DENY


@pytest.mark.parametrize(
    ("quorum", "number", "decisions", "outcome"),
    [
        (1, 1, [], None),
        (1, 1, [said(NO, 1, void=True)], None),
        (1, 1, [said(NO, 1, void=True), said(YES, 2)], YES),
        (2, 1, [said(YES, 1)], None),
        (2, 1, [said(YES, 1), said(YES, 2)], YES),
        (2, 1, [said(YES, 1), said(NO, 2)], NO),
        (1, 2, [said(YES, 1, stage=1)], None),
        (1, 2, [said(YES, 1, stage=1), said(YES, 1, stage=2)], YES),
    ],
)
def test_a_stage_approves_at_its_quorum_and_one_denial_is_enough(
    quorum: int, number: int, decisions: list[Decision], outcome: str | None
) -> None:
    assert outcome_of(decisions, Stage(quorum), number=number) == outcome


def test_a_stage_that_asks_all_waits_for_everybody_or_their_deputies() -> None:
    everybody = [{1}, {2, 9}]

    assert outcome_of([said(YES, 1)], Stage(ALL), number=1, everybody=everybody) is None
    assert outcome_of([said(YES, 1), said(YES, 9)], Stage(ALL), number=1, everybody=everybody) == YES
    assert outcome_of([], Stage(ALL), number=1, everybody=[]) is None


# --- Not possible any more ---


def test_B15_an_approval_after_the_eligibility_was_removed_closes_the_request(
    waiting: AccessRequest, cast: Cast
) -> None:
    end_eligibility(Eligibility.objects.get(pk=waiting.eligibility_id), actor=acting(cast.administrator))

    with pytest.raises(NoLongerPossible, match="eligibility has ended"):
        approve(waiting, cast.approver)

    closed = now(waiting)
    assert (closed.status, closed.outcome_note) == (Status.FAILED, "The eligibility has ended.")
    assert not Decision.objects.exists(), "nobody is said to have approved it"
    assert not Assignment.objects.exists()
    assert notices_of(cast.employee) == ["approvals/activation_failed"]
    assert acts_on(waiting) == ["activation.requested", "activation.failed"]
    assert refusals_on(waiting) == ["no_longer_possible"]


def test_B15_an_approval_in_the_moment_the_eligibility_ends_comes_too_late(
    waiting: AccessRequest, cast: Cast, clock: TimeMachineFixture
) -> None:
    Eligibility.objects.filter(pk=waiting.eligibility_id).update(ends_at=NOON + HOUR)
    clock.shift(HOUR)

    with pytest.raises(NoLongerPossible):
        approve(waiting, cast.approver)

    assert now(waiting).status == Status.FAILED


def test_B15_an_approval_after_the_holder_was_disabled_comes_too_late(
    waiting: AccessRequest, cast: Cast
) -> None:
    type(cast.employee).objects.filter(pk=cast.employee.pk).update(is_active=False)

    with pytest.raises(NoLongerPossible, match="person was disabled"):
        approve(waiting, cast.approver)

    assert now(waiting).status == Status.FAILED
    assert not Assignment.objects.exists()


def test_B15_an_approval_after_the_holder_left_the_group_comes_too_late(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    group = make_group("Operators", cast.employee)
    role = make_role(vault.row, approvers=[cast.approver])
    access_request = ask(make_eligibility(role, group), cast.employee)
    Membership.objects.filter(group=group).delete()

    with pytest.raises(NoLongerPossible):
        approve(access_request, cast.approver)

    assert now(access_request).status == Status.FAILED


def test_B15_an_asked_start_after_the_new_end_of_the_eligibility_comes_too_late(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    eligibility = make_eligibility(make_role(vault.row, approvers=[cast.approver]), cast.employee)
    access_request = ask(eligibility, cast.employee, starts_at=NOON + 2 * HOUR)
    Eligibility.objects.filter(pk=eligibility.pk).update(ends_at=NOON + 2 * HOUR)

    with pytest.raises(NoLongerPossible, match="before the asked start"):
        approve(access_request, cast.approver)


def test_B15_were_it_not_asked_again_the_approval_would_be_carried_out(
    waiting: AccessRequest, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_eligibility(Eligibility.objects.get(pk=waiting.eligibility_id), actor=acting(cast.administrator))
    monkeypatch.setattr("approvals.deciding.why_not_any_more", lambda access_request: "")

    approve(waiting, cast.approver)

    assert now(waiting).status == Status.APPROVED


def test_what_is_no_longer_possible_can_still_be_denied(waiting: AccessRequest, cast: Cast) -> None:
    end_eligibility(Eligibility.objects.get(pk=waiting.eligibility_id), actor=acting(cast.administrator))

    decide(waiting, actor=acting(cast.approver), verdict=Verdict.DENY, justification="You have moved on")

    assert now(waiting).status == Status.DENIED


def test_a_request_waits_until_its_deadline_and_not_a_moment_longer(
    waiting: AccessRequest, cast: Cast, clock: TimeMachineFixture
) -> None:
    clock.move_to(NOON + 24 * HOUR)
    with pytest.raises(Overtaken, match="not decided in time"):
        approve(waiting, cast.approver)
    assert now(waiting).status == Status.PENDING, "no sweep has noticed"
    assert not AccessRequest.objects.open().exists()
    assert not requests_decidable_by(cast.approver).exists()

    clock.move_to(NOON + 24 * HOUR - timedelta(microseconds=1))
    assert approve(waiting, cast.approver)
