"""Rules that decide in people's place: only where settings name them, never on what cannot be told, always written down."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from accounts.models import Membership, User
from approvals.automatic.conditions import read_conditions
from approvals.automatic.deciding import decided_by_rule
from approvals.automatic.gathering import facts_about, inputs_for
from approvals.automatic.judging import replay
from approvals.automatic.models import AutomaticDecision, AutomaticRule, Calendar
from approvals.models import AccessRequest
from approvals.permissions import approvers_of
from approvals.prolonging import request_longer
from approvals.timeline import steps_of
from audit.journal.models import AuditEvent
from roles.models import Assignment, Eligibility, Role
from tests.cast import Cast
from tests.factories.automatic import (
    APPROVE,
    DENY,
    event,
    make_automatic_rule,
    member,
    name_rules,
    names_person,
    on_call,
    read_calendar,
    risk,
    ticket,
    window,
)
from tests.factories.connectors import Vault
from tests.factories.people import make_group
from tests.factories.roles import (
    NOON,
    acting,
    acts_on,
    approve,
    ask,
    asked,
    change_settings,
    make_eligibility,
    make_role,
    now,
)

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.django_db]

Status = AccessRequest.Status
NIGHT = window(**{"from": "22:00", "to": "06:00"})


@pytest.fixture
def role(cast: Cast, vault: Vault) -> Role:
    """A role that asks for the approver."""
    return make_role(vault.row, approvers=[cast.approver])


@pytest.fixture
def eligibility(role: Role, cast: Cast) -> Eligibility:
    return make_eligibility(role, cast.employee)


def outcome(eligibility: Eligibility, cast: Cast, **what: Any) -> str:
    """What becomes of a request at once."""
    return now(ask(eligibility, cast.employee, **what)).status


def test_A8_a_rule_approves_and_everything_that_was_looked_at_is_kept(
    role: Role, eligibility: Eligibility, cast: Cast
) -> None:
    group = make_group("Night shift", cast.employee)
    rule = make_automatic_rule(window(), member(group), ticket(), name="Shift")
    name_rules(role, rule)

    filed = now(ask(eligibility, cast.employee, ticket="INC-12345"))

    assert filed.status == Status.APPROVED
    assert filed.assignment is not None
    decision = AutomaticDecision.objects.get(access_request=filed)
    assert (decision.rule, decision.verdict, decision.digest) == (rule, APPROVE, filed.digest)
    assert decision.says["conditions"] == rule.conditions
    assert [one["met"] for one in decision.says["reasons"]] == [True] * 3
    assert decision.inputs["moment"] == "2026-05-04T12:00:00+00:00"
    assert decision.inputs["groups"] == {str(group.pk): {"name": "Night shift", "member": True}}
    assert decision.inputs["ticket"] == "INC-12345"
    assert acts_on(filed)[:3] == ["activation.requested", "activation.decided_by_rule", "activation.approved"]
    entry = AuditEvent.objects.get(action="activation.decided_by_rule")
    assert (entry.actor_name, entry.access_request) == ("the portal", filed.number)
    assert entry.detail["rule"] == "hours.1"
    assert "It was Mon 14:00 in Europe/Vienna." in entry.detail["reasons"][0]
    [step] = [step for step in steps_of(filed) if "rule" in step.title]
    assert step.title == "Approved by the rule “Shift”"
    assert "It was Mon 14:00 in Europe/Vienna." in step.text


def test_a_rule_denies_with_its_name_even_where_no_approval_is_asked(
    role: Role, eligibility: Eligibility, cast: Cast
) -> None:
    change_settings(role, approval_required=False)
    name_rules(role, make_automatic_rule(window(), verdict=DENY, name="Not by day"))

    filed = now(ask(eligibility, cast.employee))

    assert (filed.status, filed.outcome_note) == (Status.DENIED, "Denied by the rule “Not by day”.")
    assert not Assignment.objects.exists()
    assert "Denied by the rule “Not by day”" in [step.title for step in steps_of(filed)]


def test_where_no_approval_is_asked_a_rule_that_approves_is_not_heard(
    role: Role, eligibility: Eligibility, cast: Cast
) -> None:
    change_settings(role, approval_required=False)
    name_rules(role, make_automatic_rule(window()))

    assert outcome(eligibility, cast) == Status.APPROVED
    assert not AutomaticDecision.objects.exists()


def flip_rule_made(role: Role) -> None:
    make_automatic_rule(window())


def flip_named(role: Role) -> None:
    name_rules(role, "hours.1")


def flip_approval(role: Role) -> None:
    change_settings(role, approval_required=False)
    change_settings(role, approval_required=True)


@pytest.mark.parametrize("order", list(permutations([flip_rule_made, flip_named, flip_approval])))
def test_A8_in_whatever_order_it_came_to_be_a_rule_counts_while_settings_name_it_and_not_a_moment_longer(
    role: Role, eligibility: Eligibility, cast: Cast, order: tuple[Any, ...]
) -> None:
    other = make_eligibility(role, cast.outsider)
    for flip in order:
        flip(role)
    assert outcome(eligibility, cast) == Status.APPROVED

    change_settings(role, automatic="")
    assert now(ask(other, cast.outsider)).status == Status.PENDING


@pytest.mark.parametrize(
    "named", ["", "hours", "hours.2", "other.1", "HOURS.1", "hours.1.1", "hours.01", ".1", "hours."]
)
def test_A8_a_rule_that_settings_do_not_name_to_the_letter_never_approves(
    role: Role, eligibility: Eligibility, cast: Cast, named: str
) -> None:
    make_automatic_rule(window())
    name_rules(role, named)

    assert outcome(eligibility, cast) == Status.PENDING
    assert not AutomaticDecision.objects.exists()


def test_A8_a_rule_named_for_another_role_says_nothing_here(
    vault: Vault, role: Role, eligibility: Eligibility, cast: Cast
) -> None:
    other = make_role(vault.row, "Reader", approvers=[cast.approver])
    name_rules(other, make_automatic_rule(window()))

    assert outcome(eligibility, cast) == Status.PENDING


def test_A8_a_rule_taken_out_of_the_settings_while_a_request_waited_does_not_approve_it(
    role: Role, eligibility: Eligibility, cast: Cast
) -> None:
    filed = ask(eligibility, cast.employee)
    make_automatic_rule(window())
    settings = filed.asked_under.as_json() | {"automatic": "hours.1"}
    AccessRequest.objects.filter(pk=filed.pk).update(asked_settings=settings, digest="")  # as if filed so

    assert decided_by_rule(now(filed)) is None
    name_rules(role, "hours.1")
    assert decided_by_rule(now(filed)) is not None


def test_a_request_that_is_not_what_was_filed_is_approved_by_no_rule(
    role: Role, eligibility: Eligibility, cast: Cast
) -> None:
    name_rules(role, make_automatic_rule(NIGHT))
    filed = ask(eligibility, cast.employee)
    make_automatic_rule(window(), version=2)
    settings = filed.asked_under.as_json() | {"automatic": "hours.2"}
    AccessRequest.objects.filter(pk=filed.pk).update(asked_settings=settings)
    name_rules(role, "hours.2")

    assert decided_by_rule(now(filed)) is None


@pytest.mark.parametrize("deny_first", [True, False])
def test_a_rule_that_denies_is_heard_first_wherever_it_stands(
    role: Role, eligibility: Eligibility, cast: Cast, deny_first: bool
) -> None:
    rules = [make_automatic_rule(window(), verdict=DENY, key="no"), make_automatic_rule(window(), key="yes")]
    name_rules(role, *(rules if deny_first else reversed(rules)))

    assert outcome(eligibility, cast) == Status.DENIED


def test_an_old_version_goes_on_until_settings_name_the_new_one(
    role: Role, eligibility: Eligibility, cast: Cast
) -> None:
    name_rules(role, make_automatic_rule(window()))
    make_automatic_rule(NIGHT, version=2)

    assert outcome(eligibility, cast) == Status.APPROVED
    name_rules(role, "hours.2")
    assert now(ask(make_eligibility(role, cast.outsider), cast.outsider)).status == Status.PENDING


def retire(rule: AutomaticRule) -> None:
    AutomaticRule.objects.filter(pk=rule.pk).update(retired_at=timezone.now())


def test_a_retired_rule_decides_nothing_and_people_do(
    role: Role, eligibility: Eligibility, cast: Cast
) -> None:
    rule = make_automatic_rule(window())
    name_rules(role, rule)
    retire(rule)

    filed = ask(eligibility, cast.employee)

    assert now(filed).status == Status.PENDING
    assert approve(filed, cast.approver)


def broken(how: str, cast: Cast) -> AutomaticRule | str:
    """A rule that denies and cannot be judged."""
    if how == "not there":
        return "gone.1"
    if how == "retired":
        rule = make_automatic_rule(NIGHT, verdict=DENY, key="no")
        retire(rule)
        return rule
    if how == "stale calendar":
        read_calendar(names_person(cast.employee), fetched_at=timezone.now() - timedelta(minutes=61))
        return make_automatic_rule(on_call(must_hold=False), verdict=DENY, key="no")
    if how == "no calendar":
        return make_automatic_rule(on_call(must_hold=False), verdict=DENY, key="no")
    if how in ("unreadable calendar", "another text"):
        calendar = read_calendar(names_person(cast.employee))
        text = "[1, 2" if how == "unreadable calendar" else '{"events": [1, {"starts_at": 7}]}'
        Calendar.objects.filter(pk=calendar.pk).update(text=text)
        return make_automatic_rule(on_call(must_hold=False), verdict=DENY, key="no")
    if how == "no group":
        condition = {"kind": "member", "must_hold": False, "group": 999_999, "name": "Gone"}
        return make_automatic_rule(condition, verdict=DENY, key="no")
    return make_automatic_rule({"kind": "moon"}, verdict=DENY, key="no")


BROKEN = [
    "not there",
    "retired",
    "stale calendar",
    "no calendar",
    "unreadable calendar",
    "another text",
    "no group",
    "not a rule",
]


@pytest.mark.parametrize("how", BROKEN)
def test_where_a_rule_that_denies_cannot_be_judged_no_other_approves_and_people_decide(
    role: Role, eligibility: Eligibility, cast: Cast, how: str
) -> None:
    name_rules(role, make_automatic_rule(window(), key="yes"), broken(how, cast))

    filed = ask(eligibility, cast.employee)

    assert now(filed).status == Status.PENDING
    assert list(approvers_of(filed)) == [cast.approver]
    assert "activation.left_to_people" in acts_on(filed)
    assert not AutomaticDecision.objects.exists()


@pytest.mark.parametrize("how", BROKEN)
def test_and_where_no_approval_is_asked_the_administrators_are(
    role: Role, eligibility: Eligibility, cast: Cast, how: str
) -> None:
    change_settings(role, approval_required=False)
    name_rules(role, broken(how, cast))

    filed = ask(eligibility, cast.employee)

    assert now(filed).status == Status.PENDING
    assert list(approvers_of(now(filed))) == [cast.administrator]
    assert not Assignment.objects.exists()
    assert approve(filed, cast.administrator)


@pytest.mark.parametrize("must_hold", [True, False])
@pytest.mark.parametrize("how", ["stale", "missing", "no group"])
def test_a_rule_that_approves_and_cannot_be_judged_leaves_it_to_people(
    role: Role, eligibility: Eligibility, cast: Cast, how: str, must_hold: bool
) -> None:
    if how == "stale":
        read_calendar(names_person(cast.employee), fetched_at=timezone.now() - timedelta(minutes=61))
    condition = (
        {"kind": "member", "must_hold": must_hold, "group": 999_999, "name": "Gone"}
        if how == "no group"
        else on_call(must_hold=must_hold)
    )
    name_rules(role, make_automatic_rule(condition))

    assert outcome(eligibility, cast) == Status.PENDING


def test_whoever_is_on_call_passes_and_the_event_is_kept(
    role: Role, eligibility: Eligibility, cast: Cast
) -> None:
    read_calendar(names_person(cast.employee), event("Yesterday", ends_at=NOON))
    name_rules(role, make_automatic_rule(on_call()))
    other = make_eligibility(role, cast.outsider)

    assert outcome(eligibility, cast) == Status.APPROVED
    assert now(ask(other, cast.outsider)).status == Status.PENDING
    kept = AutomaticDecision.objects.get().inputs["calendars"]["emea"]
    assert [one["attendees"] for one in kept["events"]] == [[cast.employee.email]]
    assert kept["fetched_at"] == NOON.isoformat()


def test_two_people_of_one_name_are_not_on_call_by_it(
    role: Role, eligibility: Eligibility, cast: Cast
) -> None:
    read_calendar(event("On call: Robin Sample"))
    name_rules(role, make_automatic_rule(on_call()))
    User.objects.filter(pk=cast.outsider.pk).update(display_name="robin sample")

    assert outcome(eligibility, cast) == Status.PENDING
    User.objects.filter(pk=cast.outsider.pk).update(display_name="Pat Ipsum")
    assert inputs_for(AccessRequest.objects.get(), read_conditions([on_call()]))["person"]["is_the_only_one"]


def test_what_starts_later_is_judged_by_the_hour_it_starts(
    role: Role, eligibility: Eligibility, cast: Cast
) -> None:
    name_rules(role, make_automatic_rule(window()))

    assert outcome(eligibility, cast, starts_at=NOON + timedelta(hours=12)) == Status.PENDING


def test_a_membership_must_last_until_it_starts(role: Role, eligibility: Eligibility, cast: Cast) -> None:
    group = make_group("Night shift", cast.employee)
    Membership.objects.filter(group=group).update(ends_at=NOON + timedelta(hours=1))
    name_rules(role, make_automatic_rule(member(group)))

    assert outcome(eligibility, cast, starts_at=NOON + timedelta(hours=2)) == Status.PENDING


def test_B10_more_time_goes_through_the_same_gate(
    role: Role, eligibility: Eligibility, cast: Cast, clock: TimeMachineFixture
) -> None:
    name_rules(role, make_automatic_rule(window()))
    assignment = ask(eligibility, cast.employee, minutes=180).assignment
    assert assignment is not None
    Assignment.objects.filter(pk=assignment.pk).update(status="active", active_since=timezone.now())

    longer = request_longer(now(assignment), actor=acting(cast.employee), asked=asked(minutes=60))

    assert now(longer).status == Status.APPROVED  # begins at 17:00 in Vienna
    assert "prolongation.decided_by_rule" in acts_on(longer)
    again = request_longer(now(assignment), actor=acting(cast.employee), asked=asked(minutes=60))
    assert now(again).status == Status.PENDING  # would begin at 18:00, which is outside
    assert list(approvers_of(again)) == [cast.approver]


def test_the_risk_is_of_the_requested_role_alone_and_of_the_human_under_whatever_account(
    vault: Vault, role: Role, eligibility: Eligibility, cast: Cast, django_assert_max_num_queries: Any
) -> None:
    other = make_role(vault.row, "Reader")
    ask(make_eligibility(other, cast.employee), cast.employee)
    second = ask(make_eligibility(role, cast.outsider), cast.outsider)
    filed = ask(eligibility, cast.employee)

    assert not facts_about(filed, at=NOON).activated_before
    User.objects.filter(pk__in=[cast.employee.pk, cast.outsider.pk]).update(person_key="E-1")
    approve(second, cast.approver)
    again = AccessRequest.objects.select_related("role", "holder").get(pk=filed.pk)
    with django_assert_max_num_queries(2):
        facts = facts_about(again, at=NOON)
    assert (facts.activated_before, facts.recent, facts.usual_hours) == (True, 1, (12,))


def test_a_rule_may_deny_what_is_risky(role: Role, eligibility: Eligibility, cast: Cast) -> None:
    name_rules(role, make_automatic_rule(risk("low", must_hold=False), verdict=DENY))

    filed = ask(eligibility, cast.employee)

    assert now(filed).status == Status.DENIED  # never before, and without a second factor
    assert AutomaticDecision.objects.get().inputs["risk"]["activated_before"] is False


def test_a_decision_replays_the_same_and_says_so_when_anything_was_touched(
    role: Role, eligibility: Eligibility, cast: Cast, clock: TimeMachineFixture
) -> None:
    group = make_group("Night shift", cast.employee)
    read_calendar(names_person(cast.employee))
    rule = make_automatic_rule(window(), member(group), on_call())
    name_rules(role, rule)
    ask(eligibility, cast.employee)
    clock.move_to(NOON + timedelta(days=40))
    group.delete()
    Calendar.objects.all().delete()
    decision = AutomaticDecision.objects.get()

    assert replay(decision).same is True
    touched = now(decision)
    touched.inputs["moment"] = "2026-05-04T22:00:00+00:00"
    assert replay(touched).same is False
    touched = now(decision)
    touched.says["reasons"][0]["met"] = False
    assert replay(touched).same is False
    touched = now(decision)
    touched.verdict = DENY
    assert replay(touched).same is False
    AutomaticRule.objects.filter(pk=rule.pk).update(conditions=[NIGHT])
    assert replay(now(decision)).same is False
    assert replay(AutomaticDecision(access_request=decision.access_request, verdict=APPROVE)).same is None


def test_where_settings_name_no_rule_nothing_is_looked_up(
    role: Role, eligibility: Eligibility, cast: Cast, django_assert_num_queries: Any
) -> None:
    filed = ask(eligibility, cast.employee)

    with django_assert_num_queries(0):
        assert decided_by_rule(filed) is None
