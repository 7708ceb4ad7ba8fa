"""Stages: who is asked when, how many must agree, who may answer later, and what becomes of it when nobody can."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from time_machine import TimeMachineFixture

from accounts.duties import Duty
from accounts.models import User
from approvals.approvers import approvers_of_all
from approvals.deciding import decide
from approvals.models import AccessRequest, Decision
from approvals.moving_on import move_stages_on
from approvals.permissions import approvers_of, requests_decidable_by
from audit.journal.refusing import NotAllowed, Refused
from roles.models import Role
from roles.models.stages import ALL, Stage
from roles.models.values import IfNobody
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import give_duty, make_group, make_person
from tests.factories.roles import (
    acting,
    acts_on,
    appoint,
    approve,
    ask,
    change_settings,
    make_eligibility,
    make_role,
    name_stages,
    notices_of,
    now,
)

pytestmark = pytest.mark.django_db

Status, Verdict = AccessRequest.Status, Decision.Verdict


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row, approvers=[])


def deciders(access_request: AccessRequest) -> set[User]:
    """Who may decide now, the same in all three directions."""
    asked = now(access_request)
    people = set(approvers_of(asked))
    assert set(approvers_of_all([asked])[asked.pk]) == people
    able = {who for who in User.objects.all() if requests_decidable_by(who).filter(pk=asked.pk).exists()}
    assert able == people
    return people


def say_yes(access_request: AccessRequest, *people: User) -> None:
    for person in people:
        decide(access_request, actor=acting(person), verdict=Verdict.APPROVE)


def status_of(access_request: AccessRequest) -> str:
    return now(access_request).status


def test_stages_are_asked_in_their_order_and_the_last_one_decides(role: Role, cast: Cast) -> None:
    name_stages(role, (Stage(), [cast.approver], []), (Stage(), [cast.second_approver], []))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)

    assert deciders(waiting) == {cast.approver}
    with pytest.raises(NotAllowed):
        say_yes(waiting, cast.second_approver)
    say_yes(waiting, cast.approver)

    assert status_of(waiting) == Status.PENDING
    assert deciders(waiting) == {cast.second_approver}
    assert notices_of(cast.second_approver) == ["approvals/approval_asked"]
    assert {"activation.stage_approved", "activation.stage_begun"} <= set(acts_on(waiting))

    assert approve(waiting, cast.second_approver).person == cast.employee
    assert status_of(waiting) == Status.APPROVED


def test_A12_nobody_answers_at_two_stages(role: Role, cast: Cast) -> None:
    name_stages(
        role,
        (Stage(), [cast.approver], []),
        (Stage(ALL), [cast.approver, cast.second_approver], []),
    )
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    say_yes(waiting, cast.approver)

    assert deciders(waiting) == {cast.second_approver}
    with pytest.raises(NotAllowed):
        say_yes(waiting, cast.approver)
    say_yes(waiting, cast.second_approver)
    assert status_of(waiting) == Status.APPROVED, "all of those who can still answer"


def test_one_denial_at_any_stage_ends_it(role: Role, cast: Cast) -> None:
    name_stages(role, (Stage(), [cast.approver], []), (Stage(), [cast.second_approver], []))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    say_yes(waiting, cast.approver)

    decide(waiting, actor=acting(cast.second_approver), verdict=Verdict.DENY, justification="Not today")

    assert status_of(waiting) == Status.DENIED
    assert not role.assignments.exists()


@pytest.mark.parametrize("quorum", [2, ALL])
def test_as_many_different_people_must_agree_as_the_stage_asks_for(
    role: Role, cast: Cast, quorum: int
) -> None:
    name_stages(role, (Stage(quorum), [cast.approver, cast.second_approver], []))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)

    say_yes(waiting, cast.approver)

    assert status_of(waiting) == Status.PENDING
    assert deciders(waiting) == {cast.second_approver}, "nobody answers twice"
    with pytest.raises(NotAllowed):
        say_yes(waiting, cast.approver)
    say_yes(waiting, cast.second_approver)
    assert status_of(waiting) == Status.APPROVED


def test_two_accounts_of_one_human_are_one_answer(role: Role, cast: Cast) -> None:
    both = [make_person("kim.a", "Kim A", person_key="K1"), make_person("kim.b", "Kim B", person_key="K1")]
    name_stages(role, (Stage(2), [*both, cast.approver], []))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)

    say_yes(waiting, both[0])

    assert deciders(waiting) == {cast.approver}
    with pytest.raises(NotAllowed):
        say_yes(waiting, both[1])


def test_all_of_them_does_not_wait_for_who_has_left(role: Role, cast: Cast) -> None:
    name_stages(role, (Stage(ALL), [cast.approver, cast.second_approver], []))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    User.objects.filter(pk=cast.second_approver.pk).update(is_active=False)

    say_yes(waiting, cast.approver)

    assert status_of(waiting) == Status.APPROVED


def test_all_of_them_goes_on_when_the_one_who_was_missing_leaves(role: Role, cast: Cast) -> None:
    name_stages(role, (Stage(ALL), [cast.approver, cast.second_approver], []))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    say_yes(waiting, cast.approver)
    everybody_named_leaves(cast, cast.second_approver)

    move_stages_on()

    assert status_of(waiting) == Status.APPROVED


def test_who_comes_later_is_waited_for_before_the_administrators_are_asked(
    role: Role, cast: Cast, clock: TimeMachineFixture
) -> None:
    name_stages(role, (Stage(2, escalate_after=60), [cast.employee, cast.approver], [cast.auditor]))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)

    move_stages_on()
    assert deciders(waiting) == {cast.approver}
    clock.shift(timedelta(hours=1))
    move_stages_on()
    assert deciders(waiting) == {cast.approver, cast.auditor}


def test_who_is_named_for_later_may_answer_once_it_is_late_and_is_told(
    role: Role, cast: Cast, clock: TimeMachineFixture
) -> None:
    name_stages(role, (Stage(1, escalate_after=60), [cast.approver], [cast.second_approver]))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)

    clock.shift(timedelta(minutes=59))
    move_stages_on()
    assert deciders(waiting) == {cast.approver}
    assert notices_of(cast.second_approver) == []

    clock.shift(timedelta(minutes=1))
    assert deciders(waiting) == {cast.approver, cast.second_approver}, "whether or not a sweep has run"
    move_stages_on()
    move_stages_on()

    assert notices_of(cast.second_approver) == ["approvals/approval_asked"]
    assert acts_on(waiting).count("activation.escalated") == 1
    say_yes(waiting, cast.second_approver)
    assert status_of(waiting) == Status.APPROVED


def everybody_named_leaves(cast: Cast, *people: User) -> None:
    User.objects.filter(pk__in=[person.pk for person in people]).update(is_active=False)


def test_where_nobody_is_left_the_administrators_decide_without_a_duty_active_now(
    role: Role, cast: Cast
) -> None:
    name_stages(role, (Stage(2), [cast.approver, cast.second_approver], []))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    everybody_named_leaves(cast, cast.second_approver)

    move_stages_on()
    move_stages_on()

    assert deciders(waiting) == {cast.approver, cast.administrator}
    assert acts_on(waiting).count("activation.passed_to_administrators") == 1
    say_yes(waiting, cast.administrator)
    assert status_of(waiting) == Status.PENDING, "two were asked for, and two there are"
    say_yes(waiting, cast.approver)
    assert status_of(waiting) == Status.APPROVED


@pytest.mark.parametrize(
    ("if_nobody", "outcome"), [(IfNobody.REFUSE, Status.FAILED), (IfNobody.WAIT, Status.PENDING)]
)
def test_settings_say_what_becomes_of_it_when_nobody_is_left(
    role: Role, cast: Cast, if_nobody: str, outcome: str
) -> None:
    change_settings(role, if_nobody=if_nobody)
    name_stages(role, (Stage(), [cast.approver], []))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    everybody_named_leaves(cast, cast.approver)

    move_stages_on()

    assert status_of(waiting) == outcome
    assert deciders(waiting) == set()


def test_who_could_decide_alone_gets_administrators_beside_them_or_is_refused(role: Role, cast: Cast) -> None:
    name_stages(role, (Stage(), [cast.employee], []))

    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    assert deciders(waiting) == {cast.administrator}

    change_settings(role, if_nobody=IfNobody.REFUSE)
    other = make_person("quinn", "Quinn Draft")
    name_stages(role, (Stage(), [other], []))
    with pytest.raises(Refused, match="Nobody could decide"):
        ask(make_eligibility(role, other), other)


def by_person(cast: Cast, role: Role) -> Sequence[object]:
    return [cast.approver]


def by_group(cast: Cast, role: Role) -> Sequence[object]:
    return [make_group("Approvers", cast.approver)]


def by_manager(cast: Cast, role: Role) -> Sequence[object]:
    User.objects.filter(pk=cast.employee.pk).update(manager=cast.approver)
    cast.employee.refresh_from_db()
    return ["manager"]


def by_ownership(cast: Cast, role: Role) -> Sequence[object]:
    appoint(cast.approver, "own", role)
    return ["owners"]


@pytest.mark.parametrize("named", [by_person, by_group, by_manager, by_ownership])
def test_a_deputy_decides_for_who_is_away_and_no_longer(
    role: Role, cast: Cast, clock: TimeMachineFixture, named: object
) -> None:
    name_stages(role, (Stage(), named(cast, role), []))  # type: ignore[operator]
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    go_away(cast.approver, cast.outsider)

    assert deciders(waiting) == {cast.approver, cast.outsider}
    clock.shift(timedelta(days=2))
    assert not requests_decidable_by(cast.outsider).exists()
    clock.shift(timedelta(days=-2))

    decision = decide(waiting, actor=acting(cast.outsider), verdict=Verdict.APPROVE)

    assert (decision.approver, decision.stands_in_for) == (cast.outsider, cast.approver)
    assert status_of(waiting) == Status.APPROVED


def go_away(person: User, deputy: User) -> None:
    from django.utils import timezone

    from accounts.models import Absence

    Absence.objects.create(person=person, deputy=deputy, ends_at=timezone.now() + timedelta(days=1))


def test_A4_a_deputy_never_decides_on_a_request_of_their_own_nor_of_whom_they_stand_in_for(
    role: Role, cast: Cast
) -> None:
    name_stages(role, (Stage(), [cast.approver, cast.second_approver], []))
    go_away(cast.approver, cast.employee)
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    assert deciders(waiting) == {cast.approver, cast.second_approver}

    of_the_absent = ask(make_eligibility(role, cast.approver), cast.approver)
    assert deciders(of_the_absent) == {cast.second_approver}


def test_a_deputy_of_a_deputy_decides_nothing_and_a_duty_does_not_pass_on(role: Role, cast: Cast) -> None:
    name_stages(role, (Stage(), [cast.approver], []))
    go_away(cast.approver, cast.second_approver)
    go_away(cast.second_approver, cast.outsider)
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    assert deciders(waiting) == {cast.approver, cast.second_approver}

    name_stages(role)
    quinn = make_person("quinn", "Quinn Draft")
    give_duty(quinn, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    go_away(quinn, cast.outsider)
    fallback = ask(make_eligibility(role, cast.auditor), cast.auditor)
    assert deciders(fallback) == {cast.administrator, quinn}


def test_all_of_them_is_satisfied_by_a_deputy(role: Role, cast: Cast) -> None:
    name_stages(role, (Stage(ALL), [cast.approver, cast.second_approver], []))
    go_away(cast.approver, cast.outsider)
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)

    say_yes(waiting, cast.outsider)
    assert status_of(waiting) == Status.PENDING
    assert deciders(waiting) == {cast.approver, cast.second_approver}
    say_yes(waiting, cast.second_approver)

    assert status_of(waiting) == Status.APPROVED
