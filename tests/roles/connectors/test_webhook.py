"""The signed web hook: the contract with the example receiver of the docs, and what each answer comes to."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from roles.connectors.base import (
    AuthenticationFailed,
    Busy,
    Connector,
    ConnectorError,
    Denied,
    NotFound,
    Unavailable,
    Unsupported,
)
from roles.connectors.registry import connector_for_kind
from roles.connectors.signing import new_secret, signed_headers
from roles.connectors.webhook import UNCHECKED
from tests.factories.hooks import Answering, raw, serving
from tests.factories.receivers import Receiver, answers, receiving
from tests.roles.connectors.contract import ConnectorContract, NetworkContract, Target

pytestmark = pytest.mark.one_database

KEY = new_secret()
FULL = {"lists": True, "native_end": True, "scopes": True, "tells_whose": True}


@pytest.fixture(autouse=True)
def _loopback_may_be_called(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED = ["127.0.0.1"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with receiving(tmp_path_factory.mktemp("receiver"), KEY) as receiver:
        yield receiver


@pytest.fixture
def receiver(running: Receiver) -> Receiver:
    running.forget()
    return running


def connect(url: str, secret: str = KEY, **can: bool) -> Connector:
    return connector_for_kind("webhook", {"url": url} | can, secret)


def a_target(receiver: Receiver, dead_port: int, **can: bool) -> Target:
    return Target(
        connect=partial(connect, receiver.url, **can),
        account="robin",
        entitlement="archive",
        more_accounts=["kim", "ada"],
        can_use=receiver.holds,
        grant_by_hand=receiver.grant_by_hand,
        connect_to_dead_address=partial(connect, f"http://127.0.0.1:{dead_port}/", **can),
        connect_with_secret=lambda secret: connect(receiver.url, secret, **can),
    )


class TestWebhookKeepsTheContract(ConnectorContract, NetworkContract):
    @pytest.fixture
    def target(self, receiver: Receiver, dead_port: int) -> Target:
        return a_target(receiver, dead_port, **FULL)


class TestWebhookThatCanDoTheLeastKeepsTheContract(ConnectorContract):
    @pytest.fixture
    def target(self, receiver: Receiver, dead_port: int) -> Target:
        return a_target(receiver, dead_port)


def give(connector: Connector, account: str = "robin") -> Any:
    return connector.grant(account, "archive", not_after=None, operation="assignment-7")


def take(connector: Connector, account: str = "robin") -> Any:
    return connector.revoke(account, "archive", operation="assignment-7")


def test_a_well_made_secret_that_is_not_the_receivers_is_refused(receiver: Receiver) -> None:
    with pytest.raises(AuthenticationFailed, match="did not accept the signature"):
        give(connect(receiver.url, new_secret()))

    assert not receiver.holds("robin")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_ü"])
def test_given_no_proper_secret_then_nothing_is_sent(secret: str) -> None:
    with serving(answers()) as server, pytest.raises(AuthenticationFailed, match="secret"):
        give(connect(server.url, secret))

    assert server.asked == []


def test_while_a_secret_is_replaced_both_sign_and_the_receiver_needs_only_one(receiver: Receiver) -> None:
    give(connect(receiver.url, f"{new_secret()} {KEY}"))

    assert receiver.holds("robin")


def test_the_receiver_refuses_what_was_tampered_with_what_is_old_and_what_is_sent_again(
    receiver: Receiver,
) -> None:
    right = {"account": "robin", "entitlement": "archive", "scope": "/", "not_after": None}
    body = json.dumps({"type": "right.granted", "data": right}).encode()
    moment = int(time.time()) - 5
    signed = signed_headers([KEY], message_id="msg_1", timestamp=moment, body=body)

    def status(headers: Mapping[str, str], content: bytes) -> int:
        said = {name: value.encode() for name, value in headers.items()}
        return httpx.post(receiver.url, headers=said, content=content, trust_env=False).status_code

    for headers, content in [
        ({}, body),
        (signed_headers([KEY], message_id="msg_1", timestamp=moment - 600, body=body), body),
        (signed | {"webhook-id": "msg_2"}, body),
        (signed | {"webhook-timestamp": str(moment + 1)}, body),
        (signed | {"webhook-signature": "v1,ö"}, body),
        (signed, body.replace(b"robin", b"kim")),
    ]:
        assert status(headers, content) == 401
    assert not receiver.holds("robin")

    assert status(signed, body) == 200
    take(connect(receiver.url))
    assert status(signed, body) == 409
    assert not receiver.holds("robin")


def test_what_is_said_is_the_wanted_state_and_a_retry_has_the_same_id_and_body() -> None:
    with serving(answers(503), answers(changed=True, receipt="R-1")) as server:
        connector = connect(server.url)
        with pytest.raises(Unavailable):
            give(connector)
        assert give(connector).receipt == "R-1"
        connector.revoke("robin", "archive", operation="assignment-7", receipt="R-1")

    (first, body), (second, again), (third, _) = server.asked
    assert json.loads(body) == {
        "type": "right.granted",
        "data": {
            "account": "robin",
            "entitlement": "archive",
            "scope": "/",
            "operation": "assignment-7",
            "not_after": None,
            "receipt": "",
        },
    }
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert third["webhook-id"] != first["webhook-id"]
    assert server.questions[2]["type"] == "right.revoked"
    assert server.questions[2]["data"]["receipt"] == "R-1"


def test_given_202_it_is_not_done_yet_and_is_asked_again_with_the_same_id() -> None:
    with serving(answers(202, message="Queued as 12."), answers(204), answers(202)) as server:
        connector = connect(server.url)
        with pytest.raises(Busy, match=r"not done it yet\. It says: Queued as 12\."):
            give(connector)
        assert give(connector).changed
        with pytest.raises(Busy):
            take(connector)

    assert server.asked[0][0]["webhook-id"] == server.asked[1][0]["webhook-id"]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (answers(404, error="account"), NotFound, "no account robin"),
        (answers(404, error="entitlement"), NotFound, "no entitlement archive"),
        (answers(404), Unavailable, "404"),
        (raw(b"<h1>Not found</h1>", status=404), Unavailable, "404"),
        (answers(401), AuthenticationFailed, "signature"),
        (answers(403, message="Frozen until Monday."), Denied, "Frozen until Monday"),
        (answers(409), Unsupported, "409"),
        (answers(422, message="No guests."), Unsupported, "No guests"),
        (answers(301, Location="/elsewhere"), Unsupported, "redirect"),
        (answers(429), Unavailable, "429"),
        (answers(500), Busy, "500"),
        (answers(503), Unavailable, "503"),
        (raw(b"<html>Please sign in</html>"), Unavailable, "not with a JSON object"),
        (raw(b"[" * 5000), Unavailable, "not with a JSON object"),
        (answers(changed="yes"), Unavailable, '"changed"'),
        (answers(receipt=12), Unavailable, '"receipt"'),
        (raw(b" " * 70_000), Unavailable, "longer than"),
    ],
)
def test_each_answer_comes_to_an_error_in_words(
    answer: Answering, error: type[ConnectorError], words: str
) -> None:
    for act in (give, take):
        with serving(answer) as server, pytest.raises(error, match=words) as refusal:
            act(connect(server.url))
        assert type(refusal.value) is error


def test_an_answer_that_repeats_the_secret_or_breaks_lines_is_told_without() -> None:
    with (
        serving(answers(403, message=f"Expected {KEY}\nnot\x1b[31m this")) as server,
        pytest.raises(Denied) as refusal,
    ):
        give(connect(server.url))

    assert str(refusal.value).endswith("It says: Expected … not [31m this")


def test_an_end_without_a_zone_is_not_taken_for_one() -> None:
    with serving(answers(not_after="2026-05-04T12:00:00")) as server:
        with pytest.raises(Unavailable, match='"not_after"'):
            give(connect(server.url, native_end=True))
        assert give(connect(server.url)).not_after is None


@pytest.mark.parametrize(
    "answer", [answers(), answers(grants=None), answers(grants=[{"account": "robin"}]), answers(grants=["x"])]
)
def test_a_list_that_cannot_be_read_is_not_taken_for_an_empty_one(answer: Answering) -> None:
    with serving(answer) as server, pytest.raises(Unavailable):
        connect(server.url, lists=True).list_grants(["archive"])


def test_what_was_not_asked_about_is_left_out_of_the_list() -> None:
    said = [{"account": "robin", "entitlement": name} for name in ("archive", "cellar")]
    with serving(answers(grants=said)) as server:
        found = connect(server.url, lists=True).list_grants(["archive"])

    assert [one.entitlement for one in found] == ["archive"]


def test_a_receiver_that_looks_at_no_signature_is_not_usable() -> None:
    with serving(answers(version="Careless 1")) as server:
        finding = connect(server.url).check(["archive"])

    assert (finding["usable"], finding["missing"]) == (False, [UNCHECKED])


def test_a_receiver_that_knows_no_check_says_so_in_the_finding() -> None:
    with serving(answers(422)) as server:
        finding = connect(server.url).check()

    assert not finding["usable"]
    assert "422" in finding["missing"][0]


def test_an_address_inside_the_network_is_not_called_unless_the_operator_allows_it(
    settings: Settings,
) -> None:
    settings.OUTBOUND_ALLOWED = []
    with serving(answers()) as server, pytest.raises(Unsupported, match="OUTBOUND_ALLOWED"):
        give(connect(server.url))

    assert server.asked == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "needs the setting url"),
        ({"url": " "}, "needs the setting url"),
        ({"url": "https://x", "secret": "s"}, "no use for the setting secret"),
        ({"url": "https://x", "lists": "perhaps"}, "lists is either true or false"),
    ],
)
def test_settings_it_does_not_take_are_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        connector_for_kind("webhook", said)


def test_only_who_keeps_ends_is_told_one() -> None:
    with serving(answers()) as server:
        for can in ({}, {"native_end": True}):
            connector = connect(server.url, **can)
            assert connector.capabilities.native_expiry == ("optional" if can else "none")
            end = datetime(2026, 5, 4, 16, 1, tzinfo=UTC)
            connector.grant("robin", "archive", not_after=end, operation="assignment-7")

    assert [one["data"]["not_after"] for one in server.questions] == [None, "2026-05-04T16:01:00+00:00"]
