"""How entries are bound to each other."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from django.conf import settings

FIRST = "0" * 64


def canonical(body: dict[str, Any]) -> bytes:
    """The one way to write ``body`` down as bytes: sorted keys, no spaces, ASCII only."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def digest_of(body: dict[str, Any], previous: str) -> str:
    """HMAC-SHA-256 over an entry and the digest of the one before it, in hexadecimal.

    The key (``JOURNAL_KEY``) lies outside the database, so whoever can write to the database alone cannot
    recompute the chain after changing an entry.
    """
    message = previous.encode("ascii") + b"\n" + canonical(body)
    return hmac.new(settings.JOURNAL_KEY.encode(), message, hashlib.sha256).hexdigest()
