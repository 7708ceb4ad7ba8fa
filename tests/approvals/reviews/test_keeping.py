"""Planning: what a series may say, who may plan it, what a change means for the runs, and what deleting leaves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from time_machine import TimeMachineFixture

from approvals.reviews.keeping import StageWish, delete_series, keep_series, version_of
from approvals.reviews.models import AccessReview, ReviewDecision, ReviewSeries, Verdict
from approvals.reviews.reviewing import decide_item
from approvals.reviews.scheduling import run_reviews
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Role, Scope
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_group
from tests.factories.reviews import CHOSEN, MANAGER, OWNERS, THEMSELVES, item_of, make_series, open_run
from tests.factories.roles import NOON, acting, acts_on, appoint, make_eligibility, make_role, now

#: the clock stands before anybody is there
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
Status = AccessReview.Status
TEN_DAYS = timedelta(days=10)


@pytest.fixture
def role(clock: TimeMachineFixture, vault: Vault, cast: Cast) -> Role:
    """A role of a directory in memory."""
    return make_role(vault.row)


def change(
    series: ReviewSeries, cast: Cast, *, days: int = 7, seen: str = "", **terms: object
) -> ReviewSeries:
    """The series as it is kept, with other terms, saved by its owner."""
    found = ReviewSeries.objects.get(pk=series.pk)
    for name, value in terms.items():
        setattr(found, name, value)
    wishes = [StageWish(who=CHOSEN, days=days, reviewers=[cast.approver])]
    return keep_series(
        found, actor=acting(found.owner), roles=list(found.roles.all()), told=[], stages=wishes, seen=seen
    )


def test_a_series_that_is_planned_has_its_first_run_with_its_terms(role: Role, cast: Cast) -> None:
    start = NOON + TEN_DAYS

    series = make_series(
        cast.administrator, cast.approver, roles=[role], starts_at=start, frequency="monthly"
    )

    run = series.runs.get()
    assert (run.status, run.number, run.starts_at) == (Status.SCHEDULED, 1, start)
    assert run.ends_at == start + timedelta(days=14)
    assert acts_on(series)[-1] == "review_series.arranged"


def test_changing_what_has_not_begun_plans_it_anew_and_nothing_is_held_twice(role: Role, cast: Cast) -> None:
    series = make_series(cast.administrator, cast.approver, roles=[role], starts_at=NOON + TEN_DAYS)

    change(series, cast, starts_at=NOON + 2 * TEN_DAYS, days=3)

    canceled, planned = series.runs.order_by("pk")
    assert canceled.status == Status.CANCELED
    assert (planned.status, planned.number) == (Status.SCHEDULED, 1)
    assert planned.ends_at - planned.starts_at == timedelta(days=3)


def test_an_open_run_keeps_its_terms_and_the_next_one_has_the_new_ones(
    clock: TimeMachineFixture, role: Role, cast: Cast
) -> None:
    make_eligibility(role, cast.employee)
    series = make_series(cast.administrator, cast.approver, roles=[role], frequency="weekly", days=5)
    run = open_run(series)
    ends_at = run.ends_at

    change(series, cast, on_silence="remove", days=2)

    assert (now(run).status, now(run).on_silence, now(run).ends_at) == (Status.OPEN, "keep", ends_at)
    assert series.runs.count() == 1, "nothing else is planned while it is open"
    clock.shift(timedelta(days=5))
    run_reviews()
    following = series.runs.get(status=Status.SCHEDULED)
    assert following.number == 2
    assert following.on_silence == "remove"
    assert following.ends_at - following.starts_at == timedelta(days=2)


def test_a_series_whose_last_run_was_held_plans_no_other_when_it_is_changed(role: Role, cast: Cast) -> None:
    series = make_series(cast.administrator, cast.approver, roles=[role], frequency="weekly", times=1, days=5)
    open_run(series)

    change(series, cast, days=5, description="Said better")

    assert series.runs.count() == 1


def test_of_two_who_change_it_at_once_the_second_is_told_so_and_the_first_stays(
    role: Role, cast: Cast
) -> None:
    series = make_series(cast.administrator, cast.approver, roles=[role])
    seen = version_of(series)

    change(series, cast, name="By the first", seen=seen)
    with pytest.raises(Overtaken):
        change(series, cast, name="By the second", seen=seen)

    assert now(series).name == "By the first"


def test_a_change_of_the_reviewers_alone_is_noticed_too(role: Role, cast: Cast) -> None:
    series = make_series(cast.administrator, cast.second_approver, roles=[role])
    seen = version_of(series)

    change(series, cast, seen=seen)

    assert version_of(series) != seen


@pytest.mark.parametrize(
    ("days", "frequency", "most"), [(7, "weekly", 6), (28, "monthly", 27), (89, "quarterly", 88)]
)
def test_a_run_that_would_last_longer_than_the_time_to_the_next_is_refused(
    role: Role, cast: Cast, days: int, frequency: str, most: int
) -> None:
    with pytest.raises(Refused, match=f"{most} days at most") as refused:
        make_series(cast.administrator, cast.approver, roles=[role], days=days, frequency=frequency)

    assert refused.value.field == "stages"
    assert not ReviewSeries.objects.exists()


def test_it_is_the_stages_together_that_may_not_last_longer(role: Role, cast: Cast) -> None:
    stages = [StageWish(who=CHOSEN, days=4, reviewers=[cast.approver]), StageWish(who=OWNERS, days=3)]

    with pytest.raises(Refused, match="6 days at most"):
        make_series(cast.administrator, roles=[role], stages=stages, frequency="weekly")


@pytest.mark.parametrize("count", [0, 4])
def test_a_review_has_one_to_three_stages(role: Role, cast: Cast, count: int) -> None:
    series = ReviewSeries(name="Too many", owner=cast.administrator)
    stages = [StageWish(who=OWNERS, days=1)] * count

    with pytest.raises(Refused, match="one to three"):
        keep_series(series, actor=acting(cast.administrator), roles=[role], told=[], stages=stages)


def test_chosen_reviewers_must_be_named_and_others_need_not_be(role: Role, cast: Cast) -> None:
    with pytest.raises(Refused, match="at least one reviewer for stage 1") as refused:
        make_series(cast.administrator, roles=[role])

    assert refused.value.field == "stages"
    for who in (MANAGER, OWNERS, THEMSELVES):
        assert make_series(cast.administrator, roles=[role], who=who).pk


def test_somebody_s_access_must_be_looked_at(role: Role, cast: Cast) -> None:
    nobody: dict[str, Any] = {"of_people": False, "of_groups": False, "of_services": False}

    with pytest.raises(Refused, match="whose access") as refused:
        make_series(cast.administrator, cast.approver, roles=[role], **nobody)

    assert refused.value.field == "of_people"


def test_the_last_start_may_not_come_before_the_first(role: Role, cast: Cast) -> None:
    with pytest.raises(Refused) as refused:
        make_series(cast.administrator, cast.approver, roles=[role], starts_at=NOON, until=NOON - TEN_DAYS)

    assert refused.value.field == "until"


def test_a_scope_must_be_of_the_directory(role: Role, vault: Vault, cast: Cast) -> None:
    root = vault.row.root_scope()
    scope = Scope.objects.create(directory=vault.row, parent=root, name="North", path="/north")

    with pytest.raises(Refused) as refused:
        make_series(cast.administrator, cast.approver, roles=[role], scope=scope)

    assert refused.value.field == "scope"


def test_an_owner_may_have_their_own_roles_reviewed_and_no_others(
    role: Role, vault: Vault, cast: Cast
) -> None:
    appoint(cast.second_approver, "own", role)
    foreign = make_role(vault.row, "Somebody else’s")

    assert make_series(cast.second_approver, cast.approver, roles=[role]).runs.count() == 1
    with pytest.raises(NotAllowed, match="that you look after"):
        make_series(cast.second_approver, cast.approver, roles=[role, foreign])
    with pytest.raises(NotAllowed, match="that you look after"):
        make_series(cast.second_approver, cast.approver, directory=vault.row)
    with pytest.raises(NotAllowed, match="that you look after"):
        make_series(cast.second_approver, cast.approver)

    assert ReviewSeries.objects.count() == 1


def test_whoever_owns_a_directory_may_have_all_of_it_reviewed(role: Role, vault: Vault, cast: Cast) -> None:
    appoint(cast.second_approver, "own", vault.row)

    assert make_series(cast.second_approver, cast.approver, directory=vault.row, risk="high").pk
    with pytest.raises(NotAllowed):
        make_series(cast.second_approver, cast.approver, risk="high")


@pytest.mark.parametrize("who", ["employee", "outsider", "auditor", "root"])
def test_nobody_else_plans_reviews(role: Role, cast: Cast, who: str) -> None:
    with pytest.raises(NotAllowed):
        make_series(getattr(cast, who), cast.approver, roles=[role])

    assert not ReviewSeries.objects.exists()


def test_a_series_is_changed_by_its_owner_and_by_role_administrators_alone(role: Role, cast: Cast) -> None:
    for owner in (cast.second_approver, cast.approver):
        appoint(owner, "own", role)
    series = make_series(cast.second_approver, cast.outsider, roles=[role])
    wishes = [StageWish(who=OWNERS, days=3)]

    with pytest.raises(NotAllowed, match="not yours to lead"):
        keep_series(series, actor=acting(cast.approver), roles=[role], told=[], stages=wishes)
    with pytest.raises(NotAllowed, match="not yours to lead"):
        delete_series(series, actor=acting(cast.approver))
    keep_series(series, actor=acting(cast.administrator), roles=[role], told=[], stages=wishes)

    assert series.stages.get().who == OWNERS


def test_an_owner_who_lost_a_role_can_no_longer_change_what_is_reviewed_of_it(role: Role, cast: Cast) -> None:
    appoint(cast.second_approver, "own", role)
    series = make_series(cast.second_approver, cast.approver, roles=[role])
    role.person_appointments.all().delete()

    with pytest.raises(NotAllowed):
        change(series, cast, name="Once more")

    assert now(series).name == "Who still needs it"


def test_groups_and_people_who_answer_in_turn_are_kept_with_their_stage(role: Role, cast: Cast) -> None:
    team = make_group("Team", cast.approver)

    series = make_series(cast.administrator, team, roles=[role], in_turn=[cast.second_approver, team])

    lines = series.stages.get().reviewers.all()
    assert {(line.person, line.group, line.is_fallback) for line in lines} == {
        (None, team, False),
        (cast.second_approver, None, True),
        (None, team, True),
    }


def test_deleting_calls_off_what_is_planned_and_keeps_every_run_and_answer(
    clock: TimeMachineFixture, role: Role, cast: Cast
) -> None:
    make_eligibility(role, cast.employee)
    series = make_series(cast.administrator, cast.approver, roles=[role], frequency="weekly", days=5)
    run = open_run(series)
    decide_item(
        item_of(run, cast.employee),
        actor=acting(cast.approver),
        verdict=Verdict.APPROVE,
        justification="Needed",
    )
    clock.shift(timedelta(days=5))
    run_reviews()
    assert series.runs.filter(status=Status.SCHEDULED).exists()

    delete_series(series, actor=acting(cast.administrator))

    assert now(series).deleted_at == datetime.now(tz=NOON.tzinfo)
    assert not series.runs.filter(status=Status.SCHEDULED).exists()
    assert now(run).items.get().verdict == Verdict.APPROVE
    assert ReviewDecision.objects.filter(item__review=run).count() == 1
    assert acts_on(series)[-1] == "review_series.deleted"
    clock.shift(timedelta(days=30))
    run_reviews()
    assert not series.runs.filter(status=Status.OPEN).exists()


def test_a_series_with_an_open_run_is_not_deleted(role: Role, cast: Cast) -> None:
    make_eligibility(role, cast.employee)
    series = make_series(cast.administrator, cast.approver, roles=[role])
    open_run(series)

    with pytest.raises(Refused, match="Stop that first"):
        delete_series(series, actor=acting(cast.administrator))

    assert now(series).deleted_at is None


def test_a_series_that_is_gone_is_neither_deleted_again_nor_changed(role: Role, cast: Cast) -> None:
    series = make_series(cast.administrator, cast.approver, roles=[role])
    delete_series(series, actor=acting(cast.administrator))

    with pytest.raises(Overtaken):
        delete_series(series, actor=acting(cast.administrator))
    with pytest.raises(Overtaken):
        change(series, cast, name="Risen")

    assert series.runs.get().status == Status.CANCELED
