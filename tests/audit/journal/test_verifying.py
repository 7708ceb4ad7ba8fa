"""I1: whatever was done to the journal behind the portal's back is found, and the first wrong entry is named."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings

from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent, JournalHead
from audit.journal.recording import Entry, record_all
from audit.journal.sealing import FIRST, digest_of
from audit.journal.verifying import verify_journal

LENGTH = 30


@pytest.fixture
def book(intruder: None) -> None:
    record_all(
        [
            Entry("thing.happened", PORTAL, justification=f"for reason {n}", detail={"n": n})
            for n in range(LENGTH)
        ]
    )
    assert verify_journal().holds


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def move_numbers(after: int, by: int) -> None:
    """Move every number behind ``after``, by way of negative ones, because numbers are unique at every moment."""
    sql("UPDATE journal_auditevent SET number = -(number + %s) WHERE number > %s", by, after)
    sql("UPDATE journal_auditevent SET number = -number WHERE number < 0")


def edit_a_text(at: int) -> int:
    sql("UPDATE journal_auditevent SET justification = 'for another reason' WHERE number = %s", at)
    return at


def edit_a_detail(at: int) -> int:
    AuditEvent.objects.filter(number=at).update(detail={"n": -1})
    return at


def edit_the_time(at: int) -> int:
    sql("UPDATE journal_auditevent SET at = '2020-01-01 00:00:00+00:00' WHERE number = %s", at)
    return at


def edit_the_actor(at: int) -> int:
    sql("UPDATE journal_auditevent SET actor_name = 'Pat Ipsum' WHERE number = %s", at)
    return at


def delete(at: int) -> int:
    sql("DELETE FROM journal_auditevent WHERE number = %s", at)
    return at


def delete_and_close_the_gap(at: int) -> int:
    delete(at)
    move_numbers(at, -1)
    return at


def put_one_in(at: int) -> int:
    """A copy of an entry, put in behind it, everything after it moved up."""
    move_numbers(at, 1)
    copy = AuditEvent.objects.get(number=at)
    copy.pk, copy.number = None, at + 1
    copy.save(force_insert=True)
    return at + 1


def swap_two(at: int) -> int:
    sql("UPDATE journal_auditevent SET number = -1 WHERE number = %s", at)
    sql("UPDATE journal_auditevent SET number = %s WHERE number = %s", at, at + 1)
    sql("UPDATE journal_auditevent SET number = %s WHERE number = -1", at + 1)
    return at


def cut_the_front(at: int) -> int:
    sql("DELETE FROM journal_auditevent WHERE number <= %s", at)
    return 1


def cut_the_front_and_number_anew(at: int) -> int:
    cut_the_front(at)
    move_numbers(0, -at)
    return 1


def cut_the_end(at: int) -> int:
    sql("DELETE FROM journal_auditevent WHERE number > %s", at)
    return at + 1


def write_on_at_the_end(at: int) -> int:
    """A forged entry behind the last, by somebody who does not have the key."""
    last = AuditEvent.objects.order_by("number").last()
    assert last is not None
    forged = AuditEvent(
        number=LENGTH + 1, at=last.at, action="thing.forged", actor_name="x", previous_digest=last.digest
    )
    forged.digest = "f" * 64
    forged.save(force_insert=True)
    return LENGTH + 1


def rewrite_without_the_key(at: int) -> int:
    """Change an entry and make the whole rest of the chain fit again, the head too, but with another key."""
    edit_a_text(at)
    with override_settings(JOURNAL_KEY="not the key"):
        previous = AuditEvent.objects.get(number=at - 1).digest if at > 1 else FIRST
        for event in AuditEvent.objects.filter(number__gte=at).order_by("number"):
            digest = digest_of(event.body(), previous)
            sql(
                "UPDATE journal_auditevent SET previous_digest = %s, digest = %s WHERE number = %s",
                previous,
                digest,
                event.number,
            )
            previous = digest
    JournalHead.objects.update(digest=previous)
    return at


TAMPERING = [
    edit_a_text,
    edit_a_detail,
    edit_the_time,
    edit_the_actor,
    delete,
    delete_and_close_the_gap,
    put_one_in,
    swap_two,
    cut_the_front,
    cut_the_front_and_number_anew,
    cut_the_end,
    write_on_at_the_end,
    rewrite_without_the_key,
]


@pytest.mark.parametrize("place", [1, 7, 15, 28])
@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda tamper: tamper.__name__)
def test_I1_tampering_is_found_and_the_first_wrong_entry_named(
    tamper: Callable[[int], int], place: int, book: None
) -> None:
    wrong = tamper(place)
    verdict = verify_journal()
    assert (verdict.holds, verdict.wrong) == (False, wrong), verdict
    assert str(wrong) in verdict.why


def test_I1_an_end_cut_off_with_an_empty_book_left_is_found(book: None) -> None:
    sql("DELETE FROM journal_auditevent")
    verdict = verify_journal()
    assert (verdict.wrong, verdict.why) == (1, f"Entries from 1 to {LENGTH} are cut off.")


def test_I1_an_entry_before_the_first_is_found(book: None) -> None:
    sql("UPDATE journal_auditevent SET number = -5 WHERE number = %s", random.randint(1, LENGTH))
    verdict = verify_journal()
    assert (verdict.holds, verdict.wrong) == (False, -5)


def test_I1_a_missing_head_row_is_found(book: None) -> None:
    sql("DELETE FROM journal_journalhead")
    assert "missing" in verify_journal().why


def test_an_untouched_book_holds_read_from_anywhere(book: None) -> None:
    head = JournalHead.objects.get()
    assert verify_journal().count == LENGTH
    event = AuditEvent.objects.get(number=12)
    verdict = verify_journal(after=12, previous=event.digest)
    assert (verdict.holds, verdict.count, verdict.head) == (True, LENGTH, head.digest)


def test_I1_what_is_read_on_from_must_be_what_was_there(book: None) -> None:
    assert verify_journal(after=12, previous="0" * 64).wrong == 13
    assert verify_journal(after=LENGTH, previous="0" * 64).wrong == LENGTH
    assert verify_journal(after=LENGTH + 5, previous="0" * 64).wrong == LENGTH + 1
