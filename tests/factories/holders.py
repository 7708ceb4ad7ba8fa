"""People who hold a protected role for good, and every way in which somebody could try to lose them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from accounts.duties import Duty
from accounts.models import DutyHolding, User
from audit.journal.actor import PORTAL
from roles.models import Assignment, Role
from roles.provisioning import begin_assignment
from tests.factories.people import make_person
from tests.factories.roles import make_portal_directory

#: a way in which somebody tries to lose what a person holds, past every verb
Way = Callable[[User], object]


def administrators_role() -> Role:
    """Global Administrator."""
    return make_portal_directory().roles.get(entitlement=Duty.GLOBAL_ADMINISTRATOR)


def appoint_for_good(person: User, role: Role) -> Assignment:
    """Let a person hold a role of the portal directly and for good."""
    return begin_assignment(
        role,
        actor=PORTAL,
        person=person,
        scope=role.directory.root_scope(),
        starts_at=timezone.now(),
        ends_at=None,
    )


def make_administrator(name: str) -> User:
    """A new Global Administrator for good."""
    person = make_person(name)
    appoint_for_good(person, administrators_role())
    return person


def standing_administrators() -> int:
    """How many enabled people are Global Administrator for good, by both tables that say so."""
    by_duty = DutyHolding.objects.in_force().filter(
        duty=Duty.GLOBAL_ADMINISTRATOR, ends_at__isnull=True, person__kind="person"
    )
    by_assignment = Assignment.objects.in_force().filter(
        role__entitlement=Duty.GLOBAL_ADMINISTRATOR,
        ends_at__isnull=True,
        person__kind="person",
        origin="direct",
        through=None,
    )
    return min(by_duty.count(), by_assignment.count())


def run_sql(statement: str, *values: object) -> None:
    """A statement that no model stands behind."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _held(person: User) -> Assignment:
    return Assignment.objects.get(person=person, status="active")


def _soon() -> object:
    return timezone.now() + timedelta(hours=1)


def _save(person: User) -> None:
    held = _held(person)
    held.ends_at = timezone.now() + timedelta(hours=1)
    held.save()


def _update_in_bulk(person: User) -> None:
    held = _held(person)
    held.status = "ended"
    Assignment.objects.bulk_update([held], ["status"])


def _delete_by_sql(person: User) -> None:
    run_sql("DELETE FROM accounts_user WHERE id = %s", person.pk)


def _replace(person: User) -> None:
    names = [field.column for field in User._meta.concrete_fields]
    values = ["0" if name == "is_active" else name for name in names]
    run_sql(
        f"REPLACE INTO accounts_user ({', '.join(names)}) SELECT {', '.join(values)} FROM accounts_user WHERE id = %s",
        person.pk,
    )


def _empty(table: str) -> Way:
    def empty(person: User) -> None:
        run_sql("SET CONSTRAINTS ALL IMMEDIATE")
        run_sql(f"TRUNCATE {table} CASCADE")

    return empty


WAYS: dict[str, Way] = {
    "G1 ended": lambda one: Assignment.objects.filter(person=one).update(status="ending"),
    "G1 its row deleted": lambda one: Assignment.objects.filter(person=one).delete(),
    "G1 made somebody else's": lambda one: Assignment.objects.filter(person=one).update(
        person=make_person("other", is_active=False)
    ),
    "G1 made one of a group": lambda one: Assignment.objects.filter(person=one).update(origin="activated"),
    "G1 its duty deleted": lambda one: DutyHolding.objects.filter(person=one).delete(),
    "G1 its duty made another": lambda one: DutyHolding.objects.filter(person=one).update(
        duty="global_reader"
    ),
    "G3 the person deleted": _delete_by_sql,
    "G4 the person disabled": lambda one: User.objects.filter(pk=one.pk).update(is_active=False),
    "G4 made a service principal": lambda one: User.objects.filter(pk=one.pk).update(
        kind="service", password="!", is_break_glass=False
    ),
    "G5 given an end": lambda one: Assignment.objects.filter(person=one).update(ends_at=_soon()),
    "G5 its duty given an end": lambda one: DutyHolding.objects.filter(person=one).update(ends_at=_soon()),
    "G5 put off": lambda one: Assignment.objects.filter(person=one).update(starts_at=_soon()),
    "G5 its duty put off": lambda one: DutyHolding.objects.filter(person=one).update(starts_at=_soon()),
    "G9 saved with an end": _save,
    "G9 updated in bulk": _update_in_bulk,
    "G9 everything deleted": lambda one: DutyHolding.objects.all().delete(),
    "G9 everybody disabled": lambda one: User.objects.update(is_active=False),
    "G10 by SQL": lambda one: run_sql("DELETE FROM accounts_dutyholding WHERE person_id = %s", one.pk),
    "G10 all of it by SQL": lambda one: run_sql("UPDATE roles_assignment SET status = 'ended'"),
    "G11 ended by a review": lambda one: run_sql(
        "UPDATE roles_assignment SET status = 'ending', end_cause = 'review' WHERE person_id = %s", one.pk
    ),
    "G12 disabled by a sync": lambda one: run_sql(
        "UPDATE accounts_user SET is_active = %s WHERE email NOT LIKE %s", False, "%@elsewhere.test"
    ),
    "G15 restored from yesterday": lambda one: run_sql(
        "UPDATE accounts_dutyholding SET ends_at = starts_at WHERE person_id = %s", one.pk
    ),
}

#: what each database has beside the common statements
OWN_WAYS: dict[str, dict[str, Way]] = {
    "postgresql": {
        "G10 holdings emptied": _empty("accounts_dutyholding"),
        "G10 people emptied": _empty("accounts_user"),
        "G10 assignments emptied": _empty("roles_assignment"),
        "G15 put over what is there": lambda one: run_sql(
            "INSERT INTO accounts_dutyholding (person_id, duty, starts_at, ends_at) VALUES (%s, %s, now(), now())"
            " ON CONFLICT (person_id, duty) DO UPDATE SET ends_at = excluded.ends_at",
            one.pk,
            Duty.GLOBAL_ADMINISTRATOR.value,
        ),
    },
    "sqlite": {
        "G15 a holding replaced": lambda one: run_sql(
            "REPLACE INTO accounts_dutyholding (person_id, duty, starts_at, ends_at) VALUES (%s, %s, '2020-01-01', "
            "'2020-01-02')",
            one.pk,
            Duty.GLOBAL_ADMINISTRATOR.value,
        ),
        "G15 a holding replaced by another": lambda one: run_sql(
            "UPDATE OR REPLACE accounts_dutyholding SET person_id = %s, duty = %s WHERE ends_at IS NOT NULL",
            one.pk,
            Duty.GLOBAL_ADMINISTRATOR.value,
        ),
        "G15 a person replaced": _replace,
        "G15 numbered over": lambda one: run_sql(
            "UPDATE OR REPLACE accounts_dutyholding SET id = (SELECT id FROM accounts_dutyholding WHERE person_id = %s)"
            " WHERE ends_at IS NOT NULL",
            one.pk,
        ),
    },
}
