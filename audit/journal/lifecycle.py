"""Models with a life: a status that moves along a table of legal moves, and never unrecorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import models, transaction

from audit.journal.actor import Actor
from audit.journal.recording import Entry, record_all, take_the_pen, within_transaction
from audit.journal.refusing import Overtaken


class IllegalMove(Exception):
    """The table of legal moves does not hold this one: a fault in the portal, not of the person."""


class HasLife(models.Model):
    """A model whose ``status`` moves along ``NEXT`` and only by ``move_to``."""

    NEXT: ClassVar[dict[str, frozenset[str]]]
    status: Any
    history: Any

    class Meta:
        abstract = True

    def journal_context(self) -> dict[str, Any]:
        """What every entry about this thing says beside its own words: about, directory, role, access_request."""
        return {}


def move_to(
    thing: HasLife,
    status: str,
    *,
    actor: Actor,
    action: str,
    justification: str = "",
    detail: dict[str, Any] | None = None,
    outcome: str = "done",
    **changes: Any,
) -> None:
    """Move one thing; see ``move_all_to``."""
    move_all_to(
        [thing],
        status,
        actor=actor,
        action=action,
        justification=justification,
        detail=detail,
        outcome=outcome,
        **changes,
    )


def move_all_to(
    things: Sequence[HasLife],
    status: str,
    *,
    actor: Actor,
    action: str,
    justification: str = "",
    detail: dict[str, Any] | None = None,
    outcome: str = "done",
    **changes: Any,
) -> None:
    """Move things of one model and one present status to ``status``, all or none.

    The UPDATE names the status that was read (compare and set), so of two who move at once one succeeds. Journal
    entry and history row are written in the same transaction.

    Args:
        changes: further columns to set in the same statement, to plain values.

    Raises:
        IllegalMove: ``NEXT`` does not allow it.
        Overtaken: at least one of them is no longer where it was.
    """
    if not things:
        return
    model, before = type(things[0]), things[0].status
    if any(thing.status != before for thing in things) or status not in model.NEXT.get(before, frozenset()):
        raise IllegalMove(f"{model.__name__}: {before} -> {status}")
    # Of one thing nothing is written before it is overtaken; of many, some may be.
    with within_transaction() if len(things) == 1 else transaction.atomic():
        take_the_pen()
        keys = [thing.pk for thing in things]
        rows: Any = model._base_manager  # the checker knows no ``status`` of an abstract model
        moved = rows.filter(pk__in=keys, status=before).update(status=status, **changes)
        if moved != len(keys):
            raise Overtaken
        for thing in things:
            thing.status = status
            for name, value in changes.items():
                setattr(thing, name, value)
        write_history(things, actor=actor, reason=action)
        said = {"from": before, "to": status} | (detail or {})
        record_all(
            [
                Entry(action, actor, subject=thing, justification=justification, detail=said, outcome=outcome)
                for thing in things
            ]
        )


def begin_life(thing: HasLife, *, actor: Actor, action: str, justification: str = "", **said: Any) -> None:
    """Save a new thing: its first row, its first history row and its first journal entry together.

    Args:
        said: the entry's ``detail``.
    """
    with within_transaction():
        take_the_pen()
        thing.skip_history_when_saving = True  # type: ignore[attr-defined]
        thing.save(force_insert=True)
        del thing.skip_history_when_saving  # type: ignore[attr-defined]
        write_history([thing], actor=actor, reason=action, created=True)
        record_all([Entry(action, actor, subject=thing, justification=justification, detail=said)])


def begin_lives(
    things: Sequence[HasLife], *, actor: Actor, action: str, justifications: Sequence[str] = (), **said: Any
) -> None:
    """Save new things of one model as ``begin_life`` does, however many they are in one go.

    Args:
        justifications: why, for each of ``things`` in their order; none when left out.
        said: the ``detail`` of each entry.
    """
    if not things:
        return
    with within_transaction():
        take_the_pen()
        rows: Any = type(things[0])._base_manager
        rows.bulk_create(things, batch_size=500)
        write_history(things, actor=actor, reason=action, created=True)
        whys = justifications or [""] * len(things)
        record_all(
            [
                Entry(action, actor, subject=thing, justification=why, detail=dict(said))
                for thing, why in zip(things, whys, strict=True)
            ]
        )


def amend(
    thing: HasLife,
    *,
    actor: Actor,
    action: str,
    unless_changed: Sequence[str],
    justification: str = "",
    detail: dict[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Change columns of a thing that stays where it is in its life.

    Args:
        unless_changed: columns that must still be what was read, besides the status.
        changes: the columns to set, to plain values.

    Raises:
        Overtaken: it has moved on, or somebody changed one of those columns.
    """
    read = {name: getattr(thing, name) for name in ("status", *unless_changed)}
    with within_transaction():
        take_the_pen()
        rows: Any = type(thing)._base_manager
        if not rows.filter(pk=thing.pk, **read).update(**changes):
            raise Overtaken
        for name, value in changes.items():
            setattr(thing, name, value)
        write_history([thing], actor=actor, reason=action)
        record_all([Entry(action, actor, subject=thing, justification=justification, detail=detail or {})])


def write_history(things: Sequence[HasLife], *, actor: Actor, reason: str, created: bool = False) -> None:
    """Write the simple-history rows for things whose columns were set by a statement of our own."""
    type(things[0]).history.bulk_history_create(
        things, update=not created, default_user=actor.person, default_change_reason=reason, batch_size=500
    )
