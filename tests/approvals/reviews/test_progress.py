"""Progress by reviewer, on the page of whoever leads a run: what is left to whom, who is late, and who is too fast."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from time_machine import TimeMachineFixture

from accounts.models import User
from approvals.reviews import progress
from approvals.reviews.models import AccessReview, Verdict
from approvals.reviews.progress import Line, Workload, lines_of
from approvals.reviews.reviewing import decide_item, decide_items
from roles.models import Role
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import signed_in
from tests.factories.people import make_group, make_person
from tests.factories.reviews import MANAGER, THEMSELVES, answer_open, make_series, open_run
from tests.factories.roles import acting, make_eligibility, make_role, now

#: the clock stands before anybody is there
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def page_of(review: AccessReview) -> str:
    return f"/reviews/{review.pk}/"


def shown(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def line_of(review: AccessReview, who: User) -> Line:
    return next(line for line in lines_of(now(review), list(review.stages.all())).rows if line.person == who)


@pytest.fixture
def dana(review: AccessReview, cast: Cast) -> Client:
    return signed_in(cast.administrator)


def test_somebody_who_keeps_everything_within_seconds_is_named(
    dana: Client, review: AccessReview, cast: Cast, clock: TimeMachineFixture
) -> None:
    for item in list(review.items.all()):
        clock.shift(timedelta(seconds=2))
        decide_item(item, actor=acting(cast.approver), verdict=Verdict.APPROVE)

    page = shown(dana.get(page_of(review)))

    assert "Kim Placeholder kept all 12, with 2 s for each." in page
    assert "Nobody can look at access that fast." in page


@pytest.mark.parametrize("how", ["slowly", "one denied", "few"])
def test_somebody_who_may_have_looked_is_not_named(
    how: str, dana: Client, review: AccessReview, cast: Cast, clock: TimeMachineFixture
) -> None:
    for n, item in enumerate(list(review.items.all())[: 9 if how == "few" else 12]):
        clock.shift(timedelta(seconds=20 if how == "slowly" else 2))
        verdict = Verdict.DENY if how == "one denied" and n == 5 else Verdict.APPROVE
        decide_item(item, actor=acting(cast.approver), verdict=verdict, justification="Looked")

    assert "Nobody can look at access that fast." not in shown(dana.get(page_of(review)))


def test_all_kept_in_one_go_is_named_too(dana: Client, review: AccessReview, cast: Cast) -> None:
    answer_open(review, cast.approver)

    assert "Kim Placeholder kept all 12 in one go." in shown(dana.get(page_of(review)))


def test_progress_by_reviewer_and_who_is_late(
    dana: Client, review: AccessReview, cast: Cast, clock: TimeMachineFixture
) -> None:
    answer_open(review, cast.approver, Verdict.DENY, most=5)
    assert (line_of(review, cast.approver).answered, line_of(review, cast.approver).open) == (5, 7)
    assert line_of(review, cast.second_approver).look[2] == "Not begun"

    clock.shift(timedelta(days=8))

    page = shown(signed_in(cast.administrator).get(page_of(review)))
    assert "Not begun, half the time is over" in page
    assert "Idle for 8 days" in page
    assert "1 is late" in page


def test_what_is_left_is_what_each_may_answer_open(vault: Vault, cast: Cast) -> None:
    role = make_role(vault.row, "Vault operator")
    make_eligibility(role, cast.employee)
    make_eligibility(role, cast.approver)
    make_eligibility(role, cast.outsider)
    group = make_group("On call", cast.outsider, owners=(cast.second_approver,))
    make_eligibility(role, group)
    chosen = make_series(cast.administrator, cast.approver, cast.outsider, roles=[role])
    managers = make_series(
        cast.administrator, roles=[role], who=MANAGER, in_turn=[cast.auditor], name="By manager"
    )
    themselves = make_series(cast.administrator, roles=[role], who=THEMSELVES, name="Themselves")

    for series in (chosen, managers, themselves):
        run = open_run(series)
        left = {person: n for person, n in Workload(run).left().items() if n}
        panel, expected = Workload(run), Counter[int]()
        for item in run.items.all():
            for person in panel.people_for(item):
                expected[person.pk] += 1
        assert left == expected, series.name


def test_the_page_asks_as_much_for_few_as_for_many(
    review: AccessReview,
    operator: Role,
    cast: Cast,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    toni = signed_in(cast.auditor)
    for n in range(40):
        make_eligibility(operator, make_person(f"q{n}", f"Other {n:02d}"))
    both = (cast.approver, cast.second_approver)
    larger = open_run(make_series(cast.administrator, *both, roles=[operator], name="Larger"))
    answer_open(review, cast.approver, most=5)
    answer_open(larger, cast.approver, most=30)
    toni.get(page_of(review))
    with django_assert_max_num_queries(60) as few:
        toni.get(page_of(review))
    with django_assert_max_num_queries(len(few.captured_queries)):
        toni.get(page_of(larger))


def test_of_many_reviewers_those_with_most_left_and_those_too_fast_are_shown(
    review: AccessReview, cast: Cast, clock: TimeMachineFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "MOST_LINES", 1)
    answer_open(review, cast.approver, Verdict.DENY)
    for _round in range(2):
        answers = [decide_item(one, actor=acting(cast.approver), verdict="deny", justification="No")
                   for one in review.items.all()]  # fmt: skip
    keys = [one.item_id for one in answers]
    decide_items(review, actor=acting(cast.second_approver), keys=keys, verdict=Verdict.APPROVE)

    lines = lines_of(now(review), list(review.stages.all()))

    assert lines.is_more
    assert [line.person for line in lines.rows] == [cast.second_approver], "kept all of them in one go"
    assert lines.rows[0].answered == 12
