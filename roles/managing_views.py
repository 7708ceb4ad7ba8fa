"""How a directory fares, what the portal would do in it, and whether it may."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import PortalRequest
from accounts.models import User
from audit.alerts.models import Alert
from audit.journal.refusing import NotAllowed, Refused
from audit.permissions import may_read_journal
from roles import managing
from roles.drift_forms import AnswersForm
from roles.drift_views import OWN_PAGES, directory_outside
from roles.dry_run import consequences_in, named, waiting_in
from roles.health import Health, drifts_in, health_of, latest_acts
from roles.managing import ANSWERS, rights_of_the_portal_in
from roles.models import Directory, Drift
from roles.permissions import may_manage
from roles.planning import Act
from roles.reconciling import PLANNED, SILENT

SHOWN = 100  # planned acts on the page
Kind, OPEN = Drift.Kind, Drift.Status.OPEN


def health_context(person: User, shown: Directory) -> dict[str, Any]:
    """What the page of a directory says of how it fares; nothing of the portal's own."""
    if shown.is_inside:
        return {}
    health = health_of(shown)
    return {"health": health, "failing_since": failing_since(health), "acts": latest_acts(shown)} | {
        "reads_journal": may_read_journal(person)
    }


def failing_since(health: Health) -> datetime | None:
    """Since when it cannot be compared: when that was first alarmed about. None while it can."""
    if health.state is None or not health.state.failures:
        return None
    silent = Alert.objects.open().filter(kind=SILENT, key=f"directory:{health.directory.pk}")
    return silent.values_list("raised_at", flat=True).first()


@require_safe
def directory_health(request: PortalRequest, pk: int) -> HttpResponse:
    """How a directory fares, asked again and again while it is compared: 204 as long as nothing has changed."""
    shown = directory_outside(request, pk)
    if request.headers.get("HX-Target") != "health":
        return redirect("directory", shown.pk)
    health = health_of(shown)
    if request.GET.get("seen") == health.seen:
        return HttpResponse(status=204)
    context = {"directory": shown, "health": health, "failing_since": failing_since(health)}
    context["may_manage"] = may_manage(request.user, shown)
    return render(request, "roles/parts/health.html", context)


@require_POST
def compare_directory(request: PortalRequest, pk: int) -> HttpResponse:
    """Have it compared as soon as a worker is free."""
    shown = directory_outside(request, pk)
    managing.ask_to_compare(shown, actor=request.actor)
    messages.success(request, _("Asked for. The page shows when it is done."))
    return redirect("directory", shown.pk)


@require_safe
def directory_dry_run(request: PortalRequest, pk: int) -> HttpResponse:
    """What the portal would do if it managed the directory, or what waits where it does."""
    return dry_run_page(request, directory_outside(request, pk))


def dry_run_page(request: PortalRequest, shown: Directory, refused: Refused | None = None) -> HttpResponse:
    """The page, with why something was refused."""
    health = health_of(shown)
    lines = (health.state.planned if health.state else []) if shown.is_observed else waiting_in(shown)
    context = {
        "directory": shown,
        "health": health,
        "planned": named(shown, lines[:SHOWN]),
        "counts": Counter(Act(line[0]) for line in lines),
        "count": len(lines),
        "is_cut": len(lines) >= PLANNED,
        "consequences": consequences_in(shown, rights=health.state.rights if health.state else 0),
        "may_manage": may_manage(request.user, shown),
        "standing": 0 if shown.is_observed else rights_of_the_portal_in(shown),
        "refused": refused,
    }
    return render(request, "roles/dry_run.html", context, status=refused.status_code if refused else 200)


@require_POST
def manage_directory(request: PortalRequest, pk: int) -> HttpResponse:
    """Let the portal give and take away rights there."""
    return turn(request, pk, managing.manage_directory, _("The portal manages %(directory)s now."))


@require_POST
def observe_directory(request: PortalRequest, pk: int) -> HttpResponse:
    """Only look at it from now on."""
    return turn(request, pk, managing.observe_directory, _("The portal only observes %(directory)s now."))


def turn(request: PortalRequest, pk: int, verb: Any, words: str) -> HttpResponse:
    """Do one of the two, and say so, or why not."""
    shown = directory_outside(request, pk)
    try:
        verb(shown, actor=request.actor)
    except Refused as refused:
        if refused.status_code in OWN_PAGES:
            raise
        return dry_run_page(request, shown, refused)
    messages.success(request, words % {"directory": shown})
    return redirect("directory", shown.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def directory_answers(request: PortalRequest, pk: int) -> HttpResponse:
    """What comes by itself of each kind of difference."""
    shown = directory_outside(request, pk)
    manages = may_manage(request.user, shown)
    if request.method == "POST" and not manages:
        raise NotAllowed
    form = AnswersForm(request.POST or None, initial={name: getattr(shown, name) for name in ANSWERS})
    if request.method == "POST" and form.is_valid():
        try:
            managing.answer_differences(shown, actor=request.actor, **form.cleaned_data)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(
                request, _("Saved. What is open now is answered by it with the next comparison.")
            )
            return redirect("directory", shown.pk)
    counts = drifts_in(shown)
    fields = {
        "on_found_outside": Kind.FOUND_OUTSIDE,
        "on_missing": Kind.MISSING,
        "on_other_end": Kind.OTHER_END,
    }
    context = {
        "directory": shown,
        "form": form,
        "may_manage": manages,
        "questions": [(form[name], kind, counts.get((OPEN, kind), 0)) for name, kind in fields.items()],
    }
    return render(request, "roles/answers.html", context, status=form.status)
