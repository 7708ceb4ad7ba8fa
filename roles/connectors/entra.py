"""Microsoft Entra ID: the entitlement is a directory role or a part in a group, the account a user.

Where the tenant has Privileged Identity Management, Microsoft keeps the end of every right; otherwise, or by the
setting `native_end`, the end is the portal's to bring about. Tokens that people hold already go on until they run
out: this connector ends no sessions.
"""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from .base import WHOLE, Finding, FoundAccount, FoundRole, FoundScope, NotFound
from .entra_permissions import find, may_read_groups
from .entra_rights import PAGE, ROLES, right_called
from .microsoft_calls import Line, Refused
from .microsoft_connector import MicrosoftConnector
from .microsoft_rights import Right


class EntraConnector(MicrosoftConnector):
    """Gives and takes directory roles, and membership and ownership of groups.

    settings: tenant_id, client_id, authority (https://login.microsoftonline.com), graph (https://graph.microsoft.com),
        native_end (`auto`, or `never` to make plain assignments only), ca_file (certificates to trust instead of the
        usual ones, for a proxy that opens the line).
    secret: the service principal's client secret.
    Raises Unsupported for settings it does not take.
    """

    TITLE: ClassVar[str] = "Microsoft Entra ID"

    def check(self, entitlements: Iterable[str] = ()) -> Finding:
        """What the service principal is, may do, and lacks. See `Connector.check`."""
        with self._talk():
            return find(self._service, self._graph, list(entitlements))

    def roles(self) -> Iterator[FoundRole]:
        """Directory roles, then each group's membership and ownership. See `Discovers`."""
        with self._talk():
            privileged = self._privileged()
            for one in self._graph.pages(f"{ROLES}/roleDefinitions"):
                if one.get("isEnabled") is not False:
                    yield FoundRole(
                        entitlement=f"role:{one['id']}",
                        name=str(one.get("displayName") or one["id"]),
                        description=str(one.get("description") or ""),
                        privileged=privileged is None or one["id"] in privileged,
                    )
            if may_read_groups(self._service.claims(self._host)):
                yield from self._parts()

    def scopes(self) -> Iterator[FoundScope]:
        """The administrative units. See `Discovers`."""
        with self._talk():
            for one in self._graph.pages("/directory/administrativeUnits", select="id,displayName"):
                name = str(one.get("displayName") or one["id"])
                yield FoundScope(path=f"/administrativeUnits/{one['id']}", name=name)

    def accounts(self) -> Iterator[FoundAccount]:
        """All users. See `Discovers`."""
        with self._talk():
            yield from self._people.everybody()

    def _right(self, entitlement: str, scope: str = WHOLE) -> Right:
        return right_called(self._graph, entitlement, scope, native=self._service.wants_native_end)

    def _privileged(self) -> set[str] | None:
        """The roles that Microsoft calls privileged; None, which means all, where it does not say."""
        try:
            beta = Line(self._service, self._host, "/beta")  # v1.0 does not tell
            found = beta.pages(f"{ROLES}/roleDefinitions", select="id,isPrivileged")
            return {one["id"] for one in found if one.get("isPrivileged") is not False}
        except (Refused, NotFound):
            return None

    def _parts(self) -> Iterator[FoundRole]:
        chosen = "id,displayName,description,groupTypes,onPremisesSyncEnabled,isAssignableToRole"
        for one in self._graph.pages("/groups", select=chosen, top=PAGE):
            if one.get("onPremisesSyncEnabled"):
                continue
            computed = "DynamicMembership" in (one.get("groupTypes") or [])
            for part in ("owner",) if computed else ("member", "owner"):
                yield FoundRole(
                    entitlement=f"group:{one['id']}:{part}",
                    name=f"{one.get('displayName') or one['id']} ({part})",
                    description=str(one.get("description") or ""),
                    privileged=bool(one.get("isAssignableToRole")),
                )
