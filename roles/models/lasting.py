"""Sorting by when something ends, where some things never end."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db.models import DateTimeField, Func, Q

#: later than any end; the same moment as in ``Until``
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


class Until(Func):
    """An end, or the last day there is where there is none: rows can be compared by it, and an index is in its order.

    The moment is part of the statement, not a parameter: an index is used only for the very expression it was made of.
    """

    template = "COALESCE(%(expressions)s, '9999-12-31 00:00:00')"
    output_field = DateTimeField()


def lasting(moment: datetime, *statuses: str, of: str = "") -> Q:
    """Rows that have begun, have not ended and stand in one of ``statuses``: a question that is never answered by NULL.

    Args:
        of: how the asked rows call them, if they are none themselves.
    """
    said = f"{of}__" if of else ""
    begun = {f"{said}starts_at__lte": moment, f"{said}status__in": statuses}
    return Q(Q(**{f"{said}ends_at__isnull": True}) | Q(**{f"{said}ends_at__gt": moment}), **begun)
