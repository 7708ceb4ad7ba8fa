"""What one person has a part in at a moment, by keys: asked once, in two small questions, and then said in any other.

A question that holds all of this inside itself costs more to put into words than to answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Membership, User
from accounts.wording import plans_kept, worded
from roles.connectors.groups import entitlement_of
from roles.models import (
    DirectoryGroupAppointment,
    DirectoryPersonAppointment,
    Role,
    RoleGroupAppointment,
    RolePersonAppointment,
)
from roles.models.directory import GROUPS_KIND

MEMBER, OWNER = Membership.Kind.MEMBER, Membership.Kind.OWNER
APPOINTMENTS = (
    ("directory", DirectoryPersonAppointment, DirectoryGroupAppointment),
    ("role", RolePersonAppointment, RoleGroupAppointment),
)

Values = tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Parts:
    """A person's groups and appointments in force.

    Args:
        member_of, owner_of: keys of groups.
        appointed: keys of what they own, review or read, by ``("role", "own")`` and so on.
    """

    member_of: frozenset[int]
    owner_of: frozenset[int]
    appointed: dict[tuple[str, str], frozenset[int]]

    def directories(self, *parts: str) -> frozenset[int]:
        """Keys of the directories in which they have one of ``parts``."""
        return frozenset(chain.from_iterable(self.appointed.get(("directory", part), ()) for part in parts))

    def roles(self, *parts: str, of: str = "") -> Q:
        """A question for the roles in which they have one of ``parts``: by the role, its directory, or the group it is.

        It lets nothing through where there is no such role; ``bool`` says so before anybody asks.

        Args:
            of: how the asked rows call their role, if they are none themselves.
        """
        return roles_meant(self.values(*parts), of=of)

    def values(self, *parts: str) -> Values:
        """What says which roles those are: keys of roles, of directories, and the entitlements of groups they own."""
        roles = frozenset(chain.from_iterable(self.appointed.get(("role", part), ()) for part in parts))
        groups = sorted(self.owner_of) if "own" in parts else []
        names = [entitlement_of(kind, key) for key in groups for kind in (MEMBER, OWNER)]
        return tuple(sorted(roles)), tuple(sorted(self.directories(*parts))), tuple(names)


def roles_meant(values: Values, *, of: str = "") -> Q:
    """The question of ``Parts.roles``, of these values alone."""
    roles, directories, names = values
    said = f"{of}__" if of else ""
    meant = Q()
    if roles:
        meant |= Q(**{f"{of or 'pk'}__in": roles})
    if directories:
        meant |= Q(**{f"{said}directory__in": directories})
    if names:
        meant |= Q(**{f"{said}directory__kind": GROUPS_KIND, f"{said}entitlement__in": names})
    return meant


def parts_of(person: User) -> Parts:
    """What ``person`` has a part in at this moment. Two queries; nothing for somebody who is disabled."""
    groups: dict[str, set[int]] = defaultdict(set)
    for group, kind in worded(_groups_of, timezone.now(), person.pk):
        groups[kind].add(group)
    appointed: dict[tuple[str, str], set[int]] = defaultdict(set)
    for what, codename, key in _appointments(person.pk, sorted(groups[MEMBER])):
        part, _, of = codename.partition("_")
        if of == what:
            appointed[what, part].add(key)
    return Parts(
        frozenset(groups[MEMBER]),
        frozenset(groups[OWNER]),
        {key: frozenset(values) for key, values in appointed.items()},
    )


def _groups_of(now: datetime, person: int) -> QuerySet[Membership, tuple[int, str]]:
    held: Any = Membership.objects.in_force(now).filter(person=person).order_by()
    return held.values_list("group", "kind")  # type: ignore[no-any-return]


def _appointments(person: int, groups: list[int]) -> list[tuple[str, str, int]]:
    """What somebody was appointed to themselves and by their groups: four tables in one statement of our own words.

    Every page asks this, and the ORM takes longer to word it than the database to answer.
    """
    quoted = connection.ops.quote_name
    permissions, people = quoted(Permission._meta.db_table), quoted(User._meta.db_table)
    asked, said = [], []
    for what, of_person, of_group in APPOINTMENTS:
        chosen = (
            f"SELECT '{what}', p.codename, a.content_object_id FROM {{}} a"  # noqa: S608 - names of our own only
            f" JOIN {permissions} p ON p.id = a.permission_id"
        )
        mine = f" JOIN {people} u ON u.id = a.user_id WHERE u.is_active AND a.user_id = %s"
        asked.append(chosen.format(quoted(of_person._meta.db_table)) + mine)
        said.append(person)
        if groups:
            marks = ", ".join(["%s"] * len(groups))
            asked.append(chosen.format(quoted(of_group._meta.db_table)) + f" WHERE a.group_id IN ({marks})")
            said += groups
    with plans_kept(), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked), said)
        return list(cursor.fetchall())


def appointed_with(part: str, roles: Iterable[Role]) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
    """The other direction: keys of the people, and of the groups, with ``part`` in each of ``roles`` or its directory."""
    people: dict[int, set[int]] = {role.pk: set() for role in roles}
    groups: dict[int, set[int]] = {role.pk: set() for role in roles}
    of = {
        "directory": {role.pk: role.directory_id for role in roles},
        "role": {role.pk: role.pk for role in roles},
    }
    found = {"user": people, "group": groups}
    for what, who, thing, key in _appointed(part, of):
        for role, whole in of[what].items():
            if whole == thing:
                found[who][role].add(key)
    return people, groups


def _appointed(part: str, of: dict[str, dict[int, int]]) -> list[tuple[str, str, int, int]]:
    """Who has ``part`` in the directories and roles that are the values of ``of``: four tables in one statement, as above."""
    quoted = connection.ops.quote_name
    asked: list[str] = []
    said: list[Any] = []
    for what, of_person, of_group in APPOINTMENTS:
        things = sorted(set(of[what].values()))
        for model, who in ((of_person, "user"), (of_group, "group")):
            asked.append(
                f"SELECT '{what}', '{who}', a.content_object_id, a.{who}_id"  # noqa: S608 - names of our own only
                f" FROM {quoted(model._meta.db_table)} a"
                f" JOIN {quoted(Permission._meta.db_table)} p ON p.id = a.permission_id"
                f" WHERE p.codename = %s AND a.content_object_id IN ({', '.join(['%s'] * len(things))})"
            )
            said += [f"{part}_{what}", *things]
    if not of["role"]:
        return []
    with plans_kept(), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked), said)
        return list(cursor.fetchall())
