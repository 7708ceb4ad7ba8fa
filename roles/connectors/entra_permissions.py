"""Which of Microsoft Graph's application permissions the Entra connector needs, for what, and which it holds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .base import AuthenticationFailed, ConnectorError, Finding, NotFound, Right, Unavailable
from .entra_rights import ROLES, GroupPart, right_called
from .microsoft_calls import WITHOUT_PIM, Line, Refused
from .microsoft_rights import Right as Entitlement
from .microsoft_service import Service


@dataclass(frozen=True, slots=True)
class Permission:
    """One application permission, what it is for, and the wider ones that contain it."""

    name: str
    needed_for: str
    contained_in: tuple[str, ...] = ()

    def is_held(self, held: set[str]) -> bool:
        return bool(held & {self.name, *self.contained_in})


USERS = Permission(
    "User.Read.All",
    "finding users by name",
    ("User.ReadBasic.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"),
)
READ_ROLES = Permission(
    "RoleManagement.Read.Directory",
    "reading directory roles and who holds them",
    ("RoleManagement.ReadWrite.Directory", "RoleManagement.Read.All"),
)
SCHEDULE_ROLES = Permission(
    "RoleAssignmentSchedule.ReadWrite.Directory",
    "giving and taking directory roles with an end that Microsoft keeps",
    ("RoleManagement.ReadWrite.Directory",),
)
WRITE_ROLES = Permission(
    "RoleManagement.ReadWrite.Directory", "giving and taking directory roles by plain assignment"
)
READ_GROUPS = Permission(
    "GroupMember.Read.All",
    "reading groups and who is in them",
    (
        "GroupMember.ReadWrite.All",
        "Group.Read.All",
        "Group.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ),
)
SCHEDULE_GROUPS = Permission(
    "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
    "giving and taking parts in groups with an end that Microsoft keeps",
    ("PrivilegedAccess.ReadWrite.AzureADGroup",),
)
WRITE_MEMBERS = Permission(
    "GroupMember.ReadWrite.All",
    "adding and removing members by plain assignment",
    ("Group.ReadWrite.All", "Directory.ReadWrite.All"),
)
WRITE_OWNERS = Permission(
    "Group.ReadWrite.All", "adding and removing owners by plain assignment", ("Directory.ReadWrite.All",)
)
WRITE_ROLE_GROUPS = Permission(
    "RoleManagement.ReadWrite.Directory", "changing a group that holds directory roles by plain assignment"
)
OPTIONAL = {"AdministrativeUnit.Read.All", "Organization.Read.All", READ_GROUPS.name}


def held_by(claims: Mapping[str, Any]) -> set[str]:
    return {str(one) for one in claims.get("roles") or []}


def may_read_groups(claims: Mapping[str, Any]) -> bool:
    return READ_GROUPS.is_held(held_by(claims))


def find(service: Service, graph: Line, asked: list[str]) -> Finding:
    """See `Connector.check`. Raises Unavailable, AuthenticationFailed."""
    claims = service.claims(graph.host)
    held = held_by(claims)
    native = service.wants_native_end and _has_pim(graph)
    needed: dict[str, Permission] = {USERS.name: USERS}
    administers, missing = [], []
    for entitlement in asked:
        try:
            right = right_called(graph, entitlement, native=native)
        except NotFound:
            missing.append(f'There is no entitlement "{entitlement}" in the tenant.')
            continue
        except (AuthenticationFailed, Unavailable):
            raise
        except ConnectorError:
            right = None
        wanted = list(_needed(entitlement, right, native))
        needed |= {one.name: one for one in wanted}
        if all(one.is_held(held) for one in wanted):
            administers.append(entitlement)
    for one in _families(held, native) if not asked else ():
        needed.setdefault(one.name, one)
    rights = [right_of(one, held, service.client_id) for one in needed.values()]
    missing += [f"{right['right']} is missing: {right['remedy']}" for right in rights if not right["held"]]
    return Finding(
        usable=not missing,
        version=f"Microsoft Entra ID, tenant {_tenant(graph, service)}, "
        + ("with Privileged Identity Management" if native else "with plain assignments only"),
        service_account=f"{claims.get('app_displayname') or 'service principal'} ({service.client_id})",
        rights=rights,
        administers=administers,
        missing=missing,
        excess=[
            f"The service principal does not need {name}." for name in sorted(held - set(needed) - OPTIONAL)
        ],
    )


def _needed(entitlement: str, right: Entitlement | None, native: bool) -> Iterator[Permission]:
    if entitlement.startswith("role:"):
        yield READ_ROLES
        yield SCHEDULE_ROLES if native else WRITE_ROLES
        return
    yield READ_GROUPS
    if native:
        yield SCHEDULE_GROUPS
    elif isinstance(right, GroupPart) and right.roles_may_be_given_to_it:
        yield WRITE_ROLE_GROUPS
    else:
        yield WRITE_OWNERS if entitlement.endswith(":owner") else WRITE_MEMBERS


def _families(held: set[str], native: bool) -> list[Permission]:
    """Where nothing particular is asked for: what either half needs, or both where nothing is there yet."""
    roles = [READ_ROLES, SCHEDULE_ROLES if native else WRITE_ROLES]
    groups = [READ_GROUPS, SCHEDULE_GROUPS if native else WRITE_MEMBERS]
    begun = [family for family in (roles, groups) if any(one.is_held(held) for one in family)]
    return [one for family in begun or [roles, groups] for one in family]


def right_of(permission: Permission, held: set[str], client_id: str) -> Right:
    return Right(
        right=permission.name,
        held=permission.is_held(held),
        needed_for=permission.needed_for,
        remedy=f"Entra admin center > App registrations > {client_id} > API permissions > Add > Microsoft Graph > "
        f"Application permissions > {permission.name}, then Grant admin consent.",
    )


def _has_pim(graph: Line) -> bool:
    """Whether the tenant has it, as far as the service principal may see."""
    try:
        next(graph.pages(f"{ROLES}/roleAssignmentScheduleInstances", top="1"), None)
    except Refused as error:
        return error.code != WITHOUT_PIM
    return True


def _tenant(graph: Line, service: Service) -> str:
    try:
        found = next(graph.pages("/organization", select="id,displayName"), {})
    except Refused:
        found = {}  # its name needs Organization.Read.All, which nothing else does
    return f'"{found["displayName"]}"' if found.get("displayName") else service.settings["tenant_id"]
