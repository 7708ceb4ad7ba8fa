"""What a review is about: what there was at its start, and nothing that came later."""

from __future__ import annotations

from datetime import timedelta

import pytest
from time_machine import TimeMachineFixture

from accounts.models import User
from approvals.reviews.models import AccessReview
from approvals.reviews.opening import open_review
from approvals.reviews.scheduling import run_reviews
from audit.journal.actor import PORTAL
from audit.journal.refusing import Overtaken
from audit.journal.verifying import verify_journal
from roles.models import Role, Scope
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.people import make_group, make_person
from tests.factories.reviews import assign, assign_group, item_of, make_series, make_service, open_run
from tests.factories.roles import (
    acting,
    activate,
    acts_on,
    give_evidence,
    make_eligibility,
    make_role,
    notices_of,
    now,
)

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.django_db]

DAY = timedelta(days=1)


def names(review: AccessReview) -> list[str]:
    return sorted(f"{item}" for item in review.items.select_related("person", "group", "role"))


def review_of(cast: Cast, *roles: Role, **terms: object) -> AccessReview:
    return open_run(make_series(cast.administrator, cast.approver, roles=roles, **terms))  # type: ignore[arg-type]


def test_what_is_given_after_the_start_is_not_in_it(cast: Cast, role: Role) -> None:
    make_eligibility(role, cast.employee)
    review = review_of(cast, role)
    make_eligibility(role, cast.outsider)
    assert names(review) == ["Robin Sample: Operator"]
    assert acts_on(review) == ["review.planned", "review.opened"]


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, ["Crew", "Pat Ipsum", "Robin Sample", "Team"]),
        ({"what": "eligible"}, ["Robin Sample", "Team"]),
        ({"what": "active"}, ["Crew", "Pat Ipsum"]),
        ({"of_groups": False, "of_services": True}, ["Pat Ipsum", "Robin Sample", "Robot"]),
        ({"of_people": False}, ["Crew", "Team"]),
        ({"of_people": False, "of_groups": False, "of_services": True}, ["Robot"]),
    ],
)
def test_it_is_about_those_whom_its_terms_name(
    cast: Cast, role: Role, terms: dict[str, object], expected: list[str]
) -> None:
    running = make_eligibility(role, cast.employee)
    activate(running, cast.employee)
    assign(role, cast.outsider)
    assign(role, make_service("robot", cast.approver))
    make_eligibility(role, make_group("Team", cast.auditor))
    assign_group(role, make_group("Crew", cast.second_approver))
    sweep()
    review = review_of(cast, role, **terms)
    assert names(review) == [f"{name}: Operator" for name in expected], (
        "an activation goes with its eligibility"
    )


def test_one_review_is_over_several_roles_or_whatever_a_filter_meets(cast: Cast, role: Role) -> None:
    other, third = make_role(role.directory, "Cleaner"), make_role(role.directory, "Keeper")
    Role.objects.filter(pk=third.pk).update(risk="high")
    part = Scope.objects.create(
        directory=role.directory, parent=role.directory.root_scope(), name="Part", path="/part"
    )
    for one in (role, other, third):
        make_eligibility(one, cast.employee)
    assert len(names(review_of(cast, role, other))) == 2
    assert names(review_of(cast, directory=role.directory, risk="high")) == ["Robin Sample: Keeper"]
    assert len(names(review_of(cast, directory=role.directory))) == 3
    assert names(review_of(cast, directory=role.directory, scope=part)) == []


def test_inactive_holders_alone_and_nobody_who_is_new(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    used = make_eligibility(role, cast.employee)
    make_eligibility(role, cast.outsider)
    assign(role, cast.auditor)
    assign(role, cast.second_approver)
    User.objects.update(created_at=now(cast.employee).created_at - timedelta(days=4000))
    clock.shift(60 * DAY)
    activate(used, cast.employee, minutes=60)
    give_evidence(acting(cast.auditor))
    clock.shift(20 * DAY)
    make_eligibility(role, make_person("newcomer"))
    make_eligibility(make_role(role.directory, "Cleaner"), cast.outsider)
    review = review_of(cast, directory=role.directory, inactive_days=30)
    assert names(review) == ["Jo Mockup: Operator", "Pat Ipsum: Operator"]


def test_a_new_account_is_not_called_inactive(clock: TimeMachineFixture, cast: Cast, role: Role) -> None:
    person = make_person("newcomer")
    make_eligibility(role, person)
    clock.shift(60 * DAY)
    User.objects.filter(pk=person.pk).update(created_at=clock_now() - DAY)
    assert names(review_of(cast, role, inactive_days=30)) == []


def clock_now() -> object:
    from django.utils import timezone

    return timezone.now()


def test_a_review_opens_once(cast: Cast, role: Role) -> None:
    make_eligibility(role, cast.employee)
    series = make_series(cast.administrator, cast.approver, roles=[role])
    run = series.runs.get()
    open_review(run, actor=PORTAL)
    with pytest.raises(Overtaken):
        open_review(run, actor=PORTAL)
    assert run.items.count() == 1
    assert notices_of(cast.approver) == ["approvals/review_started"]
    assert verify_journal().holds


def test_a_review_of_nobody_asks_nobody_and_ends_on_time(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    review = review_of(cast, role)
    assert notices_of(cast.approver) == []
    clock.shift(14 * DAY)
    run_reviews()
    assert now(review).status == AccessReview.Status.APPLIED


def test_opening_asks_the_database_as_often_for_thirty_as_for_five(cast: Cast, role: Role) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    asked = []
    for count in (5, 30):
        other = make_role(role.directory, f"Role {count}")
        for n in range(count):
            make_eligibility(other, make_person(f"person{count}x{n}"))
        run = make_series(cast.administrator, cast.approver, roles=[other]).runs.get()
        with CaptureQueriesContext(connection) as queries:
            open_review(run, actor=PORTAL)
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_the_item_points_at_what_it_is_about(cast: Cast, role: Role) -> None:
    row, held = make_eligibility(role, cast.employee), assign(role, cast.outsider)
    review = review_of(cast, role)
    assert item_of(review, cast.employee).eligibility == row
    item = item_of(review, cast.outsider)
    assert (item.assignment, item.is_held) == (held, True)
    assert item_of(review, cast.employee).manager == cast.approver
