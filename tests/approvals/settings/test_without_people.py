"""What decides beside people: web hooks, automatic rules and emergencies in role settings, and the limit of a day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from approvals.models import AutomaticRule, Hook, SettingsTemplate
from approvals.settings.changing import Wanted
from approvals.settings.meaning import decided_without_people, facts, nobody_has_to, sentence
from approvals.settings.places import Document, Place
from approvals.settings.templating import save_template
from approvals.settings.words import value_in_words
from audit.journal.actor import PORTAL
from audit.journal.refusing import Refused
from roles.effective import settings_at
from roles.models import EffectiveSettings, Risk, Role
from roles.models.values import IfSilent
from tests.approvals.settings.test_changing import send as sent_by
from tests.approvals.settings.test_settings_pages import own, page_of, send, text_of
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.forms import form_in
from tests.factories.pages import signed_in
from tests.factories.roles import change_settings, make_eligibility, make_role


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


@pytest.fixture
def hook() -> Hook:
    return Hook.objects.create(key="desk", name="Change desk", url="https://desk.example.test/")


def make_rule(key: str, version: int = 1, **said: Any) -> AutomaticRule:
    return AutomaticRule.objects.create(
        key=key, version=version, **{"name": key.title(), "verdict": "approve", "conditions": []} | said
    )


def says(role: Role, by: Any, **values: Any) -> None:
    """Let ``role`` say ``values``, as ``by``."""
    place = Place(role=role)
    before = Document.of(place, place.row())
    sent_by([Wanted(place, replace(before, values=before.values | values))], by)


# The pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_decides_beside_people_is_chosen_saved_and_stands_there_again(
    dana: Client, cast: Cast, role: Role, hook: Hook
) -> None:
    make_rule("weekday"), make_rule("frozen", verdict="deny")
    form = form_in(dana.get(page_of(role)))
    said = {
        "hook": ["desk"],
        "hook_silent": ["go_on"],
        "hook_may_approve": ["on"],
        "automatic": ["weekday.1", "frozen.1"],
        "emergency_allowed": ["on"],
        "day_minutes": ["2"],
    }
    for name, values in said.items():
        form = own(form, name, *values)
    form |= {"set-day_minutes_unit": ["hours"], "justification": ["Nights"]}

    assert send(dana, cast.administrator, page_of(role), form).status_code == 302

    counts = settings_at(role)
    assert (counts.hook, counts.hook_silent, counts.hook_may_approve) == ("desk", "go_on", True)
    assert (counts.automatic_rules, counts.day_minutes) == (["frozen.1", "weekday.1"], 120)
    page = dana.get(page_of(role))
    again = form_in(page)
    assert {f"set-{name}": sorted(values) for name, values in said.items()}.items() <= {
        name: sorted(values) for name, values in again.items()
    }.items()
    for words in (
        "unless a web hook or a rule decides",
        "One person holds it for at most 2 h within any 24 hours.",
        "the web hook Change desk is. Its yes can stand in for approval. "
        "When it does not answer, the request goes on as if it had said yes.",
        "Rules that may decide: Frozen, Weekday.",
        "Denies without asking anybody (frozen.1).",
    ):
        assert words in text_of(page)
    assert "Nothing would change." in text_of(dana.post(page_of(role), again))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("hook", "nowhere", "Select a valid choice."),
        ("automatic", "nothing.1", "Select a valid choice."),
        ("hook_silent", "", "Fill this in, or leave it to the level above."),
        ("day_minutes", "25", "A day has 24 hours."),
        ("day_minutes", "", "Fill this in, or leave it to the level above."),
        ("day_minutes", "-1", "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    dana: Client, role: Role, name: str, value: str, said: str
) -> None:
    form = own(form_in(dana.get(page_of(role))), name, value) | {"set-day_minutes_unit": ["hours"]}
    answer = dana.post(page_of(role), form)
    assert (answer.status_code, said in text_of(answer)) == (422, True)


@pytest.mark.django_db
def test_what_is_gone_and_still_named_is_shown_as_such_and_not_lost(
    dana: Client, cast: Cast, role: Role
) -> None:
    # given a role that names a hook that was removed, and a rule that was retired for its next version
    make_rule("weekday", retired_at=timezone.now()), make_rule("weekday", 2)
    change_settings(role, hook="old-desk", automatic="weekday.1")
    page = dana.get(page_of(role))
    assert "The web hook old-desk is named here and does not exist any more." in text_of(page)
    assert "The rule Weekday (weekday.1) is named here and decides nothing any more." in text_of(page)
    # when something else is changed, they stand there still
    form = own(form_in(page), "max_minutes", "45")
    assert send(dana, cast.administrator, page_of(role), form).status_code == 302
    assert (settings_at(role).hook, settings_at(role).automatic) == ("old-desk", "weekday.1")


@pytest.mark.django_db
def test_lists_and_whoever_may_activate_it_see_it_in_short(dana: Client, cast: Cast, role: Role) -> None:
    change_settings(role, hook="desk", automatic="r.1", emergency_allowed=True, day_minutes=120)
    make_eligibility(role, cast.employee)
    home = text_of(signed_in(cast.employee).get("/my-roles/"))
    listed = text_of(dana.get("/role-settings/"))
    for words in (
        "At most 2 h within 24 hours",
        "A web hook is asked first",
        "Rules may decide",
        "Emergency activation allowed",
    ):
        assert words in listed
        assert words in home


# The verbs ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("hook", "nowhere", "There is no web hook nowhere."),
        ("automatic", "weekday.1", "There is no automatic rule weekday.1 in use."),
        ("automatic", "weekday.2\nweekday.3", "There is no automatic rule weekday.3 in use."),
    ],
)
def test_naming_what_is_not_there_is_refused_whoever_asks(
    cast: Cast, role: Role, name: str, value: str, said: str
) -> None:
    make_rule("weekday", retired_at=timezone.now()), make_rule("weekday", 2)
    with pytest.raises(Refused) as refused:
        says(role, cast.administrator, **{name: value})
    assert (refused.value.message, refused.value.field) == (said, name)
    with pytest.raises(Refused, match="There is no"):
        save_template(SettingsTemplate(name="Night"), actor=PORTAL, values={name: value})


# The words ------------------------------------------------------------------------------------------------------------

ASKS = EffectiveSettings(approval_required=True)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "waits for <b>Kim</b>, and"),
        ({"automatic": "a.1"}, "waits for <b>Kim</b> unless a rule decides, and"),
        ({"hook": "desk"}, "waits for <b>Kim</b>, and"),
        ({"hook": "desk", "hook_may_approve": True}, "<b>Kim</b> unless a web hook approves, and"),
        ({"hook_may_approve": True}, "waits for <b>Kim</b>, and"),
        ({"day_minutes": 120}, "for at most <b>2 h</b>"),
    ],
)
def test_the_sentence_stays_true_where_not_only_people_decide(values: dict[str, Any], said: str) -> None:
    assert said in sentence(replace(ASKS, **values), subject="Owner", deciders="Kim")


def test_without_approval_it_is_told_what_may_deny_it_all_the_same() -> None:
    found = {nobody_has_to(EffectiveSettings(hook=h, automatic=a)) for h in ("", "desk") for a in ("", "r.1")}
    assert found == {
        "Nobody has to approve.",
        "Nobody has to approve, but a rule may deny it.",
        "Nobody has to approve, but a web hook may deny it.",
        "Nobody has to approve, but a web hook or a rule may deny it.",
    }


def test_a_hook_and_an_emergency_are_told_as_what_they_can_do() -> None:
    [told] = decided_without_people(ASKS, hook="Change desk", rules=[])
    assert told.text == (
        "Before anybody is asked, the web hook Change desk is. "
        "When it does not answer, the request is refused."
    )
    texts = [one.text for one in facts(replace(ASKS, emergency_allowed=True))]
    assert any("past approval in an emergency: with a passkey, and reviewed afterwards" in t for t in texts)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("day_minutes", 0, "no limit"),
        ("day_minutes", 90, "1 h 30 min"),
        ("hook", "", "none"),
        ("hook_silent", IfSilent.REFUSE, "It is refused"),
        ("automatic", "", "none"),
        ("emergency_allowed", True, "on"),
    ],
)
def test_each_value_has_words(name: str, value: Any, words: str) -> None:
    assert value_in_words(name, value) == words
