"""Asking back: a question stops the clock where settings say so, its answer reaches the approvers, and it is nobody else's affair."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from time_machine import TimeMachineFixture

from approvals.asking import answer_question, ask_back
from approvals.closing import close_hopeless_requests
from approvals.models import AccessRequest
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Role
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import signed_in
from tests.factories.roles import (
    HOUR,
    acting,
    approve,
    ask,
    change_settings,
    make_eligibility,
    make_role,
    notices_of,
    now,
)

pytestmark = pytest.mark.django_db

Status = AccessRequest.Status


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row, approvers=[cast.approver, cast.second_approver])


@pytest.fixture
def waiting(role: Role, cast: Cast) -> AccessRequest:
    return ask(make_eligibility(role, cast.employee), cast.employee)


def test_a_question_goes_to_who_asked_and_the_answer_to_the_approvers(
    waiting: AccessRequest, cast: Cast
) -> None:
    ask_back(waiting, actor=acting(cast.approver), text="Which job?")
    assert now(waiting).status == Status.ASKED_BACK
    assert notices_of(cast.employee)[-1] == "approvals/asked_back"

    answer_question(waiting, actor=acting(cast.employee), answer="The nightly one")

    assert now(waiting).status == Status.PENDING
    assert notices_of(cast.second_approver)[-1] == "approvals/answered"
    assert now(waiting).digest == waiting.digest, "an answer changes nothing of what is asked"


def test_the_clock_stops_while_a_question_is_open_and_goes_on_with_the_answer(
    waiting: AccessRequest, cast: Cast, clock: TimeMachineFixture
) -> None:
    clock.shift(23 * HOUR)
    ask_back(waiting, actor=acting(cast.approver), text="Which job?")
    clock.shift(30 * HOUR)
    close_hopeless_requests()
    assert now(waiting).is_open

    answer_question(waiting, actor=acting(cast.employee), answer="The nightly one")

    assert now(waiting).deadline == waiting.deadline + 30 * HOUR
    clock.shift(HOUR + timedelta(seconds=1))
    close_hopeless_requests()
    assert now(waiting).status == Status.TIMED_OUT


def test_where_settings_let_the_clock_go_on_the_request_lapses_with_its_question(
    role: Role, cast: Cast, clock: TimeMachineFixture
) -> None:
    change_settings(role, asking_stops_clock=False)
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    ask_back(waiting, actor=acting(cast.approver), text="Which job?")

    clock.shift(25 * HOUR)
    close_hopeless_requests()

    assert now(waiting).status == Status.TIMED_OUT


def test_a_question_nobody_answers_does_not_keep_a_request_open_for_ever(
    waiting: AccessRequest, cast: Cast, clock: TimeMachineFixture
) -> None:
    ask_back(waiting, actor=acting(cast.approver), text="Which job?")

    clock.shift(timedelta(days=14, seconds=1))
    close_hopeless_requests()

    assert now(waiting).status == Status.TIMED_OUT


def test_an_approver_may_decide_although_a_question_is_open(waiting: AccessRequest, cast: Cast) -> None:
    ask_back(waiting, actor=acting(cast.approver), text="Which job?")

    assert approve(waiting, cast.second_approver)
    with pytest.raises(Overtaken):
        answer_question(waiting, actor=acting(cast.employee), answer="Too late")


def test_only_who_may_decide_asks_and_only_who_asked_for_the_role_answers(
    waiting: AccessRequest, cast: Cast
) -> None:
    for person in (cast.employee, cast.outsider):
        with pytest.raises(NotAllowed):
            ask_back(waiting, actor=acting(person), text="Which job?")
    ask_back(waiting, actor=acting(cast.approver), text="Which job?")

    for person in (cast.approver, cast.outsider):
        with pytest.raises(NotAllowed):
            answer_question(waiting, actor=acting(person), answer="Me")
    with pytest.raises(Refused, match="open already"):
        ask_back(waiting, actor=acting(cast.second_approver), text="And why?")


@pytest.mark.parametrize("words", ["", "  ", "x" * 2001])
def test_a_question_and_an_answer_say_something_and_not_too_much(
    waiting: AccessRequest, cast: Cast, words: str
) -> None:
    with pytest.raises(Refused):
        ask_back(waiting, actor=acting(cast.approver), text=words)
    ask_back(waiting, actor=acting(cast.approver), text="Which job?")
    with pytest.raises(Refused):
        answer_question(waiting, actor=acting(cast.employee), answer=words)


def test_in_the_browser_question_and_answer_stand_on_the_page_of_the_request(
    waiting: AccessRequest, cast: Cast
) -> None:
    kim, robin, pat = (signed_in(one) for one in (cast.approver, cast.employee, cast.outsider))
    page, question = reverse("request_page", args=[waiting.pk]), reverse("ask_back", args=[waiting.pk])

    assert "Ask something." in kim.post(question, {"question": ""}).content.decode()
    assert kim.post(question, {"question": "Which job?"}).status_code == 302
    assert "Which job?" in robin.get(page).content.decode()
    answer = reverse("answer_question", args=[waiting.pk])
    assert pat.post(answer, {"answer": "x"}).status_code == 404
    said = {"answer": "The nightly one", "justification": waiting.justification}
    assert robin.post(answer, said).status_code == 302

    assert "The nightly one" in kim.get(page).content.decode()
