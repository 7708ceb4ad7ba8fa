"""The examples of the docs, as they are run; and two workers who are at the same call at once."""

from __future__ import annotations

import json
import time
from functools import partial

import httpx
import pytest

from approvals.hooks.calling import call
from approvals.hooks.models import Hook, HookCall
from approvals.hooks.sending import send
from approvals.hooks.signing import keep_secret, secrets_of
from approvals.hooks.wording import NoAnswer
from approvals.models import AccessRequest
from roles.connectors.signing import new_secret, signed_headers
from tests.approvals.hooks.conftest import Ask, send_now
from tests.cast import make_cast
from tests.factories.connectors import Vault
from tests.factories.hooks import example, make_hook, says, serving
from tests.factories.roles import ask, make_eligibility, make_role, now
from tests.races import racing

pytestmark = pytest.mark.django_db

Status, Outcome = AccessRequest.Status, HookCall.Outcome


@pytest.mark.parametrize(
    ("ticket", "status", "note"),
    [
        ("INC-1001", Status.APPROVED, ""),
        ("INC-9", Status.DENIED, "“Ticket check” denied it: The ticket INC-9 is not open."),
        ("", Status.DENIED, "“Ticket check” denied it: Name the ticket this is about."),
    ],
)
def test_the_ticket_check(ask_for: Ask, ticket: str, status: str, note: str) -> None:
    hook = make_hook("http://127.0.0.1:9/")
    with example("ticket_check.py", secrets_of(hook)[0], OPEN_TICKETS="INC-1001,INC-1002") as url:
        Hook.objects.update(url=url)
        filed = ask_for(approved=False, ticket=ticket)
        send_now(filed)

    assert (now(filed).status, now(filed).outcome_note) == (status, note)


@pytest.mark.parametrize(
    ("on_call", "status"), [("ROBIN@example.test", Status.APPROVED), ("kim@example.test", Status.PENDING)]
)
def test_the_on_call_check(ask_for: Ask, on_call: str, status: str) -> None:
    hook = make_hook("http://127.0.0.1:9/")
    with example("on_call_check.py", secrets_of(hook)[0], ON_CALL=on_call) as url:
        Hook.objects.update(url=url)
        filed = ask_for(hook_may_approve=True)
        send_now(filed)

    assert now(filed).status == status


@pytest.mark.parametrize("name", ["ticket_check.py", "on_call_check.py"])
def test_an_example_answers_nobody_but_the_portal_and_goes_on_answering_while_secrets_change(
    name: str,
) -> None:
    hook = make_hook("http://127.0.0.1:9/")
    first = secrets_of(hook)[0]
    question = {"test": True, "ticket": {"ticketNumber": ""}, "principal": {}, "action": "selfActivate"}
    body = json.dumps(question).encode()
    moment = int(time.time())
    with example(name, first) as url:
        hook.url = url
        assert call(hook, question, message_id="msg_1").outcome == Outcome.APPROVED
        keep_secret(hook, new_secret())
        assert call(hook, question, message_id="msg_1").outcome == Outcome.APPROVED, "the old one signs too"
        keep_secret(hook, new_secret())
        with pytest.raises(NoAnswer, match="401"):
            call(hook, question, message_id="msg_1")

        signed = signed_headers([first], message_id="msg_1", timestamp=moment, body=body)
        old = signed_headers([first], message_id="msg_1", timestamp=moment - 600, body=body)
        for headers, content in [
            ({}, body),
            (old, body),
            (signed | {"webhook-id": "msg_2"}, body),
            (signed | {"webhook-signature": "v1,ö"}, body),
            (signed, body + b" "),
        ]:
            said = {key: value.encode() for key, value in headers.items()}
            assert httpx.post(url, headers=said, content=content, trust_env=False).status_code == 401
        assert httpx.post(url, headers=signed, content=body, trust_env=False).status_code == 200


def test_a_signature_is_as_standard_webhooks_has_it() -> None:
    """The example of the specification's reference implementations."""
    headers = signed_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_once(vault: Vault) -> None:
    cast = make_cast()
    role = make_role(vault.row, hook="ticket-check")
    with serving(says("Approved")) as server, racing(4) as race:
        make_hook(server.url)
        filed = ask(make_eligibility(role, cast.employee), cast.employee)
        key = HookCall.objects.get().pk
        race([partial(send, key)] * 4)

    assert len(server.asked) == 1
    assert (now(filed).status, HookCall.objects.get().attempts) == (Status.APPROVED, 1)
