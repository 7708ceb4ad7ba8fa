"""Everything else: each right is posted, signed, to a receiver that somebody has written for their directory.

What is said and what may be answered stands in docs/connectors/webhook.md. The receiver is told what shall be, so it may
be told twice; a message about the same act has the same id. How it is sent is the caller's business: see `Send`.
"""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, ClassVar, Self

from .base import (
    WHOLE,
    AuthenticationFailed,
    Capabilities,
    Denied,
    Finding,
    Grant,
    NotFound,
    Outcome,
    Setting,
    Unsupported,
    refuse_scopes,
)
from .signing import new_secret, signed_headers
from .webhook_messages import Send, as_body, grants_in, id_of, keys_in, outcome_in, understood

SECONDS = 10.0  # for one answer, everything together
MOST_BYTES = 64 * 1024
MOST_BYTES_OF_LIST = 8 * 1024 * 1024
SWITCHES = ("lists", "native_end", "scopes", "tells_whose")
YES, NO = (True, "yes"), (False, "no")
UNCHECKED = (
    "The receiver takes messages that are not signed with its secret: whoever reaches it can give themselves "
    "anything. It has to answer 401."
)


class WebhookConnector:
    """Tells a receiver by signed messages which rights shall stand and which shall not.

    settings: url; and, false unless said otherwise, what the receiver can do: lists, native_end, scopes, tells_whose.
    secret: `whsec_` secrets that sign, with space between them while one is being replaced by another.
    send: what posts a message.
    Raises Unsupported for settings it does not take.
    """

    TITLE: ClassVar[str] = "Web hook"
    ASKS_FOR: ClassVar[str] = "Secret that signs (whsec_…)"
    SETTINGS: ClassVar[tuple[Setting, ...]] = (
        Setting("url", "Address of the receiver", required=True, is_address=True),
        *(
            Setting(name, label, help_, default="no", choices=(("yes", "Yes"), ("no", "No")))
            for name, label, help_ in (
                ("lists", "It lists what stands", "Then what is given past the portal is found."),
                ("native_end", "It keeps ends", "It takes a right away by itself when its end is over."),
                ("scopes", "It knows places", "A right may be given at a part of it."),
                (
                    "tells_whose",
                    "It knows whose a right is",
                    "It says truly when somebody else had given it before.",
                ),
            )
        ),
    )

    def __init__(self, settings: Mapping[str, object], secret: str = "", *, send: Send) -> None:
        if unknown := sorted(set(settings) - {"url", *SWITCHES}):
            raise Unsupported(f"A web hook has no use for the setting {', '.join(unknown)}.")
        if wrong := [name for name in SWITCHES if settings.get(name) not in (None, "", *YES, *NO)]:
            raise Unsupported(f"The setting {', '.join(wrong)} is either true or false.")
        url = settings.get("url")
        if not isinstance(url, str) or not url.strip():
            raise Unsupported("A web hook needs the setting url.")
        self._url = url.strip()
        self._can = {name: settings.get(name) in YES for name in SWITCHES}
        self._secret, self._send = secret, send

    def __repr__(self) -> str:
        # Not the address: some put a word into it that not everybody should read.
        return f"<{type(self).__name__}>"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            native_expiry="optional" if self._can["native_end"] else "none",
            lists=self._can["lists"],
            scopes=self._can["scopes"],
            tells_whose=self._can["tells_whose"],
        )

    def check(self, entitlements: Iterable[str] = ()) -> Finding:
        """Whether the receiver answers, knows these entitlements, and refuses who does not know its secret."""
        asked, said = list(entitlements), dict[str, Any]()
        missing: list[str] = []
        try:
            said = self._ask("right.check", {"entitlements": asked})
        except (Denied, Unsupported, NotFound) as refused:
            missing.append(str(refused))
        else:
            missing += [UNCHECKED] if self._takes_anything(asked) else []
        known = said.get("administers")
        administers = [str(name) for name in known] if isinstance(known, list) else []
        if isinstance(known, list):
            missing += [f'The receiver knows no entitlement "{name}".' for name in asked if name not in known]
        return Finding(
            usable=not missing,
            version=str(said.get("version") or "Web hook"),
            service_account="whoever signs with the secret",
            rights=[],
            administers=administers,
            missing=missing,
            excess=[],
        )

    def _takes_anything(self, asked: list[str]) -> bool:
        try:
            self._ask("right.check", {"entitlements": asked}, keys=[new_secret()])
        except (AuthenticationFailed, Denied, Unsupported, NotFound):
            return False
        return True

    def grant(
        self,
        account: str,
        entitlement: str,
        *,
        not_after: datetime | None,
        operation: str,
        scope: str = WHOLE,
    ) -> Outcome:
        """Tell that the right shall stand, and until when where the receiver keeps ends. See `Connector.grant`."""
        # Who keeps no ends is told none: it would not be told when the end moves either.
        end = not_after.astimezone(UTC).isoformat() if not_after and self._can["native_end"] else None
        return self._tell("right.granted", account, entitlement, scope, operation, not_after=end, receipt="")

    def revoke(
        self, account: str, entitlement: str, *, operation: str, receipt: str = "", scope: str = WHOLE
    ) -> Outcome:
        """Tell that the right shall not stand. See `Connector.revoke`."""
        return self._tell(
            "right.revoked", account, entitlement, scope, operation, not_after=None, receipt=receipt
        )

    def list_grants(self, entitlements: Iterable[str]) -> list[Grant]:
        """What stands, as the receiver says. See `Connector.list_grants`."""
        if not self._can["lists"]:
            raise Unsupported("This receiver cannot say what stands.")
        asked = sorted(set(entitlements))
        if not asked:
            return []
        said = self._ask("right.list", {"entitlements": asked}, most_bytes=MOST_BYTES_OF_LIST)
        grants = grants_in(said, keeps_ends=self._can["native_end"])
        return [one for one in grants if one.entitlement in asked]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        return None

    def _tell(
        self, kind: str, account: str, entitlement: str, scope: str, operation: str, **more: object
    ) -> Outcome:
        if not self._can["scopes"]:
            refuse_scopes(scope)
        data = {"account": account, "entitlement": entitlement, "scope": scope, "operation": operation}
        body = as_body(kind, data | more)
        said = self._post(body, data, message_id=id_of(body))
        return outcome_in(said, keeps_ends=self._can["native_end"] and kind == "right.granted")

    def _ask(
        self,
        kind: str,
        data: Mapping[str, object],
        *,
        keys: Sequence[str] = (),
        most_bytes: int = MOST_BYTES,
    ) -> dict[str, Any]:
        return self._post(
            as_body(kind, data), data, message_id=f"msg_{uuid.uuid4().hex}", keys=keys, most_bytes=most_bytes
        )

    def _post(
        self,
        body: bytes,
        data: Mapping[str, object],
        *,
        message_id: str,
        keys: Sequence[str] = (),
        most_bytes: int = MOST_BYTES,
    ) -> dict[str, Any]:
        keys = keys or keys_in(self._secret)
        signed = signed_headers(keys, message_id=message_id, timestamp=int(time.time()), body=body)
        reply = self._send(
            self._url,
            content=body,
            headers=signed | {"Content-Type": "application/json", "Accept": "application/json"},
            timeout=SECONDS,
            most_bytes=most_bytes,
        )
        return understood(reply, data, keys=keys)
