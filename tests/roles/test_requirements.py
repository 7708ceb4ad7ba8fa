"""What role settings ask, as a pure function: no database, no clock."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import example, given
from hypothesis import strategies as st

from roles.models import EffectiveSettings, Factor
from roles.requirements import (
    Asked,
    Standing,
    effect_in_words,
    unmet_requirements,
    window,
)
from roles.wording import in_words, settings_in_words
from tests.factories.roles import proof

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
NOTHING_ASKED = EffectiveSettings(factor=Factor.NONE, justification_required=False)
BERLIN = ZoneInfo("Europe/Berlin")

moments = st.integers(0, 200 * 365 * 24 * 3600 * 10**6).map(
    lambda n: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=n)
)


def codes(
    settings: EffectiveSettings = NOTHING_ASKED, *, standing: dict[str, Any] | None = None, **wanted: Any
) -> list[str]:
    """What is missing, as codes."""
    asked = Asked(**{"minutes": 60, "justification": "Because"} | wanted)
    there = Standing(**{"now": NOON, "shortest": 30} | (standing or {}))
    return [one.code for one in unmet_requirements(settings, asked, there)]


def test_an_ordinary_wish_misses_nothing() -> None:
    assert codes() == []


@pytest.mark.parametrize(
    ("minutes", "missing"),
    [
        (-(10**30), ["too_short"]),
        (-1, ["too_short"]),
        (0, ["too_short"]),
        (29, ["too_short"]),
        (30, []),
        (480, []),
        (481, ["too_long"]),
        (10**30, ["too_long"]),
    ],
)
def test_B4_a_duration_lies_between_the_shortest_and_the_longest(minutes: int, missing: list[str]) -> None:
    assert codes(minutes=minutes) == missing


@pytest.mark.parametrize(
    ("start", "missing"),
    [
        (datetime.min.replace(tzinfo=UTC) + timedelta(days=1), ["start_in_the_past"]),
        (NOON - timedelta(minutes=1) - MICROSECOND, ["start_in_the_past"]),
        (NOON - timedelta(minutes=1), []),
        (NOON, []),
        (NOON + timedelta(days=365), []),
        (NOON + timedelta(days=365) + MICROSECOND, ["start_too_far"]),
        (datetime.max.replace(tzinfo=UTC) - timedelta(days=1), ["start_too_far"]),
    ],
)
def test_B2_a_start_lies_neither_in_the_past_nor_far_ahead(start: datetime, missing: list[str]) -> None:
    assert codes(starts_at=start) == missing


@pytest.mark.parametrize("hours", [14, 5.75, 0, -12])
def test_B3_a_start_is_judged_by_its_moment_not_by_its_clock(hours: float) -> None:
    there = timezone(timedelta(hours=hours))

    assert codes(starts_at=(NOON - timedelta(minutes=2)).astimezone(there)) == ["start_in_the_past"]
    assert codes(starts_at=(NOON + HOUR).astimezone(there)) == []


def test_B2_a_start_at_the_end_of_the_eligibility_is_too_late_and_one_microsecond_before_is_not() -> None:
    end = {"eligible_until": NOON + HOUR}

    assert codes(starts_at=NOON + HOUR, standing=end) == ["after_eligibility"]
    assert codes(starts_at=NOON + HOUR - MICROSECOND, standing=end) == []


def test_B1_an_eligibility_that_has_ended_allows_nothing() -> None:
    assert codes(standing={"eligible_until": NOON}) == ["after_eligibility"]
    assert codes(standing={"eligible_until": NOON + MICROSECOND}) == []


@pytest.mark.parametrize("text", ["", " ", "\t\r\n", "\u00a0\u2003"])
def test_a_justification_of_nothing_is_none(text: str) -> None:
    assert codes(EffectiveSettings(factor=Factor.NONE), justification=text) == ["justification_missing"]
    assert codes(NOTHING_ASKED, justification=text) == []


@pytest.mark.parametrize(("length", "missing"), [(2000, []), (2001, ["justification_too_long"])])
def test_a_justification_has_at_most_two_thousand_characters(length: int, missing: list[str]) -> None:
    assert codes(justification="x" * length) == missing


def test_a_justification_of_ten_thousand_characters_is_told_how_long_it_may_be() -> None:
    (unmet,) = unmet_requirements(
        NOTHING_ASKED, Asked(minutes=60, justification="=" * 10_000), Standing(now=NOON, shortest=30)
    )

    assert unmet.field == "justification"
    assert "2000" in unmet.message
    assert "10000" in unmet.message


def test_a_ticket_is_asked_for_and_stays_short() -> None:
    strict = EffectiveSettings(factor=Factor.NONE, ticket_required=True)

    assert codes(strict, ticket=" ") == ["ticket_missing"]
    assert codes(strict, ticket="INC-4711") == []
    assert codes(NOTHING_ASKED, ticket="x" * 61) == ["ticket_too_long"]


@pytest.mark.parametrize(("minutes", "asked_for"), [(None, False), (0, True), (15, True)])
def test_a_second_factor_is_missing_only_where_it_is_asked_and_not_fresh(
    minutes: int | None, asked_for: bool
) -> None:
    settings = EffectiveSettings(**proof(minutes))

    assert codes(settings) == (["second_factor"] if asked_for else [])
    assert codes(settings, standing={"factor_is_fresh": True}) == []


def test_everything_that_is_missing_is_said_at_once() -> None:
    strict = EffectiveSettings(ticket_required=True)

    missing = codes(strict, minutes=0, justification="", starts_at=NOON - HOUR)

    assert set(missing) == {
        "too_short",
        "start_in_the_past",
        "justification_missing",
        "ticket_missing",
        "second_factor",
    }


def test_nothing_here_asks_the_clock() -> None:
    with time_machine.travel(datetime(1999, 1, 1, tzinfo=UTC)):
        before = codes(starts_at=NOON + HOUR, standing={"eligible_until": NOON + HOUR * 2})
    with time_machine.travel(datetime(2099, 1, 1, tzinfo=UTC)):
        after = codes(starts_at=NOON + HOUR, standing={"eligible_until": NOON + HOUR * 2})

    assert before == after == []


@given(
    decided_at=moments,
    start=st.none() | moments,
    minutes=st.integers(1, 1440),
    until=st.none() | moments,
    zone=st.sampled_from([UTC, BERLIN, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/St_Johns")]),
)
@example(datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 240, None, BERLIN)
@example(datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 0, 30, tzinfo=UTC), 240, None, BERLIN)
def test_B1_no_window_is_early_late_too_long_or_past_the_eligibility(
    decided_at: datetime, start: datetime | None, minutes: int, until: datetime | None, zone: Any
) -> None:
    asked = Asked(minutes=minutes, starts_at=start.astimezone(zone) if start else None)

    begins, ends = window(asked, decided_at=decided_at, eligible_until=until)

    begins, ends = begins.astimezone(UTC), ends.astimezone(UTC)
    assert begins == max(decided_at, start or decided_at)
    assert ends - begins <= timedelta(minutes=minutes)
    if until is not None:
        assert ends <= until
    if until is None or until >= begins + timedelta(minutes=minutes):
        assert ends - begins == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "evening_before",
    [datetime(2026, 10, 24, 20, 0, tzinfo=UTC), datetime(2026, 3, 28, 21, 0, tzinfo=UTC)],
    ids=["back", "forward"],
)
@pytest.mark.parametrize("hours_later", range(8))
def test_B3_four_hours_over_a_change_of_the_clocks_are_four_hours(
    evening_before: datetime, hours_later: int
) -> None:
    start = (evening_before + hours_later * HOUR).astimezone(BERLIN)

    begins, ends = window(
        Asked(minutes=240, starts_at=start), decided_at=NOON - 300 * 24 * HOUR, eligible_until=None
    )

    assert ends.astimezone(UTC) - begins.astimezone(UTC) == 4 * HOUR


@pytest.mark.parametrize(
    ("minutes", "words"), [(30, "30 min"), (60, "1 h"), (270, "4 h 30 min"), (1440, "24 h"), (0, "0 min")]
)
def test_durations_read_as_people_say_them(minutes: int, words: str) -> None:
    assert in_words(minutes) == words


def test_settings_say_each_thing_they_ask_and_nothing_else() -> None:
    everything = EffectiveSettings(ticket_required=True, approval_required=True, approval_hours=1)

    assert [words for _, words in settings_in_words(everything)] == [
        "At most 8 h",
        "Second factor, asked anew each time",
        "Justification",
        "Ticket",
        "Approval within 1 hour",
    ]
    assert [words for _, words in settings_in_words(NOTHING_ASKED)] == ["At most 8 h"]
    assert (
        "not older than 15 min"
        in settings_in_words(EffectiveSettings(factor="recent", factor_minutes=15))[1][1]
    )


@pytest.mark.parametrize("approval", [True, False])
@pytest.mark.parametrize("start", [None, NOON + HOUR])
def test_the_sentence_above_the_button_says_who_decides_and_when_it_ends(
    approval: bool, start: datetime | None
) -> None:
    settings = EffectiveSettings(approval_required=approval)
    asked = Asked(minutes=240, starts_at=start)

    sentence = effect_in_words(
        settings,
        asked,
        Standing(now=NOON, shortest=30, eligible_until=NOON + 3 * HOUR),
        role="Operator",
        clock=lambda moment: f"{moment:%H:%M}",
    )

    assert ("An approver decides" in sentence) is approval
    assert ("Nobody has to approve" in sentence) is not approval
    if not approval or start:
        assert "15:00" in sentence  # the eligibility's end, not four hours
    if start:
        assert "13:00" in sentence
