"""The list of what waits for one's answer, and answering several at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from time_machine import TimeMachineFixture

from approvals.closing import cancel_request
from approvals.models import AccessRequest, Decision
from roles.models import Assignment, Role
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import FORGED, signed_in
from tests.factories.people import make_person
from tests.factories.roles import acting, approve, ask, make_eligibility, make_role, now

pytestmark = pytest.mark.django_db

Status = AccessRequest.Status


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row, approvers=[cast.approver, cast.second_approver])


@pytest.fixture
def waiting(role: Role, cast: Cast, clock: TimeMachineFixture) -> list[AccessRequest]:
    """Three requests, each a minute after the one before."""
    people = [cast.employee, make_person("quinn", "Quinn Draft"), make_person("rory", "Rory Outline")]
    filed = []
    for person in people:
        filed.append(ask(make_eligibility(role, person), person))
        clock.shift(60)
    return filed


@pytest.fixture
def kim(waiting: list[AccessRequest], cast: Cast) -> Client:
    return signed_in(cast.approver)


def shown(client: Client, **query: str) -> list[str]:
    page = client.get(reverse("to_decide"), query).context["page"]
    return [str(getattr(each, "access_request", each).holder) for each in page]


def together(client: Client, waiting: list[AccessRequest], **form: Any) -> Any:
    picked = {"pick": [str(one.pk) for one in waiting]}
    return client.post(reverse("decide_together"), picked | form)


def test_the_most_urgent_stands_first(kim: Client) -> None:
    assert shown(kim) == ["Robin Sample", "Quinn Draft", "Rory Outline"]


def test_E1_one_sees_what_one_decides_and_never_ones_own(
    role: Role, kim: Client, waiting: list[AccessRequest], cast: Cast
) -> None:
    own = ask(make_eligibility(role, cast.approver), cast.approver)
    assert "Kim Placeholder" not in shown(kim)
    assert shown(signed_in(cast.second_approver))[-1] == "Kim Placeholder"
    for person in (cast.employee, cast.administrator, cast.auditor, cast.outsider, cast.root):
        assert shown(signed_in(person)) == []
    assert own.status == Status.PENDING


def test_what_lapsed_was_canceled_or_decided_waits_no_more(
    kim: Client, waiting: list[AccessRequest], cast: Cast, clock: TimeMachineFixture
) -> None:
    cancel_request(waiting[0], actor=acting(cast.employee))
    approve(waiting[1], cast.second_approver)
    assert shown(kim) == ["Rory Outline"]
    clock.shift(24 * 60 * 60)
    assert shown(signed_in(cast.approver)) == []


def test_what_one_decided_stands_apart(kim: Client, waiting: list[AccessRequest], cast: Cast) -> None:
    approve(waiting[0], cast.approver)
    approve(waiting[1], cast.second_approver)
    assert shown(kim, tab="decided") == ["Robin Sample"]


def test_an_open_list_is_told_what_came_and_went(
    kim: Client, waiting: list[AccessRequest], cast: Cast
) -> None:
    known = kim.get(reverse("to_decide")).context["known"]
    fragment = {"HX-Request": "true", "HX-Target": "news"}
    assert kim.get(reverse("to_decide"), {"known": known}, headers=fragment).status_code == 204
    approve(waiting[0], cast.second_approver)
    answer = kim.get(reverse("to_decide"), {"known": known}, headers=fragment)
    assert (answer.context["new"], answer.context["gone"]) == (0, 1)
    for made_up in ("", "x.y", "9" * 40, "-1.-1", "3"):
        assert kim.get(reverse("to_decide"), {"known": made_up}, headers=fragment).status_code == 200


def test_several_are_answered_after_their_names_were_shown(kim: Client, waiting: list[AccessRequest]) -> None:
    names = together(kim, waiting[:2], verdict="approve")
    assert names.status_code == 200
    assert "Robin Sample" in names.content.decode()
    assert "Quinn Draft" in names.content.decode()
    assert not Decision.objects.exists()

    assert together(kim, waiting[:2], verdict="approve", confirmed="1")["Location"] == reverse("to_decide")
    assert [now(one).status for one in waiting] == [Status.APPROVED, Status.APPROVED, Status.PENDING]


def test_denying_several_needs_one_reason(kim: Client, waiting: list[AccessRequest]) -> None:
    answer = together(kim, waiting, verdict="deny", confirmed="1", justification=" ")
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["justification"]
    assert not Decision.objects.exists()
    together(kim, waiting, verdict="deny", confirmed="1", justification="Not this week")
    assert {now(one).status for one in waiting} == {Status.DENIED}


def test_A9_one_that_somebody_else_answered_stops_no_other(
    kim: Client, waiting: list[AccessRequest], cast: Cast
) -> None:
    together(kim, waiting, verdict="approve")
    approve(waiting[0], cast.second_approver)
    together(kim, waiting, verdict="approve", confirmed="1")
    assert {now(one).status for one in waiting} == {Status.APPROVED}
    assert Decision.objects.filter(approver=cast.approver).count() == 2


def test_E1_A1_nothing_is_answered_together_that_one_may_not_answer_alone(
    role: Role, waiting: list[AccessRequest], cast: Cast
) -> None:
    own = ask(make_eligibility(role, cast.approver), cast.approver)
    for person in (cast.employee, cast.administrator, cast.auditor, cast.outsider, cast.root):
        together(signed_in(person), [*waiting, own], verdict="approve", confirmed="1")
    together(signed_in(cast.approver), [own], verdict="approve", confirmed="1")
    assert not Decision.objects.exists()
    assert not Assignment.objects.exists()


def test_A11_a_forged_field_answers_nothing(kim: Client, waiting: list[AccessRequest]) -> None:
    for field in FORGED:
        assert together(kim, waiting, verdict="approve", confirmed="1", **{field: "x"}).status_code == 400
    assert together(kim, waiting, verdict="maybe", confirmed="1").status_code == 422
    assert (
        kim.post(reverse("decide_together"), {"pick": ["'", "0", "1e9"], "verdict": "approve"}).status_code
        == 302
    )
    assert not Decision.objects.exists()
