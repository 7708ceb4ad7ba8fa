"""Which actions, directories and roles the journal speaks of."""

from __future__ import annotations

from django.db import connection

from audit.journal.models import AuditEvent

COLUMNS = ("action", "directory", "role")
MOST = 5000  # different values of one column that are looked at


def values_used(column: str) -> list[str]:
    """The different values of ``column``, in their order, the empty one left out.

    Leaps from each value to the next along the index: as many steps as there are values, not as there are entries.

    Args:
        column: one of ``COLUMNS``.
    """
    if column not in COLUMNS:
        raise ValueError(column)
    name, table = connection.ops.quote_name(column), connection.ops.quote_name(AuditEvent._meta.db_table)
    leap = f"""
        WITH RECURSIVE used(value) AS (
            SELECT min({name}) FROM {table} WHERE {name} > ''
            UNION ALL
            SELECT (SELECT min({name}) FROM {table} WHERE {name} > used.value) FROM used WHERE used.value IS NOT NULL
        )
        SELECT value FROM used WHERE value IS NOT NULL LIMIT %s"""  # noqa: S608 - names of our own only
    with connection.cursor() as cursor:
        cursor.execute(leap, [MOST])
        return [row[0] for row in cursor.fetchall()]


def values_like(column: str, text: str) -> list[str]:
    """The values of ``column`` that contain ``text``, in whatever case."""
    wanted = text.casefold()
    return [value for value in values_used(column) if wanted in value.casefold()]
