"""Real directories for a measurement, each a server of its own: what stands in them is read past the portal."""

from __future__ import annotations

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import ldap
import psycopg
from psycopg import sql

from benchmarks.lines import Line, writes_ldap, writes_sql
from pim_portal.embedded.postgresql import FORGETFUL, PostgreSQL
from tests.roles.connectors.ldap_servers import BASE, PASSWORD, OpenLDAP, sign_in

Right = tuple[str, str]  # account and entitlement
SECRET = "DIRECTORY_BENCH_SECRET"  # noqa: S105  # the variable that holds it
STANDING = """
    SELECT m.rolname, r.rolname FROM pg_auth_members a
    JOIN pg_roles m ON m.oid = a.member JOIN pg_roles r ON r.oid = a.roleid WHERE m.rolname ~ '^[ph][0-9]'
"""


class Place(ABC):
    """A directory: its server, the line that workers reach it by, and its row in the portal.

    Args:
        name: in the portal.
        folder: of its server.
        cut: whether answers are to be lost on the line to it. Such a line costs time: it is this process that passes on
            what is said.
    """

    kind: str
    title: str
    server: Any

    def __init__(self, name: str) -> None:
        self.name = name
        self.away = False  # whether it hangs or is stopped: whoever asks it now would wait
        self.row: Any = None
        self.line: Line | None = None

    def entitlement(self, number: int) -> str:
        return f"r{number}"

    def open(self, accounts: Iterable[str], roles: int) -> None:
        """Make accounts and roles there, and write both down in the portal."""
        from audit.journal.actor import PORTAL
        from roles.cataloguing import add_role, open_directory

        os.environ[SECRET] = PASSWORD
        self.fill(accounts, roles)
        self.row = open_directory(
            self.name, actor=PORTAL, kind=self.kind, connection=self.connection(), secret=f"env:{SECRET}"
        )
        for number in range(roles):
            entitlement = self.entitlement(number)
            add_role(self.row, actor=PORTAL, name=f"{self.name} {number}", entitlement=entitlement)

    def hang(self) -> None:
        """Let it answer nobody, as a machine that has no more memory does."""
        self.away = True
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
        self.away = False

    def stop(self) -> None:
        """Stop it in good order."""
        self.away = True
        self.server.stop()

    def start(self) -> None:
        """Start it again, with what it held before."""
        self.server.start()
        self.away = False

    @abstractmethod
    def by_hand(self, verb: str, account: str, entitlement: str) -> None:
        """Give (``give``) or take (``take``) a right past the portal, as its administrator."""

    def erase(self) -> None:
        """End it; what it held is gone with its folder."""
        if self.line:
            self.line.close()
        if self.away:
            self.go_on()
        self.server.stop()

    @property
    def port(self) -> int:
        """Where workers reach it."""
        return int(self.line.port if self.line else self.server.port)

    def processes(self) -> list[int]:
        """Its process and the children of that."""
        if self.server.process is None:
            return []
        main = self.server.process.pid
        listed = Path(f"/proc/{main}/task/{main}/children").read_text(encoding="ascii")
        return [main, *map(int, listed.split())]


class DatabasePlace(Place):
    """A PostgreSQL server with logins and roles."""

    kind, title = "postgresql", "PostgreSQL"

    def __init__(self, name: str, folder: Path, *, cut: bool = False) -> None:
        super().__init__(name)
        self.server = PostgreSQL(folder, settings=FORGETFUL)
        self.server.start()
        self.line = Line(self.server.port, writes_sql) if cut else None
        self._session: psycopg.Connection[Any] | None = None

    def connection(self) -> dict[str, object]:
        return {"host": "127.0.0.1", "port": self.port, "dbname": "postgres", "user": "pim"}

    def fill(self, accounts: Iterable[str], roles: int) -> None:
        with self._open() as session:
            session.execute(f"CREATE ROLE pim LOGIN PASSWORD '{PASSWORD}'")
            session.execute("GRANT pg_signal_backend TO pim")
            for account in accounts:
                session.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(account)))
            for number in range(roles):
                role = sql.Identifier(self.entitlement(number))
                session.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
                options = sql.SQL("GRANT {} TO pim WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
                session.execute(options.format(role))

    def _open(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.server.url(), autocommit=True, connect_timeout=5)

    def standing(self) -> set[Right]:
        """What stands there, asked by one thread on a connection that is kept. Raises OSError while it cannot be."""
        try:
            self._session = self._session or self._open()
            return set(self._session.execute(STANDING).fetchall())
        except psycopg.Error as error:
            self._session = None
            raise OSError(str(error)) from error

    def by_hand(self, verb: str, account: str, entitlement: str) -> None:
        text = {"give": "GRANT {} TO {}", "take": "REVOKE {} FROM {} GRANTED BY pim"}[verb]
        with closing(self._open()) as session:
            names = sql.Identifier(entitlement), sql.Identifier(account)
            session.execute(sql.SQL(text).format(*names))

    def take_back(self, account: str, entitlement: str) -> None:
        """Take what was given by hand."""
        with closing(self._open()) as session:
            names = sql.Identifier(entitlement), sql.Identifier(account)
            session.execute(sql.SQL("REVOKE {} FROM {}").format(*names))

    def erase(self) -> None:
        super().erase()
        self.server.erase()


class GroupsPlace(Place):
    """An slapd with people and groups."""

    kind, title = "ldap", "OpenLDAP"

    def __init__(self, name: str, folder: Path, *, cut: bool = False) -> None:
        super().__init__(name)
        self.server = OpenLDAP(folder, groups=f'dn.one="ou=groups,{BASE}"')
        self.server.fill()
        self.line = Line(self.server.port, writes_ldap) if cut else None
        self._session: Any = None

    def entitlement(self, number: int) -> str:
        return f"cn=r{number},ou=groups,{BASE}"

    def connection(self) -> dict[str, object]:
        return self.server.settings(url=f"ldap://127.0.0.1:{self.port}", starttls="no")

    def fill(self, accounts: Iterable[str], roles: int) -> None:
        for account in accounts:
            self.server.add_person(account)
        for number in range(roles):
            self.server.add(
                self.entitlement(number), "groupOfNames", cn=f"r{number}", member=f"cn=pim,{BASE}"
            )

    def standing(self) -> set[Right]:
        """As of a ``DatabasePlace``."""
        try:
            self._session = self._session or self._open()
            found = self._session.search_s(
                f"ou=groups,{BASE}", ldap.SCOPE_ONELEVEL, "(objectClass=groupOfNames)", ["member"]
            )
        except ldap.LDAPError as error:
            self._session = None
            raise OSError(str(error)) from error
        members = ((dn, one.decode()) for dn, said in found for one in said.get("member", []))
        return {
            (one.partition(",")[0].removeprefix("uid="), dn) for dn, one in members if one.startswith("uid=")
        }

    def _open(self) -> Any:
        return sign_in(self.server.url, self.server.ca_file, f"cn=admin,{BASE}")

    def by_hand(self, verb: str, account: str, entitlement: str) -> None:
        session = self._open()
        change = ldap.MOD_ADD if verb == "give" else ldap.MOD_DELETE
        session.modify_s(entitlement, [(change, "member", [self.server.person(account).encode()])])
        session.unbind()

    def take_back(self, account: str, entitlement: str) -> None:
        self.by_hand("take", account, entitlement)
