"""Lists of any length, a page at a time: found by the sort key of the row beside it, never by counting or skipping.

The address carries that key (``?after=`` or ``?before=``). It says where to go on and nothing else: what a person may see
is the query's affair, so a key that somebody made up shows at worst the first page.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import BooleanField, F, Field, Func, Q, QuerySet, Value
from django.utils import timezone

from accounts.wording import Fixed, Words, worded

ROWS = 50  # on a page
COUNTED = 500  # rows; more are "500+"
LARGEST = 2**63 - 1
THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Page:
    """Some rows of a list, and how to get to those beside them.

    Args:
        after: what ``?after=`` must say for the next page; "" where there is none.
        before: what ``?before=`` must say for the previous one.
    """

    object_list: list[Any]
    after: str = ""
    before: str = ""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.object_list)

    def __len__(self) -> int:
        return len(self.object_list)

    def __getitem__(self, at: int) -> Any:
        return self.object_list[at]


@dataclass(frozen=True)
class Cursor:
    """A row's place in a list of several sources.

    Args:
        forward: whether the rows after it are wanted, or those before.
        source: which of the sources it is from.
        key: its values in the columns of the order, the last of them unique.
    """

    forward: bool
    source: int
    key: Key


def page_of(
    asked: Mapping[str, Any],
    *sources: QuerySet[Any],
    by: Sequence[str],
    rows: int = ROWS,
    related: Sequence[str] = (),
) -> Page:
    """The page that an address asks for; the first one when it asks for none that exists. Two queries for each source.

    The first finds the keys of the rows and joins nothing: planning a join of many tables takes longer than reading it.

    Args:
        asked: the address's parameters.
        sources: querysets whose rows make up the list together; each has the columns of ``by``.
        by: columns or annotations, all rising or all falling (``-``), without NULL; the last one is ``pk``.
        related: what a row shows of others, as for ``select_related``; a source takes those that begin with a field of its own.
    """
    order = Order(sources, by)
    cursor = order.cursor_from(asked)
    found = order.places(cursor, rows + 1)
    if cursor is not None and not found:  # what the address knew is gone, or never was
        cursor = None
        found = order.places(cursor, rows + 1)
    is_more = len(found) > rows
    del found[rows:]
    forward = cursor is None or cursor.forward
    if not forward:
        found.reverse()
    if not found:
        return Page([])
    ahead, behind = (is_more, cursor is not None) if forward else (True, is_more)
    after, before = cursor_text(*found[-1]), cursor_text(*found[0])
    return Page(order.loaded(found, related), after if ahead else "", before if behind else "")


class Order:
    """A list made of several sources, in one order; see ``page_of``."""

    def __init__(self, sources: Sequence[QuerySet[Any]], by: Sequence[str]) -> None:
        self.sources = sources
        self.falling = by[0].startswith("-")
        self.by = tuple(by)
        self.columns = tuple(column.removeprefix("-") for column in by)
        self.fields = tuple(field_of(sources[0], column) for column in self.columns)
        if self.columns[-1] != "pk" or any(column.startswith("-") != self.falling for column in by):
            raise ValueError(f"no order to page by: {by}")

    def places(self, cursor: Cursor | None, most: int) -> list[tuple[int, Key]]:
        """The rows next to ``cursor``, nearest first: the number of their source, and their key."""
        backward = cursor is not None and not cursor.forward
        found: list[tuple[int, Key]] = []
        for number, source in enumerate(self.sources):
            if cursor is not None:
                source = source.filter(self._beyond(cursor, number))
            ordered = source.order_by(*self.by)
            keys = (ordered.reverse() if backward else ordered).values_list(*self.columns)
            found += [(number, key) for key in keys[:most]]
        if len(self.sources) > 1:  # one alone is in order, and by the database's own rules for letters
            found.sort(key=self._place, reverse=self.falling != backward)
        return found[:most]

    def loaded(self, places: Sequence[tuple[int, Key]], related: Sequence[str]) -> list[Any]:
        """The rows at ``places``; one that is gone by now is left out."""
        rows: dict[tuple[int, Any], Any] = {}
        for number, source in enumerate(self.sources):
            own = {one.name for one in source.model._meta.get_fields()}
            names = [name for name in related if name.partition("__")[0] in own]
            keys = [key[-1] for at, key in places if at == number]
            found = worded(_rows_of, Fixed(source.model), Fixed(tuple(names)), keys)
            rows |= {(number, row.pk): row for row in found}
        return [rows[number, key[-1]] for number, key in places if (number, key[-1]) in rows]

    def cursor_from(self, asked: Mapping[str, Any]) -> Cursor | None:
        """The place an address names; None when it names none, or what cannot be one."""
        for name in ("after", "before"):
            if text := asked.get(name, ""):
                try:
                    said = json.loads(urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}"))
                    source, *values = said
                    if type(source) is not int or not 0 <= source < len(self.sources):
                        return None
                    key = tuple(
                        value_for(field, value) for field, value in zip(self.fields, values, strict=True)
                    )
                except (ValueError, TypeError, OverflowError, RecursionError):
                    return None
                return Cursor(name == "after", source, key)
        return None

    def _beyond(self, cursor: Cursor, number: int) -> Q:
        """What lies beyond ``cursor`` in the source of that number: rows of equal sort key stand source by source."""
        onwards = "<" if self.falling == cursor.forward else ">"
        if number == cursor.source:
            return Q(compared(self.columns, self.fields, onwards, cursor.key))
        is_later = (number > cursor.source) == cursor.forward
        sign = f"{onwards}=" if is_later else onwards
        return Q(compared(self.columns[:-1], self.fields[:-1], sign, cursor.key[:-1]))

    def _place(self, one: tuple[int, Key]) -> Key:
        source, (*shared, unique) = one
        return (*shared, -source if self.falling else source, unique)


def _rows_of(model: Fixed, related: Fixed, keys: Sequence[Any]) -> QuerySet[Any]:
    kind: Any = model.value
    names: Any = related.value
    found: QuerySet[Any] = kind._default_manager.filter(pk__in=keys).order_by()
    return found.select_related(*names) if names else found


def cursor_text(source: int, key: Key) -> str:
    """A row's place, for an address."""
    said = [value.isoformat() if isinstance(value, datetime) else value for value in key]
    return urlsafe_b64encode(json.dumps([source, *said]).encode()).decode().rstrip("=")


def compared(columns: Sequence[str], fields: Sequence[Field[Any, Any]], sign: str, key: Key) -> Func:
    """``(a, b) > (x, y)``, the one form in which databases follow an index to the place, however many rows are equal."""
    left = Func(*(F(column) for column in columns), template="(%(expressions)s)")
    values = (Value(value, output_field=field) for field, value in zip(fields, key, strict=True))
    right = Func(*values, template="(%(expressions)s)")
    return Func(left, right, template="%(expressions)s", arg_joiner=f" {sign} ", output_field=BooleanField())


def field_of(rows: QuerySet[Any], column: str) -> Field[Any, Any]:
    """The field that says what values ``column`` has."""
    if column in rows.query.annotations:
        field = rows.query.annotations[column].output_field
    else:
        field = rows.model._meta.pk if column == "pk" else rows.model._meta.get_field(column)
    found: Field[Any, Any] = field
    return found


def value_for(field: Field[Any, Any], said: Any) -> Any:
    """A value as ``field`` has it, from an address.

    Raises:
        ValueError: it cannot be one.
    """
    if isinstance(field, models.DateTimeField):
        at = datetime.fromisoformat(said)
        if timezone.is_naive(at):
            raise ValueError(said)
        return at.astimezone(UTC)
    if isinstance(field, models.IntegerField | models.AutoField):
        if type(said) is not int or not -LARGEST <= said <= LARGEST:
            raise ValueError(said)
        return said
    if not isinstance(said, str) or "\x00" in said:
        raise ValueError(said)
    said.encode()  # half a character is none
    return said


class Count(int):
    """How many there are, counted no further than is cheap: "500+" where there are more."""

    is_more = False

    def __str__(self) -> str:
        return f"{int(self):,}{'+' if self.is_more else ''}".replace(",", THIN_SPACE)


def counted(*sources: QuerySet[Any], most: int = COUNTED) -> Count:
    """How many rows the sources have together, counted up to ``most``. One query."""
    return counted_each([sources], most=most)[0]


def counted_each(
    lists: Sequence[Sequence[QuerySet[Any] | Words | None]], *, most: int = COUNTED
) -> list[Count]:
    """As ``counted``, for several lists. One query for all of them.

    In a statement of our own words: the ORM takes longer to word and to send a dozen counts than the database to count.

    Args:
        lists: the sources of each, as rows or as ``words_of`` their keys. Rows in an order are counted along it.
    """
    asked: list[str] = []
    said: list[Any] = []
    for sources in lists:
        numbers = ["0"]
        for source in sources:
            if words := _in_words(source) if isinstance(source, QuerySet) else source:
                limited = f"{words[0]} LIMIT {most + 1}"
                numbers.append(f"(SELECT COUNT(*) FROM ({limited}) AS counted)")  # noqa: S608 - as below
                said += words[1]
        asked.append(" + ".join(numbers))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(asked)}", said)
        found = cursor.fetchone()
    return [count_up_to(number, most) for number in found]


def _in_words(source: QuerySet[Any]) -> Words | None:
    """The words and parameters of a question for the keys of ``source``; None where nothing can come of it."""
    if not source.query.order_by:
        source = source.order_by()  # not in the order that its model has
    with suppress(EmptyResultSet):
        words, values = source.values("pk").query.sql_with_params()
        return words, list(values)
    return None


def count_up_to(number: int, most: int) -> Count:
    """``number`` as a count that goes no further than ``most``."""
    count = Count(min(number, most))
    count.is_more = number > most
    return count
