"""What came of reviews: the results, a file of them, a report to hand in, and the history of all."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.http import PortalRequest
from accounts.paging import counted, page_of
from approvals.reviews import exporting
from approvals.reviews.lead_forms import HistoryFilter, ResultFilter
from approvals.reviews.permissions import reviews_visible_to
from approvals.reviews.progress import lines_of, tally_of
from approvals.reviews.reporting import (
    OVER,
    RELATED,
    entry_of_end,
    entry_of_release,
    report_of,
    results_of,
    scope_words,
    stage_words,
    stages_of,
)
from approvals.reviews.views.leading import visible_run
from approvals.viewing import viewer_of

ROWS = 50  # on a page
ROLES = 200  # to choose from


@require_safe
def review_results(request: PortalRequest, pk: int) -> HttpResponse:
    """What was said of each item, and what came of it."""
    run = visible_run(request, pk)
    filters = ResultFilter(request.GET, review=run)
    items = filters.items()
    page = page_of(request.GET, items, by=("pk",), rows=ROWS, related=RELATED)
    context = {
        "review": run,
        "is_over": run.status in OVER,
        "filters": filters,
        "is_narrow": bool(filters.said()),
        "roles": filters.roles()[:ROLES],
        "page": page,
        "rows": results_of(list(page)),
        "count": counted(items),
    }
    return render(request, "approvals/reviews/results.html", context)


@require_safe
def download_review(request: PortalRequest, pk: int) -> HttpResponseBase:
    """The results as CSV, with the filter of the page."""
    run = visible_run(request, pk)
    filters = ResultFilter(request.GET, review=run)
    lines = exporting.export_review(
        run, items=filters.items(), filters=filters.in_words(), actor=request.actor
    )
    return _file(lines, f"access-review-{run.pk}")


@require_safe
def review_report(request: PortalRequest, pk: int) -> HttpResponse:
    """One run as a record to print and hand in."""
    run = visible_run(request, pk)
    tally, stages = tally_of(run), stages_of(run)
    context = {
        "review": run,
        "is_over": run.status in OVER,
        "tally": tally,
        "scope": scope_words(run),
        "stages": stage_words(stages),
        "lines": lines_of(run, stages),
        "report": report_of(run, tally.items),
        "entry": entry_of_end(run),
        "release": entry_of_release(run),
    }
    return render(request, "approvals/reviews/report.html", context)


@require_safe
def review_history(request: PortalRequest) -> HttpResponseBase:
    """The results of all runs the viewer may see, as a table or, with ``format=csv``, as a file."""
    visible = reviews_visible_to(request.user)
    if not viewer_of(request).is_reader and not visible.exists():
        raise Http404
    filters = HistoryFilter(request.GET)
    items = filters.items(visible)
    if request.GET.get("format") == "csv" and filters.is_valid():
        lines = exporting.export_history(items, filters=filters.in_words(), actor=request.actor)
        return _file(lines, "access-reviews")
    page = page_of(request.GET, items, by=("-pk",), rows=ROWS, related=RELATED)
    context = {
        "filters": filters,
        "is_narrow": bool(filters.said()),
        "page": page,
        "rows": results_of(list(page)),
        "count": counted(items),
    }
    status = 422 if filters.errors else 200
    return render(request, "approvals/reviews/history.html", context, status=status)


def _file(lines: Iterator[bytes], name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-{timezone.now():%Y-%m-%dT%H%MZ}.csv"'
    return response
