"""Secrets at rest: sealed under a key of the portal's, and bound to the one place they belong in."""

from __future__ import annotations

import base64
import binascii
import secrets
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

#: the first word of every sealed text says how the rest is made
SHAPE, SHAPE_FOR_WORKER = "sealed1", "sealed2"
PUBLIC = 32  # bytes of a public key
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


def seal_for_worker(text: str, *, bound_to: str) -> str:
    """Seal a secret that only a process with the private key opens, which the web process need not have.

    Sealed with ``SEALING_PUBLIC_KEY``, or where there is none with the public half of the first key of the ring: one
    throw-away key agrees with it on the key of this text (X25519, HKDF, AES-256-GCM).

    Args:
        bound_to: the place it belongs in, such as ``directory:7``.
    """
    public = _public_key()
    once = X25519PrivateKey.generate()
    mine = once.public_key().public_bytes_raw()
    nonce = secrets.token_bytes(NONCE)
    key = _agreed(once.exchange(X25519PublicKey.from_public_bytes(public)), mine, public)
    closed = mine + nonce + AESGCM(key).encrypt(nonce, text.encode(), bound_to.encode())
    return f"{SHAPE_FOR_WORKER}.{_name(public)}.{base64.urlsafe_b64encode(closed).decode()}"


def public_key() -> str:
    """What ``SEALING_PUBLIC_KEY`` has to be where the first key of the ring shall open."""
    return base64.urlsafe_b64encode(_private(_ring_sources()[0]).public_key().public_bytes_raw()).decode()


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
    openers = {SHAPE: _opener, SHAPE_FOR_WORKER: _opener_of_worker}
    if shape not in openers:
        raise CannotOpen("This is not a sealed text.")
    try:
        if opened := openers[shape](name, closed):
            key, rest = opened
            return AESGCM(key).decrypt(rest[:NONCE], rest[NONCE:], bound_to.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise CannotOpen("It was sealed for another place, or was changed.") from error
    raise CannotOpen("The key it was sealed under is not here.")


def _opener(name: str, closed: bytes) -> tuple[bytes, bytes] | None:
    """The key that opens a text sealed by ``seal``, and what it opens."""
    return next(((key, closed) for key in _ring() if _name(key) == name), None)


def _opener_of_worker(name: str, closed: bytes) -> tuple[bytes, bytes] | None:
    """The key that opens a text sealed by ``seal_for_worker``, and what it opens."""
    for source in _ring_sources():
        private = _private(source)
        public = private.public_key().public_bytes_raw()
        if _name(public) == name:
            theirs = closed[:PUBLIC]
            shared = private.exchange(X25519PublicKey.from_public_bytes(theirs))
            return _agreed(shared, theirs, public), closed[PUBLIC:]
    return None


def _agreed(shared: bytes, once: bytes, public: bytes) -> bytes:
    info = b"pim-portal sealing 2" + once + public
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(shared)


def _public_key() -> bytes:
    given = settings.SEALING_PUBLIC_KEY
    if not given:
        return _private(_ring_sources()[0]).public_key().public_bytes_raw()
    try:
        key = base64.b64decode(given, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise CannotOpen("SEALING_PUBLIC_KEY is not a public key.") from error
    if len(key) != PUBLIC:
        raise CannotOpen("SEALING_PUBLIC_KEY is not a public key.")
    return key


@lru_cache(maxsize=32)
def _private(source: str) -> X25519PrivateKey:
    info = b"pim-portal sealing 2 private"
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(source.encode())
    return X25519PrivateKey.from_private_bytes(made)


def _ring_sources() -> list[str]:
    """What all keys are made of: those named for it stand before the portal's own key."""
    sources = (*settings.SEALING_KEYS, settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [source for source in sources if source]


def _ring() -> tuple[bytes, ...]:
    """All keys: the first seals, each opens. Those named for it stand before those made from the portal's own key."""
    return _keys(tuple(_ring_sources()))


@lru_cache(maxsize=8)
def _keys(sources: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(
        HKDF(algorithm=SHA256(), length=32, salt=None, info=b"pim-portal sealing 1").derive(source.encode())
        for source in sources
    )


def _name(key: bytes) -> str:
    """What a key is called beside what it has sealed; says nothing about the key."""
    return sha256(b"name of " + key).hexdigest()[:12]
