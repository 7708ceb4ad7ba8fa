"""When the runs of a series start. Pure."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta

WEEK = timedelta(days=7)
#: months between two runs
MONTHS = {"monthly": 1, "quarterly": 3, "half_yearly": 6, "yearly": 12}
#: the longest that a run may last, in days, so that it is over before the next one (Microsoft Entra: 27 for monthly)
LONGEST = {"once": 365, "weekly": 6, "monthly": 27, "quarterly": 88, "half_yearly": 180, "yearly": 364}


def start_of(number: int, *, first: datetime, frequency: str) -> datetime:
    """When the run of that number starts, in the zone of ``first``, on the same hour of the clock.

    A month without the day of the first run has it on its last day, and the month after that on the day again.

    Args:
        number: 1 is the first.
        first: in the zone whose clock counts.
        frequency: of ``ReviewSeries.Frequency``.

    Raises:
        ValueError: what happens once has no second run.
    """
    if number < 1 or (frequency == "once" and number > 1):
        raise ValueError(f"no run {number} of a series that is {frequency}")
    if frequency in ("once", "weekly"):
        return first + WEEK * (number - 1)
    months = first.month - 1 + MONTHS[frequency] * (number - 1)
    year, month = first.year + months // 12, months % 12 + 1
    return first.replace(year=year, month=month, day=min(first.day, monthrange(year, month)[1]))


def next_after(
    number: int,
    *,
    first: datetime,
    frequency: str,
    until: datetime | None,
    times: int | None,
    begun_before: int = 0,
) -> datetime | None:
    """When the run after that of ``number`` starts; None where the series is over with it.

    Args:
        begun_before: how many runs had begun before starts were counted from ``first``; ``times`` counts these too.
    """
    following = number + 1
    since = following - begun_before
    if (frequency == "once" and since > 1) or (times is not None and following > times):
        return None
    start = start_of(since, first=first, frequency=frequency)
    return None if until is not None and start > until else start
