"""What time brings, on time, once, and after an outage in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from time_machine import TimeMachineFixture

from approvals.reviews.keeping import StageWish, delete_series, keep_series
from approvals.reviews.models import AccessReview, ReviewSeries
from approvals.reviews.recurring import next_after, start_of
from approvals.reviews.scheduling import remind_reviewers, run_reviews
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Role
from tests.cast import Cast
from tests.factories.reviews import CHOSEN, answer, item_of, make_series
from tests.factories.roles import (
    HOUR,
    MICROSECOND,
    NOON,
    acting,
    acts_on,
    make_eligibility,
    notices_of,
    now,
)

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.django_db]

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
Status = AccessReview.Status
REMINDER, STARTED = "approvals/review_reminder", "approvals/review_started"


def beat() -> None:
    """Every beat doubled."""
    run_reviews()
    run_reviews()


def series_of(cast: Cast, role: Role, **more: object) -> ReviewSeries:
    return make_series(cast.administrator, cast.approver, roles=[role], **more)  # type: ignore[arg-type]


def test_a_review_opens_on_time_reminds_twice_and_closes(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    review = series_of(cast, role, starts_at=NOON + 2 * DAY, days=10).runs.get()
    clock.move_to(NOON + 2 * DAY - MICROSECOND)
    beat()
    assert now(review).status == Status.SCHEDULED
    start = NOON + 2 * DAY
    told = {
        start: (Status.OPEN, 0),
        start + 5 * DAY - MICROSECOND: (Status.OPEN, 0),
        start + 5 * DAY: (Status.OPEN, 1),
        start + 9 * DAY - MICROSECOND: (Status.OPEN, 1),
        start + 9 * DAY: (Status.OPEN, 2),
        start + 10 * DAY - MICROSECOND: (Status.OPEN, 2),
        start + 10 * DAY: (Status.APPLIED, 2),
    }
    for moment, expected in told.items():
        clock.move_to(moment)
        beat()
        found = now(review)
        assert (found.status, notices_of(cast.approver).count(REMINDER)) == expected, moment
    assert notices_of(cast.approver).count(STARTED) == 1
    assert acts_on(review) == [
        "review.planned",
        "review.opened",
        "review.reminded",
        "review.reminded",
        "review.closed",
        "review.applied",
    ]


def test_a_review_of_one_day_reminds_halfway_alone(clock: TimeMachineFixture, cast: Cast, role: Role) -> None:
    make_eligibility(role, cast.employee)
    series_of(cast, role, days=1)
    beat()
    assert notices_of(cast.approver).count(REMINDER) == 0
    for _ in range(23):
        clock.shift(HOUR)
        beat()
    assert notices_of(cast.approver).count(REMINDER) == 1


def test_who_has_answered_everything_is_not_reminded_nor_is_anybody_where_the_review_says_so(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    first = series_of(cast, role, days=10)
    series_of(cast, role, days=10, reminds=False)
    beat()
    answer(item_of(first.runs.get(), cast.employee), cast.approver)
    clock.shift(5 * DAY)
    beat()
    assert REMINDER not in notices_of(cast.approver)


def test_who_leads_the_review_reminds_by_hand(clock: TimeMachineFixture, cast: Cast, role: Role) -> None:
    make_eligibility(role, cast.employee)
    series = series_of(cast, role)
    beat()
    review = series.runs.get()
    with pytest.raises(NotAllowed):
        remind_reviewers(review, actor=acting(cast.approver))
    page = now(review)
    assert remind_reviewers(review, actor=acting(cast.administrator)) == ["Kim Placeholder"]
    clock.shift(MINUTE)
    for seen in (page, now(review)):
        with pytest.raises(Refused, match="Reminders went out already: 4 May 2026, 12:00"):
            remind_reviewers(seen, actor=acting(cast.administrator))
    assert notices_of(cast.approver).count(REMINDER) == 1, "a double click reminds once"
    clock.shift(5 * MINUTE)
    remind_reviewers(now(review), actor=acting(cast.administrator))
    assert notices_of(cast.approver).count(REMINDER) == 2
    assert acts_on(review).count("review.reminded") == 2


def test_a_reminder_by_hand_just_before_the_one_by_time_is_not_followed_by_another_at_once(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    review = series_of(cast, role, days=10).runs.get()
    beat()
    clock.move_to(NOON + 5 * DAY - MINUTE)
    remind_reviewers(now(review), actor=acting(cast.administrator))
    clock.shift(2 * MINUTE)
    beat()
    assert notices_of(cast.approver).count(REMINDER) == 1


def test_reminding_nobody_is_not_written_down_as_a_reminder(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    review = series_of(cast, role).runs.get()
    beat()
    answer(item_of(review, cast.employee), cast.approver)
    assert remind_reviewers(now(review), actor=acting(cast.administrator)) == []
    assert now(review).reminded_at is None


def test_each_stage_has_its_own_reminders(clock: TimeMachineFixture, cast: Cast, role: Role) -> None:
    make_eligibility(role, cast.employee)
    stages = [
        StageWish(CHOSEN, 6, reviewers=[cast.approver]),
        StageWish(CHOSEN, 4, reviewers=[cast.second_approver]),
    ]
    series = make_series(cast.administrator, roles=[role], stages=stages)
    for _ in range(11 * 4):
        beat()
        clock.shift(6 * HOUR)
    assert notices_of(cast.approver).count(REMINDER) == 2
    assert notices_of(cast.second_approver).count(REMINDER) == 2
    assert acts_on(series.runs.get()).count("review.stage_ended") == 1
    assert series.runs.get().status == Status.APPLIED


def test_after_an_outage_of_three_months_a_monthly_series_opens_once_and_plans_the_next_ahead(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    series = series_of(cast, role, frequency="monthly", days=14)
    clock.move_to(NOON + 95 * DAY)
    beat()
    run = series.runs.get()
    assert (run.status, run.number) == (Status.OPEN, 1)
    assert run.ends_at == NOON + (95 + 14) * DAY, "its reviewers have all their time"
    clock.move_to(run.ends_at)
    beat()
    assert [one.status for one in series.runs.order_by("number")] == [Status.APPLIED, Status.SCHEDULED]
    following = series.runs.get(status=Status.SCHEDULED)
    assert (following.number, following.starts_at) == (5, datetime(2026, 9, 4, 12, tzinfo=UTC))
    clock.move_to(following.starts_at)
    beat()
    assert now(following).status == Status.OPEN


def test_an_outage_over_its_end_closes_it_once_and_plans_the_next_ahead(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    series = series_of(cast, role, frequency="monthly", days=14)
    beat()
    clock.move_to(NOON + 95 * DAY)
    beat()
    assert [(one.number, one.status) for one in series.runs.order_by("number")] == [
        (1, Status.APPLIED),
        (5, Status.SCHEDULED),
    ]
    assert REMINDER not in notices_of(cast.approver), "it was over"


def test_after_an_outage_over_two_stages_the_second_has_its_days_yet(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    stages = [
        StageWish(CHOSEN, 6, reviewers=[cast.approver]),
        StageWish(CHOSEN, 4, reviewers=[cast.second_approver]),
    ]
    series = make_series(cast.administrator, roles=[role], stages=stages)
    beat()
    clock.shift(60 * DAY)
    beat()
    review = series.runs.get()
    assert (review.status, review.stage, review.ends_at) == (Status.OPEN, 2, NOON + 64 * DAY)


def test_a_series_ends_after_its_number_of_runs_or_its_last_day(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    twice = series_of(cast, role, frequency="weekly", days=5, times=2)
    until = series_of(cast, role, frequency="weekly", days=5, until=NOON + 14 * DAY)
    once = series_of(cast, role)
    for _ in range(40):
        beat()
        clock.shift(DAY)
    assert [one.runs.count() for one in (twice, until, once)] == [2, 3, 1]
    assert not AccessReview.objects.filter(status=Status.SCHEDULED).exists()


def test_a_run_opens_under_the_terms_of_that_moment_and_an_edit_later_changes_the_next(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    series = series_of(cast, role, frequency="weekly", days=5, starts_at=NOON + DAY)
    edit(cast, series, role, name="Every week", days=4)
    clock.move_to(NOON + DAY)
    beat()
    run = series.runs.get(status=Status.OPEN)
    assert (run.name, run.ends_at) == ("Every week", NOON + 5 * DAY)

    edit(cast, series, role, name="Later", days=3, on_silence="remove")
    assert (now(run).name, now(run).on_silence, now(run).ends_at) == ("Every week", "keep", NOON + 5 * DAY)
    assert run.stages.get().reviewers.get().person == cast.approver
    clock.move_to(NOON + 5 * DAY)
    beat()
    clock.move_to(NOON + 8 * DAY)
    beat()
    following = series.runs.get(status=Status.OPEN)
    assert (following.name, following.on_silence) == ("Later", "remove")
    assert following.ends_at == NOON + 11 * DAY


def edit(cast: Cast, series: ReviewSeries, role: Role, *, days: int, **said: object) -> None:
    series = now(series)
    for name, value in said.items():
        setattr(series, name, value)
    stages = [StageWish(CHOSEN, days, reviewers=[cast.approver])]
    keep_series(series, actor=acting(cast.administrator), roles=[role], told=[], stages=stages)


def test_deleting_a_series_calls_off_the_planned_run_and_keeps_every_record(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    series = series_of(cast, role, frequency="weekly", days=5)
    beat()
    run = series.runs.get()
    answer(item_of(run, cast.employee), cast.approver)
    with pytest.raises(Refused):
        delete_series(series, actor=acting(cast.administrator))
    clock.shift(5 * DAY)
    beat()
    with pytest.raises(NotAllowed):
        delete_series(series, actor=acting(cast.approver))
    delete_series(series, actor=acting(cast.administrator))
    with pytest.raises(Overtaken):
        delete_series(series, actor=acting(cast.administrator))
    for _ in range(20):
        beat()
        clock.shift(DAY)
    assert [one.status for one in series.runs.order_by("pk")] == [Status.CLOSED, Status.CANCELED]
    assert item_of(run, cast.employee).decisions.count() == 1
    assert now(series).deleted_at is not None


def test_one_review_that_goes_wrong_does_not_keep_the_others_from_opening(
    clock: TimeMachineFixture, cast: Cast, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    from approvals.reviews import scheduling

    broken, fine = series_of(cast, role), series_of(cast, role)
    opened = scheduling.open_review

    def breaks(review: AccessReview, **said: object) -> object:
        if review.series_id == broken.pk:
            raise RuntimeError("a fault in the portal")
        return opened(review, **said)  # type: ignore[arg-type]

    monkeypatch.setattr(scheduling, "open_review", breaks)
    beat()
    assert [one.runs.get().status for one in (broken, fine)] == [Status.SCHEDULED, Status.OPEN]
    monkeypatch.undo()


def test_a_beat_while_nothing_is_due_writes_nothing(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    series_of(cast, role)
    beat()
    written = AuditEvent.objects.count()
    for _ in range(3):
        beat()
    assert AuditEvent.objects.count() == written


@pytest.mark.parametrize(
    ("frequency", "number", "expected"),
    [
        ("once", 1, datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("weekly", 3, datetime(2026, 2, 14, 9, tzinfo=UTC)),
        ("monthly", 2, datetime(2026, 2, 28, 9, tzinfo=UTC)),
        ("monthly", 3, datetime(2026, 3, 31, 9, tzinfo=UTC)),
        ("quarterly", 2, datetime(2026, 4, 30, 9, tzinfo=UTC)),
        ("half_yearly", 2, datetime(2026, 7, 31, 9, tzinfo=UTC)),
        ("yearly", 3, datetime(2028, 1, 31, 9, tzinfo=UTC)),
    ],
)
def test_each_frequency_starts_on_the_same_day_and_hour(
    frequency: str, number: int, expected: datetime
) -> None:
    assert start_of(number, first=datetime(2026, 1, 31, 9, tzinfo=UTC), frequency=frequency) == expected


def test_the_hour_of_the_clock_stays_when_summer_begins(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    cast.administrator.time_zone = "Europe/Zurich"
    cast.administrator.save()
    from approvals.reviews.opening import next_slot

    series = series_of(cast, role, frequency="yearly", days=5)
    start = next_slot(series, 1)
    assert start is not None
    assert start[1].hour == NOON.astimezone(cast.administrator.zone).hour


def test_what_happens_once_has_no_second_run() -> None:
    first = datetime(2026, 1, 31, 9, tzinfo=UTC)
    assert next_after(1, first=first, frequency="once", until=None, times=None) is None
    with pytest.raises(ValueError, match="no run 2"):
        start_of(2, first=first, frequency="once")
