"""Activating several roles in one go, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import PortalRequest
from accounts.mfa.freshness import StepUpRequired
from accounts.mfa.verifying import verify_inline
from accounts.models import User
from accounts.wording import worded
from approvals.activating_together import Outcome
from approvals.activating_together import activate_together as ask_for_all
from approvals.favourite_models import RoleSet
from approvals.models import AccessRequest
from approvals.starring import MOST_TOGETHER
from approvals.together_forms import ActivateTogetherForm
from audit.journal.refusing import Refused
from roles.models import Assignment, Eligibility

KEPT = "activated_together"  # in the session, until the next time
MOVING = (Assignment.Status.SCHEDULED, Assignment.Status.PROVISIONING)


def picked_in(said: Sequence[str]) -> list[int]:
    """The keys that an address or a form names; whatever is none is left out."""
    keys = [int(key) for key in said if key.isascii() and key.isdecimal() and len(key) < 19]
    return list(dict.fromkeys(keys))[: MOST_TOGETHER + 1]


def mine_among(person: User, keys: Sequence[int]) -> list[Eligibility]:
    """Those of ``keys`` that are eligibilities of ``person``, be they in force or over; a stranger's are not there."""
    mine = Eligibility.objects.of(person).filter(pk__in=keys)
    return list(mine.select_related("role__directory", "scope", "group").order_by("role__name", "pk"))


def address_of(eligibilities: Sequence[Eligibility]) -> str:
    """Where they are activated together."""
    picks = [("pick", one.pk) for one in eligibilities]
    return f"{reverse('activate_together')}?{urlencode(picks)}"


@require_http_methods(["GET", "HEAD", "POST"])
def activate_together(request: PortalRequest) -> HttpResponse:
    """Ask for several of my roles with one form. What is not mine is not there."""
    said = request.POST if request.method == "POST" else request.GET
    chosen = mine_among(request.user, picked_in(said.getlist("pick")))
    if not chosen:
        return redirect("my_roles")
    if request.headers.get("HX-Target") == "effect" and request.method != "POST":
        preview = ActivateTogetherForm(request.GET, eligibilities=chosen, actor=request.actor)
        return render(request, "approvals/parts/together_effect.html", {"form": preview})
    form = ActivateTogetherForm(request.POST or None, eligibilities=chosen, actor=request.actor)
    if request.method == "POST" and form.is_valid():
        try:
            outcomes = send(request, form)
        except Refused as refused:
            form.show(refused)
        else:
            keep(request, outcomes)
            return redirect("activated_together")
    context = together_context(form)
    return render(request, "approvals/activate_together.html", context, status=422 if form.errors else 200)


def together_context(form: ActivateTogetherForm) -> dict[str, Any]:
    """What the form for several roles is drawn from."""
    return {"form": form, "chosen": form.start, "preview": address_of(form.eligibilities)}


def send(request: PortalRequest, form: ActivateTogetherForm) -> list[Outcome]:
    """Ask for all that a valid form asks for. A code sent along is looked at only where nothing else is missing."""
    asked, key, code = form.asked(), form.cleaned_data["idempotency_key"], form.cleaned_data["code"]
    try:
        return ask_for_all(form.eligibilities, actor=request.actor, asked=asked, idempotency_key=key)
    except StepUpRequired as question:
        if not code or question.methods:
            raise  # where only a passkey counts no code is looked at
        act = question.act
    verify_inline(request, code=code, act=act)
    return ask_for_all(form.eligibilities, actor=request.actor, asked=asked, idempotency_key=key)


def keep(request: PortalRequest, outcomes: Sequence[Outcome]) -> None:
    """Keep what became of each for the page that tells it: what was refused is written nowhere else but in the journal."""
    request.session[KEPT] = [
        [one.eligibility.pk, one.access_request.pk if one.access_request else 0, one.refusal]
        for one in outcomes
    ]


@require_safe
def activated_together(request: PortalRequest) -> HttpResponse:
    """What became of each of the roles that I asked for together last."""
    kept = request.session.get(KEPT)
    if not kept:
        return redirect("my_roles")
    asked = AccessRequest.objects.filter(requester=request.user, pk__in=[filed for _, filed, _ in kept])
    filed = {one.pk: one for one in asked.select_related("role__directory", "scope", "assignment")}
    keys = [key for key, _, _ in kept]
    named = Eligibility.objects.filter(Q(pk__in=keys)).select_related("role__directory", "scope")
    roles = {one.pk: one for one in named}
    rows = [
        {"eligibility": roles[key], "access_request": filed.get(number), "refusal": refusal}
        for key, number, refusal in kept
        if key in roles
    ]
    for one in filed.values():
        if one.assignment is not None:
            one.assignment.counts = one.assignment.is_in_force()  # type: ignore[attr-defined]
    held = [one.assignment for one in filed.values() if one.assignment is not None]
    context = {
        "rows": rows,
        "in_force": sum(one.counts for one in held),  # type: ignore[attr-defined]
        "waiting": sum(one.is_open for one in filed.values()),
        "refused": sum(not row["access_request"] for row in rows),
        "is_moving": any(one.status in MOVING and one.starts_at for one in held),
        "again": address_of([row["eligibility"] for row in rows if not row["access_request"]]),
    }
    return render(request, "approvals/activated_together.html", context)


def sets_of(person: User) -> list[RoleSet]:
    """The sets of ``person`` with what is in them. Two queries."""
    return worded(_sets_of, person.pk)


def _sets_of(person: int) -> QuerySet[RoleSet]:
    return RoleSet.objects.filter(person=person).prefetch_related("roles")
