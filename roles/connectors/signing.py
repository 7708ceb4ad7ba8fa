"""Signing a message in the way of Standard Webhooks, so that who receives it knows who has sent it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

MARK = "whsec_"
BYTES = 32


def new_secret() -> str:
    """A secret for somebody to enter at the receiver: ``whsec_`` and 256 random bits."""
    return MARK + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def signed_headers(keys: Sequence[str], *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that say which message this is, of when, and that it comes from somebody who knows ``keys``.

    Args:
        timestamp: seconds since 1970.
    """
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{_signature(key, signed)}" for key in keys),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(MARK))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
