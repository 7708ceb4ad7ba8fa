"""Rights at Microsoft as plain values, and what an entitlement there offers, whichever interface it belongs to.

There are two forms. Where the tenant has Privileged Identity Management, a schedule request gives the right with an
end that Microsoft keeps. Otherwise it is a plain assignment without one. Both may be there, by whoever made them.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from .microsoft_calls import WITHOUT_PIM, Refused

MARK = "PIM Portal"


@dataclass(frozen=True, slots=True)
class Standing:
    """One right that stands: whose, where, until when.

    id: of the schedule where Microsoft keeps its end (`native`), otherwise of the plain assignment.
    """

    principal: str
    scope: str
    id: str
    native: bool
    not_after: datetime | None = None
    name: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One schedule request: what was asked, and what it came to."""

    id: str
    action: str
    status: str
    scope: str = ""
    schedule: str = ""
    why: str = ""
    made: str = ""
    end: datetime | None = None

    @property
    def state(self) -> str:
        return self.status.lower()


class Right(Protocol):
    """One entitlement at one place, as its own interface offers it."""

    @property
    def words(self) -> str:
        """What to call it in a message."""
        ...

    @property
    def scope(self) -> str: ...

    @property
    def wants_native_end(self) -> bool: ...

    def native(self, principal: str = "") -> list[Standing]:
        """What stands with a schedule, at every place: for one principal, or for all."""
        ...

    def plain(self, principal: str = "") -> list[Standing]: ...

    def requests(self, principal: str) -> list[Request]: ...

    def request(self, name: str) -> Request: ...

    def ask(
        self, action: str, principal: str, why: str, *, until: Any = None, schedule: str = ""
    ) -> Request: ...

    def cancel(self, request: Request) -> None: ...

    def give(self, principal: str, why: str) -> str:
        """Make a plain assignment and return its id."""
        ...

    def take(self, principal: str, name: str) -> None: ...

    def is_ours(self, standing: Standing) -> bool:
        """Whether a plain assignment can be told to be the portal's own."""
        ...


def mark_of(client_id: str, operation: str) -> str:
    """The justification of all that the portal asks for, by which it knows its own again."""
    return f"{MARK} ({client_id}): {operation}"[:500]


def everything(right: Right, principal: str = "") -> tuple[list[Standing], bool]:
    """What stands, each right once, and whether the tenant's Privileged Identity Management answers."""
    scheduled: list[Standing] = []
    has_pim = right.wants_native_end
    if has_pim:
        try:
            scheduled = right.native(principal)
        except Refused as error:
            if error.code != WITHOUT_PIM:
                raise
            has_pim = False
    known = {(standing.principal, standing.scope.lower()) for standing in scheduled}
    plain = [one for one in right.plain(principal) if (one.principal, one.scope.lower()) not in known]
    return list({(one.principal, one.scope.lower()): one for one in scheduled + plain}.values()), has_pim


def receipt_of(standing: Standing) -> str:
    form = "native" if standing.native else "plain"
    return json.dumps({"principal": standing.principal, "form": form, "id": standing.id.rpartition("/")[2]})


def read_receipt(receipt: str) -> dict[str, str]:
    try:
        kept = json.loads(receipt)
        return {key: str(kept[key]) for key in ("principal", "form", "id")}
    except (ValueError, KeyError, TypeError):
        return {}


def moment(text: Any) -> datetime | None:
    """A time as Microsoft writes it, which may have seven digits behind the second."""
    if not text:
        return None
    whole, _, rest = str(text).replace("Z", "+00:00").partition(".")
    zone = rest[rest.index("+") :] if "+" in rest else ""
    return datetime.fromisoformat(whole + zone).astimezone(UTC)


def written(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
