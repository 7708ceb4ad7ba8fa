"""A large organisation for measuring, written past the portal's verbs: rows only, and one entry in the journal that says so.

The rows of bulk have neither history nor entries of their own: a million of them would take hours and nothing measured
reads them. Everything stands as the verbs would have left it otherwise, so that lists, counts and questions about who may
do what find what they would find in a portal that has been used for a year. PostgreSQL takes the rows by COPY.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.utils import timezone
from guardian.shortcuts import assign_perm

from accounts.duties import Duty
from accounts.models import Authenticator, DutyHolding, Group, Membership, Notification, User
from audit.journal.actor import PORTAL
from audit.journal.recording import Entry, record, record_all
from benchmarks.bulk import insert, trust_rows
from roles.cataloguing import open_directory, open_portal_directory
from roles.models import (
    Approver,
    Directory,
    Eligibility,
    Role,
    RoleSettings,
    Scope,
)

SEED = PORTAL.known_as("the seeding for a measurement")
DOMAIN = "example.test"
PASSWORD = "a password for measuring only"  # noqa: S105
FIRST = (
    "Robin",
    "Kim",
    "Jo",
    "Dana",
    "Toni",
    "Pat",
    "Sam",
    "Quinn",
    "Rory",
    "Val",
    "Ines",
    "Lee",
    "Chris",
    "Max",
)
LAST = (
    "Sample",
    "Placeholder",
    "Mockup",
    "Fictive",
    "Testcase",
    "Ipsum",
    "Specimen",
    "Draft",
    "Outline",
    "Lorem",
)
DEPARTMENTS = ("Operations", "Sales", "Finance", "Platform", "Network", "Cloud", "Audit")
DAY = timedelta(days=1)
BATCH = 1_000


@dataclass(frozen=True)
class Size:
    """How much there is of everything."""

    people: int = 10_000
    directories: int = 5
    roles: int = 2_000
    groups: int = 200
    eligibilities: int = 200_000
    waiting: int = 400
    entries: int = 20_000

    def smaller(self, by: int) -> Size:
        """The same shape, ``by`` times less of everything."""
        return Size(
            self.people // by,
            self.directories,
            self.roles // by,
            max(10, self.groups // by),
            self.eligibilities // by,
            max(20, self.waiting // by),
            self.entries // by,
        )


@dataclass(frozen=True)
class Cast:
    """Those who open the pages that are measured.

    Args:
        employee: is eligible for some twenty roles.
        approver: decides as person, in a group, as manager, and owns a directory.
        administrator: holds Global Administrator.
    """

    employee: User
    approver: User
    administrator: User


def seed(size: Size) -> Cast:
    """Fill an empty portal with everything but assignments."""
    with transaction.atomic():
        record(
            "scale.seeded", actor=SEED, detail={"people": size.people, "eligibilities": size.eligibilities}
        )
        open_portal_directory("PIM Portal", actor=SEED)
        directories = [
            open_directory(f"Directory {number + 1}", actor=SEED, kind="postgresql")
            for number in range(size.directories)
        ]
        trust_rows()
        cast = _people(size)
        _groups(size, cast)
        _roles(size, directories, cast)
        _eligibilities(size)
        insert(
            Notification,
            ("person_id", "subject"),
            ((cast.employee.pk, f"Notification {n}") for n in range(200)),
            {"notice": "scale", "text": "A message"},
        )
    _journal(size, cast)
    return cast


# People, groups, roles -----------------------------------------------------------------------------------------------


def _people(size: Size) -> Cast:
    def rows() -> Iterator[tuple[Any, ...]]:
        for n in range(size.people):
            name = f"{FIRST[n % len(FIRST)]} {LAST[n // len(FIRST) % len(LAST)]} {n:05d}"
            kind = "service" if n % 100 == 99 else "person"
            yield f"p{n:05d}@{DOMAIN}", name, f"S-{n:05d}", DEPARTMENTS[n % len(DEPARTMENTS)], kind

    names = ("email", "display_name", "person_key", "department", "kind")
    insert(User, names, rows(), {"password": make_password(None)})
    people = {person.email: person for person in User.objects.order_by("pk")[:3]}
    chosen = list(people.values())
    for person in chosen:
        person.password = make_password(PASSWORD)
        person.save(update_fields=["password"])
        Authenticator.objects.create(user=person, name="Phone", confirmed=True)
    cast = Cast(*chosen)
    # One manager for every ten people; the approver is that of the first fifty.
    keys = list(User.objects.order_by("pk").values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_user SET manager_id = CASE WHEN id < %s THEN %s ELSE %s + (id - %s) / 10 END WHERE id > %s",
            [keys[0] + 50, cast.approver.pk, keys[0] + 1, keys[0], keys[0] + 2],
        )
        cursor.execute(
            "UPDATE accounts_user SET manager_id = %s WHERE id = %s", [cast.approver.pk, cast.employee.pk]
        )
    DutyHolding.objects.create(person=cast.administrator, duty=Duty.GLOBAL_ADMINISTRATOR)
    return cast


def _groups(size: Size, cast: Cast) -> None:
    for number in range(size.groups):
        Group.objects.create(name=f"Group {number:03d}")
    groups = list(Group.objects.order_by("pk").values_list("pk", flat=True))
    people = list(User.objects.filter(kind="person").order_by("pk").values_list("pk", flat=True))

    def members() -> Iterator[tuple[int, int]]:
        for place, group in enumerate(groups):
            chosen = {people[(place * 53 + n * 7) % len(people)] for n in range(20)}
            if place % 20 == 0:
                chosen.add(cast.approver.pk)
            yield from ((group, person) for person in sorted(chosen))

    insert(Membership, ("group_id", "person_id"), members())


def _roles(size: Size, directories: Sequence[Directory], cast: Cast) -> None:
    for directory in directories:
        root = directory.root_scope()
        for number in range(4):
            Scope.objects.create(
                directory=directory,
                parent=root,
                name=f"{directory}, part {number + 1}",
                path=f"/{number + 1}",
            )
    risks = ("low", "medium", "medium", "high")
    insert(
        Role,
        ("directory_id", "name", "entitlement", "risk"),
        (
            (directories[n % len(directories)].pk, f"Role {n:04d}", f"role_{n:04d}", risks[n % 4])
            for n in range(size.roles)
        ),
        {"description": "What it can do stands here, in a sentence of usual length."},
    )
    keys = list(Role.objects.filter(directory__in=directories).order_by("pk").values_list("pk", flat=True))
    insert(
        RoleSettings,
        ("role_id",),
        ((key,) for key in keys[::2]),
        {"level": "role", "approval_required": True, "names_approvers": True, "max_minutes": 240},
    )
    settings = list(
        RoleSettings.objects.filter(role__in=keys[::2]).order_by("pk").values_list("pk", flat=True)
    )
    groups = list(Group.objects.order_by("pk").values_list("pk", flat=True))
    kinds = ("owners", "manager", "group", "group", "group")
    lines = (
        (key, kinds[n % 5], groups[n % len(groups)] if n % 5 > 1 else None) for n, key in enumerate(settings)
    )
    insert(Approver, ("role_settings_id", "kind", "group_id"), lines)
    assign_perm("own_directory", cast.approver, directories[0])


def _eligibilities(size: Size) -> None:
    now = timezone.now()
    roles = list(
        Role.objects.exclude(directory__kind="portal").order_by("pk").values_list("pk", "directory_id")
    )
    scopes: dict[int, list[int]] = {}
    for directory, key in Scope.objects.order_by("pk").values_list("directory_id", "pk"):
        scopes.setdefault(directory, []).append(key)
    people = list(User.objects.filter(kind="person").order_by("pk").values_list("pk", flat=True))
    groups = list(Group.objects.order_by("pk").values_list("pk", flat=True))
    of_groups = len(groups) * 5
    for_each = -(-(size.eligibilities - of_groups) // len(people))

    def at(n: int) -> tuple[datetime, datetime | None]:
        return now - timedelta(seconds=300 + n * 290), None if n % 5 == 0 else now + timedelta(
            seconds=7200 + n * 170
        )

    def rows() -> Iterator[tuple[Any, ...]]:
        for n in range(size.eligibilities - of_groups):
            role, directory = roles[(n // for_each * 37 + n % for_each * 101) % len(roles)]
            places = scopes[directory]
            yield role, places[n % len(places) if n % 3 == 0 else 0], people[n // for_each], None, *at(n)
        for n in range(of_groups):
            role, directory = roles[n * 13 % len(roles)]
            yield role, scopes[directory][0], None, groups[n // 5], *at(n * 31)

    names = ("role_id", "scope_id", "person_id", "group_id", "starts_at", "ends_at")
    insert(Eligibility, names, rows(), {"status": "in_force"})

    def expired() -> Iterator[tuple[Any, ...]]:
        for n in range(size.eligibilities // 20):
            role, directory = roles[n * 7 % len(roles)]
            end = now - timedelta(seconds=60 + n * 400)
            yield role, scopes[directory][0], people[n % len(people)], end - 90 * DAY, end

    insert(
        Eligibility,
        ("role_id", "scope_id", "person_id", "starts_at", "ends_at"),
        expired(),
        {"status": "expired"},
    )


def _journal(size: Size, cast: Cast) -> None:
    people = [cast.employee, cast.approver, cast.administrator]
    for begin in range(0, size.entries, BATCH):
        record_all([Entry("factor.verified", SEED, about=people[n % 3]) for n in range(begin, begin + BATCH)])
