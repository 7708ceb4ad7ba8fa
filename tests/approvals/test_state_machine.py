"""Random walks over every verb of access, with moving time: what must hold does, whatever comes after what."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Q
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from time_machine import TimeMachineFixture

from approvals import deciding, prolonging, separated
from approvals.automatic.models import AutomaticDecision
from approvals.hooks import answering
from approvals.hooks.models import HookCall
from approvals.hooks.wording import Said
from approvals.models import AccessRequest, Decision
from approvals.prolonging import Room
from audit.journal.lifecycle import IllegalMove
from audit.journal.refusing import Refused
from audit.journal.verifying import verify_journal
from roles import fulfilling, separation
from roles.models import assignment as assignments
from tests.approvals.machine import AnyOrder
from tests.approvals.machine_world import World, make_world
from tests.cast import Cast

pytestmark = pytest.mark.django_db

#: how many walks, and of how many steps; where it is said, as by ``make races``, they are other ones every time
EXAMPLES = int(os.environ.get("WALK_EXAMPLES", "12"))
STEPS = int(os.environ.get("WALK_STEPS", "30"))
#: shrinking a walk that fails takes minutes: it is reported as it was found
SEARCH = (Phase.generate,)


@pytest.fixture
def world(clock: TimeMachineFixture, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> World:
    return make_world(cast, monkeypatch)


def walk(world: World, *, examples: int, steps: int) -> None:
    """Walk until something that must hold does not, or enough was walked."""
    machine: Callable[[], AnyOrder] = lambda: AnyOrder(world)  # noqa: E731
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize="WALK_EXAMPLES" not in os.environ,
            phases=SEARCH,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_people_do_at_once_or_later_what_must_hold_does_after_every_step(world: World) -> None:
    AnyOrder.done.clear()

    walk(world, examples=EXAMPLES, steps=STEPS)

    reached = {"request_activation", "decide", "request_deactivation", "activate_in_emergency"}
    assert reached <= set(AnyOrder.done)
    assert verify_journal().holds


# --- The machine can fail: without a guard it finds what the guard is there for ---


def closed_requests_are_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(AccessRequest, "is_open", property(lambda self: True))


def one_approver_is_enough(patch: pytest.MonkeyPatch) -> None:
    def first_answer(decisions: list[Decision], *_stage: Any, **_more: Any) -> str | None:
        return decisions[-1].verdict if decisions else None

    patch.setattr(deciding, "outcome_of", first_answer)


def an_end_is_no_end(patch: pytest.MonkeyPatch) -> None:
    def lasting(moment: datetime, *statuses: str, of: str = "") -> Q:
        said = f"{of}__" if of else ""
        return Q(**{f"{said}starts_at__lte": moment, f"{said}status__in": statuses})

    patch.setattr(assignments, "lasting", lasting)


def more_time_has_no_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(prolonging, "unmet_for_longer", lambda *_about, **_more: [])
    patch.setattr(Room, "end_after", lambda self, minutes: self.ends_at + timedelta(minutes=minutes))


def a_hook_is_heard_whenever_it_answers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answering, "_still_asked", lambda claimed: claimed.access_request)
    patch.setattr(answering, "_write_down", lambda *_about, **_more: True)


def a_hook_may_always_approve(patch: pytest.MonkeyPatch) -> None:
    def anyway(claimed: HookCall, access_request: AccessRequest, said: Said) -> AutomaticDecision:
        return AutomaticDecision(
            access_request=access_request, verdict="approve", digest=access_request.digest
        )

    patch.setattr(answering, "_approval_by", anyway)


def roles_may_be_held_together(patch: pytest.MonkeyPatch) -> None:
    # Looked at when asked, when written down, and when given: each of the three would hold without the others.
    for place in (separated, separation):
        patch.setattr(place, "conflicts_of", lambda wanted, **_more: [[] for _one in wanted])
    patch.setattr(fulfilling, "late_among", lambda _assignments: set())


GUARDS = [
    closed_requests_are_open,
    one_approver_is_enough,
    an_end_is_no_end,
    more_time_has_no_limit,
    a_hook_is_heard_whenever_it_answers,
    a_hook_may_always_approve,
    roles_may_be_held_together,
]


@pytest.mark.one_database
def test_without_one_of_its_guards_the_walk_finds_the_fault(world: World) -> None:
    assert [guard.__name__ for guard in GUARDS if not is_missed(world, guard)] == []


def is_missed(world: World, without: Callable[[pytest.MonkeyPatch], None]) -> bool:
    """Whether the walk stumbles where ``without`` has taken a guard away."""
    with pytest.MonkeyPatch.context() as patch:
        without(patch)
        try:
            walk(world, examples=14, steps=20)
        except (AssertionError, IllegalMove, Refused):
            return True
    return False
