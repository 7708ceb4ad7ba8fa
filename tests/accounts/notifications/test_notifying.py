"""People are told once, in their own time, with the act or not at all."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.conf import settings
from django.db import transaction
from django.template import TemplateDoesNotExist
from django.template.backends.django import DjangoTemplates
from kombu.exceptions import OperationalError

from accounts.models import Notification, User
from accounts.notifications import notifying
from accounts.notifications.notifying import notify
from accounts.templatetags.notices import duration, moment
from audit.journal.actor import PORTAL
from tests.factories.people import make_person


@pytest.fixture
def notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of notices of the test's own, beside the portal's."""
    folder = tmp_path / "tests" / "notices"
    folder.mkdir(parents=True)
    options = {"autoescape": False, "builtins": ["accounts.templatetags.notices"]}
    name = {
        "NAME": "notices",
        "DIRS": [tmp_path, *settings.TEMPLATES[0]["DIRS"]],
        "APP_DIRS": True,
        "OPTIONS": options,
    }
    engine = DjangoTemplates(name)
    monkeypatch.setattr(notifying, "templates", lambda: engine)
    (folder / "asked.subject.txt").write_text("{{ who }} asks for {{ role }}\n")
    (folder / "asked.txt").write_text(
        "{{ person }}, {{ who }} asks for {{ role }} until {{ until|moment }}.\n\n\n\n"
        "{% if nothing %}\n{% endif %}Role: {{ role }}\nFor: {{ minutes|duration }}\nWhy: {{ why|one_line }}\n\n"
    )
    return folder


@pytest.fixture
def robin(db: None) -> User:
    return make_person("robin", "Robin Sample", time_zone="Europe/Vienna")


SAID = {
    "who": "Kim <b>Placeholder</b> & Co",
    "role": "Reader",
    "until": datetime(2026, 7, 1, 12, 0, tzinfo=UTC),
    "minutes": 150,
    "why": "to read",
}


def tell(*people: User, **said: Any) -> list[Notification]:
    return notify(people, notice="tests/asked", context=SAID | said, url="/requests/7/", actor=PORTAL)


def test_a_notice_is_worded_for_its_reader_in_their_own_time_zone(notices: Path, robin: User) -> None:
    tell(robin, make_person("jo", "Jo Mockup", time_zone="Asia/Tokyo"))
    vienna, tokyo = Notification.objects.order_by("person__email")[::-1]
    assert vienna.subject == "Kim <b>Placeholder</b> & Co asks for Reader"
    assert vienna.text == (
        "Robin Sample, Kim <b>Placeholder</b> & Co asks for Reader until 1 Jul 2026, 14:00 (Europe/Vienna).\n\n"
        "Role: Reader\nFor: 2 h 30 min\nWhy: to read"
    )
    assert "21:00 (Asia/Tokyo)" in tokyo.text
    assert (vienna.url, vienna.notice, vienna.mailed_at) == ("/requests/7/", "tests/asked", None)


def test_nobody_is_told_twice_and_disabled_people_are_not_told(notices: Path, robin: User) -> None:
    gone = make_person("pat", "Pat Ipsum", is_active=False)
    assert [row.person for row in tell(robin, robin, gone, User.objects.get(pk=robin.pk))] == [robin]
    assert tell() == []


def test_I10_of_very_many_people_the_first_thousand_are_told(
    notices: Path, monkeypatch: pytest.MonkeyPatch, robin: User
) -> None:
    monkeypatch.setattr(notifying, "MOST_PEOPLE", 3)
    people = [make_person(f"p{n}", f"P {n}") for n in range(5)]
    assert [row.person for row in tell(*people)] == people[:3]


@pytest.mark.parametrize(
    "name",
    [
        "Kim\r\nBcc: everybody@example.test",
        "Kim\nBcc: everybody@example.test\n\nAnother body",
        "Kim\x0bBcc: x@example.test",
        "Kim\u2028Bcc: x@example.test",
        "Kim\x00",
        "Kim\u202e\x1b[31m",
        "K" * 500,
    ],
    ids=ascii,
)
def test_I10_a_subject_is_one_line_whatever_it_is_made_of(notices: Path, robin: User, name: str) -> None:
    [row] = tell(robin, who=name)
    assert len(row.subject.splitlines()) == 1
    assert row.subject.isprintable()
    assert len(row.subject) <= 200


def test_I10_what_a_person_typed_cannot_pass_for_a_line_of_the_portals_own(
    notices: Path, robin: User
) -> None:
    [row] = tell(robin, why="to read\n\nRisk: none\nApproved by: everybody")
    assert [line for line in row.text.splitlines() if line.startswith(("Risk", "Approved"))] == []


@pytest.mark.parametrize(
    "url",
    ["https://evil.example.test/", "//evil.example.test/", "javascript:alert(1)", "/\\evil.example.test"],
)
def test_D6_a_button_leads_into_the_portal_and_nowhere_else(notices: Path, robin: User, url: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        notify([robin], notice="tests/asked", context=SAID, url=url, actor=PORTAL)


def test_a_notice_that_is_not_there_is_a_fault_that_shows(robin: User) -> None:
    with pytest.raises(TemplateDoesNotExist):
        notify([robin], notice="tests/no_such_notice", context={}, actor=PORTAL)


@pytest.mark.django_db(transaction=True)
def test_what_is_taken_back_is_not_told(notices: Path) -> None:
    robin, delay = make_person("robin", "Robin Sample"), Mock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notifying.deliver_notification, "delay", delay)
        with transaction.atomic():
            tell(robin)
            transaction.set_rollback(True)
        assert not delay.called
        assert not Notification.objects.exists()
        with transaction.atomic():
            [row] = tell(robin)
            assert not delay.called, "the mail waits for the commit"
        delay.assert_called_once_with(row.pk)


@pytest.mark.parametrize(
    "error", [OperationalError("no broker"), ConnectionRefusedError(), RuntimeError("something else")]
)
@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_does_not_fail_the_act_and_is_asked_once(
    notices: Path, error: Exception
) -> None:
    people, delay = [make_person(f"p{n}", f"P {n}") for n in range(3)], Mock(side_effect=error)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notifying.deliver_notification, "delay", delay)
        with transaction.atomic():
            tell(*people)
    assert delay.call_count == 1
    assert Notification.objects.due().count() == 3


@pytest.mark.django_db(transaction=True)
def test_for_very_many_people_one_task_is_enough(notices: Path) -> None:
    people = User.objects.bulk_create(
        [User(email=f"p{n}@example.test", display_name=f"P {n}") for n in range(notifying.ONE_BY_ONE + 1)]
    )
    each, all_of_them = Mock(), Mock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notifying.deliver_notification, "delay", each)
        patch.setattr(notifying.deliver_due_notifications, "delay", all_of_them)
        tell(*people)
    assert (each.call_count, all_of_them.call_count) == (0, 1)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (None, "no set end"),
        (0, "0 min"),
        (30, "30 min"),
        (240, "4 h"),
        (150, "2 h 30 min"),
        (timedelta(days=14), "14 days"),
        (timedelta(hours=49), "49 h"),
    ],
)
def test_durations_are_told_as_everywhere_in_the_portal(length: Any, words: str) -> None:
    assert duration(length) == words
    assert moment(None) == "no set end"


def test_every_notice_of_the_portal_has_a_subject_and_a_text_and_shows_typed_text_on_one_line() -> None:
    folders = [folder for folder in Path(settings.BASE_DIR, "templates").glob("*/notices") if folder.is_dir()]
    names = {
        file.relative_to(folder).name.split(".")[0]: folder for folder in folders for file in folder.iterdir()
    }
    assert names
    for name, folder in names.items():
        subject, text = folder / f"{name}.subject.txt", folder / f"{name}.txt"
        assert subject.is_file(), subject
        assert text.is_file(), text
        for piece in text.read_text().split("{{")[1:]:
            shown = piece.partition("}}")[0]
            if "justification" in shown or "reason" in shown:
                assert "one_line" in shown, f"{text}: {shown}"
