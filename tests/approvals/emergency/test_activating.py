"""Activation past approval: what still counts, who is told, and what keeps from the next one."""

from __future__ import annotations

from typing import Any

import pytest
from time_machine import TimeMachineFixture

from accounts.duties import Duty
from accounts.mfa.freshness import StepUpRequired
from accounts.models import Absence, Notification, User
from approvals.emergency import activating
from approvals.emergency.activating import act_of, activate_in_emergency
from approvals.emergency.models import EmergencyUse
from approvals.emergency.unreviewed import StillOpen
from approvals.models import AccessRequest
from audit.alerts.models import Alert
from audit.describing import describe
from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Refused
from roles.models import Assignment, Eligibility, Role
from roles.models.stages import Stage
from roles.models.values import Telling
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.emergencies import end, give_passkey_evidence, rush
from tests.factories.people import give_duty, make_person
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    activate,
    acts_on,
    appoint,
    ask,
    asked,
    change_settings,
    entries_on,
    give_evidence,
    make_eligibility,
    make_portal_directory,
    make_role,
    name_stages,
    notices_of,
    now,
    open_alerts,
    refusals_on,
    some_key,
)
from tests.factories.separation import make_rule

pytestmark = pytest.mark.django_db


def told(notice: str = "approvals/emergency_used") -> list[str]:
    rows = Notification.objects.filter(notice=notice).select_related("person")
    return sorted(str(row.person) for row in rows)


def test_it_skips_approval_and_says_so_loudly(eligibility: Eligibility, cast: Cast) -> None:
    use = rush(eligibility, cast.employee)

    access_request = now(use.access_request)
    assert access_request.status == AccessRequest.Status.APPROVED
    assignment = access_request.assignment
    assert assignment is not None
    assert (assignment.starts_at, assignment.ends_at) == (NOON, NOON + 4 * HOUR)
    assert assignment.status == Assignment.Status.PROVISIONING
    assert acts_on(access_request) == ["activation.requested", "activation.approved"]
    assert entries_on(access_request).get(action="activation.approved").detail["by"] == "emergency"
    (entry,) = entries_on(use)
    assert (entry.action, entry.actor_name, entry.access_request) == (
        "emergency.activated",
        "Robin Sample",
        access_request.number,
    )
    assert entry.justification == "The nightly job is stuck"
    assert entry.detail["skipped"] == use.skipped == ["Kim Placeholder"]
    assert entry.detail["told"] == ["Kim Placeholder", "Dana Fictive"]
    assert use.history.count() == 1
    assert access_request.factor_use is not None
    assert access_request.factor_use.method == "passkey"
    assert now(access_request.factor_use).used_at == NOON
    assert open_alerts() == ["emergency_used"]
    assert Alert.objects.get().severity == "high"


def test_everyone_skipped_and_every_administrator_is_told_whatever_the_matrix_says(
    role: Role, cast: Cast
) -> None:
    silent = Telling(usual=False).as_json()
    cells = {f"tell_activation_{who}": silent for who in ("administrators", "holder", "approvers")}
    change_settings(role, **cells)
    later, third, owner, deputy, may_become, guard = (
        make_person(name) for name in ("later", "third", "owner", "deputy", "may.become", "guard")
    )
    gone = make_person("gone", is_active=False)
    name_stages(
        role,
        (Stage(escalate_after=30), [cast.approver, gone], [later]),
        (Stage(), [third], []),
    )
    appoint(owner, "own", role)
    give_duty(guard, Duty.SECURITY_ADMINISTRATOR)
    duty = make_portal_directory().roles.get(entitlement=Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    make_eligibility(duty, may_become)
    Absence.objects.create(person=third, deputy=deputy, starts_at=NOON - HOUR, ends_at=NOON + HOUR)

    use = rush(make_eligibility(role, cast.employee), cast.employee)

    assert use.skipped == ["Deputy", "Kim Placeholder", "Later", "Third"]
    administrators = ["Dana Fictive", "Guard", "May Become"]
    assert told() == sorted([*use.skipped, "Owner", *administrators])
    assert told("approvals/emergency_yours") == ["Robin Sample"]
    kim = Notification.objects.get(person=cast.approver)
    assert kim.subject == "Robin Sample activated Operator in an emergency"
    assert "You would have been asked, and were skipped." in kim.text
    assert "were skipped" not in Notification.objects.get(person=guard).text
    assert kim.url == f"/emergencies/{use.pk}/"
    assert set(Notification.objects.due()) == set(Notification.objects.all()), "mail goes out to all of them"


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({"justification": ""}, "justification_missing"),
        ({"justification": "Too short"}, "justification_too_short"),
        ({"minutes": 481}, "too_long"),
        ({"minutes": 1}, "too_short"),
        ({"starts_at": NOON + HOUR}, "emergency_later"),
    ],
)
def test_what_is_asked_besides_approval_still_counts(
    eligibility: Eligibility, cast: Cast, what: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refusal:
        activate_in_emergency(eligibility, actor=acting(cast.employee), asked=asked(**what))

    assert refusal.value.code == code
    assert refusals_on(eligibility) == [code]
    assert not AccessRequest.objects.exists()
    assert not Notification.objects.exists()


def test_a_role_may_ask_for_more_words_and_its_ticket_is_not_asked(
    eligibility: Eligibility, cast: Cast
) -> None:
    change_settings(
        eligibility.role,
        justification_least=20,
        ticket_required=True,
        ticket_pattern="INC-.*",
        justification_required=False,
    )
    with pytest.raises(Refused) as refusal:
        rush(eligibility, cast.employee, justification="Fifteen letters")
    assert refusal.value.code == "justification_too_short"

    assert rush(eligibility, cast.employee).access_request.status == "approved"


def test_where_role_settings_do_not_allow_it_it_is_refused(vault: Vault, cast: Cast, clock: object) -> None:
    eligibility = make_eligibility(make_role(vault.row, approvers=[cast.approver]), cast.employee)

    with pytest.raises(Refused, match="do not allow to skip approval"):
        rush(eligibility, cast.employee)

    assert refusals_on(eligibility) == ["emergency_not_allowed"]


def test_settings_that_stopped_to_allow_it_count_at_once(eligibility: Eligibility, cast: Cast) -> None:
    change_settings(eligibility.role, emergency_allowed=False)

    with pytest.raises(Refused, match="do not allow"):
        rush(eligibility, cast.employee)


def test_the_passkey_is_asked_every_time_and_a_code_does_not_do(eligibility: Eligibility, cast: Cast) -> None:
    robin = acting(cast.employee)
    act = act_of(eligibility, asked(), cast.employee)
    give_evidence(robin, act=act)
    give_passkey_evidence(robin)

    with pytest.raises(StepUpRequired) as question:
        activate_in_emergency(eligibility, actor=robin, asked=asked())

    assert (question.value.act, question.value.minutes) == (act, 0)
    assert question.value.methods == {"passkey"}
    assert question.value.what_for == "Activate Operator for 4 h in an emergency"
    assert refusals_on(eligibility) == [], "a question back is not a refusal"
    assert not AccessRequest.objects.exists()


@pytest.mark.parametrize("other", [{"minutes": 30}, {"justification": "Something else is stuck"}])
def test_a_passkey_given_for_another_wish_does_not_do(
    eligibility: Eligibility, cast: Cast, other: dict[str, Any]
) -> None:
    robin = acting(cast.employee)
    give_passkey_evidence(robin, act=act_of(eligibility, asked(**other), cast.employee))
    give_passkey_evidence(
        acting(cast.employee, "another session"), act=act_of(eligibility, asked(), cast.employee)
    )

    with pytest.raises(StepUpRequired):
        activate_in_emergency(eligibility, actor=robin, asked=asked())


def test_somebody_elses_eligibility_and_one_that_is_over_are_refused(
    eligibility: Eligibility, role: Role, cast: Cast, clock: TimeMachineFixture
) -> None:
    brief = make_eligibility(role, cast.second_approver, ends_at=NOON + HOUR)
    clock.shift(HOUR)

    for one, person in ((eligibility, cast.outsider), (brief, cast.second_approver)):
        with pytest.raises(Refused, match="not eligible"):
            rush(one, person)
    with pytest.raises(NotAllowed):
        activate_in_emergency(eligibility, actor=PORTAL, asked=asked())


def test_a_disabled_person_is_refused_also_when_their_page_was_open(
    eligibility: Eligibility, cast: Cast
) -> None:
    User.objects.filter(pk=cast.employee.pk).update(is_active=False)

    with pytest.raises(Refused, match="not eligible"):
        rush(eligibility, cast.employee)


def test_roles_that_may_not_be_held_together_are_kept_apart_in_an_emergency_too(
    eligibility: Eligibility, role: Role, vault: Vault, cast: Cast
) -> None:
    other = make_role(vault.row, "Auditor")
    make_rule(role, other, reason="Nobody checks themselves.")
    activate(make_eligibility(other, cast.employee), cast.employee)

    with pytest.raises(Refused, match="Nobody checks themselves"):
        rush(eligibility, cast.employee)

    assert not EmergencyUse.objects.exists()


def test_who_holds_the_role_already_is_refused(eligibility: Eligibility, cast: Cast) -> None:
    change_settings(eligibility.role, approval_required=False)
    activate(eligibility, cast.employee)

    with pytest.raises(Refused, match="hold this role already"):
        rush(eligibility, cast.employee)


def test_where_nobody_has_to_approve_nobody_is_skipped(eligibility: Eligibility, cast: Cast) -> None:
    change_settings(eligibility.role, approval_required=False)

    assert rush(eligibility, cast.employee).skipped == []
    assert told() == ["Dana Fictive"]


def test_a_request_that_waits_is_canceled_and_its_approvers_learn_it(
    eligibility: Eligibility, cast: Cast
) -> None:
    waiting = ask(eligibility, cast.employee)

    use = rush(eligibility, cast.employee)

    assert now(waiting).status == "canceled"
    entry = entries_on(waiting).get(action="activation.canceled")
    assert entry.detail["why"] == now(waiting).outcome_note == "Activated in an emergency instead."
    assert entries_on(use).get().detail["instead_of"] == waiting.number
    [kim] = Notification.objects.filter(person=cast.approver, notice="approvals/emergency_used")
    assert f"Their request {waiting.number}, which waited for a decision, is canceled." in kim.text


def test_a_request_that_waits_goes_on_waiting_when_the_emergency_is_refused(
    eligibility: Eligibility, cast: Cast
) -> None:
    waiting = ask(eligibility, cast.employee)

    with pytest.raises(StepUpRequired):
        activate_in_emergency(eligibility, actor=acting(cast.employee), asked=asked())
    with pytest.raises(Refused):
        activate_in_emergency(eligibility, actor=acting(cast.employee), asked=asked(justification=""))

    assert now(waiting).status == "pending"
    assert "activation.canceled" not in acts_on(waiting)


def test_the_same_form_sent_twice_is_one_use(eligibility: Eligibility, cast: Cast) -> None:
    robin, key = acting(cast.employee), some_key()
    give_passkey_evidence(robin, act=act_of(eligibility, asked(), cast.employee))

    first, second = (
        activate_in_emergency(eligibility, actor=robin, asked=asked(), idempotency_key=key) for _ in range(2)
    )

    assert first == second
    assert EmergencyUse.objects.count() == 1


def test_an_unreviewed_one_blocks_the_next_and_says_who_can_review_it(
    eligibility: Eligibility, vault: Vault, cast: Cast, clock: TimeMachineFixture
) -> None:
    use = end(rush(eligibility, cast.employee))
    other = make_role(vault.row, "Rescuer", approvers=[cast.approver], emergency_allowed=True)
    clock.shift(HOUR)

    with pytest.raises(StillOpen) as refusal:
        rush(make_eligibility(other, cast.employee), cast.employee)

    assert refusal.value.message == (
        f"Your emergency activation of Operator of 4 May 2026, 12:00 ({use.access_request.number}) has not been "
        "reviewed yet. It can be reviewed by Dana Fictive, Kim Placeholder."
    )
    assert refusal.value.code == "emergency_not_reviewed"
    assert EmergencyUse.objects.count() == 1


def test_a_second_account_of_the_same_human_is_blocked_as_well(
    eligibility: Eligibility, role: Role, cast: Cast
) -> None:
    User.objects.filter(pk__in=[cast.employee.pk, cast.outsider.pk]).update(person_key="robin")
    end(rush(eligibility, now(cast.employee)))

    with pytest.raises(StillOpen, match="under your other account Robin Sample"):
        rush(make_eligibility(role, cast.outsider), now(cast.outsider))


def test_were_it_not_looked_at_the_database_would_still_keep_a_second_one_out(
    eligibility: Eligibility, vault: Vault, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    rush(eligibility, cast.employee)
    other = make_role(vault.row, "Rescuer", emergency_allowed=True)
    monkeypatch.setattr(activating, "check_nothing_unreviewed", lambda person: None)

    with pytest.raises(StillOpen, match="has not been reviewed yet"):
        rush(make_eligibility(other, cast.employee), cast.employee)

    assert AccessRequest.objects.count() == 1, "nothing is left of it"


def test_what_was_told_says_nothing_to_who_is_not_concerned(eligibility: Eligibility, cast: Cast) -> None:
    rush(eligibility, cast.employee)

    for person in (cast.outsider, cast.root, cast.auditor, cast.second_approver):
        assert notices_of(person) == []


def test_the_journal_tells_it_in_one_sentence(eligibility: Eligibility, cast: Cast) -> None:
    use = rush(eligibility, cast.employee)

    said = describe(AuditEvent.objects.get(subject_kind="approvals.emergencyuse", subject_key=str(use.pk)))
    assert said == "Robin Sample activated Operator for 4 h in an emergency, without approval"
