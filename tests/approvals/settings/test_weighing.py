"""Whether a change takes a safeguard away: a pure question, value by value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from approvals.settings.places import ADMINISTRATORS, Line, Rule
from approvals.settings.weighing import Eased, approval_eased, safeguards_lost
from roles.effective import changed
from roles.models import EffectiveSettings, Factor
from roles.models.stages import ALL, Stage
from roles.models.values import VALUES, IfNobody, IfSilent

STRICT = EffectiveSettings(
    max_minutes=60,
    factor=Factor.PASSKEY,
    justification_least=20,
    justification_pattern="INC.*",
    ticket_required=True,
    ticket_systems="Change desk",
    ticket_pattern="CHG-[0-9]+",
    approval_required=True,
    approval_factor=True,
    if_nobody=IfNobody.REFUSE,
    day_minutes=120,
    hook="on-call",
    automatic="never-at-night.1",
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
    "approval_factor": False,
    "if_nobody": IfNobody.ADMINISTRATORS,
    "day_minutes": 0,
    "hook": "",
    "hook_may_approve": True,
    "hook_silent": IfSilent.GO_ON,
    "automatic": "",
    "emergency_allowed": True,
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
    if name in ("justification_pattern", "ticket_pattern", "automatic"):
        return  # which of two patterns or lists of rules is the stricter nobody can tell: see below
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
    not_a_safeguard = {"approval_hours", "asking_stops_clock", "factor_minutes"}
    not_a_safeguard |= {name for name in VALUES if name.startswith("tell_")}

    assert set(VALUES) - not_a_safeguard == set(LOOSE) - {"tell_active_administrators"}


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ({"day_minutes": 120}, {"day_minutes": 180}, ["up to 3 h within 24 hours"]),
        ({"day_minutes": 0}, {"day_minutes": 120}, []),
        ({"hook": "a"}, {"hook": "b"}, ["another web hook"]),
        ({"hook": ""}, {"hook": "b"}, []),
        (
            {"hook": "", "hook_may_approve": True},
            {"hook": "b", "hook_may_approve": True},
            ["approval by a web hook"],
        ),
        (
            {"automatic": "a.1\nb.1"},
            {"automatic": "b.1\na.2"},
            ["decided also by the rules a.2", "no longer held back by the rules a.1"],
        ),
        ({"automatic": "a.1\nb.1"}, {"automatic": "b.1\na.1"}, []),
    ],
)
def test_what_decides_in_place_of_people_is_weighed_by_its_name(
    before: dict[str, Any], after: dict[str, Any], lost: list[str]
) -> None:
    assert safeguards_lost(EffectiveSettings(**before), EffectiveSettings(**after)) == lost


KIM, JO, DANA = (Line("person", person=key) for key in (1, 2, 3))
GROUP = Line("group", group=1)


def at(stage: int, *lines: Line) -> tuple[Line, ...]:
    return tuple(replace(line, stage=stage) for line in lines)


def later(*lines: Line) -> tuple[Line, ...]:
    return tuple(replace(line, is_escalation=True) for line in lines)


ONE, TWO = Rule((KIM,)), Rule((KIM, *at(2, JO)))


def test_one_more_approver_is_a_safeguard_lost_and_one_fewer_is_not() -> None:
    assert approval_eased(ONE, Rule((KIM, JO))) == [Eased("gained", 1, (JO,))]
    assert approval_eased(Rule((KIM, JO)), ONE) == []
    assert approval_eased(ONE, Rule()) == [Eased("gained", 1, (ADMINISTRATORS,))]
    assert approval_eased(Rule(), ONE) == [Eased("gained", 1, (KIM,))]


@pytest.mark.parametrize(
    "after",
    [
        TWO,
        Rule((JO, *at(2, KIM))),
        Rule((JO, KIM, *at(2, DANA), *at(3, KIM))),
        Rule((KIM,), (Stage(ALL),)),
    ],
)
def test_a_further_stage_takes_nothing_away_wherever_it_stands(after: Rule) -> None:
    assert approval_eased(ONE, after) == []


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (TWO, ONE, ["stages"]),
        (TWO, Rule((KIM, *at(2, JO, DANA))), ["gained"]),
        (Rule((KIM, JO), (Stage(2),)), Rule((KIM, JO)), ["quorum"]),
        (Rule((KIM, JO), (Stage(ALL),)), Rule((KIM, JO), (Stage(2),)), ["quorum"]),
        (Rule((KIM, JO), (Stage(ALL),)), Rule((KIM,), (Stage(ALL),)), ["quorum"]),
        (ONE, Rule((KIM, *later(DANA)), (Stage(1, 60),)), ["gained"]),
        (Rule((KIM, *later(DANA)), (Stage(1, 60),)), Rule((KIM, DANA)), ["gained"]),
        (
            Rule((KIM, *later(DANA)), (Stage(1, 60),)),
            Rule((KIM, *later(DANA)), (Stage(1, 30),)),
            ["sooner"],
        ),
    ],
)
def test_what_lets_somebody_pass_more_easily_is_a_safeguard_lost_and_its_reverse_is_not(
    before: Rule, after: Rule, what: list[str]
) -> None:
    assert [one.what for one in approval_eased(before, after)] == what
    assert approval_eased(after, before) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [(TWO, Rule((JO, *at(2, KIM)))), (Rule((KIM, GROUP), (Stage(3),)), Rule((GROUP,), (Stage(ALL),)))],
)
def test_of_which_nobody_can_tell_the_stricter_either_takes_a_safeguard_away(one: Rule, other: Rule) -> None:
    assert approval_eased(one, other)
    assert approval_eased(other, one)
