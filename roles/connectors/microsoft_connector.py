"""What the connectors for Microsoft's clouds have in common: who is meant, giving, taking, listing."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import MappingProxyType, TracebackType
from typing import ClassVar, Self

from .base import WHOLE, Capabilities, Grant, NotFound, Outcome, Setting
from .microsoft_calls import Line, is_guid
from .microsoft_giving import Giving
from .microsoft_people import People
from .microsoft_rights import Right, Standing, everything, read_receipt
from .microsoft_service import PUBLIC_AUTHORITY, Service

PUBLIC_GRAPH = "https://graph.microsoft.com"


class MicrosoftConnector(ABC):
    """The part of both connectors that does not ask which interface a right belongs to."""

    ASKS_FOR: ClassVar[str] = "Client secret of the app registration"
    SETTINGS: ClassVar[tuple[Setting, ...]] = (
        Setting("tenant_id", "Tenant", "Its id, or one of its domains.", required=True),
        Setting("client_id", "Application (client) id", required=True),
        Setting(
            "native_end",
            "Ends kept by Microsoft",
            "With Privileged Identity Management, where the tenant has it.",
            default="auto",
            choices=(("auto", "Where the tenant can"), ("never", "Never: plain assignments only")),
        ),
        Setting("authority", "Sign-in address", default=PUBLIC_AUTHORITY, is_address=True),
        Setting("graph", "Microsoft Graph", default=PUBLIC_GRAPH, is_address=True),
        Setting(
            "ca_file",
            "Certificate authority",
            "File on the worker's machine, for a proxy that opens the line.",
        ),
    )

    #: further settings, and what they are when not given
    takes: ClassVar[Mapping[str, str]] = MappingProxyType({})
    tells_whose: ClassVar[bool] = False

    def __init__(self, settings: Mapping[str, object], secret: str = "") -> None:
        own = {"graph": PUBLIC_GRAPH, "native_end": "auto", **self.takes}
        self._service = Service(settings, secret, own)
        self._host = self._service.settings["graph"]
        self._graph = Line(self._service, self._host, "/v1.0")
        self._people = People(self._graph)
        self._batch = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._service!r}>"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            native_expiry="optional" if self._service.wants_native_end else "none",
            immediate=False,
            scopes=True,
            tells_whose=self.tells_whose,
            ignores_case=True,
            discovers=("roles", "scopes", "accounts"),
        )

    def grant(
        self,
        account: str,
        entitlement: str,
        *,
        not_after: datetime | None,
        operation: str,
        scope: str = WHOLE,
    ) -> Outcome:
        """Give it, with its end where Microsoft keeps it. See `Connector.grant`."""
        with self._talk():
            principal = self._people.id_of(account)
            return self._giving(entitlement, scope, principal, account, operation).give(not_after)

    def revoke(
        self, account: str, entitlement: str, *, operation: str, receipt: str = "", scope: str = WHOLE
    ) -> Outcome:
        """Take it and read back that it is gone. See `Connector.revoke`."""
        kept = read_receipt(receipt)
        with self._talk():
            # An object id never becomes anybody else's, a name to sign in with does.
            known = kept.get("principal") or (account if is_guid(account) else "")
            principal = known or self._people.id_of(account)
            changed = self._giving(entitlement, scope, principal, account, operation).take(kept)
            if known and not changed and not kept:
                self._people.id_of(account)
            return Outcome(changed=changed, receipt=receipt)

    def list_grants(self, entitlements: Iterable[str]) -> list[Grant]:
        """Direct holders, users by name and others by id. See `Connector.list_grants`."""
        grants: list[Grant] = []
        with self._talk():
            itself = self._service.claims(self._host).get("oid")
            for entitlement in dict.fromkeys(entitlements):
                try:
                    right = self._right(entitlement)
                except NotFound:
                    continue
                found = [one for one in everything(right)[0] if one.principal != itself]
                names = self._names(found)
                grants += [
                    Grant(
                        names.get(one.principal, one.principal),
                        entitlement,
                        one.not_after,
                        one.by,
                        one.scope,
                    )
                    for one in found
                ]
        return grants

    def __enter__(self) -> Self:
        self._batch = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._batch = False
        self._service.close()

    @contextmanager
    def _talk(self) -> Iterator[None]:
        """Connection and token for one call, or inside `with` those that are kept."""
        try:
            yield
        finally:
            if not self._batch:
                self._service.close()

    def _giving(self, entitlement: str, scope: str, principal: str, account: str, operation: str) -> Giving:
        right = self._right(entitlement, scope)
        return Giving(right, principal, account, self._service.client_id, operation)

    @abstractmethod
    def _right(self, entitlement: str, scope: str = WHOLE) -> Right:
        """What is meant, which exists. Raises NotFound, Unsupported."""

    def _names(self, found: list[Standing]) -> dict[str, str]:
        """What to call the holders, by object id; who is missing is called by that."""
        return {one.principal: one.name for one in found if one.name}
