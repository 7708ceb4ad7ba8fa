"""Access held through a group: the owners of the group are asked, and the page says what it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Membership
from approvals.reviews import weighing
from approvals.reviews.closing import move_stage_on
from approvals.reviews.keeping import StageWish
from approvals.reviews.panel import Panel
from approvals.reviews.permissions import items_open_to
from audit.journal.actor import PORTAL
from audit.journal.refusing import NotAllowed
from roles.models import Role
from tests.cast import Cast
from tests.factories.pages import signed_in
from tests.factories.people import make_group
from tests.factories.reviews import (
    CHOSEN,
    MANAGER,
    OWNERS,
    answer,
    assign_group,
    disabled,
    item_of,
    make_series,
    open_run,
    reviewers,
)
from tests.factories.roles import NOON, appoint, make_eligibility, now
from tests.factories.series_forms import shown

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.django_db]


@pytest.mark.parametrize("who", [CHOSEN, OWNERS])
def test_a_group_is_asked_of_its_owners_and_of_whom_the_stage_names_only_where_none_of_them_can(
    cast: Cast, role: Role, who: str
) -> None:
    team = make_group("Team", cast.employee, owners=(cast.outsider, cast.employee))
    for one in (cast.auditor, team):
        make_eligibility(role, one)
    appoint(cast.approver, "own", role)
    named = (cast.approver,) if who == CHOSEN else ()
    review = open_run(
        make_series(cast.administrator, *named, roles=[role], who=who, in_turn=[cast.second_approver])
    )
    assert reviewers(review, team) == {"pat"}, "Robin owns it and is in it"
    assert reviewers(review, cast.auditor) == {"kim"}
    assert {one.email.partition("@")[0] for one in Panel(review).people_with_open_items()} == {"pat", "kim"}
    with pytest.raises(NotAllowed):
        answer(item_of(review, team), cast.approver)
    with disabled(cast.outsider):
        assert reviewers(review, team) == {"kim"}
        with disabled(cast.approver):
            assert reviewers(review, team) == {"jo"}
            with disabled(cast.second_approver):
                assert reviewers(review, team) == {"dana"}
    answer(item_of(review, team), cast.outsider)
    assert set(Panel(review).people_with_open_items()) == {cast.approver}


def test_an_owner_who_is_named_as_well_answers_for_both(cast: Cast, role: Role) -> None:
    team, other = make_group("Team", owners=(cast.approver,)), make_group("Other", owners=(cast.outsider,))
    for one in (cast.employee, team, other):
        make_eligibility(role, one)
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role]))
    assert items_open_to(cast.approver, review).count() == 2
    assert reviewers(review, team) == {"kim"}
    assert reviewers(review, other) == {"pat"}


def test_a_second_look_at_a_group_is_that_of_others(cast: Cast, role: Role) -> None:
    team = make_group("Team", owners=(cast.outsider,))
    make_eligibility(role, team)
    stages = [
        StageWish(who=CHOSEN, days=7, reviewers=[cast.approver]),
        StageWish(who=CHOSEN, days=7, reviewers=[cast.second_approver]),
        StageWish(who=MANAGER, days=7),
    ]
    review = open_run(make_series(cast.administrator, roles=[role], stages=stages))
    for asked in ("pat", "jo", "pat"):
        assert reviewers(review, team) == {asked}
        if now(review).stage < len(stages):
            move_stage_on(now(review), actor=PORTAL)


def test_of_a_group_it_is_said_who_would_lose_what(role: Role, cast: Cast) -> None:
    desk = make_group("Service desk", cast.employee, cast.outsider, owners=(cast.auditor,))
    make_eligibility(role, desk)
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role]))

    page = shown(signed_in(cast.auditor).get(f"/reviews/{review.pk}/work/"))
    assert "Group of 2 members" in page
    assert "Access held through the group Service desk" in page
    assert "You are asked as an owner of the group." in page
    assert "Each of its 2 members may activate the role." in page
    assert "When the review began" not in page
    assert "robin@example.test" in page
    assert "pat@example.test" in page
    assert "The group Service desk loses <b>Operator</b>, and with it all its 2 members" in page
    Membership.objects.get(group=desk, person=cast.outsider).delete()
    page = shown(signed_in(cast.auditor).get(f"/reviews/{review.pk}/work/"))
    assert "Its 1 member may activate the role." in page
    assert "When the review began there were 2 members." in page
    assert "pat@example.test" not in page
    assert signed_in(cast.approver).get(f"/reviews/{review.pk}/work/").status_code == 200, (
        "named, and nothing is left for Kim"
    )


def test_of_a_large_group_the_first_members_are_named_and_the_others_counted(
    role: Role, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weighing, "MOST_MEMBERS", 2)
    crew = make_group("Crew", cast.approver, cast.employee, cast.outsider, owners=(cast.auditor,))
    Membership.objects.create(
        group=crew,
        person=cast.employee,
        origin=Membership.Origin.ACTIVATED,
        ends_at=NOON + timedelta(days=400),
    )
    assign_group(role, crew)
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role]))

    page = shown(signed_in(cast.auditor).get(f"/reviews/{review.pk}/work/"))

    assert item_of(review, crew).members == 3, "a person counts once, however they came in"
    assert "Each of its 3 members holds the role." in page
    assert "kim@example.test" in page
    assert "robin@example.test" not in page
    assert "and 1 more" in page
