"""Importing assignments from a file: what it would change, then changing it."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.http import PortalRequest
from approvals.assign_forms import ImportForm
from approvals.import_lines import COLUMNS, MOST_ROWS, text_of
from approvals.import_plan import UNCHANGED, Plan, plan_of
from approvals.importing import import_assignments as import_text
from approvals.views.assigning import managed_or_refused
from audit.journal.refusing import Refused

SHOWN = 500  # lines of a preview; refused ones first, unchanged ones last
ORDER = {"refused": 0, "removed": 1, "changed": 2, "new": 3, UNCHANGED: 4}


@require_http_methods(["GET", "HEAD", "POST"])
def import_assignments(request: PortalRequest) -> HttpResponse:
    """Upload or paste; look at what it changes, line by line; apply."""
    managed_or_refused(request)
    form = ImportForm(request.POST or None, request.FILES or None)
    plan: Plan | None = None
    text = ""
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            text = text_of(said["file"].read()) if said["file"] else said["text"]
            if said["digest"] and not said["file"]:
                plan = import_text(text, actor=request.actor, digest=said["digest"])
                changed = plan.changes
                done = ngettext("%(n)s line is applied.", "%(n)s lines are applied.", changed)
                messages.success(request, done % {"n": changed})
                return redirect("assignments")
            plan = plan_of(text, actor=request.actor)
        except Refused as refused:
            form.show(refused)
    context = {"form": form, "columns": COLUMNS, "most": MOST_ROWS, "plan": plan, "text": text}
    if plan is not None:
        rows = sorted(plan.rows, key=lambda row: (ORDER[row.state], row.line.number))
        context |= {"rows": Paginator(rows, SHOWN).get_page(1), "digest": plan.digest, "counts": plan.counts}
    return render(request, "approvals/import.html", context, status=422 if form.errors else 200)
