"""A PostgreSQL server prepared for the connector, and a line to it that can be made bad."""

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from roles.connectors.base import Outcome
from roles.connectors.postgresql import PostgreSQLConnector

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
