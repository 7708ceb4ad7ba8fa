"""Several people and workers at one review in the same instant: one outcome, and the journal holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

import pytest
from time_machine import TimeMachineFixture

from accounts.models import User
from approvals.reviews.applying import carry_out
from approvals.reviews.changing import change_review, version_of_run
from approvals.reviews.closing import close_review, release_review, stop_review
from approvals.reviews.handing_over import hand_over_series
from approvals.reviews.models import AccessReview, ReviewItem, Verdict
from approvals.reviews.opening import open_review
from approvals.reviews.reviewing import follow_recommendations, take_back
from approvals.reviews.scheduling import remind_reviewers, run_reviews
from audit.journal.actor import PORTAL
from audit.journal.refusing import Overtaken
from audit.journal.verifying import verify_journal
from roles.models import Eligibility, Role
from tests.cast import Cast
from tests.factories.people import give_duty, make_person
from tests.factories.reviews import answer, end_of, item_of, make_series
from tests.factories.roles import NOON, acting, acts_on, make_eligibility, notices_of, now
from tests.races import ROUNDS, Race, lost, racing, won

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.django_db(transaction=True)]

KEEP, REMOVE = Verdict.APPROVE, Verdict.DENY
Status, Done = AccessReview.Status, ReviewItem.Done
PEOPLE = 3
DAY = timedelta(days=1)


@pytest.fixture
def race() -> Iterator[Race]:
    with racing(4) as race:
        yield race


@pytest.fixture
def plan(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> Callable[[int], tuple[AccessReview, list[Eligibility]]]:
    """A run that is planned, about three people of its own."""

    def plan(number: int) -> tuple[AccessReview, list[Eligibility]]:
        clock.move_to(NOON + number * 30 * DAY)
        Eligibility.objects.update(status=Eligibility.Status.REMOVED)
        rows = [make_eligibility(role, make_person(f"person{number}x{n}")) for n in range(PEOPLE)]
        reviewers = (cast.approver, cast.second_approver, cast.outsider, cast.auditor)
        series = make_series(cast.administrator, *reviewers, roles=[role], applies_itself=True)
        return series.runs.get(), rows

    return plan


@pytest.fixture
def opened(
    plan: Callable[[int], tuple[AccessReview, list[Eligibility]]],
) -> Callable[[int], tuple[AccessReview, list[Eligibility]]]:
    def opened(number: int) -> tuple[AccessReview, list[Eligibility]]:
        run, rows = plan(number)
        return open_review(run, actor=PORTAL), rows

    return opened


Made = Callable[[int], tuple[AccessReview, list[Eligibility]]]


def test_reviewers_who_answer_one_item_at_once_are_all_on_record_and_the_last_one_counts(
    race: Race, opened: Made, cast: Cast
) -> None:
    reviewers = (cast.approver, cast.second_approver, cast.outsider, cast.auditor)
    for n in range(ROUNDS):
        review, rows = opened(n)
        item = item_of(review, rows[0].person)  # type: ignore[arg-type]

        outcomes = race(
            [
                partial(answer, now_with_review(item), who, verdict)
                for who, verdict in zip(reviewers, [KEEP, REMOVE] * 2, strict=True)
            ]
        )

        assert len(won(outcomes)) == 4
        last = item.decisions.order_by("-pk")[0]
        found = now(item)
        assert (found.verdict, found.reviewer_id) == (last.verdict, last.reviewer_id)
        assert acts_on(item) == ["review.decided"] * 4
    assert verify_journal().holds


def now_with_review(item: ReviewItem) -> ReviewItem:
    return ReviewItem.objects.select_related("review").get(pk=item.pk)


def test_an_answer_against_the_end_counts_or_is_refused(
    race: Race, opened: Made, cast: Cast, clock: TimeMachineFixture
) -> None:
    for n in range(ROUNDS):
        review, rows = opened(n)
        item = now_with_review(item_of(review, rows[0].person))  # type: ignore[arg-type]

        def close(page: AccessReview, over: datetime) -> None:
            clock.move_to(over)
            close_review(page, actor=PORTAL)

        closing = partial(close, now(review), end_of(review))

        outcomes = race(
            [partial(answer, item, cast.approver), partial(answer, item, cast.outsider), closing, closing]
        )

        assert all(isinstance(one, Overtaken) for one in lost(outcomes))
        found = now(item)
        assert found.outcome == found.verdict == (REMOVE if item.decisions.exists() else "")
        assert item.decisions.count() == len(won(outcomes[:2]))
        assert acts_on(review).count("review.closed") == 1
    assert verify_journal().holds


def test_an_answer_against_stopping_counts_or_is_refused(race: Race, opened: Made, cast: Cast) -> None:
    for n in range(ROUNDS):
        review, rows = opened(n)
        item = now_with_review(item_of(review, rows[0].person))  # type: ignore[arg-type]
        stop = partial(stop_review, now(review), actor=acting(cast.administrator), justification="Enough")

        outcomes = race(
            [partial(answer, item, cast.approver), partial(answer, item, cast.outsider), stop, stop]
        )

        assert len(won(outcomes[2:])) == 1
        assert all(isinstance(one, Overtaken) for one in lost(outcomes))
        assert now(item).outcome == (REMOVE if item.decisions.exists() else "")
        assert acts_on(review).count("review.stopped") == 1
    assert verify_journal().holds


def test_workers_that_open_one_run_at_once_open_it_once(race: Race, plan: Made, cast: Cast) -> None:
    for n in range(ROUNDS):
        run, _rows = plan(n)

        outcomes = race([partial(open_review, now(run), actor=PORTAL)] * 4)

        assert len(won(outcomes)) == 1
        assert all(isinstance(one, Overtaken) for one in lost(outcomes))
        assert run.items.count() == PEOPLE
        assert run.stages.count() == 1
        assert acts_on(run) == ["review.planned", "review.opened"]
        assert notices_of(cast.approver).count("approvals/review_started") == n + 1
    assert verify_journal().holds


def test_workers_that_close_one_review_at_once_close_it_once_and_plan_one_run(
    race: Race, opened: Made, cast: Cast, clock: TimeMachineFixture
) -> None:
    for n in range(ROUNDS):
        review, _rows = opened(n)
        review.series.frequency = "monthly"
        review.series.save()
        clock.move_to(end_of(review))

        outcomes = race([partial(close_review, now(review), actor=PORTAL)] * 4)

        assert len(won(outcomes)) == 1
        assert acts_on(review).count("review.closed") == 1
        assert review.series.runs.count() == 2
        AccessReview.objects.filter(status=Status.SCHEDULED).update(status=Status.CANCELED)
    assert verify_journal().holds


def test_workers_that_carry_out_at_once_take_each_thing_away_once(
    race: Race, opened: Made, cast: Cast, clock: TimeMachineFixture
) -> None:
    for n in range(ROUNDS):
        review, rows = opened(n)
        for one in rows:
            answer(item_of(review, one.person), cast.approver)  # type: ignore[arg-type]
        clock.move_to(end_of(review))
        close_review(review, actor=PORTAL)

        outcomes = race([partial(carry_out, now(review), most=50)] * 4)

        assert not lost(outcomes)
        assert {(one.done, one.tries) for one in review.items.all()} == {(Done.APPLIED, 1)}
        assert all(acts_on(one).count("eligibility.removed") == 1 for one in rows)
        assert now(review).status == Status.APPLIED
        assert acts_on(review).count("review.applied") == 1
    assert verify_journal().holds


def test_two_who_release_at_once_release_it_once(
    race: Race, opened: Made, cast: Cast, clock: TimeMachineFixture
) -> None:
    other = make_person("deputy")
    give_duty(other, "global_administrator")
    leaders: list[User] = [cast.administrator, other] * 2
    for n in range(ROUNDS):
        review, rows = opened(n)
        AccessReview.objects.filter(pk=review.pk).update(most_percent=0)
        answer(item_of(review, rows[0].person), cast.approver)  # type: ignore[arg-type]
        clock.move_to(end_of(review))
        close_review(review, actor=PORTAL)
        assert now(review).held_back

        outcomes = race(
            [
                partial(release_review, now(review), actor=acting(one), justification="So be it")
                for one in leaders
            ]
        )

        assert len(won(outcomes)) == 1
        assert all(isinstance(one, Overtaken) for one in lost(outcomes))
        assert acts_on(review).count("review.released") == 1
    assert verify_journal().holds


def test_two_who_remind_at_once_remind_once(race: Race, opened: Made, cast: Cast) -> None:
    for n in range(ROUNDS):
        review, _rows = opened(n)
        remind = partial(remind_reviewers, now(review), actor=acting(cast.administrator))

        outcomes = race([remind] * 4)

        assert len(won(outcomes)) == 1
        assert {one.code for one in lost(outcomes)} == {"reminded"}
        assert acts_on(review).count("review.reminded") == 1
        assert notices_of(cast.approver).count("approvals/review_reminder") == n + 1
    assert verify_journal().holds


def test_of_two_who_change_a_run_at_once_one_does_and_the_other_is_told(
    race: Race, opened: Made, cast: Cast
) -> None:
    for n in range(ROUNDS):
        review, _rows = opened(n)
        seen, end = version_of_run(now(review)), review.starts_at
        changes = [
            partial(
                change_review,
                now(review),
                actor=acting(cast.administrator),
                stage_ends_at=end + days * DAY,
                terms={},
                stages=[],
                seen=seen,
            )
            for days in (3, 5, 7, 9)
        ]

        outcomes = race(changes)

        assert len(won(outcomes)) == 1
        assert all(isinstance(one, Overtaken) for one in lost(outcomes))
        assert acts_on(review).count("review.changed") == 1
        assert now(review).ends_at == now(review).stage_ends_at
    assert verify_journal().holds


def test_changing_against_the_end_counts_or_is_refused(
    race: Race, opened: Made, cast: Cast, clock: TimeMachineFixture
) -> None:
    for n in range(ROUNDS):
        review, _rows = opened(n)
        over = end_of(review)

        def close(page: AccessReview, over: datetime) -> None:
            clock.move_to(over)
            close_review(page, actor=PORTAL)

        longer = partial(
            change_review,
            now(review),
            actor=acting(cast.administrator),
            stage_ends_at=over + DAY,
            terms={},
            stages=[],
            seen=version_of_run(now(review)),
        )

        outcomes = race([longer, longer, *[partial(close, now(review), over)] * 2])

        assert all(isinstance(one, Overtaken) for one in lost(outcomes))
        assert len(won(outcomes)) == 1
        assert (now(review).status == Status.OPEN) == (len(won(outcomes[:2])) == 1)
        AccessReview.objects.filter(pk=review.pk).update(status=Status.APPLIED)
    assert verify_journal().holds


def test_of_two_who_hand_over_at_once_one_does(race: Race, opened: Made, cast: Cast) -> None:
    heirs = [make_person(name) for name in ("lee", "max", "noa", "uma")]
    for heir in heirs:
        give_duty(heir, "global_administrator")
    for n in range(ROUNDS):
        review, _rows = opened(n)
        hand_over = partial(
            hand_over_series,
            review.series,
            actor=acting(cast.administrator),
            owner=cast.administrator.pk,
        )

        outcomes = race([partial(hand_over, to=heir) for heir in heirs])

        assert len(won(outcomes)) == 1
        assert all(isinstance(one, Overtaken) for one in lost(outcomes))
        assert now(review).owner_id == now(review.series).owner_id in [heir.pk for heir in heirs]
    assert verify_journal().holds


def test_following_the_recommendations_against_an_answer_does_what_was_listed_or_nothing(
    race: Race, opened: Made, cast: Cast
) -> None:
    for n in range(ROUNDS):
        review, rows = opened(n)
        item = now_with_review(item_of(review, rows[0].person))  # type: ignore[arg-type]
        follow = partial(follow_recommendations, review, keep=0, remove=PEOPLE)

        outcomes = race(
            [
                partial(follow, actor=acting(cast.approver)),
                partial(follow, actor=acting(cast.outsider)),
                partial(answer, item, cast.second_approver, KEEP),
                partial(answer, item, cast.auditor, KEEP),
            ]
        )

        assert len(won(outcomes[:2])) <= 1
        assert len(won(outcomes[2:])) == 2
        followed = bool(won(outcomes[:2]))
        assert review.items.filter(verdict=REMOVE).count() >= (PEOPLE - 1) * followed
        assert review.items.exclude(verdict="").count() == (PEOPLE if followed else 1)
    assert verify_journal().holds


def test_taking_back_twice_at_once_takes_back_once(race: Race, opened: Made, cast: Cast) -> None:
    for n in range(ROUNDS):
        review, rows = opened(n)
        item = now_with_review(item_of(review, rows[0].person))  # type: ignore[arg-type]
        answer(item, cast.second_approver, KEEP)
        answer(item, cast.approver, REMOVE)

        outcomes = race([partial(take_back, item, actor=acting(cast.approver))] * 4)

        assert len(won(outcomes)) == 1
        assert now(item).verdict == KEEP
    assert verify_journal().holds


def test_four_beats_at_once_are_one(race: Race, plan: Made, cast: Cast, clock: TimeMachineFixture) -> None:
    for n in range(ROUNDS):
        run, rows = plan(n)
        assert not lost(race([run_reviews] * 4))
        answer(item_of(run, rows[0].person), cast.approver)  # type: ignore[arg-type]
        clock.move_to(end_of(run) - DAY)
        assert not lost(race([run_reviews] * 4))
        clock.move_to(end_of(run))
        assert not lost(race([run_reviews] * 4))
        run_reviews()
        assert acts_on(run) == [
            "review.planned",
            "review.opened",
            "review.reminded",
            "review.closed",
            "review.applied",
        ]
        assert now(rows[0]).status == Eligibility.Status.REMOVED
    assert verify_journal().holds
