"""One line of the timeline of a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Step:
    """One line of the timeline.

    Args:
        icon: name in the sprite.
        title: what happened, as a sentence without its full stop.
        at: when; None for what has no moment.
        tone: "", ``ok``, ``wait``, ``bad`` or ``accent`` (you are here).
        text: more about it.
        quote: what a person wrote.
        future: whether it is still to come.
    """

    icon: str
    title: str
    at: datetime | None = None
    tone: str = ""
    text: str = ""
    quote: str = ""
    future: bool = False
