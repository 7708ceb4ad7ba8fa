"""Giving a role back on a page: one's own, not before its time, once."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from time_machine import TimeMachineFixture

from approvals.models import AccessRequest
from roles.models import Assignment, EndCause
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import signed_in
from tests.factories.roles import activate, make_eligibility, make_role, now

pytestmark = pytest.mark.django_db

MINUTE = 60


@pytest.fixture
def held(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Assignment:
    """Four hours of a role, given by the directory at noon."""
    assignment = activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee)
    sweep()
    return now(assignment)


def give_back(client: Client, held: Assignment, **form: str) -> Any:
    return client.post(reverse("deactivate", args=[held.pk]), form, follow=True)


def test_B9_before_five_minutes_are_over_it_goes_on(
    held: Assignment, cast: Cast, clock: TimeMachineFixture
) -> None:
    robin = signed_in(cast.employee)
    for _ in range(2):
        answer = give_back(robin, held)
        assert answer.redirect_chain == [("/", 302)]
        assert "five minutes after activation at the earliest" in answer.content.decode()
        assert now(held).is_in_force()
        clock.shift(5 * MINUTE - 1)
    assert not AccessRequest.objects.filter(act=AccessRequest.Act.DEACTIVATE).exists()


def test_after_five_minutes_it_is_over_at_once(
    held: Assignment, cast: Cast, clock: TimeMachineFixture, vault: Vault
) -> None:
    robin = signed_in(cast.employee)
    clock.shift(5 * MINUTE)
    answer = give_back(robin, held)
    assert "<b>Operator has ended.</b>" in answer.content.decode()
    assert not now(held).is_in_force()
    assert now(held).end_cause == EndCause.DEACTIVATED
    sweep()
    assert not vault.holds(held)


def test_B9_it_is_given_back_once(held: Assignment, cast: Cast, clock: TimeMachineFixture) -> None:
    robin = signed_in(cast.employee)
    clock.shift(5 * MINUTE)
    assert give_back(robin, held, stay="1").redirect_chain[0][0].startswith("/requests/")
    again = give_back(robin, held)
    assert again.status_code == 409
    assert "This has ended already." in again.content.decode()
    assert AccessRequest.objects.filter(act=AccessRequest.Act.DEACTIVATE).count() == 1


def test_what_ended_by_itself_meanwhile_is_not_given_back(
    held: Assignment, cast: Cast, clock: TimeMachineFixture
) -> None:
    clock.shift(4 * 60 * MINUTE)
    sweep()
    robin = signed_in(cast.employee)
    assert give_back(robin, held).status_code == 409
    assert now(held).end_cause == EndCause.EXPIRED
    assert not AccessRequest.objects.filter(act=AccessRequest.Act.DEACTIVATE).exists()


def test_E1_somebody_elses_is_not_there(held: Assignment, cast: Cast, clock: TimeMachineFixture) -> None:
    clock.shift(5 * MINUTE)
    for person in (cast.approver, cast.administrator, cast.auditor, cast.outsider, cast.root):
        assert give_back(signed_in(person), held).status_code == 404
    assert now(held).is_in_force()


def test_D9_A13_nothing_but_the_form_ends_it(held: Assignment, cast: Cast, clock: TimeMachineFixture) -> None:
    robin = signed_in(cast.employee)
    clock.shift(5 * MINUTE)
    address = reverse("deactivate", args=[held.pk])
    assert robin.get(address)["Location"] == "/"
    for method in (robin.put, robin.patch, robin.delete):
        assert method(address).status_code == 405
    assert now(held).is_in_force()
