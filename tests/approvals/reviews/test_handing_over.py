"""Handing a series of reviews over, with what runs of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from time_machine import TimeMachineFixture

from accounts.leaving import disable_person
from accounts.models import User
from approvals.reviews.closing import release_review
from approvals.reviews.handing_over import hand_over_series
from approvals.reviews.models import AccessReview, ReviewSeries, Verdict
from approvals.reviews.permissions import items_open_to
from approvals.reviews.scheduling import run_reviews
from audit.describing import describe
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Role
from tests.cast import Cast
from tests.factories.pages import FORGED, signed_in
from tests.factories.people import give_duty, make_person
from tests.factories.reviews import answer_open, make_series, make_service, open_run
from tests.factories.roles import acting, acts_on, appoint, entries_on, make_role, notices_of, now

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

HANDED, ENDED, HELD = "approvals/review_handed_over", "approvals/review_ended", "approvals/review_held_back"


def page_of(series: ReviewSeries) -> str:
    return f"/reviews/series/{series.pk}/hand-over/"


def shown(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


@pytest.fixture
def jo(cast: Cast, operator: Role) -> User:
    """Looks after the role."""
    appoint(cast.second_approver, "own", operator)
    return cast.second_approver


@pytest.fixture
def series(jo: User, cast: Cast, operator: Role) -> ReviewSeries:
    """Led by Jo, answered by Kim, every month."""
    return make_series(jo, cast.approver, roles=[operator], frequency="monthly", most_percent=1)


def test_the_series_and_what_runs_of_it_are_led_by_the_new_owner_who_is_told(
    series: ReviewSeries, jo: User, cast: Cast, operator: Role
) -> None:
    run = open_run(series)
    appoint(cast.outsider, "own", operator)
    client = signed_in(jo)
    assert "Jo Mockup leads it." in shown(client.get(page_of(series)))

    answer = client.post(page_of(series), {"to": "PAT@example.test", "owner": str(jo.pk)}, follow=True)

    assert "Pat Ipsum leads Who still needs it from now on." in shown(answer)
    assert now(series).owner == now(run).owner == cast.outsider
    assert (HANDED in notices_of(cast.outsider), HANDED in notices_of(jo)) == (True, False)
    assert client.get(f"/reviews/{run.pk}/").status_code == 404
    pat = signed_in(cast.outsider)
    assert "Remind now" in shown(pat.get(f"/reviews/{run.pk}/"))
    assert "Hand over…" in shown(pat.get(f"/reviews/series/{series.pk}/"))
    assert acts_on(run)[-1] == "review.handed_over"
    entry = entries_on(series).get(action="review_series.handed_over")
    assert describe(entry) == (
        "Jo Mockup handed the access review “Who still needs it” over from Jo Mockup to Pat Ipsum"
    )


def test_what_waits_to_be_carried_out_goes_with_it_and_what_is_done_stays_on_record(
    series: ReviewSeries, jo: User, cast: Cast, operator: Role, clock: TimeMachineFixture
) -> None:
    done = open_run(series)
    clock.shift(timedelta(days=15))
    run_reviews()
    clock.shift(timedelta(days=31))
    run_reviews()
    waiting = series.runs.get(status=AccessReview.Status.OPEN)
    answer_open(waiting, cast.approver, Verdict.DENY, most=2)
    clock.shift(timedelta(days=15))
    run_reviews()
    assert now(waiting).held_back
    appoint(cast.outsider, "own", operator)

    hand_over_series(now(series), actor=acting(jo), to=cast.outsider)

    assert (now(done).owner, now(waiting).owner) == (jo, cast.outsider)
    assert series.runs.get(status=AccessReview.Status.SCHEDULED).owner == cast.outsider
    with pytest.raises(NotAllowed):
        release_review(now(waiting), actor=acting(jo), justification="So be it")
    release_review(now(waiting), actor=acting(cast.outsider), justification="So be it")
    assert signed_in(cast.outsider).get(f"/reviews/{done.pk}/").status_code == 200, "what came before"


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("disabled", "No enabled person has this email."),
        ("robot", "No enabled person has this email."),
        ("nobody", "No enabled person has this email."),
        ("jo", "Jo Mockup owns it already."),
        ("pat", "Pat Ipsum does not look after all roles of this review."),
    ],
)
def test_it_goes_to_nobody_who_could_not_have_planned_it(
    series: ReviewSeries, jo: User, cast: Cast, who: str, words: str
) -> None:
    make_person("disabled", is_active=False)
    make_service("robot", cast.approver)

    answer = signed_in(jo).post(page_of(series), {"to": f"{who}@example.test", "owner": str(jo.pk)})

    assert answer.status_code == 422
    assert words in shown(answer)
    assert now(series).owner == jo


def test_roles_that_the_open_run_is_about_count_as_well_as_those_of_the_series(
    series: ReviewSeries, jo: User, cast: Cast, operator: Role
) -> None:
    open_run(series)
    other = make_role(operator.directory, "Other")
    appoint(cast.outsider, "own", other)
    series.roles.set([other])

    with pytest.raises(Refused, match="does not look after all roles"):
        hand_over_series(series, actor=acting(cast.administrator), to=cast.outsider)

    appoint(cast.outsider, "own", operator)
    hand_over_series(series, actor=acting(cast.administrator), to=User.objects.get(pk=cast.outsider.pk))


def test_only_who_leads_it_hands_it_over_and_the_one_before_is_told(
    series: ReviewSeries, jo: User, cast: Cast
) -> None:
    for stranger in (cast.approver, cast.auditor, cast.root, cast.outsider):
        with pytest.raises(NotAllowed):
            hand_over_series(series, actor=acting(stranger), to=cast.administrator)

    hand_over_series(series, actor=acting(cast.administrator), to=cast.administrator)

    assert (notices_of(jo).count(HANDED), notices_of(cast.administrator).count(HANDED)) == (1, 0)
    with pytest.raises(NotAllowed):
        hand_over_series(now(series), actor=acting(jo), to=jo)


def test_a_page_that_shows_another_owner_is_overtaken(series: ReviewSeries, jo: User, cast: Cast) -> None:
    deputy = make_person("deputy")
    give_duty(deputy, "privileged_role_administrator")
    dana = signed_in(cast.administrator)
    hand_over_series(series, actor=acting(jo), to=deputy)

    late = dana.post(page_of(series), {"to": "dana@example.test", "owner": str(jo.pk)})

    assert late.status_code == 409
    assert now(series).owner == deputy
    with pytest.raises(Overtaken):
        hand_over_series(series, actor=acting(deputy), to=cast.administrator, owner=jo.pk)
    for name in FORGED:
        sent = {"to": "dana@example.test", "owner": str(deputy.pk), name: "x"}
        assert dana.post(page_of(series), sent).status_code == 400


def test_an_owner_who_left_is_named_and_role_administrators_lead_and_are_told_of_the_end(
    series: ReviewSeries, jo: User, cast: Cast, operator: Role, clock: TimeMachineFixture
) -> None:
    run = open_run(series)
    disable_person(jo, actor=acting(cast.administrator), justification="Left the company")
    dana = signed_in(cast.administrator)

    for address in (f"/reviews/{run.pk}/", f"/reviews/series/{series.pk}/"):
        page = shown(dana.get(address))
        assert "can no longer sign in.</b> Role administrators lead it" in page
        assert page_of(series) in page
        seen = shown(signed_in(cast.auditor).get(address))
        assert "can no longer sign in.</b>" in seen
        assert page_of(series) not in seen
    assert "role administrators lead it" in shown(dana.get(page_of(series)))
    clock.shift(timedelta(days=15))
    run_reviews()
    assert {ENDED, HELD} & set(notices_of(cast.administrator))

    told = signed_in(cast.administrator).post(
        page_of(series), {"to": "dana@example.test", "owner": str(jo.pk)}, follow=True
    )
    assert "Dana Fictive leads" in shown(told)


def test_where_nobody_else_can_the_new_owner_answers(
    series: ReviewSeries, jo: User, cast: Cast, operator: Role
) -> None:
    run = open_run(series)
    User.objects.filter(pk=cast.approver.pk).update(is_active=False)
    assert items_open_to(jo, now(run)).count() == 12

    hand_over_series(series, actor=acting(cast.administrator), to=cast.administrator)

    assert not items_open_to(jo, now(run)).exists()
    assert items_open_to(cast.administrator, now(run)).count() == 12
