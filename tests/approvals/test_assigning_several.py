"""Giving roles: to several in one act, to groups and service principals, at scopes; judged by the role settings."""

from __future__ import annotations

from datetime import timedelta

import pytest
from time_machine import TimeMachineFixture

from accounts.mfa.freshness import StepUpRequired
from accounts.models import Group, User
from approvals.granting import assign
from approvals.models import AccessRequest
from audit.journal.refusing import NotAllowed, Refused
from roles.assigning import Wish
from roles.models import Assignment, Eligibility, GroupAssignment, Role, Scope
from roles.requirements import ACTIVE, ELIGIBLE, AskedAssignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_group
from tests.factories.roles import HOUR, NOON, acting, appoint, give_evidence, make_role, now

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row)


def wish(
    role: Role,
    who: User | Group,
    kind: str = ELIGIBLE,
    *,
    scope: Scope | None = None,
    start: timedelta | None = None,
    end: timedelta | None = 10 * DAY,
    why: str = "On call",
) -> Wish:
    asked = AskedAssignment(kind, NOON + start if start else None, NOON + end if end else None, why)
    return Wish(role, scope or role.directory.root_scope(), who, asked)


def nothing_was_given() -> bool:
    given = (Eligibility, Assignment, GroupAssignment, AccessRequest)
    return not any(model._default_manager.exists() for model in given)


def test_several_people_and_groups_get_it_in_one_act_each_with_a_request_of_their_own(
    role: Role, cast: Cast
) -> None:
    group = make_group("Operators", cast.outsider)

    given = assign(
        [wish(role, who) for who in (cast.employee, cast.approver, group)], actor=acting(cast.administrator)
    )

    assert [held.principal for held in given] == [cast.employee, cast.approver, group]
    requests = AccessRequest.objects.order_by("pk")
    assert [(one.holder, one.holder_group) for one in requests] == [
        (cast.employee, None),
        (cast.approver, None),
        (None, group),
    ]
    assert {(one.act, one.status, one.eligibility_id is None) for one in requests} == {
        ("assign", "approved", False)
    }


def test_of_several_one_that_does_not_fit_is_named_and_nobody_gets_anything(role: Role, cast: Cast) -> None:
    assign([wish(role, cast.approver)], actor=acting(cast.administrator))
    AccessRequest.objects.all().delete()

    with pytest.raises(Refused, match=r"Kim Placeholder is already eligible for Operator here") as refusal:
        assign([wish(role, who) for who in (cast.employee, cast.approver)], actor=acting(cast.administrator))

    assert refusal.value.field == "principal"
    assert not AccessRequest.objects.exists()
    assert Eligibility.objects.get().person == cast.approver


def test_A1_A2_oneself_among_several_is_refused_for_all(role: Role, cast: Cast) -> None:
    mine = make_group("Administrators", cast.administrator)
    answered_for = User.objects.create(
        email="backup@example.test",
        display_name="Backup",
        kind="service",
        password="!",
        manager=cast.administrator,
    )

    for who in (cast.administrator, mine, answered_for):
        with pytest.raises(NotAllowed):
            assign([wish(role, cast.employee), wish(role, who, ACTIVE)], actor=acting(cast.administrator))

    assert nothing_was_given()


def test_a_group_holds_it_for_its_members_and_a_service_principal_is_active_only(
    role: Role, cast: Cast, vault: Vault
) -> None:
    group = make_group("Operators", cast.employee)
    program = User.objects.create(
        email="backup@example.test",
        display_name="Backup",
        kind="service",
        password="!",
        manager=cast.approver,
    )
    with pytest.raises(Refused, match="never eligible"):
        assign([wish(role, program)], actor=acting(cast.administrator))
    assert nothing_was_given()

    assign([wish(role, group, ACTIVE), wish(role, program, ACTIVE)], actor=acting(cast.administrator))
    sweep()

    assert {(one.person, one.through is None) for one in Assignment.objects.in_force()} == {
        (cast.employee, False),
        (program, True),
    }
    assert GroupAssignment.objects.get().request_number


def test_at_a_scope_it_counts_there_and_not_twice_below(role: Role, cast: Cast, vault: Vault) -> None:
    root = vault.row.root_scope()
    node = Scope.objects.create(directory=vault.row, parent=root, name="Finance", path="/finance")
    vault.capabilities = type(vault.capabilities)(scopes=True)
    actor = acting(cast.administrator)

    for kind, who in ((ELIGIBLE, cast.employee), (ACTIVE, cast.approver)):
        assign([wish(role, who, kind, scope=node)], actor=actor)
        assign([wish(role, who, kind)], actor=actor)
        with pytest.raises(Refused, match="here"):
            assign([wish(role, who, kind, scope=node)], actor=actor)
    assign([wish(role, cast.outsider)], actor=actor)
    with pytest.raises(Refused, match="at a scope above, Vault"):
        assign([wish(role, cast.outsider, scope=node)], actor=actor)


@pytest.mark.parametrize(
    ("kind", "start", "end", "why", "field"),
    [
        (ACTIVE, None, None, "On call", "ends_at"),
        (ACTIVE, None, 181 * DAY, "On call", "ends_at"),
        (ELIGIBLE, None, timedelta(minutes=4), "On call", "ends_at"),
        (ELIGIBLE, DAY, HOUR, "On call", "ends_at"),
        (ELIGIBLE, -DAY, 9 * DAY, "On call", "starts_at"),
        (ELIGIBLE, 400 * DAY, 500 * DAY, "On call", "starts_at"),
        (ACTIVE, None, DAY, "  ", "justification"),
    ],
)
def test_what_role_settings_do_not_allow_is_refused_beside_its_field(
    role: Role,
    cast: Cast,
    kind: str,
    start: timedelta | None,
    end: timedelta | None,
    why: str,
    field: str,
) -> None:
    with pytest.raises(Refused) as refusal:
        assign(
            [wish(role, cast.employee, kind, start=start, end=end, why=why)],
            actor=acting(cast.administrator),
        )

    assert refusal.value.field == field
    assert nothing_was_given()


def test_the_caps_are_those_of_the_role_at_its_scope(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row, eligible_permanent=False, eligible_days=30, active_permanent=True)

    with pytest.raises(Refused, match="1 month"):
        assign([wish(role, cast.employee, end=None)], actor=acting(cast.administrator))
    assign([wish(role, cast.employee, ACTIVE, end=None)], actor=acting(cast.administrator))

    assert Assignment.objects.get().ends_at is None


def test_a_future_start_waits_and_five_minutes_are_enough(
    role: Role, cast: Cast, vault: Vault, clock: TimeMachineFixture
) -> None:
    five = HOUR + timedelta(minutes=5)
    wishes = [wish(role, cast.employee, ACTIVE, start=HOUR, end=five)]

    [held] = assign(wishes, actor=acting(cast.administrator))
    sweep()
    assert (now(held).status, vault.rights) == ("scheduled", {})
    clock.shift(3600)
    sweep()

    assert now(held).status == "active"


def test_A7_a_second_factor_is_asked_once_for_all_of_it_and_counts_for_nothing_else(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row, active_factor=True)
    actor = acting(cast.administrator)
    both = [wish(role, who, ACTIVE) for who in (cast.employee, cast.approver)]
    with pytest.raises(StepUpRequired) as question:
        assign(both, actor=actor)
    assert nothing_was_given()
    evidence = give_evidence(actor, act=question.value.act)

    with pytest.raises(StepUpRequired):
        assign([*both, wish(role, cast.outsider, ACTIVE)], actor=actor)
    assign(both, actor=actor)
    assign([wish(role, cast.outsider)], actor=actor)

    assert {one.factor_use for one in AccessRequest.objects.exclude(assignment=None)} == {evidence}
    assert now(evidence).used_at is not None
    with pytest.raises(StepUpRequired):
        assign([wish(role, cast.outsider, ACTIVE)], actor=actor)


def test_who_owns_one_directory_gives_nothing_in_another(role: Role, cast: Cast, vault: Vault) -> None:
    appoint(cast.approver, "own", vault.row)
    assign([wish(role, cast.employee)], actor=acting(cast.approver))
    other = make_role(make_other_directory(), "Reader")

    with pytest.raises(NotAllowed):
        assign([wish(role, cast.outsider), wish(other, cast.outsider)], actor=acting(cast.approver))

    assert Eligibility.objects.count() == 1


def make_other_directory() -> object:
    from audit.journal.actor import PORTAL
    from roles.cataloguing import open_directory

    return open_directory("Elsewhere", actor=PORTAL, kind="vault")
