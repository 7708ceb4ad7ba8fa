"""Values as they may be written into the book: plain, the same after every trip to a database and back, no secrets."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any

#: parts of names whose values are never written down
SECRET_NAMES = re.compile(
    r"pass(word|phrase|wd)|secret|token|credential|private|cookie|api_?key|otp_?key", re.IGNORECASE
)
#: a password inside an address: ``postgresql://name:password@host``
SECRET_IN_ADDRESS = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")
HIDDEN = "(not shown)"

#: whole numbers beyond this lose figures on their way through JSON readers elsewhere
GREATEST_WHOLE = 2**53

#: control characters, and those that turn the direction of writing: they make a text read as what it is not
UNSEEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
#: what a database or UTF-8 cannot hold: NUL and halves of surrogate pairs
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """``text`` without what PostgreSQL or UTF-8 cannot hold; a replacement character stands in its place."""
    return UNSTORABLE.sub("\ufffd", text)


def visible(text: str) -> str:
    """``text`` with its control and direction characters written out (``\\u202e``), line breaks and tabs kept."""
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str, *, most: int = 0) -> str:
    """``text`` on one line, white space drawn together, control characters gone.

    Args:
        most: characters to keep, an ellipsis included; 0 keeps all.
    """
    line = " ".join(UNSEEN.sub(" ", storable(text)).split())
    return line if not most or len(line) <= most else f"{line[: most - 1]}…"


def plain(value: Any) -> Any:
    """``value`` made of text, whole and broken numbers, truth values, None, lists and mappings alone.

    Whatever comes out reads back the same from SQLite's text and from PostgreSQL's jsonb, so that a digest over it
    still holds: names of mappings become text, numbers a database would write otherwise become text as well.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return storable(str(value))
    if isinstance(value, int):
        return value if abs(value) <= GREATEST_WHOLE else str(value)
    if isinstance(value, float):
        # jsonb keeps decimals, not binary fractions: 1e+16 comes back as a whole number, -0.0 as 0.0.
        if value == 0:
            return 0.0
        return value if 1e-4 <= abs(value) < 1e15 else str(value)
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + " s"
    if isinstance(value, dict):
        return {plain_name(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(each) for each in value), key=str)
    return storable(str(value))


def plain_name(name: Any) -> str:
    """A mapping's name as text."""
    return storable(str(name.value if isinstance(name, Enum) else name))


def without_secrets(value: Any, *, name: str = "") -> Any:
    """``value`` in plain form, with everything hidden that carries the name of a secret or sits in an address."""
    if name and SECRET_NAMES.search(name):
        return HIDDEN if value else plain(value)
    if isinstance(value, dict):
        return {plain_name(key): without_secrets(each, name=plain_name(key)) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_secrets(each) for each in value]
    shown = plain(value)
    return SECRET_IN_ADDRESS.sub(rf"\1:{HIDDEN}@", shown) if isinstance(shown, str) else shown
