"""Questions that are put into words once.

Django words every question anew, and for most of ours that takes longer than the database takes to answer. A question
that differs from one time to the next in its values alone is built and compiled once for each shape of its values; after
that only the values are put in. ``settings.CHECK_WORDING``, on in tests, words each question in full as well and compares.

PostgreSQL keeps the plans of ``worded`` questions: they find rows by keys, and one plan is as good as another made for
other keys. What never changes in them stands in the words, so that such a plan may use the indexes made for it. Lists
and counts are planned each time, with the values that decide how.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cached_property
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection, connections
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

KEPT = 1024  # shapes of questions
PLANNED_AFTER = 1  # time that a connection has asked a question, PostgreSQL is told to remember it
PLANS = 400  # that a connection keeps

#: never a key, a text or a moment of anybody's
NUMBERS = 2_000_000_000
TEXT = "\ue000{}\ue001"
MOMENTS = datetime(9000, 1, 1, tzinfo=UTC)

Words = tuple[str, list[Any]]
Slot = tuple[int | None, Any]
Row = TypeVar("Row")
Ask = Callable[..., QuerySet[Any, Row]]


@dataclass(frozen=True)
class Fixed:
    """Something that belongs to the shape of a question though it is a text, a number, or of a kind of its own."""

    value: Any  # hashable


@dataclass(frozen=True)
class _Worded:
    """A question in words.

    Args:
        question: as it was built; rows are made after its fashion.
        sql: its words; None where nothing can ever come of it.
        slots: for each parameter its constant, or which of the values it takes, and made what.
    """

    question: QuerySet[Any]
    compiler: Any
    sql: str | None
    slots: list[Slot]

    def filled(self, leaves: Sequence[Any]) -> Words:
        """Its words and parameters, the values put in."""
        return self.sql or "", _fill(self.slots, leaves)

    def to_keep(self, leaves: Sequence[Any]) -> Words:
        """The same for a plan that is kept: what never changes stands in the words."""
        words, slots = self._fixed
        return words, _fill(slots, leaves)

    @cached_property
    def _fixed(self) -> tuple[str, list[Slot]]:
        if connection.vendor != "postgresql":
            return self.sql or "", self.slots
        operations: Any = connection.ops
        said, slots = [], []
        for leaf, made in self.slots:
            if leaf is None and isinstance(made, str | bool):
                said.append(operations.compose_sql("%s", [made]).replace("%", "%%"))
            else:
                said.append("%s")
                slots.append((leaf, made))
        return (self.sql or "").replace("%%", "%%%%") % tuple(said), slots


def _fill(slots: Iterable[Slot], leaves: Sequence[Any]) -> list[Any]:
    adapted = [_adapted(one) for one in leaves]
    return [made if leaf is None else _as(made, adapted[leaf]) for leaf, made in slots]


_known: OrderedDict[Any, _Worded] = OrderedDict()


def worded(ask: Ask[Row], *values: Any) -> list[Row]:
    """The rows that ``ask(*values)`` asks for, in words made before.

    Args:
        ask: makes the question; puts numbers, texts and moments into it and looks at none of them. The rest of what it
            is given it may look at: whether something is there (None), yes or no, an Enum's member, what is ``Fixed``,
            how many there are.
        values: numbers, texts and moments, sequences of them, and what belongs to the shape. They come from rows: whether
            a number fits its column is not looked at any more when it is put in.

    Raises:
        TypeError: it is given something else, or makes something of a value instead of putting it in.
    """
    known, leaves = _known_for(ask, values)
    if known.sql is None:
        return []
    words = known.to_keep(leaves)
    compiler = copy(known.compiler)
    compiler.connection = connections[connection.alias]  # each thread has its own
    compiler.as_sql = lambda *args, **kwargs: words
    question: Any = known.question.all()
    question.query.get_compiler = lambda *args, **kwargs: compiler
    with plans_kept():
        return list(question)


@contextmanager
def plans_kept() -> Iterator[None]:
    """Let PostgreSQL keep the plan of what is asked here: by keys, in words that are the same each time."""
    if connection.vendor != "postgresql":
        yield
        return
    connection.ensure_connection()
    server: Any = connection.connection
    server.prepare_threshold, server.prepared_max = PLANNED_AFTER, PLANS
    try:
        yield
    finally:
        server.prepare_threshold = None


def among(ask: Ask[Any], *values: Any) -> RawSQL:
    """The keys that ``ask(*values)`` asks for, worded before, to be asked for in another question: ``pk__in=among(...)``."""
    words = words_of(ask, *values)
    return RawSQL(*words) if words else RawSQL("SELECT 0 WHERE 1 = 0", [])  # noqa: S611 - words of the ORM's own


def words_of(ask: Ask[Any], *values: Any) -> Words | None:
    """The words and parameters of ``ask(*values)``, as in ``worded``; None where nothing can come of it."""
    known, leaves = _known_for(ask, values)
    return None if known.sql is None else known.filled(leaves)


def _known_for(ask: Ask[Any], values: Sequence[Any]) -> tuple[_Worded, list[Any]]:
    leaves: list[Any] = []
    key = (ask, connection.vendor, _shape(values, leaves))
    known = _known.get(key)
    if known is None:
        known = _known[key] = _put_into_words(ask, values, leaves)
        while len(_known) > KEPT:
            _known.popitem(last=False)
    if getattr(settings, "CHECK_WORDING", False):
        _check(ask, values, known, leaves)
    return known, leaves


def _shape(value: Any, leaves: list[Any]) -> Any:
    """Everything about ``value`` but the numbers, texts and moments in it, which go to ``leaves``."""
    if value is None or isinstance(value, bool | Enum | Fixed):
        return value
    if isinstance(value, int | str | datetime):
        leaves.append(value)
        return type(value)
    if isinstance(value, Sequence):
        return tuple(_shape(one, leaves) for one in value)
    raise TypeError(f"{type(value).__name__} is no value of a question")


def _marked(value: Any, markers: Iterator[Any]) -> Any:
    """``value`` with a marker in place of each leaf."""
    if value is None or isinstance(value, bool | Enum | Fixed):
        return value
    if isinstance(value, int | str | datetime):
        return next(markers)
    return tuple(_marked(one, markers) for one in value)


def _marker(number: int, leaf: Any) -> Any:
    if isinstance(leaf, datetime):
        return MOMENTS + timedelta(microseconds=number)
    return TEXT.format(number) if isinstance(leaf, str) else NUMBERS + number


def _put_into_words(ask: Ask[Any], values: Sequence[Any], leaves: Sequence[Any]) -> _Worded:
    markers = [_marker(number, leaf) for number, leaf in enumerate(leaves)]
    question = ask(*_marked(values, iter(markers)))
    compiler = question.query.get_compiler(connection=connection)
    try:
        sql, said = compiler.as_sql()
    except EmptyResultSet:
        return _Worded(question, compiler, None, [])
    places = {_adapted(marker): number for number, marker in enumerate(markers)}
    slots = [(places.get(one) if isinstance(one, int | str | datetime) else None, one) for one in said]
    if changed := [made for leaf, made in slots if leaf is None and _holds_one(made, places)]:
        raise TypeError(f"{ask.__qualname__} does not put in as they are: {changed}")
    return _Worded(question, compiler, sql, slots)


def _holds_one(made: Any, markers: Iterable[Any]) -> bool:
    """Whether a marker has become a part of ``made``, where no value could be put in."""
    text = str(made)
    return any(str(marker) in text for marker in markers)


def _adapted(leaf: Any) -> Any:
    """As the database takes it."""
    return connection.ops.adapt_datetimefield_value(leaf) if isinstance(leaf, datetime) else leaf


def _as(marker: Any, value: Any) -> Any:
    """``value`` as the kind of parameter that ``marker`` had become."""
    return type(marker)(value) if isinstance(marker, int) and type(marker) is not type(value) else value


def _check(ask: Ask[Any], values: Sequence[Any], known: _Worded, leaves: list[Any]) -> None:
    """Compare with the question in full words.

    Raises:
        AssertionError: ``ask`` has looked at what it must not look at.
    """
    full: Words | None = None
    with suppress(EmptyResultSet):
        sql, said = ask(*values).query.sql_with_params()
        full = sql, list(said)
    words = None if known.sql is None else known.filled(leaves)
    if words != full:
        raise AssertionError(f"{ask.__qualname__}{tuple(values)!r} is {full}, and was put as {words}")
