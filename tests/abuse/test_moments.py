"""Moments and durations that are none, or almost: taken to the second or given back, and never a breakdown (B2, B3, B4)."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import pytest
from django.test import Client
from django.urls import reverse
from time_machine import TimeMachineFixture

from accounts.models import User
from approvals.models import AccessRequest
from roles.models import Assignment, Eligibility
from roles.requirements import Asked, Standing, unmet_requirements
from roles.sweeping import sweep
from tests.approvals.conftest import clock  # noqa: F401
from tests.cast import Cast
from tests.factories.connectors import Vault, vault  # noqa: F401
from tests.factories.pages import signed_in, wish
from tests.factories.roles import HOUR, MICROSECOND, NOON, activate, ask, make_eligibility, make_role
from tests.roles.test_requirements import NOTHING_ASKED
from tests.test_permissions_matrix import taken_back

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"


def utc(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


#: what is written, by somebody in Vienna at two in the afternoon of 4 May 2026, and the moment that it is; None: none
WRITTEN: dict[str, datetime | None] = {
    "2026-05-04T15:00": utc("2026-05-04T13:00"),
    "2026-05-04 15:00": utc("2026-05-04T13:00"),
    "2026-05-04T15:00:30": utc("2026-05-04T13:00:30"),
    "2026-05-04T13:00Z": utc("2026-05-04T13:00"),
    "2026-05-05T03:00+14:00": utc("2026-05-04T13:00"),
    "2026-05-04T01:00-12:00": utc("2026-05-04T13:00"),
    "2026-05-04T18:45+05:45": utc("2026-05-04T13:00"),
    "2026-05-04T15:00:00.999999": utc("2026-05-04T13:00:00.999999"),
    "2026-10-25T01:59": utc("2026-10-24T23:59"),  # the last minute that summer time alone has
    "2026-10-25T03:00": utc("2026-10-25T02:00"),
    "2026-10-25T02:30+02:00": utc("2026-10-25T00:30"),
    "2026-10-25T02:30+01:00": utc("2026-10-25T01:30"),
    "2027-03-28T03:00": utc("2027-03-28T01:00"),  # the first moment after the hour that is left out
    "2026-10-25T02:30": None,  # there are two of it
    "2027-03-28T02:30": None,  # there is none of it
    "2026-05-04T24:00": None,
    "2026-05-04T24:00:00Z": None,
    "2026-05-04T15:60": None,
    "2026-05-04T15:00:60": None,
    "2026-12-31T23:59:60Z": None,
    "2026-02-30T10:00": None,
    "2026-13-01T10:00": None,
    "2026-05-04T15:00+99:00": None,
    "2026-05-04T15:00+24:00": None,
    "0001-01-01T00:00": None,
    "0001-01-01T00:00+14:00": None,
    "0000-01-01T00:00": None,
    "9999-12-31T23:59": None,
    "9999-12-31T23:59-12:00": None,
    "10000-01-01T00:00": None,
    "-2026-05-04T15:00": None,
    "2026-05-04T15:00[Europe/Vienna]": None,
    "2026-W19-1T15:00": utc("2026-05-04T13:00"),
    "tomorrow": None,
    "1e308": None,
    "NaN": None,
    "9" * 4000: None,
    "2026-05-04T15:00\x00": None,
    "2026-05-04T15:00\u2028": utc("2026-05-04T13:00"),
    "２０２６-05-04T15:00": utc("2026-05-04T13:00"),
}


@pytest.fixture
def eligibility(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Eligibility:  # noqa: F811
    """The employee, in Vienna, may activate a role for which nobody has to approve."""
    User.objects.update(time_zone="Europe/Vienna")
    return make_eligibility(make_role(vault.row), cast.employee)


@pytest.fixture
def robin(eligibility: Eligibility, cast: Cast) -> Client:
    return signed_in(cast.employee)


def test_B3_a_start_is_the_moment_it_says_or_none(robin: Client, eligibility: Eligibility) -> None:
    assert len(WRITTEN) == 40
    found: dict[str, Any] = {}
    for text in WRITTEN:
        with taken_back(robin):
            answer = robin.post(reverse("activate", args=[eligibility.pk]), wish(starts_at=text))
            assert answer.status_code in (302, 422), text
            made = Assignment.objects.first()
            found[text] = made.starts_at if made else None
            assert (made is None) == (answer.status_code == 422), text
            assert made is None or made.ends_at == made.starts_at + 4 * HOUR, (
                "real time, whatever the clocks do"
            )
    assert found == WRITTEN


def test_B3_nor_does_any_other_page_break_on_it(robin: Client, eligibility: Eligibility, cast: Cast) -> None:
    dana = signed_in(cast.administrator)
    moments = ["0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00", "2027-03-28T02:30", "2026-05-04T15:00\x00"]
    for text in [*moments, "9999-12-31", "0001-01-01", "1e308"]:
        tries = [
            (
                robin,
                "post",
                reverse("away"),
                {"deputy": "kim@example.test", "starts_at": text, "ends_at": text},
            ),
            (dana, "post", reverse("assign"), {"starts_at": text, "ends_at": text, "justification": "x"}),
            (dana, "post", reverse("update_eligibility", args=[eligibility.pk]), {"ends_at": text}),
            (dana, "get", reverse("journal"), {"from": text, "to": text}),
        ]
        for client, method, address, form in tries:
            with taken_back(client):
                assert getattr(client, method)(address, form).status_code in (200, 302, 400, 422), (
                    address,
                    text,
                )


def no_durations() -> list[bytes]:
    """Forty bodies of a form's field that are no duration from 30 minutes to 8 hours, the same in each run."""
    dice = random.Random(4)
    pieces = [
        "-",
        "+",
        ".",
        "e",
        "E",
        "0",
        "9",
        "60",
        "1e308",
        "inf",
        "nan",
        "0x",
        "_",
        " ",
        "P1Y",
        "PT4H",
        ",",
        ";",
        "٣",
    ]
    made = [("".join(dice.choices(pieces, k=dice.randint(2, 6)))).encode() for _ in range(24)]
    fixed = [
        b"-1",
        b"-60",
        b"0",
        b"29",
        b"481",
        b"60.5",
        b"1e308",
        b"-1e308",
        b"1e-5",
        b"P1Y",
        b"60\x00",
        b"\xed\xa0\x80",
    ]
    return [*made, *fixed, b"\xff\xfe", b"9" * 4301, b"-" + b"9" * 60, b"18446744073709551616"]


def send(client: Client, address: str, field: str, value: bytes, **others: str) -> Any:
    body = f"{urlencode(others)}&{field}={quote_from_bytes(value)}"
    return client.post(address, body, content_type=FORM)


def test_B4_whatever_stands_in_the_place_of_a_duration_is_one_within_the_bounds_or_refused(
    robin: Client, eligibility: Eligibility
) -> None:
    address = reverse("activate", args=[eligibility.pk])
    for value in no_durations():
        with taken_back(robin):
            answer = send(robin, address, "minutes", value, justification="The nightly job is stuck")
            filed = AccessRequest.objects.first()
            assert answer.status_code == (302 if filed else 422), value
            assert filed is None or 30 <= (filed.minutes or 0) <= 480, value


def test_B4_nor_where_a_running_role_is_prolonged_or_an_approver_shortens(
    robin: Client, eligibility: Eligibility, cast: Cast
) -> None:
    held = activate(eligibility, cast.employee, minutes=60)
    sweep()
    guarded = make_role(eligibility.role.directory, "Owner", approvers=[cast.approver])
    filed = ask(make_eligibility(guarded, cast.employee), cast.employee, minutes=240)
    kim = signed_in(cast.approver)
    for value in no_durations()[-14:]:
        if (
            value == b"29"
        ):  # half an hour is the least that is activated, not the least that is added or given
            continue
        with taken_back(robin):
            answer = send(
                robin, reverse("longer", args=[held.pk]), "minutes", value, justification="It goes on"
            )
            assert answer.status_code == 422, value
        with taken_back(kim):
            answer = send(kim, reverse("decide", args=[filed.pk]), "minutes", value, verdict="approve")
            assert answer.status_code == 422, value
            assert not filed.decisions.exists()


@pytest.mark.parametrize(
    ("start", "codes"),
    [
        (NOON - timedelta(minutes=1), []),
        (NOON - timedelta(minutes=1) - MICROSECOND, ["start_in_the_past"]),
        (NOON + 2 * HOUR - MICROSECOND, []),
        (NOON + 2 * HOUR, ["after_eligibility"]),
        (NOON + 2 * HOUR + MICROSECOND, ["after_eligibility"]),
        (datetime.max.replace(tzinfo=UTC), ["start_too_far", "after_eligibility"]),
        (datetime.min.replace(tzinfo=UTC), ["start_in_the_past"]),
    ],
)
def test_B2_to_the_microsecond(start: datetime, codes: list[str]) -> None:

    there = Standing(now=NOON, shortest=30, eligible_until=NOON + 2 * HOUR)
    assert [
        one.code for one in unmet_requirements(NOTHING_ASKED, Asked(minutes=60, starts_at=start), there)
    ] == codes
