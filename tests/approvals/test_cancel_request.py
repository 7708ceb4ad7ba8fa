"""Taking back what one asked for: by who asked alone, and only as long as it waits."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from time_machine import TimeMachineFixture

from approvals.models import AccessRequest
from audit.journal.models import AuditEvent
from roles.models import Assignment
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import FORGED, HOSTILE, signed_in
from tests.factories.roles import approve, ask, make_eligibility, make_role, now

pytestmark = pytest.mark.django_db

Status = AccessRequest.Status


@pytest.fixture
def filed(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> AccessRequest:
    role = make_role(vault.row, approvers=[cast.approver])
    return ask(make_eligibility(role, cast.employee), cast.employee)


def cancel(client: Client, filed: AccessRequest, **form: str) -> Any:
    return client.post(reverse("cancel_request", args=[filed.pk]), form)


def test_who_asked_cancels_and_says_why_if_they_like(filed: AccessRequest, cast: Cast) -> None:
    answer = cancel(signed_in(cast.employee), filed, justification=HOSTILE[0])
    assert (answer.status_code, answer["Location"]) == (302, reverse("request_page", args=[filed.pk]))
    assert now(filed).status == Status.CANCELED
    assert AuditEvent.objects.get(action="activation.canceled").justification == HOSTILE[0]


def test_looking_at_the_address_cancels_nothing(filed: AccessRequest, cast: Cast) -> None:
    assert signed_in(cast.employee).get(reverse("cancel_request", args=[filed.pk])).status_code == 302
    assert now(filed).status == Status.PENDING


@pytest.mark.parametrize(
    ("who", "status"),
    [("approver", 403), ("auditor", 403), ("outsider", 404), ("root", 404)],
)
def test_E1_nobody_else_cancels_it(filed: AccessRequest, cast: Cast, who: str, status: int) -> None:
    assert cancel(signed_in(getattr(cast, who)), filed).status_code == status
    assert now(filed).status == Status.PENDING


def test_A11_E2_a_forged_field_cancels_nothing(filed: AccessRequest, cast: Cast) -> None:
    robin = signed_in(cast.employee)
    for field in FORGED:
        assert cancel(robin, filed, **{field: "approved"}).status_code == 400
    for method in (robin.put, robin.patch, robin.delete):
        assert method(reverse("cancel_request", args=[filed.pk])).status_code == 405
    assert now(filed).status == Status.PENDING


def test_A10_what_was_decided_is_not_canceled_any_more(filed: AccessRequest, cast: Cast) -> None:
    approve(filed, cast.approver)
    answer = cancel(signed_in(cast.employee), filed)
    assert answer.status_code == 409
    assert f"{filed.number} does not wait any more: approved." in answer.content.decode()
    assert now(filed).status == Status.APPROVED
    assert Assignment.objects.get().status == Assignment.Status.PROVISIONING


def test_A10_it_is_canceled_once(filed: AccessRequest, cast: Cast) -> None:
    robin = signed_in(cast.employee)
    assert [cancel(robin, filed).status_code for _ in range(2)] == [302, 409]
    assert AuditEvent.objects.filter(action="activation.canceled").count() == 1


def test_A10_what_has_lapsed_is_not_canceled(
    filed: AccessRequest, cast: Cast, clock: TimeMachineFixture
) -> None:
    clock.shift(24 * 60 * 60)
    assert cancel(signed_in(cast.employee), filed).status_code == 409
    assert now(filed).status != Status.CANCELED
