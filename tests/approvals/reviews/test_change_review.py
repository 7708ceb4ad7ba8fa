"""The page on which a review that is open is changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from time_machine import TimeMachineFixture

from approvals.reviews.changing import version_of_run
from approvals.reviews.closing import move_stage_on, stop_review
from approvals.reviews.models import AccessReview
from approvals.reviews.scheduling import remind_reviewers
from audit.journal.actor import PORTAL
from tests.cast import Cast
from tests.factories.forms import Form, form_in
from tests.factories.pages import FORGED, signed_in
from tests.factories.reviews import answer_open
from tests.factories.roles import NOON, acting, acts_on, now

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

DAY = timedelta(days=1)


def page_of(review: AccessReview) -> str:
    return f"/reviews/{review.pk}/change/"


def shown(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


@pytest.fixture
def dana(review: AccessReview, cast: Cast) -> Client:
    return signed_in(cast.administrator)


def filled(client: Client, review: AccessReview, **said: str) -> Form:
    form = form_in(client.get(page_of(review)), "change")
    form.pop("act", None)
    return form | {name.replace("s1_", "s1-"): [value] for name, value in said.items()}


def test_the_page_changes_what_was_filled_in_and_says_what_stays(
    dana: Client, review: AccessReview, cast: Cast
) -> None:
    assert "Change…" in shown(dana.get(f"/reviews/{review.pk}/"))
    page = shown(dana.get(page_of(review)))
    assert "The 12 items were written down when it began" in page
    assert "Vault operator on" in page
    assert "It lasts 14 days" in page

    form = filled(
        dana,
        review,
        stage_ends_at="2026-05-20T12:00",
        on_silence="remove",
        s1_add_reviewer="pat@example.test",
    )
    answer = dana.post(page_of(review), form, follow=True)

    assert answer.redirect_chain == [(f"/reviews/{review.pk}/", 302)]
    assert "is changed.</b> It counts at once. 1 new reviewer is asked." in shown(answer)
    assert "16 days" in shown(answer)
    assert "Remove access" in shown(answer)
    assert now(review).ends_at == NOON + 16 * DAY


def test_what_was_left_alone_stays_to_the_second(
    dana: Client, review: AccessReview, clock: TimeMachineFixture
) -> None:
    odd = NOON + 14 * DAY + timedelta(seconds=17)
    AccessReview.objects.filter(pk=review.pk).update(ends_at=odd, stage_ends_at=odd)

    nothing = dana.post(page_of(review), filled(dana, review))
    dana.post(page_of(review), filled(dana, review, most_percent="30"))

    assert nothing.status_code == 422
    assert "Nothing would change." in shown(nothing)
    assert (now(review).most_percent, now(review).ends_at) == (30, odd)


def test_somebody_is_looked_for_and_nothing_is_saved_by_that(
    dana: Client, review: AccessReview, cast: Cast
) -> None:
    form = filled(dana, review, s1_add_reviewer="pat@example.test, nobody@example.test", stage_ends_at="")
    part = dana.post(
        page_of(review),
        form | {"act": ["people"]},
        headers={"HX-Request": "true", "HX-Target": "review-stages"},
    )

    assert "Pat Ipsum" in shown(part)
    assert "Nobody goes by this: nobody@example.test." in shown(part)
    assert "<html" not in shown(part)
    assert "Whoever you take out" not in shown(part), "it stands below what is put in place"
    whole = shown(dana.post(page_of(review), form | {"act": ["people"]}))
    assert "Say when it ends." not in whole
    assert "review.changed" not in acts_on(review)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"stage_ends_at": ""}, "Say when it ends."),
        ({"stage_ends_at": "2026-05-04T11:59"}, "This moment is over."),
        ({"stage_ends_at": "2028-05-04T11:59"}, "It has to be over by"),
        ({"most_percent": "101"}, "less than or equal to 100"),
        ({"on_silence": "burn"}, "not one of the available choices"),
        ({"s1_add_in_turn": "nobody@example.test"}, "Nobody goes by this"),
    ],
)
def test_a_mistake_is_said_beside_its_field(
    dana: Client, review: AccessReview, said: dict[str, str], words: str
) -> None:
    answer = dana.post(page_of(review), filled(dana, review, **said))

    assert answer.status_code == 422
    assert words in shown(answer)
    assert acts_on(review)[-1] == "review.opened"


def test_whoever_comes_second_is_told_and_loses_nothing(dana: Client, review: AccessReview) -> None:
    form = filled(dana, review, most_percent="30")
    dana.post(page_of(review), filled(dana, review, most_percent="40"))

    late = dana.post(page_of(review), form)

    assert late.status_code == 409
    assert "nothing you filled in is lost" in shown(late)
    assert now(review).most_percent == 40
    dana.post(page_of(review), form_in(late, "change") | {"act": [""]})
    assert now(review).most_percent == 30


def test_a_reminder_or_an_answer_meanwhile_is_no_change(
    dana: Client, review: AccessReview, cast: Cast
) -> None:
    form = filled(dana, review, most_percent="30")
    remind_reviewers(now(review), actor=acting(cast.administrator))
    answer_open(review, cast.approver, most=1)

    assert dana.post(page_of(review), form).status_code == 302


def test_a_form_for_a_stage_that_is_over_shows_the_present_one(
    dana: Client, staged: AccessReview, cast: Cast
) -> None:
    form = filled(dana, staged, stage_ends_at="2026-05-07T12:00")
    move_stage_on(now(staged), actor=PORTAL)

    late = dana.post(page_of(staged), form)

    assert late.status_code == 409
    assert "another stage has begun" in shown(late)
    assert form_in(late, "change")["stage"] == ["2"]
    stop_review(now(staged), actor=acting(cast.administrator), justification="Enough")
    assert dana.post(page_of(staged), form).status_code == 409
    assert version_of_run(now(staged))


def test_fields_that_the_form_does_not_have_are_refused(dana: Client, review: AccessReview) -> None:
    for name in (*FORGED, "ends_at", "owner", "roles", "own_allowed"):
        assert dana.post(page_of(review), filled(dana, review) | {name: ["x"]}).status_code == 400
