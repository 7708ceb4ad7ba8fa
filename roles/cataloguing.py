"""What exists: directories, roles and the portal's own duties, written down by verbs that know their actor."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from accounts.duties import Duty
from audit.journal.actor import Actor
from audit.journal.recording import journaled, save_as
from roles.models import Directory, Risk, Role, RoleSettings, Scope
from roles.models.directory import PORTAL_KIND

#: what each duty may do, its risk, and its longest activation in minutes
DUTIES = {
    Duty.GLOBAL_ADMINISTRATOR: (_("Everything in the portal, duties included."), Risk.HIGH, 60),
    Duty.PRIVILEGED_ROLE_ADMINISTRATOR: (
        _("Roles, role settings, assignments and people."),
        Risk.HIGH,
        4 * 60,
    ),
    Duty.SECURITY_ADMINISTRATOR: (_("Alerts, and reading everything."), Risk.MEDIUM, 8 * 60),
    Duty.GLOBAL_READER: (_("Reads everything, changes nothing."), Risk.LOW, 8 * 60),
    Duty.SECURITY_READER: (_("Reads the journal, alerts and assignments."), Risk.LOW, 8 * 60),
}


@journaled
def open_directory(name: str, *, actor: Actor, kind: str, **fields: Any) -> Directory:
    """Write down a directory with its root scope; nothing is connected yet.

    Args:
        kind: the connector's kind.
        fields: further columns of ``Directory``.
    """
    directory = Directory(name=name, kind=kind, **fields)
    directory.full_clean()
    save_as(directory, actor=actor)
    save_as(Scope(directory=directory, name=name, path="/"), actor=actor)
    return directory


@journaled
def add_role(
    directory: Directory,
    *,
    actor: Actor,
    name: str,
    entitlement: str,
    description: str = "",
    risk: str = Risk.MEDIUM,
    **role_settings: Any,
) -> Role:
    """Write down a role of a directory together with its role settings.

    Args:
        entitlement: the directory's own name for it.
        role_settings: columns of ``RoleSettings`` that differ from the defaults.
    """
    role = Role(directory=directory, name=name, entitlement=entitlement, description=description, risk=risk)
    role.full_clean()
    save_as(role, actor=actor)
    settings = RoleSettings(role=role, **role_settings)
    settings.full_clean()
    save_as(settings, actor=actor)
    return role


@journaled
def open_portal_directory(name: str, *, actor: Actor) -> Directory:
    """The portal's own directory with a role for each duty; what exists already stays as it is."""
    directory = Directory.objects.filter(kind=PORTAL_KIND).first() or open_directory(
        name, actor=actor, kind=PORTAL_KIND, description=_("The duties of this portal.")
    )
    for duty, (description, risk, max_minutes) in DUTIES.items():
        if not directory.roles.filter(entitlement=duty).exists():
            add_role(
                directory,
                actor=actor,
                name=str(duty.label),
                entitlement=duty,
                description=description,
                risk=risk,
                max_minutes=max_minutes,
            )
    return directory
