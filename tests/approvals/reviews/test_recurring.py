"""When the runs of a series start: months without the day, the clock put forward and back, and the end of a series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from approvals.reviews.models import ReviewSeries
from approvals.reviews.recurring import LONGEST, next_after, start_of

VIENNA = ZoneInfo("Europe/Vienna")
#: a day that most months do not have
LAST_OF_JANUARY = datetime(2027, 1, 31, 9, 0, tzinfo=VIENNA)
REPEATED = [one for one in ReviewSeries.Frequency.values if one != "once"]


def starts(first: datetime, frequency: str, count: int) -> list[datetime]:
    return [start_of(number, first=first, frequency=frequency) for number in range(1, count + 1)]


def test_a_month_without_the_31st_has_its_run_on_its_last_day_and_the_next_month_on_the_31st_again() -> None:
    days = [(at.month, at.day) for at in starts(LAST_OF_JANUARY, "monthly", 5)]

    assert days == [(1, 31), (2, 28), (3, 31), (4, 30), (5, 31)]


def test_what_begins_on_the_29th_of_february_is_on_the_28th_in_other_years_and_on_the_29th_in_the_next_leap_year() -> (
    None
):
    leap_day = datetime(2028, 2, 29, 9, 0, tzinfo=VIENNA)

    days = [(at.year, at.day) for at in starts(leap_day, "yearly", 5)]

    assert days == [(2028, 29), (2029, 28), (2030, 28), (2031, 28), (2032, 29)]


@pytest.mark.parametrize(
    ("frequency", "months"),
    [
        ("monthly", [11, 12, 1]),
        ("quarterly", [11, 2, 5]),
        ("half_yearly", [11, 5, 11]),
        ("yearly", [11, 11, 11]),
    ],
)
def test_the_months_go_on_over_the_end_of_a_year(frequency: str, months: list[int]) -> None:
    first = datetime(2026, 11, 15, 9, 0, tzinfo=VIENNA)

    found = starts(first, frequency, 3)

    assert [at.month for at in found] == months
    assert all(at.day == 15 for at in found)


@pytest.mark.parametrize("frequency", REPEATED)
def test_the_clock_on_the_wall_shows_the_same_hour_at_every_start_though_the_clock_is_put_forward(
    frequency: str,
) -> None:
    winter = datetime(2027, 3, 22, 9, 0, tzinfo=VIENNA)  # clocks go forward on the 28th

    found = starts(winter, frequency, 3)

    assert {(at.hour, at.minute) for at in found} == {(9, 0)}
    assert {at.tzinfo for at in found} == {VIENNA}


def test_a_week_over_which_the_clock_is_put_forward_is_an_hour_shorter() -> None:
    winter = datetime(2027, 3, 22, 9, 0, tzinfo=VIENNA)

    before, after = (at.astimezone(UTC) for at in starts(winter, "weekly", 2))

    assert after - before == timedelta(days=7, hours=-1)


def test_an_hour_that_the_clock_leaves_out_is_held_all_the_same() -> None:
    never_was = start_of(2, first=datetime(2027, 2, 28, 2, 30, tzinfo=VIENNA), frequency="monthly")

    assert never_was.astimezone(UTC) == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


def test_what_happens_once_has_no_second_start() -> None:
    assert start_of(1, first=LAST_OF_JANUARY, frequency="once") == LAST_OF_JANUARY
    assert next_after(0, first=LAST_OF_JANUARY, frequency="once", until=None, times=None) == LAST_OF_JANUARY
    assert next_after(1, first=LAST_OF_JANUARY, frequency="once", until=None, times=None) is None
    with pytest.raises(ValueError, match="no run 2"):
        start_of(2, first=LAST_OF_JANUARY, frequency="once")


def test_there_is_no_start_before_the_first() -> None:
    with pytest.raises(ValueError, match="no run 0"):
        start_of(0, first=LAST_OF_JANUARY, frequency="monthly")


def test_a_series_that_ends_on_a_day_holds_the_run_of_that_very_moment_and_none_after() -> None:
    until = datetime(2027, 3, 31, 9, 0, tzinfo=VIENNA)

    said: dict[str, Any] = {"first": LAST_OF_JANUARY, "frequency": "monthly", "times": None}

    assert next_after(2, until=until, **said) == until
    assert next_after(2, until=until - timedelta(microseconds=1), **said) is None
    assert next_after(3, until=until, **said) is None


def test_a_series_of_three_ends_after_the_third() -> None:
    said: dict[str, Any] = {"first": LAST_OF_JANUARY, "frequency": "weekly", "until": None, "times": 3}

    assert [next_after(number, **said) is not None for number in range(5)] == [True, True, True, False, False]


@pytest.mark.parametrize("frequency", REPEATED)
def test_a_run_of_the_longest_time_is_over_before_the_next_one_starts(frequency: str) -> None:
    for first in (
        LAST_OF_JANUARY,
        datetime(2027, 2, 1, 9, 0, tzinfo=VIENNA),
        datetime(2026, 9, 1, tzinfo=VIENNA),
    ):
        for one, after in pairwise(at.astimezone(UTC) for at in starts(first, frequency, 30)):
            assert one + timedelta(days=LONGEST[frequency]) < after


def test_every_frequency_has_its_longest_time() -> None:
    assert set(LONGEST) == set(ReviewSeries.Frequency.values)
