"""How the connectors call Microsoft: one answer at a time, pages, and what a refusal means.

A next page is only followed on the same host, because the token goes with it.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Self
from urllib.parse import quote

import httpx

from .base import AuthenticationFailed, Busy, ConnectorError, Denied, NotFound, Unavailable
from .microsoft_service import ANSWER_SECONDS, Service

SHORT_WAIT_SECONDS = 2  # so long a call waits itself when it is told to come back later
LARGEST_ANSWER = 50_000_000  # bytes
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

# What tells that the tenant has no licence for Privileged Identity Management. That it never began with it is
# only said in words.
WITHOUT_PIM = "AadPremiumLicenseRequired"
NEVER_BEGAN = "has not onboarded to pim"
# Said of users that were found a moment ago, while they are new.
NOT_KNOWN_EVERYWHERE_YET = frozenset({"PrincipalNotFound", "SubjectNotFound"})


class Refused(Denied):
    """Microsoft refused this one thing; `code` is its own word for why."""

    def __init__(self, words: str, code: str = "") -> None:
        super().__init__(words)
        self.code = code


def is_guid(text: str) -> bool:
    return GUID.fullmatch(text) is not None


def segment(text: str) -> str:
    """A text as one segment of an address, whatever it holds."""
    return quote(text, safe="")


def literal(text: str) -> str:
    """A text as a value in an OData filter."""
    return "'" + text.replace("'", "''") + "'"


class Line:
    """The way to one of Microsoft's programming interfaces."""

    def __init__(self, service: Service, host: str, root: str, version: str = "") -> None:
        """host: its address without a path; root: what stands before every path; version: `api-version`, if any."""
        self.service, self.host, self._root, self._version = service, host, root, version

    def at(self, version: str) -> Self:
        """The same way with another `api-version`."""
        return type(self)(self.service, self.host, self._root, version)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return self._send("GET", self._address(path), self._query(query))

    def send(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        return self._send(method, self._address(path), self._query({}), body)

    def pages(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """The elements of a collection, over all its pages."""
        address, asked, seen = self._address(path), self._query(query), set[str]()
        while True:
            answer = self._send("GET", address, asked)
            found = answer.get("value")
            if not isinstance(found, list):
                raise Unavailable(f"{self.host} gave a list without elements.")
            yield from found
            following = answer.get("@odata.nextLink") or answer.get("nextLink")
            if not following:
                return
            address, asked = self._same_host(str(following)), {}
            if address in seen:
                raise Unavailable(f"{self.host} named the same next page twice.")
            seen.add(address)

    def _address(self, path: str) -> str:
        return f"{self.host}{self._root}{path}"

    def _query(self, query: Mapping[str, str]) -> dict[str, str]:
        named = {f"${name}": value for name, value in query.items()}
        return named | ({"api-version": self._version} if self._version else {})

    def _same_host(self, following: str) -> str:
        if not following.startswith(f"{self.host}/"):
            raise Denied(f"{self.host} named a next page on another host: it was not followed.")
        return following

    def _send(
        self, method: str, address: str, query: Mapping[str, str], body: object = None, again: bool = True
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.service.token(self.host)}", "Accept": "application/json"}
        # None, not an empty mapping: httpx would cut the query off a next page.
        request = self.service.client().build_request(
            method, address, params=query or None, headers=headers, json=body
        )
        status, answered, content = self._answer(request)
        wait = _seconds(answered.get("retry-after", ""))
        # 429 was not carried out for certain; after 503 only reading may be repeated without looking.
        if (
            again
            and wait <= SHORT_WAIT_SECONDS
            and (status == 429 or (status in (502, 503, 504) and method == "GET"))
        ):
            time.sleep(wait)
            return self._send(method, address, query, body, again=False)
        if status >= 400 or 300 <= status < 400:
            raise self._refusal(status, content, wait)
        try:
            found = json.loads(content) if content.strip() else {}
        except ValueError:
            raise Unavailable(f"{self.host} did not answer in JSON.") from None
        return found if isinstance(found, dict) else {}

    def _answer(self, request: httpx.Request) -> tuple[int, httpx.Headers, bytes]:
        """One answer, whole. httpx's own limits are for each piece: a server that drips would hold it for ever."""
        until, content = time.monotonic() + ANSWER_SECONDS, bytearray()
        try:
            response = self.service.client().send(request, stream=True)
            try:
                for piece in response.iter_bytes():
                    content += piece
                    if time.monotonic() > until or len(content) > LARGEST_ANSWER:
                        raise Unavailable(f"{self.host} did not finish its answer.")
            finally:
                response.close()
        except httpx.TransportError as error:
            words = self.service.clean(str(error) or type(error).__name__)
            raise Unavailable(f"{self.host} did not answer: {words}") from None
        except httpx.HTTPError as error:
            raise Unavailable(
                f"{self.host} gave an answer that cannot be read: {type(error).__name__}."
            ) from None
        return response.status_code, response.headers, bytes(content)

    def _refusal(self, status: int, content: bytes, wait: float) -> ConnectorError:
        code, said = _words(content)
        words = f"{self.host} said {status} {code}: {self.service.clean(said)}"
        if code == WITHOUT_PIM or NEVER_BEGAN in said.lower():
            return Refused(words, WITHOUT_PIM)
        if code in NOT_KNOWN_EVERYWHERE_YET:
            return Busy(words)
        match status:
            case 401:
                return AuthenticationFailed(words)
            case 404:
                return NotFound(words)
            case 409 | 412 | 423:
                return Refused(words, code) if code in ("RoleAssignmentExists", "Conflict") else Busy(words)
            case 429:
                # The service principal as a whole is to wait: whatever else it wants there has to wait with it.
                return Unavailable(f"{words} Microsoft asks to wait {wait:.0f} seconds.")
            case _ if status >= 500 or status < 400 or status == 408:
                return Unavailable(words)
            case _:
                return Refused(words, code)


def _seconds(header: str) -> float:
    """`Retry-After` in seconds; as long as one answer may take where it is missing or a date."""
    return float(header) if header.isascii() and header.isdecimal() else float(ANSWER_SECONDS)


def _words(content: bytes) -> tuple[str, str]:
    try:
        error = json.loads(content)["error"]
        return str(error.get("code") or ""), str(error.get("message") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", "no further words"
