"""Calendars of who is on call: entering them, and fetching them in the background.

Whoever can write in a calendar that a rule looks into can let requests pass. So a calendar is entered and changed like a
rule: with the duty, a justification and a second factor for this very act.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ROLE_ADMINISTRATORS, require
from accounts.mfa.freshness import act_digest, prove_act
from approvals.automatic.models import AutomaticRule, Calendar
from approvals.justifying import justification_of
from audit.journal.actor import Actor
from audit.journal.recording import delete_as, journaled, record, save_as
from audit.journal.refusing import Overtaken, Refused, refusing_what_is_invalid
from roles.outbound import AddressRefused, Unreachable, check_address, fetch

logger = logging.getLogger(__name__)

AGAIN_AFTER = timedelta(minutes=4)  # a little less than the timetable's five, so that no round is missed
BACK, AHEAD = timedelta(days=35), timedelta(days=35)  # which events are kept, around the moment of reading
PATIENCE = 8.0  # seconds for fetching
READING = 18.0  # seconds for reading, the start of a process included
NEEDED = ("PATH", "PYTHONPATH", "LANG", "LC_ALL")  # of the environment, for reading: no secrets
MOST_BYTES = 2_000_000
BATCH = 50
READER = "approvals.automatic.reading"


class Unfit(Exception):
    """A calendar could not be fetched or read; the message says why."""


@journaled
def save_calendar(calendar: Calendar, *, actor: Actor, justification: str) -> Calendar:
    """Keep a calendar, new or changed. What was read of another address does not count any more.

    Raises:
        NotAllowed: no duty for this.
        Refused: no justification, the key or name is missing or taken, or the address may not be called.
        StepUpRequired: it decides who is on call, so it needs a second factor of its own.
        Overtaken: somebody removed it meanwhile.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    before = Calendar.objects.select_for_update().filter(pk=calendar.pk).first() if calendar.pk else None
    if calendar.pk and before is None:
        raise Overtaken
    calendar.name, calendar.url = calendar.name.strip(), calendar.url.strip()
    try:
        with refusing_what_is_invalid():
            calendar.full_clean()
    except Refused as refused:
        refused.field = "url" if refused.field in ("__all__", "secret_url") else refused.field
        raise
    if before is not None and before.key != calendar.key:
        raise Refused(_("Rules know it by its key, which stays."), field="key")
    why = justification_of(justification)
    act = act_digest(
        verb="save calendar",
        calendar=calendar.pk,
        key=calendar.key,
        name=calendar.name,
        url=calendar.url,
        why=why,
    )
    what_for = _("The calendar “%(name)s”") % {"name": calendar.name}
    prove_act(actor, act=act, what_for=what_for)
    # What was read meanwhile stays, unless it was read elsewhere.
    read = before if before is not None and before.url == calendar.url else Calendar()
    calendar.text, calendar.fetched_at = read.text, read.fetched_at
    calendar.tried_at, calendar.fault = read.tried_at, read.fault
    save_as(calendar, actor=actor, reason=why)
    return calendar


@journaled
def remove_calendar(calendar: Calendar, *, actor: Actor) -> None:
    """Forget a calendar: rules that look into it decide nothing any more, and people do.

    Raises:
        NotAllowed: no duty for this.
        Overtaken: somebody removed it already.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    if not Calendar.objects.filter(pk=calendar.pk).exists():
        raise Overtaken
    delete_as(calendar, actor=actor)


@journaled
def ask_for_fetch(calendar: Calendar, *, actor: Actor) -> None:
    """Write down that somebody has a calendar fetched at once. The fetching comes after it, outside the transaction.

    Raises:
        NotAllowed: no duty for this.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    record("calendar.fetch_asked", actor=actor, subject=calendar)


def check_calendar_address(url: str) -> None:
    """Refuse an address that the portal may not call. It asks a name server, so never inside a transaction.

    Raises:
        Refused: beside the field ``url``.
    """
    check_address(url)


def rules_looking_into(calendar: Calendar) -> list[AutomaticRule]:
    """The rules not retired that have a condition on ``calendar``."""
    return [
        rule
        for rule in AutomaticRule.objects.in_use()
        for said in rule.conditions
        if isinstance(said, dict) and said.get("kind") == "calendar" and said.get("calendar") == calendar.key
    ]


@shared_task(ignore_result=True)
def fetch_due_calendars() -> None:
    """Fetch every calendar that was not looked at in the last minutes."""
    for calendar in Calendar.objects.due(timezone.now() - AGAIN_AFTER).order_by("tried_at", "pk")[:BATCH]:
        if claim(calendar):
            fetch_calendar(calendar)


def claim(calendar: Calendar) -> bool:
    """Whether it is this process that fetches: of several that see it due, one."""
    now = timezone.now()
    seen = Calendar.objects.filter(pk=calendar.pk, tried_at=calendar.tried_at)
    return bool(seen.update(tried_at=now))


def fetch_calendar(calendar: Calendar) -> str:
    """Fetch and read a calendar, and keep what was read. Not inside a transaction.

    What was read before stays where it cannot be read now, and grows stale.

    Returns:
        why it could not be read; "" when it could.
    """
    now = timezone.now()
    fault, text, fetched_at = "", calendar.text, calendar.fetched_at
    try:
        text, fetched_at = json.dumps(read_events(fetched(calendar.url), at=now)), now
    except Unfit as unfit:
        fault = str(unfit)
    except Exception:
        logger.exception("The calendar %s could not be fetched", calendar.key)
        fault = _("It could not be fetched.")
    # Only as long as the address is the one that was asked: somebody may have changed it meanwhile.
    Calendar.objects.filter(pk=calendar.pk, secret_url=calendar.secret_url).update(
        tried_at=now, fault=fault[:300], text=text, fetched_at=fetched_at
    )
    calendar.refresh_from_db()
    return fault


def fetched(url: str) -> bytes:
    """What the address answers.

    Raises:
        Unfit: it may not be called, does not answer in time, answers too much, or something else than a calendar.
    """
    try:
        answer = fetch(url, headers={"Accept": "text/calendar"}, timeout=PATIENCE, most_bytes=MOST_BYTES)
    except (AddressRefused, Unreachable) as refusal:
        raise Unfit(str(refusal)) from refusal
    if answer.status != 200:
        raise Unfit(_("It answered with HTTP status %(status)s.") % {"status": answer.status})
    return answer.body


def read_events(text: bytes, *, at: datetime) -> dict[str, Any]:
    """The events of a calendar around ``at``, read by a process that can be ended.

    Raises:
        Unfit: it is no calendar, a part of it is broken, or it takes too long.
    """
    start, end = (at - BACK).isoformat(), (at + AHEAD).isoformat()
    argv = [sys.executable, "-m", READER, start, end]
    try:
        done = subprocess.run(
            argv,
            input=text,
            capture_output=True,
            timeout=READING,
            check=True,
            cwd=settings.BASE_DIR,
            env={name: os.environ[name] for name in NEEDED if name in os.environ},
        )
        said = json.loads(done.stdout)
    except subprocess.TimeoutExpired as late:
        raise Unfit(_("It takes too long to read: a rule of repetition in it asks for too much.")) from late
    except (subprocess.CalledProcessError, ValueError) as broken:
        raise Unfit(FAULTS["broken_event"]()) from broken
    if "fault" in said:
        raise Unfit(FAULTS.get(said["fault"], FAULTS["broken_event"])())
    return {"from": start, "until": end, "events": said["events"]}


FAULTS = {
    "not_a_calendar": lambda: _("What it answered is not an iCalendar text."),
    "unknown_zone": lambda: _("Its time zone does not exist."),
    "too_many_events": lambda: _("It has too many events within some weeks."),
    "broken_event": lambda: _("One of its events cannot be read."),
}
