"""Leading a run on its page: how far it is, who is late or too fast, and what its owner may do with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from time_machine import TimeMachineFixture

from approvals.reviews.keeping import StageWish
from approvals.reviews.losing import MOST_NAMED
from approvals.reviews.models import AccessReview, ReviewDecision, ReviewItem, Verdict
from approvals.reviews.progress import tally_of
from approvals.reviews.reviewing import decide_items
from approvals.reviews.scheduling import run_reviews
from roles.models import Eligibility, Role
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import FORGED, signed_in
from tests.factories.people import make_group, make_person
from tests.factories.reviews import CHOSEN, answer_open, make_series, open_run
from tests.factories.roles import acting, acts_on, make_eligibility, make_role, notices_of, now

#: the clock stands before anybody is there
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
WHY = {"justification": "As agreed with the team"}


def page_of(review: AccessReview) -> str:
    return f"/reviews/{review.pk}/"


def shown(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


@pytest.fixture
def dana(review: AccessReview, cast: Cast) -> Client:
    return signed_in(cast.administrator)


def end(review: AccessReview, clock: TimeMachineFixture) -> AccessReview:
    clock.shift(timedelta(days=15))
    run_reviews()
    return now(review)


# --- Who sees it ---


def test_the_page_says_what_it_is_about_and_how_far_it_is(
    dana: Client, review: AccessReview, cast: Cast
) -> None:
    answer_open(review, cast.approver, Verdict.DENY, most=3)

    page = shown(dana.get(page_of(review)))

    assert "9 of 12 wait for an answer." in page
    assert "Vault operator on" in page
    assert "Chosen reviewers: Kim Placeholder, Jo Mockup, 14 days" in page
    assert "Asks before a role loses more than 100 %" in page
    assert "Remind now" in page


def test_a_stranger_finds_nothing_and_a_reader_may_look_but_not_act(review: AccessReview, cast: Cast) -> None:
    stranger, reader = signed_in(cast.outsider), signed_in(cast.auditor)
    assert stranger.get(page_of(review)).status_code == 404
    assert stranger.post(f"{page_of(review)}stop/", WHY).status_code == 404
    assert signed_in(cast.root).get(page_of(review)).status_code == 404

    page = shown(reader.get(page_of(review)))
    assert "12 of 12 wait for an answer." in page
    assert "Remind now" not in page
    assert "Stop the review" not in page
    for act in ("remind", "next-stage", "stop", "reset", "carry-out", "try-again"):
        assert reader.post(f"{page_of(review)}{act}/", WHY).status_code == 403
    assert now(review).status == AccessReview.Status.OPEN


def test_an_owner_without_a_duty_leads_theirs(operator: Role, cast: Cast) -> None:
    series = make_series(cast.administrator, cast.approver, roles=[operator])
    series.owner = cast.second_approver
    series.save()
    run = open_run(series)

    jo = signed_in(cast.second_approver)

    assert "Remind now" in shown(jo.get(page_of(run)))
    assert jo.post(f"{page_of(run)}remind/")["Location"] == page_of(run)


def test_fields_that_no_form_has_are_refused(dana: Client, review: AccessReview) -> None:
    for name in FORGED:
        assert dana.post(f"{page_of(review)}stop/", WHY | {name: "x"}).status_code == 400
        assert dana.post(f"{page_of(review)}remind/", {name: "x"}).status_code == 400
    assert dana.get(f"{page_of(review)}stop/").status_code == 405


# --- Acts ---


def test_reminding_reaches_those_who_have_something_left(
    dana: Client, review: AccessReview, cast: Cast
) -> None:
    told = dana.post(f"{page_of(review)}remind/", follow=True)

    assert "2 reviewers are reminded." in shown(told)
    assert "approvals/review_reminder" in notices_of(cast.second_approver)
    assert acts_on(review)[-1] == "review.reminded"


def test_moving_on_ends_the_stage_that_was_seen_and_no_other(
    operator: Role, cast: Cast, dana: Client
) -> None:
    stages = [StageWish(CHOSEN, 5, (), [one]) for one in (cast.approver, cast.second_approver, cast.auditor)]
    run = open_run(make_series(cast.administrator, roles=[operator], stages=stages, name="In stages"))
    assert "Stage 1 of 3" in shown(dana.get(page_of(run)))

    moved = dana.post(f"{page_of(run)}next-stage/", {"stage": "1"})
    again = dana.post(f"{page_of(run)}next-stage/", {"stage": "1"})

    assert moved["Location"] == page_of(run)
    assert again.status_code == 409
    assert now(run).stage == 2
    assert "Stage 2 of 3" in shown(dana.get(page_of(run)))


def test_the_last_stage_cannot_be_moved_on(dana: Client, review: AccessReview) -> None:
    refused = dana.post(f"{page_of(review)}next-stage/", {"stage": "1"})

    assert refused.status_code == 422
    assert now(review).status == AccessReview.Status.OPEN


def test_stopping_asks_why_and_ends_it_for_good(dana: Client, review: AccessReview, cast: Cast) -> None:
    answer_open(review, cast.approver, Verdict.DENY, most=1)
    silent = dana.post(f"{page_of(review)}stop/", {"justification": " "})
    assert silent.status_code == 422
    assert now(review).status == AccessReview.Status.OPEN

    stopped = dana.post(f"{page_of(review)}stop/", WHY, follow=True)

    assert "The review is stopped." in shown(stopped)
    assert "1 of 12 would be removed." in shown(stopped)
    assert dana.post(f"{page_of(review)}stop/", WHY).status_code == 409


def test_stopping_what_is_over_says_so(
    dana: Client, review: AccessReview, cast: Cast, clock: TimeMachineFixture
) -> None:
    end(review, clock)
    client = signed_in(cast.administrator)

    for act in ("stop", "reset", "remind"):
        late = client.post(f"{page_of(review)}{act}/", {} if act == "remind" else WHY)
        assert late.status_code == 409, act


def test_beginning_anew_makes_all_answers_void(dana: Client, review: AccessReview, cast: Cast) -> None:
    nothing = dana.post(f"{page_of(review)}reset/", WHY)
    assert nothing.status_code == 422
    assert "there is nothing to begin anew" in shown(nothing)
    answer_open(review, cast.approver, most=4)

    anew = dana.post(f"{page_of(review)}reset/", WHY, follow=True)

    assert "12 of 12 wait for an answer." in shown(anew)
    assert ReviewDecision.objects.filter(void_at=None).count() == 0
    assert ReviewDecision.objects.count() == 4, "they stay on record"


# --- Carrying out ---


def test_what_the_guard_holds_back_needs_a_justification(
    operator: Role, cast: Cast, clock: TimeMachineFixture
) -> None:
    terms: dict[str, Any] = {"most_percent": 20, "applies_itself": True, "recommends": False}
    run = open_run(make_series(cast.administrator, cast.approver, roles=[operator], **terms))
    answer_open(run, cast.approver, Verdict.DENY, most=5)
    end(run, clock)
    dana = signed_in(cast.administrator)

    page = shown(dana.get(page_of(run)))
    assert "Look before it is carried out" in page
    assert "Vault operator would lose 5 of 12, more than 20 %." in page
    for n in range(5):
        assert f'<b class="strong">Person {n:02d}</b>' in page
    assert "Person 05" not in page
    assert "Kim Placeholder: “So it is”" in page
    assert "Look before" in shown(signed_in(cast.auditor).get(page_of(run)))
    silent = dana.post(f"{page_of(run)}carry-out/", {"justification": ""})
    assert silent.status_code == 422
    assert "Say why." in shown(silent)
    assert now(run).released_at is None

    let = dana.post(f"{page_of(run)}carry-out/", WHY, follow=True)
    assert "It is being carried out." in shown(let)
    assert dana.post(f"{page_of(run)}carry-out/", WHY).status_code == 409


def test_who_would_lose_a_role_is_named_up_to_a_number_those_first_that_nobody_answered_about(
    operator: Role, cast: Cast, clock: TimeMachineFixture
) -> None:
    for n in range(12, 12 + MOST_NAMED):
        make_eligibility(operator, make_person(f"p{n}", f"Person {n:02d}"))
    other = make_role(operator.directory, "Vault reader")
    make_eligibility(other, cast.outsider)
    make_eligibility(operator, make_group("Night shift", cast.outsider, cast.auditor))
    run = open_run(
        make_series(
            cast.administrator,
            cast.approver,
            roles=[operator, other],
            most_percent=50,
            on_silence="remove",
            recommends=False,
        )
    )
    keys = run.items.exclude(person=None).values_list("pk", flat=True)
    said = {"verdict": Verdict.DENY, "justification": "So it is"}
    decide_items(run, actor=acting(cast.approver), keys=list(keys), **said)
    end(run, clock)
    dana = signed_in(cast.administrator)

    with CaptureQueriesContext(connection) as queries:
        page = shown(dana.get(page_of(run)))

    assert "Who would lose it: 33" in page
    named = page.count('<b class="strong">Person ')
    assert named == MOST_NAMED - 1
    assert page.index("group of 2") < page.index('<b class="strong">Person '), "nobody answered about it"
    assert f'{page_of(run)}results/?outcome=deny&amp;role={operator.pk}">and 13 more' in page
    assert "Pat Ipsum" in page
    assert len(queries) <= 40


def test_carrying_out_before_the_end_is_refused(dana: Client, review: AccessReview) -> None:
    early = dana.post(f"{page_of(review)}carry-out/", WHY)

    assert early.status_code == 422
    assert now(review).released_at is None


def test_the_bar_follows_the_directory_and_stops_asking_at_the_end(
    vault: Vault, cast: Cast, clock: TimeMachineFixture
) -> None:
    role = make_role(vault.row, "Vault operator")
    for who in (cast.employee, cast.outsider):
        make_eligibility(role, who)
    run = open_run(make_series(cast.administrator, cast.approver, roles=[role]))
    answer_open(run, cast.approver, Verdict.DENY)
    end(run, clock)
    dana = signed_in(cast.administrator)
    dana.post(f"{page_of(run)}carry-out/")
    page = shown(dana.get(page_of(run)))
    assert "0 of 2 removed" in page
    assert "every 2s" in page, "also after a reload"
    asked = f"{page_of(run)}progress/"
    first = dana.get(asked, headers={"HX-Target": "carried"})
    assert (first.status_code, "HX-Refresh" in first) == (200, False)
    seen = str(first.context["seen"])
    assert dana.get(f"{asked}?seen={seen}", headers={"HX-Target": "carried"}).status_code == 204

    run_reviews()
    sweep()
    run_reviews()

    last = dana.get(f"{asked}?seen={seen}", headers={"HX-Target": "carried"})
    assert last["HX-Refresh"] == "true"
    assert "2 of 2 removed" in shown(last)
    assert "every 2s" not in shown(last)
    assert now(run).status == AccessReview.Status.APPLIED
    assert dana.get(asked)["Location"] == page_of(run)
    assert signed_in(cast.outsider).get(asked).status_code == 404
    assert not Eligibility.objects.in_force().filter(role=role).exists()


def test_what_could_not_be_removed_says_why_and_is_tried_again(
    review: AccessReview, cast: Cast, clock: TimeMachineFixture
) -> None:
    answer_open(review, cast.approver, Verdict.DENY, most=2)
    end(review, clock)
    dana = signed_in(cast.administrator)
    dana.post(f"{page_of(review)}carry-out/")
    failed = review.items.filter(outcome=Verdict.DENY).order_by("pk").first()
    assert failed is not None
    run_reviews()
    ReviewItem.objects.filter(pk=failed.pk).update(
        done=ReviewItem.Done.FAILED, tries=1, error="The last holder cannot go."
    )
    AccessReview.objects.filter(pk=review.pk).update(status=AccessReview.Status.CLOSED)

    page = shown(dana.get(page_of(review)))
    assert "Not all of it could be carried out" in page
    assert "The last holder cannot go." in page
    assert "every 2s" not in page
    assert tally_of(now(review)).failed == 1

    again = dana.post(f"{page_of(review)}try-again/", follow=True)
    assert "1 item is tried again." in shown(again)
    assert now(failed).done == ReviewItem.Done.NEW
    nothing = dana.post(f"{page_of(review)}try-again/")
    assert nothing.status_code == 422
    assert "Everything that was denied is removed." in shown(nothing)
