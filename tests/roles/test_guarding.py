"""The last holder of a protected role cannot be lost, on whatever path somebody comes: security cases G1 to G15.

Past the verbs here, where the database is alone with its triggers; what a person reads stands in ``test_last_holders``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.duties import Duty
from accounts.models import Membership, User
from roles import triggers
from roles.models import Assignment, Directory, Role, Scope
from tests.factories.connectors import Vault
from tests.factories.holders import (
    OWN_WAYS,
    WAYS,
    Way,
    administrators_role,
    make_administrator,
    run_sql,
    standing_administrators,
)
from tests.factories.people import give_duty, make_group, make_person
from tests.factories.roles import make_role, now

pytestmark = pytest.mark.django_db

VENDOR = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2].removesuffix("3")
EVERY_WAY = WAYS | OWN_WAYS[VENDOR]
CASES = sorted({name.split()[0] for name in EVERY_WAY})


@pytest.fixture
def last(db: None) -> User:
    """The only Global Administrator for good. Somebody else holds the duty for an hour."""
    person = make_administrator("last")
    give_duty(make_person("hour"), Duty.GLOBAL_ADMINISTRATOR, ends_at=timezone.now() + timedelta(hours=1))
    return person


@pytest.fixture
def unguarded() -> Iterator[None]:
    """Somebody with all rights on the database has taken the triggers away."""
    triggers.remove_triggers(connection)
    yield
    triggers.install_triggers(connection)


def ways_of(case: str) -> dict[str, Way]:
    """Those that a security case speaks of."""
    return {name: way for name, way in EVERY_WAY.items() if name.split()[0] == case}


@contextmanager
def undone() -> Iterator[None]:
    """What is done in here is taken back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("case", CASES)
def test_G1_to_G15_the_database_refuses_to_lose_the_last_one(last: User, case: str) -> None:
    for name, way in ways_of(case).items():
        with pytest.raises(IntegrityError, match=triggers.SENTENCE), transaction.atomic():
            way(last)
        assert standing_administrators() == 1, name


def test_G1_to_G15_without_the_triggers_each_of_these_ways_would_lose_them(
    last: User, unguarded: None
) -> None:
    for name, way in EVERY_WAY.items():
        with undone():
            way(last)
            assert standing_administrators() == 0, name


def test_G1_to_G15_with_a_second_one_the_first_may_go(last: User) -> None:
    make_administrator("second")
    for name, way in WAYS.items():
        if not {"everything", "everybody", "all", "sync", "put", "deleted"} & set(name.split()):
            with undone():
                way(last)
                assert standing_administrators() == 1, name


def test_G5_the_start_of_what_is_in_force_is_put_off_by_nobody(last: User) -> None:
    make_administrator("second")
    for name, way in WAYS.items():
        if "put off" in name:
            with pytest.raises(IntegrityError, match=triggers.SENTENCE), transaction.atomic():
                way(last)


def test_what_a_disabled_person_held_can_be_ended(last: User) -> None:
    gone = make_administrator("gone")
    User.objects.filter(pk=gone.pk).update(is_active=False)

    Assignment.objects.filter(person=gone).update(status="ending")

    assert standing_administrators() == 1


def test_only_permanent_enabled_direct_holders_count(last: User) -> None:
    other = make_administrator("another")
    rows, group = Assignment.objects.filter(person=other), _group_assignment()
    for change in (
        lambda: User.objects.filter(pk=other.pk).update(is_active=False),
        lambda: User.objects.filter(pk=other.pk).update(kind="service", password="!"),
        lambda: rows.update(ends_at=timezone.now() + timedelta(days=3650)),
        lambda: rows.update(origin="activated"),
        lambda: rows.update(through=group),
        lambda: rows.update(status="failed"),
    ):
        with undone():
            change()
            with pytest.raises(IntegrityError, match=triggers.SENTENCE), transaction.atomic():
                Assignment.objects.filter(person=last).update(status="ending")


def _group_assignment() -> int:
    role = administrators_role()
    held = role.group_assignments.create(
        scope=role.directory.root_scope(), group=make_group("Administrators")
    )
    return int(held.pk)


def test_a_holder_for_a_part_of_the_directory_is_none_for_the_whole(vault: Vault) -> None:
    role = _protected(vault, least=1)
    whole, part = make_person("whole"), make_person("part")
    beneath = Scope.objects.create(
        directory=vault.row, parent=vault.row.root_scope(), name="A part", path="/part"
    )
    _in_force(role, whole, vault.row.root_scope())
    _in_force(role, part, beneath)

    with pytest.raises(IntegrityError, match=triggers.SENTENCE), transaction.atomic():
        Assignment.objects.filter(person=whole).update(status="ending")
    Assignment.objects.filter(person=part).update(status="ending")


def test_any_role_may_be_marked_with_a_number(vault: Vault) -> None:
    role = _protected(vault, least=2)
    people = [make_person(name) for name in ("one", "two", "three")]
    for person in people:
        _in_force(role, person, vault.row.root_scope())

    Assignment.objects.filter(person=people[0]).update(status="ending")
    for way in (
        lambda: Assignment.objects.filter(person=people[1]).update(status="ending"),
        lambda: User.objects.filter(pk=people[1].pk).update(is_active=False),
        lambda: Role.objects.filter(pk=role.pk).update(least_holders=3),
        lambda: Role.objects.filter(pk=role.pk).update(entitlement="elsewhere"),
        lambda: run_sql("DELETE FROM roles_role WHERE id = %s", role.pk),
        lambda: Scope.objects.filter(pk=vault.row.root_scope().pk).update(
            parent=Scope.objects.create(
                directory=vault.row, parent=vault.row.root_scope(), name="x", path="/x"
            )
        ),
        lambda: Directory.objects.filter(pk=vault.row.pk).update(kind="postgresql"),
    ):
        with pytest.raises(IntegrityError, match=triggers.SENTENCE), transaction.atomic():
            way()
    Role.objects.filter(pk=role.pk).update(least_holders=1)
    Assignment.objects.filter(person=people[1]).update(status="ending")


def test_a_role_that_never_had_enough_is_refused_no_other_change(vault: Vault) -> None:
    role = _protected(vault, least=2)
    only = make_person("only")

    held = _in_force(role, only, vault.row.root_scope(), ends_at=timezone.now() + timedelta(hours=1))
    Assignment.objects.filter(pk=held.pk).update(status="ending")
    Role.objects.filter(pk=role.pk).update(description="Another text")

    assert now(held).status == "ending"


def test_G8_the_two_administrators_duties_stay_protected_whatever_their_rows_say(last: User) -> None:
    role = administrators_role()
    for change in ({"least_holders": 0}, {"entitlement": "global_reader_2"}, {"directory": None}):
        if change.get("directory", 1) is None:
            change = {"directory": Directory.objects.create(name="Elsewhere", kind="postgresql")}
        with pytest.raises(IntegrityError, match=triggers.SENTENCE), transaction.atomic():
            Role.objects.filter(pk=role.pk).update(**change)
    with pytest.raises(IntegrityError, match=triggers.SENTENCE), transaction.atomic():
        Directory.objects.filter(pk=role.directory_id).update(kind="postgresql")


def test_G6_G7_a_group_takes_nothing_away_that_somebody_holds_directly(last: User) -> None:
    group = make_group("Administrators", last, make_person("member"))

    Membership.objects.filter(group=group).delete()
    group.delete()

    assert standing_administrators() == 1


def test_G10_what_is_counted_cannot_be_shadowed_by_tables_of_ones_own(last: User) -> None:
    schema = "public" if VENDOR == "postgresql" else "main"
    with undone():
        run_sql(f"CREATE TEMP TABLE accounts_dutyholding AS SELECT * FROM {schema}.accounts_dutyholding")
        run_sql("CREATE TEMP TABLE accounts_user AS SELECT * FROM accounts_user")
        run_sql("UPDATE temp.accounts_dutyholding SET ends_at = NULL" if VENDOR == "sqlite" else
                "UPDATE pg_temp.accounts_dutyholding SET ends_at = NULL")  # fmt: skip
        with pytest.raises(IntegrityError, match=triggers.SENTENCE), transaction.atomic():
            run_sql(f"DELETE FROM {schema}.accounts_dutyholding WHERE person_id = %s", last.pk)


def test_the_portal_does_not_start_on_a_database_without_the_triggers() -> None:
    assert triggers.check_triggers(databases=["default"]) == []
    triggers.remove_triggers(connection)
    [found] = triggers.check_triggers(databases=["default"])
    assert found.id == "roles.E001"
    triggers.install_triggers(connection)
    assert triggers.check_triggers(databases=["default"]) == []


def test_a_trigger_that_sleeps_is_a_missing_one() -> None:
    with undone():
        run_sql(
            "ALTER TABLE accounts_user DISABLE TRIGGER guard_person_changed"
            if VENDOR == "postgresql"
            else "DROP TRIGGER guard_person_changed"
        )
        [found] = triggers.check_triggers(databases=["default"])
        assert "guard_person_changed" in found.msg


def test_before_tables_are_rebuilt_the_triggers_step_aside_and_come_back() -> None:
    triggers.remove_before_migrate(using="default", plan=[])
    assert triggers.standing_triggers(connection) == triggers.names(connection)
    triggers.remove_before_migrate(using="default", plan=[object()])
    assert triggers.standing_triggers(connection) == set()
    triggers.install_after_migrate(using="default")
    assert triggers.standing_triggers(connection) == triggers.names(connection)


def _protected(vault: Vault, *, least: int) -> Role:
    role = make_role(vault.row, "Root")
    role.least_holders = least
    # As it is made: a number can be raised later only to as many as there are.
    triggers.remove_triggers(connection)
    role.save()
    triggers.install_triggers(connection)
    return role


def _in_force(role: Role, person: User, scope: Scope, **times: object) -> Assignment:
    return Assignment.objects.create(role=role, person=person, scope=scope, status="active", **times)
