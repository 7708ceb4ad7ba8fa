"""Roles that may not be held together, asked of requests and wishes: who may not have what, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import Group, Membership, User
from approvals.models import AccessRequest
from roles.assigning import Wish
from roles.models import Role
from roles.models.lasting import NEVER
from roles.requirements import ACTIVE, Asked
from roles.separation import (
    Conflict,
    Holding,
    Separated,
    conflicts_of,
    rules_about,
)


def activation_of(role: Role, person: User, asked: Asked) -> Holding:
    """What an activation would come to if it were decided now. What is asked need not be possible."""
    now = timezone.now()
    start = max(asked.starts_at or now, now)
    try:
        end = start + timedelta(minutes=max(asked.minutes, 1))
    except OverflowError:
        end = NEVER
    return Holding(person, role, start, end)


def check_activation(role: Role, person: User, asked: Asked) -> None:
    """Refuse an activation of what may not be held together with what ``person`` holds.

    Raises:
        Separated: so it is; the message says what they hold, and the rule's reason.
    """
    [conflicts] = conflicts_of([activation_of(role, person, asked)])
    if conflicts:
        raise Separated(conflicts[:1], reader=person)


def why_activation_is_separated(role: Role, person: User, asked: Asked) -> str:
    """The same as a sentence to ``person``, for a form that is not sent yet; "" when nothing is in its way."""
    [conflicts] = conflicts_of([activation_of(role, person, asked)])
    return conflicts[0].told_to(person) if conflicts else ""


def why_request_is_separated(access_request: AccessRequest) -> str:
    """Why a waiting activation could not be carried out now beside what its holder has; "" when it could."""
    if access_request.holder is None or access_request.minutes is None:
        return ""
    asked = Asked(minutes=access_request.minutes, starts_at=access_request.asked_start)
    [conflicts] = conflicts_of([activation_of(access_request.role, access_request.holder, asked)])
    return str(conflicts[0]) if conflicts else ""


def conflicts_of_wishes(wishes: Sequence[Wish], *, leaving: Collection[int] = ()) -> list[list[Conflict]]:
    """For each of ``wishes`` whom a rule keeps from holding it: whoever is meant, or members of the group that is.

    Being made eligible is never in conflict. Three queries at most, one where no rule speaks of these roles.

    Args:
        leaving: keys of assignments that end in the same act.
    """
    active = [place for place, wish in enumerate(wishes) if wish.asked.kind == ACTIVE]
    found: list[list[Conflict]] = [[] for _wish in wishes]
    if not active or not rules_about({wishes[place].role for place in active}):
        return found
    members = _members_of({who for place in active if isinstance(who := wishes[place].principal, Group)})
    places: list[int] = []
    wanted: list[Holding] = []
    now = timezone.now()
    for place in active:
        wish = wishes[place]
        who = wish.principal
        start = max(wish.asked.starts_at or now, now)
        people = [(who, None)] if isinstance(who, User) else members.get(who.pk, [])
        for person, leaves_at in people:
            ends = [end for end in (wish.asked.ends_at, leaves_at) if end is not None]
            wanted.append(Holding(person, wish.role, start, min(ends, default=None)))
            places.append(place)
    for place, conflicts in zip(places, conflicts_of(wanted, leaving=leaving), strict=True):
        found[place] += conflicts[:1]
    return found


def check_wishes_not_separated(wishes: Sequence[Wish]) -> None:
    """Refuse to make anybody active who holds what may not be held together with it.

    Raises:
        Separated: so it is; the message names up to three, what they hold, and the rule's reason.
    """
    if conflicts := [one for some in conflicts_of_wishes(wishes) for one in some]:
        raise Separated(conflicts)


def _members_of(groups: Collection[Group]) -> dict[int, list[tuple[User, datetime | None]]]:
    """Who is a member of each of ``groups`` now, by its key, and until when."""
    found: dict[int, list[tuple[User, datetime | None]]] = {}
    if groups:
        rows = Membership.objects.in_force().filter(kind=Membership.Kind.MEMBER, group__in=groups)
        for one in rows.select_related("person").order_by("person__display_name", "pk"):
            found.setdefault(one.group_id, []).append((one.person, one.ends_at))
    return found
