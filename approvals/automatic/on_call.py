"""Whether somebody stands in a calendar at a moment. Pure: the calendar is what was read of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

#: a copy older than this says nothing any more
STALE_AFTER = timedelta(minutes=60)
WORD = re.compile(r"[^\W_][\w.+@'’-]*")


def whether_on_call(
    person: Mapping[str, Any],
    calendar: Mapping[str, Any] | None,
    *,
    at: datetime,
    looked_at: datetime,
    name: str,
) -> tuple[bool | None, str]:
    """Whether an event of ``calendar`` at ``at`` names ``person``; None where that cannot be told; and why, in words.

    Args:
        person: ``email``, ``name``, and whether it ``is_the_only_one`` of that name.
        calendar: ``fetched_at``, ``from`` and ``until`` (what was read of it), ``events``; None where there is none.
        looked_at: when the decision is made, for the age of the copy.
        name: of the calendar.
    """
    said = {"name": name}
    if calendar is None:
        return None, _("There is no calendar “%(name)s” any more.") % said
    if not calendar["fetched_at"]:
        return None, _("The calendar “%(name)s” was never read.") % said
    if looked_at - datetime.fromisoformat(calendar["fetched_at"]) > STALE_AFTER:
        return None, _("The calendar “%(name)s” was not read for more than an hour.") % said
    if not datetime.fromisoformat(calendar["from"]) <= at < datetime.fromisoformat(calendar["until"]):
        return None, _("The calendar “%(name)s” was not read as far as that moment.") % said
    for event in calendar["events"]:
        if covers(event, at) and names(event, person):
            said["event"] = event["summary"]
            return True, _("“%(event)s” in the calendar “%(name)s” named the person.") % said
    return False, _("No event in the calendar “%(name)s” named the person.") % said


def covers(event: Mapping[str, Any], at: datetime) -> bool:
    """Whether an event goes on at ``at``: its end is already outside."""
    return datetime.fromisoformat(event["starts_at"]) <= at < datetime.fromisoformat(event["ends_at"])


def names(event: Mapping[str, Any], person: Mapping[str, Any]) -> bool:
    """Whether an event names ``person``: as somebody who takes part, or by address or full name in its summary.

    Who has declined does not take part. A name counts only where it is of two words at least and nobody else's.
    """
    email = person["email"].casefold()
    if email in event["declined"]:
        return False
    if email in event["attendees"]:
        return True
    words = words_of(event["summary"])
    if email in words:
        return True
    name = words_of(person["name"])
    if len(name) < 2 or not person["is_the_only_one"]:
        return False
    return any(words[at : at + len(name)] == name for at in range(len(words) - len(name) + 1))


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters; an address and a double name are one word each."""
    return [word.strip(".-'’").casefold() for word in WORD.findall(text)]
