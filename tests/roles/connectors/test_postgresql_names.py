"""Names of logins and roles as odd as PostgreSQL allows, names that nobody has, renamed ones; and settings."""

import psycopg
import pytest

from roles.connectors.base import Denied, NotFound, Unavailable, Unsupported
from roles.connectors.postgresql import PostgreSQLConnector
from tests.roles.connectors.database import DatabaseServer

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
