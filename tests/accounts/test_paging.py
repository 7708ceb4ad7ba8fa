"""Pages found by the sort key of a row: every row once, both ways, whatever an address says."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F, QuerySet

from accounts.models import Notification, User
from accounts.paging import Page, counted, page_of
from tests.factories.people import make_person

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
NEWEST = ("-created_at", "-pk")


@pytest.fixture
def person() -> User:
    return make_person("robin")


@pytest.fixture
def rows(person: User) -> QuerySet[Notification]:
    """Twenty-three rows, always three of one moment."""
    for number in range(23):
        at = NOON + timedelta(minutes=number // 3)
        Notification.objects.create(
            person=person, notice="tests/x", subject=str(number), text="x", created_at=at
        )
    return Notification.objects.all()


def walk(*sources: QuerySet[Any], by: tuple[str, ...], rows: int = 5) -> tuple[list[Page], list[Page]]:
    """Every page from the first to the last, and back again."""
    there, back = [page_of({}, *sources, by=by, rows=rows)], []
    while there[-1].after:
        there.append(page_of({"after": there[-1].after}, *sources, by=by, rows=rows))
        assert len(there) < 50
    back.append(there[-1])
    while back[-1].before:
        back.append(page_of({"before": back[-1].before}, *sources, by=by, rows=rows))
        assert len(back) < 50
    return there, back


@pytest.mark.parametrize("by", [NEWEST, ("created_at", "pk"), ("subject", "pk"), ("-text", "-pk")])
def test_every_row_stands_on_one_page_in_both_directions(
    rows: QuerySet[Notification], by: tuple[str, ...]
) -> None:
    there, back = walk(rows, by=by)

    assert [row for page in there for row in page] == list(rows.order_by(*by))
    assert [list(page) for page in reversed(back)] == [list(page) for page in there]
    assert (there[0].before, there[-1].after) == ("", "")


@pytest.mark.parametrize("sign", ["", "-"])
def test_several_sources_make_one_list(rows: QuerySet[Notification], person: User, sign: str) -> None:
    others = User.objects.annotate(at=F("created_at"))
    for number in range(9):
        make_person(f"p{number}", created_at=NOON + timedelta(minutes=number // 2))
    by = (f"{sign}at", f"{sign}pk")

    there, back = walk(rows.annotate(at=F("created_at")), others, by=by)

    seen = [row for page in there for row in page]
    assert len(seen) == len(set(map(repr, seen))) == 23 + 10
    times = [row.created_at for row in seen]
    assert times == sorted(times, reverse=bool(sign))
    assert [list(page) for page in reversed(back)] == [list(page) for page in there]


def test_what_comes_and_goes_meanwhile_moves_no_row_to_another_page(
    rows: QuerySet[Notification], person: User
) -> None:
    first = page_of({}, rows, by=NEWEST, rows=5)
    Notification.objects.create(
        person=person, notice="tests/x", subject="new", text="x", created_at=NOON + timedelta(days=1)
    )
    Notification.objects.filter(pk=first[-1].pk).delete()

    second = page_of({"after": first.after}, rows, by=NEWEST, rows=5)

    assert [row.subject for row in second] == ["17", "16", "15", "14", "13"]


def made_up(*said: object) -> str:
    return urlsafe_b64encode(json.dumps(said).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "%00",
        "ÿ",
        "=" * 7,
        "A" * 5000,
        "[" * 4000,
        made_up(),
        made_up(0),
        made_up(0, "2026-05-04T12:00:00+00:00"),
        made_up(1, "2026-05-04T12:00:00+00:00", 1),
        made_up(-1, "2026-05-04T12:00:00+00:00", 1),
        made_up(0, "2026-05-04T12:00:00", 1),
        made_up(0, "0001-01-01T00:00:00+14:00", 1),
        made_up(0, 20260504, 1),
        made_up(0, "2026-05-04T12:00:00+00:00", "1"),
        made_up(0, "2026-05-04T12:00:00+00:00", 10**30),
        made_up(0, "2026-05-04T12:00:00+00:00", True),
        made_up(0, None, None),
        made_up(0, ["2026"], {"pk": 1}),
        made_up(0, "1999-01-01T00:00:00+00:00", 1),
    ],
)
@pytest.mark.parametrize("name", ["after", "before"])
def test_an_address_that_nobody_was_given_shows_the_first_page(
    rows: QuerySet[Notification], name: str, cursor: str
) -> None:
    found = page_of({name: cursor}, rows, by=NEWEST, rows=5)

    assert [row.subject for row in found][:2] == (["22", "21"] if not found.before else ["4", "3"])


@pytest.mark.parametrize("text", ["\x00", "\ud800", "'; DROP TABLE", "%"])
def test_a_made_up_text_is_only_compared_with(rows: QuerySet[Notification], text: str) -> None:
    assert len(page_of({"after": made_up(0, text, 0)}, rows, by=("subject", "pk"), rows=5)) == 5


def test_an_order_that_names_no_single_row_is_a_fault_of_ours(rows: QuerySet[Notification]) -> None:
    for by in (("created_at",), ("-created_at", "pk")):
        with pytest.raises(ValueError, match="no order to page by"):
            page_of({}, rows, by=by)


def test_counting_stops_where_it_gets_long(rows: QuerySet[Notification]) -> None:
    assert (counted(rows), str(counted(rows))) == (23, "23")
    assert str(counted(rows, rows, most=40)) == "40+"
    assert not counted(rows.none())
