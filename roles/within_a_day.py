"""For how long something was held within any 24 hours: a sliding window over spans of time. Pure: no database, no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

WINDOW = timedelta(hours=24)
MINUTE = timedelta(minutes=1)

Span = tuple[datetime, datetime]  # from, until; the end is no part of it


def room_from(spans: Sequence[Span], start: datetime, *, limit: int, at_most: int) -> int:
    """How many whole minutes it may be held from ``start`` on, so that no 24 hours hold more than ``limit`` of them.

    Args:
        spans: when it was, or will be, held besides; they may overlap, and then count once.
        limit, at_most: in minutes; more than ``at_most`` is not looked for.
    """

    def fits(minutes: int) -> bool:
        return is_within(spans, (start, start + minutes * MINUTE), limit=limit)

    return _last(fits, max(0, min(limit, at_most)))


def possible_from(spans: Sequence[Span], start: datetime, *, minutes: int, limit: int) -> datetime:
    """From when on, not before ``start``, ``minutes`` of it fit; in whole minutes after ``start``.

    Args:
        spans: as in ``room_from``; limit: in minutes, and no less than ``minutes``.
    """
    latest = max((end for _start, end in spans), default=start) + WINDOW

    def too_early(waited: int) -> bool:
        begin = start + waited * MINUTE
        return begin < latest and not is_within(spans, (begin, begin + minutes * MINUTE), limit=limit)

    if not too_early(0):
        return start
    return start + (_last(too_early, max(0, (latest - start) // MINUTE) + 1) + 1) * MINUTE


def is_within(spans: Sequence[Span], wanted: Span, *, limit: int) -> bool:
    """Whether none of the 24 hours that ``wanted`` is a part of holds more than ``limit`` minutes of it and ``spans``.

    What others there may hold too much, because the limit was another one then, is not its business.
    """
    start, end = wanted
    held = merged([*spans, wanted])
    # The most lies in a window that begins with a span, or ends with one; or in the first or the last there is.
    begins = {start - WINDOW, end} | {one for a, b in held for one in (a, b - WINDOW)}
    return all(held_in(held, begin) <= limit * MINUTE for begin in begins if start - WINDOW <= begin <= end)


def held_in(spans: Sequence[Span], begin: datetime) -> timedelta:
    """How much of ``spans``, none of which overlap, lies in the 24 hours from ``begin`` on."""
    until = begin + WINDOW
    parts = (min(b, until) - max(a, begin) for a, b in spans)
    return sum((part for part in parts if part > timedelta(0)), timedelta(0))


def merged(spans: Sequence[Span]) -> list[Span]:
    """The same times without overlaps, in order; what lasts no time is left out."""
    found: list[Span] = []
    for start, end in sorted(one for one in spans if one[0] < one[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _last(holds: Callable[[int], bool], most: int) -> int:
    """The last of 0 to ``most`` for which ``holds`` is so, where it is so up to some number and then no more."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low
