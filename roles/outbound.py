"""Calls that leave the portal, to addresses people have entered: guarded so that they reach no machine of ours by mistake.

The name is resolved once, every address it has is looked at, and one of those is connected to: a second answer of the
name server cannot lead anywhere else. There are no redirects, no proxies, no cookies and no unpacking, and one
deadline stands over all of it, so that a server that drips bytes gains nothing.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import Any

import httpcore
import httpx
from django.utils.translation import gettext as _

from audit.journal.refusing import Refused
from roles.reachable import AddressRefused, Unreachable, addresses_of, checked, parsed

__all__ = ["AddressRefused", "Answer", "Unreachable", "check_address", "fetch"]

LOOK_UP = 3.0  # seconds that a form waits for a name server
PIECE = 16 * 1024
_names = ThreadPoolExecutor(max_workers=8, thread_name_prefix="name")


@dataclass(frozen=True)
class Answer:
    """What a server has said.

    Args:
        status: the HTTP status.
        headers: by name in lower case; of a repeated one the last.
        body: as it came over the wire.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(
    url: str,
    *,
    method: str = "GET",
    content: bytes = b"",
    headers: Mapping[str, str] | None = None,
    timeout: float,
    most_bytes: int,
) -> Answer:
    """Send one HTTP request and read its answer. Never call it inside a transaction.

    Args:
        timeout: seconds for everything together, from looking up the name to the last byte.
        most_bytes: how long the body may be.

    Raises:
        AddressRefused: the address is not one the portal may call.
        Unreachable: there was no whole answer in time. Both say why in plain words.
    """
    clock = Clock(timeout)
    target = parsed(url)
    said: dict[bytes | str, bytes | str] = {
        "Host": target.netloc.decode(),
        "User-Agent": "PIM-Portal",
        "Accept-Encoding": "identity",
    }
    said.update(headers or {})
    try:
        wire = Wire(checked(target, _resolve(target, clock)), clock)
        with (
            httpcore.ConnectionPool(ssl_context=_trust(), network_backend=wire, max_connections=1) as pool,
            pool.stream(method, _as_core(target), headers=said, content=content or None) as answer,
        ):
            body = _read(answer.iter_stream(), most_bytes)
            return Answer(answer.status, _named(answer.headers), body)
    except (httpcore.TimeoutException, TimeoutError) as late:
        raise Unreachable(_("It did not answer within %(n)g seconds.") % {"n": timeout}) from late
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as garbled:
        raise Unreachable(_("What it answered is not HTTP.")) from garbled
    except ssl.SSLError as untrusted:
        raise Unreachable(_in_words(untrusted)) from untrusted
    except (httpcore.NetworkError, OSError) as broken:
        raise Unreachable(_in_words(broken)) from broken


def check_address(url: str) -> None:
    """Refuse, in a form, an address that ``fetch`` would refuse. A name that has no address now is let pass.

    Raises:
        Refused: beside the field ``url``.
    """
    try:
        target = parsed(url)
        checked(target, _resolve(target, Clock(LOOK_UP)))
    except AddressRefused as refusal:
        raise Refused(str(refusal), field="url", code="address_refused") from refusal
    except (Unreachable, TimeoutError):
        return


class Clock:
    """What is left of a deadline, on the clock that nobody can turn back."""

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than none.

        Raises:
            TimeoutError: the time is over.
        """
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Wire(httpcore.NetworkBackend):
    """Connects to addresses that were looked at before, whatever the name is; each step has what is left of the time."""

    def __init__(self, addresses: list[str], clock: Clock) -> None:
        self._addresses = addresses
        self._clock = clock
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = httpcore.ConnectError()
        for tried, address in enumerate(self._addresses):
            share = self._clock.left() / (len(self._addresses) - tried)
            try:
                return Stream(self._sockets.connect_tcp(address, port, timeout=share), self._clock)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


class Stream(httpcore.NetworkStream):
    """A connection of which every step has only what is left of the time."""

    def __init__(self, inner: httpcore.NetworkStream, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, timeout=self._clock.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PIECE):
            self._inner.write(buffer[start : start + PIECE], timeout=self._clock.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return Stream(
            self._inner.start_tls(ssl_context, server_hostname, timeout=self._clock.left()), self._clock
        )

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _resolve(target: httpx.URL, clock: Clock) -> list[str]:
    """The addresses of a name, in a thread: the system's own look-up knows no deadline."""
    found: Future[list[str]] = _names.submit(addresses_of, target)
    return found.result(timeout=clock.left())


def _read(pieces: Iterable[bytes], most: int) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > most:
            raise Unreachable(_("Its answer is longer than %(n)d bytes.") % {"n": most})
    return bytes(body)


@cache
def _trust() -> ssl.SSLContext:
    """Whom the machine trusts, so that a company's own authority counts (SSL_CERT_FILE, SSL_CERT_DIR name others)."""
    return ssl.create_default_context()


def _as_core(target: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path
    )


def _named(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _in_words(error: Exception) -> str:
    said = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return _("Its certificate is not trusted, or is for another name.")
    if "SSL" in said:
        return _("It did not agree to an encrypted connection.")
    return _("It could not be reached: the connection was refused or broke off.")
