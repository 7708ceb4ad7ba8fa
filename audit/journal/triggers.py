"""Append-only, kept by the database itself: what is written is neither changed nor taken out.

TRUNCATE is refused by privilege in production (the application's role has none), so that test databases can be emptied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "journal_auditevent"
NAMES = ("journal_no_update", "journal_no_delete")
SENTENCE = "the journal is append-only"

POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{SENTENCE}' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE OR REPLACE TRIGGER journal_no_update BEFORE UPDATE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();
CREATE OR REPLACE TRIGGER journal_no_delete BEFORE DELETE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();
"""
SQLITE = [
    f"CREATE TRIGGER IF NOT EXISTS journal_no_{verb.lower()} BEFORE {verb} ON {TABLE} "
    f"BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END"
    for verb in ("UPDATE", "DELETE")
]


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place; harmless when they stand already (SQLite drops them when a table is rebuilt)."""
    if TABLE not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        for statement in [POSTGRESQL] if connection.vendor == "postgresql" else SQLITE:
            cursor.execute(statement)


def remove_triggers(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away, for emptying a test database."""
    with connection.cursor() as cursor:
        for name in NAMES:
            on = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def standing_triggers(connection: BaseDatabaseWrapper) -> set[str]:
    """The names of those of our triggers that the database has."""
    catalogue = "pg_trigger" if connection.vendor == "postgresql" else "sqlite_master"
    column = "tgname" if connection.vendor == "postgresql" else "name"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {catalogue} WHERE {column} IN (%s, %s)", list(NAMES))  # noqa: S608
        return {row[0] for row in cursor.fetchall()}


def install_after_migrate(using: str, **_: Any) -> None:
    """Receiver of ``post_migrate``."""
    install_triggers(connections[using])


def check_triggers(
    app_configs: Sequence[AppConfig] | None = None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """System check: refuse to start on a database whose journal can be changed."""
    messages: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        if TABLE in connection.introspection.table_names() and standing_triggers(connection) != set(NAMES):
            messages.append(
                Error(
                    "The journal in this database can be changed: its triggers are missing.",
                    hint="Run manage.py migrate, which puts them in place.",
                    id="journal.E001",
                )
            )
    return messages
