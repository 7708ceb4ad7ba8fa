"""The PostgreSQL connector on a bad line, on a slow server, and with much to do."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from roles.connectors import postgresql, postgresql_queries
from roles.connectors.base import Busy, Outcome, Unavailable
from tests.roles.connectors.database import DatabaseServer, Relay


class TestABadLine:
    def test_given_a_server_that_accepts_and_never_answers_when_called_then_unavailable_within_six_seconds(
        self, server: DatabaseServer
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            connector = server.connector(port=mute.getsockname()[1])
            began = time.monotonic()
            with pytest.raises(Unavailable):
                connector.check()
            assert time.monotonic() - began < 6

    def test_given_a_connection_that_falls_silent_when_called_then_unavailable_in_time_and_the_next_call_connects_anew(
        self, server: DatabaseServer, relay: Relay, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgresql_queries, "STATEMENT_SECONDS", 0.5)
        with server.connector(port=relay.port) as connector:
            connector.check()
            relay.silent.set()
            last_resort = threading.Timer(8, relay.close)  # or a defect would hang the tests too
            last_resort.start()
            began = time.monotonic()
            with pytest.raises(Unavailable, match="did not answer"):
                connector.grant("alice", "reader", not_after=None, operation="op-1")
            assert time.monotonic() - began < 3
            last_resort.cancel()
            relay.silent.clear()
            assert connector.grant("alice", "reader", not_after=None, operation="op-1").changed
        assert relay.connections == 2

    def test_given_a_statement_that_takes_too_long_when_called_then_it_is_unavailable(
        self, server: DatabaseServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgresql, "STATEMENT_SECONDS", 1)
        with psycopg.connect(**server.address) as other:
            other.execute("LOCK TABLE pg_auth_members IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(Unavailable, match="statement timeout"):
                server.grant()
        assert server.grant().changed

    def test_given_a_lock_held_by_somebody_else_when_revoked_then_it_is_busy(
        self, server: DatabaseServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.grant()
        monkeypatch.setattr(postgresql, "LOCK_SECONDS", 0.3)
        with psycopg.connect(**server.address) as other:
            other.execute("LOCK TABLE pg_auth_members IN SHARE MODE")
            with pytest.raises(Busy, match="lock timeout"):
                server.revoke()
        assert server.revoke().changed

    def test_given_an_answer_lost_after_the_grant_when_granted_again_then_it_is_there_and_ours(
        self, server: DatabaseServer, relay: Relay
    ) -> None:
        relay.cut_after = b"GRANT "
        with pytest.raises(Unavailable):
            server.connector(port=relay.port).grant("alice", "reader", not_after=None, operation="op-1")
        assert server.reads("alice")
        again = server.grant()
        assert (again.changed, again.preexisting) == (False, False)

    def test_given_an_answer_lost_after_the_revocation_when_revoked_again_then_the_session_is_ended(
        self, server: DatabaseServer, relay: Relay
    ) -> None:
        server.grant()
        session = server.sign_in("alice")
        session.execute("SET ROLE reader")
        relay.cut_after = b"REVOKE "
        with pytest.raises(Unavailable):
            server.connector(port=relay.port).revoke("alice", "reader", operation="op-2")
        assert not server.revoke().changed
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")

    def test_given_a_standby_when_granted_then_it_is_unavailable(self, server: DatabaseServer) -> None:
        server.run("ALTER ROLE pim SET default_transaction_read_only = on")
        with pytest.raises(Unavailable, match="read-only"):
            server.grant()

    def test_given_a_database_that_does_not_exist_when_called_then_it_is_unavailable_and_not_not_found(
        self, server: DatabaseServer
    ) -> None:
        with pytest.raises(Unavailable, match="nowhere"):
            server.connector(dbname="nowhere").revoke("alice", "reader", operation="op-2")

    def test_given_a_server_elsewhere_without_tls_when_called_then_the_connector_does_not_speak_in_clear(
        self, server: DatabaseServer
    ) -> None:
        relay = Relay(server.address, host="127.0.0.2")
        try:
            with pytest.raises(Unavailable, match="SSL"):
                server.connector(host=relay.host, port=relay.port).check()
            assert server.connector(host=relay.host, port=relay.port, sslmode="disable").check()["usable"]
        finally:
            relay.close()


class TestMany:
    def test_given_three_hundred_rights_when_revoked_in_a_batch_then_one_connection_does_it(
        self, server: DatabaseServer, relay: Relay
    ) -> None:
        accounts = [f"login{number}" for number in range(300)]
        server.run("; ".join(f"CREATE ROLE {account} LOGIN" for account in accounts))
        server.run(f"GRANT reader TO {', '.join(accounts)} GRANTED BY pim")
        with server.connector(port=relay.port) as connector:
            outcomes = [connector.revoke(account, "reader", operation="op-2") for account in accounts]
        assert all(outcome.changed for outcome in outcomes)
        assert relay.connections == 1
        assert list(server.connector().list_grants(["reader"])) == []

    def test_given_eight_at_once_when_the_same_right_is_granted_and_revoked_then_nobody_fails_for_good(
        self, server: DatabaseServer
    ) -> None:
        def until_done(act: Callable[[], Outcome]) -> Outcome:
            for _ in range(20):
                try:
                    return act()
                except Unavailable:
                    time.sleep(0.05)
            return act()

        with ThreadPoolExecutor(8) as pool:
            outcomes = [pool.submit(until_done, server.grant) for _ in range(8)]
            assert any(outcome.result().changed for outcome in outcomes)
            assert not any(outcome.result().preexisting for outcome in outcomes)
        assert server.reads("alice")
        with ThreadPoolExecutor(8) as pool:
            outcomes = [pool.submit(until_done, server.revoke) for _ in range(8)]
            assert any(outcome.result().changed for outcome in outcomes)
        assert not server.reads("alice")
