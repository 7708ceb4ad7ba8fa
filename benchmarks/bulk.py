"""Rows by the hundred thousand, past everything that watches over them in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import connection, models


def insert(
    model: type[models.Model],
    names: Sequence[str],
    rows: Iterable[Sequence[Any]],
    common: dict[str, Any] | None = None,
) -> None:
    """Put rows into a model's table, past everything that watches over it in Python.

    Args:
        names: columns whose values stand in ``rows``.
        common: fields that are the same in every row; the others have their defaults.
    """
    sample = model(**(common or {}))
    fields = [one for one in model._meta.concrete_fields if not one.primary_key]
    fixed = [one for one in fields if one.attname not in names]
    same = [one.get_db_prep_save(one.pre_save(sample, True), connection) for one in fixed]
    by_name = {one.attname: one for one in fields}
    columns = [by_name[name].column for name in names] + [one.column for one in fixed]
    table = connection.ops.quote_name(model._meta.db_table)
    listed = ", ".join(connection.ops.quote_name(column) for column in columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({listed}) FROM STDIN") as copy:  # type: ignore[attr-defined]
                for row in rows:
                    copy.write_row([*row, *same])
            return
        ready: list[Callable[..., Any]] = [by_name[name].get_db_prep_save for name in names]
        marks = ", ".join(["%s"] * len(columns))
        lines = (
            [*(prepare(value, connection) for prepare, value in zip(ready, row, strict=True)), *same]
            for row in rows
        )
        cursor.executemany(f"INSERT INTO {table} ({listed}) VALUES ({marks})", lines)  # noqa: S608


def analyse() -> None:
    """Let the database look at what it has: what autovacuum does by itself some minutes later."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def trust_rows() -> None:
    """Let the rows of this transaction in without looking up what they refer to: for a million that takes minutes.

    On PostgreSQL only a superuser may; for others the rows are looked at.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            cursor.execute("SET LOCAL session_replication_role = replica")
