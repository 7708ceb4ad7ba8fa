"""A service principal of Microsoft Entra ID: its settings, its tokens, its connections.

The token comes from azure-identity, which knows how a service principal proves itself. What Microsoft says about a
refused sign-in is told without the secret.
"""

import base64
import binascii
import json
import re
import ssl
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from .base import AuthenticationFailed, Unavailable, Unsupported

CONNECT_SECONDS = 5
ANSWER_SECONDS = 10
PUBLIC_AUTHORITY = "https://login.microsoftonline.com"
PASSING = ("temporarily_unavailable", "AADSTS90033", "AADSTS50196", "AADSTS90056")


class Credential(Protocol):
    """What is used of azure-identity's credentials."""

    def get_token(self, *scopes: str) -> Any: ...

    def close(self) -> None: ...


class Service:
    """A service principal and one tenant, from settings and secret.

    settings: those common to both kinds (`tenant_id`, `client_id`, `authority`, `ca_file`), and `more`: further
        names with what they are when not given.
    Raises Unsupported for settings it does not take.
    """

    def __init__(self, settings: Mapping[str, object], secret: str, more: Mapping[str, str]) -> None:
        given = {name: str(value).strip() for name, value in settings.items() if value not in (None, "")}
        known = {"tenant_id": "", "client_id": "", "authority": PUBLIC_AUTHORITY, "ca_file": "", **more}
        if unknown := sorted(set(settings) - set(known)):
            raise Unsupported(f"Microsoft has no use for the setting {', '.join(unknown)}.")
        if missing := [name for name in ("tenant_id", "client_id") if name not in given]:
            raise Unsupported(f"Microsoft needs the setting {', '.join(missing)}.")
        self.settings = {**known, **given}
        if not re.fullmatch(r"[A-Za-z0-9.-]+", self.settings["tenant_id"]):
            raise Unsupported("The setting tenant_id has to be the tenant's id or one of its domains.")
        for name in ("authority", "graph", "management"):
            if name in self.settings:
                self.settings[name] = _https(name, self.settings[name])
        if self.settings.get("native_end", "auto") not in ("auto", "never"):
            raise Unsupported('The setting native_end can be "auto" or "never".')
        self._secret = secret
        self._client: httpx.Client | None = None
        self._credential: Credential | None = None
        self._claims: dict[str, dict[str, Any]] = {}
        self._fault_there = False

    def __repr__(self) -> str:
        return f"{self.settings['client_id']} in {self.settings['tenant_id']}"

    @property
    def client_id(self) -> str:
        return self.settings["client_id"]

    @property
    def wants_native_end(self) -> bool:
        return self.settings.get("native_end") != "never"

    def close(self) -> None:
        """Let go of connections and tokens; the next call makes them anew."""
        client, credential = self._client, self._credential
        self._client = self._credential = None
        self._claims.clear()
        if client:
            client.close()
        if credential:
            credential.close()

    def client(self) -> httpx.Client:
        if self._client is None:
            times = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
            self._client = httpx.Client(verify=self._trusted(), timeout=times, follow_redirects=False)
        return self._client

    def token(self, audience: str) -> str:
        """A token for this host. Raises AuthenticationFailed, Unavailable."""
        # Here and not above: it takes half a second, which everything else should not wait for.
        from azure.core.exceptions import AzureError, ClientAuthenticationError

        try:
            return str(self._signed_in().get_token(f"{audience}/.default").token)
        except ClientAuthenticationError as error:
            said = self.clean(str(error))
            if _is_of_the_line(error) or self._fault_there or any(sign in said for sign in PASSING):
                raise Unavailable(f"{self._authority} cannot give a token now: {said}") from None
            raise AuthenticationFailed(
                f'{self._authority} does not accept the service principal "{self.client_id}": {said}'
            ) from None
        except (AzureError, ValueError, OSError) as error:
            raise Unavailable(f"{self._authority} cannot be reached: {self.clean(str(error))}") from None

    def claims(self, audience: str) -> dict[str, Any]:
        """What the token says about the service principal. Nothing is decided by it: Microsoft does that."""
        if audience not in self._claims:
            part = self.token(audience).partition(".")[2].partition(".")[0]
            try:
                found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            except (ValueError, binascii.Error):
                found = {}
            self._claims[audience] = found if isinstance(found, dict) else {}
        return self._claims[audience]

    def clean(self, said: str) -> str:
        """The first line of what was said, without the secret."""
        line = (said.strip().splitlines() or ["no words"])[0]
        return (line.replace(self._secret, "***") if self._secret else line)[:400].rstrip(".") + "."

    @property
    def _authority(self) -> str:
        return self.settings["authority"]

    def _look_at(self, response: Any) -> None:
        """Keep whether the authority itself had a fault, which azure-identity's errors do not tell apart."""
        self._fault_there = response.http_response.status_code in (408, 429, *range(500, 600))

    def _trusted(self) -> ssl.SSLContext | bool:
        if not self.settings["ca_file"]:
            return True
        try:
            return ssl.create_default_context(cafile=self.settings["ca_file"])
        except (OSError, ssl.SSLError) as error:
            raise Unsupported(f"The certificates in ca_file cannot be read: {error.strerror}.") from error

    def _signed_in(self) -> Credential:
        if self._credential is None:
            from azure.identity import ClientSecretCredential  # see `token`

            self._trusted()
            if not self._secret:
                raise AuthenticationFailed("The service principal's client secret is not known.")
            self._credential = ClientSecretCredential(
                self.settings["tenant_id"],
                self.client_id,
                self._secret,
                authority=self._authority,
                # Who is asked for tokens is decided by the setting, not by a list fetched from elsewhere.
                disable_instance_discovery=True,
                connection_verify=self.settings["ca_file"] or True,
                connection_timeout=CONNECT_SECONDS,
                read_timeout=ANSWER_SECONDS,
                retry_total=0,
                raw_response_hook=self._look_at,
            )
        return self._credential


def _is_of_the_line(error: BaseException) -> bool:
    """Whether the sign-in never got there: azure-identity calls that a failed sign-in as well."""
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError

    origin: BaseException | None = error
    while origin is not None:
        if isinstance(origin, ServiceRequestError | ServiceResponseError):
            return True
        origin = origin.__cause__
    return False


def _https(name: str, address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise Unsupported(f"The setting {name} has to be an address that begins with https://.")
    return address.rstrip("/")
