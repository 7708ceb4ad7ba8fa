"""The journal's pages: who sees them, what can be asked, and how soon they answer."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.duties import Duty
from audit import paging
from audit.journal.actor import PORTAL, Actor
from audit.journal.models import AuditEvent
from audit.journal.recording import Entry, record, record_all
from audit.vocabulary import values_like, values_used
from audit.watching import check_journal
from tests.cast import Cast, sign_in
from tests.factories.people import give_duty, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(cast: Cast, client: Client) -> Client:
    sign_in(client, cast.auditor)
    return client


def shown(client: Client, status: int = 200, **asked: str) -> list[int]:
    """The numbers on the first page of the journal filtered so."""
    answer = client.get(reverse("journal"), asked)
    assert answer.status_code == status
    return [event.number for event in answer.context["page"]]


def test_every_entry_reads_as_a_sentence_on_the_page(cast: Cast, auditor: Client) -> None:
    record(
        "activation.requested",
        actor=Actor.of(cast.employee),
        about=cast.employee,
        role="Reader",
        detail={"minutes": 240},
    )
    page = auditor.get(reverse("journal"))
    assert page.context["page"][0].words == "Robin Sample asked for Reader for 4 h"
    assert "Robin Sample asked for Reader for 4 h" in page.content.decode()


@pytest.mark.parametrize("who", ["employee", "approver", "outsider", "root"])
def test_E_for_people_without_a_duty_there_is_no_journal(cast: Cast, client: Client, who: str) -> None:
    number = record("thing.happened", actor=PORTAL).number
    sign_in(client, getattr(cast, who))
    for address in (
        reverse("journal"),
        reverse("download_journal"),
        reverse("download_journal") + "?kind=history&format=jsonl",
        reverse("audit_event", args=[number]),
        reverse("alerts"),
    ):
        assert client.get(address).status_code == 404, address
    assert not AuditEvent.objects.filter(action="journal.exported").exists()


@pytest.mark.parametrize("duty", Duty.values)
def test_E_with_any_duty_in_force_one_may_read_it(client: Client, db: None, duty: str) -> None:
    person = make_person("jo", "Jo Mockup")
    give_duty(person, duty)
    sign_in(client, person)
    assert client.get(reverse("journal")).status_code == 200


def test_E_who_is_not_signed_in_is_asked_to(client: Client, db: None) -> None:
    for name in ("journal", "download_journal", "my_audit", "download_my_audit", "alerts"):
        answer = client.get(reverse(name))
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, reverse("sign_in"))


def test_what_can_be_asked(cast: Cast, client: Client, time_machine: Any) -> None:
    time_machine.move_to("2031-03-18 09:00", tick=True)
    one = record(
        "activation.requested",
        actor=Actor.of(cast.employee),
        about=cast.employee,
        role="Database administrator",
        directory="Orders",
        access_request="R-2026-00007",
        justification="replace the certificate",
        detail={"ticket": "CHG-20440"},
    ).number
    time_machine.move_to("2031-03-19 09:00", tick=True)
    two = record(
        "activation.denied", actor=Actor.of(cast.approver), about=cast.employee, role="Database reader"
    ).number
    three = record(
        "assignment.ended", actor=PORTAL, about=cast.outsider, outcome="failed", directory="Payroll"
    ).number
    sign_in(client, cast.auditor)
    assert [number for number in shown(client) if number in (one, two, three)] == [three, two, one]
    assert shown(client, actor="robin", action="activation") == [one]
    assert shown(client, person="kim@example.test", action="activation") == [two]
    assert shown(client, person="Robin", action="activation") == [two, one]
    assert shown(client, about="Robin", role="database") == [two, one]
    assert shown(client, actor="the portal", action="assignment.ended") == [three]
    assert shown(client, action="activation.denied") == [two]
    assert shown(client, directory="pay") == [three]
    assert shown(client, outcome="failed") == [three]
    assert shown(client, access_request="r-2026-00007") == [one]
    assert shown(client, text="certificate") == [one]
    assert shown(client, text="chg-20440") == [one]
    assert one in shown(client, text=str(one))
    assert shown(client, **{"from": "2031-03-18", "to": "2031-03-18"}, role="database") == [one]
    assert shown(client, **{"from": "2031-03-19 08:30", "to": "2031-03-19 09:30"}, about="robin") == [two]
    assert shown(client, actor="Nobody Here") == []


def test_people_are_found_under_the_names_they_had(cast: Cast, auditor: Client) -> None:
    number = record("thing.happened", actor=Actor.of(cast.outsider)).number
    cast.outsider.display_name = "Pat Dolor"
    cast.outsider.save()
    for name in ("Pat Dolor", "pat ipsum", "pat@example"):
        assert shown(auditor, actor=name, action="thing") == [number], name
    record("thing.happened", actor=PORTAL.known_as("the console"))
    assert len(shown(auditor, actor="console")) == 1


def test_the_values_a_column_has_are_found_without_reading_every_entry(cast: Cast) -> None:
    record_all(
        [
            Entry("thing.happened", PORTAL, role=role, directory="Ämter")
            for role in ("b", "A", "", "é", "b", "Z")
        ]
    )
    assert sorted(values_used("role")) == ["A", "Z", "b", "é"]
    assert values_like("directory", "äMT") == ["Ämter"]
    assert values_like("role", "none") == []
    with pytest.raises(ValueError, match="justification"):
        values_used("justification")


def test_a_day_is_the_readers_own_day(cast: Cast, client: Client, time_machine: Any) -> None:
    time_machine.move_to("2031-03-18 22:30", tick=True)  # in Tokyo it is the 19th already
    number = record("thing.happened", actor=PORTAL).number
    cast.auditor.time_zone = "Asia/Tokyo"
    cast.auditor.save()
    sign_in(client, cast.auditor)
    assert shown(client, action="thing", **{"from": "2031-03-19"}) == [number]
    assert shown(client, action="thing", to="2031-03-18") == []


@pytest.mark.parametrize(
    "wrong",
    [
        "yesterday",
        "2026-13-01",
        "2026-11-18T25:00",
        "0001-01-01",
        "9999-12-31",
        "10000-01-01",
        "1",
        "2026-11-18 14:20+99:00",
    ],
)
def test_a_mistake_in_one_field_stands_beside_it_and_nothing_is_lost(
    auditor: Client, cast: Cast, wrong: str
) -> None:
    number = record("thing.happened", actor=Actor.of(cast.employee)).number
    asked = {"from": wrong, "actor": "robin", "action": "thing"}
    assert shown(auditor, status=422, **asked) == [number]
    answer = auditor.get(reverse("journal"), asked)
    filters = answer.context["filters"]
    assert list(filters.errors) == ["from"]
    assert filters["from"].value() == wrong
    assert filters["actor"].value() == "robin"
    download = auditor.get(reverse("download_journal"), asked)
    assert download.status_code == 422
    assert not AuditEvent.objects.filter(action="journal.exported").exists()


@pytest.mark.parametrize(
    "asked",
    [
        {"outcome": "splendid"},
        {"text": "\x00"},
        {"actor": "x" * 5000},
        {"page": "x"},
        {"page": "-1"},
        {"page": "99999999999999999999"},
        {"text": "%_\\"},
        {"text": "9" * 40},
        {"from": "２０２６-11-18"},
    ],
    ids=str,
)
def test_nothing_one_asks_breaks_the_page(auditor: Client, asked: dict[str, str]) -> None:
    assert auditor.get(reverse("journal"), asked).status_code in (200, 422)


def test_pages_of_the_whole_journal_and_of_a_filter_go_back_to_the_first_entry(
    auditor: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_all([Entry("thing.happened", Actor.of(cast.employee)) for _ in range(120)])
    total = AuditEvent.objects.count()
    for asked in ({}, {"action": "thing"}):
        seen: list[int] = []
        page = auditor.get(reverse("journal"), asked).context["page"]
        for number in page.paginator.page_range:
            seen += [
                event.number
                for event in auditor.get(reverse("journal"), {**asked, "page": number}).context["page"]
            ]
        assert seen == sorted(seen, reverse=True)
        assert len(set(seen)) == (120 if asked else total)
    monkeypatch.setattr(paging, "MOST", 100)
    paginator = auditor.get(reverse("journal"), {"action": "thing"}).context["page"].paginator
    assert (paginator.count, paginator.is_cut) == (100, True)


def test_one_entry_with_the_others_of_its_request(cast: Cast, auditor: Client) -> None:
    events = [
        record(action, actor=Actor.of(cast.employee), access_request="R-2026-00007", role="Reader")
        for action in ("activation.requested", "activation.approved", "assignment.provisioned")
    ]
    page = auditor.get(reverse("audit_event", args=[events[1].number]))
    assert page.context["words"] == "Robin Sample approved Reader"
    assert [event.number for event in page.context["others"]] == [events[0].number, events[2].number]
    raw = json.loads(page.context["raw"])
    assert raw["digest"] == events[1].digest
    assert auditor.get(reverse("audit_event", args=[10**6])).status_code == 404


def test_the_banner_tells_what_the_last_check_found(auditor: Client) -> None:
    assert auditor.get(reverse("journal")).context["chain"] is None
    check_journal()
    chain = auditor.get(reverse("journal")).context["chain"]
    assert (chain.holds, chain.wrong, chain.why) == (True, None, "")
    assert chain.count == AuditEvent.objects.count()


def test_a_page_of_the_journal_asks_the_database_little(
    auditor: Client, cast: Cast, django_assert_max_num_queries: Any
) -> None:
    record_all([Entry("thing.happened", Actor.of(cast.employee), about=cast.employee) for _ in range(60)])
    with django_assert_max_num_queries(20):
        auditor.get(reverse("journal"), {"actor": "robin"})


def test_a_download_is_a_file_with_what_was_filtered(cast: Cast, auditor: Client) -> None:
    number = record("thing.happened", actor=Actor.of(cast.employee), justification="=1+1").number
    answer = auditor.get(
        reverse("download_journal"), {"format": "jsonl", "actor": "robin", "action": "thing"}
    )
    assert answer["Content-Type"] == "application/x-ndjson"
    assert answer["Content-Disposition"].endswith('.jsonl"')
    [line] = b"".join(answer).splitlines()
    assert json.loads(line)["number"] == number
    event = AuditEvent.objects.get(action="journal.exported")
    assert (event.actor, event.detail["filter"], event.detail["count"]) == (
        cast.auditor,
        {"actor": "robin", "action": "thing"},
        1,
    )
    assert b"'=1+1" in b"".join(auditor.get(reverse("download_journal"), {"format": "csv", "actor": "robin"}))
    assert b'"noun"' in b"".join(
        auditor.get(reverse("download_journal"), {"kind": "history", "format": "csv"})
    )
    assert auditor.get(reverse("download_journal"), {"format": "exe"}).status_code == 422
    assert auditor.post(reverse("download_journal")).status_code == 405


def test_my_audit_is_mine_alone(cast: Cast, client: Client) -> None:
    mine = record("thing.done", actor=Actor.of(cast.employee)).number
    about = record(
        "thing.happened", actor=Actor.of(cast.approver, address="192.0.2.9"), about=cast.employee
    ).number
    other = record("thing.happened", actor=Actor.of(cast.outsider), access_request="R-1").number
    sign_in(client, cast.employee)
    numbers = [event.number for event in client.get(reverse("my_audit")).context["page"]]
    assert {mine, about} <= set(numbers)
    assert other not in numbers
    assert client.get(reverse("audit_event", args=[mine])).status_code == 200
    page = client.get(reverse("audit_event", args=[about]))
    assert "192.0.2.9" not in page.content.decode()
    assert client.get(reverse("audit_event", args=[other])).status_code == 404
    assert client.get(reverse("my_audit"), {"action": "thing.done"}).context["page"].paginator.count == 1
    downloaded = b"".join(client.get(reverse("download_my_audit"), {"format": "jsonl"})).decode()
    assert [json.loads(line)["number"] for line in downloaded.splitlines()] == sorted(numbers)
