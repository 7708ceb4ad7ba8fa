"""Which kinds of connector there are: those of the portal, and those that installed packages offer.

A package offers a kind by an entry point in the group `pim_portal.connectors`; its name is the kind, its object
is called with the settings (a plain mapping) and the secret, and returns the connector. It is loaded only when a
directory of that kind is spoken to, so a broken package harms nobody else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from types import TracebackType
from typing import Any, Self, cast

from .azure import AzureConnector
from .base import (
    ERRORS,
    WHOLE,
    Capabilities,
    Connector,
    ConnectorError,
    Finding,
    FoundAccount,
    FoundRole,
    FoundScope,
    Grant,
    Outcome,
    Setting,
    Unavailable,
    Unsupported,
    refuse_scopes,
)
from .entra import EntraConnector
from .ldap_offer import LDAPOffer
from .postgresql import PostgreSQLConnector

ENTRY_POINT_GROUP = "pim_portal.connectors"

ConnectorFactory = Callable[[Mapping[str, object], str], Connector]

_own: dict[str, ConnectorFactory] = {
    "azure": AzureConnector,
    "entra": EntraConnector,
    "ldap": LDAPOffer(),
    "postgresql": PostgreSQLConnector,
}


def register_connector(kind: str, factory: ConnectorFactory) -> None:
    """Add a kind of the portal's own, called with settings and secret. Registering it again replaces it."""
    _own[kind] = factory


def connector_kinds() -> list[str]:
    """All kinds a directory may have, in alphabetical order, without loading any foreign package."""
    return sorted({*_own, *(point.name for point in entry_points(group=ENTRY_POINT_GROUP))})


def connector_for_kind(kind: str, settings: Mapping[str, object], secret: str = "") -> Connector:
    """The connector of this kind with these settings. Nothing is connected yet.

    settings: what the kind needs, without the secret; see docs/connectors.
    secret: password or token of the service account.
    Raises Unsupported for an unknown kind, a package that cannot be loaded, or settings the kind does not take.
    """
    factory = _factory(kind)
    if kind in _own:
        return factory(settings, secret)
    with _our_errors():
        return ForeignConnector(factory(settings, secret))


def _factory(kind: str) -> ConnectorFactory:
    if own := _own.get(kind):
        return own
    points = entry_points(group=ENTRY_POINT_GROUP, name=kind)
    if not points:
        raise Unsupported(
            f'There is no connector of the kind "{kind}". Known are: {", ".join(connector_kinds())}.'
        )
    if len(points) > 1:
        packages = ", ".join(sorted(_package(point) for point in points))
        raise Unsupported(f'More than one package offers a connector of the kind "{kind}": {packages}.')
    (point,) = points
    try:
        return cast(ConnectorFactory, point.load())
    except Exception as error:
        raise Unsupported(
            f'The connector "{kind}" of the package {_package(point)} cannot be loaded: {error}.'
        ) from error


@dataclass(frozen=True)
class Kind:
    """How a form asks for a directory of a kind.

    Args:
        name: as ``Directory.kind``.
        title: what people call it.
        settings: what it needs; None where the connector does not say, and takes what it is given.
        secret: what the secret is; "" where it takes none.
    """

    name: str
    title: str
    settings: tuple[Setting, ...] | None
    secret: str


def kind_called(name: str) -> Kind:
    """How a form asks for a directory of this kind: by what the factory says in TITLE, SETTINGS and ASKS_FOR.

    Raises Unsupported for an unknown kind, or a package that cannot be loaded.
    """
    factory: Any = _factory(name)
    if isinstance(factory, partial):
        factory = factory.func
    said = getattr(factory, "SETTINGS", None)
    fields = None if said is None else tuple(Setting(**_as_said(one)) for one in said)
    title = str(getattr(factory, "TITLE", "") or name)
    return Kind(name, title, fields, str(getattr(factory, "ASKS_FOR", "Secret")))


def _as_said(setting: Any) -> dict[str, Any]:
    return {name: getattr(setting, name) for name in Setting.__slots__ if hasattr(setting, name)}


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


@contextmanager
def _our_errors() -> Iterator[None]:
    """Raise a foreign connector's typed error as ours. Any other exception is a defect and stays what it is."""
    try:
        yield
    except ConnectorError:
        raise
    except Exception as error:
        # Only an explicit word counts. Class names do not: many libraries have a NotFound of their own,
        # and one that slips out of a connector must not be read as "this account is gone".
        word = getattr(type(error), "connector_error", None)
        if isinstance(word, str) and word in ERRORS:
            raise ERRORS[word](str(error)) from error
        if isinstance(error, ConnectionError | TimeoutError):
            raise Unavailable(str(error) or "The directory did not answer.") from error
        raise


def _outcome(answer: Any) -> Outcome:
    return Outcome(
        changed=bool(answer.changed),
        preexisting=bool(getattr(answer, "preexisting", False)),
        not_after=getattr(answer, "not_after", None),
        receipt=str(getattr(answer, "receipt", "") or ""),
    )


class ForeignConnector:
    """A third party's connector, seen through our own classes."""

    def __init__(self, connector: Any) -> None:
        self._connector = connector

    @property
    def capabilities(self) -> Capabilities:
        said = self._connector.capabilities
        return Capabilities(
            **{name: getattr(said, name) for name in Capabilities.__slots__ if hasattr(said, name)}
        )

    def check(self, entitlements: Iterable[str] = ()) -> Finding:
        with _our_errors():
            found = dict(self._connector.check(entitlements))
        blank = {
            "version": "",
            "service_account": "",
            "rights": [],
            "administers": [],
            "missing": [],
            "excess": [],
        }
        return cast(Finding, {"usable": not found.get("missing")} | blank | found)

    def grant(
        self, account: str, entitlement: str, *, not_after: Any, operation: str, scope: str = WHOLE
    ) -> Outcome:
        place = self._place(scope)
        with _our_errors():
            return _outcome(
                self._connector.grant(account, entitlement, not_after=not_after, operation=operation, **place)
            )

    def revoke(
        self, account: str, entitlement: str, *, operation: str, receipt: str = "", scope: str = WHOLE
    ) -> Outcome:
        place = self._place(scope)
        with _our_errors():
            return _outcome(
                self._connector.revoke(account, entitlement, operation=operation, receipt=receipt, **place)
            )

    def _place(self, scope: str) -> dict[str, str]:
        """How to say where: not at all to a connector that never heard of scopes."""
        if self.capabilities.scopes:
            return {"scope": scope}
        refuse_scopes(scope)
        return {}

    def list_grants(self, entitlements: Iterable[str]) -> list[Grant]:
        with _our_errors():
            return [
                Grant(
                    grant.account,
                    grant.entitlement,
                    getattr(grant, "not_after", None),
                    str(getattr(grant, "granted_by", "") or ""),
                    str(getattr(grant, "scope", "") or WHOLE),
                )
                for grant in self._connector.list_grants(entitlements)
            ]

    def roles(self) -> Iterator[FoundRole]:
        yield from self._found("roles", FoundRole)

    def scopes(self) -> Iterator[FoundScope]:
        yield from self._found("scopes", FoundScope)

    def accounts(self) -> Iterator[FoundAccount]:
        yield from self._found("accounts", FoundAccount)

    def _found(self, what: str, shape: Any) -> Iterator[Any]:
        with _our_errors():
            for one in getattr(self._connector, what)():
                yield shape(**{name: getattr(one, name) for name in shape.__slots__ if hasattr(one, name)})

    def __enter__(self) -> Self:
        with _our_errors():
            self._connector.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        with _our_errors():
            self._connector.__exit__(kind, error, trace)
