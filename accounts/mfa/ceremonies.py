"""The two ceremonies of a passkey: making one, and signing with it. django-otp-webauthn's, asked for more than it asks."""

from __future__ import annotations

import json
from typing import Any

from django.db import DataError
from django_otp_webauthn.exceptions import OTPWebAuthnApiError
from django_otp_webauthn.helpers import WebAuthnHelper
from webauthn.helpers import (
    base64url_to_bytes,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import InvalidJSONStructure, WebAuthnException
from webauthn.helpers.structs import UserVerificationRequirement

from accounts.models import Passkey, User

#: what comes of an answer that is not right, and of one that nobody's browser sends
UNACCEPTABLE = (
    WebAuthnException,
    OTPWebAuthnApiError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    DataError,
)


class Ceremony(WebAuthnHelper):
    """Makes what a browser is asked, and looks at what it answers.

    Stricter than the package: whoever holds the device must have proved themselves to it (a finger, a face, a PIN)
    each time, and what was signed inside another site's frame does not count.

    Args:
        name: what the person calls the passkey that is made.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__(request=None)
        self.name = name

    def get_credential_display_name(self, user: User) -> str:
        return user.display_name

    def get_generate_registration_options_kwargs(self, *, user: User) -> dict[str, Any]:
        asked: dict[str, Any] = super().get_generate_registration_options_kwargs(user=user)
        asked["authenticator_selection"].user_verification = UserVerificationRequirement.REQUIRED
        return asked

    def create_credential(self, *args: Any, **kwargs: Any) -> Passkey:
        passkey: Passkey = super().create_credential(*args, **kwargs)
        passkey.name = self.name
        return passkey

    def create_attestation(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: no make of device is asked for, so what a device says of itself is not kept."""

    def made(self, person: User, *, challenge: str, said: dict[str, Any]) -> Passkey:
        """The passkey that a browser has just made for ``person``, saved.

        Raises:
            UNACCEPTABLE: it was not made for this challenge, at this portal, by somebody whom the device knows.
            IntegrityError: it is known here already.
        """
        _check_not_framed(parse_registration_credential_json(said).response.client_data_json)
        passkey: Passkey = self.register_complete(person, _state(challenge), said)
        return passkey

    def signed(self, person: User, *, challenge: str, said: dict[str, Any]) -> Passkey:
        """The passkey of ``person`` that signed; when it did, and how often, is saved.

        Call it while the row is locked: it reads the counter of signatures, then writes it.

        Raises:
            UNACCEPTABLE: it did not sign this challenge, at this portal, for somebody whom the device knows, or its
                counter went back.
        """
        _check_not_framed(parse_authentication_credential_json(said).response.client_data_json)
        passkey: Passkey = self.authenticate_complete(person, _state(challenge), said)
        return passkey


def read_answer(answer: str) -> dict[str, Any]:
    """What a browser sent, as JSON; {} when it is none."""
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def challenge_in(said: dict[str, Any]) -> str:
    """The challenge that was signed, as it was given out; "" when there is none."""
    try:
        signed = json.loads(base64url_to_bytes(said["response"]["clientDataJSON"]))["challenge"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return ""
    return signed if isinstance(signed, str) else ""


def credential_in(said: dict[str, Any]) -> bytes:
    """Which passkey it says it is; b"" when it says nothing."""
    try:
        return base64url_to_bytes(said["rawId"])
    except (ValueError, TypeError, LookupError):
        return b""


def _state(challenge: str) -> dict[str, Any]:
    return {"challenge": challenge, "require_user_verification": True}


def _check_not_framed(client_data: bytes) -> None:
    if parse_client_data_json(client_data).cross_origin:
        raise InvalidJSONStructure("It was signed inside the frame of another site")
