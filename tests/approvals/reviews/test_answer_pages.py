"""The reviewer's pages: what asks them, one line after the other, several at once, the recommendations, and taking back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from time_machine import TimeMachineFixture

from approvals.reviews.closing import move_stage_on
from approvals.reviews.keeping import StageWish
from approvals.reviews.models import AccessReview, ReviewDecision, ReviewItem, Verdict
from approvals.reviews.scheduling import run_reviews
from audit.journal.actor import PORTAL
from roles.models import Role
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.pages import FORGED, HOSTILE, signed_in
from tests.factories.people import make_person
from tests.factories.reviews import CHOSEN, LONG_AGO, answer, item_of, make_series, open_run
from tests.factories.roles import activate, make_eligibility, make_role, now

pytestmark = pytest.mark.django_db

MINE = "/reviews/mine/"
KEEP = {"verdict": "approve", "justification": "Still on call"}


def work(review: AccessReview, more: str = "") -> str:
    return f"/reviews/{review.pk}/work/{more}"


def one(item: ReviewItem, more: str = "") -> str:
    return f"/reviews/{item.review_id}/work/{item.pk}/{more}"


def shown(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


@pytest.fixture
def review(role: Role, cast: Cast) -> AccessReview:
    """Kim and Jo answer for Robin, Pat and Toni."""
    for person in (cast.employee, cast.outsider, cast.auditor):
        make_eligibility(role, person, starts_at=LONG_AGO)
    return open_run(make_series(cast.administrator, cast.approver, cast.second_approver, roles=[role]))


@pytest.fixture
def kim(review: AccessReview, cast: Cast) -> Client:
    return signed_in(cast.approver)


def test_the_whole_way_from_the_list_to_the_end(kim: Client, review: AccessReview, cast: Cast) -> None:
    robin, pat, toni = (item_of(review, who) for who in (cast.employee, cast.outsider, cast.auditor))
    listed = shown(kim.get(MINE))
    assert "1 access review waits for your answers" in listed
    assert "0 of 3 decided" in listed

    page = shown(kim.get(work(review)))
    assert "Does each of them still need it?" in page
    assert f'action="{one(robin)}?show=open"' in page
    assert "Recommended: remove.</b> Never activated." in page
    assert "Operations, reports to Kim Placeholder" in page

    sent = kim.post(one(robin), KEEP)
    assert (sent.status_code, sent["Location"]) == (302, f"{work(review)}?show=open&after={robin.pk}")
    page = shown(kim.get(sent["Location"]))
    assert f'action="{one(pat)}?show=open"' in page
    assert "1 of 3 decided" in page
    assert "Your last answer" in page

    kim.post(one(pat), {"verdict": "deny", "justification": ""})
    page = shown(kim.post(one(toni), {"verdict": "unknown", "justification": ""}, follow=True))
    assert "You have answered everything" in page
    assert "1 keep, 1 remove, 1 don’t know, 0 open" in page
    assert "you can change your mind" in page
    assert "1 is to be removed" in page
    assert "Nothing waits for your review" in shown(kim.get(MINE))
    assert [now(item).verdict for item in (robin, pat, toni)] == ["approve", "deny", "unknown"]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"verdict": "", "justification": "I am not sure"}, "Choose an answer."),
        ({"verdict": "approve", "justification": ""}, "Say why it is still needed."),
        ({"verdict": "maybe", "justification": "I am not sure"}, "Choose one of the three answers."),
        ({"verdict": "deny", "justification": "x" * 20_000}, "At most"),
    ],
)
def test_what_is_missing_stands_beside_its_field_and_nothing_is_lost(
    sent: dict[str, str], said: str, kim: Client, review: AccessReview, cast: Cast
) -> None:
    item = item_of(review, cast.employee)

    sent_back = kim.post(one(item), sent)

    page = shown(sent_back)
    assert sent_back.status_code == 422
    assert said in page
    assert 'aria-invalid="true"' in page
    assert f"{sent['justification']}</textarea>" in page
    assert now(item).verdict == ""


def test_who_goes_against_a_recommendation_says_why(role: Role, cast: Cast) -> None:
    used = make_eligibility(role, cast.employee)
    activate(used, cast.employee)
    sweep()
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role], why_on_approval=False))
    item, kim = item_of(review, cast.employee), signed_in(cast.approver)
    page = shown(kim.get(work(review)))
    assert "Recommended: keep.</b> Activated within the last day." in page
    assert "needed to remove against the recommendation" in page
    assert "Active right now" in page

    sent = kim.post(one(item), {"verdict": "deny", "justification": ""})
    assert sent.status_code == 422
    assert "Say why, as this goes against the recommendation." in shown(sent)
    kim.post(one(item), {"verdict": "approve", "justification": ""})
    assert now(item).verdict == Verdict.APPROVE


@pytest.mark.parametrize("name", FORGED)
def test_a_field_that_the_form_does_not_have_is_a_forgery(
    name: str, kim: Client, review: AccessReview, cast: Cast
) -> None:
    item = item_of(review, cast.employee)
    assert kim.post(one(item), KEEP | {name: "1"}).status_code == 400
    assert now(item).verdict == ""


@pytest.mark.parametrize("words", HOSTILE)
def test_what_somebody_writes_stays_text(words: str, kim: Client, review: AccessReview, cast: Cast) -> None:
    kim.post(one(item_of(review, cast.employee)), KEEP | {"justification": words})
    for address in (work(review), work(review, "?show=decided")):
        page = shown(kim.get(address))
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<svg/onload" not in page


@pytest.mark.parametrize("who", ["outsider", "root", "auditor", "administrator"])
def test_whoever_is_not_asked_finds_nothing(who: str, review: AccessReview, cast: Cast) -> None:
    browser, item = signed_in(getattr(cast, who)), item_of(review, cast.employee)

    assert browser.get(work(review)).status_code == 404
    assert browser.get(work(review, "follow/")).status_code == 404
    for address in (one(item), one(item, "take-back/"), work(review, "several/"), work(review, "follow/")):
        assert browser.post(address, KEEP).status_code == 404
    assert "No review asks you at the moment" in shown(browser.get(MINE))
    assert now(item).verdict == ""


def test_nobody_answers_for_themselves(role: Role, cast: Cast) -> None:
    make_eligibility(role, cast.approver)
    make_eligibility(role, cast.employee)
    series = make_series(cast.administrator, cast.approver, cast.second_approver, roles=[role])
    review, kim = open_run(series), signed_in(cast.approver)
    own = item_of(review, cast.approver)

    assert "0 of 1 decided" in shown(kim.get(work(review, "?show=all")))
    assert kim.get(work(review, f"?item={own.pk}")).status_code == 404
    refused = kim.post(one(own), KEEP)
    assert refused.status_code == 409
    assert "This is not yours to answer" in shown(refused)
    assert kim.post(work(review, "several/"), KEEP | {"pick": [str(own.pk)]}).status_code == 403
    assert now(own).verdict == ""


@pytest.mark.parametrize("query", ["?item=abc", "?item=999999", "?item=9999999999999999999999", "?after=x"])
def test_an_address_that_names_what_is_not_there_finds_nothing(
    query: str, kim: Client, review: AccessReview
) -> None:
    assert kim.get(work(review, query)).status_code == 404


def test_a_review_that_is_over_says_so(
    clock: TimeMachineFixture, kim: Client, review: AccessReview, cast: Cast
) -> None:
    item = item_of(review, cast.employee)
    kim.post(one(item), KEEP)
    clock.shift(timedelta(days=15))
    kim, stranger = signed_in(cast.approver), signed_in(cast.outsider)
    tries = [
        (one(item), KEEP),
        (one(item, "take-back/"), {}),
        (work(review, "several/"), KEEP | {"pick": [str(item.pk)]}),
        (work(review, "follow/"), {"keep": "0", "remove": "2"}),
    ]
    for stage in ("its time is over", "it is closed"):
        for address, sent in tries:
            late = kim.post(address, sent)
            assert (late.status_code, stage) == (409, stage)
            assert "This review is over" in shown(late)
        page = shown(kim.get(work(review)))
        assert "This review is over" in page
        assert "You answered 1 line of it." in page
        assert stranger.get(work(review)).status_code == 404
        run_reviews()


def test_an_answer_is_taken_back_by_whoever_gave_it(kim: Client, review: AccessReview, cast: Cast) -> None:
    item = item_of(review, cast.employee)
    kim.post(one(item), KEEP)
    jo = signed_in(cast.second_approver)
    seen = shown(jo.get(work(review, f"?item={item.pk}")))
    assert "Kim Placeholder answered <b>Keep</b>" in seen
    assert "“Still on call”" in seen
    assert jo.post(one(item, "take-back/")).status_code == 409
    assert now(item).verdict == Verdict.APPROVE

    assert "Take back" in shown(kim.get(work(review)))
    page = shown(kim.post(one(item, "take-back/"), follow=True))
    assert "Your answer about Robin Sample is taken back." in page
    assert "0 of 3 decided" in page
    assert now(item).verdict == ""
    assert ReviewDecision.objects.get().void_why == "taken back"


def test_the_mind_can_be_changed_until_the_end(kim: Client, review: AccessReview, cast: Cast) -> None:
    item = item_of(review, cast.employee)
    kim.post(one(item), KEEP)
    page = shown(kim.get(work(review, f"?show=decided&item={item.pk}")))
    assert "You answered <b>Keep</b>" in page
    assert "Still on call</textarea>" in page

    kim.post(one(item, "?show=decided"), {"verdict": "deny", "justification": "Left the team"})
    assert now(item).verdict == Verdict.DENY
    assert ReviewDecision.objects.filter(item=item, void_at=None).count() == 2


def test_several_are_answered_with_one_reason_or_none(kim: Client, review: AccessReview, cast: Cast) -> None:
    picked = [str(item_of(review, who).pk) for who in (cast.employee, cast.outsider)]
    several = work(review, "several/")

    lacking = kim.post(several, {"pick": picked, "verdict": "approve", "justification": ""})
    page = shown(lacking)
    assert lacking.status_code == 422
    assert "One answer for 2 lines" in page
    assert "Robin Sample" in page
    assert "Say why it is still needed." in page
    assert not ReviewDecision.objects.exists()
    assert kim.post(several, {"verdict": "deny", "justification": ""}).status_code == 422
    assert kim.post(several, {"pick": ["x"], "verdict": "deny", "justification": ""}).status_code == 400
    many = [str(key) for key in range(1, 502)]
    assert "at most 500 at a time" in shown(kim.post(several, KEEP | {"pick": many}))

    done = kim.post(several, KEEP | {"pick": picked}, follow=True)
    assert "2 are kept." in shown(done)
    assert review.items.filter(verdict=Verdict.APPROVE).count() == 2
    assert "You gave your last answers together." in shown(done)


def test_following_all_recommendations_lists_first_what_would_happen(
    kim: Client, review: AccessReview, cast: Cast
) -> None:
    follow = work(review, "follow/")
    assert "Follow all 3 recommendations…" in shown(kim.get(work(review)))
    page = shown(kim.get(follow))
    assert "3 would be removed" in page
    assert "Pat Ipsum" in page
    assert "Never activated." in page

    answer(item_of(review, cast.outsider), cast.second_approver)
    changed = kim.post(follow, {"keep": "0", "remove": "3"})
    assert changed.status_code == 409
    page = shown(changed)
    assert "Nothing was saved." in page
    assert "2 would be removed" in page
    assert review.items.filter(verdict="").count() == 2

    done = shown(kim.post(follow, {"keep": "0", "remove": "2"}, follow=True))
    assert "2 answers are kept</b> as recommended." in done
    assert "You have answered everything" in done
    assert "There is nothing to follow" in shown(kim.get(follow))
    assert kim.post(follow, {"keep": "many", "remove": "2"}).status_code == 422


def test_a_later_stage_sees_what_was_answered_before(role: Role, cast: Cast) -> None:
    make_eligibility(role, cast.employee)
    stages = [
        StageWish(who=CHOSEN, days=7, reviewers=[cast.approver]),
        StageWish(who=CHOSEN, days=7, reviewers=[cast.second_approver]),
    ]
    review = open_run(make_series(cast.administrator, roles=[role], stages=stages))
    item, kim = item_of(review, cast.employee), signed_in(cast.approver)
    assert "then others look at it again" in shown(kim.get(work(review)))
    kim.post(one(item), KEEP)
    move_stage_on(AccessReview.objects.get(pk=review.pk), actor=PORTAL)

    page = shown(signed_in(cast.second_approver).get(work(review)))
    assert "0 of 1 decided" in page
    assert "Stage 1: Kim Placeholder answered <b>Keep</b>" in page
    assert "“Still on call”" in page
    assert "Nothing here is yours to answer any more" in shown(kim.get(work(review)))
    late = kim.post(one(item), {"verdict": "deny", "justification": "Too late"})
    assert late.status_code == 409
    assert now(item).verdict == Verdict.APPROVE


def test_what_was_said_the_last_time_is_shown(clock: TimeMachineFixture, role: Role, cast: Cast) -> None:
    make_eligibility(role, cast.employee)
    before = open_run(make_series(cast.administrator, cast.second_approver, roles=[role]))
    answer(item_of(before, cast.employee), cast.second_approver, Verdict.APPROVE, "Still migrating")
    clock.shift(timedelta(days=90))
    run_reviews()
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role]))
    page = shown(signed_in(cast.approver).get(work(review)))
    assert "Last time reviewed" in page
    assert "by Jo Mockup: “Still migrating”" in page


def test_the_page_asks_the_database_the_same_however_long_the_review_is(role: Role, cast: Cast) -> None:
    asked: dict[str, list[int]] = {}
    for n in (5, 60):
        other = make_role(role.directory, f"Role for {n}")
        for at in range(n):
            make_eligibility(other, make_person(f"p{n}-{at}", manager=cast.outsider, department="Sales"))
        review = open_run(make_series(cast.administrator, cast.approver, roles=[other], name=f"Of {n}"))
        first, second = review.items.order_by("pk")[:2]
        answer(first, cast.approver)
        kim = signed_in(cast.approver)
        for kind, address in (
            ("work", work(review, f"?item={second.pk}")),
            ("follow", work(review, "follow/")),
        ):
            kim.get(address)
            with CaptureQueriesContext(connection) as queries:
                assert kim.get(address).status_code == 200
            asked.setdefault(kind, []).append(len(queries))
        AccessReview.objects.filter(pk=review.pk).update(status=AccessReview.Status.STOPPED)
    assert {kind: len(set(numbers)) for kind, numbers in asked.items()} == {"work": 1, "follow": 1}
    assert asked["work"][0] <= 45
