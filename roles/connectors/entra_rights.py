"""What can be given in a tenant of Microsoft Entra ID: directory roles, and parts in groups.

The names and shapes are those of Microsoft Graph v1.0 (roleManagement/directory, and
identityGovernance/privilegedAccess/group for Privileged Identity Management for Groups).
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from .base import WHOLE, Denied, NotFound, Unsupported
from .microsoft_calls import Line, Refused, is_guid, literal, segment
from .microsoft_rights import Request, Right, Standing, moment, written

ROLES = "/roleManagement/directory"
GROUPS = "/identityGovernance/privilegedAccess/group"
PLACES = re.compile(r"/|/(administrativeUnits/)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
PAGE = "999"


def right_called(line: Line, entitlement: str, scope: str = WHOLE, *, native: bool) -> Right:
    """The right of this name at this place, which exists. Raises NotFound, Unsupported."""
    kind, _, rest = entitlement.partition(":")
    name, _, part = rest.partition(":")
    if kind == "role" and is_guid(name) and not part:
        return DirectoryRole(line, name, scope, native)
    if kind == "group" and is_guid(name) and part in ("member", "owner"):
        return GroupPart(line, name, part, scope, native)
    raise NotFound(
        f'There is no entitlement "{entitlement}": it has to be role:<id>, group:<id>:member or group:<id>:owner.'
    )


def schedule_info(until: datetime | None) -> dict[str, Any]:
    expiration: dict[str, Any] = {"type": "noExpiration"}
    if until:
        expiration = {"type": "afterDateTime", "endDateTime": written(until)}
    return {"startDateTime": written(datetime.now(UTC)), "expiration": expiration}


def _request(found: dict[str, Any], scope: str) -> Request:
    expiration = (found.get("scheduleInfo") or {}).get("expiration") or {}
    return Request(
        id=str(found.get("id")),
        action=str(found.get("action")),
        status=str(found.get("status")),
        scope=scope,
        schedule=str(found.get("targetScheduleId") or ""),
        why=str(found.get("justification") or ""),
        made=str(found.get("createdDateTime") or ""),
        end=moment(expiration.get("endDateTime")),
    )


def name_of(found: dict[str, Any], principal: str) -> str:
    """A user by the name people sign in with; groups and service principals by id."""
    return str((found or {}).get("userPrincipalName") or principal)


def _direct(found: dict[str, Any]) -> bool:
    return str(found.get("memberType") or "Direct").lower() == "direct"


class DirectoryRole:
    """A role of the directory, at the whole tenant, an administrative unit or one application."""

    def __init__(self, line: Line, name: str, scope: str, native: bool) -> None:
        if not PLACES.fullmatch(scope):
            raise Unsupported(
                f"A directory role cannot be given at {scope}: the place has to be /, /administrativeUnits/<id> or "
                "the object id of an application after a slash."
            )
        try:
            found = line.get(f"{ROLES}/roleDefinitions/{segment(name)}")
        except NotFound:
            raise NotFound(f'There is no directory role "role:{name}".') from None
        self.scope, self.wants_native_end = scope, native
        self.words = f'the directory role "{found.get("displayName") or name}"'
        self._line, self._id = line, name

    def native(self, principal: str = "") -> list[Standing]:
        return [
            Standing(
                principal=one["principalId"],
                scope=_place(one),
                id=str(one.get("roleAssignmentScheduleId") or ""),
                native=True,
                not_after=moment(one.get("endDateTime")),
                name=name_of(one.get("principal") or {}, one["principalId"]),
            )
            for one in self._of(f"{ROLES}/roleAssignmentScheduleInstances", principal)
            if _direct(one)
        ]

    def plain(self, principal: str = "") -> list[Standing]:
        return [
            Standing(
                principal=one["principalId"],
                scope=_place(one),
                id=one["id"],
                native=False,
                name=name_of(one.get("principal") or {}, one["principalId"]),
            )
            for one in self._of(f"{ROLES}/roleAssignments", principal)
        ]

    def requests(self, principal: str) -> list[Request]:
        path = f"{ROLES}/roleAssignmentScheduleRequests"
        return [_request(one, _place(one)) for one in self._line.pages(path, filter=self._filter(principal))]

    def request(self, name: str) -> Request:
        found = self._line.get(f"{ROLES}/roleAssignmentScheduleRequests/{segment(name)}")
        return _request(found, _place(found))

    def ask(
        self, action: str, principal: str, why: str, *, until: datetime | None = None, schedule: str = ""
    ) -> Request:
        body: dict[str, Any] = {
            "action": action,
            "principalId": principal,
            "roleDefinitionId": self._id,
            "directoryScopeId": self.scope,
            "justification": why,
        }
        if action != "adminRemove":
            body["scheduleInfo"] = schedule_info(until)
        if schedule:
            body["targetScheduleId"] = schedule
        found = self._line.send("POST", f"{ROLES}/roleAssignmentScheduleRequests", body)
        return _request(found, self.scope)

    def cancel(self, request: Request) -> None:
        self._line.send("POST", f"{ROLES}/roleAssignmentScheduleRequests/{segment(request.id)}/cancel")

    def give(self, principal: str, why: str) -> str:
        body = {"principalId": principal, "roleDefinitionId": self._id, "directoryScopeId": self.scope}
        return str(self._line.send("POST", f"{ROLES}/roleAssignments", body).get("id") or "")

    def take(self, principal: str, name: str) -> None:
        self._line.send("DELETE", f"{ROLES}/roleAssignments/{segment(name)}")

    def is_ours(self, standing: Standing) -> bool:
        return False  # nothing in a plain assignment tells who made it

    def _of(self, path: str, principal: str) -> Iterator[dict[str, Any]]:
        return self._line.pages(path, filter=self._filter(principal), expand="principal")

    def _filter(self, principal: str) -> str:
        role = f"roleDefinitionId eq {literal(self._id)}"
        return f"principalId eq {literal(principal)} and {role}" if principal else role


def _place(found: dict[str, Any]) -> str:
    return str(found.get("directoryScopeId") or found.get("appScopeId") or WHOLE)


class GroupPart:
    """Membership or ownership of one group. Nested groups are listed by id; who is in them is not looked for."""

    def __init__(self, line: Line, name: str, part: str, scope: str, native: bool) -> None:
        if scope != WHOLE:
            raise Unsupported(f"A group has no places within it, so nothing can be given at {scope} alone.")
        chosen = "id,displayName,groupTypes,onPremisesSyncEnabled,isAssignableToRole"
        try:
            found = line.get(f"/groups/{segment(name)}", select=chosen)
        except NotFound:
            raise NotFound(f'There is no group "group:{name}:{part}".') from None
        self.scope, self.wants_native_end = WHOLE, native
        self.roles_may_be_given_to_it = bool(found.get("isAssignableToRole"))
        self.words = f'the {part}ship of the group "{found.get("displayName") or name}"'
        self._line, self._id, self._part = line, name, part
        self._refusal = ""
        if part == "member" and "DynamicMembership" in (found.get("groupTypes") or []):
            self._refusal = "its members are computed by a rule"
        if found.get("onPremisesSyncEnabled"):
            self._refusal = "it is kept in a directory on premises and only copied to Entra"

    def native(self, principal: str = "") -> list[Standing]:
        return [
            Standing(
                principal=one["principalId"],
                scope=WHOLE,
                id=str(one.get("assignmentScheduleId") or ""),
                native=True,
                not_after=moment(one.get("endDateTime")),
                name=name_of(one.get("principal") or {}, one["principalId"]),
            )
            for one in self._line.pages(
                f"{GROUPS}/assignmentScheduleInstances", filter=self._filter(principal), expand="principal"
            )
            if _direct(one) and one.get("accessId") == self._part
        ]

    def plain(self, principal: str = "") -> list[Standing]:
        path = f"/groups/{segment(self._id)}/{self._part}s"
        return [
            Standing(
                principal=one["id"], scope=WHOLE, id=one["id"], native=False, name=name_of(one, one["id"])
            )
            for one in self._line.pages(path, select="id,userPrincipalName", top=PAGE)
            if not principal or one["id"] == principal
        ]

    def requests(self, principal: str) -> list[Request]:
        found = self._line.pages(f"{GROUPS}/assignmentScheduleRequests", filter=self._filter(principal))
        return [_request(one, WHOLE) for one in found if one.get("accessId") == self._part]

    def request(self, name: str) -> Request:
        return _request(self._line.get(f"{GROUPS}/assignmentScheduleRequests/{segment(name)}"), WHOLE)

    def ask(
        self, action: str, principal: str, why: str, *, until: datetime | None = None, schedule: str = ""
    ) -> Request:
        if action != "adminRemove":
            self._refuse_unfit()
        body: dict[str, Any] = {
            "accessId": self._part,
            "groupId": self._id,
            "principalId": principal,
            "action": action,
            "justification": why,
        }
        if action != "adminRemove":
            body["scheduleInfo"] = schedule_info(until)
        return _request(self._line.send("POST", f"{GROUPS}/assignmentScheduleRequests", body), WHOLE)

    def cancel(self, request: Request) -> None:
        self._line.send("POST", f"{GROUPS}/assignmentScheduleRequests/{segment(request.id)}/cancel")

    def give(self, principal: str, why: str) -> str:
        self._refuse_unfit()
        there = f"{self._line.host}/v1.0/directoryObjects/{principal}"
        self._line.send("POST", f"/groups/{segment(self._id)}/{self._part}s/$ref", {"@odata.id": there})
        return principal

    def take(self, principal: str, name: str) -> None:
        try:
            self._line.send("DELETE", f"/groups/{segment(self._id)}/{self._part}s/{segment(principal)}/$ref")
        except Refused as error:
            if self._part == "owner":
                raise Denied(
                    f"The last owner of a group cannot be taken away, says Microsoft: {error}"
                ) from error
            raise

    def is_ours(self, standing: Standing) -> bool:
        return False  # nothing in a membership tells who gave it

    def _refuse_unfit(self) -> None:
        if self._refusal:
            raise Unsupported(f"{self.words[0].upper()}{self.words[1:]} cannot be given: {self._refusal}.")

    def _filter(self, principal: str) -> str:
        group = f"groupId eq {literal(self._id)}"
        return f"{group} and principalId eq {literal(principal)}" if principal else group
