"""Automatic rules: which there are, what they say, where they are named; making, trying and retiring them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import PortalRequest
from approvals.automatic.forms import RuleForm
from approvals.automatic.listing import COUNTED_DAYS, TRIED, lines_of, try_rule
from approvals.automatic.models import AutomaticRule, Calendar
from approvals.automatic.ruling import make_rule
from approvals.automatic.ruling import retire_rule as retire
from approvals.forms import JustifiedForm
from approvals.viewing import require_duty, require_sight, viewer_of
from audit.journal.refusing import Refused
from roles.models import Role


@require_safe
def automatic_rules(request: PortalRequest) -> HttpResponse:
    """Every version in use, then the retired ones."""
    require_sight(request)
    lines = lines_of(AutomaticRule.objects.select_related("author"))
    context = {
        "in_use": [line for line in lines if line.rule.retired_at is None],
        "retired": [line for line in lines if line.rule.retired_at is not None],
        "days": COUNTED_DAYS,
        "calendars": Calendar.objects.all(),
        "may": viewer_of(request).is_role_administrator,
    }
    return render(request, "approvals/automatic/rules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_automatic_rule(request: PortalRequest) -> HttpResponse:
    """Make a rule."""
    require_duty(request)
    return edit(request, before=None)


@require_http_methods(["GET", "HEAD", "POST"])
def new_rule_version(request: PortalRequest, key: str) -> HttpResponse:
    """Make the next version of a rule, beginning with what the newest one says."""
    require_sight(request)
    before = newest(key)
    require_duty(request)
    return edit(request, before=before)


def edit(request: PortalRequest, *, before: AutomaticRule | None) -> HttpResponse:
    """The form of a rule, and keeping what was filled in."""
    zone = str(request.user.zone)
    form = RuleForm(request.POST if request.method == "POST" else None, before=before, zone=zone)
    if form.is_valid():
        try:
            rule = make_rule(
                form.rule(), actor=request.actor, justification=form.cleaned_data["justification"]
            )
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, said_of(rule))
            return redirect("automatic_rule", rule.key)
    context = {"form": form, "before": before}
    return render(request, "approvals/automatic/edit.html", context, status=422 if form.errors else 200)


def said_of(rule: AutomaticRule) -> str:
    """The answer to the button."""
    words = _("<b>{rule} is kept.</b> It decides nothing before role settings name {reference}.")
    return format_html(words, rule=rule, reference=rule.reference)


@require_safe
def automatic_rule(request: PortalRequest, key: str) -> HttpResponse:
    """One rule with all its versions; for a version and a role that are chosen, what it would have decided."""
    require_sight(request)
    newest(key)
    return rule_page(request, key, form=JustifiedForm())


def rule_page(request: PortalRequest, key: str, *, form: JustifiedForm, retiring: str = "") -> HttpResponse:
    """The page of a rule.

    Args:
        form: why a version is retired; retiring: the reference of the version it is about.
    """
    lines = lines_of(AutomaticRule.objects.filter(key=key).select_related("author"))
    context = {
        "lines": lines,
        "rule": lines[0].rule,
        "days": COUNTED_DAYS,
        "form": form,
        "retiring": retiring,
        "most": TRIED,
        "may": viewer_of(request).is_role_administrator,
        **trial(request, [line.rule for line in lines]),
    }
    return render(request, "approvals/automatic/rule.html", context, status=422 if form.errors else 200)


def trial(request: PortalRequest, versions: list[AutomaticRule]) -> dict[str, Any]:
    """What the chosen version would have decided on the last requests for the role that is looked for."""
    sought = request.GET.get("role", "").replace("\x00", "").strip()[:150]
    wanted = request.GET.get("version", "")
    version = next((rule for rule in versions if str(rule.version) == wanted), versions[0])
    found = (
        list(Role.objects.filter(name__icontains=sought).select_related("directory")[:TRIED])
        if sought
        else []
    )
    exact = [role for role in found if role.name.casefold() == sought.casefold()]
    chosen = request.GET.get("pick", "")
    role = next((one for one in found if str(one.pk) == chosen), None)
    if role is None and len(exact or found) == 1:
        [role] = exact or found
    return {
        "version": version,
        "sought": sought,
        "found": found if role is None else [],
        "role": role,
        "tried": try_rule(version, role) if role is not None else None,
    }


@require_POST
def retire_rule(request: PortalRequest, key: str, version: int) -> HttpResponse:
    """Retire a version."""
    require_sight(request)
    rule = get_object_or_404(AutomaticRule, key=key, version=version)
    require_duty(request)
    form = JustifiedForm(request.POST)
    if form.is_valid():
        try:
            retire(rule, actor=request.actor, justification=form.cleaned_data["justification"])
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, _("%(rule)s is retired and decides nothing any more.") % {"rule": rule})
            return redirect("automatic_rule", key)
    return rule_page(request, key, form=form, retiring=rule.reference)


def newest(key: str) -> AutomaticRule:
    """The newest version of a rule.

    Raises:
        Http404: there is none of this key.
    """
    rule = AutomaticRule.objects.filter(key=key).order_by("-version").first()
    if rule is None:
        raise Http404
    return rule
