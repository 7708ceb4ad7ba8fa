"""Another first start for a series that has begun: it counts from that day, and its numbers go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from time_machine import TimeMachineFixture

from approvals.reviews.keeping import StageWish, keep_series
from approvals.reviews.models import AccessReview, ReviewSeries
from approvals.reviews.scheduling import run_reviews
from audit.journal.refusing import Refused
from roles.models import Role
from tests.cast import Cast
from tests.factories.reviews import CHOSEN, make_series
from tests.factories.roles import HOUR, NOON, acting, make_eligibility, now

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.django_db]

DAY = timedelta(days=1)
Status = AccessReview.Status


def series_of(cast: Cast, role: Role, **more: object) -> ReviewSeries:
    return make_series(cast.administrator, cast.approver, roles=[role], **more)  # type: ignore[arg-type]


def edit(cast: Cast, series: ReviewSeries, role: Role, *, days: int, **said: object) -> None:
    series = now(series)
    for name, value in said.items():
        setattr(series, name, value)
    stages = [StageWish(CHOSEN, days, reviewers=[cast.approver])]
    keep_series(series, actor=acting(cast.administrator), roles=[role], told=[], stages=stages)


def test_another_first_start_of_a_series_that_has_run_counts_from_that_day_and_its_numbers_go_on(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    series = series_of(cast, role, frequency="quarterly", days=5, times=4)
    run_reviews()
    clock.move_to(NOON + 6 * DAY)
    run_reviews()
    assert starts_of(series) == [(1, NOON), (2, datetime(2026, 8, 4, 12, tzinfo=UTC))]

    edit(cast, series, role, days=5, starts_at=NOON + 20 * DAY)

    assert starts_of(series) == [(1, NOON), (2, NOON + 20 * DAY)]
    clock.move_to(NOON + 20 * DAY)
    run_reviews()
    clock.move_to(NOON + 25 * DAY)
    run_reviews()
    third = datetime(2026, 8, 24, 12, tzinfo=UTC)
    assert starts_of(series)[2:] == [(3, third)], "three months after the new first start"
    clock.move_to(third)
    run_reviews()
    clock.shift(5 * DAY)
    run_reviews()
    clock.shift(100 * DAY)
    run_reviews()
    clock.shift(5 * DAY)
    run_reviews()
    assert [number for number, _start in starts_of(series)] == [1, 2, 3, 4], "four in all"


def starts_of(series: ReviewSeries) -> list[tuple[int, datetime]]:
    runs = series.runs.exclude(status=Status.CANCELED).order_by("number")
    return list(runs.values_list("number", "starts_at"))


def test_what_was_held_once_is_held_once_more_on_another_day(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    series = series_of(cast, role, days=5)
    run_reviews()
    clock.move_to(NOON + 5 * DAY)
    run_reviews()
    edit(cast, series, role, days=5, name="Same start")
    assert len(starts_of(series)) == 1
    edit(cast, series, role, days=5, starts_at=NOON + 30 * DAY)
    assert starts_of(series) == [(1, NOON), (2, NOON + 30 * DAY)]


def test_another_first_start_that_would_be_passed_over_is_refused(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    series = series_of(cast, role, frequency="monthly", days=5)
    run_reviews()
    clock.shift(DAY)
    with pytest.raises(Refused, match="Choose a start that is still to come") as past:
        edit(cast, series, role, days=5, starts_at=NOON + HOUR)
    with pytest.raises(Refused, match="open until 9 May 2026, 12:00") as early:
        edit(cast, series, role, days=5, starts_at=NOON + 5 * DAY)
    assert past.value.field == early.value.field == "starts_at"
    edit(cast, series, role, days=5, starts_at=NOON + 5 * DAY + HOUR)
    clock.move_to(NOON + 5 * DAY)
    run_reviews()
    assert starts_of(series) == [(1, NOON), (2, NOON + 5 * DAY + HOUR)]
