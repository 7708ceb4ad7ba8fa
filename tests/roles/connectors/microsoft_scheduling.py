"""Rights that stand in the tenant, and how schedule requests of Privileged Identity Management change them."""

import time
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.roles.connectors.microsoft_server import SERVICE_PRINCIPAL, Answer, Asked

PIM = "/identityGovernance/privilegedAccess/group/"


@dataclass
class Held:
    """One right that somebody holds or held. `what` is the entitlement as the connector names it."""

    what: str
    principal: str
    scope: str = "/"
    end: datetime | None = None
    schedule: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    made: float = field(default_factory=time.monotonic)
    gone: float | None = None

    def stands(self, lag: float = 0) -> bool:
        """Whether it stands now; with a lag, whether a list that is that late says so."""
        now = time.monotonic() - lag
        over = self.end is not None and self.end <= datetime.now(UTC)
        return self.made <= now and (self.gone is None or self.gone > now) and not over


class Scheduling(ABC):
    """The part of a tenant that carries out schedule requests."""

    def __init__(self) -> None:
        self.held: list[Held] = []
        self.requests: list[dict[str, Any]] = []
        self.statuses: list[str] = []  # what the next request passes through; done at once where empty
        self.has_pim = True
        self.lag = 0.0
        self.least = timedelta(minutes=5)
        self.policy_failure = ""
        self._passing: dict[str, list[str]] = {}

    @abstractmethod
    def principal(self, principal: str) -> dict[str, Any]:
        """Who that is."""

    def _find(self, what: str, principal: str, scope: str = "/") -> Held | None:
        found = [
            one
            for one in self.held
            if (one.what, one.principal, one.scope) == (what, principal, scope) and one.stands()
        ]
        return found[0] if found else None

    def _scheduling(self, asked: Asked, path: str) -> Any:
        if not self.has_pim:
            raise Answer(400, "AadPremiumLicenseRequired", "The tenant needs an AAD Premium 2 license.")
        wanted = asked.filtered()
        of_groups = path.startswith(PIM)
        if of_groups and asked.method == "GET" and not asked.ids and "groupId" not in wanted:
            raise Answer(400, "MissingProvider", "A filter by group or principal is required.")
        if path.endswith("Instances"):
            return self._instances(wanted, of_groups)
        if path.endswith("/cancel"):
            return self._cancel(self._request(asked.ids[0]))
        if asked.ids:
            return self._carried_on(self._request(asked.ids[0]))
        if asked.method == "POST":
            return self._requested(asked.body)
        return [one for one in self.requests if all(one.get(name) == value for name, value in wanted.items())]

    def _instances(self, wanted: dict[str, str], of_groups: bool) -> list[dict[str, Any]]:
        found = []
        for one in self.held:
            kind, _, rest = one.what.partition(":")
            name, _, part = rest.partition(":")
            asked_for = wanted.get("groupId") if of_groups else wanted.get("roleDefinitionId", name)
            if (kind == "group") != of_groups or name != asked_for or not one.stands(self.lag):
                continue
            # A membership made outside of PIM is not in its lists; a role assignment is, without an end.
            if (of_groups and not one.schedule) or wanted.get("principalId", one.principal) != one.principal:
                continue
            of_role = {
                "roleDefinitionId": name,
                "directoryScopeId": one.scope,
                "roleAssignmentOriginId": one.id,
            }
            of_role |= {"roleAssignmentScheduleId": one.schedule or one.id, "memberType": "Direct"}
            of_group = {"groupId": name, "accessId": part, "assignmentScheduleId": one.schedule}
            found.append(
                {
                    "id": f"instance-{one.id}",
                    "principalId": one.principal,
                    "endDateTime": _text(one.end),
                    "principal": self.principal(one.principal),
                }
                | (of_group | {"memberType": "direct"} if of_groups else of_role)
            )
        return found

    def role_of(self, body: dict[str, Any]) -> str:
        if "groupId" in body:
            return f"group:{body['groupId']}:{body['accessId']}"
        return f"role:{body['roleDefinitionId']}"

    def _requested(self, body: dict[str, Any], name: str = "") -> dict[str, Any]:
        what, scope = self.role_of(body), body.get("directoryScopeId", "/")
        standing = self._find(what, body["principalId"], scope)
        end = (body.get("scheduleInfo") or {}).get("expiration", {}).get("endDateTime")
        if self.policy_failure and body["action"] == "adminAssign":
            said = f'The following policy rules failed: ["{self.policy_failure}"]'
            raise Answer(400, "RoleAssignmentRequestPolicyValidationFailed", said)
        if body["action"] == "adminAssign" and standing:
            raise Answer(400, "RoleAssignmentExists", "The Role assignment already exists.")
        if body["action"] != "adminAssign" and not standing:
            raise Answer(400, "RoleAssignmentDoesNotExist", "The Role assignment does not exist.")
        if end and datetime.fromisoformat(end) < datetime.now(UTC) + self.least:
            raise Answer(400, "ActiveDurationTooShort", "Minimum required is 5 minutes.")
        name = name or str(uuid.uuid4())
        default = "Revoked" if body["action"] == "adminRemove" else "Provisioned"
        request = body | {
            "id": name,
            "status": "",
            "createdDateTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
            "targetScheduleId": standing.schedule or standing.id if standing else name,
            "createdBy": {"user": {"id": SERVICE_PRINCIPAL, "displayName": None}},
        }
        self._passing[name] = [*self.statuses] or [default]
        self.statuses = []
        self.requests.append(request)
        return self._carried_on(request)

    def _carried_on(self, request: dict[str, Any]) -> dict[str, Any]:
        """The request one step further, done when it says so."""
        left = self._passing[request["id"]]
        if left:
            request["status"] = left.pop(0)
            if request["status"] in ("Provisioned", "Revoked"):
                self._done(request)
        return request

    def _done(self, request: dict[str, Any]) -> None:
        what, scope = self.role_of(request), request.get("directoryScopeId", "/")
        standing = self._find(what, request["principalId"], scope)
        said = (request.get("scheduleInfo") or {}).get("expiration", {}).get("endDateTime")
        end = datetime.fromisoformat(said) if said else None
        if request["action"] == "adminRemove":
            if standing:
                standing.gone = time.monotonic()
        elif standing:
            standing.end = end
        else:
            self.held.append(Held(what, request["principalId"], scope, end, schedule=request["id"]))

    def _request(self, name: str) -> dict[str, Any]:
        for one in self.requests:
            if one["id"] == name:
                return one
        raise Answer(404, "RoleAssignmentRequestNotFound", "There is no such request.")

    def _cancel(self, request: dict[str, Any]) -> None:
        if not request["status"].startswith("PendingA"):
            raise Answer(400, "RoleAssignmentRequestCannotBeCancelled", "It cannot be cancelled any more.")
        request["status"] = "Canceled"
        self._passing[request["id"]] = []


def _text(when: datetime | None) -> str | None:
    return when.strftime("%Y-%m-%dT%H:%M:%S.0000000Z") if when else None
