"""News from below: a person left; a group was renamed, or is gone."""

from __future__ import annotations

from typing import Any

from accounts.models import Group, User
from audit.journal.actor import PORTAL, Actor
from audit.journal.recording import save_as
from roles.assigning import end_eligibility
from roles.cataloguing import name_of_group_role
from roles.connectors.groups import group_of
from roles.models import Assignment, Eligibility, EndCause
from roles.nested_groups import roles_of_group
from roles.provisioning import end_assignment


def end_what_they_held(sender: Any, *, person: User, actor: Actor, **_: Any) -> None:
    """Receiver of ``accounts.signals.user_left``: nothing a disabled person held goes on, in the same transaction."""
    held = Assignment.objects.filter(
        person=person, status__in=[*Assignment.LIVE, Assignment.Status.FAILED]
    ).select_related("role__directory", "scope", "person")
    for assignment in held:
        end_assignment(assignment, actor=actor, cause=EndCause.LEFT)


def rename_roles_of_group(sender: Any, *, instance: Group, created: bool, **_: Any) -> None:
    """Receiver of ``post_save``: the roles of a group are called after it. What they are is told by its key alone."""
    for role in roles_of_group(instance) if not created else ():
        about = group_of(role.entitlement)
        name = name_of_group_role(instance, about[0]) if about else role.name
        if role.name != name:
            role.name = name
            save_as(role, actor=_who_did(instance))


def end_roles_of_group(sender: Any, *, instance: Group, **_: Any) -> None:
    """Receiver of ``post_delete``: who may be or is in a group that is gone, no longer may or is.

    The names of its roles become free, so that a new group of the same name has roles of its own.
    """
    actor = _who_did(instance)
    for role in roles_of_group(instance):
        live = [Eligibility.Status.SCHEDULED, Eligibility.Status.IN_FORCE]
        for eligibility in role.eligibilities.filter(status__in=live).select_related("role__directory"):
            end_eligibility(eligibility, actor=actor)
        held = role.assignments.filter(status__in=[*Assignment.LIVE, Assignment.Status.FAILED])
        for assignment in held.select_related("role__directory", "scope", "person"):
            end_assignment(assignment, actor=actor, cause=EndCause.GROUP_ENDED)
        role.name = f"{role.name} ({instance.pk}, deleted)"
        save_as(role, actor=actor)


def _who_did(thing: Any) -> Actor:
    """Who saves or deletes ``thing``, as ``save_as`` and ``delete_as`` sign it."""
    return getattr(thing, "_journal_actor", None) or PORTAL
