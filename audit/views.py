"""The journal: to read, to filter, to download; and everyone's own part of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_safe

from accounts.http import PortalRequest
from audit.describing import describe, detail_words
from audit.exporting import CSV, FORMATS, export_history, export_journal, export_own_part
from audit.forms import JournalFilter
from audit.journal.models import AuditEvent
from audit.models import JournalCheck
from audit.paging import JournalPaginator, with_words
from audit.permissions import may_read_journal, own_events, readable_events, shown_body

OTHERS = 100  # entries of the same access request beside an entry


@require_safe
def journal(request: PortalRequest, *, status: int = 200) -> HttpResponse:
    """The whole journal, filtered. For people without a duty there is no such page."""
    if not may_read_journal(request.user):
        raise Http404
    filters = JournalFilter(request.GET)
    events = filters.events(AuditEvent.objects.all())
    paginator = JournalPaginator(events, whole=not filters.in_words(), by_time=filters.is_a_span)
    shown = {
        "page": paginator.get_page(request.GET.get("page")),
        "filters": filters,
        "chain": JournalCheck.objects.filter(pk=1).first(),
        "query": asked(request),
    }
    return render(request, "audit/journal.html", shown, status=422 if filters.errors else status)


@require_safe
def audit_event(request: PortalRequest, number: int) -> HttpResponse:
    """One entry, whole, with the other entries of the same access request."""
    mine_only = None if may_read_journal(request.user) else request.user
    readable = readable_events(request.user)
    event = get_object_or_404(readable, number=number)
    body = shown_body(event, to=mine_only)
    event.actor_address, event.actor_agent = str(body["actor_address"]), str(body["actor_agent"])
    same = readable.filter(access_request=event.access_request).exclude(pk=event.pk).order_by("number")
    digests = {"previous_digest": event.previous_digest, "digest": event.digest}
    shown = {
        "event": event,
        "words": describe(event),
        "details": detail_words(event),
        "others": with_words(same[:OTHERS]) if event.access_request else [],
        "raw": json.dumps(body | digests, indent=2, ensure_ascii=True),
        "chain": JournalCheck.objects.filter(pk=1).first(),
        "left_out": mine_only is not None,
    }
    return render(request, "audit/audit_event.html", shown)


@require_GET
def download_journal(request: PortalRequest) -> HttpResponse | StreamingHttpResponse:
    """The filtered journal, or with ``kind=history`` the models' own history, as CSV or JSON Lines.

    A filter with a mistake downloads nothing: it would give more than was meant.
    """
    if not may_read_journal(request.user):
        raise Http404
    filters = JournalFilter(request.GET)
    if not filters.is_valid():
        return journal(request, status=422)
    form, said = request.GET.get("format", CSV), filters.in_words()
    if request.GET.get("kind") == "history":
        lines = export_history(filters.span(), form=form, filters=said, actor=request.actor)
        return download(lines, name="history", form=form)
    events = filters.events(AuditEvent.objects.all())
    return download(
        export_journal(events, form=form, filters=said, actor=request.actor), name="journal", form=form
    )


@require_safe
def my_audit(request: PortalRequest) -> HttpResponse:
    """What I did, and what concerns me."""
    filters = JournalFilter(request.GET)
    paginator = JournalPaginator(filters.events(own_events(request.user)), whole=False)
    shown = {
        "page": paginator.get_page(request.GET.get("page")),
        "filters": filters,
        "query": asked(request),
    }
    return render(request, "audit/my_audit.html", shown, status=422 if filters.errors else 200)


@require_GET
def download_my_audit(request: PortalRequest) -> HttpResponse | StreamingHttpResponse:
    """My own part of the journal as CSV or JSON Lines."""
    form = request.GET.get("format", CSV)
    return download(export_own_part(request.user, form=form, actor=request.actor), name="my-audit", form=form)


def asked(request: PortalRequest) -> str:
    """What is filtered by, as the query of an address; which page of it is shown is left out."""
    names = JournalFilter().fields
    return urlencode([(name, str(value)) for name, value in request.GET.items() if value and name in names])


def download(lines: Iterator[bytes], *, name: str, form: str) -> StreamingHttpResponse:
    """A file made of ``lines`` while it is sent."""
    response = StreamingHttpResponse(lines, content_type=FORMATS[form])
    response["Content-Disposition"] = f'attachment; filename="{name}-{timezone.now():%Y-%m-%dT%H%MZ}.{form}"'
    return response
