"""Automatic rules and calendars to test with."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Group, User
from approvals.automatic.models import AutomaticRule, Calendar
from audit.journal.actor import PORTAL
from audit.journal.recording import save_as
from roles.models import Role
from tests.factories.roles import NOON, change_settings

APPROVE, DENY = "approve", "deny"
WEEKDAYS = [0, 1, 2, 3, 4]


def window(**said: Any) -> dict[str, Any]:
    """Noon of a weekday in Vienna lies within."""
    return {
        "kind": "window",
        "must_hold": True,
        "zone": "Europe/Vienna",
        "days": WEEKDAYS,
        "from": "08:00",
        "to": "18:00",
    } | said


def member(group: Group, *, must_hold: bool = True) -> dict[str, Any]:
    return {"kind": "member", "must_hold": must_hold, "group": group.pk, "name": group.name}


def on_call(calendar: str = "emea", *, must_hold: bool = True) -> dict[str, Any]:
    return {"kind": "calendar", "must_hold": must_hold, "calendar": calendar, "name": "On call EMEA"}


def ticket(pattern: str = r"INC-\d{5}", *, must_hold: bool = True) -> dict[str, Any]:
    return {"kind": "ticket", "must_hold": must_hold, "pattern": pattern}


def risk(most: str = "low", *, must_hold: bool = True) -> dict[str, Any]:
    return {"kind": "risk", "must_hold": must_hold, "most": most}


def make_automatic_rule(
    *conditions: dict[str, Any], verdict: str = APPROVE, key: str = "hours", **more: Any
) -> AutomaticRule:
    """A rule, past its verb: nobody need prove themselves for it."""
    rule = AutomaticRule(
        key=key, name=more.pop("name", key.title()), verdict=verdict, conditions=list(conditions), **more
    )
    save_as(rule, actor=PORTAL)
    return rule


def name_rules(role: Role, *rules: AutomaticRule | str) -> None:
    """Let the settings of ``role`` name these rules and no others."""
    said = [rule if isinstance(rule, str) else rule.reference for rule in rules]
    change_settings(role, automatic="\n".join(said))


def event(
    summary: str = "Watch",
    *,
    starts_at: datetime = NOON - timedelta(hours=1),
    ends_at: datetime = NOON + timedelta(hours=1),
    attendees: tuple[str, ...] = (),
    declined: tuple[str, ...] = (),
) -> dict[str, Any]:
    """An event as it is kept after reading."""
    return {
        "summary": summary,
        "starts_at": starts_at.isoformat(),
        "ends_at": ends_at.isoformat(),
        "attendees": list(attendees),
        "declined": list(declined),
    }


def read_calendar(*events: dict[str, Any], fetched_at: datetime | None = None, **more: Any) -> Calendar:
    """A calendar that was read: now, unless another moment is named."""
    at = fetched_at or timezone.now()
    text = {
        "from": (at - timedelta(days=35)).isoformat(),
        "until": (at + timedelta(days=35)).isoformat(),
        "events": list(events),
    }
    said = {"key": "emea", "name": "On call EMEA", "url": "https://calendar.example.test/emea.ics"}
    calendar = Calendar(**said | more, text=json.dumps(text), fetched_at=at)
    save_as(calendar, actor=PORTAL)
    return calendar


def names_person(person: User) -> dict[str, Any]:
    """An event at noon in which ``person`` takes part."""
    return event(attendees=(person.email,))
