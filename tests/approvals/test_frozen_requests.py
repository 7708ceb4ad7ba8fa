"""What is asked is frozen: a decision is bound to it, and to the second factor of who made it; a change makes it void."""

from __future__ import annotations

import pytest
from time_machine import TimeMachineFixture

from accounts.mfa.freshness import StepUpRequired
from approvals.asking import answer_question, ask_back
from approvals.deciding import NoLongerPossible, decide
from approvals.models import AccessRequest, Decision
from audit.journal.refusing import Refused
from roles.models import Assignment, Role
from roles.models.stages import Stage
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.roles import (
    HOUR,
    acting,
    acts_on,
    approve,
    ask,
    change_settings,
    entries_on,
    give_evidence,
    make_eligibility,
    make_role,
    name_stages,
    now,
)

pytestmark = pytest.mark.django_db

Status, Verdict = AccessRequest.Status, Decision.Verdict


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row, approvers=[cast.approver, cast.second_approver])


@pytest.fixture
def waiting(role: Role, cast: Cast) -> AccessRequest:
    return ask(make_eligibility(role, cast.employee), cast.employee)


def test_the_journal_tells_the_digest_of_what_was_asked_and_a_decision_is_bound_to_it(
    waiting: AccessRequest, cast: Cast
) -> None:
    filed = entries_on(waiting).get(action="activation.requested")
    approve(waiting, cast.approver)

    assert len(waiting.digest) == 64
    assert filed.detail["content"] == waiting.digest
    assert waiting.decisions.get().digest == waiting.digest


@pytest.mark.parametrize(
    "change",
    [{"minutes": 480}, {"justification": "Something else"}, {"ticket": "OPS-1"}, {"asked_settings": {}}],
)
def test_A15_what_was_changed_behind_the_portal_is_not_approved(
    waiting: AccessRequest, cast: Cast, change: dict[str, object]
) -> None:
    AccessRequest.objects.filter(pk=waiting.pk).update(**change)

    with pytest.raises(NoLongerPossible, match="changed after it was filed"):
        approve(waiting, cast.approver)

    assert now(waiting).status == Status.FAILED
    assert not Assignment.objects.exists()


def test_A15_another_justification_voids_the_decisions_made_and_begins_anew(role: Role, cast: Cast) -> None:
    name_stages(role, (Stage(), [cast.approver], []), (Stage(), [cast.second_approver], []))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    decide(waiting, actor=acting(cast.approver), verdict=Verdict.APPROVE)
    ask_back(waiting, actor=acting(cast.second_approver), text="Which job?")
    answer_question(waiting, actor=acting(cast.employee), answer="The other one", justification="Another job")

    changed = now(waiting)
    assert (changed.stage, changed.status, changed.justification) == (1, Status.PENDING, "Another job")
    assert changed.digest != waiting.digest
    assert changed.decisions.get().void_why == "What is asked was changed afterwards."
    assert "activation.changed" in acts_on(waiting)
    with pytest.raises(Refused):
        decide(waiting, actor=acting(cast.second_approver), verdict=Verdict.APPROVE)

    decide(waiting, actor=acting(cast.approver), verdict=Verdict.APPROVE)
    approve(waiting, cast.second_approver)
    assert now(waiting).status == Status.APPROVED


def test_where_settings_ask_for_it_who_decides_proves_themselves_for_this_very_answer(
    role: Role, cast: Cast
) -> None:
    change_settings(role, approval_factor=True)
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    kim = acting(cast.approver)

    with pytest.raises(StepUpRequired) as question:
        decide(waiting, actor=kim, verdict=Verdict.DENY, justification="No")
    give_evidence(kim, act=question.value.act)
    with pytest.raises(StepUpRequired):
        decide(waiting, actor=kim, verdict=Verdict.APPROVE)
    assert now(waiting).status == Status.PENDING

    decision = decide(waiting, actor=kim, verdict=Verdict.DENY, justification="No")
    assert decision.factor_use is not None
    assert decision.factor_use.used_at is not None


def test_an_approver_may_shorten_and_never_lengthen(waiting: AccessRequest, cast: Cast) -> None:
    kim = acting(cast.approver)
    for minutes in (241, 0, 1):
        with pytest.raises(Refused):
            decide(waiting, actor=kim, verdict=Verdict.APPROVE, minutes=minutes)

    decision = decide(waiting, actor=kim, verdict=Verdict.APPROVE, minutes=60)

    assignment = Assignment.objects.get()
    assert decision.given_minutes == 60
    assert assignment.ends_at == assignment.starts_at + HOUR


def test_of_several_approvals_the_shortest_counts(role: Role, cast: Cast) -> None:
    name_stages(role, (Stage(2), [cast.approver, cast.second_approver], []))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)

    decide(waiting, actor=acting(cast.approver), verdict=Verdict.APPROVE, minutes=60)
    decide(waiting, actor=acting(cast.second_approver), verdict=Verdict.APPROVE, minutes=120)

    assignment = Assignment.objects.get()
    assert assignment.ends_at == assignment.starts_at + HOUR
