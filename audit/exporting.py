"""Downloads of the journal. Each is recorded before its first byte; none is ever whole in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.duties import READERS, require
from accounts.models import User
from audit.describing import describe
from audit.history import HISTORY_COLUMNS, HistorySpan, history_cells, history_lines
from audit.journal.actor import Actor
from audit.journal.models import AuditEvent, JournalHead
from audit.journal.recording import journaled, record
from audit.journal.refusing import Refused
from audit.permissions import own_events, shown_body
from audit.spreadsheet import csv_lines

CSV, JSON_LINES = "csv", "jsonl"
FORMATS = {CSV: "text/csv; charset=utf-8", JSON_LINES: "application/x-ndjson"}
CHUNK = 1000  # entries read at a time
COLUMNS = [
    "number",
    "at",
    "words",
    "action",
    "outcome",
    "actor_name",
    "actor",
    "actor_address",
    "actor_agent",
    "about_name",
    "about",
    "directory",
    "role",
    "access_request",
    "subject_kind",
    "subject_key",
    "subject_name",
    "justification",
    "detail",
    "previous_digest",
    "digest",
]


@journaled
def export_journal(
    events: QuerySet[AuditEvent], *, form: str, filters: dict[str, Any], actor: Actor
) -> Iterator[bytes]:
    """Record the download of ``events`` and return its lines.

    What is recorded later is not in it, its own entry included, however long the download takes.

    Args:
        form: ``csv`` or ``jsonl``.
        filters: what was filtered by, for the entry.

    Raises:
        NotAllowed: the actor may not read the journal.
        Refused: there is no such format.
    """
    require(actor, *READERS)
    return _export(events, form=form, scope="journal", filters=filters, actor=actor)


@journaled
def export_own_part(person: User, *, form: str, actor: Actor) -> Iterator[bytes]:
    """Record that ``person``'s own part of the journal is downloaded, and return its lines.

    Raises:
        NotAllowed: the actor is somebody else who may not read the journal.
        Refused: there is no such format.
    """
    if actor.person != person:
        require(actor, *READERS)
    return _export(own_events(person), form=form, scope="own part", filters={}, actor=actor, to=person)


@journaled
def export_history(span: HistorySpan, *, form: str, filters: dict[str, Any], actor: Actor) -> Iterator[bytes]:
    """Record the download of the models' own history (who changed what from which value to which), return its lines.

    Raises:
        NotAllowed: the actor may not read the journal.
        Refused: there is no such format.
    """
    require(actor, *READERS)
    _check_form(form)
    said = {"scope": "model history", "format": form, "filter": filters, "count": span.count()}
    record("journal.exported", actor=actor, detail=said)
    if form == CSV:
        return _encoded(csv_lines(HISTORY_COLUMNS, (history_cells(line) for line in history_lines(span))))
    return _encoded(json.dumps(line, sort_keys=True) + "\n" for line in history_lines(span))


def stream_events(events: QuerySet[AuditEvent], form: str, *, to: User | None = None) -> Iterator[bytes]:
    """The lines of a download, oldest entry first, read in chunks of bounded size.

    Both formats carry number, digest and the digest before, so that the chain can be checked. A JSON line is the
    entry's exact body with both digests: it verifies with the key alone (``manage.py verify_journal --file``).

    Args:
        to: who reads their own part; see ``shown_body``.
    """
    if form == CSV:
        return _encoded(csv_lines(COLUMNS, (_cells(event, to=to) for event in _in_chunks(events))))
    return _encoded(json_line(event, to=to) for event in _in_chunks(events))


def json_line(event: AuditEvent, *, to: User | None = None) -> str:
    """One entry as a line of JSON: its body, sorted and in ASCII as it was digested, and the two digests."""
    digests = {"digest": event.digest, "previous_digest": event.previous_digest}
    return json.dumps(shown_body(event, to=to) | digests, sort_keys=True, separators=(",", ":")) + "\n"


def _export(
    events: QuerySet[AuditEvent],
    *,
    form: str,
    scope: str,
    filters: dict[str, Any],
    actor: Actor,
    to: User | None = None,
) -> Iterator[bytes]:
    _check_form(form)
    head = JournalHead.objects.filter(pk=1).values_list("number", flat=True).first() or 0
    until = events.filter(number__lte=head)
    said = {"scope": scope, "format": form, "filter": filters, "count": until.count(), "until": head}
    record("journal.exported", actor=actor, about=to, detail=said)
    return stream_events(until, form, to=to)


def _check_form(form: str) -> None:
    if form not in FORMATS:
        raise Refused(_("Choose CSV or JSON Lines."), field="format", code="format_unknown")


def _in_chunks(events: QuerySet[AuditEvent]) -> Iterator[AuditEvent]:
    """The entries by number, without a cursor: a long download holds neither a transaction nor a result set open."""
    last = 0
    while chunk := list(events.filter(number__gt=last).order_by("number")[:CHUNK]):
        yield from chunk
        last = chunk[-1].number


def _cells(event: AuditEvent, *, to: User | None) -> list[object]:
    said = shown_body(event, to=to) | {
        "words": describe(event),
        "detail": json.dumps(event.detail, ensure_ascii=False),
    }
    said |= {"digest": event.digest, "previous_digest": event.previous_digest}
    return [said[column] for column in COLUMNS]


def _encoded(lines: Iterator[str]) -> Iterator[bytes]:
    return (line.encode() for line in lines)
