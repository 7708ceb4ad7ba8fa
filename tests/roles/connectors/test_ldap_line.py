"""The LDAP connector on a bad line, with certificates that do not fit, and on answers that get lost."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from roles.connectors import ldap_line
from roles.connectors.base import Unavailable
from tests.roles.connectors.database import Relay
from tests.roles.connectors.ldap_servers import ALICE, OPERATORS, OpenLDAP, make_certificates

pytestmark = pytest.mark.one_database

CHANGE = (
    b"\x04\x06member\x31"  # the name of an attribute and a set of its values: a modification (RFC 4511, 4.6)
)


@pytest.fixture
def line(openldap: OpenLDAP) -> Iterator[Relay]:
    relay = Relay({"host": "127.0.0.1", "port": openldap.port})
    yield relay
    relay.close()


class TestEncryption:
    @pytest.mark.parametrize("way", ["starttls", "ldaps"])
    def test_given_the_right_authority_then_it_works_and_given_another_then_it_is_unavailable_in_words(
        self, openldap: OpenLDAP, way: str, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        url = openldap.url if way == "starttls" else openldap.tls_url
        assert openldap.connector(url=url).check([OPERATORS])["usable"]
        stranger = tmp_path_factory.mktemp("stranger")
        make_certificates(stranger, "127.0.0.1")
        with pytest.raises(Unavailable, match=r"certificate of .* does not fit"):
            openldap.connector(url=url, ca_file=str(stranger / "ca.pem")).check()

    def test_given_a_certificate_for_another_name_then_it_is_unavailable(self, openldap: OpenLDAP) -> None:
        relay = Relay({"host": "127.0.0.1", "port": openldap.tls_port}, host="127.0.0.2")
        try:
            with pytest.raises(Unavailable, match="does not fit"):
                openldap.connector(url=f"ldaps://127.0.0.2:{relay.port}").check()
        finally:
            relay.close()

    def test_given_a_file_of_authorities_that_is_not_there_then_it_is_named(self, openldap: OpenLDAP) -> None:
        with pytest.raises(Unavailable, match=r"/nowhere/ca\.pem"):
            openldap.connector(ca_file="/nowhere/ca.pem").check()


class TestABadLine:
    @pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
    def test_given_a_server_that_accepts_and_never_answers_then_unavailable_within_six_seconds(
        self, openldap: OpenLDAP, scheme: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ldap_line, "CONNECT_SECONDS", 1)
        with socket.create_server(("127.0.0.1", 0)) as mute:
            began = time.monotonic()
            with pytest.raises(Unavailable):
                openldap.connector(url=f"{scheme}://127.0.0.1:{mute.getsockname()[1]}").check()
            assert time.monotonic() - began < 2

    def test_given_a_connection_that_falls_silent_then_unavailable_in_time_and_the_next_call_connects_anew(
        self, openldap: OpenLDAP, line: Relay, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ldap_line, "ANSWER_SECONDS", 1)
        with openldap.connector(url=f"ldap://127.0.0.1:{line.port}") as connector:
            connector.check()
            line.silent.set()
            last_resort = threading.Timer(8, line.close)  # or a defect would hang the tests too
            last_resort.start()
            began = time.monotonic()
            with pytest.raises(Unavailable, match="did not answer"):
                connector.grant(ALICE, OPERATORS, not_after=None, operation="op-1")
            assert time.monotonic() - began < 3
            last_resort.cancel()
            line.silent.clear()
            assert connector.grant(ALICE, OPERATORS, not_after=None, operation="op-1").changed
        assert line.connections == 2 * 2  # each with a trial of TLS before it

    def test_given_an_answer_lost_after_the_grant_when_granted_again_then_it_is_there_and_ours(
        self, openldap: OpenLDAP, line: Relay
    ) -> None:
        connector = openldap.connector(url=f"ldap://127.0.0.1:{line.port}", starttls="no")
        line.cut_after = CHANGE
        with pytest.raises(Unavailable):
            connector.grant(ALICE, OPERATORS, not_after=None, operation="op-1")
        again = openldap.grant()
        assert (again.changed, again.preexisting) == (False, False)
        assert openldap.reads_vault(ALICE)

    def test_given_an_answer_lost_after_the_revocation_when_revoked_again_then_nothing_is_left(
        self, openldap: OpenLDAP, line: Relay
    ) -> None:
        openldap.grant()
        line.cut_after = CHANGE
        with pytest.raises(Unavailable):
            openldap.connector(url=f"ldap://127.0.0.1:{line.port}", starttls="no").revoke(
                ALICE, OPERATORS, operation="op-2"
            )
        assert not openldap.reads_vault(ALICE)
        assert not openldap.revoke().changed
        assert openldap.marks() == []
