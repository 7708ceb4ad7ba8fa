"""A real PostgreSQL as a directory: a database with a ledger, a role that reads it, and logins."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from audit.journal.actor import PORTAL
from roles.cataloguing import open_directory
from roles.models import Directory

PASSWORD = "the-same-for-all-logins"
READER = "ledger_reader"


@dataclass
class LedgerDatabase:
    """The database, seen by its superuser and by those who sign in.

    Args:
        url: the superuser's address.
        row: the directory in the portal.
    """

    url: str
    row: Directory

    def run(self, text: str, *names: str) -> list[Any]:
        """Run a statement as superuser; ``{}`` are the names."""
        with closing(psycopg.connect(self.url, autocommit=True)) as session:
            cursor = session.execute(sql.SQL(text).format(*(sql.Identifier(name) for name in names)))
            return cursor.fetchall() if cursor.description else []

    def sign_in(self, login: str) -> psycopg.Connection[Any]:
        """A session as with psql."""
        address = conninfo_to_dict(self.url) | {"user": login, "password": PASSWORD}
        return psycopg.connect(**address, autocommit=True)  # type: ignore[arg-type]

    def reads(self, login: str) -> bool:
        """Whether the login can read the ledger right now."""
        with closing(self.sign_in(login)) as session:
            try:
                session.execute("SELECT count(*) FROM ledger")
            except psycopg.errors.InsufficientPrivilege:
                return False
            return True


def open_ledger(url: str, *logins: str, monkeypatch: pytest.MonkeyPatch) -> LedgerDatabase:
    """Make the database's tables, roles and logins, and write it down as a directory of the portal."""
    address = conninfo_to_dict(url)
    connection = {name: address[name] for name in ("host", "port", "dbname")} | {"user": "pim"}
    monkeypatch.setenv("DIRECTORY_LEDGER_SECRET", PASSWORD)
    row = open_directory(
        "Ledger", actor=PORTAL, kind="postgresql", connection=connection, secret="env:DIRECTORY_LEDGER_SECRET"
    )
    ledger = LedgerDatabase(url, row)
    ledger.run("CREATE TABLE ledger (amount int)")
    ledger.run("CREATE ROLE {}", READER)
    ledger.run("GRANT SELECT ON ledger TO {}", READER)
    for login in ("pim", *logins):
        ledger.run(f"CREATE ROLE {{}} LOGIN PASSWORD '{PASSWORD}'", login)
    ledger.run("GRANT pg_signal_backend TO pim")
    ledger.run("GRANT {} TO pim WITH ADMIN TRUE, INHERIT FALSE, SET FALSE", READER)
    return ledger
