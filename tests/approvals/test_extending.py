"""Holders ask to keep what ends soon, or to have again what ended lately; whoever may assign the role decides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from accounts.mfa.freshness import StepUpRequired
from accounts.models import User
from approvals.changing import Change, change
from approvals.closing import cancel_request, close_hopeless_requests
from approvals.deciding import decide
from approvals.extending import Given, Mine, request_extension, request_renewal, suggested
from approvals.filing import Act
from approvals.granting import request_assignment
from approvals.models import AccessRequest, Decision
from approvals.removing import request_removal
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Assignment, Eligibility, Role
from roles.requirements import ACTIVE, ELIGIBLE, AskedAssignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import give_duty, make_group
from tests.factories.roles import (
    NOON,
    acting,
    activate,
    acts_on,
    change_settings,
    give_evidence,
    make_eligibility,
    make_role,
    notices_of,
    now,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
APPROVE, DENY = Decision.Verdict.APPROVE, Decision.Verdict.DENY


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row)


def held_by_robin(role: Role, cast: Cast, kind: str = ELIGIBLE, *, days: int = 10) -> Mine:
    end = NOON + days * DAY
    if kind == ELIGIBLE:
        return make_eligibility(role, cast.employee, ends_at=end)
    said = {"actor": acting(cast.administrator), "person": cast.employee, "justification": "On call"}
    return request_assignment(role, ends_at=end, **said)  # type: ignore[arg-type]


def ask(held: Mine, person: User) -> AccessRequest:
    verb = request_extension if held.ends_at and held.ends_at > timezone.now() else request_renewal
    return verb(now(held), actor=acting(person), justification="Still on call")


def answer(waiting: AccessRequest, person: User, given: Given | None = None, **said: Any) -> Decision:
    said = {"verdict": APPROVE} | said
    return decide(waiting, actor=acting(person), given=given, **said)


@pytest.mark.parametrize("kind", [ELIGIBLE, ACTIVE])
def test_an_extension_is_decided_by_who_may_assign_with_another_end(
    role: Role, cast: Cast, kind: str
) -> None:
    held = held_by_robin(role, cast, kind)

    waiting = ask(held, cast.employee)
    assert (waiting.act, waiting.is_open, waiting.deadline) == ("extend", True, NOON + 14 * DAY)
    assert notices_of(cast.administrator)[-1] == "approvals/extension_asked"
    answer(waiting, cast.administrator, Given(kind, None, NOON + 60 * DAY), justification="Until the move")

    assert now(held).ends_at == NOON + 60 * DAY
    decision = now(waiting).decisions.get()
    assert (decision.given_kind, decision.given_end) == (kind, NOON + 60 * DAY)
    assert acts_on(waiting) == ["extension.requested", "extension.approved"]
    assert "approvals/extension_approved" in notices_of(cast.employee)


def test_what_nobody_changes_goes_on_as_long_again_within_the_cap(role: Role, cast: Cast) -> None:
    waiting = ask(held_by_robin(role, cast), cast.employee)
    assert suggested(waiting) == Given(ELIGIBLE, None, NOON + 20 * DAY)

    answer(waiting, cast.administrator)

    assert Eligibility.objects.get().ends_at == NOON + 20 * DAY


def test_the_decider_may_give_another_kind(role: Role, cast: Cast, vault: Vault) -> None:
    held = held_by_robin(role, cast)

    answer(ask(held, cast.employee), cast.administrator, Given(ACTIVE, None, NOON + 5 * DAY))
    sweep()

    assert now(held).status == Eligibility.Status.REMOVED
    assert Assignment.objects.in_force().get().ends_at == NOON + 5 * DAY


@pytest.mark.parametrize("kind", [ELIGIBLE, ACTIVE])
def test_a_renewal_says_until_when_and_as_what(
    role: Role, cast: Cast, clock: TimeMachineFixture, kind: str
) -> None:
    held = held_by_robin(role, cast, kind, days=1)
    sweep()
    clock.shift(3 * 86400)
    waiting = ask(held, cast.employee)
    with pytest.raises(Refused, match="until when") as refusal:
        answer(waiting, cast.administrator)
    assert refusal.value.field == "given_end"

    answer(waiting, cast.administrator, Given(kind, None, NOON + 60 * DAY))
    sweep()

    found: Any = Eligibility if kind == ELIGIBLE else Assignment
    assert found.objects.in_force().get(person=cast.employee).ends_at == NOON + 60 * DAY
    assert acts_on(waiting) == ["renewal.requested", "renewal.approved"]


def test_an_extension_decided_after_the_end_renews(role: Role, cast: Cast, clock: TimeMachineFixture) -> None:
    held = held_by_robin(role, cast, days=1)
    waiting = ask(held, cast.employee)
    clock.shift(2 * 86400)
    sweep()
    assert not now(held).is_in_force()

    answer(waiting, cast.administrator, Given(ELIGIBLE, None, NOON + 30 * DAY))

    assert now(held).is_in_force()


@pytest.mark.parametrize(("days", "code"), [(15, "too_early"), (0, "no_end")])
def test_only_the_last_14_days_before_an_end(role: Role, cast: Cast, days: int, code: str) -> None:
    held = make_eligibility(role, cast.employee, ends_at=NOON + days * DAY if days else None)

    with pytest.raises(Refused) as refusal:
        request_extension(held, actor=acting(cast.employee), justification="Still on call")

    assert refusal.value.code == code
    assert not AccessRequest.objects.exists()


def test_and_30_days_after_it(role: Role, cast: Cast, clock: TimeMachineFixture) -> None:
    held = held_by_robin(role, cast, days=1)
    clock.shift(20 * 86400)
    assert ask(held, cast.employee).deadline == NOON + 31 * DAY, "not fourteen days any more"
    clock.shift(11 * 86400)

    close_hopeless_requests()
    with pytest.raises(Refused, match="within the last 30 days"):
        ask(held, cast.employee)

    assert AccessRequest.objects.get().status == "timed_out"
    assert "approvals/extension_timed_out" in notices_of(cast.employee)


def test_never_for_somebody_else_through_a_group_or_for_what_was_activated_or_removed(
    role: Role, cast: Cast, vault: Vault
) -> None:
    mine = held_by_robin(role, cast)
    group = make_group("Operators", cast.employee)
    through = make_eligibility(make_role(vault.row, "Reader"), group, ends_at=NOON + DAY)
    activated = activate(mine, cast.employee)  # type: ignore[arg-type]
    for held, who in ((mine, cast.approver), (through, cast.employee), (activated, cast.employee)):
        with pytest.raises(NotAllowed):
            request_extension(held, actor=acting(who), justification="Still on call")
    request_removal(mine, actor=acting(cast.administrator), justification="Moved on")
    with pytest.raises(Refused):
        request_renewal(now(mine), actor=acting(cast.employee), justification="Still on call")

    assert not AccessRequest.objects.filter(act__in=["extend", "renew"]).exists()


def test_one_waits_at_a_time_and_needs_a_reason(role: Role, cast: Cast) -> None:
    held = held_by_robin(role, cast)
    with pytest.raises(Refused, match="Say why"):
        request_extension(held, actor=acting(cast.employee), justification=" ")
    first = ask(held, cast.employee)
    with pytest.raises(Refused, match=first.number):
        ask(held, cast.employee)

    cancel_request(first, actor=acting(cast.employee))
    again = ask(held, cast.employee)
    answer(again, cast.administrator, verdict=DENY, justification="Not needed")

    assert [acts_on(one)[-1] for one in (first, again)] == ["extension.canceled", "extension.denied"]
    assert "approvals/extension_denied" in notices_of(cast.employee)
    assert now(held).ends_at == NOON + 10 * DAY


def test_A1_the_holder_never_decides_not_even_as_an_administrator(role: Role, cast: Cast) -> None:
    held = make_eligibility(role, cast.administrator, ends_at=NOON + DAY)
    give_duty(cast.root, "global_administrator")
    waiting = ask(held, cast.administrator)

    with pytest.raises(NotAllowed, match="their own request"):
        answer(waiting, cast.administrator)

    answer(waiting, cast.root)
    assert now(held).ends_at != NOON + DAY


def test_the_caps_it_was_asked_under_bind_the_decider(role: Role, cast: Cast) -> None:
    change_settings(role, eligible_permanent=False, eligible_days=30)
    waiting = ask(held_by_robin(role, cast), cast.employee)
    change_settings(role, eligible_days=365)

    for end in (NOON + 31 * DAY, None):
        with pytest.raises(Refused, match="1 month") as refusal:
            answer(waiting, cast.administrator, Given(ELIGIBLE, None, end))
        assert refusal.value.field == "ends_at"
    assert now(waiting).is_open
    assert not Decision.objects.exists()


def test_giving_it_as_active_asks_the_decider_for_a_second_factor(role: Role, cast: Cast) -> None:
    change_settings(role, active_factor=True)
    waiting = ask(held_by_robin(role, cast), cast.employee)
    actor, given = acting(cast.administrator), Given(ACTIVE, None, NOON + DAY * 20)
    with pytest.raises(StepUpRequired) as question:
        decide(waiting, actor=actor, verdict=APPROVE, given=given)
    assert now(waiting).is_open
    give_evidence(actor, act=question.value.act)

    decide(waiting, actor=actor, verdict=APPROVE, given=given)

    assert now(waiting).status == "approved"


@pytest.mark.parametrize("how", ["removed", "extended"])
def test_what_an_administrator_does_meanwhile_closes_the_request(role: Role, cast: Cast, how: str) -> None:
    held = held_by_robin(role, cast)
    waiting = ask(held, cast.employee)
    actor = acting(cast.administrator)

    if how == "removed":
        request_removal(now(held), actor=actor, justification="Moved on")
    else:
        asked = AskedAssignment(ELIGIBLE, None, NOON + 50 * DAY, "Longer")
        change([Change(now(held), asked, Act.EXTEND)], actor=actor)

    assert now(waiting).status == "failed"
    assert "approvals/extension_failed" in notices_of(cast.employee)
    with pytest.raises(Overtaken):
        answer(waiting, cast.administrator)
