"""Answering: what is asked for, which answer counts, and taking one back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from time_machine import TimeMachineFixture

from approvals.reviews.models import AccessReview, ReviewDecision, ReviewItem, Verdict
from approvals.reviews.reviewing import (
    MOST_TICKED,
    decide_item,
    decide_items,
    follow_recommendations,
    take_back,
)
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Role
from tests.cast import Cast
from tests.factories.reviews import LONG_AGO, answer, end_of, item_of, make_series, open_run
from tests.factories.roles import HOUR, MICROSECOND, acting, activate, acts_on, entries_on, make_eligibility

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.django_db]

KEEP, REMOVE, UNKNOWN = Verdict.APPROVE, Verdict.DENY, Verdict.UNKNOWN


@pytest.fixture
def review(cast: Cast, role: Role, clock: TimeMachineFixture) -> AccessReview:
    """Kim and Jo are asked about Robin, who used the role yesterday, and about Pat, who never did."""
    used = make_eligibility(role, cast.employee)
    make_eligibility(role, cast.outsider, starts_at=LONG_AGO)
    activate(used, cast.employee, minutes=60)
    clock.shift(timedelta(days=1))
    series = make_series(cast.administrator, cast.approver, cast.second_approver, roles=[role])
    return open_run(series)


def test_the_last_answer_counts_whoever_gave_it_until_the_end(
    clock: TimeMachineFixture, cast: Cast, review: AccessReview
) -> None:
    robin = item_of(review, cast.employee)
    answer(robin, cast.approver, REMOVE)
    clock.shift(HOUR)
    answer(robin, cast.second_approver, KEEP)
    clock.shift(HOUR)
    answer(robin, cast.approver, UNKNOWN, why="")
    clock.move_to(end_of(review) - MICROSECOND)
    answer(robin, cast.second_approver, REMOVE, why="Gone")

    found = item_of(review, cast.employee)
    assert (found.verdict, found.reviewer) == (REMOVE, cast.second_approver)
    assert [one.verdict for one in found.decisions.all()] == [REMOVE, KEEP, UNKNOWN, REMOVE]
    assert acts_on(found) == ["review.decided"] * 4
    clock.move_to(end_of(review))
    with pytest.raises(Overtaken):
        answer(robin, cast.approver)


@pytest.mark.parametrize(
    ("who", "verdict", "why", "code"),
    [
        ("employee", KEEP, "", "no_justification"),
        ("employee", KEEP, "  ", "no_justification"),
        ("employee", REMOVE, "", "no_justification"),
        ("outsider", REMOVE, "", None),
        ("outsider", KEEP, "", "no_justification"),
        ("employee", UNKNOWN, "", None),
        ("outsider", KEEP, "Stands in next week", None),
        ("outsider", "perhaps", "So", "refused"),
        ("outsider", KEEP, "x" * 4001, "refused"),
    ],
)
def test_a_reason_is_asked_to_keep_and_against_the_recommendation(
    cast: Cast, review: AccessReview, who: str, verdict: str, why: str, code: str | None
) -> None:
    item = item_of(review, getattr(cast, who))
    assert item.recommendation == (KEEP if who == "employee" else REMOVE)
    if code is None:
        answer(item, cast.approver, verdict, why)
        assert item_of(review, getattr(cast, who)).verdict == verdict
        return
    with pytest.raises(Refused) as refusal:
        answer(item, cast.approver, verdict, why)
    assert refusal.value.field == ("verdict" if verdict == "perhaps" else "justification")
    if code != "refused":
        assert refusal.value.code == code
    assert not ReviewDecision.objects.exists()


def test_where_the_review_does_not_ask_why_keeping_as_recommended_needs_no_reason(
    cast: Cast, review: AccessReview
) -> None:
    AccessReview.objects.filter(pk=review.pk).update(why_on_approval=False)
    answer(item_of(review, cast.employee), cast.approver, KEEP, why="")
    with pytest.raises(Refused):
        answer(item_of(review, cast.outsider), cast.approver, KEEP, why="")


def test_taking_an_answer_back_lets_the_one_before_count_again(
    clock: TimeMachineFixture, cast: Cast, review: AccessReview
) -> None:
    item = item_of(review, cast.employee)
    answer(item, cast.second_approver, KEEP)
    clock.shift(HOUR)
    answer(item, cast.approver, REMOVE)
    take_back(item, actor=acting(cast.approver))
    found = item_of(review, cast.employee)
    assert (found.verdict, found.reviewer, found.decided_at) == (
        KEEP,
        cast.second_approver,
        clock_now() - HOUR,
    )

    with pytest.raises(Overtaken):
        take_back(item, actor=acting(cast.approver))
    take_back(item, actor=acting(cast.second_approver))
    found = item_of(review, cast.employee)
    assert (found.verdict, found.reviewer, found.decided_at, found.is_open) == ("", None, None, True)
    with pytest.raises(Overtaken):
        take_back(item, actor=acting(cast.second_approver))
    assert acts_on(item)[-2:] == ["review.taken_back"] * 2


def clock_now() -> object:
    from django.utils import timezone

    return timezone.now()


def test_a_stranger_answers_nothing_and_takes_nothing_back(cast: Cast, review: AccessReview) -> None:
    item = item_of(review, cast.employee)
    for one in (cast.outsider, cast.administrator, cast.auditor, cast.root, cast.employee):
        with pytest.raises(NotAllowed):
            answer(item, one)
        with pytest.raises(NotAllowed):
            take_back(item, actor=acting(one))
        with pytest.raises(Refused):
            follow_recommendations(review, actor=acting(one), keep=1, remove=1)
    assert item_of(review, cast.employee).is_open


def test_several_are_answered_alike_or_none(cast: Cast, review: AccessReview) -> None:
    keys = list(review.items.values_list("pk", flat=True))
    for wrong in ([*keys, 0], [], [keys[0]] * (MOST_TICKED + 1)):
        with pytest.raises(Refused):
            decide_items(review, actor=acting(cast.approver), keys=wrong, verdict=KEEP, justification="All")
    with pytest.raises(Refused) as refusal:
        decide_items(review, actor=acting(cast.approver), keys=keys, verdict=REMOVE)
    assert refusal.value.code == "no_justification", "one of them goes against the recommendation"
    assert not ReviewDecision.objects.exists()
    decide_items(review, actor=acting(cast.approver), keys=keys, verdict=REMOVE, justification="All of it")
    assert {one.verdict for one in review.items.all()} == {REMOVE}
    assert [acts_on(one) for one in review.items.all()] == [["review.decided"]] * 2


def test_following_the_recommendations_does_what_was_listed(cast: Cast, review: AccessReview) -> None:
    assert follow_recommendations(review, actor=acting(cast.approver), keep=1, remove=1) == 2
    assert item_of(review, cast.employee).verdict == KEEP
    assert item_of(review, cast.outsider).verdict == REMOVE
    entry = entries_on(review).get(action="review.recommendations_followed")
    assert entry.detail == {"items": 2, "keep": 1, "remove": 1}
    with pytest.raises(Refused):
        follow_recommendations(review, actor=acting(cast.approver), keep=0, remove=0)


def test_following_is_refused_when_something_else_was_answered_meanwhile(
    cast: Cast, review: AccessReview
) -> None:
    answer(item_of(review, cast.employee), cast.second_approver, REMOVE)
    with pytest.raises(Overtaken):
        follow_recommendations(review, actor=acting(cast.approver), keep=1, remove=1)
    assert item_of(review, cast.outsider).is_open
    assert follow_recommendations(review, actor=acting(cast.approver), keep=0, remove=1) == 1
    assert item_of(review, cast.employee).verdict == REMOVE, "what was answered stays"


def test_it_is_noted_how_long_each_answer_took(
    clock: TimeMachineFixture, cast: Cast, review: AccessReview
) -> None:
    items = list(ReviewItem.objects.filter(review=review).order_by("pk"))
    assert answer(items[0], cast.approver).seconds is None
    clock.shift(timedelta(seconds=4))
    assert answer(items[1], cast.approver).seconds == 4
    clock.shift(timedelta(hours=2))
    assert answer(items[0], cast.approver).seconds is None, "they were away"


def test_a_text_that_no_database_holds_is_answered_all_the_same(cast: Cast, review: AccessReview) -> None:
    decision = decide_item(
        item_of(review, cast.employee),
        actor=acting(cast.approver),
        verdict=REMOVE,
        justification="Gone\x00 for good",
    )
    assert "\x00" not in decision.justification
