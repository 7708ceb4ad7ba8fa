"""What exists: directories, roles and the portal's own duties, written down by verbs that know their actor."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from accounts.duties import ROLE_ADMINISTRATORS, Duty, require
from accounts.models import Group, Membership
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record, save_as
from audit.journal.refusing import Refused
from roles.connectors.groups import entitlement_of
from roles.models import Directory, Risk, Role, RoleSettings, Scope
from roles.models.directory import GROUPS_KIND, PORTAL_KIND
from roles.nested_groups import roles_of_group
from roles.permissions import check_may_manage, groups_owned_by
from roles.reaching import check_knows_scopes

DEEPEST = 450  # characters of keys above a scope: some seventy levels
LONGEST_PATH = 500  # characters of the directory's own name for a scope
LONGEST_GROUP = 130  # characters of a group's name in the names of its roles

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
    least_holders: int = 0,
    **role_settings: Any,
) -> Role:
    """Write down a role of a directory together with its role settings.

    Args:
        entitlement: the directory's own name for it.
        least_holders: how many enabled people must always hold it for good.
        role_settings: what the role says itself, as columns of ``RoleSettings``; the rest it inherits.
    """
    role = Role(
        directory=directory,
        name=name,
        entitlement=entitlement,
        description=description,
        risk=risk,
        least_holders=least_holders,
    )
    role.full_clean()
    save_as(role, actor=actor)
    if role_settings:
        settings = RoleSettings(level=RoleSettings.Level.ROLE, role=role, **role_settings)
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
                # Somebody must be able to hold it for good: the last two of them cannot be lost.
                active_permanent=duty in ROLE_ADMINISTRATORS,
                least_holders=int(duty in ROLE_ADMINISTRATORS),
            )
    return directory


@journaled
def add_scope(parent: Scope, *, actor: Actor, name: str, path: str) -> Scope:
    """Write down a place within a directory, below another one. Access given above counts there too.

    Args:
        name: what people call it.
        path: the directory's own name for it, which its connector is told. It stays as it is.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs.
        Refused: the directory has no scopes, has this one already, or the tree would get too deep.
    """
    directory = parent.directory
    check_may_manage(directory, actor)
    check_knows_scopes(directory)
    path = path.strip()
    if known := directory.scopes.filter(path=path).first():
        raise Refused(_("%(scope)s is called so there already.") % {"scope": known}, field="path")
    scope = Scope(directory=directory, parent=parent, name=name.strip(), path=path)
    if len(parent.lineage_beneath) > DEEPEST:
        raise Refused(_("The tree is as deep as it can be here."), field="name")
    scope.full_clean(exclude=["lineage"])
    save_as(scope, actor=actor)
    return scope


@journaled
def rename_scope(scope: Scope, *, actor: Actor, name: str) -> None:
    """Call a place otherwise; in the directory, and for those who hold roles there, nothing changes.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs.
    """
    check_may_manage(scope.directory, actor)
    scope.name = name.strip()
    scope.full_clean(exclude=["lineage"])
    save_as(scope, actor=actor)


@journaled
def open_groups_directory(name: str, *, actor: Actor) -> Directory:
    """The directory whose roles are the membership and the ownership of groups; if it exists it stays as it is."""
    return Directory.objects.filter(kind=GROUPS_KIND).first() or open_directory(
        name, actor=actor, kind=GROUPS_KIND, description=_("Membership and ownership of the groups here.")
    )


@journaled
def manage_group(group: Group, *, actor: Actor) -> list[Role]:
    """Make the membership and the ownership of a group roles, to be eligible for and to activate. There is no way back:
    who is in the group would then be decided past every setting.

    Neither may be given for good, as in Microsoft Entra; longer than that, settings say.

    Raises:
        NotAllowed: neither a duty nor the group is theirs.
        Refused: it is managed already.
    """
    if actor.person is None or not groups_owned_by(actor.person).filter(pk=group.pk).exists():
        require(actor, *ROLE_ADMINISTRATORS)
    if roles_of_group(group).exists():
        raise Refused(_("%(group)s is managed already.") % {"group": group}, code="managed_already")
    directory = open_groups_directory(_("Groups"), actor=actor)
    made = [
        add_role(
            directory,
            actor=actor,
            name=name_of_group_role(group, kind),
            entitlement=entitlement_of(kind, group.pk),
            description=description,
            eligible_permanent=False,
            active_permanent=False,
        )
        for kind, description in (
            (Membership.Kind.MEMBER, _("Is in the group, and has what its members have.")),
            (Membership.Kind.OWNER, _("Decides who may be in the group.")),
        )
    ]
    record("group.managed", actor=actor, subject=group, directory=directory.name)
    return made


def name_of_group_role(group: Group, kind: str) -> str:
    """What the membership or the ownership of a group is called: "Data engineers: member"."""
    return f"{group.name[:LONGEST_GROUP]}: {Membership.Kind(kind).label.lower()}"
