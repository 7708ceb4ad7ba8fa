"""Checking that nobody altered the book."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Max, Min, Subquery

from audit.journal.models import AuditEvent, JournalHead
from audit.journal.sealing import FIRST, digest_of

CHUNK = 2000  # entries read at a time


@dataclass(frozen=True)
class Verdict:
    """What a check of the book found.

    Args:
        count: number of the last entry that holds.
        head: digest of that entry.
        wrong: number of the first wrong entry; None when all hold.
        why: what is wrong with it, as a sentence.
    """

    count: int
    head: str
    wrong: int | None = None
    why: str = ""

    @property
    def holds(self) -> bool:
        """Whether every entry that was read holds."""
        return self.wrong is None


def verify_journal(*, after: int = 0, previous: str = FIRST) -> Verdict:
    """Read the book to its end and name the first entry that is wrong.

    Finds entries that were edited, removed, put in, moved, or cut off at either end, as long as the key and the
    head row were out of reach. Others may go on writing meanwhile.

    Args:
        after: number of an entry already known to hold, to read on from there; 0 reads from the first.
        previous: the digest that entry had.
    """
    head, first, last = ends_of_journal()
    if head._state.adding and last is not None:
        return Verdict(0, FIRST, last, "The row that says how far the journal goes is missing.")
    if first is not None and first < 1:
        return Verdict(0, FIRST, first, f"Entry {first} was put in before the first.")
    if head.number < after:
        return Verdict(head.number, head.digest, head.number + 1, _cut_off(head.number + 1, after))
    verdict = verify_span(after=after, previous=previous, until=head.number)
    if not verdict.holds:
        return verdict
    if verdict.head != head.digest:
        why = f"Entry {head.number} is not the one that was written last."
        return Verdict(max(head.number - 1, after), previous, max(head.number, 1), why)
    if last is not None and last > head.number:
        return Verdict(
            head.number, head.digest, head.number + 1, f"Entry {head.number + 1} was put in at the end."
        )
    return verdict


def verify_span(*, after: int, previous: str, until: int) -> Verdict:
    """Check the entries behind number ``after``, whose digest is ``previous``, up to and with number ``until``."""
    expected = after + 1
    events = AuditEvent.objects.filter(number__gt=after, number__lte=until).order_by("number")
    for event in events.iterator(chunk_size=CHUNK):
        if event.number != expected:
            return Verdict(expected - 1, previous, expected, f"Entry {expected} is missing.")
        why = fault_of(event.number, event.body(), event.previous_digest, event.digest, previous)
        if why:
            return Verdict(expected - 1, previous, expected, why)
        expected, previous = expected + 1, event.digest
    if expected <= until:
        return Verdict(expected - 1, previous, expected, _cut_off(expected, until))
    return Verdict(until, previous)


def verify_lines(lines: Iterable[str]) -> Verdict:
    """Check a downloaded JSON Lines file with the key alone, no database at hand.

    Each line must hold by itself; where the next number follows, it must also follow the line before it.
    ``count`` is the number of lines that hold, not an entry's number: a download may be filtered.
    """
    count, number, head = 0, 0, FIRST
    for line in lines:
        try:
            body = json.loads(line, object_pairs_hook=_each_name_once)
            digest, previous = str(body.pop("digest")), str(body.pop("previous_digest"))
            this = int(body["number"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return Verdict(count, head, number + 1, f"Line {count + 1} is not an entry of the journal.")
        if count and this <= number:
            return Verdict(count, head, this, f"Entry {this} stands behind entry {number}.")
        why = fault_of(this, body, previous, digest, head if this == number + 1 else previous)
        if why:
            return Verdict(count, head, this, why)
        count, number, head = count + 1, this, digest
    return Verdict(count, head)


def fault_of(number: int, body: dict[str, object], previous_digest: str, digest: str, previous: str) -> str:
    """What is wrong with one entry that should follow ``previous``, as a sentence; "" when it holds."""
    if previous_digest != previous:
        return f"Entry {number} does not follow the one before it."
    if not hmac.compare_digest(digest_of(body, previous), digest):
        return f"Entry {number} was altered."
    return ""


def ends_of_journal() -> tuple[JournalHead, int | None, int | None]:
    """The head row, the lowest and the highest number there are, all of one moment (one statement)."""
    lowest = AuditEvent.objects.order_by("number").values("number")[:1]
    highest = AuditEvent.objects.order_by("-number").values("number")[:1]
    found = (
        JournalHead.objects.filter(pk=1).annotate(lowest=Subquery(lowest), highest=Subquery(highest)).first()
    )
    if found is None:
        ends = AuditEvent.objects.aggregate(lowest=Min("number"), highest=Max("number"))
        return JournalHead(), ends["lowest"], ends["highest"]
    return found, found.lowest, found.highest


def _each_name_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object in which no name stands twice: readers do not agree on which of the two counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _cut_off(first: int, last: int) -> str:
    return f"Entries from {first} to {last} are cut off." if last > first else f"Entry {first} is cut off."
