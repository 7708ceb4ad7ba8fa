"""Answering a request on its page: once, by those who may, and never by who asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from time_machine import TimeMachineFixture

from accounts.leaving import disable_person
from accounts.models import Membership, User
from approvals.closing import cancel_request, time_out_request
from approvals.models import AccessRequest, Decision
from audit.journal.actor import PORTAL
from roles.assigning import end_eligibility
from roles.models import Assignment
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import FORGED, HOSTILE, signed_in
from tests.factories.people import make_group
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    approve,
    ask,
    make_eligibility,
    make_role,
    name_approvers,
    now,
    strike_approvers,
)

pytestmark = pytest.mark.django_db

Status = AccessRequest.Status


@pytest.fixture
def filed(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> AccessRequest:
    """The employee has asked for a role on which two people may decide."""
    role = make_role(vault.row, approvers=[cast.approver, cast.second_approver])
    return ask(make_eligibility(role, cast.employee), cast.employee)


@pytest.fixture
def kim(filed: AccessRequest, cast: Cast) -> Client:
    """The approver, who has opened the request."""
    client = signed_in(cast.approver)
    assert client.get(reverse("request_page", args=[filed.pk])).context["case"] is not None
    return client


def answer(client: Client, filed: AccessRequest, verdict: str = "approve", **form: str) -> Any:
    return client.post(reverse("decide", args=[filed.pk]), {"verdict": verdict} | form)


def nothing_was_decided(filed: AccessRequest) -> bool:
    return (
        now(filed).status == Status.PENDING
        and not Decision.objects.exists()
        and not Assignment.objects.exists()
    )


def test_an_approval_begins_the_assignment(filed: AccessRequest, kim: Client, cast: Cast) -> None:
    said = answer(kim, filed, justification="Go ahead")
    assert (said.status_code, said["Location"]) == (302, reverse("request_page", args=[filed.pk]))
    decision = Decision.objects.get()
    assert (decision.approver, decision.verdict, decision.justification) == (
        cast.approver,
        "approve",
        "Go ahead",
    )
    assignment = now(filed).assignment
    assert assignment is not None
    assert (assignment.person, assignment.starts_at, assignment.ends_at) == (
        cast.employee,
        NOON,
        NOON + 4 * HOUR,
    )


def test_a_denial_is_told_with_its_reason(filed: AccessRequest, kim: Client, cast: Cast) -> None:
    assert answer(kim, filed, "deny", justification=HOSTILE[0], from_list="1")["Location"] == "/to-decide/"
    assert now(filed).status == Status.DENIED
    page = signed_in(cast.employee).get(reverse("request_page", args=[filed.pk])).content.decode()
    assert escape(HOSTILE[0]) in page
    assert HOSTILE[0] not in page
    assert not Assignment.objects.exists()


def test_a_denial_without_a_reason_comes_back(filed: AccessRequest, kim: Client) -> None:
    for justification in ("", "  \r\n"):
        said = answer(kim, filed, "deny", justification=justification)
        assert said.status_code == 422
        assert list(said.context["form"].errors) == ["justification"]
        assert f'id="why-{filed.pk}-error"' in said.content.decode()
    assert nothing_was_decided(filed)


@pytest.mark.parametrize("verdict", ["approve", "deny"])
def test_a_reason_that_is_too_long_comes_back_whole(filed: AccessRequest, kim: Client, verdict: str) -> None:
    said = answer(kim, filed, verdict, justification="<" * 10_000)
    assert said.status_code == 422
    assert list(said.context["form"].errors) == ["justification"]
    assert escape("<" * 10_000) in said.content.decode()
    assert nothing_was_decided(filed)


def test_neither_yes_nor_no_is_no_answer(filed: AccessRequest, kim: Client) -> None:
    for verdict in ("", "approved", "APPROVE", "1", "void\x00"):
        said = answer(kim, filed, verdict, justification="What I typed")
        assert said.status_code == 422
        assert "What I typed" in said.content.decode()
    assert kim.post(reverse("decide", args=[filed.pk])).status_code == 422
    assert nothing_was_decided(filed)


def test_A11_E2_a_forged_field_decides_nothing(filed: AccessRequest, kim: Client) -> None:
    for field in [*FORGED, "ends_at", "stage", "digest", "at", "void_at"]:
        assert answer(kim, filed, **{field: "approved"}).status_code == 400
    for minutes in ("approved", "-1", "100000"):
        assert answer(kim, filed, minutes=minutes).status_code == 422
    for method in (kim.put, kim.patch, kim.delete):
        assert method(reverse("decide", args=[filed.pk]), "verdict=approve").status_code == 405
    assert nothing_was_decided(filed)


def test_A13_opening_the_address_decides_nothing(filed: AccessRequest, kim: Client) -> None:
    address = reverse("decide", args=[filed.pk])
    for look in (kim.get, kim.head):
        assert look(address, {"verdict": "approve"})["Location"] == reverse("request_page", args=[filed.pk])
    assert nothing_was_decided(filed)


def test_A1_nobody_decides_on_their_own_request(filed: AccessRequest, cast: Cast) -> None:
    robin = signed_in(cast.employee)
    for verdict in ("approve", "deny"):
        said = answer(robin, filed, verdict, justification="It is fine")
        assert said.status_code == 403
        assert "Nobody decides on their own request." in said.content.decode()
    assert nothing_was_decided(filed)


def test_A1_not_as_a_superuser_either(filed: AccessRequest, cast: Cast) -> None:
    User.objects.filter(pk=cast.employee.pk).update(is_superuser=True)
    name_approvers(filed.role, cast.employee)
    assert answer(signed_in(cast.employee), filed).status_code == 403
    assert nothing_was_decided(filed)


def test_A2_A3_not_by_joining_the_group_that_decides(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    group = make_group("Database owners", cast.approver)
    role = make_role(vault.row, "Reader", approvers=[group])
    filed = ask(make_eligibility(role, cast.employee), cast.employee)
    Membership.objects.create(group=group, person=cast.employee)
    assert answer(signed_in(cast.employee), filed).status_code == 403
    assert nothing_was_decided(filed)


def test_A6_not_under_a_second_account(filed: AccessRequest, cast: Cast) -> None:
    User.objects.filter(pk__in=[cast.employee.pk, cast.second_approver.pk]).update(person_key="E-0007")
    said = answer(signed_in(cast.second_approver), filed)
    assert said.status_code in (403, 404)
    assert nothing_was_decided(filed)


@pytest.mark.parametrize(
    ("who", "status"), [("auditor", 403), ("administrator", 403), ("outsider", 404), ("root", 404)]
)
def test_E1_who_is_not_asked_decides_nothing(filed: AccessRequest, cast: Cast, who: str, status: int) -> None:
    client = signed_in(getattr(cast, who))
    for verdict in ("approve", "deny"):
        assert answer(client, filed, verdict, justification="Let me").status_code == status
    assert nothing_was_decided(filed)


def canceled(filed: AccessRequest, cast: Cast) -> str:
    cancel_request(filed, actor=acting(cast.employee))
    return f"Robin Sample has canceled {filed.number}."


def lapsed(filed: AccessRequest, cast: Cast) -> str:
    AccessRequest.objects.filter(pk=filed.pk).update(deadline=NOON)
    return f"{filed.number} was not decided in time and has lapsed."


def lapsed_and_closed(filed: AccessRequest, cast: Cast) -> str:
    said = lapsed(filed, cast)
    time_out_request(now(filed), actor=PORTAL)
    return said


def approved(filed: AccessRequest, cast: Cast) -> str:
    approve(filed, cast.second_approver)
    return f"Jo Mockup was faster and approved {filed.number}."


@pytest.mark.parametrize("happened", [canceled, lapsed, lapsed_and_closed, approved])
@pytest.mark.parametrize("verdict", ["approve", "deny"])
def test_A9_A10_who_comes_too_late_is_told_what_was_faster(
    filed: AccessRequest,
    kim: Client,
    cast: Cast,
    happened: Callable[[AccessRequest, Cast], str],
    verdict: str,
) -> None:
    words = happened(filed, cast)
    before = now(filed).status, Decision.objects.count(), Assignment.objects.count()
    said = answer(kim, filed, verdict, justification="No")
    assert said.status_code == 409
    assert words in said.content.decode()
    assert (now(filed).status, Decision.objects.count(), Assignment.objects.count()) == before


def test_A10_one_answers_once(filed: AccessRequest, kim: Client) -> None:
    assert answer(kim, filed).status_code == 302
    said = answer(kim, filed, "deny", justification="On second thought")
    assert said.status_code == 409
    assert f"Kim Placeholder was faster and approved {filed.number}." in said.content.decode()
    assert Decision.objects.count() == Assignment.objects.count() == 1


def test_who_comes_too_late_is_led_to_the_next_one(filed: AccessRequest, kim: Client, cast: Cast) -> None:
    other = ask(make_eligibility(filed.role, cast.outsider), cast.outsider)
    approved(filed, cast)
    page = answer(kim, filed).content.decode()
    assert f'href="{reverse("request_page", args=[other.pk])}"' in page
    assert "Next: Operator for Pat Ipsum" in page


def test_A14_an_approver_who_was_disabled_meanwhile_is_nobody(
    filed: AccessRequest, kim: Client, cast: Cast
) -> None:
    disable_person(cast.approver, justification="Left today", actor=acting(cast.administrator))
    said = answer(kim, filed)
    assert said.status_code == 302
    assert said["Location"].startswith(reverse("sign_in"))
    assert nothing_was_decided(filed)


def test_A14_D2_not_even_where_only_the_flag_was_set(filed: AccessRequest, kim: Client, cast: Cast) -> None:
    User.objects.filter(pk=cast.approver.pk).update(is_active=False)
    assert answer(kim, filed)["Location"].startswith(reverse("sign_in"))
    assert nothing_was_decided(filed)


def test_A14_an_approver_who_was_struck_meanwhile_decides_nothing(filed: AccessRequest, kim: Client) -> None:
    strike_approvers(filed.role)
    assert answer(kim, filed).status_code in (403, 404)
    assert nothing_was_decided(filed)


def test_B1_an_eligibility_that_ended_meanwhile_cannot_be_approved(
    filed: AccessRequest, kim: Client, cast: Cast
) -> None:
    assert filed.eligibility is not None
    end_eligibility(filed.eligibility, actor=acting(cast.administrator), justification="Moved on")
    said = answer(kim, filed)
    assert said.status_code == 409
    assert "The eligibility has ended." in said.content.decode()
    assert now(filed).status == Status.FAILED
    assert not Assignment.objects.exists()


def test_a_person_who_was_disabled_meanwhile_gets_nothing(
    filed: AccessRequest, kim: Client, cast: Cast
) -> None:
    disable_person(cast.employee, justification="Left today", actor=acting(cast.administrator))
    assert answer(kim, filed).status_code == 409
    assert now(filed).status == Status.FAILED
    assert not Assignment.objects.exists()
