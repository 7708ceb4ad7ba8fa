"""Carrying out: what was denied ends in the directory, and the review is complete when that is read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from accounts.models import Membership
from approvals.granting import request_removal
from approvals.reviews import applying
from approvals.reviews.applying import apply_item, carry_out, carry_out_review, try_again
from approvals.reviews.closing import close_review, release_review
from approvals.reviews.models import AccessReview, ReviewItem
from approvals.reviews.scheduling import run_reviews
from approvals.reviews.telling import owners_of
from audit.journal.actor import PORTAL
from audit.journal.recording import save_as
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from pim_portal.celery import app
from roles.connectors.base import Unavailable
from roles.models import Assignment, Eligibility, EndCause, Role
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_group, make_person
from tests.factories.reviews import (
    answer,
    assign,
    assign_group,
    end_of,
    item_of,
    make_series,
    make_service,
    open_run,
)
from tests.factories.roles import (
    NOON,
    acting,
    activate,
    acts_on,
    entries_on,
    make_eligibility,
    notices_of,
    now,
)

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.django_db]

Done, Status = ReviewItem.Done, AccessReview.Status
HOUR = timedelta(hours=1)


def denied(cast: Cast, role: Role, clock: TimeMachineFixture, *people: object) -> AccessReview:
    """A review that is over and in which ``people`` were denied; nothing is carried out yet."""
    series = make_series(
        cast.administrator, cast.approver, roles=[role], applies_itself=True, of_services=True
    )
    review = open_run(series)
    for one in people:
        answer(item_of(review, one), cast.approver, why="Moved on")  # type: ignore[arg-type]
    clock.move_to(end_of(review))
    return review


@pytest.fixture
def worker() -> Iterator[None]:
    """A worker that does at once what it is told."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def test_carrying_out_begins_when_it_is_let_and_waits_for_no_beat(
    clock: TimeMachineFixture,
    cast: Cast,
    role: Role,
    worker: None,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    held = make_eligibility(role, cast.employee)
    series = make_series(cast.administrator, cast.approver, roles=[role])
    review = open_run(series)
    answer(item_of(review, cast.employee), cast.approver)
    clock.move_to(end_of(review))
    run_reviews()
    assert now(held).status == Eligibility.Status.IN_FORCE

    with django_capture_on_commit_callbacks(execute=True):
        release_review(now(review), actor=acting(cast.administrator), justification="")

    assert now(held).status == Eligibility.Status.REMOVED
    assert now(review).status == Status.APPLIED


def test_what_carries_itself_out_begins_with_its_end_and_what_failed_with_the_button(
    clock: TimeMachineFixture,
    cast: Cast,
    role: Role,
    worker: None,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    held = make_eligibility(role, cast.employee)
    review = denied(cast, role, clock, cast.employee)
    with django_capture_on_commit_callbacks(execute=True):
        close_review(review, actor=PORTAL)
    assert (now(held).status, now(review).status) == (Eligibility.Status.REMOVED, Status.APPLIED)

    again = make_eligibility(role, cast.outsider)
    review = denied(cast, role, clock, cast.outsider)
    close_review(review, actor=PORTAL)
    review.items.update(done=Done.FAILED, done_at=timezone.now(), error="No")
    with django_capture_on_commit_callbacks(execute=True):
        try_again(now(review), actor=acting(cast.administrator))
    assert (now(again).status, now(review).status) == (Eligibility.Status.REMOVED, Status.APPLIED)


def test_a_worker_that_comes_to_what_is_not_let_does_nothing(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    held = make_eligibility(role, cast.employee)
    review = denied(cast, role, clock, cast.employee)
    AccessReview.objects.filter(pk=review.pk).update(applies_itself=False)

    carry_out_review(review.pk)
    close_review(review, actor=PORTAL)
    carry_out_review(review.pk)
    carry_out_review(review.pk + 1)

    assert now(held).status == Eligibility.Status.IN_FORCE


def test_an_assignment_ends_with_the_review_as_its_cause_and_its_reason(
    clock: TimeMachineFixture, cast: Cast, role: Role, vault: Vault
) -> None:
    held = assign(role, cast.employee)
    robot = assign(role, make_service("robot", cast.approver))
    sweep()
    review = denied(cast, role, clock, cast.employee, robot.person)
    run_reviews()
    assert [now(one).end_cause for one in (held, robot)] == [EndCause.REVIEW] * 2
    entry = entries_on(held).get(action="assignment.ended")
    assert entry.justification == "Access review “Who still needs it”, Kim Placeholder: Moved on"
    assert entry.detail["cause"] == "review"
    sweep()
    run_reviews()
    assert not vault.holds(held)
    assert now(review).status == Status.APPLIED


def test_an_eligibility_ends_with_the_activation_that_runs_on_it(
    clock: TimeMachineFixture, cast: Cast, role: Role, vault: Vault
) -> None:
    row = make_eligibility(role, cast.employee)
    review = denied(cast, role, clock, cast.employee)
    clock.shift(-HOUR)
    running = activate(row, cast.employee)
    sweep()
    assert vault.holds(running)
    clock.move_to(end_of(review))
    run_reviews()
    assert now(row).status == "removed"
    assert not Assignment.objects.in_force().filter(pk=running.pk).exists(), "refused here at once"
    sweep()
    assert not vault.holds(running)
    assert "approvals/review_removed" in notices_of(cast.employee)


def test_of_a_group_those_are_told_who_own_it_now_and_not_who_did_or_will(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    crew = make_group("Crew", cast.employee, owners=(cast.approver, cast.second_approver, cast.root))
    Membership.objects.filter(group=crew, person=cast.second_approver).update(ends_at=timezone.now() + HOUR)
    Membership.objects.filter(group=crew, person=cast.root).update(starts_at=NOON + timedelta(days=99))
    held = make_eligibility(role, crew)
    review = denied(cast, role, clock, crew)
    item = item_of(review, crew)

    run_reviews()

    assert list(owners_of(item)) == [cast.approver]
    assert now(held).status == Eligibility.Status.REMOVED
    told = [who for who in cast.everybody if "approvals/review_removed" in notices_of(who)]
    assert told == [cast.approver]


def test_what_a_group_holds_ends_with_the_part_of_each_member(
    clock: TimeMachineFixture, cast: Cast, role: Role, vault: Vault
) -> None:
    crew = make_group("Crew", cast.employee, cast.outsider)
    held = assign_group(role, crew)
    sweep()
    review = denied(cast, role, clock, crew)
    run_reviews()
    assert (now(held).status, now(held).end_cause) == ("ended", EndCause.REVIEW)
    assert item_of(review, crew).done == Done.ENDING
    sweep()
    run_reviews()
    assert not vault.rights
    assert item_of(review, crew).done == Done.APPLIED
    assert now(review).status == Status.APPLIED


def test_it_is_complete_only_when_the_directory_has_confirmed(
    clock: TimeMachineFixture, cast: Cast, role: Role, vault: Vault
) -> None:
    held = assign(role, cast.employee)
    sweep()
    review = denied(cast, role, clock, cast.employee)
    vault.trouble = Unavailable("It is down.")
    for _ in range(3):
        run_reviews()
        sweep()
        clock.shift(HOUR)
    assert now(held).status == Assignment.Status.ENDING
    assert item_of(review, cast.employee).done == Done.ENDING
    assert now(review).status == Status.CLOSED

    vault.trouble = None
    clock.shift(HOUR)
    sweep()
    run_reviews()
    assert item_of(review, cast.employee).done == Done.APPLIED
    assert now(review).status == Status.APPLIED
    assert entries_on(review).get(action="review.applied").detail["removed"] == 1


def test_E12_the_last_holder_stays_is_said_so_and_is_tried_again_until_there_is_another(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    held = assign(role, cast.employee)
    sweep()
    review = denied(cast, role, clock, cast.employee)
    role.least_holders = 1
    save_as(role, actor=PORTAL)
    run_reviews()
    AccessReview.objects.filter(pk=review.pk).update(released_at=clock_now())  # the owner saw it
    run_reviews()

    item = item_of(review, cast.employee)
    assert (item.done, item.tries) == (Done.FAILED, 1)
    assert item.error.startswith("Robin Sample is the last Operator without an end.")
    assert now(held).status == Assignment.Status.ACTIVE
    run_reviews()
    assert item_of(review, cast.employee).tries == 1, "not before an hour is over"
    clock.shift(HOUR)
    run_reviews()
    assert item_of(review, cast.employee).tries == 2

    with pytest.raises(NotAllowed):
        try_again(review, actor=acting(cast.approver))
    assert try_again(review, actor=acting(cast.administrator)) == 1
    run_reviews()
    assert item_of(review, cast.employee).tries == 3

    assign(role, cast.outsider)
    sweep()
    assert try_again(review, actor=acting(cast.administrator)) == 1
    run_reviews()
    sweep()
    run_reviews()
    item = item_of(review, cast.employee)
    assert (item.done, item.error, now(held).status) == (Done.APPLIED, "", "ended")
    assert now(review).status == Status.APPLIED
    with pytest.raises(Refused):
        try_again(review, actor=acting(cast.administrator))


def clock_now() -> object:
    from django.utils import timezone

    return timezone.now()


def test_what_has_gone_meanwhile_is_said_to_be_gone(
    clock: TimeMachineFixture, cast: Cast, role: Role
) -> None:
    row = make_eligibility(role, cast.employee)
    review = denied(cast, role, clock, cast.employee)
    request_removal(row, actor=acting(cast.administrator), justification="Left")
    run_reviews()
    assert item_of(review, cast.employee).done == Done.GONE
    assert now(review).status == Status.APPLIED
    assert "review.applied" in acts_on(review)


def test_what_somebody_else_is_ending_is_not_complete_before_the_directory_says_so(
    clock: TimeMachineFixture, cast: Cast, role: Role, vault: Vault
) -> None:
    held = assign(role, cast.employee)
    sweep()
    review = denied(cast, role, clock, cast.employee)
    vault.trouble = Unavailable("It is down.")
    request_removal(now(held), actor=acting(cast.administrator), justification="Left")
    run_reviews()
    run_reviews()
    assert now(review).status == Status.CLOSED
    vault.trouble = None
    clock.shift(HOUR)
    sweep()
    run_reviews()
    assert now(review).status == Status.APPLIED


def test_one_that_goes_wrong_does_not_keep_the_others_waiting(
    clock: TimeMachineFixture, cast: Cast, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [make_eligibility(role, make_person(f"person{n}")) for n in range(3)]
    review = denied(cast, role, clock, *(one.person for one in rows))
    end = applying.end_eligibility

    def breaks(eligibility: object, **said: object) -> None:
        if eligibility == rows[0]:
            raise RuntimeError("a fault in the portal")
        end(eligibility, **said)  # type: ignore[arg-type]

    monkeypatch.setattr(applying, "end_eligibility", breaks)
    run_reviews()
    assert [now(one).status for one in rows] == ["in_force", "removed", "removed"]
    assert [one.done for one in review.items.order_by("pk")] == [Done.FAILED, Done.APPLIED, Done.APPLIED]
    assert now(review).status == Status.CLOSED
    monkeypatch.setattr(applying, "end_eligibility", end)
    clock.shift(HOUR)
    run_reviews()
    assert now(rows[0]).status == "removed"
    assert now(review).status == Status.APPLIED


def test_a_batch_at_a_time_and_each_item_once(clock: TimeMachineFixture, cast: Cast, role: Role) -> None:
    rows = [make_eligibility(role, make_person(f"person{n}")) for n in range(5)]
    review = denied(cast, role, clock, *(one.person for one in rows))
    close_review(review, actor=PORTAL)
    assert [carry_out(now(review), most=2) for _ in range(4)] == [2, 2, 1, 0]
    with pytest.raises(Overtaken):
        apply_item(item_of(review, rows[0].person), actor=PORTAL)
    assert {one.tries for one in review.items.all()} == {1}
    assert all(acts_on(one).count("eligibility.removed") == 1 for one in rows)


def test_whoever_was_silent_about_is_told_so(clock: TimeMachineFixture, cast: Cast, role: Role) -> None:
    row = make_eligibility(role, cast.employee)
    series = make_series(
        cast.administrator, cast.approver, roles=[role], applies_itself=True, on_silence="remove"
    )
    review = open_run(series)
    clock.move_to(end_of(review))
    run_reviews()
    entry = entries_on(row).get(action="eligibility.removed")
    assert entry.justification == "Access review “Who still needs it”: nobody answered."
