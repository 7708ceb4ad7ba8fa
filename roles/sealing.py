"""Secrets at rest: sealed under a key of the portal's, and bound to the one place they belong in."""

from __future__ import annotations

import base64
import binascii
import secrets
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

SHAPE = "sealed1"  # first word of every sealed text: how the rest is made
NONCE = 12  # bytes


class CannotOpen(Exception):
    """A sealed secret does not open: it was sealed under a key that is gone, for another place, or was changed."""


def seal(text: str, *, bound_to: str) -> str:
    """Seal a secret for keeping it in the database.

    Args:
        bound_to: the place it belongs in, such as ``hook:ticket-check``. It opens for no other one, so that a sealed
            text that is copied into another row is worth nothing there.
    """
    key = _ring()[0]
    nonce = secrets.token_bytes(NONCE)
    closed = nonce + AESGCM(key).encrypt(nonce, text.encode(), bound_to.encode())
    return f"{SHAPE}.{_name(key)}.{base64.urlsafe_b64encode(closed).decode()}"


def unseal(sealed: str, *, bound_to: str) -> str:
    """The secret that was sealed for the same place, under any key of the ring.

    Raises:
        CannotOpen: it does not open.
    """
    try:
        shape, name, text = sealed.split(".")
        closed = base64.b64decode(text, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise CannotOpen("This is not a sealed text.") from error
    if shape != SHAPE:
        raise CannotOpen("This is not a sealed text.")
    for key in _ring():
        if _name(key) == name:
            try:
                return AESGCM(key).decrypt(closed[:NONCE], closed[NONCE:], bound_to.encode()).decode()
            except (InvalidTag, ValueError) as error:
                raise CannotOpen("It was sealed for another place, or was changed.") from error
    raise CannotOpen("The key it was sealed under is not there any more.")


def _ring() -> tuple[bytes, ...]:
    """All keys: the first seals, each opens. Those named for it stand before those made from the portal's own key."""
    return _keys((*settings.SEALING_KEYS, settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=8)
def _keys(sources: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(
        HKDF(algorithm=SHA256(), length=32, salt=None, info=b"pim-portal sealing 1").derive(source.encode())
        for source in sources
        if source
    )


def _name(key: bytes) -> str:
    """What a key is called beside what it has sealed; says nothing about the key."""
    return sha256(b"name of " + key).hexdigest()[:12]
