"""Stages of approval in role settings: saved, shown, refused, and what they do to requests that wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import User
from approvals.models import AccessRequest, SettingsChange
from approvals.settings.changing import LockedOut, Wanted
from approvals.settings.places import Document, Line, Place, Rule
from approvals.settings.rule_faults import faults_in
from approvals.settings.rule_words import rule_in_words, sentences_of
from approvals.settings.trying import try_settings
from audit.journal.refusing import Refused
from roles.effective import layers_at, settings_at
from roles.models import Risk, Role, RoleSettings
from roles.models.stages import ALL, Stage
from tests.approvals.settings.test_changing import send as sent_by
from tests.approvals.settings.test_settings_pages import own, page_of, send, text_of
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.forms import Form, form_in
from tests.factories.pages import signed_in
from tests.factories.people import make_group, make_person
from tests.factories.roles import ask, make_eligibility, make_role, now

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def role(vault: Vault, cast: Cast) -> Role:
    """A role of low risk that Kim approves."""
    role = make_role(vault.row, "Owner", approvers=[cast.approver], max_minutes=60)
    role.risk = Risk.LOW
    role.save()
    return role


@pytest.fixture
def dana(cast: Cast) -> Client:
    """The administrator's browser."""
    return signed_in(cast.administrator)


def who(person: User, stage: int = 1) -> Line:
    return Line("person", person=person.pk, stage=stage)


def later(person: User, stage: int = 1) -> Line:
    return replace(who(person, stage), is_escalation=True)


def let_approve(role: Role, by: User, *lines: Line, stages: tuple[Stage, ...] = ()) -> SettingsChange:
    """Change who approves ``role``, as ``by``."""
    place = Place(role=role)
    document = replace(Document.of(place, place.row()), approvers=lines, stages=stages)
    return sent_by([Wanted(place, document)], by)[0]


def preview(client: Client, role: Role, form: Form) -> Any:
    address = reverse("settings_preview", args=[f"role-{role.pk}"])
    return client.post(address, form, HTTP_HX_REQUEST="true", HTTP_HX_TARGET="meaning")


# Documents ------------------------------------------------------------------------------------------------------------


def test_what_was_stored_before_there_were_stages_is_one_stage_in_which_anybody_decides() -> None:
    old = Document.from_json({"values": {}, "approvers": [{"kind": "person", "person": 3, "group": 0}]})

    assert old == Document(approvers=(Line("person", person=3),), stages=(Stage(1),))
    assert Document.from_json(old.as_json()) == old
    assert Document.from_json(Document().as_json()) == Document(stages=(Stage(2),)) == Document()


def test_stages_are_written_with_their_lines_and_a_line_that_stays_keeps_its_row(
    role: Role, cast: Cast
) -> None:
    kept = layers_at(role).approvers()[0].pk
    stages = (Stage(1, 120), Stage(ALL))

    let_approve(role, cast.administrator, who(cast.approver), later(cast.auditor),
                who(cast.second_approver, 2), stages=stages)  # fmt: skip

    lines = layers_at(role).approvers()
    assert layers_at(role).stages(lines) == stages
    assert {(line.person, line.stage, line.is_escalation) for line in lines} == {
        (cast.approver, 1, False),
        (cast.auditor, 1, True),
        (cast.second_approver, 2, False),
    }
    assert kept in {line.pk for line in lines}
    with pytest.raises(Refused, match="Nothing would change"):
        let_approve(role, cast.administrator, *map(Line.of, lines), stages=stages)
    let_approve(role, cast.administrator, who(cast.approver))
    assert RoleSettings.objects.get(role=role).stages == []


# Faults ---------------------------------------------------------------------------------------------------------------

KIM, JO, GROUP = Line("person", person=1), Line("person", person=2), Line("group", group=1)


def later_line(line: Line) -> Line:
    return replace(line, is_escalation=True)


@pytest.mark.parametrize(
    ("rule", "stage", "field"),
    [
        (Rule((KIM, JO), (Stage(3),)), 1, "least"),
        (Rule((KIM, Line("manager")), (Stage(3),)), 1, "least"),
        (Rule((KIM, replace(JO, stage=3))), 2, "add_approver"),
        (Rule((later_line(KIM),), (Stage(1, 60),)), 1, "add_approver"),
        (Rule((KIM,), (Stage(1, 60),)), 1, "add_further"),
        (Rule((KIM, later_line(JO))), 1, "after"),
        (Rule((KIM, later_line(KIM)), (Stage(1, 60),)), 1, "add_further"),
        (Rule((KIM, later_line(JO)), (Stage(1, 15 * 24 * 60),)), 1, "after"),
        (Rule((KIM,), (Stage(-1),)), 1, "least"),
        (Rule(tuple(replace(KIM, stage=n) for n in range(1, 7))), 5, "add_approver"),
    ],
)
def test_a_list_that_cannot_work_is_named_with_its_stage_and_field(
    rule: Rule, stage: int, field: str
) -> None:
    assert [(one.stage, one.field) for one in faults_in(rule)] == [(stage, field)]


@pytest.mark.parametrize(
    "rule",
    [Rule(), Rule((), (Stage(2),)), Rule((GROUP,), (Stage(3),)), Rule((KIM, later_line(JO)), (Stage(1, 1),))],
)
def test_what_only_people_can_tell_is_no_fault_of_the_list(rule: Rule) -> None:
    assert faults_in(rule) == []


def test_the_verb_refuses_what_the_form_would(role: Role, cast: Cast) -> None:
    with pytest.raises(Refused, match="Stage 2: Only 1 person is named, and 2 must agree") as refused:
        let_approve(role, cast.administrator, who(cast.approver), who(cast.second_approver, 2),
                    stages=(Stage(), Stage(2)))  # fmt: skip
    assert refused.value.field == "approvers"


# Nobody left ----------------------------------------------------------------------------------------------------------


def test_each_stage_needs_its_quorum_beside_whoever_asks(role: Role, cast: Cast) -> None:
    # given Jo, who is eligible and decides at the second stage
    make_eligibility(role, cast.second_approver)
    first, second = who(cast.approver), who(cast.second_approver, 2)

    # when nobody else does, or too few, it is refused with the stage, whatever is said for when nobody is left
    with pytest.raises(
        LockedOut, match="Jo Mockup may activate Owner and would have nobody to decide at stage 2"
    ):
        let_approve(role, cast.administrator, first, second)
    with pytest.raises(LockedOut, match="would not find the 2 who must agree at stage 2"):
        let_approve(role, cast.administrator, first, second, who(cast.auditor, 2), stages=(Stage(), Stage(2)))

    # then one more person is enough, be it only after a while
    made = let_approve(role, cast.administrator, first, second, later(cast.auditor, 2),
                       stages=(Stage(), Stage(1, 60)))  # fmt: skip
    assert made.status == "applied"


def test_there_must_be_different_people_for_all_stages(role: Role, cast: Cast) -> None:
    kim, jo = cast.approver, cast.second_approver

    # nobody answers at two stages, so Kim alone is not enough for both
    with pytest.raises(LockedOut, match="at stage 2, where 1 must agree: nobody decides at two stages"):
        let_approve(role, cast.administrator, who(kim), who(kim, 2))
    # nor where all of both must agree before
    with pytest.raises(LockedOut, match="stage 2"):
        let_approve(role, cast.administrator, who(kim), who(jo), who(kim, 2), stages=(Stage(ALL),))
    # but with Jo beside Kim at the first there is a way, though not for Jo
    assert let_approve(role, cast.administrator, who(kim), who(jo), who(kim, 2)).status == "applied"
    make_eligibility(role, jo)
    with pytest.raises(LockedOut, match="Jo Mockup may activate Owner"):
        let_approve(role, cast.administrator, who(kim), who(jo), who(kim, 2), stages=(Stage(1), Stage(ALL)))


def test_two_accounts_of_one_human_are_one_who_agrees(role: Role, cast: Cast) -> None:
    twin = make_person("kim.admin", "Kim Admin")
    for person in (twin, cast.approver):
        person.person_key = "kim"
        person.save()

    with pytest.raises(LockedOut, match="2 must agree, and only 1 of these approvers can sign in"):
        let_approve(role, cast.administrator, who(cast.approver), who(twin), stages=(Stage(2),))


def test_of_a_stage_where_all_must_agree_whoever_asks_is_left_out(role: Role, cast: Cast) -> None:
    make_eligibility(role, cast.approver)
    both = (who(cast.approver), who(cast.second_approver))

    assert let_approve(role, cast.administrator, *both, stages=(Stage(ALL),)).status == "applied"


# Requests that wait ---------------------------------------------------------------------------------------------------


def test_an_approver_who_is_named_at_another_stage_now_is_struck_and_one_at_the_same_stays(
    role: Role, cast: Cast
) -> None:
    let_approve(role, cast.administrator, who(cast.approver), who(cast.auditor))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee, minutes=30)

    let_approve(role, cast.administrator, who(cast.approver), who(cast.auditor, 2))

    struck = {line.person: line.struck_at is not None for line in waiting.approver_rule.all()}
    assert struck == {cast.approver: False, cast.auditor: True}
    assert now(waiting).status == AccessRequest.Status.PENDING


# The pages ------------------------------------------------------------------------------------------------------------


def test_a_stage_is_added_filled_in_and_saved_without_script(dana: Client, cast: Cast, role: Role) -> None:
    # given the page, and a stage added by its button
    address = reverse("settings_preview", args=[f"role-{role.pk}"])
    form = form_in(dana.get(page_of(role)))
    assert form["set-stage_count"] == ["1"]
    answer = dana.post(address, form | {"set-more": ["1"]})
    assert (answer.status_code, "Stage 2" in text_of(answer)) == (200, True)
    form = form_in(answer)
    assert form["set-stage_count"] == ["2"]
    # when both are filled in and it is saved
    desk = make_group("Desk", cast.second_approver, cast.outsider)
    form |= {
        "set-after": ["2"],
        "set-unit": ["hours"],
        "set-add_further": ["toni@example.test"],
        "set-add_approver_2": ["Desk"],
        "set-agree_2": ["all"],
    }
    said = text_of(preview(dana, role, form))
    assert (
        "First Kim Placeholder; then all of Desk. Stage 1 not decided in 2 h: Toni Testcase may decide too."
        in said
    )
    assert send(dana, cast.administrator, page_of(role), form).status_code == 302
    # then it counts, and the page shows it
    place = Place(role=role)
    assert Document.of(place, place.row()).rule == Rule(
        (who(cast.approver), later(cast.auditor), Line("group", group=desk.pk, stage=2)),
        (Stage(1, 120), Stage(ALL)),
    )
    form = form_in(dana.get(page_of(role)))
    assert (form["set-agree_2"], form["set-after"], form["set-unit"]) == (["all"], ["2"], ["hours"])
    assert "Nothing would change." in text_of(dana.post(page_of(role), form))
    # and when the first is removed, the second takes its place
    form = form_in(dana.post(address, form | {"set-drop": ["1"]}))
    assert (form["set-approvers"], form["set-agree"], form["set-stage_count"]) == (
        [f"group-{desk.pk}"],
        ["all"],
        ["1"],
    )


MISTAKES: list[tuple[Form, str]] = [
    ({"set-agree": ["some"], "set-least": ["3"]}, "Only 1 person is named, and 3 must agree."),
    ({"set-agree": ["some"], "set-least": [""]}, "Say how many."),
    ({"set-agree": ["most"]}, "Select a valid choice."),
    ({"set-after": ["2"]}, "Name who may decide then, or leave the time empty."),
    ({"set-add_further": ["toni@example.test"]}, "Say after how long they may decide too."),
    ({"set-after": ["2"], "set-add_further": ["kim@example.test"]}, "Whoever is asked at once"),
    ({"set-add_further": ["Nobodies"]}, "Nobody goes by this: Nobodies."),
    ({"set-after": ["-1"]}, "greater than or equal to 1"),
    ({"set-unit": ["years"]}, "Select a valid choice."),
    (
        {"set-stage_count": ["3"], "set-add_approver_3": ["jo@example.test"]},
        "Name who is asked at this stage, or remove it.",
    ),
    ({"set-stage_count": ["6"]}, "At most 5 stages."),
]


def test_a_mistake_in_a_stage_is_said_there_and_nothing_typed_is_lost(dana: Client, role: Role) -> None:
    form = form_in(dana.get(page_of(role)))
    for typed, said in MISTAKES:
        # when it is sent with one mistake
        answer = dana.post(page_of(role), form | typed)
        # then it is said once, and what was typed stands there, people as chips
        assert (answer.status_code, text_of(answer).count(said)) == (422, 1), said
        again = form_in(answer)
        shown = {name: again[name] for name in typed if name in ("set-after", "set-agree", "set-least")}
        assert shown.items() <= typed.items() or "Select" in said, said
    assert again["set-approvers"] == form["set-approvers"]
    assert not SettingsChange.objects.exists()


def test_a_stage_that_does_not_exist_is_no_field(dana: Client, role: Role) -> None:
    form = form_in(dana.get(page_of(role)))
    assert dana.post(page_of(role), form | {"set-approvers_6": ["manager"]}).status_code == 400
    for name in ("set-drop", "set-stage_count"):
        assert dana.post(page_of(role), form | {name: ["9" * 30]}).status_code == 422


def test_what_is_asked_of_who_decides_is_saved_like_every_other_value(
    dana: Client, cast: Cast, role: Role
) -> None:
    form = own(own(form_in(dana.get(page_of(role))), "approval_factor", "on"), "if_nobody", "refuse")
    form = own(form, "asking_stops_clock")
    said = text_of(preview(dana, role, form))
    assert "When nobody can decide, the request is refused." in said
    assert "Who decides gives a second factor each time." in said
    assert "stops that clock" not in said

    assert send(dana, cast.administrator, page_of(role), form).status_code == 302

    counts = settings_at(role)
    assert (counts.approval_factor, counts.if_nobody, counts.asking_stops_clock) == (True, "refuse", False)


def test_trying_names_the_first_stage_and_how_many_follow(vault: Vault, cast: Cast) -> None:
    role = make_role(vault.row, "Reader")
    with time_machine.travel(NOON - timedelta(days=1), tick=False):
        ask(make_eligibility(role, cast.employee), cast.employee, minutes=60)
    lines = (who(cast.approver), later(cast.auditor), who(cast.second_approver, 2))
    document = Document({"approval_required": True}, lines, stages=(Stage(1, 60),))

    with time_machine.travel(NOON, tick=False):
        [tried] = try_settings(Place(role=role), document, days=7)

    assert (tried.waits_for, tried.follow) == (["Kim Placeholder"], 1)


def test_a_list_is_told_in_words(cast: Cast) -> None:
    rule = Rule(
        (who(cast.approver), who(cast.second_approver), Line("manager", stage=2), later(cast.auditor, 2)),
        (Stage(ALL), Stage(1, 90)),
    )

    assert rule_in_words(rule) == (
        "all of Kim Placeholder, Jo Mockup; then Manager of the holder (after 1 h 30 min also Toni Testcase)"
    )
    assert sentences_of(rule) == [
        "First all of Kim Placeholder, Jo Mockup; then Manager of the holder.",
        "Stage 2 not decided in 1 h 30 min: Toni Testcase may decide too.",
    ]
    assert sentences_of(Rule((who(cast.approver),))) == []
    assert rule_in_words(Rule((), (Stage(2),))) == "2 of the role administrators"


def test_the_manager_and_the_owners_may_be_those_who_decide_later(
    dana: Client, cast: Cast, role: Role
) -> None:
    form = form_in(dana.get(page_of(role))) | {"set-after": ["2"], "justification": ["Nights are long"]}
    form = own(form, "approvers", f"person-{cast.approver.pk}") | {"set-further": ["manager", "owners"]}

    assert send(dana, cast.administrator, page_of(role), form).status_code == 302

    again = form_in(dana.get(page_of(role)))
    assert sorted(again["set-further"]) == ["manager", "owners"]
    further = Rule.of(layers_at(role).approvers(), layers_at(role).stages(layers_at(role).approvers()))
    assert {line.kind for line in further.further(1)} == {"manager", "owners"}
