"""Calendars: read from a real server, bounded, and saying why where they cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.mfa.freshness import StepUpRequired
from approvals.automatic import calendars
from approvals.automatic.calendars import (
    Unfit,
    check_calendar_address,
    fetch_due_calendars,
    read_events,
    remove_calendar,
    save_calendar,
)
from approvals.automatic.gathering import events_read
from approvals.automatic.listing import is_stale, on_call_now
from approvals.automatic.models import Calendar
from approvals.automatic.reading import Unreadable, events_in
from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent
from audit.journal.recording import save_as
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from tests.cast import Cast
from tests.factories.roles import NOON, acting, give_evidence, now

START, END = NOON - timedelta(days=35), NOON + timedelta(days=35)


def ics(*events: str, head: str = "") -> bytes:
    """A calendar of these events, each some lines."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//test//EN", *head.split("\n")]
    for number, event in enumerate(events):
        lines += [
            "BEGIN:VEVENT",
            f"UID:{number}",
            "DTSTAMP:20260101T000000Z",
            *event.split("\n"),
            "END:VEVENT",
        ]
    return "\r\n".join([line for line in lines if line] + ["END:VCALENDAR", ""]).encode()


def times(*events: str, head: str = "", near: datetime = NOON) -> list[str]:
    """When the events on the day of ``near`` and the next begin and end."""
    found = events_in(ics(*events, head=head), near - timedelta(hours=12), near + timedelta(hours=36))
    return [f"{one['starts_at'][5:16]}/{one['ends_at'][5:16]}" for one in found]


VIENNA = "DTSTART;TZID=Europe/Vienna:20260302T080000\nDTEND;TZID=Europe/Vienna:20260302T200000\n"


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ("DTSTART:20260504T100000Z\nDTEND:20260504T140000Z", ["05-04T10:00/05-04T14:00"]),
        ("DTSTART:20260504T100000Z\nDURATION:PT90M", ["05-04T10:00/05-04T11:30"]),
        (f"{VIENNA}RRULE:FREQ=WEEKLY;BYDAY=MO", ["05-04T06:00/05-04T18:00"]),
        (f"{VIENNA}RRULE:FREQ=WEEKLY;BYDAY=MO\nEXDATE;TZID=Europe/Vienna:20260504T080000", []),
        (f"{VIENNA}RRULE:FREQ=WEEKLY;UNTIL=20260401T000000Z", []),
        ("DTSTART;VALUE=DATE:20260504\nDTEND;VALUE=DATE:20260505", ["05-04T00:00/05-05T00:00"]),
        ("DTSTART;VALUE=DATE:20260504", ["05-04T00:00/05-05T00:00"]),
        ("DTSTART:20260504T100000Z\nDTEND:20260504T140000Z\nSTATUS:CANCELLED", []),
        ("DTSTART:20300504T140000Z\nDTEND:20300504T150000Z", []),
    ],
)
def test_events_are_found_by_their_rules_of_repetition_and_told_in_utc(event: str, found: list[str]) -> None:
    assert times(event) == found


def test_a_watch_of_the_same_hours_moves_with_the_clocks() -> None:
    sunday = datetime(2026, 3, 29, 12, tzinfo=UTC)
    daily = f"{VIENNA}RRULE:FREQ=DAILY"

    assert times(daily, near=sunday - timedelta(days=1))[0] == "03-28T07:00/03-28T19:00"
    assert times(daily, near=sunday)[0] == "03-29T06:00/03-29T18:00"


def test_times_without_a_zone_are_of_the_calendars_own() -> None:
    day, hours = "DTSTART;VALUE=DATE:20260504", "DTSTART:20260504T100000\nDTEND:20260504T110000"

    assert times(day, hours, head="X-WR-TIMEZONE:Asia/Tokyo") == [
        "05-03T15:00/05-04T15:00",
        "05-04T01:00/05-04T02:00",
    ]
    with pytest.raises(Unreadable, match="unknown_zone"):
        times(hours, head="X-WR-TIMEZONE:Mars/Olympus")


def test_who_takes_part_is_read_by_address_and_who_declined_apart() -> None:
    [found] = events_in(
        ics(
            "DTSTART:20260504T100000Z\nDTEND:20260504T140000Z\nSUMMARY:On  call\\, EMEA\n"
            "ATTENDEE;CN=Robin:MAILTO:Robin@Example.test\nATTENDEE;PARTSTAT=DECLINED:mailto:kim@example.test\n"
            "ATTENDEE:urn:uuid:1"
        ),
        START,
        END,
    )

    assert found["summary"] == "On call, EMEA"
    assert (found["attendees"], found["declined"]) == (["robin@example.test"], ["kim@example.test"])


@pytest.mark.parametrize(
    "text", [b"", b"hello", b"<html></html>", b"\xff\xfe\x00", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n"]
)
def test_what_is_no_calendar_is_a_fault(text: bytes) -> None:
    with pytest.raises(Unreadable):
        events_in(text, START, END)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"<html></html>", "not an iCalendar"),
        (ics("DTSTART:nonsense\nDTEND:20260504T140000Z"), "cannot be read"),
        (ics("SUMMARY:without a start"), "cannot be read"),
        (ics("DTSTART:20260401T000000Z\nDURATION:PT1M\nRRULE:FREQ=MINUTELY;INTERVAL=10"), "too many events"),
    ],
)
def test_what_cannot_be_read_says_so_in_words(text: bytes, says: str) -> None:
    with pytest.raises(Unfit, match=says):
        read_events(text, at=NOON)


def test_a_bomb_of_repetitions_is_ended_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendars, "READING", 2.0)
    bomb = ics("DTSTART:19000101T000000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30")

    with pytest.raises(Unfit, match="takes too long"):
        read_events(bomb, at=NOON)


class CalendarServer:
    """Answers with ``body`` and ``status``, on the loopback interface."""

    def __init__(self) -> None:
        self.body, self.status, self.asked = b"", 200, 0
        answer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer.asked += 1
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_said: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/emea.ics"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(settings: Settings) -> Iterator[CalendarServer]:
    settings.OUTBOUND_ALLOWED = ["127.0.0.1"]
    server = CalendarServer()
    yield server
    server.stop()


def entered(url: str) -> Calendar:
    calendar = Calendar(key="emea", name="On call EMEA", url=url)
    save_as(calendar, actor=PORTAL)
    return calendar


def going_on() -> str:
    at = timezone.now()
    return f"SUMMARY:Robin\nDTSTART:{at - timedelta(hours=1):%Y%m%dT%H%M%SZ}\nDURATION:PT2H"


@pytest.mark.django_db
def test_a_calendar_is_fetched_from_a_real_server_and_a_fault_leaves_the_old_copy_to_grow_stale(
    server: CalendarServer,
) -> None:
    server.body = ics(going_on())
    calendar = entered(server.url)

    fetch_due_calendars()
    fetch_due_calendars()  # not due yet

    calendar = now(calendar)
    assert server.asked == 1
    assert [one["summary"] for one in on_call_now(calendar)] == ["Robin"]
    assert (calendar.fault, is_stale(calendar)) == ("", False)
    long_ago = timezone.now() - timedelta(minutes=61)
    Calendar.objects.update(tried_at=long_ago, fetched_at=long_ago)
    server.status = 503
    fetch_due_calendars()
    calendar = now(calendar)
    assert calendar.fault == "It answered with HTTP status 503."
    assert (calendar.fetched_at, is_stale(calendar)) == (long_ago, True)
    assert len(events_read(calendar)["events"]) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"<html>", 200, "not an iCalendar"),
        (b"x" * 2_000_001, 200, "longer than"),
        (b"", 302, "HTTP status 302"),
        (b"", 404, "HTTP status 404"),
    ],
)
def test_whatever_a_server_answers_is_a_fault_in_words_and_never_an_error(
    server: CalendarServer, body: bytes, status: int, says: str
) -> None:
    server.body, server.status = body, status
    calendar = entered(server.url)

    fetch_due_calendars()

    assert says in now(calendar).fault
    assert now(calendar).fetched_at is None


@pytest.mark.django_db
def test_an_address_inside_is_not_called(server: CalendarServer, settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED = []
    calendar = entered(server.url)

    fetch_due_calendars()

    assert (server.asked, bool(now(calendar).fault)) == (0, True)
    with pytest.raises(Refused) as refusal:
        check_calendar_address(server.url)
    assert refusal.value.field == "url"


def entering(cast: Cast, calendar: Calendar, why: str = "Watch") -> Calendar:
    actor = acting(cast.administrator)
    with pytest.raises(StepUpRequired) as question:
        save_calendar(calendar, actor=actor, justification=why)
    give_evidence(actor, act=question.value.act)
    return save_calendar(calendar, actor=actor, justification=why)


@pytest.mark.django_db
def test_entering_and_changing_a_calendar_asks_for_proof_and_another_address_forgets_what_was_read(
    cast: Cast, server: CalendarServer
) -> None:
    server.body = ics(going_on())
    kept = entering(cast, Calendar(key="emea", name="On call EMEA", url=server.url))
    fetch_due_calendars()
    kept = now(kept)
    kept.name = "Watch"
    entering(cast, kept)
    assert now(kept).fetched_at is not None
    kept = now(kept)
    kept.url = "https://calendar.example.test/other.ics"
    entering(cast, kept)

    assert (now(kept).fetched_at, now(kept).text) == (None, "")
    entries = AuditEvent.objects.filter(action__startswith="calendar.", outcome="done").order_by("number")
    assert [one.action for one in entries] == ["calendar.created", "calendar.changed", "calendar.changed"]
    assert {one.justification for one in entries} == {"Watch"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("more", "why", "field"),
    [
        ({"key": ""}, "Watch", "key"),
        ({"key": "no key"}, "Watch", "key"),
        ({"name": " "}, "Watch", "name"),
        ({"url": "no address"}, "Watch", "url"),
        ({}, "  ", "justification"),
    ],
)
def test_what_is_wrong_with_a_calendar_is_said_beside_its_field(
    cast: Cast, more: dict[str, str], why: str, field: str
) -> None:
    said = {"key": "emea", "name": "On call EMEA", "url": "https://calendar.example.test/emea.ics"} | more

    with pytest.raises(Refused) as refusal:
        save_calendar(Calendar(**said), actor=acting(cast.administrator), justification=why)

    assert refusal.value.field == field


@pytest.mark.django_db
def test_only_role_administrators_change_calendars_and_a_removed_one_is_gone(cast: Cast) -> None:
    calendar = entered("https://calendar.example.test/emea.ics")
    for person in (cast.auditor, cast.employee, cast.root):
        with pytest.raises(NotAllowed):
            save_calendar(calendar, actor=acting(person), justification="Watch")
        with pytest.raises(NotAllowed):
            remove_calendar(calendar, actor=acting(person))
    key = calendar.pk
    remove_calendar(calendar, actor=acting(cast.administrator))
    calendar.pk = key
    for verb, more in ((remove_calendar, {}), (save_calendar, {"justification": "Watch"})):
        with pytest.raises(Overtaken):
            verb(calendar, actor=acting(cast.administrator), **more)  # type: ignore[operator]
