"""Downloads: whole, checkable without the portal, recorded before their first byte, and never whole in memory."""

import csv
import io
import json
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Group, Membership
from audit import exporting
from audit.alerts.alerting import raise_alert, resolve_alert
from audit.exporting import COLUMNS, export_history, export_journal, export_own_part, stream_events
from audit.history import HISTORY_COLUMNS, HistorySpan
from audit.journal.actor import PORTAL, Actor
from audit.journal.models import AuditEvent
from audit.journal.recording import Entry, record, record_all, save_as
from audit.journal.refusing import NotAllowed, Refused
from audit.journal.verifying import verify_lines
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def lines_of(download: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(download).splitlines()]


def rows_of(download: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(download).decode(), newline="")))


def test_the_download_is_recorded_first_and_is_not_in_itself(cast: Cast) -> None:
    auditor = Actor.of(cast.auditor)
    until = AuditEvent.objects.count()
    download = export_journal(
        AuditEvent.objects.all(), form="jsonl", filters={"actor": "Robin"}, actor=auditor
    )
    event = AuditEvent.objects.first()
    assert event is not None
    assert (event.action, event.actor) == ("journal.exported", cast.auditor)
    assert event.detail == {
        "scope": "journal",
        "format": "jsonl",
        "filter": {"actor": "Robin"},
        "count": until,
        "until": until,
    }
    record("thing.happened", actor=PORTAL)
    assert [line["number"] for line in lines_of(download)] == list(range(1, until + 1))


@pytest.mark.parametrize("who", ["employee", "outsider", "root"])
def test_who_has_no_duty_to_read_it_gets_no_byte_and_the_refusal_is_recorded(cast: Cast, who: str) -> None:
    person = getattr(cast, who)
    with pytest.raises(NotAllowed):
        export_journal(AuditEvent.objects.all(), form="csv", filters={}, actor=Actor.of(person))
    with pytest.raises(NotAllowed):
        export_history(HistorySpan(), form="csv", filters={}, actor=Actor.of(person))
    with pytest.raises(NotAllowed):
        export_own_part(cast.administrator, form="csv", actor=Actor.of(person))
    assert AuditEvent.objects.filter(outcome="refused", actor=person).count() == 3


def test_another_format_is_refused(cast: Cast) -> None:
    with pytest.raises(Refused):
        export_journal(AuditEvent.objects.all(), form="exe", filters={}, actor=Actor.of(cast.auditor))


def test_I1_a_json_lines_download_verifies_by_the_key_alone(
    cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(
        "thing.happened",
        actor=Actor.of(cast.employee),
        justification="für „Übung“ \u202e \n=1+1",
        detail={"n": 1.5},
    )
    file = tmp_path / "journal.jsonl"
    file.write_bytes(b"".join(stream_events(AuditEvent.objects.all(), "jsonl")))
    call_command("verify_journal", file=file.open())
    assert f"{AuditEvent.objects.count()} entries" in capsys.readouterr().out
    tampered = file.read_text().replace("=1+1", "=1+2")
    file.write_text(tampered)
    with pytest.raises(CommandError, match=f"Entry {AuditEvent.objects.count()} was altered"):
        call_command("verify_journal", file=file.open())


def test_I1_forged_downloads_are_found(cast: Cast) -> None:
    record_all([Entry("thing.happened", PORTAL, detail={"n": n}) for n in range(5)])
    lines = b"".join(stream_events(AuditEvent.objects.all(), "jsonl")).decode().splitlines()
    assert verify_lines(lines).holds
    assert verify_lines(lines[2:]).holds, "a download may begin anywhere"
    assert verify_lines(lines[::2]).holds, "and leave entries out"
    count = len(lines)
    forgeries = {
        "swapped": [*lines[:3], lines[4], lines[3], *lines[5:]],
        "twice": [*lines[:3], lines[2], *lines[3:]],
        "a name twice": [lines[0].replace('"action":', '"action":"x","action":', 1)],
        "no digest": [
            json.dumps({name: value for name, value in json.loads(lines[0]).items() if name != "digest"})
        ],
        "empty": [""],
        "a list": ["[]"],
        "another digest": [lines[0].replace(json.loads(lines[0])["digest"], "0" * 64)],
        "another number": [lines[0].replace('"number":1', '"number":2')],
        "a number as text": [lines[0].replace('"number":1', '"number":"1"')],
    }
    for name, forged in forgeries.items():
        assert not verify_lines(forged).holds, name
    # taken from another chain: it holds by itself, but not behind the line before it
    other = json.loads(lines[3])
    assert not verify_lines([lines[1], json.dumps(other | {"previous_digest": "0" * 64})]).holds
    assert count > 5


def test_csv_carries_everything_the_chain_needs_and_a_sentence(cast: Cast) -> None:
    record(
        "activation.requested",
        actor=Actor.of(cast.employee),
        about=cast.employee,
        role="Reader",
        detail={"minutes": 240},
    )
    rows = rows_of(stream_events(AuditEvent.objects.all(), "csv"))
    assert list(rows[0]) == COLUMNS
    assert rows[-1]["words"] == "Robin Sample asked for Reader for 4 h"
    assert rows[-1]["at"].endswith("+00:00")
    previous = "0" * 64
    for number, row in enumerate(rows, start=1):
        assert (row["number"], row["previous_digest"]) == (str(number), previous)
        previous = row["digest"]


def test_I4_a_formula_in_a_justification_or_a_name_does_not_run(cast: Cast) -> None:
    cast.employee.display_name = "@SUM(A1)"
    save_as(cast.employee, actor=PORTAL)
    record(
        "thing.happened",
        actor=Actor.of(cast.employee),
        justification="=cmd|' /C calc'!A0",
        role="+1",
        directory="-1",
    )
    row = rows_of(stream_events(AuditEvent.objects.all(), "csv"))[-1]
    assert row["justification"] == "'=cmd|' /C calc'!A0"
    assert (row["actor_name"], row["role"], row["directory"]) == ("'@SUM(A1)", "'+1", "'-1")


def test_one_downloads_ones_own_part_and_not_where_others_worked_from(cast: Cast) -> None:
    record("thing.happened", actor=Actor.of(cast.outsider), justification="of nobody's concern")
    record("thing.done", actor=Actor.of(cast.employee, address="192.0.2.1"), justification="mine")
    approver = Actor.of(cast.approver, address="192.0.2.9", agent="Browser 1")
    record("activation.approved", actor=approver, about=cast.employee, justification="about me")
    lines = lines_of(export_own_part(cast.employee, form="jsonl", actor=Actor.of(cast.employee)))
    assert "of nobody's concern" not in str(lines)
    own, about = lines[-2:]
    assert (own["justification"], own["actor_address"]) == ("mine", "192.0.2.1")
    assert (about["justification"], about["actor_address"], about["actor_agent"]) == ("about me", "", "")
    assert about["left_out"] == ["actor_address", "actor_agent"]
    assert "192.0.2.9" not in str(
        rows_of(export_own_part(cast.employee, form="csv", actor=Actor.of(cast.employee)))
    )
    assert AuditEvent.objects.filter(action="journal.exported", about=cast.employee).count() == 2


def test_I7_a_long_download_stays_small_in_memory_and_holds_no_lock(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_all([Entry("thing.happened", PORTAL, justification="x" * 500) for _ in range(4000)])
    monkeypatch.setattr(exporting, "CHUNK", 200)
    tracemalloc.start()
    size = 0
    for count, line in enumerate(stream_events(AuditEvent.objects.all(), "jsonl")):
        size += len(line)
        if count == 100:
            tracemalloc.reset_peak()
            record("thing.happened", actor=PORTAL)  # others write meanwhile
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 3_900_000
    assert peak < 3_000_000


def test_model_history_is_downloaded_with_who_when_and_from_what_to_what(cast: Cast) -> None:
    group = Group(name="Helpdesk")
    save_as(group, actor=Actor.of(cast.administrator))
    group.description = "=1+1"
    save_as(group, actor=Actor.of(cast.administrator), reason="so that people know")
    membership = Membership.objects.create(group=group, person=cast.employee)
    raise_alert("test", key="one", severity="low", title="Something", actor=PORTAL)
    resolve_alert("test", key="one", actor=PORTAL)
    lines = lines_of(export_history(HistorySpan(), form="jsonl", filters={}, actor=Actor.of(cast.auditor)))
    [created, changed] = [line for line in lines if line["noun"] == "group"]
    assert (created["act"], created["fields"]) == ("created", {"name": {"to": "Helpdesk"}})
    assert (changed["act"], changed["by"], changed["why"]) == (
        "changed",
        "Dana Fictive",
        "so that people know",
    )
    assert changed["fields"] == {"description": {"from": "", "to": "=1+1"}}
    assert [
        line["fields"]["group"]["to_name"]
        for line in lines
        if line["key"] == str(membership.pk) and line["noun"] == "membership"
    ] == ["Helpdesk"]
    moved = [line for line in lines if line["noun"] == "alert"][-1]
    assert moved["fields"]["status"] == {"from": "open", "to": "resolved"}
    assert "password" not in str(lines)
    event = AuditEvent.objects.first()
    assert event is not None
    assert (event.detail["scope"], event.detail["count"]) == ("model history", len(lines))


def test_model_history_as_csv_for_a_time_and_for_one_person(cast: Cast, time_machine: Any) -> None:
    group = Group(name="Helpdesk")
    save_as(group, actor=Actor.of(cast.administrator))
    begin = timezone.now() + timedelta(hours=1)
    time_machine.move_to(begin + timedelta(hours=1))
    group.description = "=1+1"
    save_as(group, actor=Actor.of(cast.administrator))
    group.description = "Second line"
    save_as(group, actor=Actor.of(cast.approver))
    span = HistorySpan(since=begin, by=[cast.approver.pk])
    [row] = rows_of(export_history(span, form="csv", filters={}, actor=Actor.of(cast.auditor)))
    assert tuple(row) == HISTORY_COLUMNS
    assert json.loads(row["fields"]) == {"description": {"from": "=1+1", "to": "Second line"}}
    assert len(rows_of(export_history(HistorySpan(since=begin), form="csv", filters={}, actor=PORTAL))) == 2
    assert (
        rows_of(export_history(HistorySpan(until=begin, by=[]), form="csv", filters={}, actor=PORTAL)) == []
    )
