"""Sorting by when something ends, where some things never end."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db.models import DateTimeField, Func

#: later than any end; the same moment as in ``Until``
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


class Until(Func):
    """An end, or the last day there is where there is none: rows can be compared by it, and an index is in its order.

    The moment is part of the statement, not a parameter: an index is used only for the very expression it was made of.
    """

    template = "COALESCE(%(expressions)s, '9999-12-31 00:00:00')"
    output_field = DateTimeField()
