"""The first page: what one holds, what one may activate, what waits for one."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from time_machine import TimeMachineFixture

from accounts.duties import Duty
from audit.alerts.alerting import raise_alert
from audit.journal.actor import PORTAL
from roles.models import Role
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault, vault  # noqa: F401
from tests.factories.pages import signed_in
from tests.factories.people import give_duty, make_person
from tests.factories.roles import NOON, activate, ask, make_eligibility, make_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(time_machine: TimeMachineFixture) -> TimeMachineFixture:
    """It is noon, and time stands still until a test moves it."""
    time_machine.move_to(NOON, tick=False)
    return time_machine


@pytest.fixture
def role(clock: TimeMachineFixture, vault: Vault) -> Role:  # noqa: F811
    return make_role(vault.row)


def home(client: Client) -> Any:
    answer = client.get(reverse("home"))
    assert answer.status_code == 200
    return answer


def test_it_offers_what_one_may_activate_with_the_form_filled_in(role: Role, cast: Cast) -> None:
    make_eligibility(role, cast.employee)
    page = home(signed_in(cast.employee))
    assert [choice.eligibility.role for choice in page.context["choices"]] == [role]
    assert page.context["form"]["minutes"].value() == 60
    assert page.context["count"] == 0


def test_it_shows_what_is_in_force_until_it_is_over(
    role: Role, cast: Cast, clock: TimeMachineFixture
) -> None:
    eligibility = make_eligibility(role, cast.employee)
    assignment = activate(eligibility, cast.employee, minutes=30)
    robin = signed_in(cast.employee)
    before = home(robin)
    assert (before.context["count"], before.context["is_moving"]) == (0, True)
    sweep()
    during = home(robin)
    assert (list(during.context["held"]), during.context["count"]) == ([assignment], 1)
    assert during.context["first_end"] == assignment.ends_at
    assert reverse("deactivate", args=[assignment.pk]) in during.content.decode()
    clock.shift(30 * 60)
    after = home(signed_in(cast.employee))  # no sweep has run
    assert after.context["count"] == 0


def test_parts_of_it_are_asked_for_alone(role: Role, cast: Cast) -> None:
    eligibility = make_eligibility(role, cast.employee)
    robin = signed_in(cast.employee)
    seen = home(robin).context["seen"]
    live = {"HX-Request": "true", "HX-Target": "live"}
    assert robin.get(reverse("home"), {"seen": seen}, headers=live).status_code == 204
    activate(eligibility, cast.employee)
    changed = robin.get(reverse("home"), {"seen": seen}, headers=live)
    assert changed.status_code == 200
    assert b"<html" not in changed.content
    quick = robin.get(reverse("home"), {"role": str(eligibility.pk)}, headers={"HX-Target": "quick"})
    assert quick.context["choice"].eligibility == eligibility


def test_E1_a_role_of_somebody_else_is_not_offered_by_its_number(role: Role, cast: Cast) -> None:
    eligibility = make_eligibility(role, cast.employee)
    pat = signed_in(cast.outsider)
    for number in (str(eligibility.pk), "0", "-1", "'", "1e308"):
        answer = pat.get(reverse("home"), {"role": number})
        assert answer.status_code == 200
        assert answer.context["choice"] is None


def test_it_counts_what_waits_for_ones_decision(clock: TimeMachineFixture, vault: Vault, cast: Cast) -> None:  # noqa: F811
    role = make_role(vault.row, "Reader", approvers=[cast.approver])
    for person in (cast.employee, cast.outsider, cast.approver):
        if person != cast.approver:
            ask(make_eligibility(role, person), person)
    waiting = home(signed_in(cast.approver)).context["waiting"]
    assert (waiting.to_decide, waiting.first.holder) == (2, cast.employee)
    assert home(signed_in(cast.employee)).context["waiting"].to_decide == 0
    assert home(signed_in(cast.root)).context["waiting"].to_decide == 0


def test_alerts_are_counted_for_those_who_keep_them(role: Role, cast: Cast) -> None:
    raise_alert("test", key="one", severity="low", title="A low one", actor=PORTAL)
    give_duty(cast.approver, Duty.SECURITY_ADMINISTRATOR)
    counts = {
        name: home(signed_in(getattr(cast, name))).context["waiting"].alerts
        for name in ("administrator", "approver", "auditor", "employee", "root")
    }
    assert counts == {"administrator": 1, "approver": 1, "auditor": 0, "employee": 0, "root": 0}


def test_it_asks_the_database_little_however_much_there_is(
    clock: TimeMachineFixture,
    vault: Vault,  # noqa: F811
    cast: Cast,
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(20):
        role = make_role(vault.row, f"Role {number:02}", approvers=[cast.employee] if number % 2 else None)
        activate_or_ask = make_eligibility(role, cast.employee)
        if number % 4 == 0:
            activate(activate_or_ask, cast.employee)
        if number % 2:
            person = make_person(f"p{number}")
            ask(make_eligibility(role, person), person)
    robin = signed_in(cast.employee)
    home(robin)
    with django_assert_max_num_queries(30):
        page = home(robin)
    assert page.context["waiting"].to_decide == 10
    assert len(page.context["held"]) == 5
