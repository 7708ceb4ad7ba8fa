"""Connecting a directory, step by step: kind, address and credentials, test, discovery, roles."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.duties import ROLE_ADMINISTRATORS, holds
from accounts.http import PortalRequest
from audit.journal.refusing import NotAllowed, Refused
from roles.connect_forms import ConnectForm, ConnectionForm, RolesForm
from roles.connecting import ask_inspection, change_connection, connect_directory, take_roles
from roles.connectors.base import ConnectorError
from roles.connectors.registry import Kind, connector_kinds, kind_called
from roles.models import Directory, Inspection
from roles.models.directory import INSIDE
from roles.permissions import directories_read_by, may_manage

What = Inspection.What


@require_safe
def connect(request: PortalRequest) -> HttpResponse:
    """Choose of which kind the directory is."""
    check_may_connect(request)
    kinds = []
    for name in connector_kinds():
        if name not in INSIDE:
            try:
                kinds.append(kind_called(name))
            except ConnectorError as error:
                messages.error(request, str(error))
    return render(request, "roles/connect.html", {"kinds": kinds})


@require_http_methods(["GET", "HEAD", "POST"])
def connect_kind(request: PortalRequest, kind: str) -> HttpResponse:
    """Say where it is, and as whom the portal speaks to it."""
    check_may_connect(request)
    chosen = kind_or_404(kind)
    form = ConnectForm(request.POST or None, kind=chosen)
    if form.is_valid():
        said = form.cleaned_data
        try:
            made = connect_directory(
                said["name"],
                actor=request.actor,
                kind=chosen.name,
                connection=form.connection,
                account_names=said["account_names"],
                description=said["description"],
                **form.secrets,
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            return redirect("connection", made.pk)
    return render(request, "roles/connect_kind.html", {"kind": chosen, "form": form}, status=form.status)


@require_safe
def connection(request: PortalRequest, pk: int) -> HttpResponse:
    """How far the connection has come: the test, what was discovered, which roles, what comes next."""
    shown = outside_directory(request, pk)
    context = steps_of(shown) | {"directory": shown, "kind": kind_or_404(shown.kind)}
    template = "roles/parts/connection.html" if request.htmx else "roles/connection.html"  # type: ignore[attr-defined]
    return render(request, template, context)


@require_http_methods(["GET", "HEAD", "POST"])
def change_address(request: PortalRequest, pk: int) -> HttpResponse:
    """Change how it is spoken to. The secret is never shown."""
    shown = outside_directory(request, pk)
    chosen = kind_or_404(shown.kind)
    form = ConnectionForm(
        request.POST or None,
        kind=chosen,
        has_secret=bool(shown.sealed_secret),
        initial=ConnectionForm.initial_of(shown),
    )
    if form.is_valid():
        try:
            change_connection(shown, actor=request.actor, connection=form.connection, **form.secrets)
        except Refused as refusal:
            form.refuse(refusal)
        else:
            return redirect("connection", shown.pk)
    context = {"directory": shown, "kind": chosen, "form": form}
    return render(request, "roles/change_connection.html", context, status=form.status)


@require_POST
def look_into(request: PortalRequest, pk: int, what: str) -> HttpResponse:
    """Test once more, or discover."""
    shown = outside_directory(request, pk)
    if what not in What.values:
        raise Http404
    ask_inspection(shown, actor=request.actor, what=what)
    return redirect("connection", shown.pk)


@require_POST
def choose_roles(request: PortalRequest, pk: int) -> HttpResponse:
    """Make roles of what was ticked."""
    shown = outside_directory(request, pk)
    steps = steps_of(shown)
    form = RolesForm(request.POST, found=steps["found_roles"], known=steps["known"])
    if form.is_valid():
        try:
            made = take_roles(shown, actor=request.actor, entitlements=form.cleaned_data["roles"])
        except Refused as refusal:
            form.refuse(refusal)
        else:
            words = ngettext(
                "%(n)s role is managed here now.", "%(n)s roles are managed here now.", len(made)
            )
            messages.success(request, words % {"n": len(made)})
            return redirect("connection", shown.pk)
    context = steps | {"directory": shown, "kind": kind_or_404(shown.kind), "roles_form": form}
    return render(request, "roles/connection.html", context, status=form.status)


def steps_of(directory: Directory) -> dict[str, Any]:
    """What the page shows of each step."""
    looks = {one.what: one for one in directory.inspections.select_related("asked_by")}
    check, discovery = looks.get(What.CHECK), looks.get(What.DISCOVERY)
    found = discovery.found if discovery and not discovery.is_running else {}
    known = set(directory.roles.values_list("entitlement", flat=True))
    found_roles = found.get("roles", [])
    return {
        "check": check,
        "discovery": discovery,
        "is_running": any(one.is_running for one in looks.values()),
        "may_discover": bool(check and check.found.get("capabilities", {}).get("discovers")),
        "found_roles": found_roles,
        "known": known,
        "roles_form": RolesForm(found=found_roles, known=known),
        "role_count": len(known),
    }


def check_may_connect(request: PortalRequest) -> None:
    """Let role administrators alone in.

    Raises:
        Http404: it is not for them to know of.
    """
    if not holds(request.user, *ROLE_ADMINISTRATORS):
        raise Http404


def outside_directory(request: PortalRequest, pk: int) -> Directory:
    """A directory that is spoken to, and that the person may change.

    Raises:
        Http404: they may not even look into it, or it is the portal's own.
        NotAllowed: they may look, and no more.
    """
    shown: Directory = get_object_or_404(directories_read_by(request.user).exclude(kind__in=INSIDE), pk=pk)
    if not may_manage(request.user, shown):
        raise NotAllowed
    return shown


def kind_or_404(name: str) -> Kind:
    """How the kind is asked for.

    Raises:
        Http404: there is none of this name, or its package is gone.
    """
    try:
        return kind_called(name)
    except ConnectorError as error:
        raise Http404(_("There is no connector of this kind.")) from error
