"""The pages about automatic rules: making, trying and retiring them, and how an auditor sees why something passed."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.mfa.freshness import StepUpRequired
from approvals.automatic.models import AutomaticDecision, AutomaticRule, Calendar
from approvals.automatic.ruling import make_rule, retire_rule
from approvals.models import AccessRequest
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Role
from tests.cast import Cast, code_for
from tests.factories.automatic import (
    DENY,
    event,
    make_automatic_rule,
    member,
    name_rules,
    on_call,
    read_calendar,
    risk,
    ticket,
    window,
)
from tests.factories.connectors import Vault
from tests.factories.pages import HOSTILE, kept_fields, signed_in, wish
from tests.factories.people import make_group
from tests.factories.roles import acting, ask, give_evidence, make_eligibility, make_role, now

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.django_db]

NOTHING = {f"{kind}_must": "" for kind in ("window", "calendar", "member", "ticket", "risk")}


@pytest.fixture
def role(cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row, approvers=[cast.approver])


def filled(**said: Any) -> dict[str, Any]:
    """The form of a rule, filled in: who is in the group and has a ticket, by day."""
    return (
        NOTHING
        | {
            "name": "By day",
            "key": "",
            "verdict": "approve",
            "window_must": "must",
            "window_zone": "Europe/Vienna",
            "window_days": ["0", "1", "2", "3", "4"],
            "window_from": "08:00",
            "window_to": "18:00",
            "justification": "Agreed with the owners",
        }
        | said
    )


def prove(client: Client, answer: Any, cast: Cast) -> Any:
    """Answer the question for a second factor, and let the form go on."""
    assert answer.status_code in (302, 303), answer.content.decode()
    step_up = answer["Location"]
    assert step_up.startswith("/step-up/")
    answer = client.post(step_up, {"code": code_for(cast.administrator)}, follow=True)
    page = answer.content.decode()
    action = page.split('method="post" action="')[1].split('"')[0]
    fields = kept_fields(page)
    days = [part.split('"')[0] for part in page.split('name="window_days" value="')[1:]]
    return client.post(action, fields | ({"window_days": days} if days else {}), follow=True)


def test_the_whole_walk_from_a_rule_to_a_role_in_force_and_an_auditor_who_sees_why(
    cast: Cast, role: Role, vault: Vault
) -> None:
    group = make_group("Night shift", cast.employee)
    dana, robin, toni = signed_in(cast.administrator), signed_in(cast.employee), signed_in(cast.auditor)
    form = filled(
        member_must="must", member_group="night SHIFT", ticket_must="must_not", ticket_pattern="X.*"
    )
    said = prove(dana, dana.post(reverse("new_automatic_rule"), form), cast).content.decode()
    assert "It decides nothing before role settings name by-day.1." in said
    rule = AutomaticRule.objects.get()
    assert rule.author == cast.administrator
    assert [one["kind"] for one in rule.conditions] == ["window", "member", "ticket"]
    assert rule.conditions[1]["group"] == group.pk
    name_rules(role, rule)

    robin.post(reverse("activate", args=[make_eligibility(role, cast.employee).pk]), wish())

    filed = AccessRequest.objects.get()
    assert filed.status == AccessRequest.Status.APPROVED
    page = robin.get(reverse("request_page", args=[filed.pk])).content.decode()
    assert "Approved by the rule “By day”" in page
    assert "The person was a member of “Night shift”." in page
    listed = toni.get(reverse("automatic_decisions"), {"rule": "by-day"}).content.decode()
    assert filed.number in listed
    decision = AutomaticDecision.objects.get()
    address = reverse("automatic_decision", args=[decision.pk])
    assert "It was Mon 14:00 in Europe/Vienna." in toni.get(address).content.decode()
    assert "The same: the rule comes to the same verdict" in toni.post(address).content.decode()
    entry = AuditEvent.objects.get(action="activation.decided_by_rule")
    told = toni.get(reverse("audit_event", args=[entry.number])).content.decode()
    assert "The rule “By day” (by-day.1) decided on Operator for Robin Sample: approve" in told
    rules = toni.get(reverse("automatic_rules")).content.decode()
    assert "1 decision in 30 days" in rules
    assert reverse("role_settings", args=[role.pk]) in rules


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"name": ""}, "required"),
        ({"justification": "  "}, "required"),
        ({"window_must": ""}, "Let at least one condition matter."),
        ({"window_zone": "Mars"}, "Name a time zone"),
        ({"window_days": []}, "Choose at least one day."),
        ({"window_from": "25:00"}, "Write a time such as 08:30."),
        ({"calendar_must": "must"}, "Choose a calendar."),
        ({"calendar_must": "must", "calendar_key": "nowhere"}, "Select a valid choice."),
        ({"member_must": "must_not"}, "Name a group."),
        ({"member_must": "must", "member_group": "Nobody"}, "There is no group of this name."),
        ({"ticket_must": "must", "ticket_pattern": "(["}, "This is not a regular expression"),
        ({"ticket_must": "must"}, "Say which form."),
        ({"risk_must": "must", "risk_most": "high"}, "Select a valid choice."),
        ({"verdict": "wave"}, "Select a valid choice."),
        ({"key": "calendars"}, "This key stands for something else."),
        ({"key": "By Day"}, "Small letters, figures and hyphens"),
        ({"key": "taken"}, "There is a rule with this key."),
    ],
)
def test_a_mistake_is_said_beside_its_field_and_nothing_typed_is_lost(
    cast: Cast, said: dict[str, Any], message: str
) -> None:
    make_automatic_rule(window(), key="taken")

    answer = signed_in(cast.administrator).post(reverse("new_automatic_rule"), filled() | said)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert message in page
    for name, value in (filled() | said).items():
        if (
            isinstance(value, str)
            and value
            and name in ("name", "window_zone", "ticket_pattern", "member_group")
        ):
            assert f'value="{value}"' in page
    assert AutomaticRule.objects.count() == 1


def test_a_field_that_the_form_does_not_have_is_a_forgery(cast: Cast) -> None:
    answer = signed_in(cast.administrator).post(
        reverse("new_automatic_rule"), filled(retired_at="", author=str(cast.outsider.pk))
    )

    assert answer.status_code == 400


def test_a_new_version_begins_with_what_the_old_one_says_and_leaves_it_in_use(cast: Cast) -> None:
    group = make_group("Night shift", cast.employee)
    read_calendar()
    old = make_automatic_rule(window(to="17:00"), member(group, must_hold=False), on_call(), ticket(), risk())
    dana = signed_in(cast.administrator)
    address = reverse("new_rule_version", args=[old.key])
    page = dana.get(address).content.decode()
    for words in (
        'value="17:00"',
        'value="Night shift"',
        'value="INC-\\d{5}"',
        "Until they name the new version",
    ):
        assert words in page

    prove(dana, dana.post(address, {k: v for k, v in filled(version="2").items() if k != "key"}), cast)

    new = AutomaticRule.objects.get(key=old.key, version=2)
    assert (new.retired_at, now(old).retired_at) == (None, None)
    late = dana.post(address, {k: v for k, v in filled(version="2").items() if k != "key"})
    assert late.status_code == 409
    page = dana.get(reverse("automatic_rule", args=[old.key])).content.decode()
    assert "Version 2" in page
    assert "Version 1" in page


def test_a_version_is_retired_with_a_justification_and_a_second_factor_and_only_once(cast: Cast) -> None:
    rule = make_automatic_rule(window())
    dana = signed_in(cast.administrator)
    address = reverse("retire_rule", args=[rule.key, 1])
    empty = dana.post(address, {"justification": ""})
    assert (empty.status_code, now(rule).retired_at) == (422, None)

    prove(dana, dana.post(address, {"justification": "Nobody works by day"}), cast)

    assert now(rule).retired_at is not None
    entry = AuditEvent.objects.filter(action="automatic_rule.changed").get()
    assert (entry.actor_name, entry.justification) == ("Dana Fictive", "Nobody works by day")
    assert dana.post(address, {"justification": "Again"}).status_code == 409


def test_the_second_factor_is_for_these_very_words(cast: Cast) -> None:
    actor = acting(cast.administrator)

    def rule(**more: Any) -> AutomaticRule:
        return AutomaticRule(
            **{"key": "hours", "name": "Hours", "verdict": "approve", "conditions": [window()]} | more
        )

    with pytest.raises(StepUpRequired) as question:
        make_rule(rule(), actor=actor, justification="Agreed")
    give_evidence(actor, act=question.value.act)
    for other in (
        rule(verdict=DENY),
        rule(conditions=[window(to="23:00")]),
        rule(name="Hour"),
        rule(key="hour"),
    ):
        with pytest.raises(StepUpRequired):
            make_rule(other, actor=actor, justification="Agreed")
    with pytest.raises(StepUpRequired):
        make_rule(rule(), actor=actor, justification="Agreed otherwise")
    make_rule(rule(), actor=actor, justification="Agreed")


def test_only_role_administrators_make_and_retire_and_every_refusal_is_recorded(cast: Cast) -> None:
    kept = make_automatic_rule(window())
    for person in (cast.auditor, cast.employee, cast.root):
        with pytest.raises(NotAllowed):
            retire_rule(kept, actor=acting(person), justification="Because")
        with pytest.raises(NotAllowed):
            make_rule(
                AutomaticRule(key="x", name="X", verdict="approve", conditions=[window()]),
                actor=acting(person),
                justification="Because",
            )
    assert AuditEvent.objects.filter(action="portal.refused").count() == 6


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"version": 3}, Overtaken),
        ({"version": 1}, Refused),
        ({"key": "other", "version": 2}, Overtaken),
        ({"version": 2, "conditions": []}, Refused),
        ({"version": 2, "conditions": [{"kind": "moon"}]}, Refused),
        ({"version": 2, "name": " "}, Refused),
        ({"version": 2, "verdict": "wave"}, Refused),
    ],
)
def test_what_a_rule_says_never_changes_and_versions_follow_each_other(
    cast: Cast, more: dict[str, Any], refusal: type[Refused]
) -> None:
    rule = make_automatic_rule(window())
    said = {"key": "hours", "name": "Hours", "verdict": "approve", "conditions": [window()]} | more
    with pytest.raises(refusal):
        make_rule(AutomaticRule(**said), actor=acting(cast.administrator), justification="Because")
    with pytest.raises(Refused) as immutable:
        make_rule(rule, actor=acting(cast.administrator), justification="Because")
    assert immutable.value.code == "rule_is_immutable"


def test_trying_shows_what_a_rule_would_have_decided_and_decides_nothing(cast: Cast, role: Role) -> None:
    read_calendar(event(attendees=(cast.employee.email,)))
    rule = make_automatic_rule(on_call())
    first, second = (ask(make_eligibility(role, who), who) for who in (cast.employee, cast.outsider))

    page = signed_in(cast.auditor).get(reverse("automatic_rule", args=[rule.key]), {"role": "operator"})

    tried = {one.access_request: one.judgement.verdict for one in page.context["tried"]}
    assert tried == {first: "approve", second: None}
    assert not AutomaticDecision.objects.exists()
    assert now(first).status == AccessRequest.Status.PENDING


def test_trying_lets_choose_where_several_roles_go_by_the_words(cast: Cast, role: Role, vault: Vault) -> None:
    other = make_role(vault.row, "Operator of nights")
    make_automatic_rule(window())
    toni, address = signed_in(cast.auditor), reverse("automatic_rule", args=["hours"])

    assert toni.get(address, {"role": "oper"}).context["found"] == [role, other]
    assert toni.get(address, {"role": "oper", "pick": str(other.pk)}).context["role"] == other
    assert toni.get(address, {"role": "\x00'; --", "version": "x"}).status_code == 200


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_was_entered_runs_anywhere(cast: Cast, role: Role, text: str) -> None:
    read_calendar(event(text, attendees=(cast.employee.email,)), name=text[:100])
    name_rules(role, make_automatic_rule(on_call(), ticket(".*"), name=text[:100]))
    filed = ask(make_eligibility(role, cast.employee), cast.employee, ticket=text[:60])
    toni = signed_in(cast.auditor)
    decision = AutomaticDecision.objects.get(access_request=filed)
    for address in (
        reverse("automatic_rules"),
        reverse("calendars"),
        reverse("automatic_decisions"),
        reverse("automatic_decision", args=[decision.pk]),
        reverse("request_page", args=[filed.pk]),
    ):
        page = toni.get(address).content.decode()
        assert not [one for one in ("<script>alert", "<img src=x", "<svg/onload") if one in page]


def test_a_calendar_is_entered_by_its_form_and_an_address_inside_is_refused_beside_its_field(
    cast: Cast,
) -> None:
    dana, address = signed_in(cast.administrator), reverse("new_calendar")
    form = {"name": "On call EMEA", "key": "", "url": "https://10.0.0.1/emea.ics", "justification": "Watch"}
    inside = dana.post(address, form)
    assert inside.status_code == 422
    assert 'id="id_url_error"' in inside.content.decode()

    said = prove(dana, dana.post(address, form | {"url": "https://calendar.example.test/emea.ics"}), cast)

    assert "It says nothing before it was read." in said.content.decode()
    assert Calendar.objects.get().key == "on-call-emea"
    assert "Never read" in said.content.decode()
