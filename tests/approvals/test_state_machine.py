"""Random walks over every verb of access, with moving time: what must hold does, whatever comes after what."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Q
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from time_machine import TimeMachineFixture

from approvals import deciding, prolonging, separated
from approvals.automatic import deciding as automatic
from approvals.automatic.models import AutomaticDecision
from approvals.emergency import activating, reviewing
from approvals.hooks import answering
from approvals.hooks.models import HookCall
from approvals.hooks.wording import Said
from approvals.models import AccessRequest, Decision
from approvals.prolonging import Room
from audit.journal.lifecycle import IllegalMove
from audit.journal.refusing import Refused
from audit.journal.verifying import verify_journal
from roles.models import assignment as assignments
from tests.approvals.machine import AnyOrder
from tests.approvals.machine_world import World, make_world
from tests.cast import Cast

pytestmark = pytest.mark.django_db

#: how many walks, and of how many steps; where it is said, as by ``make races``, they are other ones every time
EXAMPLES = int(os.environ.get("WALK_EXAMPLES", "12"))
STEPS = int(os.environ.get("WALK_STEPS", "30"))
#: of what Hypothesis does, what is enough to know that something is found
SEARCH = (Phase.generate,)


@pytest.fixture
def world(clock: TimeMachineFixture, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> World:
    return make_world(cast, monkeypatch)


def walk(world: World, *, examples: int, steps: int, phases: tuple[Phase, ...] = SEARCH) -> None:
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
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_people_do_at_once_or_later_what_must_hold_does_after_every_step(world: World) -> None:
    AnyOrder.done.clear()

    walk(world, examples=EXAMPLES, steps=STEPS)

    assert {"request_activation", "decide", "request_deactivation", "request_removal"} <= set(AnyOrder.done)
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


def nothing_is_kept_apart(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(separated, "conflicts_of", lambda wanted, **_more: [[] for _one in wanted])


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


def no_review_is_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(activating, "check_nothing_unreviewed", lambda person: None)


def everybody_reviews_themselves(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reviewing, "check_may_review", lambda person, use: None)


def no_rule_denies(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(automatic, "hear", lambda *_about: automatic.Heard())


GUARDS = [
    closed_requests_are_open,
    one_approver_is_enough,
    an_end_is_no_end,
    nothing_is_kept_apart,
    more_time_has_no_limit,
    a_hook_is_heard_whenever_it_answers,
    a_hook_may_always_approve,
    no_review_is_waited_for,
    everybody_reviews_themselves,
    no_rule_denies,
]


def test_without_one_of_its_guards_the_walk_finds_the_fault(world: World) -> None:
    unfound = []
    for without in GUARDS:
        began = time.perf_counter()
        with pytest.MonkeyPatch.context() as patch:
            without(patch)
            try:
                walk(world, examples=60, steps=30, phases=SEARCH)
            except (AssertionError, IllegalMove, Refused) as found:
                print(
                    f"{without.__name__:40} {time.perf_counter() - began:6.2f} {type(found).__name__} {str(found)[:90]}"
                )
            else:
                unfound.append(without.__name__)
                print(f"{without.__name__:40} {time.perf_counter() - began:6.2f} NOT FOUND")

    assert not unfound
