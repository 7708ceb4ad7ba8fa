"""Who may answer: asked of a person and asked of an item, it is the same rule."""

from __future__ import annotations

import pytest
from time_machine import TimeMachineFixture

from accounts.models import Group, User
from approvals.reviews.models import AccessReview, ReviewItem
from approvals.reviews.panel import Panel
from approvals.reviews.permissions import (
    items_open_to,
    may_lead,
    reviewers_of,
    reviews_asking,
    reviews_visible_to,
)
from audit.journal.refusing import NotAllowed
from roles.models import Role
from tests.cast import Cast
from tests.factories.people import make_group, make_person
from tests.factories.reviews import (
    CHOSEN,
    MANAGER,
    OWNERS,
    THEMSELVES,
    answer,
    assign,
    assign_group,
    disabled,
    item_of,
    make_series,
    make_service,
    open_run,
    reviewers,
)
from tests.factories.roles import appoint, make_eligibility, now

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.django_db]


@pytest.fixture
def everybody(cast: Cast, role: Role) -> Group:
    """Everybody may or does hold the role: people, another account of one of them, a program, groups."""
    User.objects.filter(pk=cast.employee.pk).update(person_key="P-1")
    other = make_person("robin.admin", person_key="P-1", manager=cast.second_approver)
    User.objects.filter(pk=cast.second_approver.pk).update(manager=cast.employee)
    User.objects.filter(pk=cast.outsider.pk).update(manager=other)
    make_person("twin", person_key="P-2", manager=make_person("twin.admin", person_key="P-2"))
    for one in User.objects.all():
        make_eligibility(role, one)
    assign(role, make_service("robot", cast.approver))
    team = make_group("Team", cast.approver, owners=(cast.approver, cast.employee))
    make_eligibility(role, team)
    assign_group(role, make_group("Crew", owners=(cast.second_approver,)))
    make_eligibility(role, make_group("Nobody's"))
    for who in (cast.second_approver, team):
        appoint(who, "own", role)
    return team


@pytest.mark.parametrize("own_allowed", [False, True])
@pytest.mark.parametrize("who", [CHOSEN, THEMSELVES, MANAGER, OWNERS])
def test_both_directions_agree_whoever_is_asked_and_whoever_is_gone(
    cast: Cast, role: Role, everybody: Group, who: str, own_allowed: bool
) -> None:
    named = (cast.employee, everybody) if who == CHOSEN else ()
    series = make_series(
        cast.administrator,
        *named,
        roles=[role],
        who=who,
        in_turn=[cast.auditor, make_group("Deputies", cast.employee)],
        own_allowed=own_allowed,
    )
    review = open_run(series)
    AccessReview.objects.filter(pk=review.pk).update(owner=cast.outsider)
    gone: list[tuple[User, ...]] = [
        (),
        (cast.employee,),
        (cast.employee, cast.approver),
        (cast.employee, cast.approver, cast.second_approver, cast.auditor),
        (cast.auditor, cast.outsider),
        (cast.employee, cast.approver, cast.second_approver, cast.auditor, cast.outsider),
    ]
    answerable = []
    for some in gone:
        with disabled(*some):
            review = now(review)
            asked = {
                one: set(items_open_to(one, review).values_list("pk", flat=True))
                for one in User.objects.all()
            }
            for item in ReviewItem.objects.filter(review=review).select_related("review", "person"):
                of_person = {one.email for one, items in asked.items() if item.pk in items}
                assert of_person == {one.email for one in reviewers_of(item)}, (item, some)
            told = set(Panel(review).people_with_open_items())
            assert told >= {one for one, items in asked.items() if items}, some
            assert {one for one in asked if reviews_asking(one)} == {one for one in asked if asked[one]}
            answerable.append(len(set().union(*asked.values())))
            if not own_allowed and who != THEMSELVES:
                for one, items in asked.items():
                    own = ReviewItem.objects.filter(pk__in=items, person=one)
                    assert not own.exists(), one
            for one, items in asked.items():
                if one.manager is not None:
                    assert not ReviewItem.objects.filter(pk__in=items, person=one.manager).exists(), one
    assert answerable[0] == review.items.count() or not own_allowed, "somebody can answer for everybody"
    assert answerable[0] >= review.items.count() - 1


def test_a_disabled_reviewer_hands_over_to_the_fallback_at_once_and_gets_it_back(
    cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    series = make_series(cast.administrator, cast.approver, roles=[role], in_turn=[cast.second_approver])
    review = open_run(series)
    assert reviewers(review, cast.employee) == {"kim"}
    with disabled(cast.approver):
        assert reviewers(review, cast.employee) == {"jo"}
        with disabled(cast.second_approver):
            assert reviewers(review, cast.employee) == {"dana"}, "the owner of the review is left"
        with pytest.raises(NotAllowed):
            answer(item_of(review, cast.employee), cast.approver)
    assert reviewers(review, cast.employee) == {"kim"}


def test_without_a_fallback_the_owner_of_the_review_answers(cast: Cast, role: Role) -> None:
    make_eligibility(role, cast.employee)
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role]))
    with pytest.raises(NotAllowed):
        answer(item_of(review, cast.employee), cast.administrator)
    with disabled(cast.approver):
        answer(item_of(review, cast.employee), cast.administrator)
    assert item_of(review, cast.employee).reviewer == cast.administrator


def test_E11_nobody_answers_for_their_own_access_under_any_account(cast: Cast, role: Role) -> None:
    other = make_person("kim.admin", person_key="K")
    User.objects.filter(pk=cast.approver.pk).update(person_key="K")
    for one in (cast.approver, other, cast.outsider):
        make_eligibility(role, one)
    review = open_run(
        make_series(cast.administrator, cast.approver, roles=[role], in_turn=[cast.second_approver])
    )
    assert reviewers(review, cast.approver) == {"jo"}
    assert reviewers(review, other) == {"jo"}
    assert reviewers(review, cast.outsider) == {"kim"}
    with pytest.raises(NotAllowed) as refusal:
        answer(item_of(review, other), now(cast.approver))
    assert refusal.value.code == "not_a_reviewer"


def test_people_answer_for_their_own_access_where_the_review_says_so(cast: Cast, role: Role) -> None:
    make_eligibility(role, cast.approver)
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role], own_allowed=True))
    assert reviewers(review, cast.approver) == {"kim"}


def test_nobody_answers_for_their_own_manager(cast: Cast, role: Role) -> None:
    make_eligibility(role, cast.approver)
    review = open_run(
        make_series(cast.administrator, cast.employee, cast.second_approver, roles=[role], own_allowed=True)
    )
    assert reviewers(review, cast.approver) == {"jo"}, "Robin's manager is Kim"


def test_everyone_for_themselves_means_the_program_s_fallback_and_the_group_s_owner(
    cast: Cast, role: Role
) -> None:
    robot = make_service("robot", cast.approver)
    assign(role, robot)
    team = make_group("Team", cast.employee, owners=(cast.outsider,))
    for one in (cast.employee, team):
        make_eligibility(role, one)
    review = open_run(
        make_series(
            cast.administrator, roles=[role], who=THEMSELVES, in_turn=[cast.auditor], of_services=True
        )
    )
    assert reviewers(review, cast.employee) == {"robin"}
    assert reviewers(review, team) == {"pat"}
    assert reviewers(review, robot) == {"toni"}
    with disabled(cast.outsider):
        assert reviewers(review, team) == {"toni"}


def test_managers_answer_for_people_and_programs_and_owners_for_groups(cast: Cast, role: Role) -> None:
    robot = make_service("robot", cast.approver)
    assign(role, robot)
    team = make_group("Team", cast.employee, owners=(cast.outsider,))
    for one in (cast.employee, cast.outsider, team):
        make_eligibility(role, one)
    review = open_run(
        make_series(cast.administrator, roles=[role], who=MANAGER, in_turn=[cast.auditor], of_services=True)
    )
    assert reviewers(review, cast.employee) == {"kim"}
    assert reviewers(review, robot) == {"kim"}
    assert reviewers(review, team) == {"pat"}
    assert reviewers(review, cast.outsider) == {"toni"}, "Pat has no manager"


def test_the_manager_of_the_start_answers_and_a_later_one_does_not(cast: Cast, role: Role) -> None:
    make_eligibility(role, cast.employee)
    review = open_run(make_series(cast.administrator, roles=[role], who=MANAGER))
    User.objects.filter(pk=cast.employee.pk).update(manager=cast.outsider)
    assert reviewers(review, cast.employee) == {"kim"}


def test_the_owner_of_a_role_answers_for_it_and_no_other(
    cast: Cast, role: Role, clock: TimeMachineFixture
) -> None:
    from tests.factories.roles import make_role

    other = make_role(role.directory, "Cleaner")
    appoint(cast.approver, "own", role)
    appoint(make_group("Cleaners", cast.second_approver), "own", other)
    for one in (role, other):
        make_eligibility(one, cast.employee)
    review = open_run(make_series(cast.administrator, roles=[role, other], who=OWNERS))
    assert {one.email for one in reviewers_of(item_of(review, cast.employee, role))} == {"kim@example.test"}
    assert {one.email for one in reviewers_of(item_of(review, cast.employee, other))} == {"jo@example.test"}
    assert items_open_to(cast.approver, review).count() == 1


def test_only_its_owner_and_role_administrators_lead_and_readers_see(cast: Cast, role: Role) -> None:
    make_eligibility(role, cast.employee)
    appoint(cast.outsider, "own", role)
    review = open_run(make_series(cast.outsider, cast.approver, roles=[role]))
    assert [one for one in cast.everybody if may_lead(one, review)] == [cast.administrator, cast.outsider]
    seen = [one for one in cast.everybody if reviews_visible_to(one).filter(pk=review.pk).exists()]
    assert seen == [cast.administrator, cast.auditor, cast.outsider]


def test_a_review_is_asked_of_its_reviewers_alone_and_says_when_nothing_is_left(
    cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.employee)
    review = open_run(make_series(cast.administrator, cast.approver, roles=[role]))
    assert [one for one in cast.everybody if reviews_asking(one)] == [cast.approver]
    assert reviews_asking(cast.approver)[0].is_left
    answer(item_of(review, cast.employee), cast.approver)
    assert not reviews_asking(cast.approver)[0].is_left
