"""Several roles at once: the same values, or a template; all or none, and shown before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.duties import ROLE_ADMINISTRATORS, holds
from accounts.http import PortalRequest
from approvals.models import SettingsChange, SettingsTemplate
from approvals.permissions import roles_managed_by
from approvals.settings.changing import Wanted, change_settings
from approvals.settings.examining import Finding, examine
from approvals.settings.forms import ApplyForm, TogetherForm
from approvals.settings.permissions import require_sight
from approvals.settings.places import Document
from approvals.settings.templating import applied_to
from approvals.settings.words import Difference, effects
from audit.journal.refusing import NotAllowed, Refused
from roles.models import Role

MOST = 200  # roles in one go
OFFERED = 200  # to choose from at once


@dataclass(frozen=True)
class Planned:
    """What would happen to one role.

    Args:
        changes: what counts otherwise for it; finding: what it weakens, and whom it locks out.
        is_change: whether it would say anything else than before.
    """

    role: Role
    wanted: Wanted
    changes: list[Difference]
    finding: Finding
    is_change: bool

    @property
    def seen(self) -> str:
        """The version it was shown in, for the form."""
        return f"{self.role.pk} {self.wanted.seen}"


def planned(roles: Sequence[Role], values: dict[str, Any]) -> list[Planned]:
    """What would happen to each of ``roles`` if it said ``values`` itself."""
    plan = []
    for role, wanted in zip(roles, applied_to(values, roles), strict=True):
        before = Document.of(wanted.place, wanted.place.row())
        finding = examine(wanted.place, before, wanted.document)
        at_role = [one for one in finding.reaches if one.scope is None]
        changes = effects(at_role[0]) if at_role else []
        plan.append(Planned(role, wanted, changes, finding, is_change=before != wanted.document))
    return plan


def picked(request: PortalRequest) -> list[Role]:
    """The roles that were ticked, of those one may change.

    Raises:
        Http404: no part in role settings.
        NotAllowed: one may only read, or one of the roles is not theirs to change.
    """
    require_sight(request.user)
    mine = roles_managed_by(request.user).select_related("directory").order_by("directory__name", "name")
    if not (holds(request.user, *ROLE_ADMINISTRATORS) or mine.exists()):
        raise NotAllowed
    sent = request.POST if request.method == "POST" else request.GET
    keys = {int(key) for key in sent.getlist("pick")[:MOST] if key.isdecimal() and len(key) < 19}
    roles = list(mine.filter(pk__in=keys).distinct())
    if len(roles) != len(keys):
        raise NotAllowed
    return roles


@require_http_methods(["GET", "HEAD", "POST"])
def bulk_settings(request: PortalRequest) -> HttpResponse:
    """Set some values of several roles; only the values that are set change."""
    roles = picked(request)
    form = TogetherForm(request.POST or None)
    plan: list[Planned] = []
    if request.method == "POST" and form.is_valid():
        plan = planned(roles, form.values)
        if form.is_confirmed and roles:
            answer = send(request, form, plan)
            if answer is not None:
                return answer
        elif not changing_in(plan):
            form.add_error(None, _("Nothing would change."))
    context = {
        "roles": roles,
        "form": form,
        "plan": plan,
        "waits": waits_in(plan),
        "changing": changing_in(plan),
    }
    return render(
        request, "approvals/settings/bulk_settings.html", context, status=422 if form.errors else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
def apply_template(request: PortalRequest, pk: int) -> HttpResponse:
    """Let several roles say what a template says, after seeing what that changes in each."""
    require_sight(request.user)
    template = get_object_or_404(SettingsTemplate, pk=pk)
    roles = picked(request)
    form = ApplyForm(request.POST or None)
    plan = planned(roles, template.said())
    if request.method == "POST" and form.is_valid():
        answer = send(request, form, plan)
        if answer is not None:
            return answer
    words = request.GET.get("q", "").strip().replace("\x00", "")
    offered = roles_managed_by(request.user).filter(
        Q(name__icontains=words) | Q(directory__name__icontains=words)
    )
    context = {
        "template": template,
        "roles": roles,
        "form": form,
        "plan": plan,
        "waits": waits_in(plan),
        "changing": changing_in(plan),
        "offered": []
        if roles
        else offered.select_related("directory").distinct().order_by("directory__name", "name")[:OFFERED],
    }
    return render(
        request, "approvals/settings/apply_template.html", context, status=422 if form.errors else 200
    )


def changing_in(plan: list[Planned]) -> int:
    """How many of them would say anything else than before."""
    return sum(one.is_change for one in plan)


def waits_in(plan: list[Planned]) -> int:
    """How many of them a second administrator would have to confirm."""
    return sum(bool(one.finding.weakens) for one in plan)


def send(request: PortalRequest, form: Any, plan: list[Planned]) -> HttpResponse | None:
    """Change all of them or none; None when the form has to be shown again."""
    seen = dict(str(one).partition(" ")[::2] for one in form.cleaned_data["seen"])
    wanted = [replace(one.wanted, seen=seen.get(str(one.role.pk), "")) for one in plan]
    why = form.cleaned_data["justification"]
    try:
        changes = change_settings(wanted, actor=request.actor, justification=why)
    except Refused as refused:
        form.show(refused)
        return None
    waiting = sum(one.status == SettingsChange.Status.PROPOSED for one in changes)
    done = len(changes) - waiting
    if done:
        words = ngettext("<b>{n} role changed.</b>", "<b>{n} roles changed.</b>", done)
        messages.success(request, format_html(words, n=done))
    if waiting:
        words = ngettext(
            "<b>{n} change waits for a second administrator.</b>",
            "<b>{n} changes wait for a second administrator.</b>",
            waiting,
        )
        messages.warning(request, format_html(words, n=waiting))
        return redirect("settings_changes")
    return redirect("role_settings_list")
