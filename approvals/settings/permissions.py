"""Who sees which role settings, and the places that addresses name."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import Http404

from accounts.duties import READERS, holds
from accounts.models import User
from approvals.models import SettingsChange
from approvals.settings.places import Level, Place
from roles.models import Directory, Role, Scope
from roles.permissions import OWN, READ, REVIEW, directories_of, roles_of

PARTS = (OWN, REVIEW, READ)

#: how many keys name a place of each level
KEYS: dict[str, int] = {Level.PORTAL: 0, Level.DIRECTORY: 1, Level.ROLE: 1, Level.SCOPE: 2}

Thing = TypeVar("Thing", bound=Model)


def roles_seen_by(person: User) -> QuerySet[Role]:
    """The roles whose settings ``person`` may read: all by a duty, else those in which they have a part."""
    if holds(person, *READERS):
        return Role.objects.all()
    seen = Role.objects.none()
    for part in PARTS:
        seen = seen | roles_of(person, part)
    return seen


def directories_seen_by(person: User) -> QuerySet[Directory]:
    """The directories whose settings ``person`` may read."""
    if holds(person, *READERS):
        return Directory.objects.all()
    return directories_of(person, OWN) | directories_of(person, REVIEW) | directories_of(person, READ)


def sees_role_settings(person: User) -> bool:
    """Whether there is anything about role settings for ``person`` to see."""
    if holds(person, *READERS):
        return True
    return roles_seen_by(person).exists() or directories_seen_by(person).exists()


def changes_seen_by(person: User) -> QuerySet[SettingsChange]:
    """The changes of role settings, waiting and past, that ``person`` may read."""
    changes = SettingsChange.objects.select_related(
        "role__directory", "directory", "scope", "proposer", "decider"
    )
    if holds(person, *READERS):
        return changes
    mine = Q(role__in=roles_seen_by(person)) | Q(directory__in=directories_seen_by(person))
    return changes.filter(mine | Q(proposer=person))


def require_sight(person: User) -> None:
    """Whoever has no part in role settings finds no page of theirs.

    Raises:
        Http404: so it is.
    """
    if not sees_role_settings(person):
        raise Http404


def slug_of(place: Place) -> str:
    """What addresses call a place: ``portal``, ``directory-3``, ``role-12``, ``scope-12-5``."""
    keys = [thing.pk for thing in (place.directory, place.role, place.scope) if thing is not None]
    return "-".join([place.level, *map(str, keys)])


def place_named(slug: str, *, person: User) -> Place:
    """The place of that name, for somebody who may see its settings.

    Raises:
        Http404: there is none, or it is nothing of theirs.
    """
    level, *said = slug.split("-")
    if not all(key.isdecimal() and len(key) < 19 for key in said):
        raise Http404
    keys = [int(key) for key in said]
    if len(keys) != KEYS.get(level, -1):
        raise Http404
    if level == Level.PORTAL:
        require_sight(person)
        return Place()
    if level == Level.DIRECTORY:
        return Place(directory=_only(directories_seen_by(person).filter(pk=keys[0])))
    role = _only(roles_seen_by(person).filter(pk=keys[0]).select_related("directory"))
    if level == Level.ROLE:
        return Place(role=role)
    scopes = Scope.objects.filter(directory=role.directory_id, parent__isnull=False, pk=keys[1])
    return Place(role=role, scope=_only(scopes))


def _only(rows: QuerySet[Thing]) -> Thing:
    found = rows.first()
    if found is None:
        raise Http404
    return found
