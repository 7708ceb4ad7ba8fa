"""The pages of role settings: who sees and changes what, and that nothing typed is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.duties import Duty
from accounts.models import User
from approvals.models import SettingsChange, SettingsTemplate
from approvals.settings.places import Document, Place
from approvals.settings.templating import make_starters
from audit.journal.actor import PORTAL
from roles.effective import layers_at, settings_at
from roles.models import Risk, Role, Scope
from tests.cast import Cast, code_for
from tests.factories.connectors import Vault
from tests.factories.forms import Form, form_in
from tests.factories.pages import signed_in
from tests.factories.people import give_duty, make_group
from tests.factories.roles import appoint, ask, change_settings, make_eligibility, make_role, now

pytestmark = pytest.mark.django_db

Status = SettingsChange.Status


@pytest.fixture
def role(vault: Vault, cast: Cast) -> Role:
    """A role of high risk that Kim approves."""
    role = make_role(vault.row, "Owner", approvers=[cast.approver], max_minutes=60)
    role.risk = Risk.HIGH
    role.save()
    return role


@pytest.fixture
def reader(vault: Vault) -> Role:
    """A role of low risk that nobody needs to approve."""
    role = make_role(vault.row, "Reader", max_minutes=60)
    role.risk = Risk.LOW
    role.save()
    return role


@pytest.fixture
def dana(cast: Cast) -> Client:
    """The administrator's browser."""
    return signed_in(cast.administrator)


def page_of(role: Role) -> str:
    return reverse("role_settings", args=[role.pk])


def own(form: Form, name: str, *values: str) -> Form:
    """The form with one value said here."""
    kept = [one for one in form.get("set-inherit", []) if one != name]
    return form | {"set-inherit": kept, f"set-{name}": list(values)}


def send(client: Client, person: User, address: str, form: Form) -> Any:
    """Send a form, and prove oneself where the portal asks."""
    answer = client.post(address, form)
    if answer.status_code == 303 and "/step-up/" in answer["Location"]:
        client.post(answer["Location"], {"code": code_for(person)})
        answer = client.post(address, form)
    return answer


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


# Who sees what --------------------------------------------------------------------------------------------------------


def test_each_level_is_there_for_those_with_a_part_and_for_nobody_else(
    role: Role, cast: Cast, vault: Vault
) -> None:
    # given a node of the directory, its owner, and an owner of the role alone
    scope = Scope.objects.create(
        directory=vault.row, parent=vault.row.root_scope(), name="Archive", path="/archive"
    )
    appoint(cast.second_approver, "own", vault.row)
    appoint(cast.approver, "own", role)
    levels = [
        reverse("portal_settings"),
        reverse("directory_settings", args=[vault.row.pk]),
        page_of(role),
        reverse("scope_settings", args=[role.pk, scope.pk]),
    ]
    # when everybody opens each level
    found = {}
    for name in ("administrator", "second_approver", "approver", "auditor", "employee", "root"):
        client = signed_in(getattr(cast, name))
        answers = [client.get(level) for level in levels]
        found[name] = [
            "changes" if b'id="settings"' in answer.content else answer.status_code for answer in answers
        ]
    # then owners change what is theirs, and read what it inherits
    assert found == {
        "administrator": ["changes"] * 4,
        "second_approver": [200, "changes", "changes", "changes"],
        "approver": [200, 404, "changes", "changes"],
        "auditor": [200] * 4,
        "employee": [404] * 4,
        "root": [404] * 4,
    }


def test_a_reader_reads_each_value_and_whence_it_comes_and_sends_nothing(role: Role, cast: Cast) -> None:
    toni = signed_in(cast.auditor)
    said = text_of(toni.get(page_of(role)))
    assert '<dt>Longest activation</dt><dd><b class="strong">1 h</b> <span class="faint">said here' in said
    assert '24 hours</b> <span class="faint">from the portal’s own default' in said
    for address in (page_of(role), reverse("settings_preview", args=[f"role-{role.pk}"])):
        assert toni.post(address, {}).status_code == 403


def test_the_list_says_what_each_role_asks_and_filters_by_its_address(
    dana: Client, role: Role, reader: Role
) -> None:
    said = text_of(dana.get("/role-settings/?q=own&risk=high"))
    assert ("Owner" in said, 'title="Approval within 24 hours"' in said) == (True, True)
    assert page_of(reader) not in said


@pytest.mark.parametrize(
    "slug",
    ["portal-1", "role", "role-0x1", "role-999", "scope-1", "directory-9999999999999999999", "nothing"],
)
def test_a_place_that_is_none_is_not_found(dana: Client, role: Role, slug: str) -> None:
    assert dana.post(reverse("settings_preview", args=[slug]), {}).status_code == 404


# Changing -------------------------------------------------------------------------------------------------------------


def test_what_is_saved_counts_and_what_is_left_to_the_level_above_is_reset(
    dana: Client, cast: Cast, role: Role
) -> None:
    # given that the role says its own longest activation
    form = form_in(dana.get(page_of(role)))
    assert "max_minutes" not in form["set-inherit"]
    # when a ticket is asked for here, from two systems, and the ticket must look like one
    form = own(form, "ticket_required", "on") | {"set-ticket_systems": ["Change desk\r\n\r\n Tracker "]}
    form = own(own(form, "ticket_systems", *form["set-ticket_systems"]), "ticket_pattern", r"CHG-\d+")
    answer = send(dana, cast.administrator, page_of(role), form)
    # then it counts, and the rest is inherited as before
    assert (answer.status_code, answer["Location"]) == (302, page_of(role))
    assert settings_at(role).systems == ["Change desk", "Tracker"]
    assert set(layers_at(role).rows[0].said()) == {
        *("approval_required", "factor", "max_minutes"),
        *("ticket_required", "ticket_systems", "ticket_pattern"),
    }
    # and when it is left to the level above again, it says nothing any more
    form = form_in(dana.get(page_of(role)))
    form["set-inherit"] += ["ticket_pattern", "ticket_systems"]
    form["justification"] = ["Any ticket will do"]
    give_duty(cast.outsider, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    assert send(dana, cast.administrator, page_of(role), form).status_code == 302
    assert Document.from_json(SettingsChange.objects.latest("pk").after).values.keys() == {
        *("approval_required", "factor", "max_minutes", "ticket_required")
    }


def test_sending_the_page_as_it_is_changes_nothing_and_says_so(dana: Client, role: Role) -> None:
    answer = dana.post(page_of(role), form_in(dana.get(page_of(role))))
    assert (answer.status_code, "Nothing would change." in text_of(answer)) == (422, True)
    assert not SettingsChange.objects.exists()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("max_minutes", "2000", "less than or equal to 1440"),
        ("max_minutes", "10", "The shortest activation is 30 minutes."),
        ("factor", "blood", "Select a valid choice."),
        ("justification_pattern", "([", "This is not a regular expression"),
        ("approval_hours", "", "Fill this in, or leave it to the level above."),
        ("tell_activation_administrators_also", "ops@example.test; nobody", "nobody is not a mail address."),
        ("eligible_days_other", "0", "greater than or equal to 1"),
        ("least_holders", "-1", "greater than or equal to 0"),
        ("add_approver", "kim@example.test, Nobodies", "Nobody goes by this: Nobodies."),
    ],
)
def test_a_mistake_is_said_beside_its_field_and_nothing_typed_is_lost(
    dana: Client, role: Role, name: str, value: str, said: str
) -> None:
    form = form_in(dana.get(page_of(role))) | {"justification": ["As agreed on Monday"]}
    form["set-eligible_days"] = ["other"]
    places = ("_also", "_other")
    of_value = next((name.removesuffix(part) for part in places if name.endswith(part)), name)
    kept = [one for one in form["set-inherit"] if one != of_value]
    answer = dana.post(page_of(role), form | {"set-inherit": kept, f"set-{name}": [value]})
    assert (answer.status_code, said in text_of(answer)) == (422, True)
    again = form_in(answer)
    assert again["justification"] == ["As agreed on Monday"]
    if name != "factor":  # what is no choice cannot be shown as chosen
        assert again[f"set-{name}"] == [value] or name == "max_minutes"
    assert again["set-inherit"] == kept


def test_a_field_the_form_does_not_have_is_refused(dana: Client, role: Role) -> None:
    form = form_in(dana.get(page_of(role)))
    assert dana.post(page_of(role), form | {"set-status": ["applied"]}).status_code == 400


def test_what_somebody_changed_meanwhile_is_not_overwritten_unseen(
    dana: Client, cast: Cast, role: Role
) -> None:
    # given two windows
    form = own(form_in(dana.get(page_of(role))), "max_minutes", "30")
    change_settings(role, max_minutes=45)
    # when the older one is sent
    answer = send(dana, cast.administrator, page_of(role), form)
    # then it is said, what was typed stands there, and sending it again is a choice made with open eyes
    assert (answer.status_code, "Somebody has changed the settings of Owner since." in text_of(answer)) == (
        409,
        True,
    )
    assert settings_at(role).max_minutes == 45
    again = form_in(answer)
    assert again["set-max_minutes"] == ["30"]
    assert again["set-seen"] != form["set-seen"]
    assert send(dana, cast.administrator, page_of(role), again).status_code == 302


def test_approvers_are_named_by_email_or_group_and_taken_away_by_their_chip(
    dana: Client, cast: Cast, role: Role
) -> None:
    group = make_group("Desk", cast.second_approver, cast.outsider)
    form = form_in(dana.get(page_of(role))) | {"set-add_approver": ["desk, JO@example.test"]}
    # when they are added without saving, they are chips
    answer = dana.post(reverse("settings_preview", args=[f"role-{role.pk}"]), form)
    form = form_in(answer)
    named = [f"person-{cast.approver.pk}", f"person-{cast.second_approver.pk}", f"group-{group.pk}"]
    assert (answer.status_code, sorted(form["set-approvers"])) == (200, sorted(named))
    # and saved, they approve; who is unticked does not any more
    form |= {"set-approvers": named[1:], "justification": ["Kim has left"]}
    give_duty(cast.outsider, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    answer = send(dana, cast.administrator, page_of(role), form)
    change = SettingsChange.objects.get()
    assert change.status == Status.PROPOSED, "new approvers of a privileged role take four eyes"
    assert {str(one) for one in Document.from_json(change.after).approvers or ()} == {"Jo Mockup", "Desk"}


def test_a_list_that_locks_somebody_out_is_refused_beside_the_approvers(
    dana: Client, cast: Cast, role: Role
) -> None:
    make_eligibility(role, cast.approver)
    form = own(form_in(dana.get(page_of(role))), "approvers", f"person-{cast.approver.pk}")
    preview = dana.post(
        reverse("settings_preview", args=[f"role-{role.pk}"]),
        own(form, "approval_hours", "48") | {"set-approvers": []},
        HTTP_HX_REQUEST="true",
    )
    assert preview.status_code == 200
    form["set-approvers"] = ["manager"]
    form["justification"] = ["Managers decide"]
    answer = dana.post(page_of(role), form)
    assert answer.status_code == 422
    assert "Kim Placeholder may activate Owner and would have nobody to decide" in text_of(answer)


# The aside ------------------------------------------------------------------------------------------------------------


def test_the_aside_follows_what_is_typed(dana: Client, cast: Cast, role: Role) -> None:
    # given somebody eligible and a request that waits
    ask(make_eligibility(role, cast.employee), cast.employee, minutes=60)
    make_starters(actor=PORTAL)
    form = own(own(form_in(dana.get(page_of(role))), "factor", "passkey"), "max_minutes", "120")
    form["set-ticket_pattern"], form["set-ticket_example"] = [r"CHG-\d{5}"], ["CHG-1"]
    form = own(form, "ticket_pattern", r"CHG-\d{5}")
    # when the page asks what it would mean
    address = reverse("settings_preview", args=[f"role-{role.pk}"])
    said = text_of(dana.post(address, form, HTTP_HX_REQUEST="true", HTTP_HX_TARGET="meaning"))
    # then it says it in the words of those who will meet with it
    for words in (
        "a person gives <b>a passkey each time</b> and <b>a justification</b>, waits for <b>Kim Placeholder</b>, "
        "and then holds it for at most <b>2 h</b>.",
        "1 of 1 eligible has no passkey yet.",
        "1 open request keeps the settings it was made under.",
        "Owner: activation for up to 2 h.",
        "A second administrator has to confirm it.",
        "<del>1 h</del> <ins>2 h</ins>",
        '<span id="was-max_minutes" hx-swap-oob="innerHTML"><span class="badge">was: 1 h</span>',
        "3 changes",
        "Has another form; it would be refused.",
        "Ask for a ticket: the template says on",
    ):
        assert words in said
    assert settings_at(role).max_minutes == 60


def test_what_is_said_above_tells_which_roles_it_reaches(
    dana: Client, role: Role, reader: Role, vault: Vault
) -> None:
    page = reverse("directory_settings", args=[vault.row.pk])
    form = own(form_in(dana.get(page)), "justification_least", "20")
    address = reverse("settings_preview", args=[f"directory-{vault.row.pk}"])
    said = text_of(dana.post(address, form, HTTP_HX_REQUEST="true"))
    assert "Of 2 roles something changes for 2: Owner and Reader." in said


def test_trying_tells_what_past_requests_would_have_met_with(dana: Client, cast: Cast, reader: Role) -> None:
    ask(make_eligibility(reader, cast.employee), cast.employee, minutes=60)
    form = own(form_in(dana.get(page_of(reader))), "max_minutes", "30") | {"set-days": ["7"]}
    address = reverse("try_settings", args=[f"role-{reader.pk}"])
    said = text_of(dana.post(address, form, HTTP_HX_REQUEST="true"))
    assert "1 request in the last 7 days" in said
    assert "Refused: This role may be activated for at most 30 min." in said
    # and without script it is the page again, with everything typed still there
    whole = dana.post(address, form)
    assert form_in(whole)["set-max_minutes"] == ["30"]
    assert "1 would have been refused" in text_of(whole)


# Four eyes ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def proposed(dana: Client, cast: Cast, role: Role) -> SettingsChange:
    """A change that weakens the role, which Dana asked for and Pat may answer."""
    give_duty(cast.outsider, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    form = own(form_in(dana.get(page_of(role))), "max_minutes", "120")
    form["justification"] = ["The closing takes two hours"]
    answer = send(dana, cast.administrator, page_of(role), form)
    change = SettingsChange.objects.get()
    assert answer["Location"] == reverse("settings_change", args=[change.pk])
    return change


def test_what_takes_a_safeguard_away_waits_for_a_second_administrator(
    dana: Client, cast: Cast, role: Role, proposed: SettingsChange
) -> None:
    address = reverse("settings_change", args=[proposed.pk])
    # the proposer may only withdraw it
    mine = text_of(dana.get(address))
    assert ('value="withdraw"' in mine, 'value="confirm"' in mine) == (True, False)
    assert send(dana, cast.administrator, address, {"verdict": ["confirm"]}).status_code == 403
    assert settings_at(role).max_minutes == 60
    # the second one finds it in the menu, reads it, and lets it count
    pat = signed_in(cast.outsider)
    assert 'Role settings<span class="count" data-tone="accent">1' in text_of(pat.get("/"))
    said = text_of(pat.get(address))
    assert "The closing takes two hours" in said
    assert "<del>1 h</del>" in said
    assert (
        send(pat, cast.outsider, address, {"verdict": ["confirm"], "decision": ["Seen"]}).status_code == 302
    )
    assert settings_at(role).max_minutes == 120
    assert "Seen" in text_of(dana.get(address))


@pytest.mark.parametrize(("verdict", "decision", "then"), [("refuse", "Two roles instead", "refused")])
def test_a_refusal_needs_a_justification(
    cast: Cast, proposed: SettingsChange, verdict: str, decision: str, then: str
) -> None:
    pat = signed_in(cast.outsider)
    address = reverse("settings_change", args=[proposed.pk])
    silent = pat.post(address, {"verdict": verdict})
    assert (silent.status_code, "Say why you refuse it." in text_of(silent)) == (422, True)
    assert pat.post(address, {"verdict": verdict, "decision": decision}).status_code == 302
    assert now(proposed).status == then
    assert pat.post(address, {"verdict": "confirm"}).status_code == 409


def test_the_proposer_withdraws(dana: Client, proposed: SettingsChange) -> None:
    dana.post(reverse("settings_change", args=[proposed.pk]), {"verdict": "withdraw"})
    assert now(proposed).status == Status.WITHDRAWN


# Several at once ------------------------------------------------------------------------------------------------------


def test_a_template_is_shown_before_it_is_applied_to_all_or_none(
    dana: Client, cast: Cast, role: Role, reader: Role
) -> None:
    # given a template that makes one role stricter and weakens the other
    give_duty(cast.outsider, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    template = SettingsTemplate.objects.create(name="Ninety", max_minutes=90, ticket_required=True)
    address = reverse("apply_template", args=[template.pk])
    page = dana.get(address, {"pick": [role.pk, reader.pk]})
    said = text_of(page)
    assert "Waits for a second administrator" in said
    assert "<del>1 h</del> <ins>1 h 30 min</ins>" in said
    # when it is sent without saying why, nothing changes
    form = form_in(page, "")
    silent = dana.post(address, form)
    assert (silent.status_code, SettingsChange.objects.count()) == (422, 0)
    # and when it is, each role goes its way
    form["justification"] = ["One form for all"]
    answer = send(dana, cast.administrator, address, form)
    assert answer["Location"] == reverse("settings_changes")
    assert {one.role: one.status for one in SettingsChange.objects.all()} == {
        role: Status.PROPOSED,
        reader: Status.APPLIED,
    }
    assert settings_at(reader).max_minutes == 90


def test_a_template_is_made_changed_and_forgotten(dana: Client, cast: Cast) -> None:
    form = own(form_in(dana.get("/role-settings/templates/new/")), "max_minutes", "90")
    form |= {"set-name": ["Ninety"], "set-description": ["An hour and a half"]}
    assert dana.post("/role-settings/templates/new/", form).status_code == 302
    template = SettingsTemplate.objects.get(name="Ninety")
    assert template.said() == {"max_minutes": 90}
    twice = dana.post("/role-settings/templates/new/", form)
    assert (twice.status_code, "already exists" in text_of(twice)) == (422, True)
    dana.post(reverse("delete_settings_template", args=[template.pk]))
    assert not SettingsTemplate.objects.filter(name="Ninety").exists()


def test_bulk_changes_only_what_is_set_and_only_what_was_shown(
    dana: Client, cast: Cast, role: Role, reader: Role
) -> None:
    address = f"{reverse('bulk_settings')}?pick={role.pk}&pick={reader.pk}"
    form = own(form_in(dana.get(address)), "max_minutes", "30")
    shown = dana.post(reverse("bulk_settings"), form | {"again": ["1"]})
    assert "<del>1 h</del> <ins>30 min</ins>" in text_of(shown)
    # when other values are slipped in after the showing, they are shown first
    form = form_in(shown)
    other = dana.post(reverse("bulk_settings"), own(form, "max_minutes", "45"))
    assert (other.status_code, SettingsChange.objects.count()) == (200, 0)
    # and when it is confirmed as shown, it counts for each, and the rest of what they say stays
    assert send(dana, cast.administrator, reverse("bulk_settings"), form).status_code == 302
    assert [settings_at(one).max_minutes for one in (role, reader)] == [30, 30]
    assert [settings_at(one).approval_required for one in (role, reader)] == [True, False]


def test_bulk_is_refused_where_one_of_the_roles_is_not_theirs(cast: Cast, role: Role, reader: Role) -> None:
    appoint(cast.approver, "own", reader)
    kim = signed_in(cast.approver)
    assert kim.get(reverse("bulk_settings"), {"pick": [reader.pk]}).status_code == 200
    assert kim.get(reverse("bulk_settings"), {"pick": [role.pk, reader.pk]}).status_code == 403


def test_two_roles_stand_side_by_side_with_what_is_different_marked(
    dana: Client, role: Role, reader: Role
) -> None:
    said = text_of(dana.get(reverse("compare_settings"), {"pick": [role.pk, reader.pk], "only": 1}))
    assert said.count('<tr role="row" class="differs">') == 2, "approval, and who approves"
    assert "Kim Placeholder" in said
    assert Place(role=role).row() is not None
