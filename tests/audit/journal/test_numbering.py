"""The journal is numbered without a gap, however many write at once and however many of them fail."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction

from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent, JournalHead
from audit.journal.recording import Entry, record, record_all, take_the_pen
from audit.journal.verifying import verify_journal

WRITERS, EACH = 8, 15


@pytest.mark.django_db(transaction=True)
def test_eight_writers_at_once_leave_no_gap_and_no_break() -> None:
    ready = Barrier(WRITERS)

    def write(writer: int) -> int:
        try:
            ready.wait(timeout=30)
            written = 0
            for turn in range(EACH):
                with transaction.atomic():
                    take_the_pen()
                    record("thing.happened", actor=PORTAL, detail={"writer": writer, "turn": turn})
                    written += 1
                    if turn % 5 == 4:  # every fifth of them thinks better of it
                        transaction.set_rollback(True)
                        written -= 1
            return written
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        written = sum(pool.map(write, range(WRITERS)))
    numbers = list(AuditEvent.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, written + 1))
    assert written == WRITERS * EACH * 4 // 5
    assert JournalHead.objects.get().number == written
    verdict = verify_journal()
    assert verdict.holds, verdict.why


@pytest.mark.django_db
def test_entries_written_together_stand_together_and_in_order() -> None:
    record("thing.begun", actor=PORTAL)
    events = record_all([Entry("thing.happened", PORTAL, detail={"n": n}) for n in range(700)])
    assert [event.number for event in events] == list(range(2, 702))
    assert [event.detail["n"] for event in AuditEvent.objects.order_by("number")[1:]] == list(range(700))
    assert verify_journal().holds


@pytest.mark.django_db
def test_nothing_to_write_takes_no_number() -> None:
    assert record_all([]) == []
    assert not AuditEvent.objects.exists()
    assert verify_journal().holds
