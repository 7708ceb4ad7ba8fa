"""What goes over the wire between the portal and a receiver of `webhook`: bodies out, answers and refusals in."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol

from .base import (
    WHOLE,
    AuthenticationFailed,
    Busy,
    Denied,
    Grant,
    NotFound,
    Outcome,
    Unavailable,
    Unsupported,
)
from .signing import MARK

SHORTEST_SECRET = 24  # bytes; Standard Webhooks asks for 24 to 64
LONGEST_SAID = 200  # characters of what a receiver says that are passed on
LONGEST_RECEIPT = 500
NOT_NOW = (502, 503, 504)  # the receiver as a whole is not there


class Reply(Protocol):
    """What came back: the HTTP status, and the body as it came over the wire."""

    @property
    def status(self) -> int: ...

    @property
    def body(self) -> bytes: ...


class Send(Protocol):
    """Posts `content` and waits for the answer.

    timeout: seconds for everything together.
    most_bytes: how long the answer may be.
    Raises Unavailable when none came, Unsupported when the address may not be called.
    """

    def __call__(
        self, url: str, *, content: bytes, headers: Mapping[str, str], timeout: float, most_bytes: int
    ) -> Reply: ...


def keys_in(secret: str) -> list[str]:
    """The signing secrets in the text that is kept for a directory: one, or several with space between them.

    Raises AuthenticationFailed when there is none, or one is not such a secret.
    """
    keys = secret.split()
    if not keys:
        raise AuthenticationFailed("There is no secret to sign with.")
    for key in keys:
        try:
            length = len(base64.b64decode(key.removeprefix(MARK), validate=True))
        except (binascii.Error, ValueError):
            length = 0
        if length < SHORTEST_SECRET:
            raise AuthenticationFailed(
                f"The secret is not one to sign with: {MARK} and, in base64, at least {SHORTEST_SECRET} random bytes."
            )
    return keys


def as_body(kind: str, data: Mapping[str, object]) -> bytes:
    """The body of a message. The same at every attempt at the same act."""
    return json.dumps({"type": kind, "data": data}, ensure_ascii=False, sort_keys=True).encode()


def id_of(body: bytes) -> str:
    """The id of a message: the same for the same act on the same right, however often it is sent."""
    return f"msg_{hashlib.sha256(body).hexdigest()[:32]}"


def understood(reply: Reply, data: Mapping[str, object], *, keys: Sequence[str]) -> dict[str, Any]:
    """What a receiver has answered, an empty mapping where it said nothing but yes.

    data: what it was told.
    keys: never repeated, whatever it says.
    Raises Unavailable, Busy, AuthenticationFailed, NotFound, Denied, Unsupported.
    """
    said = _mapping(reply.body)
    words = _words(said, keys)
    if reply.status == 202:
        raise Busy(f"The receiver took it and has not done it yet.{words}")
    if not 200 <= reply.status < 300:
        _refuse(reply.status, said or {}, data, words)
    if said is None:
        # A sign-in page or a proxy's greeting must not count as done.
        raise Unavailable(f"The receiver answered {reply.status}, but not with a JSON object.")
    return said


def _refuse(status: int, said: Mapping[str, Any], data: Mapping[str, object], words: str) -> NoReturn:
    what = said.get("error")
    if status == 404 and what in ("account", "entitlement"):
        raise NotFound(f"The receiver knows no {what} {data.get(what)}.{words}")
    if status == 401:
        raise AuthenticationFailed(f"The receiver did not accept the signature (401).{words}")
    if status == 403:
        raise Denied(f"The receiver may not do this (403).{words}")
    if status in (404, 429, *NOT_NOW):
        # A bare 404 says nothing of the account: the address may be wrong, or the receiver just being replaced.
        raise Unavailable(f"The receiver answered {status}.{words}")
    if status == 408 or status >= 500:
        raise Busy(f"The receiver answered {status}.{words}")
    if 300 <= status < 400:
        raise Unsupported(f"The receiver answered with a redirect ({status}), which is not followed.")
    raise Unsupported(f"The receiver does not do this ({status}).{words}")


def _mapping(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, an empty one for none; None when it is something else."""
    if not body.strip():
        return {}
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _words(said: Mapping[str, Any] | None, keys: Sequence[str]) -> str:
    """What the receiver says of it to an administrator, on one line and with no secret in it."""
    message = (said or {}).get("message")
    if not isinstance(message, str):
        return ""
    for key in keys:
        message = message.replace(key, "…").replace(key.removeprefix(MARK), "…")
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in message).split())
    return f" It says: {line[:LONGEST_SAID]}" if line else ""


def outcome_in(said: Mapping[str, Any], *, keeps_ends: bool) -> Outcome:
    """What an answer to a grant or a revocation comes to. Raises Unavailable when it cannot be read."""
    return Outcome(
        changed=_flag(said, "changed", default=True),
        preexisting=_flag(said, "preexisting", default=False),
        not_after=_moment(said) if keeps_ends else None,
        receipt=_text(said, "receipt")[:LONGEST_RECEIPT],
    )


def grants_in(said: Mapping[str, Any], *, keeps_ends: bool) -> list[Grant]:
    """The rights in an answer to a listing. Raises Unavailable when it cannot be read: nothing is taken for gone."""
    rows = said.get("grants")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unavailable('The receiver answered without a list "grants".')
    return [
        Grant(
            _text(row, "account", needed=True),
            _text(row, "entitlement", needed=True),
            _moment(row) if keeps_ends else None,
            _text(row, "granted_by"),
            _text(row, "scope") or WHOLE,
        )
        for row in rows
    ]


def _flag(said: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = said.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _unreadable(name)
    return value


def _text(said: Mapping[str, Any], name: str, *, needed: bool = False) -> str:
    value = said.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value):
        raise _unreadable(name)
    return value


def _moment(said: Mapping[str, Any]) -> datetime | None:
    value = said.get("not_after")
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _unreadable("not_after") from error
    if moment.tzinfo is None:
        raise _unreadable("not_after")
    return moment.astimezone(UTC)


def _unreadable(name: str) -> Unavailable:
    return Unavailable(f'The receiver answered, but "{name}" in it cannot be read.')
