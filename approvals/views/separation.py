"""Separation of duties: the rules, who breaks them now, and making, changing and removing them."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import PortalRequest
from approvals.separation_forms import RuleForm, mark_of, roles_picked
from approvals.viewing import require_sight, viewer_of
from audit.journal.refusing import NotAllowed, Refused
from roles.models import Role, SeparationRule
from roles.separating import remove_rule, save_rule
from roles.separation import Conflict, violations

SHOWN_PEOPLE = 10


@require_safe
def separation(request: PortalRequest) -> HttpResponse:
    """Every rule, its roles, and who holds several of them at this moment."""
    require_sight(request)
    rules = list(SeparationRule.objects.prefetch_related("separated__role__directory"))
    found = violations(rules)
    together = {rule.pk: found.get(rule.pk, []) for rule in rules}
    context = {
        "rules": [(rule, together[rule.pk][:SHOWN_PEOPLE], len(together[rule.pk])) for rule in rules],
        "most": SHOWN_PEOPLE,
        "may": viewer_of(request).is_role_administrator,
    }
    return render(request, "approvals/separation.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_separation_rule(request: PortalRequest) -> HttpResponse:
    """Make a rule."""
    require_sight(request)
    return edit_rule(request, SeparationRule())


@require_http_methods(["GET", "HEAD", "POST"])
def separation_rule(request: PortalRequest, pk: int) -> HttpResponse:
    """Change a rule."""
    require_sight(request)
    return edit_rule(request, get_object_or_404(SeparationRule, pk=pk))


def edit_rule(request: PortalRequest, rule: SeparationRule) -> HttpResponse:
    """Show a rule, let roles be picked for it, and save what was sent once it is clear who loses something."""
    if not viewer_of(request).is_role_administrator:
        raise NotAllowed
    if request.method != "POST":
        return page(request, RuleForm(rule=rule, chosen=roles_of(rule)))
    chosen = roles_picked(request.POST)
    if request.POST.get("act"):
        return pick(request, rule)
    title = rule.name
    form = RuleForm(request.POST, rule=rule, chosen=chosen)
    if form.is_valid():
        losing = form.losing()
        if losing and form.cleaned_data["seen"] != mark_of(losing):
            return page(request, form, losing=losing, title=title)
        for name in ("name", "reason", "is_on"):
            setattr(rule, name, form.cleaned_data[name])
        try:
            save_rule(rule, actor=request.actor, roles=chosen, seen=form.cleaned_data["version"])
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, said_of(rule))
            return redirect("separation")
    return page(request, form, title=title)


def pick(request: PortalRequest, rule: SeparationRule) -> HttpResponse:
    """A role was looked for, added or dropped: the form again, as it was filled in, and nothing judged yet."""
    said = request.POST
    words = {name: said.get(name, "") for name in ("name", "reason", "find", "version")} | {
        "is_on": "is_on" in said
    }
    form = RuleForm(rule=rule, chosen=roles_picked(said), initial=words)
    if request.headers.get("HX-Target") == "picker":
        return render(request, "approvals/parts/separation_roles.html", {"form": form})
    return page(request, form, title=rule.name)


def page(
    request: PortalRequest, form: RuleForm, *, losing: Sequence[Conflict] = (), title: str = ""
) -> HttpResponse:
    """The page of one rule.

    Args:
        losing: what ends when this is saved; asked before it is.
        title: the name of the rule as it is kept.
    """
    context = {
        "form": form,
        "rule": form.rule,
        "title": title or (form.rule.name if form.rule.pk else ""),
        "losing": losing,
        "mark": mark_of(losing),
    }
    return render(request, "approvals/separation_rule.html", context, status=422 if form.errors else 200)


def roles_of(rule: SeparationRule) -> list[Role]:
    """The roles a rule keeps apart; none of a new one."""
    if not rule.pk:
        return []
    return [one.role for one in rule.separated.select_related("role__directory")]


def said_of(rule: SeparationRule) -> str:
    """The answer to the button."""
    words = (
        _("<b>{rule} counts from now on.</b> Nobody gets two of its roles any more.")
        if rule.is_on
        else _("<b>{rule} is kept, and not in use.</b> Nothing is refused or ended because of it.")
    )
    return format_html(words, rule=rule)


@require_POST
def remove_separation_rule(request: PortalRequest, pk: int) -> HttpResponse:
    """Remove a rule."""
    require_sight(request)
    rule = get_object_or_404(SeparationRule, pk=pk)
    name = str(rule)
    remove_rule(rule, actor=request.actor)
    messages.success(
        request, _("The rule %(name)s is gone: its roles may be held together.") % {"name": name}
    )
    return redirect("separation")
