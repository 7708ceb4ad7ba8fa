"""What every connector offers: the protocol, its plain values and its errors.

A connector makes a right true or untrue in one directory, and says what is true there. It knows nothing of the
portal: names, aware datetimes and a mapping of settings go in; an `Outcome`, a list of `Grant` or a typed error
comes out. It keeps nothing between calls except, inside `with`, its connection.

A third party's connector imports nothing from here. It offers the same methods, returns objects with the same
attributes, and raises exceptions whose class carries `connector_error`, one of the words in `ERRORS`. The
`registry` turns both into the classes below, so callers write `except Unavailable`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType, TracebackType
from typing import ClassVar, Literal, Protocol, Self, TypedDict

NativeExpiry = Literal["none", "optional", "required", "by_credential"]

WHOLE = "/"  # the scope that is the whole directory


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a kind, so that a form can ask for it. A connector's class lists its own in `SETTINGS`.

    name: as the settings call it.
    label, help: in words.
    required: the connector refuses to do without.
    default: what counts where nothing is said; shown, not stored.
    choices: the only values there are, each with what it is called.
    is_address: it names a machine that will be called.
    """

    name: str
    label: str
    help: str = ""
    required: bool = False
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    is_address: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a directory of this kind can do.

    native_expiry: whether the directory itself lets a right end: `none`; `optional` or `required` (it takes
        `not_after` with the grant); `by_credential` (what is issued ends by itself).
    lists: `list_grants` answers; otherwise it raises `Unsupported`.
    ends_sessions: `revoke` also ends live sessions that could still use the right.
    immediate: when `grant` and `revoke` return, what they did is in force.
    verifies_accounts: an account that does not exist there is refused with `NotFound`.
    scopes: a right may be given at a place within the directory. Where it says no, every scope but `/` is
        refused with `Unsupported`.
    tells_whose: `grant` says truly whether a right that it found was somebody else's, however long ago it was given.
        Where it says no, the portal looks before it gives, and remembers what stood there.
    ignores_case: names of accounts that differ in nothing but case are one account.
    discovers: which of `roles`, `scopes` and `accounts` the connector can say by itself; see `Discovers`.
    """

    native_expiry: NativeExpiry = "none"
    lists: bool = True
    ends_sessions: bool = False
    immediate: bool = True
    verifies_accounts: bool = True
    scopes: bool = False
    tells_whose: bool = False
    ignores_case: bool = False
    discovers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call to `grant` or `revoke` came to.

    changed: this call changed the directory. After a lost answer the repeated call says False although the
        portal did it: who owns a right is for the caller to remember, before the first call.
    preexisting: `grant` found the right already there, given by somebody else as far as the directory can tell
        (`tells_whose`). Whether it may be taken away at the end is the caller's decision: `revoke` would take it.
    not_after: the end that the directory itself now holds; None when it holds none.
    receipt: a text to keep with the assignment and to hand to `revoke`; opaque to the caller, never a secret.
    """

    changed: bool
    preexisting: bool = False
    not_after: datetime | None = None
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """One right that stands in the directory: who holds what, until when, where, and who gave it if that is known."""

    account: str
    entitlement: str
    not_after: datetime | None = None
    granted_by: str = ""
    scope: str = WHOLE


@dataclass(frozen=True, slots=True)
class FoundRole:
    """A role that the directory knows: its own name for it, and what people call it.

    privileged: the directory itself calls it privileged, or whoever holds it could take the directory over.
    """

    entitlement: str
    name: str
    description: str = ""
    privileged: bool = False


@dataclass(frozen=True, slots=True)
class FoundScope:
    """A place within the directory: its own name for it, what people call it, and the place above."""

    path: str
    name: str
    parent: str = WHOLE


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """An account in the directory: its name as `grant` takes it, and by what its person can be told."""

    account: str
    name: str = ""
    email: str = ""


class Right(TypedDict):
    """One right of the service account: does it hold it, what for, and what gives it where it is missing."""

    right: str
    held: bool
    needed_for: str
    remedy: str


class Finding(TypedDict):
    """What `check` found.

    usable: nothing in `missing`.
    version: the directory's product and version.
    service_account: as whom the connector speaks.
    rights: each right needed, held or not.
    administers: the entitlements it may give and take, as far as the directory can tell.
    missing: sentences, one for each thing that must be put right, naming the remedy.
    excess: sentences, one for each right the service account holds and does not need.
    """

    usable: bool
    version: str
    service_account: str
    rights: list[Right]
    administers: list[str]
    missing: list[str]
    excess: list[str]


class Connector(Protocol):
    """The way to one directory. One instance serves one thread.

    Used as `with connector:` it keeps one connection for all calls inside. The connection is opened by the first
    call, and anew by the next call after it broke: errors come from calls, not from `with`.

    No call may hang: connecting takes at most 5 seconds, waiting for one answer at most some 10.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def check(self, entitlements: Iterable[str] = ()) -> Finding:
        """Read only: can the directory be reached, and may the service account do its work?

        entitlements: names for which the right to give and take them is looked at one by one.
        Raises Unavailable, AuthenticationFailed. What is merely missing is in the finding.
        """
        ...

    def grant(
        self,
        account: str,
        entitlement: str,
        *,
        not_after: datetime | None,
        operation: str,
        scope: str = WHOLE,
    ) -> Outcome:
        """Make sure that the account holds the entitlement. Doing it twice changes nothing.

        not_after: aware end for directories that hold one. Granting again with a later one extends.
        operation: the portal's id for this act, left in the directory's own log where it has one.
        scope: the directory's own name for the place where it shall count; one right for each place.
        Raises Unavailable, Busy, AuthenticationFailed, NotFound, Denied, Unsupported.
        """
        ...

    def revoke(
        self, account: str, entitlement: str, *, operation: str, receipt: str = "", scope: str = WHOLE
    ) -> Outcome:
        """Make sure that the account does not hold the entitlement there and that no session still uses it.

        Returns only after reading back that this is so. Doing it twice changes nothing; sessions are looked for
        each time, so that a call that was cut half-way is completed by the next one.
        receipt: what `grant` returned, if it is still known.
        scope: as for `grant`. The same right at another place stays, above and beneath it too.
        Raises Unavailable, Busy, AuthenticationFailed, Unsupported; NotFound when account or entitlement do not exist
        (then nobody holds it by that name); Denied when the right still stands and will not go by trying again.
        """
        ...

    def list_grants(self, entitlements: Iterable[str]) -> Iterable[Grant]:
        """Who holds these entitlements now, whoever gave them. A name that does not exist has no grants.

        The service account itself is left out. Raises Unavailable, AuthenticationFailed, Denied, Unsupported.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Discovers(Protocol):
    """What a connector offers beside `Connector` where its capabilities name `discovers`; each read only, and lazy.

    Raises Unavailable, AuthenticationFailed, Denied. What its capabilities do not name is never called.
    """

    def roles(self) -> Iterable[FoundRole]: ...

    def scopes(self) -> Iterable[FoundScope]:
        """Each place after the one above it."""
        ...

    def accounts(self) -> Iterable[FoundAccount]: ...


class ConnectorError(Exception):
    """A connector could not do what was asked. The message is a sentence for an administrator, without secrets."""

    connector_error: ClassVar[str] = ""


class Unavailable(ConnectorError):
    """The directory did not answer, or not in time. What was asked may have happened or not: try again."""

    connector_error = "unavailable"


class Busy(Unavailable):
    """The directory answers, but could not do this one thing now. Try it again; others need not wait for it."""

    connector_error = "busy"


class AuthenticationFailed(ConnectorError):
    """The directory did not accept the service account's credentials: an administrator has to act."""

    connector_error = "authentication_failed"


class NotFound(ConnectorError):
    """There is no such account or no such entitlement in the directory."""

    connector_error = "not_found"


class Denied(ConnectorError):
    """The directory does not let the service account do this: an administrator has to act there."""

    connector_error = "denied"


class Unsupported(ConnectorError):
    """This connector does not do this, with these settings or for this account or entitlement."""

    connector_error = "unsupported"


def refuse_scopes(scope: str) -> None:
    """For connectors without scopes: raise Unsupported unless the whole directory is meant."""
    if scope != WHOLE:
        raise Unsupported(f"This kind of directory has no scopes, so nothing can be given at {scope} alone.")


ERRORS: Mapping[str, type[ConnectorError]] = MappingProxyType(
    {
        error.connector_error: error
        for error in (Unavailable, Busy, AuthenticationFailed, NotFound, Denied, Unsupported)
    }
)
