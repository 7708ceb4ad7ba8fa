"""Signing what a web hook is asked, in the way of Standard Webhooks, so that it knows who asks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from approvals.hooks.models import Hook
from roles.sealing import seal, unseal

MARK = "whsec_"
BYTES = 32


def new_secret() -> str:
    """A secret for somebody to enter at the hook: ``whsec_`` and 256 random bits."""
    return MARK + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def keep_secret(hook: Hook, secret: str) -> None:
    """Let a hook, not saved by this, have a new secret; the one before it goes on signing beside it.

    So whoever runs the hook can change over at leisure. Two at most: with the next one the oldest is gone.
    """
    before = secrets_of(hook)[:1] if hook.sealed_secret else []
    hook.sealed_secret = seal("\n".join([secret, *before]), bound_to=_place(hook))


def secrets_of(hook: Hook) -> list[str]:
    """Its secret, and the one before it.

    Raises:
        CannotOpen: the key it was sealed under is gone.
    """
    return unseal(hook.sealed_secret, bound_to=_place(hook)).split("\n")


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


def _place(hook: Hook) -> str:
    return f"hook:{hook.key}"
