"""Making people and groups eligible, and ending that."""

import pytest
from django.db import IntegrityError, connection, transaction
from time_machine import TimeMachineFixture

from audit.journal.actor import PORTAL
from audit.journal.refusing import Overtaken, Refused
from roles.assigning import end_eligibility, make_eligible
from roles.models import Assignment, Eligibility, EndCause, Origin
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_group
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    activate,
    acts_on,
    entries_on,
    make_eligibility,
    make_role,
    now,
)

pytestmark = pytest.mark.django_db


def test_an_eligibility_is_in_force_at_once_and_the_journal_says_who_gave_it(
    cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row)

    eligibility = make_eligible(
        role, actor=acting(cast.administrator), principal=cast.employee, justification="On call"
    )

    assert eligibility.is_in_force()
    assert eligibility.scope == vault.row.root_scope()
    entry = entries_on(eligibility).get(action="eligibility.made")
    assert (entry.actor_name, entry.about_name) == ("Dana Fictive", "Robin Sample")
    assert (entry.directory, entry.role, entry.justification) == ("Vault", "Operator", "On call")


def test_nobody_is_eligible_twice_for_the_same_thing(cast: Cast, vault: Vault) -> None:
    role = make_role(vault.row)
    make_eligibility(role, cast.employee)

    with pytest.raises(Refused, match="Robin Sample is already eligible for Operator"):
        make_eligibility(role, cast.employee)

    make_eligibility(role, cast.approver)
    make_eligibility(make_role(vault.row, "Reader"), cast.employee)
    make_eligibility(role, make_group("Operators", cast.employee))


@pytest.mark.parametrize("principal", ["person", "group"])
def test_the_database_itself_keeps_one_live_eligibility(cast: Cast, vault: Vault, principal: str) -> None:
    role = make_role(vault.row)
    held_by = {principal: cast.employee if principal == "person" else make_group("Operators")}
    scope = vault.row.root_scope()
    Eligibility.objects.create(role=role, scope=scope, **held_by)

    with pytest.raises(IntegrityError), transaction.atomic():
        Eligibility.objects.create(role=role, scope=scope, **held_by)

    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX one_live_eligibility_per_{principal}")
    Eligibility.objects.create(role=role, scope=scope, **held_by)
    assert Eligibility.objects.count() == 2, "without the index nothing would have kept it out"


def test_one_that_has_lapsed_unnoticed_stands_in_nobodys_way(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row)
    old = make_eligibility(role, cast.employee, ends_at=NOON + HOUR)

    clock.move_to(NOON + HOUR)
    new = make_eligibility(role, cast.employee)

    assert new.is_in_force()
    assert now(old).status == Eligibility.Status.EXPIRED


@pytest.mark.parametrize("end", [NOON, NOON - HOUR])
def test_B2_an_end_that_does_not_come_after_the_start_is_refused(
    clock: TimeMachineFixture, cast: Cast, vault: Vault, end: object
) -> None:
    with pytest.raises(Refused) as refusal:
        make_eligibility(make_role(vault.row), cast.employee, starts_at=NOON, ends_at=end)  # type: ignore[arg-type]

    assert refusal.value.field == "ends_at"
    assert not Eligibility.objects.exists()


def test_ending_an_eligibility_ends_what_rests_on_it_at_once(
    given: Assignment, cast: Cast, vault: Vault
) -> None:
    eligibility = Eligibility.objects.get(pk=given.eligibility_id)

    end_eligibility(eligibility, actor=acting(cast.administrator), justification="Moved on")

    assert now(eligibility).status == Eligibility.Status.REMOVED
    assert not given.is_in_force()
    assert now(given).end_cause == EndCause.ELIGIBILITY_ENDED
    sweep()
    assert not vault.holds(given)


def test_ending_the_eligibility_of_a_group_ends_it_for_each_member(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row)
    eligibility = make_eligibility(role, make_group("Operators", cast.employee, cast.approver))
    untouched = activate(make_eligibility(role, cast.employee), cast.employee)
    held = [activate(eligibility, person) for person in (cast.employee, cast.approver)]
    sweep()
    assert all(one.is_in_force() for one in held)

    end_eligibility(eligibility, actor=PORTAL)
    sweep()

    assert not any(one.is_in_force() for one in held)
    assert untouched.is_in_force(), "it rests on an eligibility of their own"
    assert vault.rights.keys() == {("robin", "operator")}


@pytest.mark.parametrize("stale", [True, False], ids=["as it was on the page", "as it is"])
def test_what_has_ended_does_not_end_again(cast: Cast, vault: Vault, stale: bool) -> None:
    eligibility = make_eligibility(make_role(vault.row), cast.employee)
    on_the_page = now(eligibility)
    end_eligibility(eligibility, actor=PORTAL)

    with pytest.raises(Overtaken):
        end_eligibility(on_the_page if stale else now(eligibility), actor=PORTAL)

    assert acts_on(eligibility) == ["eligibility.made", "eligibility.removed"]


def test_the_database_itself_keeps_one_live_activation_per_member(begun: Assignment, vault: Vault) -> None:
    def another() -> Assignment:
        return Assignment.objects.create(
            role=begun.role,
            scope=begun.scope,
            person=begun.person,
            eligibility=begun.eligibility,
            origin=Origin.ACTIVATED,
        )

    with pytest.raises(IntegrityError), transaction.atomic():
        another()

    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_live_activation")
    another()
    assert Assignment.objects.live().count() == 2, "without the index nothing would have kept it out"


def test_the_database_itself_refuses_an_end_before_the_start(begun: Assignment) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.filter(pk=begun.pk).update(ends_at=begun.starts_at)
    with pytest.raises(IntegrityError), transaction.atomic():
        Eligibility.objects.filter(pk=begun.eligibility_id).update(ends_at=NOON - HOUR)


def test_an_eligibility_belongs_to_a_person_or_a_group_never_to_both(cast: Cast, vault: Vault) -> None:
    role, scope = make_role(vault.row), vault.row.root_scope()

    for who in ({}, {"person": cast.employee, "group": make_group("Operators")}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Eligibility.objects.create(role=role, scope=scope, **who)
