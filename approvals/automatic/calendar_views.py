"""Calendars of who is on call: which there are and who stands in them now; entering, changing, fetching, removing."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import PortalRequest
from approvals.automatic.calendars import (
    ask_for_fetch,
    check_calendar_address,
    fetch_calendar,
    rules_looking_into,
    save_calendar,
)
from approvals.automatic.calendars import remove_calendar as remove
from approvals.automatic.forms import CalendarForm
from approvals.automatic.listing import is_stale, on_call_now
from approvals.automatic.models import Calendar
from approvals.viewing import require_duty, require_sight, viewer_of
from audit.journal.refusing import Refused


@require_safe
def calendars(request: PortalRequest) -> HttpResponse:
    """Every calendar, when it was read last, and who is on call in it at this moment."""
    require_sight(request)
    context = {
        "calendars": [
            (calendar, is_stale(calendar), on_call_now(calendar), rules_looking_into(calendar))
            for calendar in Calendar.objects.all()
        ],
        "may": viewer_of(request).is_role_administrator,
    }
    return render(request, "approvals/automatic/calendars.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_calendar(request: PortalRequest) -> HttpResponse:
    """Enter a calendar."""
    require_duty(request)
    return edit(request, Calendar())


@require_http_methods(["GET", "HEAD", "POST"])
def calendar(request: PortalRequest, pk: int) -> HttpResponse:
    """Change the name or address of a calendar."""
    require_sight(request)
    found = get_object_or_404(Calendar, pk=pk)
    require_duty(request)
    return edit(request, found)


def edit(request: PortalRequest, calendar: Calendar) -> HttpResponse:
    """The form of a calendar, and keeping what was filled in."""
    title = calendar.name
    form = CalendarForm(request.POST if request.method == "POST" else None, calendar=calendar)
    if form.is_valid():
        try:
            check_calendar_address(form.cleaned_data["url"])
            why = form.cleaned_data["justification"]
            kept = save_calendar(form.filled(), actor=request.actor, justification=why)
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(
                request, _("%(name)s is kept. It says nothing before it was read.") % {"name": kept}
            )
            return redirect("calendars")
    context = {"form": form, "calendar": calendar, "title": title}
    return render(request, "approvals/automatic/calendar.html", context, status=422 if form.errors else 200)


@require_POST
def fetch_now(request: PortalRequest, pk: int) -> HttpResponse:
    """Fetch a calendar at once."""
    require_sight(request)
    found = get_object_or_404(Calendar, pk=pk)
    ask_for_fetch(found, actor=request.actor)
    if fault := fetch_calendar(found):
        messages.error(request, _("%(name)s was not read. %(why)s") % {"name": found, "why": fault})
    else:
        messages.success(request, _("%(name)s was read.") % {"name": found})
    return redirect("calendars")


@require_POST
def remove_calendar(request: PortalRequest, pk: int) -> HttpResponse:
    """Remove a calendar."""
    require_sight(request)
    found = get_object_or_404(Calendar, pk=pk)
    name = str(found)
    remove(found, actor=request.actor)
    messages.success(
        request, _("%(name)s is gone. Rules that look into it decide nothing any more.") % {"name": name}
    )
    return redirect("calendars")
