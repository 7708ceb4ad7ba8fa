"""What can be given in Azure: a role of Azure RBAC at a management group, subscription, resource group or resource.

The names and shapes are those of Azure Resource Manager, `Microsoft.Authorization`: role assignments of 2022-04-01,
and schedule requests and instances of 2020-10-01.
"""

import re
import uuid
from collections.abc import Iterable
from typing import Any

from .base import WHOLE, NotFound, Unsupported
from .entra_rights import schedule_info
from .microsoft_calls import Line, is_guid, literal, segment
from .microsoft_rights import Request, Standing, moment

ASSIGNMENTS = "2022-04-01"
SCHEDULES = "2020-10-01"
MANAGEMENT_GROUPS = "2020-05-01"
PROVIDER = "/providers/Microsoft.Authorization"
SPACE = uuid.UUID("7a6b2f0e-6c0c-5c5e-9b7c-0b6f0f3a7f5d")  # names of the portal's own plain assignments
PLACE = re.compile(
    r"(/subscriptions/[0-9a-f-]{36}|/providers/Microsoft\.Management/managementGroups/[\w.()-]{1,90})(/[^/?#]+)*",
    re.IGNORECASE,
)


def is_place(path: str) -> bool:
    """Whether this can be the path of a place in Azure. Steps up (`..`) cannot."""
    return PLACE.fullmatch(path) is not None and not {".", ".."} & set(path.split("/"))


def is_beneath(path: str, above: str) -> bool:
    return f"{path}/".lower().startswith(f"{above}/".lower())


def address(path: str) -> str:
    return "/".join(segment(part) for part in path.split("/"))


def _last(path: Any) -> str:
    return str(path or "").rpartition("/")[2]


class Root:
    """The place that a directory of this kind begins at, and what lies beneath."""

    def __init__(self, line: Line, path: str) -> None:
        self.path, self._line = path, line

    @property
    def is_management_group(self) -> bool:
        return self.path.lower().startswith("/providers/")

    def place(self, scope: str) -> str:
        """The path that a scope means. Raises Unsupported for one that cannot lie beneath the root."""
        path = self.path if scope == WHOLE else scope.rstrip("/")
        # What lies beneath a management group does not show in the path: there Azure itself has to refuse.
        if not is_place(path) or not (self.is_management_group or is_beneath(path, self.path)):
            raise Unsupported(f"{scope} is no place beneath {self.path}.")
        return path

    def scope(self, path: str) -> str:
        """The scope that a path means."""
        return WHOLE if path.lower() == self.path.lower() else path

    def descendants(self) -> list[dict[str, Any]]:
        """Management groups and subscriptions beneath a management group, as Azure names them."""
        if not self.is_management_group:
            return []
        return list(self._line.at(MANAGEMENT_GROUPS).pages(f"{address(self.path)}/descendants"))

    def parts(self) -> list[str]:
        """The paths whose lists together show everything: that of a management group stops at subscriptions."""
        below = [
            f"/subscriptions/{one['name']}" if "subscriptions" in str(one.get("type")).lower() else one["id"]
            for one in self.descendants()
        ]
        return [self.path, *below]


class AzureRole:
    """A role of Azure RBAC at one place."""

    def __init__(
        self, line: Line, root: Root, entitlement: str, scope: str, client_id: str, native: bool
    ) -> None:
        name = entitlement.rstrip("/").rpartition("/")[2]
        self.path = root.place(scope)
        self._line, self._root, self._client_id = line.at(ASSIGNMENTS), root, client_id
        self._timed = line.at(SCHEDULES)
        try:
            if not is_guid(name):
                raise NotFound(entitlement)
            found = self._line.get(f"{address(self.path)}{PROVIDER}/roleDefinitions/{segment(name)}")
        except NotFound:
            raise NotFound(f'There is no Azure role "{entitlement}" at {self.path}.') from None
        said = found.get("properties") or {}
        self.words = f'the Azure role "{said.get("roleName") or name}"'
        self.scope, self.wants_native_end = root.scope(self.path), native
        self._id = name.lower()

    def native(self, principal: str = "") -> list[Standing]:
        return [
            Standing(
                principal=said["principalId"],
                scope=self._root.scope(said["scope"]),
                id=_last(said.get("roleAssignmentScheduleId")),
                native=True,
                not_after=moment(said.get("endDateTime")),
            )
            for _, said in self._of("roleAssignmentScheduleInstances", self._timed, principal)
            if str(said.get("memberType") or "Direct") == "Direct"
        ]

    def plain(self, principal: str = "") -> list[Standing]:
        return [
            Standing(
                principal=said["principalId"],
                scope=self._root.scope(said["scope"]),
                id=path,
                native=False,
                by=str(said.get("createdBy") or ""),
            )
            for path, said in self._of("roleAssignments", self._line, principal)
        ]

    def requests(self, principal: str) -> list[Request]:
        path = f"{address(self.path)}{PROVIDER}/roleAssignmentScheduleRequests"
        found = self._timed.pages(path, filter=f"principalId eq {literal(principal)}")
        return [self._request(one) for one in found if self._is_this(one.get("properties") or {})]

    def request(self, name: str) -> Request:
        return self._request(self._timed.get(self._asked(name)))

    def ask(self, action: str, principal: str, why: str, *, until: Any = None, schedule: str = "") -> Request:
        said: dict[str, Any] = {
            "principalId": principal,
            "roleDefinitionId": self._definition,
            "requestType": action[0].upper() + action[1:],
            "justification": why,
        }
        if action != "adminRemove":
            info = schedule_info(until)
            kind = info["expiration"]["type"]
            info["expiration"]["type"] = kind[0].upper() + kind[1:]
            said["scheduleInfo"] = info
        if schedule:
            said["targetRoleAssignmentScheduleId"] = schedule
        # A new name for each: Azure does not take one again. What was asked before is known by its justification.
        found = self._timed.send("PUT", self._asked(str(uuid.uuid4())), {"properties": said})
        return self._request(found)

    def cancel(self, request: Request) -> None:
        self._timed.send("POST", f"{self._asked(request.id)}/cancel")

    def give(self, principal: str, why: str) -> str:
        said = {
            "principalId": principal,
            "principalType": "User",
            "roleDefinitionId": self._definition,
            "description": why,
        }
        self._line.send("PUT", self._assigned(self._own_name(principal)), {"properties": said})
        return self._own_name(principal)

    def take(self, principal: str, name: str) -> None:
        # What was not there is not called an error: only an assignment that went is in the answer.
        if not self._line.send("DELETE", self._assigned(name.rpartition("/")[2])):
            raise NotFound(f"{self.words} is not assigned by that name.")

    def is_ours(self, standing: Standing) -> bool:
        return standing.id.rpartition("/")[2].lower() == self._own_name(standing.principal)

    @property
    def _definition(self) -> str:
        """Named at the subscription, or without a place where there is none: never at a place beneath."""
        parts = self.path.split("/")[:3]
        place = "/".join(parts) if parts[1].lower() == "subscriptions" else ""
        return f"{place}{PROVIDER}/roleDefinitions/{self._id}"

    def _own_name(self, principal: str) -> str:
        """The same for the same right every time, so that asking twice cannot give twice."""
        said = f"{self._client_id}|{principal}|{self._id}|{self.path}".lower()
        return str(uuid.uuid5(SPACE, said))

    def _assigned(self, name: str) -> str:
        return f"{address(self.path)}{PROVIDER}/roleAssignments/{segment(name)}"

    def _asked(self, name: str) -> str:
        return f"{address(self.path)}{PROVIDER}/roleAssignmentScheduleRequests/{segment(name)}"

    def _of(self, what: str, line: Line, principal: str) -> Iterable[tuple[str, dict[str, Any]]]:
        """For one principal at this very place; for all, everything beneath the root, each once."""
        paths = [self.path] if principal else self._root.parts()
        query = {"filter": f"principalId eq {literal(principal)}"} if principal else {}
        found: dict[str, dict[str, Any]] = {}
        for path in paths:
            for one in line.pages(f"{address(path)}{PROVIDER}/{what}", **query):
                said = one.get("properties") or {}
                # The lists also show what was given above, and for one principal what was given beneath.
                here = is_beneath(said["scope"], path)
                if self._is_this(said) and (said["scope"].lower() == path.lower() if principal else here):
                    found[str(one.get("id"))] = said
        return found.items()

    def _is_this(self, said: dict[str, Any]) -> bool:
        return str(said.get("roleDefinitionId")).rpartition("/")[2].lower() == self._id

    def _request(self, found: dict[str, Any]) -> Request:
        said = found.get("properties") or {}
        expiration = (said.get("scheduleInfo") or {}).get("expiration") or {}
        return Request(
            id=str(found.get("name")),
            action=str(said.get("requestType")),
            status=str(said.get("status")),
            scope=self._root.scope(str(said.get("scope") or self.path)),
            schedule=_last(said.get("targetRoleAssignmentScheduleId")),
            why=str(said.get("justification") or ""),
            made=str(said.get("createdOn") or ""),
            end=moment(expiration.get("endDateTime")),
        )
