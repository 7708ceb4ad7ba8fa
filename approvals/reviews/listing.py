"""What the list of reviews shows: runs that go on or are planned, those that are over, and the series they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, F, IntegerField, Prefetch, Q, Value, When, prefetch_related_objects

from accounts.models import User
from accounts.paging import Count as Counted
from accounts.paging import Page, counted_each, page_of
from approvals.reviews.models import AccessReview, ReviewItem, ReviewSeries
from approvals.reviews.permissions import reviews_visible_to, series_visible_to

Status = AccessReview.Status
GOING_ON, OVER, SERIES = "open", "over", "series"
LIVE = (Status.OPEN, Status.CLOSED, Status.STOPPED, Status.SCHEDULED)
SHOWN_ROLES = 3


@dataclass(frozen=True)
class Listing:
    """What one tab shows.

    Args:
        tab: which. page: its rows. counts: of each tab, by its name.
    """

    tab: str
    page: Page
    counts: dict[str, Counted]


def listing_of(person: User, asked: Mapping[str, Any]) -> Listing:
    """The tab and page that an address asks for, of what ``person`` may see."""
    tab = asked.get("tab", GOING_ON)
    tab = tab if tab in (GOING_ON, OVER, SERIES) else GOING_ON
    runs, series = reviews_visible_to(person), series_visible_to(person)
    rows = {
        GOING_ON: _going_on(runs),
        OVER: runs.filter(status=Status.APPLIED),
        SERIES: series,
    }
    order = {GOING_ON: ("rank", "due", "pk"), OVER: ("-starts_at", "-pk"), SERIES: ("name", "pk")}
    related = ("directory",) if tab == SERIES else ("directory", "series")
    page = page_of(asked, rows[tab], by=order[tab], related=("owner", *related))
    if tab == SERIES:
        _add_runs_and_roles(page)
    else:
        _add_progress(page)
    counts = counted_each([[one] for one in rows.values()])
    return Listing(tab, page, dict(zip(rows, counts, strict=True)))


def _going_on(runs: Any) -> Any:
    """Open ones first, the one that ends first on top; then what waits to be carried out; then what is planned."""
    rank = Case(
        When(status=Status.OPEN, then=Value(0)),
        When(status=Status.SCHEDULED, then=Value(2)),
        default=Value(1),
        output_field=IntegerField(),
    )
    due = Case(When(status=Status.SCHEDULED, then=F("starts_at")), default=F("ends_at"))
    return runs.filter(status__in=LIVE).annotate(rank=rank, due=due)


def _add_progress(runs: Iterable[Any]) -> None:
    """Say of each run how many lines of its present stage are answered (``answered``, ``asked``). One query."""
    rows = ReviewItem.objects.filter(review__in=[run.pk for run in runs], stage=F("review__stage")).order_by()
    found = {
        key: (asked, answered)
        for key, asked, answered in rows.values("review")
        .annotate(asked=Count("pk"), answered=Count("pk", filter=Q(answered_stage__gte=F("stage"))))
        .values_list("review", "asked", "answered")
    }
    for run in runs:
        run.asked, run.answered = found.get(run.pk, (0, 0))


def _add_runs_and_roles(page: Page) -> None:
    """Give each series the runs that go on or are planned (``live``), and the roles it names. Two queries."""
    live = AccessReview.objects.filter(status__in=[Status.OPEN, Status.SCHEDULED]).order_by("starts_at")
    prefetch_related_objects(page.object_list, Prefetch("runs", queryset=live, to_attr="live"), "roles")


def last_runs(series: ReviewSeries, *, most: int) -> list[AccessReview]:
    """The newest runs of a series that were not called off."""
    runs = list(series.runs.exclude(status=Status.CANCELED).order_by("-starts_at", "-pk")[:most])
    _add_progress(runs)
    return runs
