"""Before a review strips a role it stops and asks."""

from __future__ import annotations

import pytest
from time_machine import TimeMachineFixture

from approvals.reviews.closing import release_review, stop_review
from approvals.reviews.holding_back import losses_of
from approvals.reviews.models import AccessReview, ReviewItem
from approvals.reviews.outcomes import denied_of
from approvals.reviews.scheduling import run_reviews
from audit.journal.actor import PORTAL
from audit.journal.recording import save_as
from audit.journal.refusing import NotAllowed, Refused
from roles.models import Assignment, Eligibility, Role
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.people import make_person
from tests.factories.reviews import answer, assign, end_of, item_of, make_series, open_run
from tests.factories.roles import acting, entries_on, make_eligibility, notices_of, now

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.django_db]


def protect(role: Role, least: int) -> None:
    role.least_holders = least
    save_as(role, actor=PORTAL)


def hold_for_good(role: Role, count: int) -> list[Assignment]:
    held = [assign(role, make_person(f"holder{n}")) for n in range(count)]
    sweep()
    return held


def over(clock: TimeMachineFixture, review: AccessReview) -> AccessReview:
    """Closed, and carried out as far as it may be."""
    clock.move_to(end_of(review))
    run_reviews()
    sweep()
    run_reviews()
    return now(review)


def test_a_protected_role_that_would_fall_below_its_least_number_is_held_back(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    held = hold_for_good(role, 3)
    protect(role, 2)
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role], applies_itself=True))
    for one in held[:2]:
        answer(item_of(review, one.person), cast.approver)
    review = over(clock, review)

    assert review.status == AccessReview.Status.CLOSED
    assert review.held_back == "Operator would have 1 holders for good, and must have 2."
    assert review.released_at is None
    assert [now(one).status for one in held] == ["active"] * 3, "nothing is taken before somebody looked"
    assert notices_of(cast.administrator)[-1] == "approvals/review_held_back"
    assert entries_on(review).get(action="review.closed").detail["held_back"] is True


def test_a_protected_role_that_keeps_its_least_number_is_not_held_back(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    held = hold_for_good(role, 3)
    protect(role, 2)
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role], applies_itself=True))
    answer(item_of(review, held[0].person), cast.approver)
    review = over(clock, review)
    assert (review.held_back, review.status) == ("", AccessReview.Status.APPLIED)
    assert [now(one).status for one in held] == ["ended", "active", "active"]


@pytest.mark.parametrize(("denied", "is_held_back"), [(2, False), (3, True)])
def test_more_than_the_set_share_of_a_role_is_held_back(
    clock: TimeMachineFixture, cast: Cast, role: Role, denied: int, is_held_back: bool
) -> None:
    rows = [make_eligibility(role, make_person(f"person{n}")) for n in range(4)]
    review = open_run(
        make_series(cast.administrator, cast.approver, roles=[role], applies_itself=True, most_percent=50)
    )
    for one in rows[:denied]:
        answer(item_of(review, one.person), cast.approver)
    review = over(clock, review)
    assert bool(review.held_back) is is_held_back
    removed = [one for one in rows if now(one).status == Eligibility.Status.REMOVED]
    assert len(removed) == (0 if is_held_back else denied)


def test_the_share_is_of_those_who_have_it_now_not_of_those_under_review(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    rows = [make_eligibility(role, make_person(f"person{n}")) for n in range(2)]
    hold_for_good(role, 4)
    review = open_run(
        make_series(cast.administrator, cast.approver, roles=[role], what="eligible", most_percent=50)
    )
    for one in rows:
        answer(item_of(review, one.person), cast.approver)
    review = over(clock, review)
    (loss,) = losses_of(denied_of(review))
    assert (loss.going, loss.all, review.held_back) == (2, 6, "")


def test_E12_silence_and_removal_never_strip_a_role_unseen(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    rows = [make_eligibility(role, make_person(f"person{n}")) for n in range(4)]
    review = open_run(
        make_series(
            cast.administrator,
            cast.approver,
            roles=[role],
            applies_itself=True,
            on_silence="remove",
            most_percent=99,
        )
    )
    answer(item_of(review, rows[0].person), cast.approver)
    review = over(clock, review)
    assert "would lose 4 of 4" in review.held_back
    assert "About 3 of them nobody answered." in review.held_back
    assert {now(one).status for one in rows} == {"in_force"}


def test_what_is_held_back_is_released_with_a_reason_by_who_leads_it(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    row = make_eligibility(role, cast.employee)
    review = open_run(
        make_series(cast.administrator, cast.approver, roles=[role], applies_itself=True, most_percent=50)
    )
    answer(item_of(review, cast.employee), cast.approver)
    review = over(clock, review)
    assert review.held_back
    with pytest.raises(NotAllowed):
        release_review(review, actor=acting(cast.approver), justification="Fine")
    with pytest.raises(Refused):
        release_review(review, actor=acting(cast.administrator), justification=" ")
    assert now(row).status == "in_force"
    release_review(review, actor=acting(cast.administrator), justification="The role is no longer used")
    run_reviews()
    assert now(row).status == "removed"
    entry = entries_on(review).get(action="review.released")
    assert (entry.justification, entry.detail["held_back"]) == ("The role is no longer used", True)
    assert now(review).released_by == cast.administrator


def test_a_stopped_review_is_held_back_as_well(cast: Cast, role: Role) -> None:
    row = make_eligibility(role, cast.employee)
    review = open_run(
        make_series(cast.administrator, cast.approver, roles=[role], applies_itself=True, most_percent=50)
    )
    answer(item_of(review, cast.employee), cast.approver)
    stop_review(review, actor=acting(cast.administrator), justification="Enough")
    run_reviews()
    assert now(review).held_back
    assert now(row).status == "in_force"
    assert item_of(review, cast.employee).done == ReviewItem.Done.NEW
