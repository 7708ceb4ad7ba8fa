"""The admin site: for those with a duty and both factors, for what is edited, and never for oneself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import models
from django.test import Client
from django.urls import NoReverseMatch, reverse

from accounts.duties import Duty
from accounts.models import Group, Membership, User
from approvals.models import AccessRequest, Decision
from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent
from audit.journal.recording import record, save_as
from pim_portal.admin import admin_site
from roles.effective import settings_at
from roles.models import Account, Approver, Assignment, Eligibility, Risk, Role, RoleSettings, Scope
from tests.cast import Cast
from tests.factories.connectors import Vault, vault  # noqa: F401
from tests.factories.pages import signed_in
from tests.factories.people import PASSWORD, give_duty, make_group
from tests.factories.roles import approve, ask, make_eligibility, make_role, now, open_alerts, own_settings

pytestmark = pytest.mark.django_db

LIVES: list[type[models.Model]] = [Eligibility, Assignment, AccessRequest, Decision, AuditEvent, Scope]


@pytest.fixture
def role(cast: Cast, vault: Vault) -> Role:  # noqa: F811
    return make_role(vault.row, approvers=[cast.approver])


def address(what: str, model: type[models.Model], *args: int) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}", args=args)


def fields_of(*forms: Any) -> dict[str, Any]:
    """What a browser would send back of forms with nothing changed."""
    said: dict[str, Any] = {}
    for bound in (bound for form in forms for bound in form):
        value = bound.value()
        if isinstance(value, datetime):
            said |= {f"{bound.html_name}_0": f"{value:%Y-%m-%d}", f"{bound.html_name}_1": f"{value:%H:%M:%S}"}
        elif value is not None and value is not False:
            said[bound.html_name] = value
    return said


def form_of(page: Any) -> dict[str, Any]:
    """What a browser would send back of an admin page, its inlines included."""
    inlines = [inline.formset for inline in page.context["inline_admin_formsets"]]
    parts = [form for formset in inlines for form in (formset.management_form, *formset.forms)]
    return fields_of(page.context["adminform"].form, *parts)


def test_E3_every_model_of_the_site_is_either_edited_or_only_seen(cast: Cast) -> None:
    registered = {model for model, _ in admin_site._registry.items()}
    assert set(LIVES) < registered
    assert not {model for model in registered if model._meta.app_label in ("auth", "sessions", "admin")}


@pytest.mark.parametrize("who", ["employee", "approver", "outsider", "root"])
def test_E3_without_a_duty_the_site_is_closed(role: Role, cast: Cast, who: str) -> None:
    client = signed_in(getattr(cast, who))
    for path in (
        "/admin/",
        address("changelist", User),
        address("change", RoleSettings, own_settings(role).pk),
    ):
        for method in (client.get, client.post):
            answer = method(path, follow=True)
            assert answer.status_code in (403, 404), path
            assert "Operator" not in answer.content.decode()


def test_E3_C6_a_password_alone_opens_nothing(cast: Cast, client: Client) -> None:
    client.post(reverse("sign_in"), {"email": cast.administrator.email, "password": PASSWORD})
    for path in ("/admin/", address("changelist", User)):
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("sign_in"))


def test_E3_nor_does_a_session_whose_factor_was_never_verified(cast: Cast, client: Client) -> None:
    client.force_login(cast.administrator)
    assert client.get("/admin/")["Location"].startswith(reverse("sign_in"))


def test_a_duty_that_has_ended_closes_the_site(cast: Cast) -> None:
    holding = give_duty(cast.approver, Duty.SECURITY_READER)
    kim = signed_in(cast.approver)
    assert kim.get("/admin/").status_code == 200
    holding.delete()
    assert kim.get("/admin/", follow=True).status_code in (403, 404)


@pytest.mark.parametrize("name", ["login", "logout", "password_change", "password_change/done"])
def test_there_is_one_way_to_sign_in_and_it_is_not_here(cast: Cast, client: Client, name: str) -> None:
    dana = signed_in(cast.administrator)
    for method in (dana.get, dana.post):
        assert method(f"/admin/{name}/", {"username": "x", "password": PASSWORD}).status_code == 404
    before = client.post(f"/admin/{name}/", {"username": cast.administrator.email, "password": PASSWORD})
    assert before.status_code in (302, 404)
    assert client.get("/")["Location"].startswith(reverse("sign_in"))


def test_E3_E5_role_settings_are_looked_at_here_and_changed_on_their_own_page(role: Role, cast: Cast) -> None:
    dana = signed_in(cast.administrator)
    settings = own_settings(role)
    page = address("change", RoleSettings, settings.pk)
    assert "Operator" in dana.get(page).content.decode()
    assert dana.post(page, {"max_minutes": "1440"}).status_code == 403
    assert dana.post(address("add", RoleSettings), {"role": role.pk}).status_code == 403
    assert dana.post(address("delete", RoleSettings, settings.pk), {"post": "yes"}).status_code == 403
    assert settings_at(role).max_minutes == 480


def test_E5_a_role_called_less_risky_raises_an_alarm(role: Role, cast: Cast) -> None:
    role.risk = Risk.HIGH
    save_as(role, actor=PORTAL)
    dana = signed_in(cast.administrator)
    page = address("change", Role, role.pk)
    assert dana.post(page, form_of(dana.get(page)) | {"risk": "low", "least_holders": "0"}).status_code == 302
    assert now(role).risk == Risk.LOW
    assert "role_risk_lowered" in open_alerts()


def test_a_role_is_edited_and_the_journal_has_the_old_and_the_new(role: Role, cast: Cast) -> None:
    dana = signed_in(cast.administrator)
    page = address("change", Role, role.pk)
    assert dana.post(page, form_of(dana.get(page)) | {"description": "Runs things"}).status_code == 302
    told = AuditEvent.objects.filter(actor=cast.administrator, subject_kind="roles.role").last()
    assert told is not None
    assert told.role == "Operator"
    assert told.detail["fields"]["description"] == {"from": "", "to": "Runs things"}
    assert now(role).history.first().history_user == cast.administrator


def test_E3_an_auditor_looks_and_changes_nothing(role: Role, cast: Cast) -> None:
    toni = signed_in(cast.auditor)
    page = address("change", RoleSettings, own_settings(role).pk)
    assert "Operator" in toni.get(page).content.decode()
    assert toni.post(page, {"max_minutes": "1440"}).status_code == 403
    assert toni.get(address("add", Group)).status_code == 403
    assert toni.post(address("add", Group), {"name": "Mine"}).status_code == 403
    assert toni.post(address("delete", Role, role.pk), {"post": "yes"}).status_code == 403
    assert settings_at(role).max_minutes == 480
    assert Role.objects.filter(pk=role.pk).exists()


def test_E3_lives_and_the_journal_have_no_way_to_add_change_or_delete(role: Role, cast: Cast) -> None:
    filed = ask(make_eligibility(role, cast.employee), cast.employee)
    approve(filed, cast.approver)
    dana = signed_in(cast.administrator)
    for model in LIVES:
        thing = model._default_manager.first()
        assert thing is not None
        before = model._default_manager.filter(pk=thing.pk).values().get()
        assert dana.get(address("changelist", model)).status_code == 200
        seen = dana.get(address("change", model, thing.pk))
        assert seen.status_code == 200
        assert b'type="submit"' not in seen.content.partition(b"<main")[2].partition(b'class="submit-row')[2]
        assert dana.post(address("change", model, thing.pk), {"status": "approved"}).status_code == 403
        assert dana.get(address("add", model)).status_code == 403
        assert dana.post(address("add", model), {}).status_code == 403
        assert dana.post(address("delete", model, thing.pk), {"post": "yes"}).status_code == 403
        action = {"action": "delete_selected", ACTION_CHECKBOX_NAME: str(thing.pk), "post": "yes"}
        dana.post(address("changelist", model), action)
        assert model._default_manager.filter(pk=thing.pk).values().get() == before


@pytest.mark.parametrize("who", ["administrator", "auditor"])
def test_E3_A15_the_versions_of_a_thing_are_looked_at_and_never_put_back(
    role: Role, cast: Cast, who: str
) -> None:
    filed = ask(make_eligibility(role, cast.employee), cast.employee)
    approve(filed, cast.approver)
    me, settings = getattr(cast, who), own_settings(role)
    save_as(me, actor=PORTAL)
    save_as(settings, actor=PORTAL)
    client = signed_in(me)
    for thing, wished in (
        (settings, {"max_minutes": "1440", "approval_required": ""}),
        (filed, {"status": "pending", "justification": "Something else"}),
        (me, {"person_key": "E-9999", "manager": ""}),
    ):
        before = type(thing)._base_manager.filter(pk=thing.pk).values().get()
        for version in thing.history.all():
            page = address("simple_history", type(thing), thing.pk, version.history_id)
            shown = client.get(page)
            assert shown.status_code == 200
            sent = fields_of(shown.context["adminform"].form) | wished
            answer = client.post(page, sent)
            assert type(thing)._base_manager.filter(pk=thing.pk).values().get() == before
            assert answer.status_code == 403


def test_what_somebody_activated_is_not_edited_here(cast: Cast) -> None:
    group = make_group("Database owners", cast.approver)
    Membership.objects.create(group=group, person=cast.employee, origin=Membership.Origin.ACTIVATED)

    page = signed_in(cast.administrator).get(address("change", Group, group.pk))

    [inline] = page.context["inline_admin_formsets"]
    assert [form.instance.person for form in inline.formset.initial_forms] == [cast.approver]


@pytest.mark.parametrize("kind", ["member", "owner"])
def test_E6_nobody_adds_themselves_to_a_group(cast: Cast, kind: str) -> None:
    group = make_group("Database owners", cast.approver)
    dana = signed_in(cast.administrator)
    page = address("change", Group, group.pk)
    shown = form_of(dana.get(page))
    prefix = next(name.removesuffix("-TOTAL_FORMS") for name in shown if name.endswith("-TOTAL_FORMS"))

    def add(person: User) -> Any:
        row = {"person": str(person.pk), "kind": kind, "starts_at_0": "2026-01-01", "starts_at_1": "00:00"}
        new = {f"{prefix}-1-{name}": value for name, value in row.items()}
        return dana.post(page, form_of(dana.get(page)) | new | {f"{prefix}-TOTAL_FORMS": "2"})

    assert add(cast.administrator).status_code == 403
    assert not Membership.objects.filter(person=cast.administrator).exists()
    User.objects.filter(pk__in=[cast.administrator.pk, cast.outsider.pk]).update(person_key="E-0002")
    assert add(cast.outsider).status_code == 403, "their second account"
    assert not Membership.objects.filter(person=cast.outsider).exists()
    assert add(cast.employee).status_code == 302
    assert Membership.objects.filter(person=cast.employee, group=group).exists()
    assert AuditEvent.objects.filter(about=cast.employee, actor=cast.administrator).exists()


def test_E4_nobody_makes_themselves_an_approver_or_gives_themselves_an_account(
    role: Role,
    cast: Cast,
    vault: Vault,  # noqa: F811
) -> None:
    dana = signed_in(cast.administrator)
    for page, person_field, inline, row in (
        (address("change", type(vault.row), vault.row.pk), "person", "accounts", {"name": "postgres"}),
    ):
        shown = form_of(dana.get(page))
        prefix = next(
            name.removesuffix("-TOTAL_FORMS")
            for name in shown
            if name.endswith("-TOTAL_FORMS") and inline in name
        )
        count = int(shown[f"{prefix}-TOTAL_FORMS"])
        new = {f"{prefix}-{count}-{name}": value for name, value in row.items()}
        new |= {f"{prefix}-{count}-{person_field}": str(cast.administrator.pk)}
        answer = dana.post(page, shown | new | {f"{prefix}-TOTAL_FORMS": str(count + 1)})
        assert answer.status_code == 403, page
    assert not Account.objects.filter(person=cast.administrator).exists()
    assert not Approver.objects.filter(person=cast.administrator).exists()


def test_E4_the_flags_of_a_person_are_not_editable_here(cast: Cast) -> None:
    dana = signed_in(cast.administrator)
    page = address("change", User, cast.employee.pk)
    form = form_of(dana.get(page)) | {
        "is_superuser": "on", "is_active": "", "email": "dana2@example.test", "password": "x",
        "display_name": "Robin Sample the Second", "groups": "1", "user_permissions": "1",
    }  # fmt: skip
    assert dana.post(page, form).status_code == 302
    person = now(cast.employee)
    assert (person.is_superuser, person.is_active, person.email) == (False, True, "robin@example.test")
    assert person.display_name == "Robin Sample the Second"
    assert dana.post(address("change", User, cast.administrator.pk), form).status_code == 403, "oneself"
    assert dana.post(address("add", User), form).status_code == 403
    assert dana.post(address("delete", User, cast.employee.pk), {"post": "yes"}).status_code == 403


def test_E7_what_a_role_is_in_its_directory_stays(role: Role, cast: Cast) -> None:
    dana = signed_in(cast.administrator)
    page = address("change", Role, role.pk)
    form = form_of(dana.get(page)) | {"entitlement": "superuser", "directory": "999"}
    dana.post(page, form)
    assert (now(role).entitlement, now(role).directory_id) == ("operator", role.directory_id)


def test_djangos_own_pages_for_people_and_permissions_are_not_there(cast: Cast) -> None:
    for name in ("auth_user_changelist", "auth_group_changelist", "sessions_session_changelist"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:{name}")
    with pytest.raises(NoReverseMatch):
        reverse("admin:auth_user_password_change", args=[cast.employee.pk])
    dana = signed_in(cast.administrator)
    assert dana.get(f"/admin/accounts/user/{cast.employee.pk}/password/").status_code in (302, 404)


def test_D7_what_is_written_to_run_is_text_here_too(cast: Cast) -> None:
    hostile = "<script>alert(1)</script>"
    record("thing.happened", actor=PORTAL.known_as(hostile), justification=hostile)
    User.objects.filter(pk=cast.outsider.pk).update(display_name=hostile)
    dana = signed_in(cast.administrator)
    for page in (
        address("changelist", AuditEvent),
        address("changelist", User),
        address("change", User, cast.outsider.pk),
    ):
        assert hostile not in dana.get(page).content.decode()
