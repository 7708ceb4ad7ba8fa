"""The home page, and whether the portal is well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.duties import ALERT_KEEPERS
from accounts.http import PortalRequest
from accounts.wording import worded
from approvals.activation_form import ActivationForm
from approvals.last_time import as_last_time
from approvals.mine import Choice, choices_of, held_by
from approvals.models import AccessRequest
from approvals.together_forms import ActivateTogetherForm
from approvals.views.activating import picked_in, sets_of, together_context
from audit.timekeeping import watch_clock
from pim_portal.tally import Tally, tally_of
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
        emergencies: emergency activations they may review; own_emergencies: theirs that nobody has reviewed.
    """

    to_decide: int
    first: AccessRequest | None
    alerts: int
    emergencies: int
    own_emergencies: int


@require_safe
def home(request: PortalRequest) -> HttpResponse:
    """What I hold, what I may activate, what waits for me. Parts of it are asked for alone (``HX-Target``)."""
    target = request.headers.get("HX-Target", "")
    if target == "live":
        return live_part(request)
    held = held_by(request.user)
    together = not {"several", "set"}.isdisjoint(request.GET)
    choices = choices_of(request.user, held=held, shown=None if together else TILES)
    sets = sets_in(request, choices)
    picks = picked_of(request, choices, sets)
    context = quick_part(request, choices) if picks is None else together_part(request, choices, picks)
    if target == "quick":
        return render(request, "approvals/parts/quick.html", context)
    chosen = {one.eligibility.pk for one in picks or ()}
    context |= live_context(held) | {
        "choices": [one for at, one in enumerate(choices) if at < TILES or one.eligibility.pk in chosen],
        "choice_count": len(choices),
        "sets": sets,
        "waiting": waiting_for(tally_of(request)),
        "latest": latest_of(request, choices),
    }
    return render(request, "home.html", context)


def sets_in(request: PortalRequest, choices: list[Choice]) -> list[dict[str, Any]]:
    """The person's sets, each with those of its roles that they may activate now; a set of none is not shown."""
    by_place = {(one.eligibility.role_id, one.eligibility.scope_id): one for one in choices}
    found = []
    for one in sets_of(request.user):
        places = [(each.role_id, each.scope_id) for each in one.roles.all()]
        if roles := [by_place[place] for place in places if place in by_place]:
            is_on = request.GET.get("set", "") == str(one.pk)
            found.append({"set": one, "choices": roles, "is_on": is_on})
    return found


def picked_of(
    request: PortalRequest, choices: list[Choice], sets: list[dict[str, Any]]
) -> list[Choice] | None:
    """The roles that are chosen to be activated together; None where one at a time is chosen."""
    if "several" not in request.GET and "set" not in request.GET:
        return None
    keys = set(picked_in(request.GET.getlist("pick")))
    keys |= {each.eligibility.pk for one in sets if one["is_on"] for each in one["choices"]}
    return [one for one in choices if one.eligibility.pk in keys]


def together_part(request: PortalRequest, choices: list[Choice], picks: list[Choice]) -> dict[str, Any]:
    """The form for several roles; what is chosen so far is in it."""
    chosen = {"several": True, "picked": [one.eligibility.pk for one in picks]}
    if not picks:
        return chosen
    form = ActivateTogetherForm(
        eligibilities=[one.eligibility for one in picks], actor=request.actor, choices=choices
    )
    return chosen | together_context(form)


def _latest(person: int) -> QuerySet[AccessRequest]:
    mine = AccessRequest.objects.filter(requester=person, act=AccessRequest.Act.ACTIVATE)
    return mine.select_related("role__directory", "scope", "assignment")[:LATEST]


def latest_of(request: PortalRequest, choices: list[Choice]) -> list[AccessRequest]:
    """The latest activations asked for, each with the eligibility by which it could be asked for again now."""
    latest = worded(_latest, request.user.pk)
    able = [one.eligibility for one in choices if one.is_free]
    free = {one.pk: one.pk for one in able} | {(one.role_id, one.scope_id): one.pk for one in able}
    for one in latest:
        key = free.get(one.eligibility_id or 0) or free.get((one.role_id, one.scope_id))
        one.again_by = key  # type: ignore[attr-defined]
    return latest


def live_part(request: PortalRequest) -> HttpResponse:
    """The headline and what I hold, when it has changed since the page was made; 204 otherwise."""
    context = live_context(held_by(request.user))
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    return render(request, "approvals/parts/live.html", context | {"alone": True})


def live_context(held: list[Assignment]) -> dict[str, Any]:
    """What somebody holds, and how many of it is in force."""
    in_force = [one for one in held if one.counts]  # type: ignore[attr-defined]
    ends = [one.ends_at for one in in_force if one.ends_at]
    first_end: datetime | None = min(ends, default=None)
    moving = any(one.status in (Assignment.Status.PROVISIONING, Assignment.Status.ENDING) for one in held)
    seen = ".".join(seen_as(one) for one in held)
    return {"held": held, "count": len(in_force), "first_end": first_end, "is_moving": moving, "seen": seen}


def seen_as(held: Assignment) -> str:
    """What a page that is open compares to know whether a row of it has changed."""
    until = f"{held.ends_at:%d%H%M}" if held.ends_at else ""
    return f"{held.pk}{held.status}{held.counts}{held.attempts}{until}{held.asks_for_longer}"  # type: ignore[attr-defined]


def quick_part(request: PortalRequest, choices: list[Choice]) -> dict[str, Any]:
    """The form of the chosen role: the one the address names, else the one used last that is free."""
    wanted = request.GET.get("role", "")
    named = [choice for choice in choices if str(choice.eligibility.pk) == wanted]
    choice = next((one for one in named or [each for each in choices if each.is_free] or choices), None)
    if choice is None:
        return {"choice": None, "form": None, "eligibility": None}
    last = as_last_time(choice.eligibility, person=request.user, key=request.GET.get("again", ""))
    form = ActivationForm(eligibility=choice.eligibility, actor=request.actor, choice=choice, initial=last)
    return {"choice": choice, "form": form, "eligibility": choice.eligibility, "is_again": bool(last)}


def waiting_for(tally: Tally) -> Waiting:
    """Work that others wait for."""
    viewer, first = tally.viewer, None
    if tally.to_decide:
        first = viewer.decidable.select_related("holder", "role").order_by("deadline", "pk").first()
    keeps_alerts = not viewer.duties.isdisjoint(ALERT_KEEPERS)
    alerts = tally.alerts if keeps_alerts else 0
    return Waiting(tally.to_decide, first, alerts, tally.emergencies, tally.own_emergencies)


@login_not_required
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Whether ended access is being revoked: 200 while the sweep runs, 503 when it was not seen for too long.

    Clocks that differ are said and are no 503: taking every web server away would mend none of them.
    """
    pulse, clock = watch_the_sweep(), watch_clock("web server")
    said = {
        "status": "stalled" if not pulse.beats else "clock" if clock and clock.is_too_much else "ok",
        "sweep_last_seen": pulse.last_seen,
        "not_yet_revoked": not_yet_revoked(),
        # None where the database runs inside this process; more than two seconds either way is an alert
        "seconds_ahead_of_database": round(clock.ahead.total_seconds(), 3) if clock else None,
    }
    return JsonResponse(said, status=200 if pulse.beats else 503)
