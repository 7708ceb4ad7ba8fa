"""The last holders of a protected role cannot be lost, kept by the database itself: on whatever path somebody comes.

A *standing* holder counts: an enabled person who holds the role for good, at the whole directory, by themselves and
confirmed. Time alone never makes one less. What is refused is a *loss* that leaves fewer than the role's least number;
a role that never had so many is not refused anything else.

Two tables say who may act, and both are guarded, each by its own rows. ``roles_assignment`` says it for every role.
Authority in the portal itself is read from ``accounts_dutyholding`` alone, so whoever deletes there past every
assignment takes the duty away at once: holdings without an end are counted there too. A loss has to pass both.

Each trigger looks after the statement, when the rows are as they will be. On PostgreSQL it first changes the one row of
``roles_holderguard``: whoever else does waits for the commit and then counts what is true (under REPEATABLE READ and
above they fail instead). On SQLite the statement itself already holds the one write lock there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from roles.conditions import SQLITE_ONLY, TRIGGERS, TRUNCATED

SENTENCE = "the last holders of a protected role stay"
TAKE_TURN = "guard_take_turn"
TABLES = (
    "accounts_user",
    "accounts_dutyholding",
    "roles_assignment",
    "roles_role",
    "roles_directory",
    "roles_scope",
    "roles_holderguard",
)


def names(connection: BaseDatabaseWrapper) -> set[str]:
    """The triggers this database must have."""
    if connection.vendor == "postgresql":
        return {one.name for one in TRIGGERS} | {f"guard_{table}_truncated" for table in TRUNCATED}
    return {one.name for one in (*TRIGGERS, *SQLITE_ONLY)}


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place, as they are now: what an older version left is replaced."""
    if not set(TABLES) <= set(connection.introspection.table_names()):
        return
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for statement in _postgresql(connection) if connection.vendor == "postgresql" else _sqlite():
            cursor.execute(statement)


def remove_triggers(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away: for emptying a test database, and while tables are rebuilt."""
    with connection.cursor() as cursor:
        for statement in _drops(connection):
            cursor.execute(statement)


def standing_triggers(connection: BaseDatabaseWrapper) -> set[str]:
    """The names of those of our triggers that the database has and asks."""
    asked = (
        "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'guard\\_%' AND tgenabled <> 'D'"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'guard_*'"
    )
    with connection.cursor() as cursor:
        cursor.execute(asked)
        return {row[0] for row in cursor.fetchall()} & names(connection)


def _sqlite() -> list[str]:
    made = []
    for one in (*TRIGGERS, *SQLITE_ONLY):
        made.append(f"DROP TRIGGER IF EXISTS {one.name}")
        made.append(
            f"CREATE TRIGGER {one.name} {one.timing} ON {one.table} FOR EACH ROW WHEN {one.when}"
            f" BEGIN SELECT RAISE(ABORT, '{SENTENCE}') WHERE {one.lost}; END"
        )
    return made


def _postgresql(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
    # Named, so that nobody's temporary tables of the same names are counted instead.
    head = f"LANGUAGE plpgsql SET search_path = {schema}, pg_temp"
    made = [
        f"CREATE OR REPLACE FUNCTION {TAKE_TURN}() RETURNS void {head} AS $$ BEGIN"  # noqa: S608  # our own words
        " INSERT INTO roles_holderguard AS g (id, turns) VALUES (1, 1)"
        " ON CONFLICT (id) DO UPDATE SET turns = g.turns + 1; END $$"
    ]
    for one in TRIGGERS:
        made += [
            _function(one.name, one.lost, head),
            f"CREATE OR REPLACE TRIGGER {one.name} {one.timing} ON {one.table} FOR EACH ROW WHEN ({one.when})"
            f" EXECUTE FUNCTION {one.name}()",
        ]
    for table, lost in TRUNCATED.items():
        name = f"guard_{table}_truncated"
        made += [
            _function(name, lost, head),
            f"CREATE OR REPLACE TRIGGER {name} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
            f" EXECUTE FUNCTION {name}()",
        ]
    return [";\n".join(made)]


def _function(name: str, lost: str, head: str) -> str:
    answer = "OLD" if name.endswith("_deleted") else "NEW"
    answer = "NULL" if name.endswith("_truncated") else answer
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger {head} AS $$ BEGIN PERFORM {TAKE_TURN}();"
        f" IF {lost} THEN RAISE EXCEPTION '{SENTENCE}' USING ERRCODE = 'integrity_constraint_violation'; END IF;"
        f" RETURN {answer}; END $$"
    )


def _drops(connection: BaseDatabaseWrapper) -> list[str]:
    if connection.vendor != "postgresql":
        return [f"DROP TRIGGER IF EXISTS {name}" for name in sorted(names(connection))]
    tables = {one.name: one.table for one in TRIGGERS}
    tables |= {f"guard_{table}_truncated": table for table in TRUNCATED}
    return [";".join(f"DROP TRIGGER IF EXISTS {name} ON {table}" for name, table in tables.items())]


def install_after_migrate(using: str, **_: Any) -> None:
    """Receiver of ``post_migrate``."""
    install_triggers(connections[using])


def remove_before_migrate(using: str, plan: Sequence[object] = (), **_: Any) -> None:
    """Receiver of ``pre_migrate``: SQLite rebuilds no table that a trigger of another one speaks of."""
    connection = connections[using]
    if plan and standing_triggers(connection):
        remove_triggers(connection)


def check_triggers(
    app_configs: Sequence[AppConfig] | None = None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """System check: refuse to start on a database in which the last administrator could be lost."""
    messages: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        if "roles_holderguard" not in connection.introspection.table_names():
            continue
        missing = names(connection) - standing_triggers(connection)
        if missing:
            messages.append(
                Error(
                    f"The last holders of protected roles can be lost in this database: {', '.join(sorted(missing))} missing.",
                    hint="Run manage.py migrate, which puts them in place.",
                    id="roles.E001",
                )
            )
    return messages
