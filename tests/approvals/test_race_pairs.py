"""Whatever may close a request, against whatever else may, in every pair: one outcome, and everything that was written agrees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from time_machine import TimeMachineFixture

from accounts.duties import Duty, holds
from accounts.leaving import disable_person
from accounts.mfa.freshness import StepUpRequired
from accounts.models import User
from approvals.activating_together import activate_together
from approvals.closing import cancel_request, close_hopeless_requests
from approvals.deciding import decide
from approvals.models import AccessRequest
from approvals.requesting import act_of, request_activation
from audit.journal.refusing import Overtaken
from audit.journal.verifying import verify_journal
from roles.models import Assignment, Eligibility, Role
from tests.cast import Cast
from tests.factories.pages import signed_in
from tests.factories.people import make_person
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    acts_on,
    ask,
    asked,
    change_settings,
    give_evidence,
    make_eligibility,
    make_portal_directory,
    name_approvers,
    now,
    some_key,
)
from tests.races import AT_ONCE, ROUNDS, Race, lost, racing, won

pytestmark = pytest.mark.django_db(transaction=True)

Status = AccessRequest.Status
#: who closes a request, as what, by which entry of the journal
CLOSED = {
    "activation.approved": Status.APPROVED,
    "activation.denied": Status.DENIED,
    "activation.canceled": Status.CANCELED,
    "activation.timed_out": Status.TIMED_OUT,
    "activation.failed": Status.FAILED,
}
#: what comes of each act where it is the one that closes the request
COMES_TO = {
    "approve": Status.APPROVED,
    "deny": Status.DENIED,
    "cancel": Status.CANCELED,
    "expire": Status.TIMED_OUT,
    "disable": Status.FAILED,
}
#: what a person does to the request itself: of these one succeeds, or none
ANSWERS = ("approve", "deny", "cancel")
PAIRS = list(combinations_with_replacement(COMES_TO, 2))
#: how many do each of the two at the same moment
OF_EACH = 4
#: so many at a time share what has to be made first
THREES = [PAIRS[at : at + 3] for at in range(0, len(PAIRS), 3)]


@pytest.fixture
def race() -> Iterator[Race]:
    with racing() as race:
        yield race


@pytest.fixture
def pair_race() -> Iterator[Race]:
    with racing(2 * OF_EACH) as race:
        yield race


@dataclass(frozen=True)
class Stage:
    """A role of the portal's own directory, where an approval is in force when it returns; four people may decide."""

    cast: Cast
    approvers: list[User]
    eligibility: Eligibility
    clock: TimeMachineFixture

    def act(self, name: str, page: AccessRequest, number: int) -> Callable[[], Any]:
        """One of ``COMES_TO``, to be done to a request as somebody has it on their page.

        Args:
            number: of the one who does it.
        """
        holder, why = self.cast.employee, "So be it"
        if name in ("approve", "deny"):
            actor = acting(self.approvers[number])
            return partial(decide, page, actor=actor, verdict=name, justification=why)
        if name == "cancel":
            return partial(cancel_request, page, actor=acting(holder))
        if name == "disable":
            stale = User.objects.get(pk=holder.pk)
            return partial(disable_person, stale, actor=acting(self.cast.administrator), justification=why)
        return partial(self.let_time_pass, page)

    def let_time_pass(self, page: AccessRequest) -> None:
        self.clock.move_to(page.deadline)
        close_hopeless_requests()


@pytest.fixture
def stage(clock: TimeMachineFixture, cast: Cast) -> Stage:
    role = make_portal_directory().roles.get(entitlement=Duty.SECURITY_READER)
    change_settings(role, factor="none", approval_required=True, approval_hours=1)
    approvers = [make_person(f"approver{n}") for n in range(AT_ONCE // 2)]
    name_approvers(role, *approvers)
    return Stage(cast, approvers, make_eligibility(role, cast.employee), clock)


@pytest.mark.parametrize("pairs", THREES, ids=lambda pairs: "_".join("-".join(pair) for pair in pairs))
def test_A10_of_two_ways_to_close_a_request_at_once_one_does(
    pair_race: Race, stage: Stage, pairs: list[tuple[str, str]]
) -> None:
    for n in range(ROUNDS * len(pairs)):
        pair = pairs[n % len(pairs)]
        # What was approved in an earlier round is over by then; its holder comes back to the next one.
        stage.clock.move_to(NOON + n * 3 * HOUR)
        User.objects.filter(pk=stage.cast.employee.pk).update(is_active=True)
        access_request = ask(stage.eligibility, now(stage.cast.employee), minutes=60)
        page = now(access_request)
        entrants = [(name, stage.act(name, page, number)) for name in pair for number in range(OF_EACH)]

        outcomes = pair_race([act for _name, act in entrants])

        check_one_outcome(access_request, pair, [name for name, _act in entrants], outcomes)
    assert verify_journal().holds


def check_one_outcome(
    access_request: AccessRequest, pair: tuple[str, str], names: list[str], outcomes: list[Any]
) -> None:
    """Who won is what the request, its history, the journal, the decisions and the assignment say, and each once."""
    closed, holder = now(access_request), now(access_request.holder)
    said = f"{pair}: {closed.status}"
    assert closed.status in {COMES_TO[name] for name in pair}, said
    (entry,) = [act for act in acts_on(closed) if act in CLOSED]
    assert CLOSED[entry] == closed.status, said
    assert [row.status for row in closed.history.order_by("pk")] == ["pending", closed.status], said

    done = [name for name, one in zip(names, outcomes, strict=True) if one in won(outcomes)]
    answers = [name for name in done if name in ANSWERS]
    assert [COMES_TO[name] for name in answers] == [closed.status] * (len(answers) or 0), said
    assert len(answers) == (closed.status in {COMES_TO[name] for name in ANSWERS}), said
    assert all(isinstance(refusal, Overtaken) for refusal in lost(outcomes)), said

    decisions = [(one.verdict, one.digest) for one in closed.decisions.all()]
    decided = {Status.APPROVED: "approve", Status.DENIED: "deny"}.get(Status(closed.status))
    assert decisions == ([(decided, closed.digest)] if decided else []), said
    begun = list(Assignment.objects.filter(request_number=closed.number))
    assert len(begun) == (closed.status == Status.APPROVED), said

    if "disable" in pair:
        assert not holder.is_active, said
        assert done.count("disable") == 1, said
        assert not Assignment.objects.live().filter(person=holder).exists(), said
    counts = bool(begun) and holder.is_active
    assert [one.is_in_force() for one in begun] == [counts] * len(begun), said
    assert holds(holder, Duty.SECURITY_READER) is counts, said


def test_A10_of_eight_browsers_at_once_one_is_answered_and_the_others_are_told(
    race: Race, stage: Stage
) -> None:
    kim, jo = stage.approvers[:2]
    browsers = [signed_in(who) for who in (kim, kim, kim, jo, jo, jo)]
    browsers += [signed_in(stage.cast.administrator) for _n in range(2)]
    forms = [("decide", {"verdict": "approve"})] * 3
    forms += [("decide", {"verdict": "deny", "justification": "Not today"})] * 3
    forms += [("cancel_request", {"justification": "Not today"})] * 2
    for n in range(max(1, ROUNDS // 4)):
        person = make_person(f"person{n}")
        access_request = ask(make_eligibility(stage.eligibility.role, person), person, minutes=30)
        sent = [
            partial(browser.post, reverse(name, args=[access_request.pk]), form)
            for browser, (name, form) in zip(browsers, forms, strict=True)
        ]

        answers = race(sent)

        assert sorted(one.status_code for one in answers) == [302] + [409] * 7
        first = [one.status_code for one in answers].index(302)
        came = ["approved"] * 3 + ["denied"] * 3 + ["canceled"] * 2
        assert now(access_request).status == came[first]
        (entry,) = [act for act in acts_on(access_request) if act in CLOSED]
        assert CLOSED[entry] == came[first]
    assert verify_journal().holds


@pytest.fixture
def two(clock: TimeMachineFixture, cast: Cast, stage: Stage) -> list[Role]:
    """A role that is free, and one on which people decide; both ask for a second factor every time."""
    free = make_portal_directory().roles.get(entitlement=Duty.GLOBAL_READER)
    change_settings(free, factor="every_time", approval_required=False)
    change_settings(stage.eligibility.role, factor="every_time")
    return [free, stage.eligibility.role]


def test_B13_several_roles_asked_for_eight_times_at_once_are_one_request_for_each(
    race: Race, two: list[Role]
) -> None:
    for n in range(max(1, ROUNDS // 2)):
        person = make_person(f"person{n}")
        chosen, key = [make_eligibility(role, person) for role in two], some_key()
        actor = acting(person)
        together = partial(activate_together, chosen, actor=actor, asked=asked(30), idempotency_key=key)
        with pytest.raises(StepUpRequired) as question:
            together()
        give_evidence(actor, act=question.value.act)

        outcomes = race([together] * AT_ONCE)

        assert not lost(outcomes)
        mine = AccessRequest.objects.filter(requester=person)
        assert sorted(mine.values_list("status", flat=True)) == ["approved", "pending"]
        assert Assignment.objects.filter(person=person).count() == 1
        filed = {one.access_request.pk for each in outcomes for one in each if one.access_request}
        assert filed == set(mine.values_list("pk", flat=True))
    assert verify_journal().holds


def test_B13_the_form_for_several_roles_sent_twice_at_once_asks_for_each_once(
    race: Race, clock: TimeMachineFixture, stage: Stage
) -> None:
    free = make_portal_directory().roles.get(entitlement=Duty.GLOBAL_READER)
    change_settings(free, factor="none", approval_required=False)
    roles = [free, stage.eligibility.role]
    for n in range(max(1, ROUNDS // 4)):
        person = make_person(f"person{n}")
        chosen = [make_eligibility(role, person) for role in roles]
        browser = signed_in(person)
        tabs = [Client() for _n in range(AT_ONCE)]
        for tab in tabs:  # a button that is hit again: the same browser, the same session
            tab.cookies = browser.cookies
        form = {"pick": [one.pk for one in chosen], "minutes": "30", "justification": "The job is stuck"}
        form |= {"idempotency_key": some_key()}

        answers = race([partial(tab.post, reverse("activate_together"), form) for tab in tabs])

        assert {one.status_code for one in answers} == {302}, [one.content for one in answers][:1]
        mine = AccessRequest.objects.filter(requester=person)
        assert sorted(mine.values_list("status", flat=True)) == ["approved", "pending"]
    assert verify_journal().holds


def test_B13_one_form_sent_twenty_times_at_once_is_one_request(clock: TimeMachineFixture, cast: Cast) -> None:
    role = make_portal_directory().roles.get(entitlement=Duty.SECURITY_READER)
    change_settings(role, factor="every_time", approval_required=False)
    with racing(20) as race:
        for n in range(max(1, ROUNDS // 4)):
            person = make_person(f"person{n}")
            eligibility, actor, key = make_eligibility(role, person), acting(person), some_key()
            give_evidence(actor, act=act_of(eligibility, asked(30), person))
            ask_once = partial(
                request_activation, eligibility, actor=actor, asked=asked(30), idempotency_key=key
            )

            outcomes = race([ask_once] * 20)

            assert not lost(outcomes)
            assert len({one.pk for one in outcomes}) == 1
            assert AccessRequest.objects.filter(holder=person).count() == 1
            assert Assignment.objects.filter(person=person).count() == 1
    assert verify_journal().holds
