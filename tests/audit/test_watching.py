"""The journal is watched: what is wrong is on the page and an alert, and no page has to read the whole book."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.duties import Duty
from accounts.models import Notification
from audit import watching
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent, JournalHead
from audit.journal.recording import Entry, record, record_all
from audit.models import JournalCheck
from audit.watching import check_journal
from tests.factories.people import give_duty, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def book(intruder: None) -> int:
    """A journal of some length, checked once; the number of its last entry."""
    give_duty(make_person("dana", "Dana Fictive"), Duty.SECURITY_ADMINISTRATOR)
    record_all([Entry("thing.happened", PORTAL, detail={"n": n}) for n in range(40)])
    check_journal()
    return JournalHead.objects.get().number


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
    connection.journal_pen = None  # an intruder comes between two transactions; a test is a single one


def alter(number: int) -> None:
    sql("UPDATE journal_auditevent SET justification = 'another story' WHERE number = %s", number)


def test_what_holds_is_kept_for_the_pages(book: int) -> None:
    check = JournalCheck.objects.get()
    assert (check.holds, check.count, check.head) == (True, book, JournalHead.objects.get().digest)
    assert check.whole_at is not None


def test_a_round_reads_what_is_new_and_the_next_stretch_of_the_rest(
    book: int, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(watching, "LEAST_STRETCH", 4)
    read: list[tuple[int, int]] = []
    verify_span = watching.verify_span
    monkeypatch.setattr(
        watching,
        "verify_span",
        lambda **span: (read.append((span["after"], span["until"])), verify_span(**span))[1],
    )
    rounds = 0
    JournalCheck.objects.update(whole_at=None)
    while JournalCheck.objects.get().whole_at is None:
        record("thing.happened", actor=PORTAL)
        check_journal()
        rounds += 1
    assert [after for after, until in read] == [0, *[until for after, until in read[:-1]]], (
        "one stretch after the other"
    )
    assert rounds <= watching.ROUNDS + 1
    assert JournalCheck.objects.get().patrol_number == 0


def test_I1_a_wrong_entry_at_the_end_is_found_by_the_next_round(book: int) -> None:
    record("thing.happened", actor=PORTAL)
    alter(book + 1)
    check_journal()
    check = JournalCheck.objects.get()
    assert (check.holds, check.wrong) == (False, book + 1)
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity) == ("journal_broken", "high")
    assert f"entry {book + 1}" in Notification.objects.get().subject


def test_I1_an_old_entry_that_was_altered_is_found_within_twelve_rounds(
    book: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LEAST_STRETCH", 1)
    alter(3)
    rounds = 0
    while JournalCheck.objects.get().holds:
        check_journal()
        rounds += 1
    assert rounds <= watching.ROUNDS
    assert JournalCheck.objects.get().wrong == 3


def test_I1_an_end_cut_off_together_with_its_head_row_is_found_and_stays_found(book: int) -> None:
    sql("DELETE FROM journal_auditevent WHERE number > 20")
    last = AuditEvent.objects.get(number=20)
    JournalHead.objects.update(number=20, digest=last.digest)
    for _ in range(3):
        check_journal()
        check = JournalCheck.objects.get()
        assert (check.holds, check.wrong) == (False, 21)
    assert Alert.objects.open().count() == 1
    with pytest.raises(CommandError, match="cut off"):
        call_command("verify_journal")


def test_I1_an_end_that_was_cut_off_and_written_over_is_found(book: int) -> None:
    sql("DELETE FROM journal_auditevent WHERE number > 20")
    JournalHead.objects.update(number=20, digest=AuditEvent.objects.get(number=20).digest)
    record_all([Entry("thing.happened", PORTAL) for _ in range(60)])
    check_journal()
    assert not JournalCheck.objects.get().holds


def test_when_the_journal_holds_again_the_alert_is_resolved(book: int) -> None:
    kept = AuditEvent.objects.get(number=book).justification
    alter(book)
    with pytest.raises(CommandError, match=f"Entry {book} was altered"):
        call_command("verify_journal")
    assert Alert.objects.open().count() == 1
    sql("UPDATE journal_auditevent SET justification = %s WHERE number = %s", kept, book)
    check_journal()
    assert JournalCheck.objects.get().holds
    assert [alert.status for alert in Alert.objects.all()] == ["resolved"]


def test_the_command_says_how_far_the_journal_holds(book: int, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_journal")
    assert (
        f"The journal holds: {book} entries, head {JournalHead.objects.get().digest}"
        in capsys.readouterr().out
    )


def test_the_first_check_of_an_empty_journal_holds() -> None:
    check_journal()
    check = JournalCheck.objects.get()
    assert (check.holds, check.count) == (True, 0)


def test_a_check_of_a_quiet_journal_asks_little(book: int, django_assert_max_num_queries: Any) -> None:
    check_journal()
    with django_assert_max_num_queries(12):
        check_journal()
