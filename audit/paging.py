"""Pages of a book that may be very long, without counting or skipping through it."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

from audit.describing import describe
from audit.journal.models import AuditEvent, JournalHead

ROWS = 50  # on a page
MOST = 2_000  # entries of a filtered view that can be paged through; a download has all of them


class JournalPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of journal entries, newest first; each entry carries its sentence as ``words``.

    The whole journal is numbered without a gap: its page is a range of numbers, however deep. A filtered view is
    asked for its numbers once, up to ``MOST``; ``is_cut`` says that there are more.

    Args:
        whole: whether ``events`` is the whole journal.
        by_time: whether ``events`` is a span of time, which is then read along the index of times.
    """

    def __init__(
        self, events: QuerySet[AuditEvent], *, whole: bool, by_time: bool = False, rows: int = ROWS
    ) -> None:
        super().__init__(events, rows)
        self.events, self.whole = events, whole
        self.newest_first = ("-at", "-number") if by_time else ("-number",)

    @cached_property
    def numbers(self) -> list[int]:
        """The numbers of the entries of a filtered view, newest first."""
        return list(self.events.order_by(*self.newest_first).values_list("number", flat=True)[:MOST])

    @cached_property
    def count(self) -> int:
        """How many entries can be paged through."""
        if self.whole:
            return JournalHead.objects.filter(pk=1).values_list("number", flat=True).first() or 0
        return len(self.numbers)

    @property
    def is_cut(self) -> bool:
        """Whether there are more entries than can be paged through: a tighter filter or a download shows them."""
        return not self.whole and len(self.numbers) == MOST

    def page(self, number: Any) -> Page:  # type: ignore[type-arg]
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        if self.whole:
            newest = self.count - first
            found = self.events.filter(number__lte=newest, number__gt=newest - self.per_page)
        else:
            found = self.events.model.objects.filter(number__in=self.numbers[first : first + self.per_page])
        return self._get_page(with_words(found.order_by("-number")), number, self)  # type: ignore[attr-defined,no-any-return]


def with_words(events: QuerySet[AuditEvent]) -> list[AuditEvent]:
    """The entries as a list, each with its sentence as ``words``."""
    found = list(events)
    for event in found:
        event.words = describe(event)  # type: ignore[attr-defined]
    return found
