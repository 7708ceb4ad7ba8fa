"""Azure beside the tenant: a management group, a subscription, a resource group and a resource, and who holds what.

Written after Microsoft's reference for Azure Resource Manager, by hand: paths, versions, bodies and answers. What is
not in `CALLS` is refused and written down, as for Microsoft Graph.
"""

import re
import time
from fnmatch import fnmatch
from typing import Any

from tests.roles.connectors.microsoft_server import SERVICE_PRINCIPAL, Answer, Asked, Microsoft
from tests.roles.connectors.microsoft_spec import faults
from tests.roles.connectors.microsoft_tenant import Held, Tenant

SUBSCRIPTION = "/subscriptions/55555555-5555-4555-8555-555555555555"
RESOURCE_GROUP = f"{SUBSCRIPTION}/resourceGroups/payments"
RESOURCE = f"{RESOURCE_GROUP}/providers/Microsoft.Storage/storageAccounts/ledger"
MANAGEMENT_GROUP = "/providers/Microsoft.Management/managementGroups/production"
INNER_GROUP = "/providers/Microsoft.Management/managementGroups/inner"
AZURE_READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
AZURE_OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
AUTHORIZATION = "Microsoft.Authorization"
ACTIONS = [
    f"{AUTHORIZATION}/*/read",
    f"{AUTHORIZATION}/roleAssignments/write",
    f"{AUTHORIZATION}/roleAssignments/delete",
    f"{AUTHORIZATION}/roleAssignmentScheduleRequests/write",
    f"{AUTHORIZATION}/roleAssignmentScheduleRequests/cancel/action",
]
NAME = "[0-9a-f-]{36}"
P = f"/providers/{AUTHORIZATION}"
# Method, path beneath the place, api-version, query options, the action it needs.
CALLS = [
    ("GET", f"{P}/roleDefinitions(/{NAME})?", "2022-04-01", set(), "roleDefinitions/read"),
    ("GET", f"{P}/permissions", "2022-04-01", set(), "permissions/read"),
    ("GET", f"{P}/roleAssignments", "2022-04-01", {"$filter"}, "roleAssignments/read"),
    ("PUT", f"{P}/roleAssignments/{NAME}", "2022-04-01", set(), "roleAssignments/write"),
    ("DELETE", f"{P}/roleAssignments/{NAME}", "2022-04-01", set(), "roleAssignments/delete"),
    ("GET", f"{P}/roleAssignmentScheduleInstances", "2020-10-01", {"$filter"}, "roleAssignments/read"),
    (
        "GET",
        f"{P}/roleAssignmentScheduleRequests(/{NAME})?",
        "2020-10-01",
        {"$filter"},
        "roleAssignments/read",
    ),
    (
        "PUT",
        f"{P}/roleAssignmentScheduleRequests/{NAME}",
        "2020-10-01",
        set(),
        "roleAssignmentScheduleRequests/write",
    ),
    (
        "POST",
        f"{P}/roleAssignmentScheduleRequests/{NAME}/cancel",
        "2020-10-01",
        set(),
        "roleAssignmentScheduleRequests/cancel/action",
    ),
    ("GET", "/descendants", "2020-05-01", set(), "roleAssignments/read"),
    ("GET", "/resourcegroups", "2021-04-01", set(), "roleAssignments/read"),
    ("GET", "/resources", "2021-04-01", set(), "roleAssignments/read"),
]
TEXT = {"type": "string"}
GUID = {"type": "string", "pattern": NAME}
DEFINITION = {"type": "string", "pattern": f"(/subscriptions/{NAME})?{P}/roleDefinitions/{NAME}"}
EXPIRATION = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["AfterDateTime", "AfterDuration", "NoExpiration"]},
        "endDateTime": TEXT,
        "duration": TEXT,
    },
}
BODIES = {
    "roleAssignments": {
        "roleDefinitionId": DEFINITION,
        "principalId": GUID,
        "principalType": {"type": "string", "enum": ["User", "Group", "ServicePrincipal"]},
        "description": TEXT,
    },
    "roleAssignmentScheduleRequests": {
        "roleDefinitionId": DEFINITION,
        "principalId": GUID,
        "requestType": {"type": "string", "enum": ["AdminAssign", "AdminUpdate", "AdminRemove"]},
        "justification": TEXT,
        "scheduleInfo": {"type": "object", "properties": {"startDateTime": TEXT, "expiration": EXPIRATION}},
        "targetRoleAssignmentScheduleId": GUID,
    },
}


class AzureTenant(Tenant):
    """A tenant with something in Azure. Entitlements are the ids of roles, scopes the paths of places."""

    def __init__(self, microsoft: Microsoft) -> None:
        super().__init__(microsoft)
        microsoft.permissions = {"User.Read.All"}
        microsoft.arm = self.manage
        self.actions = list(ACTIONS)

    def manage(self, asked: Asked) -> tuple[int, Any]:
        for method, path, version, query, action in CALLS:
            found = re.fullmatch(f"(/.+?)(?:{path})", asked.path)
            if asked.method != method or found is None:
                continue
            if asked.query.get("api-version") != version or set(asked.query) - query - {
                "api-version",
                "$skiptoken",
            }:
                raise self.microsoft.complain(f"{asked.path} does not know {asked.query}")
            if not any(fnmatch(f"{AUTHORIZATION}/{action}".lower(), one.lower()) for one in self.actions):
                raise Answer(
                    403, "AuthorizationFailed", "The client does not have authorization to perform it."
                )
            return self._managed(asked, found.group(1))
        raise self.microsoft.complain(f"{asked.method} {asked.path} is not among the calls")

    def _managed(self, asked: Asked, place: str) -> tuple[int, Any]:
        what, _, name = asked.path.removeprefix(place).removeprefix(P).strip("/").partition("/")
        if asked.method == "PUT":
            shape = {
                "type": "object",
                "properties": {"properties": {"type": "object", "properties": BODIES[what]}},
            }
            if wrong := faults(shape, asked.body):
                raise self.microsoft.complain(f"{asked.path}: {wrong}")
        match what:
            case "roleDefinitions":
                return 200, self._roles(asked, place, name)
            case "permissions":
                return 200, {"value": [{"actions": self.actions, "notActions": [], "dataActions": []}]}
            case "roleAssignments" if asked.method == "PUT":
                return 201, self._assign(place, name, asked.body["properties"])
            case "roleAssignments" if asked.method == "DELETE":
                return self._unassign(place, name)
            case "roleAssignments":
                return 200, self._page(asked, [self._plain(one) for one in self._seen(asked, place)])
        if what.startswith("roleAssignmentSchedule"):
            return self._schedules(asked, place, what, name)
        return 200, self._page(asked, self._tree(what))

    def _page(self, asked: Asked, found: list[Any]) -> Any:
        return self.microsoft.page(asked, found, "nextLink")

    def _roles(self, asked: Asked, place: str, name: str) -> Any:
        known = {AZURE_READER: ("Reader", ["*/read"]), AZURE_OWNER: ("Owner", ["*"])}
        found = [
            {
                "id": f"{place}{P}/roleDefinitions/{one}",
                "name": one,
                "properties": {"roleName": title, "permissions": [{"actions": actions, "notActions": []}]},
            }
            for one, (title, actions) in known.items()
        ]
        if not name:
            return self._page(asked, found)
        if name not in known:
            raise Answer(404, "RoleDefinitionDoesNotExist", "The specified role definition does not exist.")
        return next(one for one in found if one["name"] == name)

    def _seen(self, asked: Asked, place: str) -> list[Held]:
        """At this place, above and beneath; a management group's list stops before its subscriptions."""
        principal = asked.filtered().get("principalId")
        above = [MANAGEMENT_GROUP] if place.startswith("/subscriptions") else []
        return [
            one
            for one in self.held
            if one.stands(self.lag)
            and principal in (None, one.principal)
            and (one.scope.startswith(place) or place.startswith(one.scope) or one.scope in above)
        ]

    def _plain(self, one: Held) -> dict[str, Any]:
        return {
            "id": f"{one.scope}{P}/roleAssignments/{one.id}",
            "name": one.id,
            "properties": {
                "principalId": one.principal,
                "scope": one.scope,
                "roleDefinitionId": f"{SUBSCRIPTION}{P}/roleDefinitions/{one.what}",
                "createdBy": SERVICE_PRINCIPAL,
            },
        }

    def _assign(self, place: str, name: str, said: dict[str, Any]) -> Any:
        what = said["roleDefinitionId"][-36:]
        if self._find(what, said["principalId"], place):
            raise Answer(409, "RoleAssignmentExists", "The role assignment already exists.")
        self.held.append(Held(what, said["principalId"], place, id=name))
        return self._plain(self.held[-1])

    def _unassign(self, place: str, name: str) -> tuple[int, Any]:
        for one in self.held:
            if one.id == name and one.scope == place and one.stands():
                one.gone = time.monotonic()
                return 200, self._plain(one)
        return 204, None

    def _schedules(self, asked: Asked, place: str, what: str, name: str) -> tuple[int, Any]:
        if not self.has_pim:
            raise Answer(400, "AadPremiumLicenseRequired", "The tenant needs an AAD Premium 2 license.")
        if what.endswith("Instances"):
            return 200, self._page(asked, [self._instance(one) for one in self._seen(asked, place)])
        if asked.method == "PUT":
            return 201, self._put(place, name, asked.body["properties"])
        if asked.method == "POST":
            self._cancel(self._request(name.partition("/")[0]))
            return 200, None
        if name:
            return 200, _request(self._carried_on(self._request(name)))
        principal = asked.filtered().get("principalId")
        mine = [one for one in self.requests if one["principalId"] == principal]
        return 200, self._page(asked, [_request(one) for one in mine])

    def _instance(self, one: Held) -> dict[str, Any]:
        plain = self._plain(one)
        schedule = f"{one.scope}{P}/roleAssignmentSchedules/{one.schedule or one.id}"
        more = {"roleAssignmentScheduleId": schedule, "memberType": "Direct", "assignmentType": "Assigned"}
        more |= {"endDateTime": one.end.isoformat()} if one.end else {}
        return plain | {"properties": plain["properties"] | more}

    def _put(self, place: str, name: str, said: dict[str, Any]) -> Any:
        """By the rules for directory roles, in Azure's own words."""
        expiration = (said.get("scheduleInfo") or {}).get("expiration") or {}
        body = {
            "action": said["requestType"][0].lower() + said["requestType"][1:],
            "principalId": said["principalId"],
            "roleDefinitionId": said["roleDefinitionId"][-36:],
            "directoryScopeId": place,
            "justification": said["justification"],
            "scheduleInfo": {"expiration": {"endDateTime": expiration.get("endDateTime")}},
        }
        if any(one["id"] == name for one in self.requests):
            raise Answer(409, "RoleAssignmentScheduleRequestExists", "The name is taken.")
        return _request(self._requested(body, name))

    def _tree(self, what: str) -> list[dict[str, Any]]:
        if what == "resourcegroups":
            return [{"id": RESOURCE_GROUP, "name": "payments"}]
        if what == "resources":
            return [{"id": RESOURCE, "name": "ledger"}]
        subscription = SUBSCRIPTION.rpartition("/")[2]
        return [
            {
                "id": SUBSCRIPTION,
                "type": "Microsoft.Management/managementGroups/subscriptions",
                "name": subscription,
                "properties": {"displayName": "Payments", "parent": {"id": INNER_GROUP}},
            },
            {
                "id": INNER_GROUP,
                "type": "Microsoft.Management/managementGroups",
                "name": "inner",
                "properties": {"displayName": "Inner", "parent": {"id": MANAGEMENT_GROUP}},
            },
        ]

    def role_of(self, body: dict[str, Any]) -> str:
        return str(body["roleDefinitionId"])


def _request(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{one['directoryScopeId']}{P}/roleAssignmentScheduleRequests/{one['id']}",
        "name": one["id"],
        "properties": {
            "scope": one["directoryScopeId"],
            "principalId": one["principalId"],
            "roleDefinitionId": f"{SUBSCRIPTION}{P}/roleDefinitions/{one['roleDefinitionId']}",
            "requestType": one["action"][0].upper() + one["action"][1:],
            "status": one["status"],
            "justification": one["justification"],
            "targetRoleAssignmentScheduleId": one["targetScheduleId"],
            "scheduleInfo": one["scheduleInfo"],
            "createdOn": one["createdDateTime"],
        },
    }
