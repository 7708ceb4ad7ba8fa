"""The PostgreSQL connector against a real server, with logins that sign in and use what they are given."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from roles.connectors import postgresql_queries
from roles.connectors.base import Busy, Denied, Outcome, Unsupported
from tests.roles.connectors.contract import ConnectorContract, NetworkContract, Target
from tests.roles.connectors.database import DatabaseServer


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
