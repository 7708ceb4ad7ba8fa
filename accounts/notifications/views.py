"""The inbox: what the portal told the person who is signed in."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.http import PortalRequest
from accounts.notifications.models import Notification
from accounts.notifications.reading import read, read_all
from accounts.paging import page_of

ROWS = 25  # on a page


@require_http_methods(["GET", "HEAD", "POST"])
def inbox(request: PortalRequest) -> HttpResponse:
    """Everything I was told, newest first."""
    if request.method == "POST":
        if request.POST.get("act") == "read_all":
            read_all(request.user)
        return redirect("inbox")
    mine = Notification.objects.filter(person=request.user)
    page = page_of(request.GET, mine, by=("-created_at", "-pk"), rows=ROWS)
    return render(request, "accounts/inbox.html", {"page": page, "unread_count": mine.unread().count()})


@require_GET
def notification(request: PortalRequest, pk: int) -> HttpResponse:
    """One of them; opening it marks it as read."""
    found = get_object_or_404(Notification, pk=pk, person=request.user)
    read(found)
    return render(request, "accounts/notification.html", {"notification": found})
