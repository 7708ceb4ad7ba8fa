"""Roles that one human may not hold together: refused when they begin, ended when they turn out to be, never at rest."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from time_machine import TimeMachineFixture

from accounts.duties import Duty
from accounts.models import User
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL, Actor
from audit.journal.models import AuditEvent
from audit.journal.recording import delete_as, save_as
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from audit.journal.verifying import verify_journal
from roles.inspecting import watch_holders
from roles.models import Assignment, EndCause, Role, SeparatedRole, SeparationRule
from roles.provisioning import begin_assignment, change_assignment, end_assignment, provision_assignment
from roles.separating import keep_apart, remove_rule, save_rule
from roles.separation import Holding, Separated, conflicts_of, holding_several, violations
from roles.spreading import begin_group_assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.holders import administrators_role, appoint_for_good, make_administrator
from tests.factories.people import make_group, make_person
from tests.factories.roles import (
    HOUR,
    NOON,
    acts_on,
    entries_on,
    make_role,
    notices_of,
    now,
    open_alerts,
)
from tests.factories.separation import REASON, make_rule

pytestmark = pytest.mark.django_db

Status = Assignment.Status


@pytest.fixture
def enter(vault: Vault, clock: TimeMachineFixture) -> Role:
    return make_role(vault.row, "Enter payments")


@pytest.fixture
def release(vault: Vault, clock: TimeMachineFixture) -> Role:
    return make_role(vault.row, "Release payments")


@pytest.fixture
def rule(enter: Role, release: Role) -> SeparationRule:
    return make_rule(enter, release)


def begin(
    role: Role, person: User, *, after: timedelta = timedelta(), lasts: timedelta | None = 4 * HOUR
) -> Assignment:
    starts_at = timezone.now() + after
    return begin_assignment(
        role,
        actor=PORTAL,
        person=person,
        scope=role.directory.root_scope(),
        starts_at=starts_at,
        ends_at=starts_at + lasts if lasts else None,
    )


# --- The rules ---


def test_a_rule_its_roles_and_every_change_of_them_stand_in_the_journal(
    clock: TimeMachineFixture, cast: Cast, vault: Vault, enter: Role, release: Role
) -> None:
    dana = Actor.of(cast.administrator)
    rule = SeparationRule(name=" Payments ", reason=REASON)
    save_rule(rule, actor=dana, roles=[enter, release])
    audit = make_role(vault.row, "Audit payments")
    rule.is_on = False
    save_rule(rule, actor=dana, roles=[enter, audit])

    assert acts_on(rule) == ["separation_rule.created", "separation_rule.changed"]
    assert {one.role for one in rule.separated.all()} == {enter, audit}
    about_roles = AuditEvent.objects.filter(subject_kind="roles.separatedrole").order_by("number")
    assert [(one.action, one.role) for one in about_roles] == [
        ("separated_role.created", "Enter payments"),
        ("separated_role.created", "Release payments"),
        ("separated_role.deleted", "Release payments"),
        ("separated_role.created", "Audit payments"),
    ]
    assert {one.actor_name for one in about_roles} == {"Dana Fictive"}

    remove_rule(rule, actor=dana)
    assert not SeparationRule.objects.exists()
    assert not SeparatedRole.objects.exists()
    assert verify_journal().holds


@pytest.mark.parametrize("who", ["employee", "auditor", "root"])
def test_nobody_but_role_administrators_makes_changes_or_removes_a_rule(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule, who: str
) -> None:
    actor = Actor.of(getattr(cast, who))
    with pytest.raises(NotAllowed):
        save_rule(SeparationRule(name="Mine", reason=REASON), actor=actor, roles=[enter, release])
    rule.is_on = False
    with pytest.raises(NotAllowed):
        save_rule(rule, actor=actor, roles=[enter, release])
    with pytest.raises(NotAllowed):
        remove_rule(rule, actor=actor)
    assert now(rule).is_on


def test_a_rule_needs_a_name_of_its_own_a_reason_and_two_different_roles(
    enter: Role, release: Role, rule: SeparationRule
) -> None:
    for name, reason, roles, field in (
        ("", REASON, [enter, release], "name"),
        ("Payments", REASON, [enter, release], "name"),
        ("Other", " ", [enter, release], "reason"),
        ("Other", REASON, [enter, enter], "find"),
    ):
        with pytest.raises(Refused) as refused:
            save_rule(SeparationRule(name=name, reason=reason), actor=PORTAL, roles=roles)
        assert refused.value.field == field
    remove_rule(now(rule), actor=PORTAL)
    for verb in (lambda: remove_rule(rule, actor=PORTAL), lambda: save_rule(rule, actor=PORTAL, roles=[])):
        with pytest.raises(Overtaken):
            verb()


# --- Beginning ---


def test_what_may_not_be_held_together_does_not_begin_and_the_rule_says_why(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule
) -> None:
    begin(enter, cast.employee)
    with pytest.raises(Separated) as refused:
        begin(release, cast.employee)
    assert refused.value.code == "separated"
    assert refused.value.message == (
        "Robin Sample holds Enter payments, which may not be held together with Release payments. " + REASON
    )
    begin(release, cast.approver)  # somebody else may


@pytest.mark.parametrize("lifted", ["rule off", "rule gone", "role left the rule", "given back", "time over"])
def test_it_begins_as_soon_as_nothing_is_in_the_way(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule, clock: TimeMachineFixture, lifted: str
) -> None:
    held = begin(enter, cast.employee)
    if lifted == "rule off":
        rule.is_on = False
        save_as(rule, actor=PORTAL)
    elif lifted == "rule gone":
        remove_rule(rule, actor=PORTAL)
    elif lifted == "role left the rule":
        delete_as(rule.separated.get(role=enter), actor=PORTAL)
    elif lifted == "given back":
        end_assignment(held, actor=PORTAL, cause=EndCause.DEACTIVATED)
    else:
        clock.shift(4 * HOUR)  # whether a sweep has run or not
    begin(release, cast.employee)


def test_all_accounts_of_one_human_count_as_one(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule
) -> None:
    other = make_person("robin.admin", "Robin (admin)", person_key="4711")
    begin(enter, other)
    begin(release, cast.employee)  # two people, as far as the portal knows
    cast.approver.person_key = "4711"
    save_as(cast.approver, actor=PORTAL)
    with pytest.raises(Separated, match=r"Robin \(admin\) holds Enter payments"):
        begin(release, cast.approver)


def test_two_humans_without_a_key_are_not_one(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule
) -> None:
    assert cast.employee.person_key == cast.approver.person_key == ""
    begin(enter, cast.employee)
    begin(release, cast.approver)
    sweep()
    assert violations() == {}


def test_what_is_held_at_different_times_is_not_held_together(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule
) -> None:
    first = begin(enter, cast.employee)
    later = begin(release, cast.employee, after=4 * HOUR)
    with pytest.raises(Separated):
        change_assignment(first, actor=PORTAL, starts_at=NOON, ends_at=NOON + 5 * HOUR)
    with pytest.raises(Separated, match="is to hold Release payments"):
        begin(enter, cast.employee, after=5 * HOUR)
    change_assignment(now(first), actor=PORTAL, starts_at=NOON, ends_at=NOON + HOUR)
    assert now(later).status == Status.SCHEDULED


def test_the_number_of_questions_does_not_grow_with_people_and_roles(
    cast: Cast, vault: Vault, enter: Role, release: Role, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    people = [make_person(f"person{n}") for n in range(4)]
    others = [make_role(vault.row, f"Role {n}") for n in range(3)]
    at = timezone.now()
    wanted = [Holding(person, role, at, None) for person in people for role in [release, *others]]
    with django_assert_num_queries(1):
        assert not any(conflicts_of(wanted))
    make_rule(enter, release)
    make_rule(enter, others[0], name="Another")
    for person in people:
        begin(enter, person)
    with django_assert_num_queries(2):
        found = conflicts_of(wanted)
    assert sum(map(bool, found)) == 8


# --- While in force ---


def test_a_rule_that_comes_later_ends_what_began_last_and_says_so(
    cast: Cast, vault: Vault, enter: Role, release: Role, clock: TimeMachineFixture
) -> None:
    first = begin(enter, cast.employee)
    clock.shift(HOUR)
    last = begin(release, cast.employee)
    sweep()
    assert now(last).status == Status.ACTIVE
    rule = make_rule(enter, release, is_on=False)
    sweep()
    assert now(last).status == Status.ACTIVE, "a rule that is off ends nothing"
    assert [len(one.late) for one in violations([rule])[rule.pk]] == [1], "but its page tells whom it would"

    rule.is_on = True
    save_rule(rule, actor=PORTAL, roles=[enter, release])
    sweep()

    assert now(first).status == Status.ACTIVE
    over = now(last)
    assert (over.status, over.end_cause) == (Status.ENDED, EndCause.SEPARATED)
    assert not vault.holds(last)
    assert "roles/assignment_ended" in notices_of(cast.employee)
    entry = entries_on(last).get(action="assignment.ended")
    assert entry.detail["cause"] == "separated"
    assert "“Payments”" in entry.justification
    assert REASON in entry.justification
    assert verify_journal().holds


def test_two_accounts_that_turn_out_to_be_one_humans_keep_what_came_first(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule, clock: TimeMachineFixture
) -> None:
    first = begin(enter, cast.employee)
    clock.shift(HOUR)
    last = begin(release, cast.approver)
    for one in (cast.employee, cast.approver):
        one.person_key = "4711"
        save_as(one, actor=PORTAL)
    sweep()
    assert now(first).status == Status.ACTIVE
    assert now(last).end_cause == EndCause.SEPARATED


def test_a_scheduled_start_that_a_rule_forbids_by_then_does_not_come(
    cast: Cast, vault: Vault, enter: Role, release: Role, clock: TimeMachineFixture
) -> None:
    begin(enter, cast.employee)
    scheduled = begin(release, cast.employee, after=HOUR)
    make_rule(enter, release)
    sweep()
    assert now(scheduled).status == Status.SCHEDULED, "what is held by then may be over"
    clock.shift(HOUR)
    sweep()
    over = now(scheduled)
    assert (over.status, over.end_cause, over.active_since) == (Status.ENDED, EndCause.SEPARATED, None)
    assert vault.times("grant", scheduled) == 0
    assert "roles/assignment_ended" in notices_of(cast.employee)


def test_the_worker_looks_again_before_it_gives(
    cast: Cast, vault: Vault, enter: Role, release: Role, clock: TimeMachineFixture
) -> None:
    first = begin(enter, cast.employee)
    clock.shift(timedelta(seconds=1))
    last = begin(release, cast.employee)
    make_rule(enter, release)
    for one in (last, first):
        provision_assignment(one.pk)
    assert now(first).status == Status.ACTIVE
    assert now(last).status == Status.PROVISIONING
    assert vault.times("grant", last) == 0
    sweep()
    assert now(last).end_cause == EndCause.SEPARATED
    assert vault.times("grant", last) == 0


def test_of_three_that_may_not_be_held_together_the_first_stays(
    cast: Cast, vault: Vault, enter: Role, release: Role, clock: TimeMachineFixture
) -> None:
    held = []
    for role in (enter, release, make_role(vault.row, "Audit payments")):
        held.append(begin(role, cast.employee))
        clock.shift(timedelta(minutes=1))
    assert [len(one) for one in holding_several([one.role_id for one in held])] == [3]
    make_rule(*[one.role for one in held])
    sweep()
    assert [now(one).end_cause for one in held] == ["", EndCause.SEPARATED, EndCause.SEPARATED]


def test_without_the_round_of_the_sweep_both_would_stay(
    cast: Cast, enter: Role, release: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [begin(enter, cast.employee), begin(release, cast.employee)]
    sweep()
    make_rule(enter, release)
    monkeypatch.setattr("roles.sweeping.keep_apart", lambda: None)
    sweep()
    assert [now(one).status for one in held] == [Status.ACTIVE] * 2
    monkeypatch.undo()
    keep_apart()
    assert sorted(now(one).end_cause for one in held) == ["", EndCause.SEPARATED]


# --- Groups ---


def test_who_holds_something_kept_apart_gets_no_part_until_it_is_over(
    cast: Cast, vault: Vault, enter: Role, release: Role, rule: SeparationRule, clock: TimeMachineFixture
) -> None:
    begin(enter, cast.employee)
    begin_group_assignment(
        release,
        actor=PORTAL,
        group=make_group("Cashiers", cast.employee, cast.approver),
        scope=vault.row.root_scope(),
        starts_at=NOON,
        ends_at=None,
    )
    for _round in range(3):
        sweep()
    parts = Assignment.objects.filter(role=release)
    assert parts.get(person=cast.approver).status == Status.ACTIVE
    kept = parts.get(person=cast.employee)
    assert (kept.status, kept.end_cause) == (Status.ENDED, EndCause.SEPARATED)
    assert vault.times("grant", kept) == 0
    assert "roles/assignment_ended" in notices_of(cast.employee)

    clock.shift(4 * HOUR)
    sweep()
    assert parts.get(person=cast.employee, end_cause="").status == Status.ACTIVE


def test_of_two_groups_parts_that_a_later_rule_keeps_apart_one_ends_and_is_not_given_again(
    cast: Cast, vault: Vault, enter: Role, release: Role, clock: TimeMachineFixture
) -> None:
    for role in (enter, release):
        begin_group_assignment(
            role,
            actor=PORTAL,
            group=make_group(f"Group of {role}", cast.employee),
            scope=vault.row.root_scope(),
            starts_at=timezone.now(),
            ends_at=None,
        )
        sweep()
        clock.shift(HOUR)
    make_rule(enter, release)
    for _round in range(3):
        sweep()
    ends = Assignment.objects.order_by("pk").values_list("role__name", "status", "end_cause")
    assert list(ends) == [("Enter payments", "active", ""), ("Release payments", "ended", "separated")]


def test_other_members_of_the_group_get_their_parts_and_what_others_hold_is_not_in_their_way(
    cast: Cast, vault: Vault, enter: Role, release: Role, rule: SeparationRule
) -> None:
    begin_group_assignment(
        release,
        actor=PORTAL,
        group=make_group("Cashiers", cast.approver),
        scope=vault.row.root_scope(),
        starts_at=NOON,
        ends_at=None,
    )
    sweep()
    assert Assignment.objects.get(person=cast.approver).status == Status.ACTIVE
    begin(enter, cast.employee)
    sweep()
    assert Assignment.objects.count() == 2


# --- The last holders ---


def test_the_last_administrator_keeps_it_and_an_alert_says_so(
    vault: Vault, enter: Role, clock: TimeMachineFixture
) -> None:
    admin = make_person("lone")
    first = begin(enter, admin, lasts=None)
    clock.shift(HOUR)
    last = appoint_for_good(admin, administrators_role())
    make_rule(enter, last.role)
    for _round in range(3):
        sweep()

    assert [now(one).status for one in (first, last)] == [Status.ACTIVE] * 2
    assert open_alerts() == ["roles_not_kept_apart"]
    alert = Alert.objects.get(kind="roles_not_kept_apart")
    assert "lone" in alert.title.lower() or str(admin) in alert.title
    assert REASON in alert.text
    assert alert.times_seen == 1, "said once, not with every sweep"

    make_administrator("another")
    sweep()
    assert now(last).end_cause == EndCause.SEPARATED
    watch_holders()
    assert "roles_not_kept_apart" not in open_alerts()


def test_a_duty_may_be_kept_apart_like_any_role(vault: Vault, enter: Role, clock: TimeMachineFixture) -> None:
    duty = administrators_role().directory.roles.get(entitlement=Duty.SECURITY_READER)
    make_rule(enter, duty)
    person = make_person("reader")
    begin(duty, person)
    with pytest.raises(Separated):
        begin(enter, person)
