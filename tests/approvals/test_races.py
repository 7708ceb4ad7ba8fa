"""Several people at one request in the same instant: one outcome, and journal and state agree on it."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from time_machine import TimeMachineFixture

from accounts.models import User
from approvals.closing import cancel_request, close_hopeless_requests
from approvals.deciding import decide
from approvals.models import AccessRequest, Decision
from approvals.requesting import act_of, request_activation, request_deactivation
from audit.journal.refusing import Overtaken
from audit.journal.verifying import verify_journal
from roles.models import Assignment, Eligibility, EndCause, Role
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_person
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    activate,
    acts_on,
    ask,
    asked,
    give_evidence,
    make_eligibility,
    make_role,
    name_approvers,
    now,
    some_key,
)
from tests.races import AT_ONCE, ROUNDS, Race, lost, racing, won

pytestmark = pytest.mark.django_db(transaction=True)

Status, Verdict = AccessRequest.Status, Decision.Verdict
CLOSED = {
    "activation.approved": Status.APPROVED,
    "activation.denied": Status.DENIED,
    "activation.canceled": Status.CANCELED,
    "activation.timed_out": Status.TIMED_OUT,
    "activation.failed": Status.FAILED,
}


@pytest.fixture
def race() -> Iterator[Race]:
    with racing() as race:
        yield race


@pytest.fixture
def race_of_four() -> Iterator[Race]:
    """For sweeps, each of which reads everything there is."""
    with racing(4) as race:
        yield race


@pytest.fixture
def approvers(clock: TimeMachineFixture, cast: Cast) -> list[User]:
    return [make_person(f"approver{n}") for n in range(AT_ONCE)]


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row, approvers=[cast.approver])


@pytest.fixture
def file(role: Role, cast: Cast, approvers: list[User]) -> Callable[[], AccessRequest]:
    """Ask for the role; eight people may answer. What was held before is over."""
    name_approvers(role, *approvers)
    eligibility = make_eligibility(role, cast.employee)

    def file() -> AccessRequest:
        Assignment.objects.update(status=Assignment.Status.ENDED)
        return ask(eligibility, cast.employee)

    return file


def answer(access_request: AccessRequest, approver: User, verdict: str) -> Decision:
    return decide(access_request, actor=acting(approver), verdict=verdict, justification="So be it")


def agreed(access_request: AccessRequest) -> str:
    """How it ended. Journal, history, decisions and assignment all say the same, once."""
    closed = now(access_request)
    (act,) = [act for act in acts_on(access_request) if act in CLOSED]
    assert CLOSED[act] == closed.status
    assert [row.status for row in closed.history.order_by("pk")] == ["pending", closed.status]
    decisions = list(closed.decisions.values_list("verdict", flat=True))
    expected = {Status.APPROVED: ["approve"], Status.DENIED: ["deny"]}.get(closed.status, [])
    assert decisions == expected
    begun = Assignment.objects.filter(request_number=closed.number).count()
    assert begun == (closed.status == Status.APPROVED)
    return str(closed.status)


def test_A9_of_eight_approvers_one_decides_and_the_others_learn_who(
    race: Race, file: Callable[[], AccessRequest], approvers: list[User]
) -> None:
    for _ in range(ROUNDS):
        access_request = file()

        outcomes = race([partial(answer, now(access_request), one, Verdict.APPROVE) for one in approvers])

        (decision,) = won(outcomes)
        said = f"{decision.approver} was faster and approved {access_request.number}."
        assert {refusal.message for refusal in lost(outcomes)} == {said}
        assert agreed(access_request) == Status.APPROVED
    assert verify_journal().holds


def test_A9_approve_against_deny_is_one_of_the_two(
    race: Race, file: Callable[[], AccessRequest], approvers: list[User]
) -> None:
    for _ in range(ROUNDS):
        access_request = file()
        verdicts = [Verdict.APPROVE, Verdict.DENY] * (AT_ONCE // 2)

        outcomes = race(
            [partial(answer, now(access_request), *pair) for pair in zip(approvers, verdicts, strict=True)]
        )

        (decision,) = won(outcomes)
        assert all(isinstance(refusal, Overtaken) for refusal in lost(outcomes))
        assert agreed(access_request) == {"approve": "approved", "deny": "denied"}[decision.verdict]
    assert verify_journal().holds


def test_A9_one_approver_in_eight_windows_decides_once(
    race: Race, file: Callable[[], AccessRequest], approvers: list[User]
) -> None:
    for _ in range(ROUNDS):
        access_request = file()

        outcomes = race([partial(answer, now(access_request), approvers[0], Verdict.APPROVE)] * AT_ONCE)

        assert len(won(outcomes)) == 1
        assert agreed(access_request) == Status.APPROVED


def test_A10_approve_against_cancel_is_one_of_the_two(
    race: Race, file: Callable[[], AccessRequest], approvers: list[User], cast: Cast
) -> None:
    for _ in range(ROUNDS):
        access_request = file()
        page = now(access_request)
        cancel = partial(cancel_request, page, actor=acting(cast.employee))

        outcomes = race([partial(answer, page, one, Verdict.APPROVE) for one in approvers[:4]] + [cancel] * 4)

        assert len(won(outcomes)) == 1
        assert all(isinstance(refusal, Overtaken) for refusal in lost(outcomes))
        assert agreed(access_request) in (Status.APPROVED, Status.CANCELED)
    assert verify_journal().holds


def test_A10_approve_against_time_is_one_of_the_two(
    race: Race, file: Callable[[], AccessRequest], approvers: list[User], clock: TimeMachineFixture
) -> None:
    ended = set()
    for n in range(ROUNDS):
        clock.move_to(NOON + n * 48 * HOUR)
        access_request = file()
        deadline = access_request.deadline

        def let_time_pass(deadline: object = deadline) -> None:
            clock.move_to(deadline)  # type: ignore[arg-type]
            close_hopeless_requests()

        outcomes = race(
            [partial(answer, now(access_request), one, Verdict.APPROVE) for one in approvers[:5]]
            + [let_time_pass] * 3
        )

        assert all(isinstance(refusal, Overtaken) for refusal in lost(outcomes))
        ended.add(agreed(access_request))
    assert ended <= {Status.APPROVED, Status.TIMED_OUT}
    assert verify_journal().holds


def test_two_activations_at_once_are_one(
    race: Race, clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row)
    for n in range(ROUNDS):
        person = make_person(f"person{n}")
        eligibility = make_eligibility(role, person)

        outcomes = race(
            [partial(request_activation, eligibility, actor=acting(person), asked=asked())] * AT_ONCE
        )

        (access_request,) = won(outcomes)
        assert {refusal.code for refusal in lost(outcomes)} == {"already_held"}
        assert Assignment.objects.live().filter(person=person).get() == access_request.assignment
        assert agreed_without_approval(access_request)
    assert verify_journal().holds


def agreed_without_approval(access_request: AccessRequest) -> bool:
    return acts_on(access_request) == ["activation.requested", "activation.approved"]


def test_two_requests_at_once_are_one(race: Race, role: Role, cast: Cast) -> None:
    for n in range(ROUNDS):
        person = make_person(f"person{n}")
        eligibility = make_eligibility(role, person)

        outcomes = race(
            [partial(request_activation, eligibility, actor=acting(person), asked=asked())] * AT_ONCE
        )

        assert len(won(outcomes)) == 1
        assert AccessRequest.objects.open().filter(holder=person).count() == 1


def test_B13_a_form_sent_eight_times_at_once_is_one_request_for_all(
    race: Race, clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row, factor="every_time")
    for n in range(ROUNDS):
        person = make_person(f"person{n}")
        eligibility, actor, key = make_eligibility(role, person), acting(person), some_key()
        give_evidence(actor, act=act_of(eligibility, asked(), person))

        outcomes = race(
            [partial(request_activation, eligibility, actor=actor, asked=asked(), idempotency_key=key)]
            * AT_ONCE
        )

        assert not lost(outcomes)
        assert len({one.pk for one in outcomes}) == 1
        assert AccessRequest.objects.filter(holder=person).count() == 1


def test_C5_one_second_factor_does_for_one_of_eight(
    race: Race, clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row, factor="every_time")
    for n in range(ROUNDS):
        person = make_person(f"person{n}")
        eligibility, actor = make_eligibility(role, person), acting(person)
        evidence = give_evidence(actor, act=act_of(eligibility, asked(), person))

        outcomes = race([partial(request_activation, eligibility, actor=actor, asked=asked())] * AT_ONCE)

        assert len(won(outcomes)) == 1
        assert AccessRequest.objects.filter(factor_use=evidence).count() == 1


def test_B9_giving_back_against_the_sweep_at_the_end_is_one_end(
    race_of_four: Race, clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    eligibility = make_eligibility(make_role(vault.row), cast.employee)
    causes = set()
    for n in range(ROUNDS):
        clock.move_to(NOON + n * 24 * HOUR)
        held = activate(eligibility, cast.employee, minutes=60)
        sweep()
        page = now(held)
        clock.shift(HOUR)

        outcomes = race_of_four(
            [partial(request_deactivation, page, actor=acting(cast.employee))] * 2 + [sweep] * 2
        )
        sweep()

        assert all(isinstance(refusal, Overtaken) for refusal in lost(outcomes))
        over = now(held)
        causes.add(over.end_cause)
        assert over.status == Assignment.Status.ENDED
        assert acts_on(held).count("assignment.ended") == 1
        assert vault.told.count(("revoke", "robin", "operator")) == n + 1
        given_back = AccessRequest.objects.filter(act="deactivate", assignment=held).count()
        assert given_back == (over.end_cause == EndCause.DEACTIVATED)
    assert causes <= {EndCause.DEACTIVATED, EndCause.EXPIRED}
    assert verify_journal().holds


def test_an_eligibility_that_ends_in_the_moment_of_approval_leaves_nothing_in_force(
    race_of_four: Race, role: Role, cast: Cast, approvers: list[User]
) -> None:
    from approvals.granting import request_removal

    name_approvers(role, *approvers)
    for n in range(ROUNDS):
        person = make_person(f"person{n}")
        eligibility: Eligibility = make_eligibility(role, person)
        access_request = ask(eligibility, person)
        page = now(eligibility)
        remove = partial(request_removal, page, actor=acting(cast.administrator), justification="Moved on")

        race_of_four(
            [partial(answer, now(access_request), one, Verdict.APPROVE) for one in approvers[:3]] + [remove]
        )

        assert agreed(access_request) in (Status.APPROVED, Status.FAILED)
        assert not Assignment.objects.due().filter(person=person).exists()
    assert verify_journal().holds
