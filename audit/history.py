"""The models' own history, as simple-history keeps it, read across all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db import models
from django.db.models import Q
from simple_history import models as simple_history

from audit.journal.copying import ACTS, differences, name_in_database, noun_of, row_before

CHUNK = 1000  # rows read at a time
HISTORY_COLUMNS = ("at", "noun", "key", "name", "act", "by", "by_key", "why", "fields", "history_id")
#: what a thing is called by, in the order looked for
NAMES = ("display_name", "name", "title", "number", "email")


@dataclass(frozen=True)
class HistorySpan:
    """Which rows of history are meant.

    Args:
        since, until: from when (with it), until when (without it); None is open.
        by: keys of the people whose changes are meant; None for everybody's.
    """

    since: datetime | None = None
    until: datetime | None = None
    by: list[int] | None = None

    def rows_of(self, model: type[models.Model]) -> models.QuerySet[Any]:
        """The history rows of ``model`` in this span."""
        rows: models.QuerySet[Any] = history_model_of(model)._base_manager.all()
        if self.since:
            rows = rows.filter(history_date__gte=self.since)
        if self.until:
            rows = rows.filter(history_date__lt=self.until)
        return rows if self.by is None else rows.filter(history_user__in=self.by)

    def count(self) -> int:
        """How many rows there are, of all models."""
        return sum(self.rows_of(model).count() for model in models_with_history())


def models_with_history() -> list[type[models.Model]]:
    """Every model that keeps history, by its name. What only joins two of them is kept with the first of both."""
    found: set[type[models.Model]] = set(simple_history.registered_models.values())
    return sorted((one for one in found if not one._meta.auto_created), key=lambda model: model._meta.label)


def history_model_of(model: type[models.Model]) -> Any:
    """The model of the history rows of ``model``."""
    return getattr(model, model._meta.simple_history_manager_attribute).model  # type: ignore[attr-defined]


def history_lines(span: HistorySpan) -> Iterator[dict[str, Any]]:
    """Each row of history as plain values: when, which thing, what was done, by whom, why, and from what to what.

    Model by model, thing by thing, in the order of time: so the row before is at hand to compare with.
    """
    name_of = lru_cache(maxsize=2000)(name_in_database)
    for model in models_with_history():
        key = model._meta.pk.attname
        before: Any = None
        for row in _in_chunks(span.rows_of(model), key):
            if span.by is not None or before is None or getattr(before, key) != getattr(row, key):
                before = row_before(row)
            yield {
                "at": row.history_date.astimezone(UTC).isoformat(timespec="microseconds"),
                "noun": noun_of(model),
                "key": str(getattr(row, key)),
                "name": next((str(getattr(row, name)) for name in NAMES if getattr(row, name, "")), ""),
                "act": ACTS[row.history_type],
                "by": str(row.history_user) if row.history_user else "",
                "by_key": row.history_user_id,
                "why": row.history_change_reason or "",
                "fields": differences(before, row, name_of=name_of),
                "history_id": row.history_id,
            }
            before = row


def history_cells(line: dict[str, Any]) -> list[object]:
    """A line as the cells of a spreadsheet."""
    return [
        json.dumps(line[name], ensure_ascii=False) if name == "fields" else line[name]
        for name in HISTORY_COLUMNS
    ]


def _in_chunks(rows: models.QuerySet[Any], key: str) -> Iterator[Any]:
    """``rows`` by thing and time, without a cursor."""
    after = Q()
    ordered = rows.select_related("history_user").order_by(key, "history_id")
    while chunk := list(ordered.filter(after)[:CHUNK]):
        yield from chunk
        last = getattr(chunk[-1], key)
        after = Q(**{f"{key}__gt": last}) | Q(**{key: last}, history_id__gt=chunk[-1].history_id)
