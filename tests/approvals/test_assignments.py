"""Who may and who holds: seen by those with a part in the role, changed by those who manage it, never for themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from time_machine import TimeMachineFixture

from accounts.duties import Duty
from accounts.models import User
from approvals.models import AccessRequest
from audit.journal.models import AuditEvent
from roles.models import Assignment, Eligibility, EndCause, Role
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import FORGED, signed_in
from tests.factories.people import give_duty, make_group
from tests.factories.roles import activate, appoint, make_eligibility, make_role, now

pytestmark = pytest.mark.django_db


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row)


@pytest.fixture
def dana(role: Role, cast: Cast) -> Client:
    return signed_in(cast.administrator)


def form_for(role: Role, principal: str, kind: str = "eligible", **fields: str) -> dict[str, str]:
    said = {"role": str(role.pk), "principal": principal, "kind": kind, "justification": "Joins the team"}
    return said | {"ends_at": "2026-06-01T18:00"} | fields


def assign(client: Client, role: Role, principal: str, kind: str = "eligible", **fields: str) -> Any:
    return client.post(reverse("assign"), form_for(role, principal, kind, **fields))


def nothing_was_given() -> bool:
    return not Eligibility.objects.exists() and not Assignment.objects.exists()


def test_an_administrator_makes_somebody_eligible(role: Role, dana: Client, cast: Cast) -> None:
    assert assign(dana, role, "ROBIN@example.test", ends_at="2026-06-01T18:00")["Location"] == "/assignments/"
    eligibility = Eligibility.objects.get()
    assert (eligibility.person, eligibility.role) == (cast.employee, role)
    assert eligibility.ends_at is not None
    told = AuditEvent.objects.get(action="assignment.requested")
    assert (told.actor, told.about, told.justification) == (
        cast.administrator,
        cast.employee,
        "Joins the team",
    )
    assert "Robin Sample" in dana.get(reverse("assignments"), {"tab": "eligible"}).content.decode()


def test_an_administrator_lets_somebody_hold_a_role(
    role: Role, dana: Client, cast: Cast, vault: Vault
) -> None:
    assert assign(dana, role, "robin@example.test", "active").status_code == 302
    sweep()
    assert vault.holds(Assignment.objects.get())
    assert "Robin Sample" in dana.get(reverse("assignments")).content.decode()


def test_a_group_and_further_people_get_it_in_the_same_act(role: Role, dana: Client, cast: Cast) -> None:
    group = make_group("Data engineers", cast.outsider)
    refused = assign(dana, role, "Data engineers", others="robin@example.test\n\nnobody@example.test")
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["others"])
    assert nothing_was_given()
    assert (
        assign(dana, role, "Data engineers", others="robin@example.test\nKIM@example.test").status_code == 302
    )
    assert [one.principal for one in Eligibility.objects.order_by("pk")] == [
        group,
        cast.employee,
        cast.approver,
    ]


def test_the_sentence_of_the_form_follows_what_is_filled_in(role: Role, dana: Client) -> None:
    said = form_for(role, "robin@example.test", "active") | {"ends_at": ""}
    part = dana.get(reverse("assign"), said, headers={"HX-Request": "true", "HX-Target": "effect"})
    assert "<b>Robin Sample</b> will hold <b>Operator</b> at once, without an end." in part.content.decode()


@pytest.mark.parametrize("kind", ["eligible", "active"])
def test_A1_nobody_assigns_themselves(role: Role, dana: Client, kind: str) -> None:
    answer = assign(dana, role, "dana@example.test", kind)
    assert answer.status_code == 403
    assert "Nobody assigns a role to themselves." in answer.content.decode()
    assert nothing_was_given()
    assert not AccessRequest.objects.exists()


def test_A2_nor_a_group_they_are_in(role: Role, dana: Client, cast: Cast) -> None:
    make_group("Administrators", cast.administrator)
    assert assign(dana, role, "Administrators").status_code == 403
    assert nothing_was_given()


@pytest.mark.parametrize("kind", ["eligible", "active"])
def test_A6_nor_their_second_account(role: Role, dana: Client, cast: Cast, kind: str) -> None:
    User.objects.filter(pk__in=[cast.administrator.pk, cast.employee.pk]).update(person_key="E-0002")
    assert assign(dana, role, "robin@example.test", kind).status_code == 403
    assert nothing_was_given()


def test_what_is_filled_in_wrongly_comes_back_with_the_form(role: Role, dana: Client, cast: Cast) -> None:
    User.objects.filter(pk=cast.outsider.pk).update(is_active=False)
    right = form_for(role, "robin@example.test")
    for field, wrong in (
        ("principal", ["", "nobody@example.test", "pat@example.test", "No such group", "x" * 300, "a\x00b"]),
        ("role", ["", "0", "999999", "1e308", "'"]),
        ("kind", ["", "both"]),
        ("justification", ["", "  ", "x" * 10_000]),
        ("starts_at", ["tomorrow", "2026-05-04T24:00"]),
        ("ends_at", ["2026-05-04T11:00", "0001-01-01T00:00", "never"]),
    ):
        for value in wrong:
            form = right | {field: value}
            answer = dana.post(reverse("assign"), form)
            assert answer.status_code == 422, (field, value[:20])
            assert list(answer.context["form"].errors) == [field], (field, value[:20])
            for name in form:
                assert answer.context["form"][name].value() == form[name]
    assert nothing_was_given()
    assert not AccessRequest.objects.exists()


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_B3_the_ends_of_the_calendar_are_no_moment(role: Role, dana: Client, cast: Cast, zone: str) -> None:
    User.objects.filter(pk=cast.administrator.pk).update(time_zone=zone)
    for kind in ("eligible", "active"):
        for field in ("starts_at", "ends_at"):
            for moment in ("0001-01-01T00:00", "9999-12-31T23:59"):
                answer = assign(dana, role, "robin@example.test", kind, **{field: moment})
                assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert nothing_was_given()


def test_A11_E2_a_forged_field_assigns_nothing(role: Role, dana: Client) -> None:
    for field in [*FORGED, "group", "person", "origin"]:
        assert assign(dana, role, "robin@example.test", "active", **{field: "x"}).status_code == 400, field
    for method in (dana.put, dana.patch, dana.delete):
        assert (
            method(reverse("assign"), form_for(role, "robin@example.test"), "application/json").status_code
            == 405
        )
    assert nothing_was_given()


@pytest.mark.parametrize("who", ["employee", "approver", "outsider", "root"])
def test_E1_without_a_part_in_any_role_there_are_no_assignments(role: Role, cast: Cast, who: str) -> None:
    held = activate(make_eligibility(role, cast.second_approver), cast.second_approver)
    client = signed_in(getattr(cast, who))
    for address in (reverse("assignments"), reverse("assign")):
        answer = client.get(address)
        assert answer.status_code == 404, address
        assert "Jo Mockup" not in answer.content.decode()
    assert assign(client, role, "pat@example.test").status_code == 404
    for name, pk in (("remove_assignment", held.pk), ("remove_eligibility", held.eligibility_id)):
        for method in (client.get, client.post):
            assert method(reverse(name, args=[pk]), {"justification": "x"}).status_code == 404
    assert now(held).status == Assignment.Status.PROVISIONING
    assert Eligibility.objects.in_force().count() == 1


def test_E1_an_auditor_sees_all_of_it_and_changes_nothing(role: Role, cast: Cast) -> None:
    held = activate(make_eligibility(role, cast.employee), cast.employee)
    toni = signed_in(cast.auditor)
    page = toni.get(reverse("assignments")).content.decode()
    assert "Robin Sample" in page
    assert reverse("remove_assignment", args=[held.pk]) not in page
    assert toni.get(reverse("assign")).status_code == 403
    assert assign(toni, role, "pat@example.test").status_code == 403
    assert toni.post(reverse("remove_assignment", args=[held.pk]), {"justification": "x"}).status_code == 404
    assert Eligibility.objects.count() == Assignment.objects.count() == 1


def test_who_owns_a_role_manages_that_role_only(role: Role, cast: Cast, vault: Vault) -> None:
    other = make_role(vault.row, "Reader")
    theirs = make_eligibility(other, cast.employee)
    appoint(cast.approver, "own", role)
    kim = signed_in(cast.approver)
    assert [one.name for one in kim.get(reverse("assign")).context["form"].fields["role"].queryset] == [
        "Operator"
    ]
    assert assign(kim, role, "robin@example.test").status_code == 302
    refused = assign(kim, other, "pat@example.test")
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["role"])
    assert (
        kim.post(reverse("remove_eligibility", args=[theirs.pk]), {"justification": "x"}).status_code == 404
    )
    rows = kim.get(reverse("assignments"), {"tab": "eligible"}).context["page"]
    assert {row.role.name for row in rows} == {"Operator"}
    assert assign(kim, role, "kim@example.test").status_code == 403


@pytest.mark.parametrize("part", ["review", "read"])
def test_who_reviews_or_reads_a_role_sees_it_and_changes_nothing(role: Role, cast: Cast, part: str) -> None:
    eligibility = make_eligibility(role, cast.employee)
    appoint(cast.approver, part, role)
    kim = signed_in(cast.approver)
    assert "Robin Sample" in kim.get(reverse("assignments"), {"tab": "eligible"}).content.decode()
    assert assign(kim, role, "pat@example.test").status_code == 403
    address = reverse("remove_eligibility", args=[eligibility.pk])
    assert kim.post(address, {"justification": "x"}).status_code == 404


def test_B9_removing_ends_a_running_activation_at_once(
    role: Role, dana: Client, cast: Cast, vault: Vault
) -> None:
    held = activate(make_eligibility(role, cast.employee), cast.employee)
    sweep()
    assert now(held).is_in_force()
    address = reverse("remove_assignment", args=[held.pk])
    assert dana.get(address).status_code == 200
    assert dana.post(address, {"justification": "Wrong person"})["Location"] == reverse("assignments")
    assert not now(held).is_in_force()
    assert now(held).end_cause == EndCause.REMOVED
    sweep()
    assert not vault.holds(held)
    assert dana.post(address, {"justification": "Again"}).status_code == 409


def test_B1_removing_an_eligibility_ends_what_rests_on_it(
    role: Role, dana: Client, cast: Cast, vault: Vault
) -> None:
    held = activate(make_eligibility(role, cast.employee), cast.employee)
    sweep()
    address = reverse("remove_eligibility", args=[held.eligibility_id])
    assert "Robin Sample" in dana.get(address).content.decode()
    assert dana.post(address, {"justification": "Moved on"}).status_code == 302
    assert not now(held).is_in_force()
    sweep()
    assert not vault.holds(held)
    assert signed_in(cast.employee).get(reverse("my_roles")).context["choice_count"] == 0


def test_removing_needs_a_reason_and_takes_no_other_field(role: Role, dana: Client, cast: Cast) -> None:
    held = activate(make_eligibility(role, cast.employee), cast.employee)
    for name, pk in (("remove_assignment", held.pk), ("remove_eligibility", held.eligibility_id)):
        address = reverse(name, args=[pk])
        for justification in ("", "  ", "x" * 10_000):
            answer = dana.post(address, {"justification": justification})
            assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["justification"])
        for field in FORGED:
            assert dana.post(address, {"justification": "x", field: "x"}).status_code == 400
        for method in (dana.put, dana.patch, dana.delete):
            assert method(address).status_code == 405
    assert now(held).status == Assignment.Status.PROVISIONING
    assert Eligibility.objects.in_force().count() == 1


def test_a_duty_that_has_ended_manages_nothing_any_more(
    role: Role, cast: Cast, clock: TimeMachineFixture
) -> None:
    give_duty(
        cast.approver, Duty.PRIVILEGED_ROLE_ADMINISTRATOR, ends_at=timezone.now() + timedelta(minutes=5)
    )
    kim = signed_in(cast.approver)
    assert kim.get(reverse("assign")).status_code == 200
    clock.shift(5 * 60)
    assert assign(kim, role, "robin@example.test").status_code == 404
    assert nothing_was_given()


def test_the_list_is_filtered_by_words_and_directory(role: Role, dana: Client, cast: Cast) -> None:
    make_eligibility(role, cast.employee)
    make_eligibility(role, cast.outsider)

    def names(**query: str) -> list[str]:
        rows = dana.get(reverse("assignments"), {"tab": "eligible"} | query).context["page"]
        return [str(row.person) for row in rows]

    assert len(names()) == len(names(q="operator", directory="Vault")) == 2
    assert names(q="robin@") == ["Robin Sample"]
    assert names(q="%") == names(directory="Elsewhere") == []
    assert len(names(page="nonsense")) == 2
