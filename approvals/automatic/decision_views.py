"""What automatic rules have decided, for those who read everything: what was looked at, and doing it again."""

from __future__ import annotations

import json

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import PortalRequest
from accounts.paging import page_of
from approvals.automatic.judging import judge, replay
from approvals.automatic.models import AutomaticDecision, AutomaticRule
from approvals.viewing import require_sight

ROWS = 50  # on a page
RELATED = ("rule", "access_request__role__directory", "access_request__holder")


@require_safe
def automatic_decisions(request: PortalRequest) -> HttpResponse:
    """Every decision that no person made, newest first; those of one rule where one is chosen."""
    require_sight(request)
    decisions = AutomaticDecision.objects.all()
    wanted = request.GET.get("rule", "").replace("\x00", "")[:60]
    if wanted == "hook":
        decisions = decisions.filter(rule=None)
    elif wanted:
        decisions = decisions.filter(rule__key=wanted)
    names = dict(AutomaticRule.objects.order_by("key", "version").values_list("key", "name"))
    context = {
        "page": page_of(request.GET, decisions, by=("-at", "-pk"), rows=ROWS, related=RELATED),
        "rules": names,
        "wanted": wanted,
    }
    return render(request, "approvals/automatic/decisions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def automatic_decision(request: PortalRequest, pk: int) -> HttpResponse:
    """One decision with all that was looked at; sent, it is judged again. That changes nothing."""
    require_sight(request)
    decision = get_object_or_404(AutomaticDecision.objects.select_related(*RELATED), pk=pk)
    context = {
        "decision": decision,
        "access_request": decision.access_request,
        "looked": judge(decision.says, decision.inputs).looked if decision.rule else (),
        "raw": json.dumps({"says": decision.says, "inputs": decision.inputs}, indent=2, ensure_ascii=True),
        "again": replay(decision) if request.method == "POST" else None,
    }
    return render(request, "approvals/automatic/decision.html", context)
