"""What rules look at and come to: plain values in, plain values out, no database and no clock."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.automatic.conditions import FaultyCondition, Window, read_conditions
from approvals.automatic.judging import judge
from approvals.automatic.risk import Facts, score
from tests.factories.automatic import event, on_call, risk, ticket, window

PERSON = {"email": "robin@example.test", "name": "Robin Sample", "is_the_only_one": True}
FACTS = {
    "privileged": False,
    "minutes": 60,
    "longest": 480,
    "activated_before": True,
    "hour": 12,
    "usual_hours": [9, 10, 11, 12, 13],
    "denied": 0,
    "recent": 0,
    "second_factor": True,
}
NIGHTS = {"from": "22:00", "to": "06:00"}


def looked_at(moment: str = "2026-05-04T12:00:00+00:00", **more: Any) -> dict[str, Any]:
    return {"moment": moment, "decided_at": moment, "person": PERSON, "ticket": "", "groups": {}} | more


def calendar(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {
        "name": "On call EMEA",
        "fetched_at": "2026-05-04T11:00:00+00:00",
        "from": "2026-04-01T00:00:00+00:00",
        "until": "2026-06-01T00:00:00+00:00",
        "events": list(events),
    }
    return {"calendars": {"emea": said | more}}


def verdict(condition: dict[str, Any], inputs: dict[str, Any]) -> str | None:
    return judge({"verdict": "approve", "conditions": [condition]}, inputs).verdict


@pytest.mark.parametrize(
    ("moment", "said", "within"),
    [
        ("2026-05-04T05:59:59+00:00", {}, False),
        ("2026-05-04T06:00:00+00:00", {}, True),  # 08:00 in summer
        ("2026-05-04T15:59:59+00:00", {}, True),
        ("2026-05-04T16:00:00+00:00", {}, False),  # the end is outside
        ("2026-01-05T06:30:00+00:00", {}, False),  # 07:30 in winter
        ("2026-01-05T07:00:00+00:00", {}, True),
        ("2026-05-09T10:00:00+00:00", {}, False),  # a Saturday
        # nights belong to the day they began on
        ("2026-05-08T20:00:00+00:00", NIGHTS, True),  # Friday 22:00
        ("2026-05-09T03:59:00+00:00", NIGHTS, True),  # Saturday 05:59 is Friday's night
        ("2026-05-09T04:00:00+00:00", NIGHTS, False),
        ("2026-05-09T21:00:00+00:00", NIGHTS, False),  # Saturday 23:00
        ("2026-05-03T22:30:00+00:00", NIGHTS, False),  # Monday 00:30 is Sunday's night
        ("2026-05-04T22:30:00+00:00", NIGHTS, True),
        # until midnight, and the whole day
        ("2026-05-04T21:59:59+00:00", {"to": "00:00"}, True),
        ("2026-05-04T22:00:00+00:00", {"to": "00:00"}, False),
        ("2026-05-04T00:00:00+00:00", {"from": "00:00", "to": "00:00"}, True),
        # the clocks go forward on 29 March at 02:00, and back on 25 October at 03:00
        ("2026-03-29T00:59:59+00:00", {"days": [6], "from": "01:30", "to": "03:00"}, True),
        ("2026-03-29T01:00:00+00:00", {"days": [6], "from": "01:30", "to": "03:00"}, False),
        ("2026-10-25T00:30:00+00:00", {"days": [6], "from": "02:00", "to": "03:00"}, True),
        ("2026-10-25T01:30:00+00:00", {"days": [6], "from": "02:00", "to": "03:00"}, True),
        ("2026-10-25T02:00:00+00:00", {"days": [6], "from": "02:00", "to": "03:00"}, False),
        # a day is that of the place
        ("2026-05-03T23:00:00+00:00", {"zone": "Asia/Tokyo", "days": [0]}, True),
        ("2026-05-04T15:00:00+00:00", {"zone": "America/New_York", "days": [0]}, True),
        ("2026-05-04T14:00:00+02:00", {}, True),
    ],
)
def test_a_window_is_by_the_clock_on_the_wall_and_half_open(
    moment: str, said: dict[str, Any], within: bool
) -> None:
    assert (verdict(window(**said), looked_at(moment)) == "approve") is within
    assert (verdict(window(**said, must_hold=False), looked_at(moment)) == "approve") is not within


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"attendees": ("robin@example.test",)}, True),
        ({"attendees": ("robin@example.test.evil",)}, False),
        ({"attendees": ("kim@example.test",)}, False),
        ({"summary": "Watch", "declined": ("robin@example.test",)}, False),
        ({"summary": "Robin Sample", "declined": ("robin@example.test",)}, False),
        ({"summary": "On call: Robin Sample (EMEA)"}, True),
        ({"summary": "on call: ROBIN SAMPLE"}, True),
        ({"summary": "robin@example.test is on call"}, True),
        ({"summary": "not-robin@example.test is on call"}, False),
        ({"summary": "Robin Sample-Smith"}, False),
        ({"summary": "Sample Robin"}, False),
        ({"summary": "Robin"}, False),
    ],
)
def test_an_event_names_who_takes_part_or_stands_in_its_title_by_whole_words(
    said: dict[str, Any], named: bool
) -> None:
    inputs = looked_at() | calendar(event(**said))

    assert (verdict(on_call(), inputs) == "approve") is named
    assert (verdict(on_call(must_hold=False), inputs) == "approve") is not named


def test_a_name_that_two_people_have_or_of_one_word_names_nobody() -> None:
    inputs = looked_at() | calendar(event("Robin Sample"), event("Robin"))

    for person in ({"is_the_only_one": False}, {"name": "Robin"}):
        assert verdict(on_call(), inputs | {"person": PERSON | person}) is None


@pytest.mark.parametrize(
    "found",
    [
        {"calendars": {}},
        {},
        calendar(event(attendees=("robin@example.test",)), fetched_at=""),
        calendar(event(attendees=("robin@example.test",)), fetched_at="2026-05-04T10:59:59+00:00"),
        calendar(event(attendees=("robin@example.test",)), until="2026-05-04T12:00:00+00:00"),
        calendar({"summary": "broken"}),
        {"calendars": {"emea": None}},
    ],
)
@pytest.mark.parametrize("must_hold", [True, False])
def test_what_a_calendar_cannot_tell_is_met_neither_way(found: dict[str, Any], must_hold: bool) -> None:
    judged = judge({"verdict": "deny", "conditions": [on_call(must_hold=must_hold)]}, looked_at() | found)

    assert (judged.verdict, judged.is_known, judged.looked[0].met) == (None, False, None)


def test_an_event_is_over_at_its_end() -> None:
    inputs = looked_at("2026-05-04T13:00:00+00:00") | calendar(
        event(attendees=("robin@example.test",)), fetched_at="2026-05-04T13:00:00+00:00"
    )

    assert verdict(on_call(), inputs) is None


@pytest.mark.parametrize(
    ("pattern", "said", "met"),
    [
        (r"INC-\d{5}", "INC-12345", True),
        (r"INC-\d{5}", "INC-123456", False),
        (r"INC-\d{5}", "", False),
        (r"(a|aa)+[bc]", "a" * 60, None),
    ],
)
def test_a_ticket_matches_all_of_a_pattern_and_a_pattern_without_end_is_met_neither_way(
    pattern: str, said: str, met: bool | None
) -> None:
    found = [
        judge({"verdict": "approve", "conditions": [ticket(pattern, must_hold=must)]}, looked_at(ticket=said))
        for must in (True, False)
    ]

    assert [one.looked[0].met for one in found] == ([None, None] if met is None else [met, not met])


@pytest.mark.parametrize(
    ("conditions", "outcome", "is_known"),
    [
        ([ticket(must_hold=False)], "approve", True),
        ([ticket(must_hold=False), window()], "approve", True),
        ([ticket(), window()], None, True),
        ([ticket(must_hold=False), on_call()], None, False),
        ([ticket(), on_call()], None, True),  # one that is not met settles it
        ([on_call(), ticket()], None, True),
    ],
)
def test_all_conditions_must_be_met_and_one_that_is_not_settles_it(
    conditions: list[dict[str, Any]], outcome: str | None, is_known: bool
) -> None:
    judged = judge({"verdict": "approve", "conditions": conditions}, looked_at())

    assert (judged.verdict, judged.is_known) == (outcome, is_known)


@pytest.mark.parametrize(
    "says",
    [
        {},
        {"verdict": "approve", "conditions": []},
        {"verdict": "approve", "conditions": None},
        {"verdict": "approve", "conditions": ["window"]},
        {"verdict": "approve", "conditions": [{"kind": "moon", "must_hold": True}]},
        {"verdict": "wave", "conditions": [window()]},
        {"verdict": "approve", "conditions": [window(must_hold="yes")]},
    ],
)
def test_a_rule_that_cannot_be_read_decides_nothing(says: dict[str, Any]) -> None:
    judged = judge(says, looked_at())

    assert (judged.verdict, judged.is_known) == (None, False)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (window(zone="Mars/Olympus"), "window_zone"),
        (window(zone="../../etc/passwd"), "window_zone"),
        (window(days=[]), "window_days"),
        (window(days=[7]), "window_days"),
        (window(**{"from": "25:00"}), "window_from"),
        (window(to="noon"), "window_to"),
        (on_call(""), "calendar_key"),
        ({"kind": "member", "must_hold": True, "group": None}, "member_group"),
        (ticket(""), "ticket_pattern"),
        (ticket("(["), "ticket_pattern"),
        (ticket("a" * 201), "ticket_pattern"),
        (risk("high"), "risk_most"),
    ],
)
def test_what_is_wrong_with_a_condition_is_said_beside_its_field(said: dict[str, Any], field: str) -> None:
    with pytest.raises(FaultyCondition) as fault:
        read_conditions([said])

    assert fault.value.field == field
    assert fault.value.message


def test_conditions_read_back_as_they_were_stored_and_say_both_ways_what_they_ask() -> None:
    kinds = [window(), on_call(), ticket(), risk(), {"kind": "member", "group": 3, "name": "Watch"}]
    for said in kinds:
        must, must_not = ([said | {"must_hold": hold}] for hold in (True, False))
        assert [one.as_json() for one in read_conditions(must)] == must
        assert read_conditions(must)[0].in_words() != read_conditions(must_not)[0].in_words()
    [hours] = read_conditions([window()])
    assert isinstance(hours, Window)
    assert hours.in_words() == "It begins Mon, Tue, Wed, Thu, Fri, 08:00 to 18:00 (Europe/Vienna)."


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({}, "low"),
        ({"minutes": 480}, "low"),
        ({"minutes": 480, "second_factor": False}, "medium"),
        ({"privileged": True}, "medium"),
        ({"activated_before": False, "usual_hours": []}, "medium"),
        ({"denied": 1}, "medium"),
        ({"hour": 3}, "low"),
        ({"hour": 3, "recent": 3}, "medium"),
        ({"privileged": True, "activated_before": False}, "high"),
        ({"privileged": True, "denied": 2}, "high"),
        ({"privileged": True, "hour": 3, "recent": 3}, "high"),
        ({"hour": 23, "usual_hours": [0, 1, 22, 23, 0]}, "low"),
    ],
)
def test_the_risk_is_what_speaks_against_a_request(facts: dict[str, Any], level: str) -> None:
    found = score(Facts.from_json(FACTS | facts))

    assert found.level == level
    assert (found.points == 0) is (not found.reasons)


def test_an_hour_is_unusual_only_where_there_are_habits_and_midnight_is_near_one() -> None:
    few = Facts.from_json(FACTS | {"hour": 3, "usual_hours": [12] * 4})
    near = Facts.from_json(FACTS | {"hour": 1, "usual_hours": [23] * 5})
    far = Facts.from_json(FACTS | {"hour": 3, "usual_hours": [23] * 5})

    assert [score(one).points for one in (few, near, far)] == [0, 0, 1]


@pytest.mark.parametrize(("most", "met"), [("low", False), ("medium", True)])
def test_a_condition_on_the_risk_holds_up_to_its_level(most: str, met: bool) -> None:
    inputs = looked_at(risk=FACTS | {"privileged": True})

    assert (verdict(risk(most), inputs) == "approve") is met
    assert (verdict(risk(most, must_hold=False), inputs) == "approve") is not met
    assert verdict(risk(most), looked_at()) is None
    assert verdict(risk(most), looked_at(risk={"privileged": True})) is None
