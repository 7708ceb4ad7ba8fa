"""What differs between a directory and the portal: the list, one difference, and saying what shall come of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.duties import READERS, holds
from accounts.http import PortalRequest
from accounts.paging import counted, page_of
from audit.journal.refusing import NotAllowed, Refused
from roles.drift_forms import DriftFilter, SettleForm, TogetherForm
from roles.models import Directory, Drift
from roles.models.directory import INSIDE
from roles.models.reconciliation import Drifts
from roles.permissions import directories_read_by, may_manage
from roles.remedies import MEANS, Choice, Remedy, choice_of, choices_for
from roles.settling_together import Settled, settle_drift, settle_drifts

ROWS = 50  # on a page
MOST = 500  # settled together
TOLD = 5  # refusals that are told one by one
OWN_PAGES = (403, 409)
RELATED = ("role", "scope", "person", "assignment", "directory")


@require_safe
def directory_drift(request: PortalRequest, pk: int) -> HttpResponse:
    """Every difference in a directory, the newest first."""
    shown = directory_outside(request, pk)
    filters = DriftFilter(request.GET)
    wanted = drifts_wanted(shown, filters)
    context = {
        "directory": shown,
        "page": page_of(request.GET, wanted, by=("-found_at", "-pk"), rows=ROWS, related=RELATED),
        "count": counted(wanted),
        "filters": filters,
        "is_narrow": any(filters.cleaned_data.values()),
        "may_manage": may_manage(request.user, shown),
        "reads_people": holds(request.user, *READERS),
        "remedies": [
            (remedy, remedy.label) for remedy in Remedy if remedy != Remedy.CORRECT or not shown.is_observed
        ],
        "means": [(kind, kind.label, MEANS[kind]) for kind in Drift.Kind],
    }
    return render(request, "roles/drifts.html", context)


def drifts_wanted(shown: Directory, filters: DriftFilter) -> Drifts:
    """The differences of ``shown`` that a filter lets through; those that are not settled, where it says nothing."""
    filters.is_valid()
    said, rows = filters.cleaned_data, Drift.objects.filter(directory=shown)
    status, kind, words = said.get("status"), said.get("kind"), said.get("q", "").replace("\x00", "")
    rows = rows.filter(status=status) if status else rows.standing()
    if kind:
        rows = rows.filter(kind=kind)
    return rows.filter(account__icontains=words) if words else rows


@require_http_methods(["GET", "HEAD", "POST"])
def drift(request: PortalRequest, pk: int, drift: int) -> HttpResponse:
    """One difference: what it is, and what can be done about it."""
    shown = directory_outside(request, pk)
    one = get_object_or_404(Drift.objects.filter(directory=shown).select_related(*RELATED), pk=drift)
    manages = may_manage(request.user, shown)
    if request.method == "POST" and not manages:
        raise NotAllowed
    choices = choices_for(one)
    possible = [choice for choice in choices if not choice.why_not]
    asks_until = one.kind == Drift.Kind.FOUND_OUTSIDE and any(
        choice.remedy == Remedy.ADOPT for choice in possible
    )
    form = SettleForm(request.POST or None, choices=possible, days=shown.adopt_days, asks_until=asks_until)
    # Somebody else may have said something of it: that is told, and not that the form has no such choice.
    seen = request.POST.get("seen", one.status)
    if request.method == "POST" and (form.is_valid() or seen != one.status):
        said = form.cleaned_data
        try:
            settle_drift(
                one,
                said.get("remedy", Remedy.ACCEPT),
                actor=request.actor,
                justification=said.get("justification", ""),
                until=said.get("until"),
                seen=seen,
            )
        except Refused as refused:
            if refused.status_code in OWN_PAGES:
                raise
            form.refuse(refused)
        else:
            messages.success(request, told(one, said["remedy"]))
            return redirect("directory_drift", shown.pk)
    context = {
        "directory": shown,
        "drift": one,
        "form": form,
        "choices": choices,
        "may_manage": manages,
        "means": MEANS[Drift.Kind(one.kind)],
        "reads_people": holds(request.user, *READERS),
    }
    return render(request, "roles/drift.html", context, status=form.status)


def told(one: Drift, remedy: str) -> str:
    """The answer to the button."""
    words = {
        Remedy.CORRECT: _("%(drift)s is being put right in %(directory)s."),
        Remedy.ADOPT: _("%(drift)s: the portal says now what %(directory)s says."),
        Remedy.ACCEPT: _("%(drift)s stays as it is in %(directory)s."),
    }
    return words[Remedy(remedy)] % {"drift": one, "directory": one.directory}


@dataclass(frozen=True)
class Ticked:
    """A difference that was ticked, with what would happen."""

    drift: Drift
    choice: Choice


@require_POST
def settle_together(request: PortalRequest, pk: int) -> HttpResponse:
    """First what would happen to each of several; then each of them for itself."""
    shown = directory_outside(request, pk)
    if not may_manage(request.user, shown):
        raise NotAllowed
    remedy, seen = request.POST.get("remedy", ""), seen_in(request.POST.getlist("pick"))
    rows = shown.drifts.filter(pk__in=seen).select_related(*RELATED)
    ticked = [Ticked(one, choice_of(one, remedy)) for one in rows] if remedy in Remedy.values else []
    if not ticked:
        messages.error(request, _("Nothing was ticked."))
        return redirect("directory_drift", shown.pk)
    possible = [one for one in ticked if not one.choice.why_not]
    asks_until = remedy == Remedy.ADOPT and any(
        one.drift.kind == Drift.Kind.FOUND_OUTSIDE for one in possible
    )
    said = request.POST if request.POST.get("confirmed") else None
    form = TogetherForm(
        said, choices=[one.choice for one in ticked], days=shown.adopt_days, asks_until=asks_until
    )
    if form.is_valid():
        came = settle_drifts(
            [(one.drift, seen[one.drift.pk] or one.drift.status) for one in ticked],
            remedy,
            actor=request.actor,
            justification=form.cleaned_data["justification"],
            until=form.cleaned_data.get("until"),
        )
        tell(request, came, remedy)
        return redirect("directory_drift", shown.pk)
    context = {"directory": shown, "form": form, "ticked": ticked, "possible": possible, "remedy": remedy}
    context |= {"what": Remedy(remedy).label}
    return render(request, "roles/settle_together.html", context, status=form.status)


def seen_in(picks: Sequence[str]) -> dict[int, str]:
    """The keys that were ticked, each with the status it was seen in: ``12`` or ``12-open``."""
    pairs = [pick.partition("-") for pick in picks[:MOST]]
    return {
        int(key): status
        for key, _dash, status in pairs
        if key.isascii() and key.isdecimal() and len(key) < 19
    }


def tell(request: PortalRequest, came: Sequence[Settled], remedy: str) -> None:
    """Say what came of each: how many, and of those that were refused why."""
    words = {
        Remedy.CORRECT: lambda n: ngettext("%(n)s is being put right.", "%(n)s are being put right.", n),
        Remedy.ADOPT: lambda n: ngettext("%(n)s is taken over.", "%(n)s are taken over.", n),
        Remedy.ACCEPT: lambda n: ngettext("%(n)s stays as it is.", "%(n)s stay as they are.", n),
    }
    refused = [one for one in came if one.refusal]
    if done := len(came) - len(refused):
        messages.success(request, words[Remedy(remedy)](done) % {"n": done})
    if refused:
        whys = [f"{one.drift}: {one.refusal}" for one in refused[:TOLD]]
        more = [_("and %(n)s more.") % {"n": len(refused) - TOLD}] if len(refused) > TOLD else []
        count = ngettext("%(n)s was not:", "%(n)s were not:", len(refused)) % {"n": len(refused)}
        messages.error(request, " ".join([count, *whys, *more]))


def directory_outside(request: PortalRequest, pk: int) -> Directory:
    """A directory that the person may look into, and that is not the portal itself.

    Raises:
        Http404: there is none.
    """
    shown: Directory = get_object_or_404(directories_read_by(request.user).exclude(kind__in=INSIDE), pk=pk)
    return shown
