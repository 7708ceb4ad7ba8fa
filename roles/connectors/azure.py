"""Azure: the entitlement is a role of Azure RBAC, the account a user, and the scope a place in Azure.

The directory begins at one place, the setting `root`: a management group, a subscription or something beneath. Who
users are is asked of Microsoft Graph. Ends and tokens are as for Entra; see `entra`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from .azure_rights import ASSIGNMENTS, PROVIDER, AzureRole, Root, address, is_place
from .base import (
    WHOLE,
    AuthenticationFailed,
    ConnectorError,
    Finding,
    FoundAccount,
    FoundRole,
    FoundScope,
    NotFound,
    Setting,
    Unavailable,
    Unsupported,
)
from .base import Right as Held
from .entra_permissions import USERS, held_by
from .entra_permissions import right_of as permission_right
from .microsoft_calls import WITHOUT_PIM, Line, Refused
from .microsoft_connector import MicrosoftConnector
from .microsoft_rights import Right, Standing

PUBLIC_MANAGEMENT = "https://management.azure.com"
RESOURCES = "2021-04-01"
AUTHORIZATION = "Microsoft.Authorization"
READ = (f"{AUTHORIZATION}/roleAssignments/read", f"{AUTHORIZATION}/roleDefinitions/read")
WRITE = tuple(f"{AUTHORIZATION}/roleAssignments/{verb}" for verb in ("write", "delete"))
SCHEDULE = tuple(
    f"{AUTHORIZATION}/{what}"
    for what in (
        "roleAssignmentScheduleRequests/read",
        "roleAssignmentScheduleRequests/write",
        "roleAssignmentScheduleRequests/cancel/action",
        "roleAssignmentScheduleInstances/read",
    )
)
HARMLESS = ("microsoft.authorization/", "microsoft.support/")


class AzureConnector(MicrosoftConnector):
    """Gives and takes roles of Azure RBAC.

    settings: those of `entra`, and root (the path of the place this directory begins at), management
        (https://management.azure.com).
    secret: the service principal's client secret.
    Raises Unsupported for settings it does not take.
    """

    TITLE: ClassVar[str] = "Azure"
    SETTINGS: ClassVar[tuple[Setting, ...]] = (
        Setting(
            "root",
            "Where it begins",
            "/subscriptions/<id>, or /providers/Microsoft.Management/managementGroups/<name>.",
            required=True,
        ),
        *MicrosoftConnector.SETTINGS,
        Setting("management", "Azure Resource Manager", default=PUBLIC_MANAGEMENT, is_address=True),
    )
    tells_whose: ClassVar[bool] = True  # by the name of what it makes

    takes: ClassVar[Mapping[str, str]] = MappingProxyType({"management": PUBLIC_MANAGEMENT, "root": ""})

    def __init__(self, settings: Mapping[str, object], secret: str = "") -> None:
        super().__init__(settings, secret)
        root = self._service.settings["root"].rstrip("/")
        if not is_place(root):
            raise Unsupported(
                "The setting root has to be /subscriptions/<id>, something beneath it, or "
                "/providers/Microsoft.Management/managementGroups/<name>."
            )
        self._azure = Line(self._service, self._service.settings["management"], "", ASSIGNMENTS)
        self._root = Root(self._azure, root)

    def check(self, entitlements: Iterable[str] = ()) -> Finding:
        """What the service principal is, may do at the root, and lacks. See `Connector.check`."""
        asked = list(entitlements)
        with self._talk():
            claims = self._service.claims(self._host)
            allowed = self._allowed()
            native = self._service.wants_native_end and self._has_pim()
            rights = [permission_right(USERS, held_by(claims), self._service.client_id)]
            rights += [self._action(one, allowed) for one in (*READ, *WRITE, *(SCHEDULE if native else ()))]
            unknown = [one for one in asked if not self._exists(one)]
            missing = [f"{one['right']} is missing: {one['remedy']}" for one in rights if not one["held"]]
            administers = [one for one in asked if one not in unknown and not missing]
            missing += [f'There is no Azure role "{one}" at {self._root.path}.' for one in unknown]
            form = "with Privileged Identity Management" if native else "with plain assignments only"
            return Finding(
                usable=not missing,
                version=f"Azure Resource Manager, tenant {self._service.settings['tenant_id']}, {form}",
                service_account=f"{claims.get('app_displayname') or 'service principal'} ({self._service.client_id})",
                rights=rights,
                administers=administers,
                missing=missing,
                excess=_excess(allowed, held_by(claims)),
            )

    def roles(self) -> Iterator[FoundRole]:
        """Every role that can be given at the root. See `Discovers`."""
        with self._talk():
            for one in self._azure.pages(f"{address(self._root.path)}{PROVIDER}/roleDefinitions"):
                said = one.get("properties") or {}
                yield FoundRole(
                    entitlement=str(one["name"]),
                    name=str(said.get("roleName") or one["name"]),
                    description=str(said.get("description") or ""),
                    privileged=allows(said.get("permissions") or [], WRITE[0]),
                )

    def scopes(self) -> Iterator[FoundScope]:
        """Management groups, subscriptions, resource groups and resources beneath the root. See `Discovers`."""
        with self._talk():
            subscriptions = [self._root.path]
            if self._root.is_management_group:
                subscriptions = []
                for found in self._groups():
                    yield found
                    if found.path.lower().startswith("/subscriptions/"):
                        subscriptions.append(found.path)
            for path in subscriptions:
                yield from self._within(path)

    def accounts(self) -> Iterator[FoundAccount]:
        """All users of the tenant. See `Discovers`."""
        with self._talk():
            yield from self._people.everybody()

    def _right(self, entitlement: str, scope: str = WHOLE) -> Right:
        native = self._service.wants_native_end
        return AzureRole(self._azure, self._root, entitlement, scope, self._service.client_id, native)

    def _names(self, found: list[Standing]) -> dict[str, str]:
        return self._people.names(one.principal for one in found) if found else {}

    def _allowed(self) -> list[dict[str, Any]]:
        """The actions allowed at the root, as Azure puts them; none where the root is not even to be seen."""
        try:
            return list(self._azure.pages(f"{address(self._root.path)}{PROVIDER}/permissions"))
        except (Refused, NotFound):
            return []

    def _action(self, action: str, allowed: list[dict[str, Any]]) -> Held:
        return Held(
            right=action,
            held=allows(allowed, action),
            needed_for=f"giving and taking roles beneath {self._root.path}",
            remedy=f"give the service principal {self._service.client_id} a custom role with this action, or the role "
            f"User Access Administrator, at {self._root.path}.",
        )

    def _has_pim(self) -> bool:
        try:
            asked = f"{address(self._root.path)}{PROVIDER}/roleAssignmentScheduleInstances"
            next(self._azure.at("2020-10-01").pages(asked, filter="atScope()"), None)
        except (Refused, NotFound) as error:
            return getattr(error, "code", "") != WITHOUT_PIM
        return True

    def _exists(self, entitlement: str) -> bool:
        try:
            self._right(entitlement)
        except (AuthenticationFailed, Unavailable):
            raise
        except ConnectorError:
            return False
        return True

    def _groups(self) -> Iterator[FoundScope]:
        """What lies beneath a management group down to subscriptions, each after the one above it."""
        waiting = {str(one["id"]).lower(): one for one in self._root.descendants()}
        shown: dict[str, str] = {self._root.path.lower(): WHOLE}
        while waiting:
            ready = {name: one for name, one in waiting.items() if _above(one).lower() in shown}
            for name, one in ready.items() or waiting.items():
                found = "/subscriptions" in str(one.get("type")).lower()
                path = f"/subscriptions/{one['name']}" if found else str(one["id"])
                said = one.get("properties") or {}
                above = shown.get(_above(one).lower(), WHOLE)
                yield FoundScope(path=path, name=str(said.get("displayName") or one["name"]), parent=above)
                shown[name] = path
            waiting = {name: one for name, one in waiting.items() if name not in shown}

    def _within(self, path: str) -> Iterator[FoundScope]:
        """Resource groups and resources of a subscription, those beneath the root."""
        subscription = "/".join(path.split("/")[:3])
        line = self._azure.at(RESOURCES)
        for what in ("resourcegroups", "resources"):
            for one in line.pages(f"{subscription}/{what}"):
                place = str(one["id"])
                above = re.match(r"/subscriptions/[^/]+/resourceGroups/[^/]+(?=/)", place, re.IGNORECASE)
                parent = above.group() if above else subscription
                if place.lower().startswith(f"{path.lower()}/"):
                    yield FoundScope(path=place, name=str(one["name"]), parent=self._root.scope(parent))


def _above(found: Mapping[str, Any]) -> str:
    return str(((found.get("properties") or {}).get("parent") or {}).get("id"))


def allows(permissions: Iterable[Mapping[str, Any]], action: str) -> bool:
    """Whether one of these sets of actions holds this one; what a set takes out again, another may put in."""
    return any(
        any(_covers(one, action) for one in said.get("actions") or [])
        and not any(_covers(one, action) for one in said.get("notActions") or [])
        for said in permissions
    )


def _covers(pattern: str, action: str) -> bool:
    parts = [re.escape(part) for part in pattern.split("*")]
    return re.fullmatch(".*".join(parts), action, re.IGNORECASE) is not None


def _excess(allowed: Iterable[Mapping[str, Any]], held: set[str]) -> list[str]:
    actions = {str(one) for said in allowed for one in said.get("actions") or []}
    needless = [
        one
        for one in sorted(actions)
        if not one.lower().endswith("/read") and not one.lower().startswith(HARMLESS)
    ]
    return [
        f"The service principal does not need {one}." for one in [*needless, *sorted(held - {USERS.name})]
    ]
