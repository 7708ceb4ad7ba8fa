"""A connection to an LDAP server: encrypted, bound, with time limits, and never sent elsewhere by a referral."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import ldap
from ldap.controls import RequestControl, SimplePagedResultsControl
from ldap.extop.dds import RefreshRequest

from .base import (
    AuthenticationFailed,
    Busy,
    ConnectorError,
    Denied,
    NotFound,
    Unavailable,
    Unsupported,
)
from .ldap_settings import Place
from .ldap_tls import try_tls

CONNECT_SECONDS = 5
ANSWER_SECONDS = 10
PAGE = 500
AT_A_TIME = 100  # questions sent before the first answer is waited for

NOT_ACCEPTED = (
    ldap.INVALID_CREDENTIALS,
    ldap.INAPPROPRIATE_AUTH,
    ldap.INVALID_DN_SYNTAX,
    ldap.NO_SUCH_OBJECT,
    ldap.UNWILLING_TO_PERFORM,
    ldap.STRONG_AUTH_REQUIRED,
    ldap.CONFIDENTIALITY_REQUIRED,
)
DENIED = (ldap.INSUFFICIENT_ACCESS, ldap.UNWILLING_TO_PERFORM)
IMPOSSIBLE = (
    ldap.CONSTRAINT_VIOLATION,
    ldap.OBJECT_CLASS_VIOLATION,
    ldap.INVALID_SYNTAX,
    ldap.INVALID_DN_SYNTAX,
    ldap.UNDEFINED_TYPE,
    ldap.NAMING_VIOLATION,
    ldap.NOT_ALLOWED_ON_NONLEAF,
    ldap.UNAVAILABLE_CRITICAL_EXTENSION,
    ldap.INAPPROPRIATE_MATCHING,
    ldap.FILTER_ERROR,
    ldap.PROTOCOL_ERROR,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it was read; names of attributes in small letters."""

    dn: str
    attributes: dict[str, list[bytes]]

    @classmethod
    def read(cls, dn: str, attributes: dict[str, list[bytes]]) -> Self:
        return cls(dn, {name.lower(): values for name, values in attributes.items()})

    def texts(self, name: str) -> list[str]:
        return [value.decode("utf-8", "replace") for value in self.attributes.get(name.lower(), [])]

    def text(self, name: str) -> str:
        return next(iter(self.texts(name)), "")


class Line:
    """One bound connection.

    Raises Unavailable and AuthenticationFailed when it is opened. Its methods raise what python-ldap does;
    `named` makes one of our errors of that.
    """

    def __init__(self, place: Place, secret: str) -> None:
        self.place = place
        if not secret:
            # RFC 4513, 5.1.2: a name with an empty password is let in as nobody, and looks like a success.
            raise AuthenticationFailed(
                f'No password is set for "{place.bind_dn}": with an empty one the server would take the portal for nobody.'
            )
        deadline = time.monotonic() + CONNECT_SECONDS
        if place.encrypted:
            try_tls(place, CONNECT_SECONDS)
        self._server = _prepared(place)
        try:
            if place.starttls:
                self._server.start_tls_s()
            asked = self._server.simple_bind(place.bind_dn, secret)
            self._server.result3(asked, timeout=max(0.1, deadline - time.monotonic()))
        except NOT_ACCEPTED as error:
            self.close()
            raise AuthenticationFailed(
                f'{place.url} does not accept the service account "{place.bind_dn}": {words_of(error)}.'
            ) from error
        except ldap.LDAPError as error:
            self.close()
            raise Unavailable(f"{place.url} cannot be reached: {words_of(error)}.") from error
        self._server.set_option(ldap.OPT_TIMEOUT, ANSWER_SECONDS)
        self._server.timeout = ANSWER_SECONDS

    def close(self) -> None:
        with suppress(ldap.LDAPError):  # it is gone already
            self._server.unbind()

    def read(self, dn: str, *attributes: str, where: str = "(objectClass=*)") -> Entry | None:
        """The entry of that name, if it is there, may be seen and is one of those."""
        try:
            found = self.search(dn, ldap.SCOPE_BASE, where, *attributes)
        except (ldap.NO_SUCH_OBJECT, ldap.INVALID_DN_SYNTAX):
            return None
        return found[0] if found else None

    def search(
        self, base: str, scope: int, where: str, *attributes: str, controls: Sequence[RequestControl] = ()
    ) -> list[Entry]:
        found = self._server.search_ext_s(
            base, scope, where, list(attributes) or ["1.1"], serverctrls=list(controls) or None
        )
        return _entries(found)

    def pages(self, base: str, where: str, *attributes: str) -> Iterator[Entry]:
        """All entries below `base`, asked for page by page: servers give no more than so many at once."""
        page = SimplePagedResultsControl(True, PAGE, "")
        while True:
            asked = self._server.search_ext(
                base, ldap.SCOPE_SUBTREE, where, list(attributes), serverctrls=[page]
            )
            _, found, _, answered = self._server.result3(asked, timeout=ANSWER_SECONDS)
            yield from _entries(found)
            cookies = [one.cookie for one in answered if one.controlType == page.controlType]
            if not cookies or not cookies[0]:
                return
            page.cookie = cookies[0]

    def read_many(self, dns: Sequence[str], *attributes: str, where: str) -> Iterator[Entry | None]:
        """As `read` for each, with many questions under way at the same time."""
        for start in range(0, len(dns), AT_A_TIME):
            asked = [
                self._server.search_ext(dn, ldap.SCOPE_BASE, where, list(attributes))
                for dn in dns[start : start + AT_A_TIME]
            ]
            for number in asked:
                try:
                    _, found, _, _ = self._server.result3(number, timeout=ANSWER_SECONDS)
                except ldap.NO_SUCH_OBJECT:
                    found = []
                yield next(iter(_entries(found)), None)

    def modify(
        self,
        dn: str,
        changes: Sequence[tuple[int, str, list[bytes]]],
        controls: Sequence[RequestControl] = (),
    ) -> None:
        self._server.modify_ext_s(dn, list(changes), serverctrls=list(controls) or None)

    def add(
        self, dn: str, attributes: Sequence[tuple[str, list[bytes]]], controls: Sequence[RequestControl] = ()
    ) -> None:
        self._server.add_ext_s(dn, list(attributes), serverctrls=list(controls) or None)

    def delete(self, dn: str) -> None:
        self._server.delete_s(dn)

    def refresh(self, dn: str, seconds: int) -> None:
        """Let a dynamic entry live so many seconds from now on (RFC 2589, 4)."""
        self._server.extop_s(RefreshRequest(entryName=dn, requestTtl=seconds))

    def who_am_i(self) -> str:
        """As whom the server takes us (RFC 4532); the name we gave where it does not say."""
        try:
            said = str(self._server.whoami_s() or "")
        except ldap.PROTOCOL_ERROR:
            said = ""
        return said.removeprefix("dn:").removeprefix("u:") or self.place.bind_dn


def _prepared(place: Place) -> Any:
    try:
        server = ldap.initialize(place.url, bytes_strictness="error")
        server.protocol_version = ldap.VERSION3
        server.set_option(ldap.OPT_REFERRALS, ldap.OPT_OFF)
        server.set_option(ldap.OPT_RESTART, ldap.OPT_ON)
        server.set_option(ldap.OPT_TIMEOUT, CONNECT_SECONDS)
        server.set_option(ldap.OPT_NETWORK_TIMEOUT, CONNECT_SECONDS)
        if place.encrypted:
            server.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
            server.set_option(ldap.OPT_X_TLS_PROTOCOL_MIN, ldap.OPT_X_TLS_PROTOCOL_TLS1_2)
            if place.ca_file:
                server.set_option(ldap.OPT_X_TLS_CACERTFILE, place.ca_file)
            server.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    except (ldap.LDAPError, ValueError) as error:
        raise Unsupported(f"TLS cannot be prepared with the certificates in {place.ca_file}.") from error
    return server


def _entries(found: Any) -> list[Entry]:
    # A reference to another server comes without a name. It is not followed.
    return [Entry.read(dn, attributes) for dn, attributes, *_ in found or [] if dn is not None]


def words_of(error: ldap.LDAPError) -> str:
    """What the server or the library said, on one line."""
    told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    parts = [str(told.get(key) or "").strip() for key in ("desc", "info")]
    said = ": ".join(dict.fromkeys(part for part in parts if part)) or type(error).__name__
    return " ".join(said.replace("\x00", "").split()).rstrip(".")


def named(place: Place, error: ldap.LDAPError) -> ConnectorError:
    """The error of ours that an error of python-ldap means."""
    words = f"{place.url} said: {words_of(error)}."
    match error:
        case ldap.NO_SUCH_OBJECT():
            return NotFound(words)
        case ldap.BUSY() | ldap.ALREADY_EXISTS() | ldap.TYPE_OR_VALUE_EXISTS() | ldap.NO_SUCH_ATTRIBUTE():
            return Busy(words)  # somebody else was at it in the same moment
    if isinstance(error, DENIED):
        return Denied(words)
    if isinstance(error, IMPOSSIBLE):
        return Unsupported(words)
    if isinstance(error, ldap.REFERRAL):
        return Unavailable(f"{place.url} is a copy that cannot be written: name the server that can. {words}")
    if isinstance(error, ldap.SERVER_DOWN | ldap.TIMEOUT | ldap.CONNECT_ERROR):
        return Unavailable(f"{place.url} did not answer: {words_of(error)}.")
    return Unavailable(words)
