"""B5: chained activations do not exceed what settings allow within 24 hours, judged by a pure function."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roles.models import EffectiveSettings, Factor
from roles.requirements import Asked, Standing, Unmet, unmet_requirements
from roles.within_a_day import MINUTE, WINDOW, Span, is_within, possible_from, room_from

MIDNIGHT = datetime(2026, 5, 4, tzinfo=UTC)
HOUR = 60
EIGHT = EffectiveSettings(
    factor=Factor.NONE, justification_required=False, max_minutes=8 * HOUR, day_minutes=8 * HOUR
)


def at(hour: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hour)


def span(start: float, end: float) -> Span:
    return at(start), at(end)


def judged(
    held: list[Span], minutes: int, *, now: float, starts: float | None = None, limit: int = 8 * HOUR
) -> list[Unmet]:
    standing = Standing(now=at(now), shortest=30, held=lambda: held)
    asked = Asked(minutes=minutes, starts_at=None if starts is None else at(starts))
    return unmet_requirements(replace(EIGHT, day_minutes=limit), asked, standing)


@pytest.mark.parametrize(
    ("held", "now", "left"),
    [
        ([], 12, 480),
        ([span(1, 9)], 12, 0),
        ([span(1, 5)], 12, 240),
        ([span(1, 5), span(4, 6)], 12, 180),
        ([span(1, 9)], 25, 480),
        ([span(1, 9)], 24.5, 0),
        ([span(1, 7)], 20, 120),
        ([span(1, 7)], 24, 480),
        ([span(20, 26)], 12, 120),
        ([span(20, 28)], 12, 0),
        ([span(-10, 2)], 3, 0),
        ([span(-40, -20)], 4, 480),
        ([span(40, 48)], 12, 480),
    ],
)
def test_B5_what_is_left_is_counted_over_every_window_that_it_would_be_a_part_of(
    held: list[Span], now: float, left: int
) -> None:
    assert room_from(held, at(now), limit=480, at_most=480) == left


def test_B5_activating_again_at_the_last_second_is_refused_with_when_more_is_possible() -> None:
    [unmet] = judged([span(9, 17)], 240, now=17 - 1 / 3600)

    assert (unmet.field, unmet.code) == ("minutes", "day_used_up")
    assert unmet.message == (
        "The 8 h that this role may be held within any 24 hours are used up then. "
        "4 h are possible from 5 May 09:00 on."
    )


def test_what_is_left_is_said_and_may_be_had() -> None:
    held = [span(9, 13)]

    assert judged(held, 4 * HOUR, now=14) == []
    assert judged(held, 6 * HOUR, now=14)[0].message == (
        "Of the 8 h within any 24 hours 4 h are left then. 6 h are possible from 5 May 05:00 on."
    )


def test_more_than_the_day_allows_is_never_possible_and_not_promised() -> None:
    assert judged([], 6 * HOUR, now=14, limit=4 * HOUR)[0].message == (
        "Of the 4 h within any 24 hours 4 h are left then."
    )


def test_a_later_start_is_judged_at_that_time_and_without_a_limit_nothing_is_asked() -> None:
    def never() -> list[Span]:
        raise AssertionError("nobody needs to look")

    assert judged([span(9, 17)], 8 * HOUR, now=17, starts=33) == []
    assert [one.code for one in judged([span(9, 17)], 8 * HOUR, now=17, starts=32)] == ["day_used_up"]
    free = replace(EIGHT, day_minutes=0)
    standing = Standing(now=at(17), shortest=30, held=never)
    assert unmet_requirements(free, Asked(minutes=60), standing) == []


tries = st.lists(
    st.tuples(st.integers(0, 12 * HOUR), st.integers(1, 10 * HOUR), st.integers(0, 36 * HOUR)), max_size=10
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tries, st.integers(30, 20 * HOUR))
def test_B5_whatever_sequence_is_accepted_no_24_hours_hold_more_than_the_limit(
    wishes: list[tuple[int, int, int]], limit: int
) -> None:
    # given wishes one after another, to start at once or later, each granted as far as there is room
    held: list[Span] = []
    clock = accumulate(waited for waited, _minutes, _ahead in wishes)
    for passed, (_waited, minutes, ahead) in zip(clock, wishes, strict=True):
        start = MIDNIGHT + (passed + ahead) * MINUTE
        left = room_from(held, start, limit=limit, at_most=minutes)
        if left:
            held.append((start, start + left * MINUTE))
        if left < minutes <= limit:
            # then what is promised for later keeps the promise
            later = possible_from(held, start, minutes=minutes, limit=limit)
            assert is_within(held, (later, later + minutes * MINUTE), limit=limit)
    # then minute by minute, whatever window one looks at, it holds no more than the limit
    minutes_held = {
        n for a, b in held for n in range(int((a - MIDNIGHT) / MINUTE), int((b - MIDNIGHT) / MINUTE))
    }
    last = max(minutes_held, default=0)
    running = list(accumulate((n in minutes_held for n in range(last + 1)), initial=0))
    day = int(WINDOW / MINUTE)
    assert all(running[n + 1] - running[max(0, n + 1 - day)] <= limit for n in range(last + 1))
