"""A review from its start to its end, as the people in it see it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from time_machine import TimeMachineFixture

from approvals.reviews.models import AccessReview, ReviewItem, Verdict
from approvals.reviews.reviewing import decide_item
from approvals.reviews.scheduling import run_reviews
from roles.models import Assignment, Eligibility
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.reviews import item_of, make_series
from tests.factories.roles import acting, activate, acts_on, make_eligibility, make_role, notices_of, now

pytestmark = pytest.mark.django_db


def test_what_is_denied_ends_and_the_review_is_complete_when_the_directory_says_so(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row, "Vault operator")
    denied = make_eligibility(role, cast.employee)
    kept = make_eligibility(role, cast.outsider)
    running = activate(denied, cast.employee)
    sweep()
    series = make_series(cast.administrator, cast.approver, roles=[role], applies_itself=True)
    run_reviews()
    review = series.runs.get()
    assert review.status == AccessReview.Status.OPEN
    assert "approvals/review_started" in notices_of(cast.approver)

    decide_item(
        item_of(review, cast.employee),
        actor=acting(cast.approver),
        verdict=Verdict.DENY,
        justification="Left the team",
    )
    decide_item(
        item_of(review, cast.outsider),
        actor=acting(cast.approver),
        verdict=Verdict.APPROVE,
        justification="Needed",
    )
    clock.shift(timedelta(days=14))
    run_reviews()

    assert now(denied).status == Eligibility.Status.REMOVED
    assert now(kept).status == Eligibility.Status.IN_FORCE
    assert now(running).status == Assignment.Status.ENDING
    assert now(review).status == AccessReview.Status.CLOSED, "the directory has not said so yet"
    sweep()
    run_reviews()
    assert now(running).status == Assignment.Status.ENDED
    assert now(review).status == AccessReview.Status.APPLIED
    assert item_of(review, cast.employee).done == ReviewItem.Done.APPLIED
    assert item_of(review, cast.outsider).done == ReviewItem.Done.KEPT
    assert acts_on(review)[-2:] == ["review.closed", "review.applied"]
    assert "approvals/review_removed" in notices_of(cast.employee)
