"""Telling of what was given and what has become of it: the holders, and whom the role settings name beside them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from accounts.models import User
from accounts.notifications.notifying import notify, notify_addresses, notify_each
from audit.journal.actor import PORTAL, Actor
from audit.journal.recording import take_the_pen, within_transaction
from roles.effective import layers_for
from roles.leasing import BATCH
from roles.models import Assignment, Eligibility, EndCause, Origin, Role
from roles.models.values import Audience, Occasion, Telling
from roles.telling import administrators_of

Status = Assignment.Status
Held = Assignment | Eligibility
Cells = dict[tuple[str, int], dict[Audience, Telling]]


def tell_holders(directory: int) -> None:
    """Tell the holders of assignments in a directory what has become of them, each of each change once.

    After the work, not within it: a thousand messages must not keep a thousand rights standing.

    Args:
        directory: its key.
    """
    shown = Assignment.objects.to_tell().select_related("person__manager", "role__directory", "scope")
    found = BATCH
    while found == BATCH:
        untold = list(shown.filter(role__directory=directory).order_by("status")[:BATCH])
        found = len(untold)
        for status, some in groupby(untold, key=attrgetter("status")):
            _tell(list(some), status)


def _tell(assignments: list[Assignment], status: str) -> None:
    with within_transaction():
        take_the_pen()
        keys = [one.pk for one in assignments]
        still = set(
            Assignment.objects.to_tell().filter(pk__in=keys, status=status).values_list("pk", flat=True)
        )
        Assignment.objects.filter(pk__in=still).update(told=status)
        # What ended before it was ever in force needs no word of the directory's, unless nobody else says why.
        news = [
            one
            for one in assignments
            if one.pk in still
            and (status != Status.ENDED or one.active_since or one.end_cause == EndCause.SEPARATED)
        ]
        wanted = _cells_of(news)
        # That it could not be put in force is for its holder to act on; the rest is for them to know.
        needed = status == Status.FAILED
        holders = [one for one in news if _is_wanted(wanted[_key(one)][Audience.HOLDER], needed=needed)]
        notify_each(
            [(one.person, said_of(one)) for one in holders if not one.person.is_service],
            notice=f"roles/assignment_{status}",
            url="/my-roles/",
            actor=PORTAL,
        )
        # Whoever answers for a service principal reads of it by its name.
        notify_each(
            [(one.person, said_of(one)) for one in holders if one.person.is_service],
            notice=f"roles/service_assignment_{status}",
            actor=PORTAL,
        )
        if status != Status.FAILED:
            _tell_others(news, wanted, notice=f"roles/others_assignment_{status}", actor=PORTAL)


def tell_eligible(made: Sequence[Eligibility], *, actor: Actor) -> None:
    """Tell of eligibilities that were just made. What a group may activate its members see under My roles.

    Args:
        actor: who made them.
    """
    wanted = _cells_of(made)
    holders = [
        (one.person, said_of(one))
        for one in made
        if one.person is not None and _is_wanted(wanted[_key(one)][Audience.HOLDER], needed=False)
    ]
    notify_each(holders, notice="roles/eligibility_made", url="/my-roles/", actor=actor)
    _tell_others(made, wanted, notice="roles/others_eligibility_made", actor=actor)


def tell_changed(changed: Sequence[Held], *, actor: Actor) -> None:
    """Tell people that what they have was changed by ``actor``: its end, its start, or its kind."""
    wanted = _cells_of(changed)
    notify_each(
        [
            (one.person, said_of(one) | {"held": one})
            for one in changed
            if one.person is not None and _is_wanted(wanted[_key(one)][Audience.HOLDER], needed=False)
        ],
        notice="roles/held_changed",
        url="/my-roles/",
        actor=actor,
    )


def _cells_of(news: Sequence[Held]) -> Cells:
    """What the role settings say about each: a cell for the holder and one for the administrators."""
    layers = layers_for((one.role, one.scope) for one in news)
    cells: Cells = {}
    for one in news:
        said = layers[one.role_id, one.scope_id].effective
        occasion = Occasion.ELIGIBLE
        if isinstance(one, Assignment):
            occasion = Occasion.ACTIVATION if one.origin == Origin.ACTIVATED else Occasion.ACTIVE
        cells[_key(one)] = {
            who: said.telling(occasion, who) for who in (Audience.HOLDER, Audience.ADMINISTRATORS)
        }
    return cells


def _key(held: Held) -> tuple[str, int]:
    return type(held).__name__, held.pk


def _is_wanted(cell: Telling, *, needed: bool) -> bool:
    return cell.usual and (needed or not cell.only_needed)


def _tell_others(news: Sequence[Held], wanted: Cells, *, notice: str, actor: Actor) -> None:
    """Administrators, where the settings want them told, and the further addresses of both columns."""
    known: dict[int, list[User]] = {}

    def administrators(role: Role) -> list[User]:
        if role.pk not in known:
            known[role.pk] = administrators_of(role, actor)
        return known[role.pk]

    for one in news:
        holder, others = (wanted[_key(one)][who] for who in (Audience.HOLDER, Audience.ADMINISTRATORS))
        said = said_of(one)
        if _is_wanted(others, needed=False):
            people = [person for person in administrators(one.role) if person.pk != one.person_id]
            notify(people, notice=notice, context=said, url="/assignments/", actor=actor)
        addresses = [address for cell in (holder, others) if not cell.only_needed for address in cell.also]
        if addresses:
            notify_addresses(addresses, notice=notice, context=said, url="/assignments/", actor=actor)


def said_of(held: Held) -> dict[str, Any]:
    """What a notice about an assignment or an eligibility speaks of."""
    noun = "assignment" if isinstance(held, Assignment) else "eligibility"
    return {noun: held, "role": held.role, "directory": held.role.directory}
