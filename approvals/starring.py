"""Giving a role a star, and keeping sets of roles. None of it says anything about access, so none of it is in the journal."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from approvals.favourite_models import LONGEST_NAME, Favourite, RoleInSet, RoleSet
from audit.journal.actor import Actor
from audit.journal.plain import one_line
from audit.journal.refusing import NotAllowed, Refused
from roles.models import Eligibility

MOST_SETS = 20  # of a person
MOST_TOGETHER = 20  # roles that are activated in one go


def star_role(eligibility: Eligibility, *, actor: Actor) -> None:
    """Give the role of ``eligibility``, at its scope, a star of the actor's. A second time changes nothing."""
    Favourite.objects.get_or_create(
        person=_person(actor), role_id=eligibility.role_id, scope_id=eligibility.scope_id
    )


def unstar_role(eligibility: Eligibility, *, actor: Actor) -> None:
    """Take the actor's star from the role of ``eligibility``, at its scope. A second time changes nothing."""
    mine = Favourite.objects.filter(person=_person(actor))
    mine.filter(role_id=eligibility.role_id, scope_id=eligibility.scope_id).delete()


def keep_set(eligibilities: Sequence[Eligibility], *, actor: Actor, name: str) -> RoleSet:
    """Keep the roles of ``eligibilities`` as a set of the actor's under ``name``.

    Raises:
        Refused: it has no name, or the name of another; there is nothing in it, or too much; or there are too many sets.
    """
    person = _person(actor)
    places = {(one.role_id, one.scope_id) for one in eligibilities}
    if not places:
        raise Refused(_("Choose the roles first."), field="pick")
    if len(places) > MOST_TOGETHER:
        raise Refused(_("A set has at most %(n)s roles.") % {"n": MOST_TOGETHER}, field="pick")
    with transaction.atomic():
        mine = list(RoleSet.objects.select_for_update().filter(person=person))
        if len(mine) >= MOST_SETS:
            raise Refused(_("You have %(n)s sets. Remove one first.") % {"n": MOST_SETS}, field="name")
        name = _free_name(name, mine)
        kept, made = RoleSet.objects.get_or_create(person=person, name=name)
        if not made:
            raise Refused(_("You have a set of this name already."), field="name")
        rows = [RoleInSet(role_set=kept, role_id=role, scope_id=scope) for role, scope in sorted(places)]
        RoleInSet.objects.bulk_create(rows)
    return kept


def rename_set(role_set: RoleSet, *, actor: Actor, name: str) -> None:
    """Give a set of the actor's another name.

    Raises:
        NotAllowed: it is somebody else's.
        Refused: there is no name, or another set has it.
    """
    _check_is_mine(role_set, actor)
    with transaction.atomic():
        others = RoleSet.objects.select_for_update().filter(person=role_set.person_id)
        role_set.name = _free_name(name, [one for one in others if one.pk != role_set.pk])
        role_set.save(update_fields=["name"])


def remove_set(role_set: RoleSet, *, actor: Actor) -> None:
    """Remove a set of the actor's. What was activated by it goes on.

    Raises:
        NotAllowed: it is somebody else's.
    """
    _check_is_mine(role_set, actor)
    role_set.delete()


def _person(actor: Actor) -> User:
    if actor.person is None or not actor.person.pk:
        raise NotAllowed
    person: User = actor.person
    return person


def _check_is_mine(role_set: RoleSet, actor: Actor) -> None:
    if role_set.person_id != _person(actor).pk:
        raise NotAllowed


def _free_name(name: str, others: Sequence[RoleSet]) -> str:
    """The name on one line.

    Raises:
        Refused: there is none, it is too long, or one of ``others`` has it.
    """
    plain = " ".join(one_line(name, most=4 * LONGEST_NAME).split())
    if not plain:
        raise Refused(_("Name the set."), field="name")
    if len(plain) > LONGEST_NAME:
        raise Refused(_("A name has at most %(n)s characters.") % {"n": LONGEST_NAME}, field="name")
    if plain.casefold() in {one.name.casefold() for one in others}:
        raise Refused(_("You have a set of this name already."), field="name")
    return plain
