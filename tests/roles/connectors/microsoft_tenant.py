"""A tenant that keeps what it is told: users, groups, roles, assignments, schedules and requests.

It behaves as Microsoft's reference says, as far as that goes, and can be made awkward: without a licence, with lists
that lag behind, with requests that take their time or fail. Who may do what is decided here by the permissions of
the token, not by what the connector believes to need.
"""

import time
import uuid
from typing import Any

from tests.roles.connectors.microsoft_scheduling import PIM, Held, Scheduling
from tests.roles.connectors.microsoft_server import SERVICE_PRINCIPAL, Answer, Asked, Microsoft

READER = "5d6b6bb7-de71-4623-b4af-96380a352509"
GLOBAL = "62e90394-69f5-4237-9190-012177145e10"
UNIT = "0a0a0a0a-0000-4000-8000-000000000001"
GROUP = "0b0b0b0b-0000-4000-8000-000000000001"
COMPUTED_GROUP = "0b0b0b0b-0000-4000-8000-000000000002"
NESTED_GROUP = "0b0b0b0b-0000-4000-8000-000000000003"
NAMES = ("alice", "bob", "carol", "o'hara#ext")
DOMAIN = "contoso.example"
ROLES = "/roleManagement/directory/"

# Which permissions let one call what; one of them is enough. After Microsoft's pages on each call.
WRITE_ROLES = {"RoleManagement.ReadWrite.Directory"}
READ_ROLES = {"RoleManagement.Read.Directory", *WRITE_ROLES}
SCHEDULE_ROLES = {"RoleAssignmentSchedule.ReadWrite.Directory", *WRITE_ROLES}
SCHEDULE_GROUPS = {"PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup"}
READ_GROUPS = {"GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.ReadWrite.All"}
NEEDS = {
    "/users": {"User.Read.All"},
    "/directoryObjects": {"User.Read.All"},
    "/organization": {"Organization.Read.All"},
    "/directory/administrativeUnits": {"AdministrativeUnit.Read.All"},
    f"{ROLES}roleDefinitions": READ_ROLES,
    f"{ROLES}roleAssignments": READ_ROLES,
    f"{ROLES}roleAssignmentSchedule": SCHEDULE_ROLES,
    PIM: SCHEDULE_GROUPS,
    "/groups": READ_GROUPS,
}


def account(name: str) -> str:
    return f"{name}@{DOMAIN}"


def id_of(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name.partition("@")[0]))


class Tenant(Scheduling):
    """State and behaviour of the tenant; `microsoft` is the line to it."""

    def __init__(self, microsoft: Microsoft) -> None:
        super().__init__()
        self.microsoft = microsoft
        microsoft.answer = self.answer
        microsoft.permissions = {"User.Read.All", "RoleManagement.Read.Directory", "GroupMember.Read.All"}
        microsoft.permissions |= {next(iter(SCHEDULE_GROUPS)), "RoleAssignmentSchedule.ReadWrite.Directory"}
        microsoft.page_size, microsoft.next_host, microsoft.arm = 100, "", None
        microsoft.sign_in_fault = 0
        for kept in (microsoft.troubles, microsoft.complaints, microsoft.asked):
            kept.clear()

    # What a test does and sees without the connector ---------------------------------------------------------------

    def hold(self, name: str, what: str, scope: str = "/", **more: Any) -> Held:
        held = Held(what, id_of(name) if len(name) < 36 else name, scope, **more)
        self.held.append(held)
        return held

    def can_use(self, name: str, what: str, scope: str = "/") -> bool:
        return any(
            one.what == what and one.principal == id_of(name) and one.scope == scope and one.stands()
            for one in self.held
        )

    # The interface --------------------------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Any:
        path = asked.path.removeprefix("/v1.0").removeprefix("/beta")
        self._refuse_unpermitted(asked.method, path)
        if path.startswith(f"{ROLES}roleDefinitions"):
            return self._definitions(asked)
        if path.startswith((f"{ROLES}roleAssignmentSchedule", PIM)):
            return self._scheduling(asked, path)
        if path.startswith(f"{ROLES}roleAssignments"):
            return self._assignments(asked)
        if path.startswith("/groups"):
            return self._groups(asked)
        if path.startswith("/users"):
            return self._users(asked)
        if path.startswith("/directoryObjects"):
            return {"value": [self.principal(one) for one in asked.body["ids"] if "user" in self._kind(one)]}
        if path == "/organization":
            return [{"id": id_of("tenant"), "displayName": "Contoso"}]
        return [{"id": UNIT, "displayName": "Branch"}]

    def _refuse_unpermitted(self, method: str, path: str) -> None:
        (needs,) = [NEEDS[start] for start in sorted(NEEDS, key=len) if path.startswith(start)][-1:]
        if method in ("POST", "DELETE") and path.startswith(f"{ROLES}roleAssignments"):
            needs = WRITE_ROLES
        if method in ("POST", "DELETE") and path.startswith("/groups"):
            needs = {"Group.ReadWrite.All"} | (set() if "owners" in path else {"GroupMember.ReadWrite.All"})
        if not needs & self.microsoft.permissions:
            raise Answer(
                403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
            )

    def _definitions(self, asked: Asked) -> Any:
        known = {READER: "Security Reader", GLOBAL: "Global Administrator"}
        if asked.path.startswith("/beta"):
            return [{"id": one, "isPrivileged": True} for one in known]
        if asked.ids:
            if asked.ids[0] not in known:
                raise Answer(404, "Request_ResourceNotFound", "Not found.")
            return {"id": asked.ids[0], "displayName": known[asked.ids[0]], "isEnabled": True}
        return [{"id": one, "displayName": name, "isEnabled": True} for one, name in known.items()]

    def _kind(self, principal: str) -> str:
        if principal == SERVICE_PRINCIPAL:
            return "#microsoft.graph.servicePrincipal"
        is_group = principal in (GROUP, COMPUTED_GROUP, NESTED_GROUP)
        return "#microsoft.graph.group" if is_group else "#microsoft.graph.user"

    def principal(self, principal: str) -> dict[str, Any]:
        names = {id_of(name): account(name) for name in NAMES}
        found = {"@odata.type": self._kind(principal), "id": principal}
        return found | ({"userPrincipalName": names[principal]} if principal in names else {})

    def _users(self, asked: Asked) -> Any:
        users = [{"id": id_of(name), "userPrincipalName": account(name)} for name in NAMES]
        if asked.ids:
            found = [one for one in users if asked.ids[0] in one.values()]
            if not found:
                raise Answer(404, "Request_ResourceNotFound", f"Resource {asked.ids[0]} does not exist.")
            return found[0]
        wanted = asked.filtered().get("userPrincipalName")
        return [one for one in users if wanted in (None, one["userPrincipalName"])]

    def _groups(self, asked: Asked) -> Any:
        groups = {
            GROUP: {"displayName": "Payments", "groupTypes": [], "isAssignableToRole": False},
            COMPUTED_GROUP: {"displayName": "All of sales", "groupTypes": ["DynamicMembership"]},
        }
        if not asked.ids:
            return [{"id": one} | said for one, said in groups.items()]
        if asked.ids[0] not in groups:
            raise Answer(404, "Request_ResourceNotFound", "The group does not exist.")
        if asked.template.endswith("{group-id}"):
            return {"id": asked.ids[0]} | groups[asked.ids[0]]
        what = f"group:{asked.ids[0]}:{'owner' if 'owners' in asked.path else 'member'}"
        if asked.method == "GET":
            return [
                self.principal(one.principal)
                for one in self.held
                if one.what == what and one.stands(self.lag)
            ]
        if asked.method == "POST":
            principal = asked.body["@odata.id"].rsplit("/", 1)[1]
            if self._find(what, principal):
                raise Answer(400, "Request_BadRequest", "One or more added object references already exist.")
            self.held.append(Held(what, principal))
            return None
        standing = self._find(what, asked.ids[1])
        if not standing:
            raise Answer(404, "Request_ResourceNotFound", "The reference does not exist.")
        if (
            what.endswith("owner")
            and len([one for one in self.held if one.what == what and one.stands()]) == 1
        ):
            raise Answer(400, "Request_BadRequest", "The group must have at least one owner.")
        standing.gone = time.monotonic()
        return None

    def _assignments(self, asked: Asked) -> Any:
        if asked.method == "DELETE":
            found = [one for one in self.held if one.id == asked.ids[0] and one.stands()]
            if not found:
                raise Answer(404, "Request_ResourceNotFound", "The role assignment does not exist.")
            found[0].gone = time.monotonic()
            return None
        if asked.method == "POST":
            what = f"role:{asked.body['roleDefinitionId']}"
            if self._find(what, asked.body["principalId"], asked.body["directoryScopeId"]):
                raise Answer(400, "RoleAssignmentExists", "The role assignment already exists.")
            held = Held(what, asked.body["principalId"], asked.body["directoryScopeId"])
            self.held.append(held)
            return asked.body | {"id": held.id}
        wanted = asked.filtered()
        return [
            {
                "id": one.id,
                "principalId": one.principal,
                "roleDefinitionId": wanted["roleDefinitionId"],
                "directoryScopeId": one.scope,
                "principal": self.principal(one.principal),
            }
            for one in self._listed(f"role:{wanted['roleDefinitionId']}", wanted.get("principalId"))
        ]

    def _listed(self, what: str, principal: str | None) -> list[Held]:
        return [
            one
            for one in self.held
            if one.what == what and one.stands(self.lag) and principal in (None, one.principal)
        ]
