"""Sending what a connector posts: guarded like every call that leaves the portal, and refused in a connector's words."""

from __future__ import annotations

from collections.abc import Mapping

from roles.connectors.base import Unavailable, Unsupported
from roles.outbound import AddressRefused, Answer, Unreachable, fetch


def post(url: str, *, content: bytes, headers: Mapping[str, str], timeout: float, most_bytes: int) -> Answer:
    """Post something and give the answer as it came. Never call it inside a transaction.

    Args:
        timeout: seconds for everything together.
        most_bytes: how long the answer may be.

    Raises:
        Unsupported: the address is not one the portal may call.
        Unavailable: there was no whole answer in time.
    """
    try:
        return fetch(
            url, method="POST", content=content, headers=headers, timeout=timeout, most_bytes=most_bytes
        )
    except AddressRefused as refused:
        raise Unsupported(str(refused)) from refused
    except Unreachable as silent:
        raise Unavailable(str(silent)) from silent
