"""A role that a web hook is asked about first."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from approvals.hooks.models import HookCall
from approvals.hooks.sending import send
from approvals.models import AccessRequest
from tests.cast import Cast
from tests.factories.connectors import Vault, vault  # noqa: F401
from tests.factories.roles import ask, make_eligibility, make_role

Ask = Callable[..., AccessRequest]


@pytest.fixture(autouse=True)
def _loopback_may_be_called(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED = ["127.0.0.1"]


@pytest.fixture
def ask_for(cast: Cast, vault: Vault) -> Ask:  # noqa: F811
    """The employee asks for a role whose hook is ``ticket-check``; gives the request, about which nobody was asked yet."""

    def ask_with(*, approved: bool = True, ticket: str = "INC-1001", **said: Any) -> AccessRequest:
        approvers = [cast.approver] if approved else None
        role = make_role(vault.row, approvers=approvers, **({"hook": "ticket-check"} | said))
        return ask(make_eligibility(role, cast.employee), cast.employee, ticket=ticket)

    return ask_with


def send_now(access_request: AccessRequest) -> HookCall:
    """Send its call as a worker would whose turn it is, and give what came of it."""
    call = HookCall.objects.get(access_request=access_request)
    HookCall.objects.filter(pk=call.pk, outcome="").update(next_at=access_request.created_at)
    send(call.pk)
    return HookCall.objects.get(pk=call.pk)
