"""How a review goes on and ends: stages, silence, stopping, beginning anew."""

from __future__ import annotations

from datetime import timedelta

import pytest
from time_machine import TimeMachineFixture

from accounts.models import Notification
from approvals.reviews.closing import (
    close_review,
    move_stage_on,
    release_review,
    reset_review,
    stop_review,
)
from approvals.reviews.keeping import StageWish
from approvals.reviews.models import AccessReview, ReviewItem, Verdict
from approvals.reviews.permissions import items_open_to
from approvals.reviews.reviewing import take_back
from approvals.reviews.scheduling import run_reviews
from approvals.reviews.series_models import NOT_ANSWERED
from audit.journal.actor import PORTAL
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Eligibility, Role
from tests.cast import Cast
from tests.factories.people import make_group, make_person
from tests.factories.reviews import CHOSEN, LONG_AGO, answer, end_of, make_series, open_run
from tests.factories.roles import acting, activate, acts_on, make_eligibility, notices_of, now

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.django_db]

KEEP, REMOVE, UNKNOWN = Verdict.APPROVE, Verdict.DENY, Verdict.UNKNOWN
DAY = timedelta(days=1)


@pytest.fixture
def eligible(role: Role, cast: Cast) -> dict[str, Eligibility]:
    """Four people are eligible; their names say what will be said of them."""
    return {
        name: make_eligibility(role, make_person(name)) for name in ("kept", "denied", "unsure", "silent")
    }


def two_stages(cast: Cast, role: Role, *moves_on: str) -> AccessReview:
    """Kim is asked for seven days, then Jo for five about what ``moves_on``."""
    stages = [
        StageWish(CHOSEN, 7, moves_on=moves_on, reviewers=[cast.approver]),
        StageWish(CHOSEN, 5, reviewers=[cast.second_approver]),
    ]
    return open_run(make_series(cast.administrator, roles=[role], stages=stages, on_silence="keep"))


def say(review: AccessReview, cast: Cast) -> None:
    for name, verdict in (("kept", KEEP), ("denied", REMOVE), ("unsure", UNKNOWN)):
        answer(one_of(review, name), cast.approver, verdict)


def one_of(review: AccessReview, name: str) -> ReviewItem:
    return review.items.select_related("review", "person").get(person__email=f"{name}@example.test")


def outcomes(review: AccessReview) -> dict[str, str]:
    return {one.person.email.partition("@")[0]: one.outcome for one in review.items.select_related("person")}


@pytest.mark.parametrize(
    ("moves_on", "names"),
    [
        ((), {"kept", "denied", "unsure", "silent"}),
        ((REMOVE,), {"denied"}),
        ((UNKNOWN, NOT_ANSWERED), {"unsure", "silent"}),
        ((KEEP, REMOVE), {"kept", "denied"}),
    ],
)
def test_the_next_stage_is_asked_about_what_is_handed_on_and_nothing_else(
    clock: TimeMachineFixture,
    cast: Cast,
    role: Role,
    eligible: dict[str, Eligibility],
    moves_on: tuple[str, ...],
    names: set[str],
) -> None:
    review = two_stages(cast, role, *moves_on)
    say(review, cast)
    assert not items_open_to(cast.second_approver, review).exists()
    clock.shift(7 * DAY)
    run_reviews()

    review = now(review)
    asked = items_open_to(cast.second_approver, review)
    assert {one.person.email.partition("@")[0] for one in asked.select_related("person")} == names
    assert all(one.is_open for one in asked)
    assert not items_open_to(cast.approver, review).exists()
    assert review.ends_at == review.stage_ends_at == clock_after(review, 12)
    assert "approvals/review_started" in notices_of(cast.second_approver)
    with pytest.raises(NotAllowed):
        answer(one_of(review, "denied"), cast.approver)


def clock_after(review: AccessReview, days: int) -> object:
    return review.starts_at + days * DAY


def test_a_later_answer_overrides_and_silence_at_a_later_stage_leaves_the_earlier_one(
    clock: TimeMachineFixture, cast: Cast, role: Role, eligible: dict[str, Eligibility]
) -> None:
    review = two_stages(cast, role)
    say(review, cast)
    clock.shift(7 * DAY)
    run_reviews()
    answer(one_of(review, "kept"), cast.second_approver, REMOVE)
    answer(one_of(review, "unsure"), cast.second_approver, KEEP)
    take_back(one_of(review, "unsure"), actor=acting(cast.second_approver))
    assert one_of(review, "unsure").verdict == UNKNOWN
    assert one_of(review, "unsure").is_open
    clock.shift(5 * DAY)
    run_reviews()
    assert outcomes(review) == {"kept": REMOVE, "denied": REMOVE, "unsure": UNKNOWN, "silent": ""}


def test_a_stage_is_ended_early_by_who_leads_the_review_and_the_next_one_has_its_days(
    clock: TimeMachineFixture, cast: Cast, role: Role, eligible: dict[str, Eligibility]
) -> None:
    review = two_stages(cast, role)
    clock.shift(DAY)
    with pytest.raises(NotAllowed):
        move_stage_on(review, actor=acting(cast.approver))
    move_stage_on(review, actor=acting(cast.administrator))
    assert end_of(review) == clock_after(review, 6)
    with pytest.raises(Overtaken):
        move_stage_on(review, actor=acting(cast.administrator))
    with pytest.raises(Refused):
        move_stage_on(now(review), actor=acting(cast.administrator))
    assert acts_on(review).count("review.stage_ended") == 1


@pytest.mark.parametrize(
    ("on_silence", "used", "unused", "left"),
    [
        ("keep", "", "", {"used", "unused", "unsure"}),
        ("approve", KEEP, KEEP, {"used", "unused", "unsure"}),
        ("remove", REMOVE, REMOVE, {"unsure"}),
        ("recommendation", KEEP, REMOVE, {"used", "unsure"}),
    ],
)
def test_silence_does_what_the_review_says_and_dont_know_keeps(
    clock: TimeMachineFixture,
    cast: Cast,
    role: Role,
    on_silence: str,
    used: str,
    unused: str,
    left: set[str],
) -> None:
    rows = {
        name: make_eligibility(role, make_person(name), starts_at=LONG_AGO)
        for name in ("used", "unused", "unsure")
    }
    activate(rows["used"], rows["used"].person)
    clock.shift(DAY)
    series = make_series(
        cast.administrator, cast.approver, roles=[role], on_silence=on_silence, applies_itself=True
    )
    review = open_run(series)
    answer(one_of(review, "unsure"), cast.approver, UNKNOWN, why="")
    clock.move_to(end_of(review))
    run_reviews()
    assert outcomes(review) == {"used": used, "unused": unused, "unsure": UNKNOWN}
    in_force = Eligibility.objects.filter(pk__in=[one.pk for one in rows.values()], status="in_force")
    assert {one.person.email.partition("@")[0] for one in in_force} == left


def test_a_review_is_not_closed_before_its_time_nor_twice(
    clock: TimeMachineFixture, cast: Cast, role: Role, eligible: dict[str, Eligibility]
) -> None:
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role]))
    with pytest.raises(Overtaken):
        close_review(review, actor=PORTAL)
    clock.move_to(end_of(review))
    close_review(review, actor=PORTAL)
    with pytest.raises(Overtaken):
        close_review(review, actor=PORTAL)
    assert acts_on(review).count("review.closed") == 1


def test_who_is_named_hears_of_the_end_and_gets_its_page_where_they_may_open_it(
    clock: TimeMachineFixture, cast: Cast, role: Role, eligible: dict[str, Eligibility]
) -> None:
    board = make_group("Board", cast.outsider)
    review = open_run(
        make_series(cast.administrator, cast.approver, roles=[role], told=[cast.auditor, board])
    )
    clock.move_to(end_of(review))
    close_review(review, actor=PORTAL)
    told = Notification.objects.filter(notice="approvals/review_ended")
    page = f"/reviews/{review.pk}/"
    assert set(told.values_list("person", "url")) == {
        (cast.administrator.pk, page),
        (cast.auditor.pk, page),
        (cast.outsider.pk, ""),
    }


def test_stopping_takes_what_was_denied_and_changes_nothing_about_whom_nobody_answered(
    cast: Cast, role: Role, eligible: dict[str, Eligibility]
) -> None:
    review = open_run(
        make_series(cast.administrator, cast.approver, roles=[role], on_silence="remove", applies_itself=True)
    )
    say(review, cast)
    for wrong, why in ((acting(cast.approver), "Enough"), (acting(cast.administrator), "  ")):
        with pytest.raises(Refused):
            stop_review(review, actor=wrong, justification=why)
    stop_review(review, actor=acting(cast.administrator), justification="Enough")
    run_reviews()
    assert outcomes(review) == {"kept": KEEP, "denied": REMOVE, "unsure": UNKNOWN, "silent": ""}
    assert now(review).status == AccessReview.Status.APPLIED
    assert [name for name, one in eligible.items() if now(one).status == "removed"] == ["denied"]
    with pytest.raises(Overtaken):
        stop_review(review, actor=acting(cast.administrator), justification="Enough")
    with pytest.raises(Overtaken):
        answer(one_of(review, "silent"), cast.approver)


def test_resetting_makes_every_answer_void_and_asks_again(
    cast: Cast, role: Role, eligible: dict[str, Eligibility]
) -> None:
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role]))
    with pytest.raises(Refused):
        reset_review(review, actor=acting(cast.administrator), justification="Nothing to void")
    say(review, cast)
    for wrong, why in ((acting(cast.approver), "Again"), (acting(cast.administrator), "")):
        with pytest.raises(Refused):
            reset_review(review, actor=wrong, justification=why)
    asked = notices_of(cast.approver).count("approvals/review_started")
    reset_review(review, actor=acting(cast.administrator), justification="The list was wrong")

    assert all(one.is_open and one.verdict == "" for one in review.items.all())
    (decision,) = one_of(review, "denied").decisions.all()
    assert (decision.void_why, decision.void_at is not None) == ("reset", True)
    assert notices_of(cast.approver).count("approvals/review_started") == asked + 1
    answer(one_of(review, "denied"), cast.approver, KEEP)
    assert one_of(review, "denied").verdict == KEEP


def test_after_a_reset_in_the_second_stage_it_asks_about_everybody(
    clock: TimeMachineFixture, cast: Cast, role: Role, eligible: dict[str, Eligibility]
) -> None:
    review = two_stages(cast, role, REMOVE)
    say(review, cast)
    clock.shift(7 * DAY)
    run_reviews()
    reset_review(review, actor=acting(cast.administrator), justification="The list was wrong")
    assert items_open_to(cast.second_approver, now(review)).count() == 4


def test_what_was_denied_is_carried_out_when_the_owner_says_so(
    clock: TimeMachineFixture, cast: Cast, role: Role, eligible: dict[str, Eligibility]
) -> None:
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role]))
    say(review, cast)
    with pytest.raises(Refused):
        release_review(review, actor=acting(cast.administrator), justification="")
    clock.move_to(end_of(review))
    run_reviews()
    run_reviews()
    assert now(eligible["denied"]).status == "in_force"
    with pytest.raises(NotAllowed):
        release_review(review, actor=acting(cast.approver), justification="")
    release_review(review, actor=acting(cast.administrator), justification="")
    with pytest.raises(Overtaken):
        release_review(review, actor=acting(cast.administrator), justification="")
    run_reviews()
    assert now(eligible["denied"]).status == "removed"
    assert now(review).status == AccessReview.Status.APPLIED


def test_a_review_that_takes_nothing_away_is_carried_out_at_once(
    clock: TimeMachineFixture, cast: Cast, role: Role, eligible: dict[str, Eligibility]
) -> None:
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role]))
    clock.move_to(end_of(review))
    run_reviews()
    assert now(review).status == AccessReview.Status.APPLIED
    assert "approvals/review_ended" in notices_of(cast.administrator)
