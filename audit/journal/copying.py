"""Copying what simple-history keeps of *edited* models into the journal, so that the book is whole.

Who moves is recorded by ``move_to`` and ``begin_life``; who is edited is recorded here. ``save`` and ``delete`` come
here by themselves (``audit.receivers``). Statements that pass by ``save`` send no signal: a verb that uses
``bulk_create_with_history`` or ``bulk_update_with_history`` hands the history rows it wrote to
``copy_into_journal`` in the same transaction; ``queryset.update()`` on a model with history is for ``move_to`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from django.db import models

from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import HasLife
from audit.journal.plain import HIDDEN, SECRET_NAMES, without_secrets
from audit.journal.recording import Entry, record_all

CREATED, CHANGED, DELETED = "+", "~", "-"
ACTS = {CREATED: "created", CHANGED: "changed", DELETED: "deleted"}


def copy_into_journal(rows: Sequence[Any], *, actor: Actor | None = None) -> None:
    """Record one entry for each history row of an edited model that says something new.

    Args:
        rows: history rows just written, of one or several models. Those of models with a life are passed over.
        actor: who did it; when left out, the one the row names, else the portal.
    """
    entries = [entry for entry in (entry_for(row, row.instance, actor=actor) for row in rows) if entry]
    record_all(entries)


def entry_for(row: Any, thing: models.Model, *, actor: Actor | None = None) -> Entry | None:
    """The journal entry for a history row of ``thing``; None when nothing changed or ``thing`` has a life."""
    if isinstance(thing, HasLife):
        return None
    changed = changes_in(row)
    if row.history_type == CHANGED and not changed:
        return None
    if actor is None:
        actor = Actor.of(row.history_user) if row.history_user else PORTAL
    return Entry(
        f"{noun_of(type(thing))}.{ACTS[row.history_type]}",
        actor,
        subject=thing,
        justification=row.history_change_reason or "",
        detail={"fields": changed},
    )


def changes_in(row: Any) -> dict[str, dict[str, Any]]:
    """What a history row says beyond the one before it; see ``differences``. Both are read from the database.

    The row in hand still has what was assigned to the fields, a text for a number for instance.
    """
    before = None if row.history_type == CREATED else row_before(row)
    return differences(before, type(row)._base_manager.get(pk=row.pk))


def differences(
    before: Any, row: Any, *, name_of: Callable[[type[models.Model], Any], str] | None = None
) -> dict[str, dict[str, Any]]:
    """What changed from one history row to the next: name of field -> ``from`` and ``to``, in plain values.

    People and things are also named (``from_name``, ``to_name``). Of secrets one learns only that they changed.

    Args:
        before: the row before, None where there is none.
        name_of: finds the name for a model and a key; asks the database when left out.
    """
    created, deleted = row.history_type == CREATED, row.history_type == DELETED
    if created:
        before = None
    changed: dict[str, dict[str, Any]] = {}
    for field in type(row).tracked_fields:
        if field.primary_key:
            continue
        old = getattr(row if deleted else before, field.attname, None)
        new = None if deleted else getattr(row, field.attname)
        if old == new or (created and new == ""):
            continue
        said: dict[str, Any] = {}
        if deleted or before is not None:
            said |= _said_of(field, old, "from", name_of or name_in_database)
        if not deleted:
            said |= _said_of(field, new, "to", name_of or name_in_database)
        changed[field.name] = said
    return changed


def name_in_database(model: type[models.Model], key: Any) -> str:
    """How the thing with this key is called today; "" when it is gone."""
    # The manager that hides nothing: what is named may be disabled.
    named = model._base_manager.filter(pk=key).first()
    return "" if named is None else str(named)


def row_before(row: Any) -> Any:
    """The history row that stands before ``row``, of the same thing; None when there is none.

    By key, not by date: two changes of one moment have an order too.
    """
    key = type(row).instance_type._meta.pk.attname
    same = type(row).objects.filter(**{key: getattr(row, key)}, history_id__lt=row.history_id)
    return same.order_by("-history_id").first()


def noun_of(model: type[models.Model]) -> str:
    """The model's word in the journal: ``RoleSettings`` -> ``role_settings``, ``User`` -> ``person``."""
    if model._meta.label_lower == "accounts.user":
        return "person"
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model.__name__).lower()


def _said_of(
    field: models.Field[Any, Any], value: Any, side: str, name_of: Callable[[type[models.Model], Any], str]
) -> dict[str, Any]:
    if SECRET_NAMES.search(field.name):
        return {side: HIDDEN if value else None}
    said = {side: without_secrets(value)}
    if value is not None and isinstance(field, models.ForeignKey):
        name = name_of(field.related_model, value)
        if name:
            said[f"{side}_name"] = name
    return said
