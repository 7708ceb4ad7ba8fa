"""Who is told of what happens to a role: the notification matrix of its settings, one place for all notices about roles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from accounts.duties import ROLE_ADMINISTRATORS
from accounts.models import User
from accounts.notifications.notifying import notify, notify_addresses
from audit.journal.actor import Actor
from roles.effective import settings_at
from roles.models import EffectiveSettings, Role, Scope
from roles.models.values import Audience, Occasion
from roles.permissions import OWN, people_with, people_with_duty


def tell(
    occasion: Occasion,
    *,
    role: Role,
    scope: Scope | None,
    notices: Mapping[Audience, str],
    people: Mapping[Audience, Iterable[User]],
    needed: Collection[Audience] = (),
    context: dict[str, Any],
    url: str,
    actor: Actor,
    role_settings: EffectiveSettings | None = None,
) -> None:
    """Tell those whom the settings of ``role`` at ``scope`` name for this occasion.

    Args:
        notices: what each audience is told; who is left out here is not told.
        people: the usual people of each audience; the administrators are found by themselves.
        needed: the audiences that have to act on it: they are told even if they want to hear only of that.
        role_settings: where they are known already; otherwise those of now are asked.
    """
    said = role_settings or settings_at(role, scope)
    for audience, notice in notices.items():
        cell = said.telling(occasion, audience)
        if cell.only_needed and audience not in needed:
            continue
        if cell.usual:
            usual = (
                administrators_of(role, actor) if audience == Audience.ADMINISTRATORS else people[audience]
            )
            notify(usual, notice=notice, context=context, url=url, actor=actor)
        if cell.also:
            notify_addresses(cell.also, notice=notice, context=context, url=url, actor=actor)


def administrators_of(role: Role, actor: Actor) -> list[User]:
    """Who looks after ``role``: its owners, or the role administrators where it has none. Not whoever acts."""
    owners = list(people_with(OWN, role))
    people = owners or list(people_with_duty(*ROLE_ADMINISTRATORS))
    return [person for person in people if actor.person is None or person.pk != actor.person.pk]
