"""What would have to happen in a directory: a pure function of what shall stand, what stands, and whose it is."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roles.planning import SAME_END, Act, Action, Right, plan
from tests.factories.roles import HOUR, NOON

ROBIN, KIM = Right("robin", "operator"), Right("kim", "operator")


def acts(**said: object) -> list[Act]:
    return [action.act for action in plan(**said)]  # type: ignore[arg-type]


def test_where_both_agree_nothing_is_done() -> None:
    assert plan({ROBIN: NOON}, {ROBIN: NOON}, owned={ROBIN}, confirmed={ROBIN}, keeps_ends=True) == []
    assert plan({}, {}, owned=set()) == []


def test_what_shall_stand_and_does_not_is_granted_with_its_end() -> None:
    assert plan({ROBIN: NOON}, {}, owned=set()) == [Action(Act.GRANT, ROBIN, NOON)]


def test_what_was_seen_standing_and_is_gone_was_taken_away_by_somebody() -> None:
    assert acts(desired={ROBIN: None}, observed={}, owned={ROBIN}, confirmed={ROBIN}) == [Act.MISSING]


def test_what_is_the_portals_and_shall_not_stand_is_revoked() -> None:
    assert acts(desired={}, observed={ROBIN: None}, owned={ROBIN}) == [Act.REVOKE]


def test_what_is_not_the_portals_is_never_revoked_whether_somebody_shall_hold_it_or_not() -> None:
    assert acts(desired={}, observed={ROBIN: None}, owned=set()) == [Act.FOUND_OUTSIDE]
    assert acts(desired={ROBIN: None}, observed={ROBIN: None}, owned=set()) == [Act.FOUND_OUTSIDE]


@pytest.mark.parametrize("there", [None, NOON - HOUR, NOON + HOUR])
def test_another_end_is_set_right_where_the_directory_keeps_ends(there: object) -> None:
    said = {"desired": {ROBIN: NOON}, "observed": {ROBIN: there}, "owned": {ROBIN}}

    assert acts(**said, keeps_ends=True) == [Act.SET_END]
    assert acts(**said, keeps_ends=False) == []


def test_an_end_that_was_only_rounded_is_the_same() -> None:
    for off in (SAME_END, -SAME_END):
        assert acts(desired={ROBIN: NOON}, observed={ROBIN: NOON + off}, owned={ROBIN}, keeps_ends=True) == []
    beyond = NOON + SAME_END + timedelta(seconds=1)
    assert acts(desired={ROBIN: NOON}, observed={ROBIN: beyond}, owned={ROBIN}, keeps_ends=True) != []


def test_the_same_right_at_another_place_is_another_right() -> None:
    there = Right("robin", "operator", "/estate")

    assert [(one.act, one.right) for one in plan({ROBIN: None}, {there: None}, owned={ROBIN, there})] == [
        (Act.GRANT, ROBIN),
        (Act.REVOKE, there),
    ]


rights = st.sets(st.builds(Right, st.sampled_from("abcdef"), st.just("operator")))


@given(wanted=rights, stands=rights, owned=rights, confirmed=rights)
def test_whoever_does_what_the_plan_says_has_what_shall_be_and_what_was_not_theirs(
    wanted: set[Right], stands: set[Right], owned: set[Right], confirmed: set[Right]
) -> None:
    actions = plan(dict.fromkeys(wanted), dict.fromkeys(stands), owned=owned, confirmed=confirmed)
    given_ = {one.right for one in actions if one.act in (Act.GRANT, Act.MISSING)}
    taken = {one.right for one in actions if one.act == Act.REVOKE}
    outside = {one.right for one in actions if one.act == Act.FOUND_OUTSIDE}

    assert (stands | given_) - taken == wanted | (stands - owned)
    assert outside == stands - owned
    assert taken <= owned - wanted
    assert len({one.right for one in actions}) == len(actions)
