"""Changing a review that is open: its end, what comes of it, and who answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from guardian.shortcuts import remove_perm
from time_machine import TimeMachineFixture

from accounts.models import Group, User
from approvals.reviews.changing import StageChange, change_review
from approvals.reviews.closing import move_stage_on
from approvals.reviews.models import AccessReview, ReviewItem, Verdict
from approvals.reviews.permissions import items_open_to
from approvals.reviews.scheduling import run_reviews
from audit.describing import describe, detail_words
from audit.journal.actor import PORTAL
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Role
from tests.cast import Cast
from tests.factories.pages import signed_in
from tests.factories.people import make_group
from tests.factories.reviews import answer_open, make_series, open_run
from tests.factories.roles import NOON, acting, acts_on, appoint, entries_on, notices_of, now

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
STARTED = "approvals/review_started"


def page_of(review: AccessReview) -> str:
    return f"/reviews/{review.pk}/change/"


def shown(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def change(review: AccessReview, who: User, **said: Any) -> list[User]:
    """Change what is ``said`` and nothing else."""
    kept = {"stage_ends_at": now(review).stage_ends_at, "terms": {}, "stages": []}
    return change_review(review, actor=acting(who), **kept | said)


def asked(*people: User | Group, in_turn: tuple[User | Group, ...] = (), n: int = 1) -> dict[str, Any]:
    return {"stages": [StageChange(number=n, reviewers=people, in_turn=in_turn)]}


# --- Its end ---


@pytest.mark.parametrize(("end", "days"), [(NOON + 20 * DAY, 20), (NOON + 3 * DAY, 3), (NOON + MINUTE, 1)])
def test_it_ends_when_whoever_leads_it_says_so_and_its_stage_with_it(
    review: AccessReview, cast: Cast, clock: TimeMachineFixture, end: datetime, days: int
) -> None:
    change(review, cast.administrator, stage_ends_at=end)

    assert (now(review).ends_at, now(review).stage_ends_at) == (end, end)
    assert review.stages.get().days == days
    clock.move_to(end - timedelta(microseconds=1))
    assert items_open_to(cast.approver, now(review)).count() == 12
    clock.move_to(end)
    assert not items_open_to(cast.approver, now(review)).exists()
    run_reviews()
    assert now(review).status == AccessReview.Status.APPLIED


def test_an_end_that_is_over_or_beyond_the_next_start_is_refused(operator: Role, cast: Cast) -> None:
    weekly = open_run(
        make_series(cast.administrator, cast.approver, roles=[operator], frequency="weekly", days=5)
    )
    for end in (NOON, NOON - DAY):
        with pytest.raises(Refused, match="This moment is over") as over:
            change(weekly, cast.administrator, stage_ends_at=end)
        assert over.value.field == "stage_ends_at"
    with pytest.raises(Refused, match="It has to be over by 10 May 2026, 12:00"):
        change(weekly, cast.administrator, stage_ends_at=NOON + 6 * DAY + MINUTE)
    change(weekly, cast.administrator, stage_ends_at=NOON + 6 * DAY)
    assert now(weekly).ends_at == NOON + 6 * DAY


def test_one_without_a_next_lasts_a_year_at_most(review: AccessReview, cast: Cast) -> None:
    with pytest.raises(Refused, match="It has to be over by 4 May 2027"):
        change(review, cast.administrator, stage_ends_at=NOON + 366 * DAY)


def test_the_stages_to_come_keep_their_days_or_are_given_others(
    staged: AccessReview, cast: Cast, clock: TimeMachineFixture
) -> None:
    third = StageChange(number=3, reviewers=[cast.auditor], in_turn=(), days=2)

    change(staged, cast.administrator, stage_ends_at=NOON + 7 * DAY, stages=[third])

    assert (now(staged).stage_ends_at, now(staged).ends_at) == (NOON + 7 * DAY, NOON + 14 * DAY)
    assert list(staged.stages.values_list("days", flat=True)) == [7, 5, 2]
    clock.move_to(NOON + 7 * DAY)
    run_reviews()
    assert (now(staged).stage, now(staged).stage_ends_at) == (2, NOON + 12 * DAY)
    change(staged, cast.administrator, stage_ends_at=NOON + 8 * DAY)
    assert now(staged).ends_at == NOON + 10 * DAY
    assert list(staged.stages.values_list("days", flat=True)) == [7, 1, 2]


# --- What comes of it ---


def test_what_happens_on_silence_is_what_was_said_last(
    review: AccessReview, cast: Cast, clock: TimeMachineFixture
) -> None:
    terms = {"on_silence": "remove", "applies_itself": True, "most_percent": 100}
    change(review, cast.administrator, terms=terms)
    assert review.series.on_silence == "keep", "the series keeps its own"

    clock.move_to(NOON + 14 * DAY)
    run_reviews()

    assert set(review.items.values_list("done", flat=True)) == {ReviewItem.Done.APPLIED}


def test_a_reason_to_keep_is_asked_from_then_on_and_earlier_answers_stay(
    review: AccessReview, cast: Cast
) -> None:
    answer_open(review, cast.approver, most=2)
    change(review, cast.administrator, terms={"why_on_approval": True, "extra_text": "Please hurry"})

    first = review.items.filter(answered_stage=0)[0]
    answer = signed_in(cast.approver).post(
        f"/reviews/{review.pk}/work/{first.pk}/", {"verdict": "approve", "justification": ""}
    )

    assert answer.status_code == 422
    assert review.items.filter(verdict=Verdict.APPROVE).count() == 2


def test_every_change_is_in_the_journal_and_in_the_history_with_what_it_was_before(
    review: AccessReview, cast: Cast
) -> None:
    rows = AccessReview.history.filter(id=review.pk).count()
    change(
        review,
        cast.administrator,
        stage_ends_at=NOON + 20 * DAY,
        terms={"on_silence": "remove"},
        **asked(cast.approver, cast.outsider),
    )

    entry = entries_on(review).get(action="review.changed")
    assert describe(entry).startswith(
        "Dana Fictive changed the access review “Who still needs it” while it was open: "
    )
    words = dict(detail_words(entry))
    assert words["on silence"] == "Change nothing → Remove access"
    assert words["reviewers of stage 1"] == "Jo Mockup, Kim Placeholder → Kim Placeholder, Pat Ipsum"
    assert words["days of stage 1"] == "14 → 20"
    assert words["ends at"].startswith("18 May 2026, 12:00 (UTC) → 24 May 2026")
    assert AccessReview.history.filter(id=review.pk).count() == rows + 1
    with pytest.raises(Refused, match="Nothing would change"):
        change(review, cast.administrator)
    assert acts_on(review).count("review.changed") == 1


# --- Who answers ---


def test_who_is_taken_out_is_asked_no_more_who_is_new_is_told_and_answers_stay(
    review: AccessReview, cast: Cast
) -> None:
    answer_open(review, cast.second_approver, Verdict.DENY, most=3)

    told = change(review, cast.administrator, **asked(cast.approver, cast.outsider))

    assert told == [cast.outsider]
    assert notices_of(cast.outsider) == [STARTED]
    assert notices_of(cast.approver).count(STARTED) == 1, "once, at the start"
    assert not items_open_to(cast.second_approver, now(review)).exists()
    assert items_open_to(cast.outsider, now(review)).count() == 12
    assert review.items.filter(verdict=Verdict.DENY, reviewer=cast.second_approver).count() == 3


def test_a_group_is_added_and_each_member_is_told(review: AccessReview, cast: Cast) -> None:
    group = make_group("Board", cast.outsider, cast.approver)

    told = change(review, cast.administrator, **asked(cast.approver, group))

    assert told == [cast.outsider]
    assert items_open_to(cast.outsider, now(review)).count() == 12


def test_a_fallback_is_told_only_where_it_is_their_turn(review: AccessReview, cast: Cast) -> None:
    assert (
        change(review, cast.administrator, **asked(cast.approver, cast.second_approver, in_turn=(cast.root,)))
        == []
    )
    assert not items_open_to(cast.root, now(review)).exists()
    User.objects.filter(pk__in=[cast.approver.pk, cast.second_approver.pk]).update(is_active=False)
    assert items_open_to(cast.root, now(review)).count() == 12

    told = change(
        review,
        cast.administrator,
        **asked(cast.approver, cast.second_approver, in_turn=(cast.outsider,)),
    )

    assert told == [cast.outsider]
    assert not items_open_to(cast.root, now(review)).exists()


def test_reviewers_of_a_stage_to_come_are_told_when_it_begins_and_those_of_one_that_is_over_stay(
    staged: AccessReview, cast: Cast
) -> None:
    assert change(staged, cast.administrator, **asked(cast.outsider, n=2)) == []
    move_stage_on(now(staged), actor=PORTAL)
    assert notices_of(cast.outsider) == [STARTED]
    assert STARTED not in notices_of(cast.second_approver)
    with pytest.raises(Refused, match="Nothing would change"):
        change(now(staged), cast.administrator, **asked(cast.root, n=1))


def test_a_stage_is_not_left_without_reviewers(review: AccessReview, cast: Cast) -> None:
    with pytest.raises(Refused, match="Name at least one"):
        change(review, cast.administrator, **asked())
    assert items_open_to(cast.approver, now(review)).count() == 12


def test_owners_who_were_named_at_the_start_stay_whatever_is_changed(operator: Role, cast: Cast) -> None:
    appoint(cast.approver, "own", operator)
    run = open_run(make_series(cast.administrator, roles=[operator], who="owners"))

    change(run, cast.administrator, **asked(cast.root, in_turn=(cast.outsider,)))

    assert items_open_to(cast.approver, now(run)).count() == 12
    assert not items_open_to(cast.root, now(run)).exists()


# --- Who may, and when ---


def test_who_leads_it_may_change_it_as_long_as_they_look_after_its_roles(operator: Role, cast: Cast) -> None:
    appoint(cast.second_approver, "own", operator)
    run = open_run(make_series(cast.second_approver, cast.approver, roles=[operator]))
    jo = signed_in(cast.second_approver)
    assert jo.get(page_of(run)).status_code == 200
    change(run, cast.second_approver, terms={"reminds": False})
    for stranger in (cast.approver, cast.auditor, cast.root):
        with pytest.raises(NotAllowed):
            change(run, stranger, terms={"on_silence": "remove"})
    remove_perm("own_role", cast.second_approver, operator)

    with pytest.raises(NotAllowed, match="You do not look after all roles"):
        change(run, now(cast.second_approver), terms={"on_silence": "remove"})
    assert jo.get(page_of(run)).status_code == 403
    assert "Change…" not in shown(jo.get(f"/reviews/{run.pk}/"))


def test_what_is_not_open_is_not_changed(
    review: AccessReview, cast: Cast, operator: Role, clock: TimeMachineFixture
) -> None:
    planned = make_series(cast.administrator, cast.approver, roles=[operator], starts_at=NOON + DAY)
    with pytest.raises(Overtaken, match="has not begun"):
        change(planned.runs.get(), cast.administrator, stage_ends_at=NOON + 5 * DAY)
    page = now(review)
    clock.move_to(NOON + 14 * DAY)
    with pytest.raises(Overtaken, match="is over"):
        change(page, cast.administrator, stage_ends_at=NOON + 20 * DAY)
    client = signed_in(cast.administrator)
    assert client.get(page_of(review)).status_code == 409
    assert "Change…" not in shown(client.get(f"/reviews/{review.pk}/"))
