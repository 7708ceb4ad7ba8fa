"""Who may and who does: the lists for those who look after roles, and giving a role back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import PortalRequest
from accounts.models import Group, User
from accounts.paging import Count, counted_each, page_of
from approvals.exporting import export_assignments
from approvals.forms import OWN_PAGES
from approvals.held import lines_for
from approvals.listing import KINDS, RELATED, Kind, Listing, Tab, Wanted, readable_roles
from approvals.models import AccessRequest
from approvals.requesting import request_deactivation
from approvals.viewing import Viewer, viewer_of
from audit.journal.refusing import Refused
from roles.models import Assignment, Risk, Role, Scope
from roles.permissions import OWN

ROWS = 20  # on a page
SCOPES = 200  # of a directory that are offered
KIND_ICONS = {
    Kind.STANDING: "lock",
    Kind.ENDING: "hourglass",
    Kind.THROUGH: "link",
    Kind.GROUPS: "users",
    Kind.SERVICE: "bot",
    Kind.OUTSIDE: "alert",
}


@require_safe
def assignments(request: PortalRequest) -> HttpResponse:
    """Who may activate and who holds, for the roles I may read. What the address asks for is what is shown."""
    viewer, wanted = viewer_of(request), Wanted.of(request.GET)
    readable = readable_roles(viewer)
    listing = Listing(readable, wanted)
    page = page_of(request.GET, *listing.sources, by=listing.by, rows=ROWS, related=RELATED)
    counts = counts_of(listing)
    context = {
        "wanted": wanted,
        "page": page,
        "lines": lines_for(page.object_list, managed=managed_among({row.role_id for row in page}, viewer)),
        "tabs": [(tab, tab.label, counts[tab]) for tab in Tab],
        "count": counts.get("wanted", counts[wanted.tab]),
        "standing": counts.get("standing"),
        "directories": readable.directories(),
        "scopes": scopes_to_choose(wanted),
        "risks": Risk.choices,
        "chips": chips_for(wanted),
        "named": named_in(wanted),
        "manages": viewer.is_role_administrator or bool(viewer.parts.roles(OWN)),
    }
    return render(request, "approvals/assignments.html", context)


def counts_of(listing: Listing) -> dict[str, Count]:
    """How many rows there are on each tab, and of those ``wanted`` and ``standing`` where that is another number."""
    lists = {str(tab): listing.everything(tab) for tab in Tab}
    if listing.wanted.is_narrow:
        lists["wanted"] = listing.sources
    if listing.wanted.tab == Tab.ACTIVE:
        lists["standing"] = [rows.filter(ends_at=None) for rows in lists[Tab.ACTIVE]]
    return dict(zip(lists, counted_each(list(lists.values())), strict=True))


@require_safe
def download_assignments(request: PortalRequest) -> StreamingHttpResponse:
    """What a page of assignments lists, all of it, as CSV."""
    wanted = Wanted.of(request.GET)
    lines = export_assignments(wanted, actor=request.actor)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"assignments-{wanted.tab}-{timezone.now():%Y-%m-%dT%H%MZ}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def managed_among(roles: set[int], viewer: Viewer) -> set[int]:
    """Those of ``roles`` whose assignments the viewer may change; what ``roles_managed_by`` says, for showing."""
    if viewer.is_role_administrator:
        return roles
    owned = viewer.parts.roles(OWN)
    return set(Role.objects.filter(owned, pk__in=roles).values_list("pk", flat=True)) if owned else set()


def scopes_to_choose(wanted: Wanted) -> QuerySet[Scope]:
    """The nodes of the chosen directory; none while there is no directory chosen, or it is nothing but a whole."""
    if not wanted.directory:
        return Scope.objects.none()
    parts = Scope.objects.filter(directory__name=wanted.directory, parent__isnull=False)
    return parts.order_by("path")[:SCOPES]


def chips_for(wanted: Wanted) -> list[dict[str, Any]]:
    """What one can look for on this tab, each with what the address says after a click on it."""
    return [
        {
            "label": _("Without an end")
            if (kind, wanted.tab) == (Kind.STANDING, Tab.ELIGIBLE)
            else kind.label,
            "icon": KIND_ICONS[kind],
            "is_on": kind in wanted.kinds,
            "kinds": sorted(wanted.kinds ^ {kind}),
        }
        for kind in KINDS[wanted.tab]
    ]


def named_in(wanted: Wanted) -> list[tuple[str, str]]:
    """What an address names by key, with its name: what a link from elsewhere has narrowed the list to."""
    asked: dict[str, type[Any]] = {"role": Role, "person": User, "group": Group}
    found = ((name, model, getattr(wanted, name)) for name, model in asked.items())
    return [
        (name, str(model.objects.filter(pk=key).first() or _("Unknown")))
        for name, model, key in found
        if key is not None
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def deactivate(request: PortalRequest, pk: int) -> HttpResponse:
    """Give back what I activated. Somebody else's is not found."""
    assignment = get_object_or_404(
        Assignment.objects.select_related("role__directory"), pk=pk, person=request.user
    )
    if request.method != "POST":
        return redirect("home")
    try:
        request_deactivation(assignment, actor=request.actor)
    except Refused as refused:
        if refused.status_code in OWN_PAGES:
            raise
        messages.error(request, refused.message)  # too early: the page one came from says from when
    else:
        said = _("<b>{role} has ended.</b> The portal takes it away at {directory} now.")
        messages.success(
            request, format_html(said, role=assignment.role, directory=assignment.role.directory)
        )
    asked_for = assignment.access_requests.filter(act=AccessRequest.Act.ACTIVATE).first()
    return (
        redirect("request_page", asked_for.pk) if "stay" in request.POST and asked_for else redirect("home")
    )
