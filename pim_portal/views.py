"""The home page, and whether the portal is well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.duties import ALERT_KEEPERS
from accounts.http import PortalRequest
from approvals.forms import ActivationForm
from approvals.mine import Choice, choices_of, held_by
from approvals.models import AccessRequest
from pim_portal.navigation import Tally, tally_of
from roles.inspecting import not_yet_revoked, watch_the_sweep
from roles.models import Assignment

TILES = 6
LATEST = 4  # requests


@dataclass(frozen=True)
class Waiting:
    """What waits for somebody.

    Args:
        to_decide: how many requests wait for their decision.
        first: the most urgent of them.
        alerts: open alerts nobody has taken up; 0 for those without the duty.
    """

    to_decide: int
    first: AccessRequest | None
    alerts: int


@require_safe
def home(request: PortalRequest) -> HttpResponse:
    """What I hold, what I may activate, what waits for me. Parts of it are asked for alone (``HX-Target``)."""
    target = request.headers.get("HX-Target", "")
    if target == "live":
        return live_part(request)
    held = list(held_by(request.user))
    choices = choices_of(request.user, held=held)
    context = quick_part(request, choices)
    if target == "quick":
        return render(request, "approvals/parts/quick.html", context)
    latest = AccessRequest.objects.filter(requester=request.user, act=AccessRequest.Act.ACTIVATE)
    context |= live_context(held) | {
        "choices": choices[:TILES],
        "choice_count": len(choices),
        "waiting": waiting_for(tally_of(request)),
        "latest": latest.select_related("role__directory", "assignment")[:LATEST],
    }
    return render(request, "home.html", context)


def live_part(request: PortalRequest) -> HttpResponse:
    """The headline and what I hold, when it has changed since the page was made; 204 otherwise."""
    context = live_context(list(held_by(request.user)))
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    return render(request, "approvals/parts/live.html", context | {"alone": True})


def live_context(held: list[Assignment]) -> dict[str, Any]:
    """What somebody holds, and how many of it is in force."""
    in_force = [one for one in held if one.counts]  # type: ignore[attr-defined]
    ends = [one.ends_at for one in in_force if one.ends_at]
    first_end: datetime | None = min(ends, default=None)
    moving = any(one.status in (Assignment.Status.PROVISIONING, Assignment.Status.ENDING) for one in held)
    seen = ".".join(f"{one.pk}{one.status}{one.counts}{one.attempts}" for one in held)  # type: ignore[attr-defined]
    return {"held": held, "count": len(in_force), "first_end": first_end, "is_moving": moving, "seen": seen}


def quick_part(request: PortalRequest, choices: list[Choice]) -> dict[str, Any]:
    """The form of the chosen role: the one the address names, else the one used last that is free."""
    wanted = request.GET.get("role", "")
    named = [choice for choice in choices if str(choice.eligibility.pk) == wanted]
    choice = next((one for one in named or [each for each in choices if each.is_free] or choices), None)
    form = ActivationForm(eligibility=choice.eligibility, actor=request.actor) if choice else None
    return {"choice": choice, "form": form, "eligibility": choice.eligibility if choice else None}


def waiting_for(tally: Tally) -> Waiting:
    """Work that others wait for."""
    viewer, first = tally.viewer, None
    if tally.to_decide:
        first = viewer.decidable.select_related("holder", "role").order_by("deadline", "pk").first()
    keeps_alerts = not viewer.duties.isdisjoint(ALERT_KEEPERS)
    return Waiting(tally.to_decide, first, tally.alerts if keeps_alerts else 0)


@login_not_required
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Whether ended access is being revoked: 200 while the sweep runs, 503 when it was not seen for too long."""
    pulse = watch_the_sweep()
    said = {
        "status": "ok" if pulse.beats else "stalled",
        "sweep_last_seen": pulse.last_seen,
        "not_yet_revoked": not_yet_revoked(),
    }
    return JsonResponse(said, status=200 if pulse.beats else 503)
