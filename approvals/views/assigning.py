"""Giving, changing and taking away, by those who manage a role."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.http import PortalRequest
from accounts.models import Group, User
from approvals.assign_forms import AssignForm, ChangeForm, RemovalForm
from approvals.changing import Change, change, usual_end
from approvals.filing import Act, Held, kind_of, version_of
from approvals.granting import assign as assign_all
from approvals.listing import check_reads_roles
from approvals.permissions import roles_managed_by
from approvals.removing import request_removal
from audit.journal.refusing import NotAllowed, Refused
from roles.models import Assignment, Eligibility, GroupAssignment, Role
from roles.requirements import ACTIVE, ELIGIBLE

NAMES = 200  # offered for completing a field
View = Callable[..., HttpResponse]
MODELS: dict[str, type[Held]] = {
    "eligibility": Eligibility,
    "assignment": Assignment,
    "group_assignment": GroupAssignment,
}


def managed_or_refused(request: PortalRequest) -> QuerySet[Role]:
    """The roles I manage. Those who only read may not; for everybody else the page is not there.

    Raises:
        Http404, NotAllowed: there are none.
    """
    check_reads_roles(request.user)
    roles = roles_managed_by(request.user)
    if not roles.exists():
        raise NotAllowed
    return roles


@require_http_methods(["GET", "HEAD", "POST"])
def assign(request: PortalRequest) -> HttpResponse:
    """Make people and groups eligible, or let them hold a role without activating it."""
    roles = managed_or_refused(request)
    if request.headers.get("HX-Target") == "effect":
        preview = AssignForm(request.GET, roles=roles)
        return render(request, "approvals/parts/effect.html", {"form": preview})
    form = AssignForm(request.POST or None, roles=roles, initial={"role": request.GET.get("role")})
    if request.method == "POST" and form.is_valid():
        try:
            given = assign_all(form.wishes(), actor=request.actor)
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, told(given))
            return redirect("assignments")
    people = User.objects.enabled().values_list("email", flat=True)[:NAMES]
    context = {"form": form, "names": [*Group.objects.values_list("name", flat=True)[:NAMES], *people]}
    return render(request, "approvals/assign.html", context, status=422 if form.errors else 200)


def told(given: list[Held]) -> str:
    """The answer to the button."""
    first = given[0]
    said = {"who": first.principal, "role": first.role, "n": len(given)}
    if len(given) > 1:
        return _("%(role)s is given to %(n)s people and groups.") % said
    if kind_of(first) == ELIGIBLE:
        return _("%(who)s is eligible for %(role)s.") % said
    return _("%(who)s is being given %(role)s.") % said


def managed(request: PortalRequest, noun: str, pk: int) -> Held:
    """Something given of a role that I manage; anything else is not found."""
    model = MODELS[noun]
    principals = {"eligibility": ("person", "group"), "assignment": ("person", "through__group")}
    mine = model._default_manager.filter(role__in=roles_managed_by(request.user))
    related = ("role__directory", "scope", *principals.get(noun, ("group",)))
    held: Held = get_object_or_404(cast(QuerySet[Any], mine).select_related(*related), pk=pk)
    return held


@require_http_methods(["GET", "HEAD", "POST"])
def change_held(request: PortalRequest, pk: int, *, noun: str, act: str, turns: str = "") -> HttpResponse:
    """Change, extend, renew, or make of the other kind, what was given.

    Args:
        noun: one of ``MODELS``; act: one of ``AccessRequest.Act``.
        turns: the kind it is to become; as it is when left out.
    """
    held = managed(request, noun, pk)
    kind = turns or kind_of(held)
    start = {"ends_at": held.ends_at if act == Act.UPDATE and not turns else usual_end(held, kind)}
    form = ChangeForm(request.POST or None, held=held, act=act, kind=kind, initial=start)
    if request.method == "POST" and form.is_valid():
        wanted = Change(held, form.wanted(), act, form.cleaned_data["seen"])
        try:
            change([wanted], actor=request.actor)
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, changed_words(held, act, turns))
            return redirect("assignments")
    context = {"held": held, "form": form, "act": act, "turns": turns, "title": title_of(held, act, turns)}
    return render(request, "approvals/change.html", context, status=422 if form.errors else 200)


def title_of(held: Held, act: str, turns: str) -> str:
    """The headline of the page."""
    said = {"role": held.role, "who": held.principal}
    if turns == ELIGIBLE:
        return _("Make %(who)s eligible for %(role)s") % said
    if turns == ACTIVE:
        return _("Make %(who)s active as %(role)s") % said
    words = {
        Act.UPDATE: _("Change %(role)s of %(who)s"),
        Act.EXTEND: _("Extend %(role)s of %(who)s"),
        Act.RENEW: _("Renew %(role)s of %(who)s"),
    }
    return words[Act(act)] % said


def changed_words(held: Held, act: str, turns: str) -> str:
    """The answer to the button."""
    said = {"role": held.role, "who": held.principal}
    if turns == ELIGIBLE:
        return _("%(who)s is eligible for %(role)s, and does not hold it any more without activating.") % said
    if turns == ACTIVE:
        return _("%(who)s is being given %(role)s.") % said
    words = {
        Act.UPDATE: _("%(role)s of %(who)s is changed."),
        Act.EXTEND: _("%(role)s of %(who)s is extended."),
        Act.RENEW: _("%(role)s of %(who)s is renewed."),
    }
    return words[Act(act)] % said


def changing(noun: str, act: str, turns: str = "") -> View:
    """The view that does ``act`` to what ``noun`` names."""
    return partial(change_held, noun=noun, act=act, turns=turns)


@require_http_methods(["GET", "HEAD", "POST"])
def remove_held(request: PortalRequest, pk: int, *, noun: str) -> HttpResponse:
    """Ask why, then take away what was given, with everything that rests on it."""
    held = managed(request, noun, pk)
    form = RemovalForm(request.POST or None, initial={"seen": version_of(held)})
    if request.method == "POST" and form.is_valid():
        try:
            request_removal(held, actor=request.actor, **form.cleaned_data)
        except Refused as refused:
            form.show(refused)
        else:
            said = _("%(role)s is taken away from %(who)s.") % {"role": held.role, "who": held.principal}
            messages.success(request, said)
            return redirect("assignments")
    resting = (
        held.activations.live().select_related("person")
        if isinstance(held, Eligibility)
        else held.parts.live().select_related("person")
        if isinstance(held, GroupAssignment)
        else []
    )
    context = {"held": held, "principal": held.principal, "form": form, "resting": resting}
    return render(request, "approvals/remove.html", context, status=422 if form.errors else 200)


def removing(noun: str) -> View:
    """The view that takes away what ``noun`` names."""
    return partial(remove_held, noun=noun)
