"""Changes of role settings: those that wait for a second administrator, and those of the past."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import PortalRequest
from accounts.paging import page_of
from approvals.models import SettingsChange
from approvals.settings.changing import (
    changes_decidable_by,
    confirm_change,
    may_change,
    refuse_change,
    withdraw_change,
)
from approvals.settings.forms import DecideChangeForm
from approvals.settings.permissions import changes_seen_by, require_sight
from approvals.settings.places import Document, place_of
from approvals.settings.words import differences
from audit.journal.refusing import Refused

Status = SettingsChange.Status


@require_safe
def settings_changes(request: PortalRequest) -> HttpResponse:
    """Every change I may read: what waits first, then the past, the newest at the top."""
    require_sight(request.user)
    changes = changes_seen_by(request.user)
    role = request.GET.get("role", "")
    if role.isdecimal() and len(role) < 19:
        changes = changes.filter(role=int(role))
    context = {
        "waiting": changes.filter(status=Status.PROPOSED),
        "decidable": {one.pk for one in changes_decidable_by(request.user)},
        "page": page_of(request.GET, changes.exclude(status=Status.PROPOSED), by=("-created_at", "-pk")),
    }
    return render(request, "approvals/settings/settings_changes.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def settings_change(request: PortalRequest, pk: int) -> HttpResponse:
    """One change: what was and what shall be, who proposed it and why; and, while it waits, the answer."""
    require_sight(request.user)
    change = get_object_or_404(changes_seen_by(request.user), pk=pk)
    form = DecideChangeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            said = answer(request, change, **form.cleaned_data)
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, said)
            return redirect("settings_change", change.pk)
    is_mine = change.proposer is not None and change.proposer.is_same_human_as(request.user)
    context = {
        "change": change,
        "place": place_of(change),
        "form": form,
        "differences": differences(Document.from_json(change.before), Document.from_json(change.after)),
        "may_decide": change.status == Status.PROPOSED
        and not is_mine
        and may_change(request.user, place_of(change)),
        "may_withdraw": change.status == Status.PROPOSED and change.proposer_id == request.user.pk,
        "is_mine": is_mine,
        "others": changes_seen_by(request.user).filter(batch=change.batch).exclude(pk=change.pk)
        if change.batch
        else [],
    }
    return render(
        request, "approvals/settings/settings_change.html", context, status=422 if form.errors else 200
    )


def answer(request: PortalRequest, change: SettingsChange, *, verdict: str, decision: str) -> str:
    """Do what the button says, and tell what came of it."""
    if verdict == "confirm":
        confirm_change(change, actor=request.actor, decision=decision)
        return _("The settings of %(where)s count from the next request on.") % {"where": change.where}
    if verdict == "refuse":
        refuse_change(change, actor=request.actor, decision=decision)
        return _("Refused. The settings of %(where)s stay as they are.") % {"where": change.where}
    withdraw_change(change, actor=request.actor)
    return _("Withdrawn. The settings of %(where)s stay as they are.") % {"where": change.where}
