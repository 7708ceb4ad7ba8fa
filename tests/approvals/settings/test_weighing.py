"""Whether a change takes a safeguard away: a pure question, value by value."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.settings.places import Line
from approvals.settings.weighing import approvers_gained, safeguards_lost
from roles.effective import changed
from roles.models import EffectiveSettings, Factor
from roles.models.values import VALUES

STRICT = EffectiveSettings(
    max_minutes=60,
    factor=Factor.PASSKEY,
    justification_least=20,
    justification_pattern="INC.*",
    ticket_required=True,
    ticket_systems="Change desk",
    ticket_pattern="CHG-[0-9]+",
    approval_required=True,
    eligible_permanent=False,
    eligible_days=30,
    active_permanent=False,
    active_days=15,
    active_factor=True,
    active_justification=True,
    active_ticket=True,
)
LOOSE: dict[str, Any] = {
    "max_minutes": 90,
    "factor": Factor.EVERY_TIME,
    "justification_required": False,
    "justification_least": 0,
    "justification_pattern": "",
    "ticket_required": False,
    "ticket_systems": "Change desk\nPost-its",
    "ticket_pattern": ".*",
    "approval_required": False,
    "eligible_permanent": True,
    "eligible_days": 365,
    "active_permanent": True,
    "active_days": 30,
    "active_factor": False,
    "active_justification": False,
    "active_ticket": False,
    "tell_active_administrators": {"usual": False},
}


@pytest.mark.parametrize("name", LOOSE)
def test_each_value_that_asks_for_less_is_a_safeguard_lost(name: str) -> None:
    assert len(safeguards_lost(STRICT, changed(STRICT, **{name: LOOSE[name]}))) == 1


@pytest.mark.parametrize("name", LOOSE)
def test_asking_for_more_again_loses_nothing(name: str) -> None:
    if name in ("justification_pattern", "ticket_pattern"):
        return  # which of two patterns is the stricter nobody can tell: see below
    assert safeguards_lost(changed(STRICT, **{name: LOOSE[name]}), STRICT) == []


def test_a_pattern_where_there_was_none_is_stricter_and_another_one_may_not_be() -> None:
    none = changed(STRICT, ticket_pattern="")

    assert safeguards_lost(none, STRICT) == []
    assert safeguards_lost(STRICT, changed(STRICT, ticket_pattern="[A-Z]+"))


def test_an_older_factor_is_weaker_and_a_fresher_one_is_not() -> None:
    quarter, hour = (EffectiveSettings(factor=Factor.RECENT, factor_minutes=n) for n in (15, 60))

    assert safeguards_lost(quarter, hour)
    assert safeguards_lost(hour, quarter) == []


def test_every_value_that_can_be_a_safeguard_is_weighed() -> None:
    not_a_safeguard = {"approval_hours", "factor_minutes"} | {n for n in VALUES if n.startswith("tell_")}

    assert set(VALUES) - not_a_safeguard == set(LOOSE) - {"tell_active_administrators"}


def test_one_more_approver_is_a_safeguard_lost_and_one_fewer_is_not() -> None:
    kim, jo = Line("person", person=1), Line("person", person=2)

    assert approvers_gained((kim,), (kim, jo)) == [jo]
    assert approvers_gained((kim, jo), (kim,)) == []
    assert approvers_gained((kim,), ()) == [Line("administrators")]
    assert approvers_gained((), (kim,)) == [kim]
