"""Mail leaves once for each notification, whatever happens to tasks, workers and mail servers."""

import smtplib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.core import mail
from django.db import connection
from django.utils import timezone

from accounts.models import Notification, User
from accounts.notifications import delivering
from accounts.notifications.channels.mail import Block, blocks_of, mail_for
from accounts.notifications.delivering import (
    LEASE,
    LONGEST_PAUSE,
    deliver,
    deliver_due_notifications,
    deliver_notification,
    pause_after,
)
from tests.factories.people import make_person
from tests.servers import SMTPServer, Worker, wait_until


@pytest.fixture
def robin(db: None) -> User:
    return make_person("robin", "Robin Sample")


def message_for(person: User, **said: Any) -> Notification:
    words = {
        "notice": "tests/asked",
        "subject": "Kim asks for <Reader> & more",
        "text": "Kim asks for <Reader>.\n\nRole: Reader\nWhy: to read & write <b>",
        "url": "/requests/7/",
    }
    return Notification.objects.create(person=person, **(words | said))


@pytest.fixture
def smtp(settings: Any, smtp_server: SMTPServer) -> SMTPServer:
    """Django's mail backend, on a real server on the loopback interface."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", smtp_server.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_TIMEOUT = 2
    return smtp_server


class Words(HTMLParser):
    """The words of an HTML part and the addresses it leads to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.links, self._skip, self.tags = "", [], False, []  # type: ignore[var-annotated]
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._skip = tag == "style"
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src", "action")]

    def handle_endtag(self, tag: str) -> None:
        self._skip = False

    def handle_data(self, data: str) -> None:
        self.words += "" if self._skip else data


def parts_of(message: EmailMessage) -> tuple[str, str]:
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def test_a_mail_reaches_a_real_server_in_two_parts_that_say_the_same(robin: User, smtp: SMTPServer) -> None:
    row = message_for(robin)
    deliver_notification(row.pk)
    [message] = smtp.messages
    text, html = parts_of(message)
    words = Words(html)
    for said in (
        "Kim asks for <Reader>.",
        "Reader",
        "to read & write <b>",
        "PIM Portal",
        "cannot approve anything by itself",
    ):
        assert said in text
        assert said in words.words
    assert message["Subject"] == "Kim asks for <Reader> & more"
    assert message["To"] == "robin@example.test"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == f"<notification-{row.pk}@localhost>"
    assert "http://localhost:8000/requests/7/" in text
    assert set(words.links) == {"http://localhost:8000/requests/7/"}
    assert not {"script", "img", "form", "input", "iframe", "link"} & set(words.tags), (
        "nothing is fetched, nothing is sent"
    )
    row.refresh_from_db()
    assert row.mailed_at is not None
    assert (row.attempts, row.lease_until, row.last_error) == (1, None, "")


def test_a_mail_is_written_to_a_file_by_default(robin: User, settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = (
        "django.core.mail.backends.filebased.EmailBackend",
        str(tmp_path),
    )
    deliver_notification(message_for(robin).pk)
    [file] = tmp_path.iterdir()
    assert "Subject: Kim asks for" in file.read_text()


def test_a_task_that_comes_twice_sends_once(robin: User, smtp: SMTPServer) -> None:
    row = message_for(robin)
    for _ in range(3):
        deliver_notification(row.pk)
    deliver_due_notifications()
    assert len(smtp.messages) == 1
    deliver_notification(10**9)  # gone, with its person


def test_I10_newlines_that_got_into_a_row_make_no_header(robin: User, smtp: SMTPServer) -> None:
    row = message_for(robin, subject="Hello\r\nBcc: everybody@example.test")
    assert deliver(row.pk) == "failed"
    row.refresh_from_db()
    assert "BadHeaderError" in row.last_error
    assert not smtp.messages


@pytest.mark.parametrize("attempts", range(1, 40))
def test_pauses_grow_from_ten_seconds_to_an_hour(attempts: int) -> None:
    assert pause_after(attempts) == min(timedelta(seconds=10 * 2 ** (attempts - 1)), LONGEST_PAUSE)


def test_a_server_that_refuses_is_tried_for_ever_with_growing_pauses(
    robin: User, smtp: SMTPServer, time_machine: Any
) -> None:
    smtp.refusal = "451 Try again later"
    row = message_for(robin)
    time_machine.move_to(timezone.now(), tick=False)
    for attempt in range(1, 16):
        assert deliver(row.pk) == "failed"
        row.refresh_from_db()
        assert row.attempts == attempt
        assert row.next_try_at == timezone.now() + pause_after(attempt)
        assert "451" in row.last_error
        assert deliver(row.pk) == "passed over", "not before the pause is over"
        time_machine.move_to(row.next_try_at, tick=False)
    smtp.refusal = ""
    assert deliver(row.pk) == "mailed"
    assert len(smtp.messages) == 1


def test_a_server_that_is_down_costs_one_attempt_in_a_round(robin: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    rows = [message_for(robin) for _ in range(5)]
    deliver_due_notifications()
    assert (
        sum(Notification.objects.filter(pk__in=[row.pk for row in rows]).values_list("attempts", flat=True))
        == 1
    )
    assert Notification.objects.to_mail().count() == 5


def test_what_no_task_came_for_leaves_with_the_sweep(robin: User, smtp: SMTPServer) -> None:
    for _ in range(5):
        message_for(robin)
    deliver_due_notifications()
    assert len(smtp.messages) == 5
    assert not Notification.objects.to_mail().exists()


def test_what_a_killed_worker_had_in_hand_is_sent_when_its_lease_is_over(
    robin: User, smtp: SMTPServer, time_machine: Any
) -> None:
    row = message_for(robin)
    assert delivering.claim(row.pk) is not None  # and there it dies
    deliver_due_notifications()
    assert not smtp.messages
    time_machine.move_to(timezone.now() + LEASE)
    deliver_due_notifications()
    assert len(smtp.messages) == 1


def test_who_was_disabled_meanwhile_gets_no_mail_and_it_is_not_tried_again(
    robin: User, smtp: SMTPServer
) -> None:
    row = message_for(robin)
    User.objects.filter(pk=robin.pk).update(is_active=False)
    deliver_due_notifications()
    row.refresh_from_db()
    assert (row.mailed_at, row.withdrawn_at is not None) == (None, True)
    User.objects.filter(pk=robin.pk).update(is_active=True)
    deliver_due_notifications()
    assert not smtp.messages


def test_I10_a_flood_of_one_notice_is_mailed_at_a_pace_and_holds_up_no_other(
    robin: User, smtp: SMTPServer, time_machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "MAILS_AN_HOUR", 3)
    for _ in range(8):
        message_for(robin)
    message_for(robin, notice="audit/alert_raised", subject="Alert: something")
    deliver_due_notifications()
    assert sorted(message["Subject"] for message in smtp.messages).count("Alert: something") == 1
    assert len(smtp.messages) == 4
    for _ in range(4):
        time_machine.move_to(timezone.now() + timedelta(minutes=61))
        deliver_due_notifications()
    assert len(smtp.messages) == 9, "late, but all of them"


def test_paragraphs_and_facts_are_told_apart() -> None:
    text = "One line.\n\nRole: Reader\nWhy: because: of it\n\nNote: a single one stays a sentence.\n\nFirst\nSecond: not a table"
    assert blocks_of(text) == [
        Block(lines=("One line.",)),
        Block(facts=(("Role", "Reader"), ("Why", "because: of it"))),
        Block(lines=("Note: a single one stays a sentence.",)),
        Block(lines=("First", "Second: not a table")),
    ]


def test_a_notice_may_name_its_button(robin: User) -> None:
    alert = mail_for(message_for(robin, notice="audit/alert_raised"))
    assert "Look into it:" in alert.body
    assert "Open it in the portal:" in mail_for(message_for(robin)).body
    assert "sign in" not in mail_for(message_for(robin, url="")).body


@pytest.mark.django_db(transaction=True)
def test_eight_workers_on_one_notification_send_it_once(smtp: SMTPServer) -> None:
    row = message_for(make_person("robin", "Robin Sample"))

    def work(_: int) -> str:
        try:
            return deliver(row.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(8))) == ["mailed"] + ["passed over"] * 7
    assert len(smtp.messages) == 1


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_mail_server_is_spoken_to(monkeypatch: pytest.MonkeyPatch) -> None:
    row, seen = message_for(make_person("robin", "Robin Sample")), []
    send = mail.EmailMultiAlternatives.send
    monkeypatch.setattr(
        mail.EmailMultiAlternatives,
        "send",
        lambda self: (seen.append(connection.in_atomic_block), send(self))[1],
    )
    assert deliver(row.pk) == "mailed"
    assert seen == [False]


@pytest.mark.django_db
def test_a_disconnect_in_the_middle_is_a_failure_like_any_other(
    robin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall_over(self: Any) -> None:
        raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")

    monkeypatch.setattr(mail.EmailMultiAlternatives, "send", fall_over)
    row = message_for(robin)
    assert deliver(row.pk) == "failed"
    row.refresh_from_db()
    assert "SMTPServerDisconnected" in row.last_error


@pytest.mark.worker
def test_a_real_worker_mails_what_a_task_names_and_what_no_task_was_sent_for(
    start_worker: Callable[..., Worker], smtp_server: SMTPServer, broker_url: str
) -> None:
    robin = make_person("robin", "Robin Sample")
    later = timezone.now() + timedelta(hours=1)
    named = message_for(robin, next_try_at=later)  # so that only a task can come for it
    start_worker(broker_url, SWEEP_SECONDS="0", EMAIL_URL=smtp_server.url)
    found_by_the_sweep = message_for(robin, subject="Found by the sweep")
    wait_until(lambda: len(smtp_server.messages) == 1, "the mail that the sweep finds")
    Notification.objects.filter(pk=named.pk).update(next_try_at=timezone.now())
    with current_app.connection_for_write(broker_url) as broker:
        deliver_notification.apply_async((named.pk,), connection=broker)
    wait_until(lambda: len(smtp_server.messages) == 2, "the mail that a task names")
    assert [message["Subject"] for message in smtp_server.messages] == [
        found_by_the_sweep.subject,
        named.subject,
    ]
    wait_until(lambda: not Notification.objects.to_mail().exists(), "both to be settled")
