"""The pages by which what was given is changed, alone or together, and by which holders ask to keep it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from time_machine import TimeMachineFixture

from approvals.granting import request_assignment
from approvals.models import AccessRequest
from roles.models import Assignment, Eligibility, Role
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import FORGED, signed_in
from tests.factories.roles import (
    NOON,
    acting,
    activate,
    appoint,
    change_settings,
    make_eligibility,
    make_role,
    now,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
TOGETHER = "/assignments/together/"


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row)


@pytest.fixture
def dana(role: Role, cast: Cast) -> Client:
    return signed_in(cast.administrator)


@pytest.fixture
def standing(role: Role, cast: Cast) -> Assignment:
    return request_assignment(
        role,
        actor=acting(cast.administrator),
        person=cast.employee,
        justification="On call",
        ends_at=NOON + 10 * DAY,
    )


def test_the_page_knows_what_it_showed_and_the_second_of_two_is_overtaken(
    dana: Client, standing: Assignment
) -> None:
    address = reverse("update_assignment", args=[standing.pk])
    page = dana.get(address)
    assert "Change Operator of Robin Sample" in page.content.decode()
    form = {"seen": page.context["form"].initial["seen"], "justification": "Longer"}

    assert dana.post(address, form | {"ends_at": "2026-06-01T12:00"}).status_code == 302
    assert dana.post(address, form | {"ends_at": "2026-06-02T12:00"}).status_code == 409

    assert now(standing).ends_at == NOON + 28 * DAY


def test_what_is_wrong_stands_beside_its_field_and_nothing_else_is_taken(
    dana: Client, standing: Assignment
) -> None:
    for name, form, field in (
        ("update_assignment", {"ends_at": "2026-05-04T11:00", "justification": "x"}, "ends_at"),
        ("update_assignment", {"ends_at": "2026-12-24T11:00", "justification": "x"}, "ends_at"),
        ("extend_assignment", {"ends_at": "2026-05-06T11:00", "justification": "x"}, "ends_at"),
        ("extend_assignment", {"ends_at": "2026-06-06T11:00", "justification": ""}, "justification"),
        ("make_assignment_eligible", {"justification": ""}, "justification"),
        ("remove_assignment", {"justification": ""}, "justification"),
    ):
        answer = dana.post(reverse(name, args=[standing.pk]), form)
        assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field]), name
        for forged in [*FORGED, "principal", "role", "scope"]:
            assert dana.post(reverse(name, args=[standing.pk]), form | {forged: "x"}).status_code == 400
    assert now(standing).ends_at == NOON + 10 * DAY


def test_E1_the_owner_of_one_role_changes_nothing_of_another(
    role: Role, cast: Cast, vault: Vault, standing: Assignment
) -> None:
    appoint(cast.approver, "own", make_role(vault.row, "Reader"))
    kim = signed_in(cast.approver)
    for name in ("update_assignment", "extend_assignment", "renew_assignment", "make_assignment_eligible"):
        for method in (kim.get, kim.post):
            assert method(reverse(name, args=[standing.pk])).status_code == 404
    answer = kim.post(
        TOGETHER, {"pick": f"a{standing.pk}", "act": "remove", "confirmed": "1", "justification": "x"}
    )
    assert answer.status_code == 302
    assert now(standing).status in Assignment.LIVE


@pytest.mark.parametrize(
    ("act", "form"),
    [
        ("set_end", {"ends_at": "2026-06-01T12:00"}),
        ("extend", {"ends_at": "2026-06-01T12:00"}),
        ("make_eligible", {"ends_at": ""}),
        ("remove", {}),
    ],
)
def test_several_are_listed_with_why_some_are_left_out_and_then_done_together(
    role: Role, cast: Cast, vault: Vault, dana: Client, standing: Assignment, act: str, form: dict[str, str]
) -> None:
    eligibility = make_eligibility(role, cast.approver, ends_at=NOON + 5 * DAY)
    activated = activate(eligibility, cast.approver)
    mine = make_eligibility(role, cast.administrator, ends_at=NOON + 5 * DAY)
    sweep()
    pick = [f"a{standing.pk}", f"e{eligibility.pk}", f"e{mine.pk}", f"a{activated.pk}", "a999", "x1", "e"]

    page = dana.post(TOGETHER, {"pick": pick, "act": act})
    possible = {one.held for one in page.context["possible"]}
    expected = {
        "make_eligible": {standing},
        "remove": {standing, eligibility, mine, activated},
    }
    assert possible == expected.get(act, {standing, eligibility})
    assert now(standing).ends_at == NOON + 10 * DAY
    said = {"act": act, "confirmed": "1", "seen": page.context["seen"], "pick": pick} | form
    assert dana.post(TOGETHER, said).status_code == 422, "no justification"
    said["pick"] = [one.key for one in page.context["possible"] if one.held != activated]
    if activated in possible:
        said["seen"] = dana.post(TOGETHER, {"pick": said["pick"], "act": act}).context["seen"]
    answer = dana.post(TOGETHER, said | {"justification": "Yearly tidying"})
    assert answer.status_code == 302
    sweep()

    if act in ("set_end", "extend"):
        assert {now(standing).ends_at, now(eligibility).ends_at} == {NOON + 28 * DAY}
    elif act == "remove":
        assert not Assignment.objects.live().exists()
        assert not Eligibility.objects.in_force().exists()
    else:
        assert Eligibility.objects.get(person=cast.employee).is_in_force()
    assert dana.post(TOGETHER, said | {"justification": "Again"}).status_code in (302, 409, 422)


def test_one_that_does_not_fit_stops_all_of_them(
    role: Role, cast: Cast, dana: Client, standing: Assignment, vault: Vault
) -> None:
    capped = make_role(vault.row, "Reader")
    change_settings(capped, eligible_permanent=False, eligible_days=15)
    other = make_eligibility(capped, cast.employee, ends_at=NOON + 5 * DAY)
    pick = [f"a{standing.pk}", f"e{other.pk}"]
    form = {
        "act": "extend",
        "confirmed": "1",
        "pick": pick,
        "justification": "x",
        "ends_at": "2026-06-01T12:00",
    }

    answer = dana.post(TOGETHER, form)

    assert answer.status_code == 422
    assert "Robin Sample, Reader" in answer.content.decode()
    assert now(standing).ends_at == NOON + 10 * DAY


def test_a_holder_asks_on_their_own_page_and_it_is_decided_in_the_list(
    role: Role, cast: Cast, dana: Client
) -> None:
    held = make_eligibility(role, cast.employee, ends_at=NOON + 10 * DAY)
    robin = signed_in(cast.employee)
    address = reverse("extend_my_eligibility", args=[held.pk])
    assert address in robin.get(reverse("my_roles")).content.decode()

    assert robin.post(address, {"justification": ""}).status_code == 422
    assert robin.post(address, {"justification": "Still on call"}).status_code == 302
    waiting = AccessRequest.objects.get()
    assert address not in robin.get(reverse("my_roles")).content.decode()
    assert robin.post(address, {"justification": "Again"}).status_code == 422
    listed = dana.get(reverse("to_decide")).content.decode()
    assert "2026-05-24T12:00" in listed, "as long again is offered"
    decide = reverse("decide", args=[waiting.pk])
    form = {"verdict": "approve", "given_kind": "eligible", "given_end": "2029-06-01T12:00"}
    change_settings(role, eligible_permanent=False)
    for wrong in ({"given_end": ""}, {"given_end": "2026-05-04T11:00"}, {"given_kind": ""}):
        answer = dana.post(decide, form | wrong)
        assert (answer.status_code, list(answer.context["form"].errors)) == (422, list(wrong))
    assert dana.post(decide, form | {"given_end": "2026-06-01T12:00"}).status_code == 302

    assert now(held).ends_at == NOON + 28 * DAY
    assert (
        "Eligible until 1 Jun 2026" in robin.get(reverse("request_page", args=[waiting.pk])).content.decode()
    )


def test_what_expired_is_offered_for_renewal(role: Role, cast: Cast, clock: TimeMachineFixture) -> None:
    held = make_eligibility(role, cast.employee, ends_at=NOON + DAY)
    clock.shift(2 * 86400)
    sweep()
    robin = signed_in(cast.employee)
    address = reverse("renew_my_eligibility", args=[held.pk])
    assert address in robin.get(reverse("my_roles"), {"tab": "expired"}).content.decode()
    assert robin.post(address, {"justification": "Still on call"}).status_code == 302
    assert AccessRequest.objects.get().act == "renew"
    assert signed_in(cast.outsider).get(address).status_code == 404
