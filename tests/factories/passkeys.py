"""An authenticator made of software: answers as a browser with a passkey would, and wrongly where a test wants it."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from accounts.models import Passkey, User

ORIGIN, RP_ID = "http://localhost:8000", "localhost"
PRESENT, VERIFIED, HAS_KEY = 0x01, 0x04, 0x40  # the flags in what an authenticator signs


def b64(data: bytes) -> str:
    """As WebAuthn writes bytes in JSON."""
    return urlsafe_b64encode(data).decode().rstrip("=")


@dataclass(frozen=True)
class Browser:
    """Where the person is, and what they did at the device. A test makes another one with what it wants wrong.

    Args:
        origin: the site that asks.
        rp_id: the host name the device signs for.
        flags: whether the person was there, and was recognised by the device.
        framed: the page that asks stands in a frame of another site.
    """

    origin: str = ORIGIN
    rp_id: str = RP_ID
    flags: int = PRESENT | VERIFIED
    framed: bool = False

    def client_data(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.framed}
        return json.dumps(said).encode()

    def device_data(self, count: int, *, flags: int = 0, key: bytes = b"") -> bytes:
        digest = hashlib.sha256(self.rp_id.encode()).digest()
        return digest + bytes([self.flags | flags]) + count.to_bytes(4) + key


HERE = Browser()


@dataclass
class Key:
    """One passkey on one device.

    Args:
        count: how often it has signed; a copy of a key begins where the original was. 0 for good: it does not count.
    """

    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 1

    @property
    def public(self) -> bytes:
        """The public half, in COSE: an ES256 key."""
        numbers = self.private.public_key().public_numbers()
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})

    def made(self, options: dict[str, Any], at: Browser = HERE) -> str:
        """The answer to being asked to make a passkey."""
        client = at.client_data("webauthn.create", options["challenge"])
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + self.public
        device = at.device_data(self.count, flags=HAS_KEY, key=attested)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": device})
        response = {"clientDataJSON": b64(client), "attestationObject": b64(attestation)}
        return self._answer(response | {"transports": ["internal"]})

    def signed(self, options: dict[str, Any], at: Browser = HERE) -> str:
        """The answer to being asked to sign."""
        self.count += 1 if self.count else 0
        client = at.client_data("webauthn.get", options["challenge"])
        device = at.device_data(self.count)
        signature = self.private.sign(device + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        signed = {"authenticatorData": device, "signature": signature, "clientDataJSON": client}
        return self._answer({name: b64(data) for name, data in signed.items()})

    def copy(self) -> Key:
        """The same key in somebody else's hands, from now on."""
        return replace(self)

    def _answer(self, response: dict[str, Any]) -> str:
        said = {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": response}
        return json.dumps(said | {"clientExtensionResults": {}})


def give_passkey(person: User, *, name: str = "Laptop", count: int = 1) -> Key:
    """Let ``person`` have a passkey; returns what lies on their device."""
    key = Key(count=count)
    Passkey.objects.create(
        user=person,
        name=name,
        credential_id=key.id,
        public_key=key.public,
        sign_count=key.count,
        aaguid="00000000-0000-0000-0000-000000000000",
    )
    return key
