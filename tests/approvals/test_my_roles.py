"""What one may activate, what one holds, and what one held."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from time_machine import TimeMachineFixture

from roles.models import Eligibility
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import signed_in
from tests.factories.people import make_group
from tests.factories.roles import HOUR, NOON, activate, ask, make_eligibility, make_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def eligibility(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Eligibility:
    return make_eligibility(make_role(vault.row), cast.employee)


@pytest.fixture
def robin(eligibility: Eligibility, cast: Cast) -> Client:
    return signed_in(cast.employee)


def names(client: Client, **query: str) -> list[str]:
    choices = client.get(reverse("my_roles"), query).context["choices"]
    return [choice.eligibility.role.name for choice in choices]


def test_ones_own_eligibilities_and_those_of_ones_groups_are_there(
    robin: Client, eligibility: Eligibility, cast: Cast, vault: Vault
) -> None:
    make_eligibility(make_role(vault.row, "Reader"), make_group("Data engineers", cast.employee))
    make_eligibility(make_role(vault.row, "Writer"), cast.outsider)
    make_eligibility(make_role(vault.row, "Later"), cast.employee, starts_at=NOON + HOUR)
    assert sorted(names(robin)) == ["Operator", "Reader"]
    assert "through Data engineers" in robin.get(reverse("my_roles")).content.decode()
    assert names(robin, q="engineers") == ["Reader"]
    assert names(robin, q="nothing like it") == []
    assert b"No role matches" in robin.get(reverse("my_roles"), {"q": "<b>"}).content


def test_a_role_that_is_held_is_active_and_afterwards_ended(
    robin: Client, eligibility: Eligibility, cast: Cast, clock: TimeMachineFixture
) -> None:
    assignment = activate(eligibility, cast.employee)
    sweep()
    assert list(robin.get(reverse("my_roles"), {"tab": "active"}).context["held"]) == [assignment]
    clock.shift(4 * 60 * 60)
    sweep()
    robin = signed_in(cast.employee)
    assert list(robin.get(reverse("my_roles"), {"tab": "active"}).context["held"]) == []
    assert list(robin.get(reverse("my_roles"), {"tab": "expired"}).context["past"]) == [assignment]


def test_B1_an_eligibility_that_has_ended_is_gone_with_its_moment(
    robin: Client, cast: Cast, vault: Vault, clock: TimeMachineFixture
) -> None:
    make_eligibility(make_role(vault.row, "Reader"), cast.employee, ends_at=NOON + HOUR)
    clock.move_to(NOON + HOUR, tick=False)
    assert names(signed_in(cast.employee)) == ["Operator"]


def test_E1_nobody_sees_what_others_may(robin: Client, cast: Cast) -> None:
    for person in (cast.approver, cast.administrator, cast.auditor, cast.outsider, cast.root):
        client = signed_in(person)
        for tab in ("eligible", "active", "expired", "nonsense"):
            answer = client.get(reverse("my_roles"), {"tab": tab})
            assert answer.status_code == 200
            assert "Operator" not in answer.content.decode()


def test_the_page_asks_the_database_little_however_many_roles(
    robin: Client, cast: Cast, vault: Vault, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        eligibility = make_eligibility(make_role(vault.row, f"Role {number:02}"), cast.employee)
        if number % 3 == 0:
            activate(eligibility, cast.employee)
        elif number % 3 == 1:
            ask(eligibility, cast.employee)
    robin.get(reverse("my_roles"))
    for tab in ("eligible", "active", "expired"):
        with django_assert_max_num_queries(24):
            robin.get(reverse("my_roles"), {"tab": tab})
