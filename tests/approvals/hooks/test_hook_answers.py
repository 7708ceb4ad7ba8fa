"""What a web hook answers, and what comes of the request: asked over real HTTP."""

from __future__ import annotations

import threading

import pytest
from pytest_django import Settings
from time_machine import TimeMachineFixture

from accounts.leaving import disable_person
from accounts.models import Notification
from approvals.closing import cancel_request
from approvals.deciding import decide
from approvals.hooks import sending
from approvals.hooks.models import Hook, HookCall
from approvals.hooks.sending import claim, send
from approvals.models import AccessRequest, AutomaticDecision, Decision
from approvals.permissions import approvers_of
from approvals.prolonging import request_longer
from approvals.timeline import steps_of
from audit.describing import describe
from audit.journal.actor import PORTAL
from audit.journal.refusing import Refused
from pim_portal.badges import look_of
from roles.models import Assignment
from roles.models.values import IfSilent
from tests.approvals.hooks.conftest import Ask, send_now
from tests.cast import Cast
from tests.factories.hooks import drips, make_hook, raw, says, serving, waits_for
from tests.factories.roles import (
    HOUR,
    acting,
    acts_on,
    approve,
    asked,
    change_settings,
    entries_on,
    notices_of,
    now,
    strike_approvers,
)

pytestmark = pytest.mark.django_db

Status, Outcome = AccessRequest.Status, HookCall.Outcome


def stories(access_request: AccessRequest) -> list[str]:
    return [f"{step.title} {step.text}".strip() for step in steps_of(now(access_request))]


def said_by_journal(access_request: AccessRequest) -> list[str]:
    return [describe(entry) for entry in entries_on(access_request).filter(action__contains="hook")]


def test_while_the_hook_is_asked_nobody_can_decide_and_it_is_told_what_is_asked(
    ask_for: Ask, cast: Cast
) -> None:
    with serving(says("Approved")) as server:
        make_hook(server.url)
        filed = ask_for()

        assert (filed.status, filed.is_checking) == (Status.PENDING, True)
        assert look_of(filed).word == "A web hook is asked"
        assert list(approvers_of(filed)) == []
        with pytest.raises(Refused):
            decide(filed, actor=acting(cast.approver), verdict=Decision.Verdict.APPROVE)
        assert "Ticket check is asked" in stories(filed)

        send_now(filed)
    (question,) = server.questions
    assert question["id"] == filed.number
    assert (question["action"], question["test"]) == ("selfActivate", False)
    assert question["principal"]["userPrincipalName"] == cast.employee.email
    assert question["role"]["displayName"] == "Operator"
    assert question["ticket"] == {"ticketNumber": "INC-1001", "ticketSystem": ""}
    assert question["schedule"]["expiration"]["duration"] == "PT240M"


def test_approved_goes_on_to_the_approvers(ask_for: Ask, cast: Cast) -> None:
    with serving(says("Approved", "The ticket is open.")) as server:
        make_hook(server.url)
        filed = ask_for(hook_may_approve=True)
        call = send_now(filed)

    assert (call.outcome, call.evaluation_id, call.reasons) == (
        Outcome.APPROVED,
        "E-1",
        ["The ticket is open."],
    )
    assert (now(filed).status, now(filed).stage) == (Status.PENDING, 1)
    assert notices_of(cast.approver) == ["approvals/approval_asked"]
    assert "Ticket check has nothing against it The ticket is open." in stories(filed)
    assert said_by_journal(filed) == [
        "“Ticket check” was asked about Robin Sample’s request for Operator",
        "“Ticket check” answered about Robin Sample’s request for Operator: Goes on",
    ]
    approve(now(filed), cast.approver)


def test_approved_is_carried_out_at_once_where_no_approval_is_asked_and_who_asked_is_told(
    ask_for: Ask, cast: Cast
) -> None:
    with serving(says("Approved")) as server:
        make_hook(server.url)
        filed = ask_for(approved=False)
        assert not Assignment.objects.exists()
        send_now(filed)

    assert now(filed).status == Status.APPROVED
    assert Assignment.objects.get().pk == now(filed).assignment_id
    told = Notification.objects.get(person=cast.employee, notice="approvals/activation_approved")
    assert told.subject == "Operator is approved"
    assert "approved by" not in told.text
    assert filed.number in told.text


def test_auto_approved_stands_in_for_the_approvers_where_settings_let_it(ask_for: Ask) -> None:
    with serving(says("AutoApproved", "On call.", evaluation_id="E-7")) as server:
        make_hook(server.url)
        filed = ask_for(hook_may_approve=True)
        send_now(filed)

    assert not any(story.startswith("Approved by the role settings") for story in stories(filed))
    decision = AutomaticDecision.objects.get(access_request=filed)
    assert (now(filed).status, decision.rule, decision.digest) == (Status.APPROVED, None, filed.digest)
    assert decision.says["evaluationId"] == "E-7"
    assert decision.inputs == server.questions[0]
    entry = entries_on(filed).get(action="activation.approved")
    assert (entry.actor_name, entry.detail["by"]) == ("the portal", "hook")


@pytest.mark.parametrize("then", [{"hook_may_approve": False}, {"hook": ""}])
def test_auto_approved_is_just_approved_where_settings_do_not_or_not_any_more(
    ask_for: Ask, then: dict[str, object]
) -> None:
    with serving(says("AutoApproved")) as server:
        make_hook(server.url)
        filed = ask_for(hook_may_approve=True)
        change_settings(filed.role, **then)
        send_now(filed)

    assert (now(filed).status, now(filed).stage) == (Status.PENDING, 1)
    assert not AutomaticDecision.objects.exists()


def test_auto_approved_stands_in_for_nobody_where_a_rule_that_may_deny_is_not_there(ask_for: Ask) -> None:
    with serving(says("AutoApproved")) as server:
        make_hook(server.url)
        filed = ask_for(hook_may_approve=True, automatic="freeze.1")
        send_now(filed)

    assert (now(filed).status, now(filed).stage) == (Status.PENDING, 1)
    assert not AutomaticDecision.objects.exists()


def test_it_is_asked_about_more_time_too(ask_for: Ask, cast: Cast, clock: TimeMachineFixture) -> None:
    make_hook("http://127.0.0.1:9/", retries=0)
    filed = ask_for(approved=False, hook_silent=IfSilent.GO_ON, max_minutes=8 * 60)
    send_now(filed)
    held = now(filed).assignment
    assert held is not None
    Assignment.objects.filter(pk=held.pk).update(status=Assignment.Status.ACTIVE, active_since=held.starts_at)
    longer = request_longer(held, actor=acting(cast.employee), asked=asked(minutes=60))
    assert longer.is_checking
    with serving(says("Approved")) as server:
        Hook.objects.update(url=server.url)
        send_now(longer)

    assert server.questions[0]["action"] == "selfExtend"
    assert (now(longer).status, now(held).ends_at) == (Status.APPROVED, held.ends_at + HOUR)
    assert acts_on(longer)[-1] == "prolongation.approved"


def test_denied_is_denied_and_who_asked_reads_why(ask_for: Ask, cast: Cast) -> None:
    with serving(says("Denied", "The ticket is closed.", "Ask for another one.")) as server:
        make_hook(server.url)
        filed = ask_for()
        send_now(filed)

    why = "“Ticket check” denied it: The ticket is closed. Ask for another one."
    assert (now(filed).status, now(filed).outcome_note) == (Status.DENIED, why)
    told = Notification.objects.get(person=cast.employee, notice="approvals/activation_denied")
    assert (told.subject, why in told.text) == ("Operator is denied", True)
    assert notices_of(cast.approver) == []
    assert stories(filed)[-1] == "Ticket check denied The ticket is closed. Ask for another one."


def test_it_is_asked_again_under_the_same_id_after_a_fault(ask_for: Ask) -> None:
    with serving(raw(b"", status=500), says("Approved")) as server:
        make_hook(server.url)
        filed = ask_for()
        first = send_now(filed)
        assert (first.outcome, first.attempts, first.leased_until) == ("", 1, None)
        assert first.next_at > filed.created_at
        assert "Ticket check is asked 1 try so far. It answered with HTTP status 500." in stories(filed)
        second = send_now(filed)

    assert (second.outcome, second.attempts) == (Outcome.APPROVED, 2)
    assert len({headers["webhook-id"] for headers, _body in server.asked}) == 1
    assert len({body for _headers, body in server.asked}) == 1


SILENT = [
    (raw(b"", status=302, Location="http://127.0.0.1:1/"), "elsewhere", 1),
    (raw(b"no", status=403), "HTTP status 403", 1),
    (raw(b"later", status=429), "HTTP status 429", 2),
    (raw(b"<html>hello</html>"), "not JSON", 2),
    (raw(b"[" * 60_000), "not JSON", 2),
    (raw(b'["Approved"]'), "not a JSON object", 2),
    (raw(b'{"evaluationOutcome": "Perhaps"}'), "“Perhaps”", 2),
    (raw(b'{"evaluationOutcome": null}'), "must be Approved", 2),
    (raw(b" " * 70_000), "longer than", 2),
]


@pytest.mark.parametrize(("answer", "words", "attempts"), SILENT)
def test_what_is_no_answer_refuses_the_request_in_the_end(
    ask_for: Ask, cast: Cast, answer: object, words: str, attempts: int
) -> None:
    with serving(answer) as server:
        make_hook(server.url, retries=1)
        filed = ask_for()
        for _try in range(3):
            call = send_now(filed)

    assert (call.outcome, call.attempts, len(server.asked)) == (Outcome.SILENT, attempts, attempts)
    assert words in call.fault
    assert now(filed).status == Status.DENIED
    assert "has not answered" in now(filed).outcome_note
    assert notices_of(cast.employee)[-1] == "approvals/activation_denied"
    assert "did not answer about Robin Sample’s request" in said_by_journal(filed)[-1]


@pytest.mark.parametrize("answer", [drips(), drips(b'{"x":' + b" " * 100)])
def test_an_answer_that_drips_is_over_when_its_time_is(ask_for: Ask, answer: object) -> None:
    with serving(answer) as server:
        make_hook(server.url, retries=0, timeout_seconds=1)
        filed = ask_for(hook_silent=IfSilent.GO_ON)
        call = send_now(filed)

    assert (call.outcome, call.fault) == (Outcome.SILENT, "It did not answer within 1 seconds.")
    assert (now(filed).status, now(filed).stage) == (Status.PENDING, 1)
    assert "The request went on, as role settings say." in " ".join(stories(filed))


def test_an_address_inside_the_network_is_not_called(ask_for: Ask, settings: Settings) -> None:
    with serving(says("AutoApproved")) as server:
        make_hook(server.url)
        settings.OUTBOUND_ALLOWED = []
        filed = ask_for()
        call = send_now(filed)

    assert (call.outcome, call.attempts, server.asked) == (Outcome.SILENT, 1, [])
    assert "private network" in call.fault


def test_a_hook_that_is_not_there_has_not_answered(ask_for: Ask) -> None:
    filed = ask_for(hook="gone")
    call = send_now(filed)

    assert call.outcome == Outcome.SILENT
    assert now(filed).outcome_note.startswith("“gone” has not answered")


def test_a_silent_hook_approves_nothing_in_place_of_people(ask_for: Ask) -> None:
    filed = ask_for(hook="gone", hook_silent=IfSilent.GO_ON, hook_may_approve=True)
    send_now(filed)

    assert (now(filed).status, now(filed).stage) == (Status.PENDING, 1)


@pytest.mark.parametrize("how", ["canceled", "disabled"])
def test_an_answer_that_comes_after_the_request_was_closed_is_ignored(
    ask_for: Ask, cast: Cast, how: str
) -> None:
    with serving(says("AutoApproved")) as server:
        make_hook(server.url)
        filed = ask_for(hook_may_approve=True)
        claimed = claim(HookCall.objects.get().pk)
        assert claimed is not None
        if how == "canceled":
            cancel_request(now(filed), actor=acting(cast.employee))
        else:
            disable_person(cast.employee, actor=PORTAL, justification="Left")
        said = sending.call(claimed.hook, claimed.sent, message_id="msg_1")
        sending.take_answer(claimed, said=said)

    assert not Assignment.objects.exists()
    if how == "canceled":
        assert now(claimed).outcome == Outcome.DROPPED
        assert now(filed).status == Status.CANCELED
    else:
        assert now(filed).status == Status.FAILED
        assert now(filed).outcome_note == "The person was disabled."


def test_a_call_for_a_request_that_is_closed_is_never_made(ask_for: Ask, cast: Cast) -> None:
    with serving(says("Approved")) as server:
        make_hook(server.url)
        filed = ask_for()
        cancel_request(filed, actor=acting(cast.employee))
        call = send_now(filed)

    assert (call.outcome, server.asked) == (Outcome.DROPPED, [])


def test_what_was_changed_behind_everybodys_back_is_not_approved(ask_for: Ask) -> None:
    with serving(says("AutoApproved")) as server:
        make_hook(server.url)
        filed = ask_for(hook_may_approve=True)
        AccessRequest.objects.filter(pk=filed.pk).update(minutes=24 * 60)
        send_now(filed)

    assert now(filed).status == Status.FAILED
    assert not Assignment.objects.exists()


def test_where_nobody_could_decide_then_it_is_closed_with_that(ask_for: Ask, cast: Cast) -> None:
    with serving(says("Approved")) as server:
        make_hook(server.url)
        filed = ask_for(if_nobody="refuse")
        strike_approvers(filed.role)
        send_now(filed)

    assert now(filed).status == Status.FAILED
    assert now(filed).outcome_note.startswith("Nobody could decide on this request.")
    assert now(filed).stage == 0, "what had begun is taken back"
    assert acts_on(filed)[-1] == "activation.failed"


def test_a_lease_that_lapsed_lets_it_be_sent_again_and_the_late_answer_is_not_taken(ask_for: Ask) -> None:
    with serving(says("Denied")) as server:
        make_hook(server.url)
        filed = ask_for()
        first = claim(HookCall.objects.get().pk)
        assert first is not None
        assert claim(first.pk) is None, "somebody has it"
        HookCall.objects.update(leased_until=filed.created_at)
        second = claim(first.pk)
        assert second is not None
        assert (second.attempts, second.message_id) == (2, first.message_id)
        sending.take_silence(first, why="late")
        assert now(second).outcome == ""
        sending.take_answer(second, said=sending.call(second.hook, second.sent, message_id="msg_1"))

    assert now(filed).status == Status.DENIED


def test_a_worker_that_dies_each_time_comes_to_an_end(ask_for: Ask) -> None:
    make_hook("http://127.0.0.1:9/", retries=0)
    filed = ask_for()
    HookCall.objects.update(attempts=1)
    call = send_now(filed)

    assert (call.outcome, call.fault) == (Outcome.SILENT, "It did not answer in time.")


def test_a_slow_hook_has_no_more_than_some_calls_out(ask_for: Ask) -> None:
    make_hook("http://127.0.0.1:9/")
    filed = ask_for()
    call = HookCall.objects.get(access_request=filed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending, "AT_ONCE", 0)
        assert claim(call.pk) is None
    assert claim(call.pk) is not None


def test_cancel_while_it_is_out(ask_for: Ask, cast: Cast) -> None:
    let = threading.Event()
    with serving(waits_for(let, says("AutoApproved"))) as server:
        make_hook(server.url, timeout_seconds=10)
        filed = ask_for(hook_may_approve=True)
        claimed = claim(HookCall.objects.get().pk)
        assert claimed is not None
        answers: list[object] = []
        out = threading.Thread(
            target=lambda: answers.append(sending.call(claimed.hook, claimed.sent, message_id="msg_1"))
        )
        out.start()
        cancel_request(now(filed), actor=acting(cast.employee))
        let.set()
        out.join(20)
        sending.take_answer(claimed, said=answers[0])

    assert now(claimed).outcome == Outcome.DROPPED
    assert now(filed).status == Status.CANCELED
    send(claimed.pk)
    assert len(server.asked) == 1
