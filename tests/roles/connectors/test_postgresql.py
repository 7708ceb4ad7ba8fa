"""The PostgreSQL connector against a real server, with logins that sign in and use what they are given."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pim_portal.embedded.postgresql import PostgreSQL
from roles.connectors import postgresql, postgresql_queries
from roles.connectors.base import Busy, Denied, NotFound, Outcome, Unavailable, Unsupported
from roles.connectors.postgresql import PostgreSQLConnector
from tests.roles.connectors.contract import ConnectorContract, NetworkContract, Target

PASSWORD = "the-same-for-all-logins"


@dataclass
class DatabaseServer:
    """A database with a role `reader` that may read `ledger`, logins, and a service account `pim`."""

    address: dict[str, Any]
    superuser: psycopg.Connection[Any]

    @property
    def names_grantors(self) -> bool:
        return self.superuser.info.server_version >= 160000

    def run(self, text: str, *names: str) -> None:
        self.superuser.execute(sql.SQL(text).format(*(sql.Identifier(name) for name in names)))

    def make_login(self, name: str) -> None:
        self.run(f"CREATE ROLE {{}} LOGIN PASSWORD '{PASSWORD}'", name)

    def make_role(self, name: str) -> None:
        """A role that may read the ledger, and that the service account may give."""
        self.run("CREATE ROLE {}", name)
        self.run("GRANT SELECT ON ledger TO {}", name)
        options = "ADMIN TRUE, INHERIT FALSE, SET FALSE" if self.names_grantors else "ADMIN OPTION"
        self.run(f"GRANT {{}} TO pim WITH {options}", name)

    def sign_in(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(**self.address | {"user": name, "password": PASSWORD}, autocommit=True)

    def reads(self, name: str, role: str = "reader") -> bool:
        """Whether this login can read the ledger, by itself or after SET ROLE."""
        with self.sign_in(name) as session:
            with suppress(psycopg.errors.InsufficientPrivilege):
                session.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
            try:
                session.execute("SELECT count(*) FROM ledger")
            except psycopg.errors.InsufficientPrivilege:
                return False
            return True

    def erase(self) -> None:
        """Remove everything a test has made, ending its sessions."""
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user")
        self.run("DROP TABLE ledger; DROP SCHEMA IF EXISTS trap CASCADE")
        made = self.superuser.execute(
            "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> current_user"
        ).fetchall()
        for verb in ("DROP OWNED BY {}", "DROP ROLE {}"):
            for (name,) in made:
                self.run(verb, name)

    def connector(self, secret: str = PASSWORD, **settings: object) -> PostgreSQLConnector:
        place = {key: self.address[key] for key in ("host", "port", "dbname")}
        return PostgreSQLConnector(place | {"user": "pim"} | settings, secret)

    def grant(self, account: str = "alice", role: str = "reader") -> Outcome:
        return self.connector().grant(account, role, not_after=None, operation="op-1")

    def revoke(self, account: str = "alice", role: str = "reader", receipt: str = "") -> Outcome:
        return self.connector().revoke(account, role, operation="op-2", receipt=receipt)


@pytest.fixture(scope="module")
def database(postgresql_directory_server: PostgreSQL) -> Iterator[str]:
    """Superuser's address of one database for all tests here: making one takes longer than most of them."""
    with psycopg.connect(postgresql_directory_server.url(), autocommit=True) as session:
        session.execute("CREATE DATABASE connector")
        yield postgresql_directory_server.url("connector")
        session.execute("DROP DATABASE connector WITH (FORCE)")


@pytest.fixture
def server(database: str) -> Iterator[DatabaseServer]:
    with psycopg.connect(database, autocommit=True) as superuser:
        server = DatabaseServer(dict(conninfo_to_dict(database)), superuser)
        if server.names_grantors:
            server.run(
                "SET scram_iterations = 1"
            )  # passwords that are quick to check: everybody signs in often
        server.run("CREATE TABLE ledger (amount int)")
        for name in ("pim", "alice", "bob"):
            server.make_login(name)
        server.run("GRANT pg_signal_backend TO pim")
        server.make_role("reader")
        yield server
        server.erase()


class Relay:
    """Stands between connector and server: counts connections, and can fall silent or cut the line."""

    def __init__(self, address: dict[str, Any], host: str = "127.0.0.1") -> None:
        self.server = (address["host"], int(address["port"]))
        self.listener = socket.create_server((host, 0))
        self.host, self.port = self.listener.getsockname()
        self.connections = 0
        self.silent = threading.Event()
        self.cut_after: bytes | None = None
        self.lines: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(self.server)
            self.lines += [client, server]
            threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_question: bool) -> None:
        try:
            while data := source.recv(65536):
                if self.silent.is_set():
                    continue
                if is_question and self.cut_after and self.cut_after in data:
                    # The server gets the question and acts on it; the answer goes nowhere.
                    self.silent.set()
                    sink.sendall(data)
                    time.sleep(0.3)
                    source.shutdown(socket.SHUT_RDWR)
                    return
                sink.sendall(data)
        except OSError:
            pass

    def close(self) -> None:
        self.listener.close()
        for line in self.lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()


@pytest.fixture
def relay(server: DatabaseServer) -> Iterator[Relay]:
    relay = Relay(server.address)
    yield relay
    relay.close()


@pytest.fixture
def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class TestPostgreSQLKeepsTheContract(ConnectorContract, NetworkContract):
    @pytest.fixture
    def target(self, server: DatabaseServer, dead_port: int) -> Target:
        server.make_login("carol")
        return Target(
            connect=server.connector,
            account="alice",
            entitlement="reader",
            more_accounts=["bob", "carol"],
            can_use=server.reads,
            grant_by_hand=lambda account: server.run("GRANT reader TO {}", account),
            connect_to_dead_address=lambda: server.connector(port=dead_port),
            connect_with_secret=lambda secret: server.connector(secret),
        )


class TestLiveSessions:
    def test_given_a_session_that_took_the_role_when_revoked_then_it_is_dead_on_return(
        self, server: DatabaseServer
    ) -> None:
        server.grant()
        session = server.sign_in("alice")
        session.execute("SET ROLE reader")
        assert session.execute("SELECT count(*) FROM ledger").fetchone() == (0,)
        server.revoke()
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT count(*) FROM ledger")
        assert not server.reads("alice")

    def test_given_sessions_idle_in_a_transaction_and_busy_when_revoked_then_all_are_gone(
        self, server: DatabaseServer
    ) -> None:
        server.grant()
        idle, busy = server.sign_in("alice"), server.sign_in("alice")
        idle.execute("SET ROLE reader")
        idle.execute("BEGIN; SELECT * FROM ledger")
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(busy.execute, "SET ROLE reader; SELECT pg_sleep(60)")
            time.sleep(0.2)
            server.revoke()
            with pytest.raises(psycopg.OperationalError):
                work.result(timeout=5)
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")

    def test_when_revoked_then_sessions_of_others_and_of_the_service_account_live_on(
        self, server: DatabaseServer
    ) -> None:
        server.grant()
        server.grant("bob")
        server.run("GRANT alice TO pim")
        other = server.sign_in("bob")
        own = server.connector()
        with own:
            own.check()
            server.revoke()
            assert own.check()["usable"]
        assert other.execute("SELECT count(*) FROM ledger").fetchone() == (0,)

    def test_given_a_revocation_that_was_cut_half_way_when_repeated_then_the_session_left_over_is_ended(
        self, server: DatabaseServer
    ) -> None:
        server.grant()
        session = server.sign_in("alice")
        session.execute("SET ROLE reader")
        server.run(
            "REVOKE reader FROM alice GRANTED BY pim" if server.names_grantors else "REVOKE reader FROM alice"
        )
        assert session.execute("SELECT count(*) FROM ledger").fetchone() == (
            0,
        )  # why this must be done at all
        assert not server.revoke().changed
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT count(*) FROM ledger")

    def test_given_a_login_that_used_the_right_through_the_account_when_revoked_then_its_session_is_ended(
        self, server: DatabaseServer
    ) -> None:
        server.run("GRANT alice TO bob")
        server.grant()
        session = server.sign_in("bob")
        session.execute("SET ROLE reader")
        server.revoke()
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT count(*) FROM ledger")

    def test_given_a_service_account_that_may_not_end_sessions_when_revoked_then_it_says_so_and_how_to_mend_it(
        self, server: DatabaseServer
    ) -> None:
        server.run("REVOKE pg_signal_backend FROM pim")
        server.grant()
        session = server.sign_in("alice")
        session.execute("SET ROLE reader")
        with pytest.raises(Denied, match="pg_signal_backend"):
            server.revoke()
        assert not server.reads("alice")  # nobody gets it anew, but the old session still has it
        assert session.execute("SELECT count(*) FROM ledger").fetchone() == (0,)

        (missing,) = server.connector().check(["reader"])["missing"]
        server.run(missing.partition(": ")[2])
        assert server.connector().check(["reader"])["usable"]
        server.revoke()
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT count(*) FROM ledger")

    def test_given_a_session_that_does_not_end_when_revoked_then_it_is_busy_until_it_has_ended_and_others_go_on(
        self, server: DatabaseServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgresql_queries, "SESSION_END_SECONDS", 0.5)
        server.grant()
        session = server.sign_in("alice")
        stuck = session.info.backend_pid
        os.kill(stuck, signal.SIGSTOP)
        try:
            for _ in range(2):
                with pytest.raises(Busy, match="1 of its sessions did not end"):
                    server.revoke()
            server.grant("bob")
            assert server.revoke("bob").changed
        finally:
            os.kill(stuck, signal.SIGCONT)
        assert not server.revoke().changed
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")

    def test_given_functions_of_the_same_name_on_the_search_path_when_revoked_then_they_are_not_called(
        self, server: DatabaseServer
    ) -> None:
        server.run("CREATE SCHEMA trap")
        server.run(
            "CREATE FUNCTION trap.pg_terminate_backend(integer) RETURNS boolean LANGUAGE sql AS 'SELECT true'"
        )
        server.run("GRANT USAGE ON SCHEMA trap TO PUBLIC")
        server.run("ALTER ROLE pim SET search_path = trap, pg_catalog")
        server.grant()
        session = server.sign_in("alice")
        session.execute("SET ROLE reader")
        server.revoke()
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT count(*) FROM ledger")


class TestWhoGaveIt:
    def test_given_another_grant_beside_ours_when_revoked_then_it_is_named_and_the_session_lives(
        self, server: DatabaseServer
    ) -> None:
        server.grant()
        server.run("GRANT reader TO alice")
        session = server.sign_in("alice")
        session.execute("SET ROLE reader")
        if not server.names_grantors:  # before 16 there is one membership, and it goes
            assert server.revoke().changed
            return
        with pytest.raises(Denied, match='given by "postgres"') as refusal:
            server.revoke()
        assert session.execute("SELECT count(*) FROM ledger").fetchone() == (0,)
        (grant,) = server.connector().list_grants(["reader"])
        assert grant.granted_by == "postgres"

        server.run(str(refusal.value).partition("can: ")[2])
        assert not server.revoke().changed
        assert not server.reads("alice")

    def test_given_a_right_to_administer_the_role_only_then_it_counts_as_not_held(
        self, server: DatabaseServer
    ) -> None:
        if not server.names_grantors:
            return  # before 16 who may administer a role may also use it
        server.run("GRANT reader TO alice WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
        assert list(server.connector().list_grants(["reader"])) == []
        assert server.grant() == Outcome(changed=True, receipt=server.grant().receipt)
        assert server.reads("alice")
        assert server.revoke().changed
        assert not server.reads("alice")

    def test_given_a_holder_who_passed_the_role_on_when_revoked_then_it_is_denied_in_words(
        self, server: DatabaseServer
    ) -> None:
        server.grant()
        by = "GRANTED BY pim" if server.names_grantors else ""
        server.run(f"GRANT reader TO alice WITH ADMIN OPTION {by}")
        with server.sign_in("alice") as session:
            session.execute("GRANT reader TO bob")
        if not server.names_grantors:  # before 16 nothing hangs on the grantor
            assert server.revoke().changed
            return
        with pytest.raises(Denied, match="passed the role"):
            server.revoke()
        server.run("REVOKE reader FROM bob GRANTED BY alice")
        assert server.revoke().changed

    def test_given_a_service_account_without_admin_option_when_granted_then_it_is_denied_and_check_says_how_to_mend(
        self, server: DatabaseServer
    ) -> None:
        server.run("REVOKE reader FROM pim")
        with pytest.raises(Denied, match="ADMIN OPTION"):
            server.grant()
        (missing,) = server.connector().check(["reader"])["missing"]
        server.run(missing.partition(": ")[2])
        assert server.grant().changed

    def test_given_more_rights_than_needed_when_checked_then_each_is_named(
        self, server: DatabaseServer
    ) -> None:
        server.run("ALTER ROLE pim SUPERUSER CREATEROLE")
        excess = " ".join(server.connector().check()["excess"])
        assert "SUPERUSER" in excess
        assert "CREATEROLE" in excess

    def test_given_a_superuser_as_service_account_when_granted_twice_then_only_anothers_grant_counts_as_anothers(
        self, server: DatabaseServer
    ) -> None:
        server.run("ALTER ROLE pim SUPERUSER")
        assert server.grant().changed
        assert not server.grant().preexisting
        assert server.revoke().changed
        server.run("GRANT reader TO bob WITH ADMIN OPTION")
        with server.sign_in("bob") as session:
            session.execute("GRANT reader TO alice")
        assert server.grant().preexisting


class TestWhatItDoesNotGive:
    def test_given_a_superuser_a_role_without_login_or_the_service_account_when_granted_then_it_is_refused(
        self, server: DatabaseServer
    ) -> None:
        server.run("CREATE ROLE boss LOGIN SUPERUSER; CREATE ROLE team")
        for account, words in (("boss", "superuser"), ("team", "not a login"), ("pim", "service account")):
            with pytest.raises(Unsupported, match=words):
                server.grant(account)

    def test_given_a_role_as_good_as_superuser_when_granted_then_it_is_refused_also_at_one_remove(
        self, server: DatabaseServer
    ) -> None:
        server.run("CREATE ROLE root_like SUPERUSER; CREATE ROLE innocent; CREATE ROLE more_innocent")
        server.run("GRANT root_like TO innocent; GRANT innocent TO more_innocent")
        server.run("CREATE ROLE shell; GRANT pg_execute_server_program TO shell")
        server.run("CREATE ROLE keeper; GRANT pim TO keeper")
        server.run("ALTER ROLE pim SUPERUSER")  # the server would let it
        harmful = (
            "root_like",
            "innocent",
            "more_innocent",
            "shell",
            "pg_write_server_files",
            "pim",
            "keeper",
        )
        for role in harmful:
            with pytest.raises(Unsupported, match="as good as superuser"):
                server.grant(role=role)
        assert "alice" not in {grant.account for grant in server.connector().list_grants(harmful)}

    def test_given_a_predefined_role_that_only_reads_when_granted_then_it_can_be_used(
        self, server: DatabaseServer
    ) -> None:
        server.run("GRANT pg_read_all_data TO pim WITH ADMIN OPTION")
        server.grant(role="pg_read_all_data")
        assert server.reads("alice", "pg_read_all_data")
        server.revoke(role="pg_read_all_data")
        assert not server.reads("alice", "pg_read_all_data")

    def test_given_a_role_that_contains_the_account_when_granted_then_it_is_refused_in_words(
        self, server: DatabaseServer
    ) -> None:
        server.run("GRANT alice TO reader")
        with pytest.raises(Unsupported, match="member of"):
            server.grant()


ODD_NAMES = [
    "Robin Sample",
    "UPPER",
    "o'brien",
    'double"quote',
    "semi;colon -- comment",
    '"; DROP TABLE ledger; --',
    "'; DROP TABLE ledger; --",
    "percent %s %(name)s",
    "brace {0} {}",
    "back\\slash",
    "tab\tand\nnewline",
    "Jürgen Größe",
    "名前 имя 🔑",
    "robin@example.test",
    "select",
    "x" * 63,
    " leading and trailing ",
    "$user",
]


class TestNames:
    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_given_an_odd_name_for_login_and_role_then_grant_use_list_and_revoke_all_work(
        self, server: DatabaseServer, name: str
    ) -> None:
        login, role = name, name[:-1] + "Z"
        server.make_login(login)
        server.make_role(role)
        assert server.grant(login, role).changed
        assert server.reads(login, role)
        (grant,) = server.connector().list_grants([role])
        assert (grant.account, grant.entitlement) == (login, role)
        assert server.connector().check([role])["usable"]
        session = server.sign_in(login)
        assert server.revoke(login, role).changed
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
        assert not server.reads(login, role)
        assert server.superuser.execute("SELECT count(*) FROM ledger").fetchone() == (0,)

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "nul\x00byte",
            "half \ud83d surrogate",
            "x" * 63 + "yz",
            "ALICE",
            "alice ",
            "public",
            "current_user",
            "none",
            "alice, bob",
            'alice"; DROP TABLE ledger; --',
            "alice WITH ADMIN OPTION",
        ],
    )
    def test_given_a_name_that_nobody_has_when_granted_or_revoked_then_it_is_not_found(
        self, server: DatabaseServer, name: str
    ) -> None:
        server.make_login("x" * 63)  # what the server would cut the long name to
        server.make_role("y" * 63)
        before = server.superuser.execute(
            "SELECT roleid, member FROM pg_auth_members ORDER BY 1, 2"
        ).fetchall()
        for account, role in ((name, "reader"), ("alice", name.replace("x", "y"))):
            with pytest.raises(NotFound):
                server.grant(account, role)
            with pytest.raises(NotFound):
                server.revoke(account, role)
        assert list(server.connector().list_grants([name])) == []
        after = server.superuser.execute(
            "SELECT roleid, member FROM pg_auth_members ORDER BY 1, 2"
        ).fetchall()
        assert before == after

    def test_given_a_renamed_login_when_revoked_by_its_receipt_then_it_is_denied_and_named(
        self, server: DatabaseServer
    ) -> None:
        receipt = server.grant().receipt
        server.run("ALTER ROLE alice RENAME TO alicia")
        with pytest.raises(Denied, match='"alicia"'):
            server.revoke(receipt=receipt)
        server.make_login("alice")  # somebody new under the old name hides nothing
        with pytest.raises(Denied, match='"alicia"'):
            server.revoke(receipt=receipt)
        assert server.revoke("alicia", receipt=receipt).changed
        assert not server.revoke(receipt=receipt).changed

    @pytest.mark.parametrize("receipt", ["", "not json", "[]", "{}", '{"account": "x", "entitlement": null}'])
    def test_given_a_receipt_that_cannot_be_read_when_revoked_then_it_is_revoked_all_the_same(
        self, server: DatabaseServer, receipt: str
    ) -> None:
        server.grant()
        assert server.revoke(receipt=receipt).changed

    def test_the_operation_stands_where_the_servers_log_shows_it_whatever_it_contains(
        self, server: DatabaseServer
    ) -> None:
        with server.connector() as connector:
            connector.grant("alice", "reader", not_after=None, operation="7f'\";é\x00\ud83d" + "0" * 80)
            names = server.superuser.execute(
                "SELECT application_name FROM pg_stat_activity WHERE usename = 'pim'"
            ).fetchall()
        assert names == [("pim:7f'\";???" + "0" * 51,)]

    def test_the_service_account_itself_is_not_listed(self, server: DatabaseServer) -> None:
        server.run("GRANT reader TO pim" + (" WITH SET TRUE" if server.names_grantors else ""))
        server.grant()
        assert [grant.account for grant in server.connector().list_grants(["reader"])] == ["alice"]


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


class TestSettings:
    PLACE = {"host": "db.example.test", "dbname": "ledger", "user": "pim"}

    @pytest.mark.parametrize("name", ["host", "dbname", "user"])
    def test_given_a_missing_setting_then_it_is_named(self, name: str) -> None:
        with pytest.raises(Unsupported, match=name):
            PostgreSQLConnector(self.PLACE | {name: ""})

    @pytest.mark.parametrize("name", ["options", "passfile", "service", "password", "hostaddr"])
    def test_given_a_setting_that_is_none_of_ours_then_it_is_refused(self, name: str) -> None:
        with pytest.raises(Unsupported, match=name):
            PostgreSQLConnector(self.PLACE | {name: "x"})

    @pytest.mark.parametrize("port", ["x", "5432 options=-cx", "-1", "٥"])
    def test_given_a_port_that_is_no_number_then_it_is_refused(self, port: str) -> None:
        with pytest.raises(Unsupported, match="port"):
            PostgreSQLConnector(self.PLACE | {"port": port})

    def test_given_an_unknown_sslmode_then_it_is_refused(self) -> None:
        with pytest.raises(Unsupported, match="sslmode"):
            PostgreSQLConnector(self.PLACE | {"sslmode": "maybe"})

    def test_given_a_setting_that_smuggles_another_one_then_it_is_taken_as_a_name(
        self, server: DatabaseServer
    ) -> None:
        with pytest.raises(Unavailable, match="does not exist"):
            server.connector(dbname="connector options='-c search_path=trap' sslmode=disable").check()
