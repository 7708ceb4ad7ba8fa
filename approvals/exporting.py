"""Downloading the lists of who may and who holds. Recorded before the first byte; never whole in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet

from approvals.held import Line, lines_for, request_key
from approvals.listing import RELATED, Held, Listing, Readable, Wanted, readable_roles
from approvals.models import AccessRequest
from approvals.viewing import Viewer
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record
from audit.spreadsheet import csv_lines
from roles.models import Assignment, Eligibility

CHUNK = 1_000  # rows read at a time
#: those of an import (``approvals.importing``), and how each stood
COLUMNS = (
    "action",
    "directory",
    "role",
    "scope",
    "kind",
    "principal",
    "principal_kind",
    "starts_at",
    "ends_at",
    "justification",
    "ticket",
    "state",
)


@journaled
def export_assignments(wanted: Wanted, *, actor: Actor) -> Iterator[bytes]:
    """Record that the rows of ``wanted`` are downloaded, as far as the actor may read them, and return their lines.

    Raises:
        Http404: there is no role whose holders the actor may see.
    """
    listing = Listing(readable_roles(Viewer(actor.person)) if actor.person else Readable(), wanted)
    count = sum(rows.order_by().count() for rows in listing.sources)
    record("assignments.exported", actor=actor, detail={"filter": wanted.in_words(), "count": count})
    return (line.encode() for line in csv_lines(COLUMNS, _cells(listing)))


def _cells(listing: Listing) -> Iterator[list[object]]:
    for rows in listing.sources:
        for chunk in _in_chunks(rows):
            asked = _asked_behind(chunk)
            for line in lines_for(chunk, managed=()):
                yield _row(line, *asked.get(line.request or 0, ("", "")))


def _row(line: Line, justification: str, ticket: str) -> list[object]:
    held = line.held
    person = getattr(held, "person", None)
    return [
        "",
        held.role.directory.name,
        held.role.name,
        held.scope.path,
        "eligible" if isinstance(held, Eligibility) else "active",
        person.email if person else line.group,
        person.kind if person else "group",
        _moment(held.starts_at),
        _moment(held.ends_at),
        justification,
        ticket,
        line.look[2],
    ]


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""


def _in_chunks(rows: QuerySet[Any]) -> Iterator[list[Held]]:
    """The rows by key, without a cursor: a long download holds neither a transaction nor a result set open."""
    last = 0
    own = {one.name for one in rows.model._meta.get_fields()}
    rows = rows.select_related(*(name for name in RELATED if name.partition("__")[0] in own))
    while chunk := list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        yield chunk
        last = chunk[-1].pk


def _asked_behind(chunk: list[Held]) -> dict[int, tuple[str, str]]:
    """Justification and ticket of the requests behind what is held."""
    keys = {key for held in chunk if isinstance(held, Assignment) and (key := request_key(held))}
    found = AccessRequest.objects.filter(pk__in=keys).values_list("pk", "justification", "ticket")
    return {key: (justification, ticket) for key, justification, ticket in found}
