"""Reading an iCalendar text into plain events. Run as a program of its own, with little memory and little time.

A calendar comes from elsewhere, and its rules of repetition can ask for more work than anybody has time for. So it is
read in a process that can be ended: ``python -m approvals.automatic.reading FROM UNTIL``, the text as its input. It needs
nothing of the portal.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events  # type: ignore[import-untyped]
from icalendar import Calendar, Event

MOST_EVENTS = 3000  # between the two moments
MOST_MEMORY = 1024 * 1024 * 1024  # bytes of addresses
LONGEST_SUMMARY = 200  # characters
MOST_PEOPLE = 50  # of one event


class Unreadable(Exception):
    """The text cannot be read; the message is a code that ``calendars`` has words for."""


def events_in(text: bytes, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """The events of a calendar between two moments, repeated ones one by one, in the order they begin.

    Raises:
        Unreadable: it is no calendar, or there are too many.
    """
    try:
        calendar = Calendar.from_ical(text)
    except Exception as error:  # the library lets through whatever its parsing meets
        raise Unreadable("not_a_calendar") from error
    if not isinstance(calendar, Calendar):
        raise Unreadable("not_a_calendar")
    zone = zone_of(calendar)
    found = []
    for event in recurring_ical_events.of(calendar, skip_bad_series=False).between(start, end):
        if isinstance(event, Event) and str(event.get("STATUS", "")).upper() != "CANCELLED":
            found.append(as_plain(event, zone))
            if len(found) > MOST_EVENTS:
                raise Unreadable("too_many_events")
    return sorted(
        (one for one in found if one["starts_at"] < one["ends_at"]), key=lambda one: one["starts_at"]
    )


def zone_of(calendar: Calendar) -> tzinfo:
    """The zone of times that name none: the calendar's own, else UTC.

    Raises:
        Unreadable: it names one that does not exist. Nobody guesses when somebody is on call.
    """
    try:
        return ZoneInfo(str(calendar.get("X-WR-TIMEZONE", "UTC")))
    except (KeyError, ValueError, OSError) as error:  # a zone that is not found is a KeyError
        raise Unreadable("unknown_zone") from error


def as_plain(event: Event, zone: tzinfo) -> dict[str, Any]:
    """An event as it is kept: its times in UTC, who takes part and who has declined, by address."""
    begins = as_moment(event.start, zone)
    ends = as_moment(event.end, zone)
    if not isinstance(event.start, datetime) and ends <= begins:
        ends = as_moment(event.start + timedelta(days=1), zone)
    people = list(people_of(event))[:MOST_PEOPLE]
    return {
        "summary": " ".join(str(event.get("SUMMARY", "")).split())[:LONGEST_SUMMARY],
        "starts_at": begins.isoformat(),
        "ends_at": ends.isoformat(),
        "attendees": sorted({email for email, declined in people if not declined}),
        "declined": sorted({email for email, declined in people if declined}),
    }


def people_of(event: Event) -> Iterator[tuple[str, bool]]:
    """The address of each who takes part, and whether they have declined."""
    said = event.get("ATTENDEE", [])
    for one in said if isinstance(said, list) else [said]:
        email = str(one).strip().casefold().removeprefix("mailto:")
        if "@" in email:
            yield email[:254], str(getattr(one, "params", {}).get("PARTSTAT", "")).upper() == "DECLINED"


def as_moment(at: date, zone: tzinfo) -> datetime:
    """A moment in UTC; a day begins at its midnight."""
    if not isinstance(at, datetime):
        at = datetime.combine(at, time.min)
    return (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)


def main() -> None:
    """Read the calendar that comes in, and write its events, or a fault, as JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    start, end = (datetime.fromisoformat(said) for said in sys.argv[1:3])
    said: dict[str, Any]
    try:
        said = {"events": events_in(sys.stdin.buffer.read(), start, end)}
    except Unreadable as fault:
        said = {"fault": str(fault)}
    except Exception:  # noqa: BLE001  whatever a broken event makes the library do
        said = {"fault": "broken_event"}
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
