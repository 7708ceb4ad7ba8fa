"""Answering requests, one by one or several together."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import PortalRequest
from accounts.models import User
from approvals.cases import cases_of
from approvals.deciding import decide as decide_on
from approvals.forms import DecisionForm, TogetherForm
from approvals.models import AccessRequest, AccessRequests, Decision
from approvals.permissions import requests_decidable_by
from approvals.views.requests import context_for, request_for
from audit.journal.refusing import Refused

ROWS = 25  # on a page
AT_ONCE = 25  # requests that may be answered together


@require_safe
def to_decide(request: PortalRequest) -> HttpResponse:
    """What waits for my answer, most urgent first."""
    waiting = waiting_for(request.user)
    present = sorted(waiting.values_list("pk", flat=True))
    request.user.to_decide_count = len(present)  # type: ignore[attr-defined]  # for the menu, which need not ask again
    keys = ".".join(str(key) for key in present)
    if request.headers.get("HX-Target") == "news":
        return news(request, keys)
    if request.GET.get("tab") == "decided":
        context = {"tab": "decided", "page": decided_by(request), "count": len(present)}
        return render(request, "approvals/to_decide.html", context)
    page = Paginator(waiting, ROWS).get_page(request.GET.get("page"))
    context = {
        "tab": "open",
        "page": page,
        "cases": cases_of(list(page), request.user),
        "count": len(present),
        "keys": keys,
        "last": Decision.objects.filter(approver=request.user).order_by("-at").first(),
    }
    return render(request, "approvals/to_decide.html", context)


def decided_by(request: PortalRequest) -> Page[Decision]:
    """A page of my answers, newest first."""
    mine = Decision.objects.filter(approver=request.user).order_by("-at", "-pk")
    rows = mine.select_related("access_request__role__directory", "access_request__holder")
    return Paginator(rows, ROWS).get_page(request.GET.get("page"))


def waiting_for(person: User) -> AccessRequests:
    """What ``person`` may decide, with everything a row shows."""
    related = ("role__directory", "scope", "holder", "requester", "eligibility", "factor_use")
    waiting: AccessRequests = (
        requests_decidable_by(person).select_related(*related).order_by("deadline", "pk")
    )
    return waiting


def news(request: PortalRequest, keys: str) -> HttpResponse:
    """How the list has changed since a page was made; 204 as long as it has not."""
    known = set(filter(None, request.GET.get("known", "").split(".")))
    present = set(filter(None, keys.split(".")))
    if known == present:
        return HttpResponse(status=204)
    context = {"new": len(present - known), "gone": len(known - present)}
    return render(request, "approvals/parts/news.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: PortalRequest, pk: int) -> HttpResponse:
    """Approve or deny one request."""
    access_request = request_for(request.user, pk)
    if request.method != "POST":
        return redirect("request_page", pk)
    form = DecisionForm(request.POST)
    if form.is_valid():
        try:
            decision = decide_on(access_request, actor=request.actor, **form.answer())
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, told(decision))
            return redirect("to_decide") if form.cleaned_data["from_list"] else redirect("request_page", pk)
    context = context_for(request, access_request, form=form)
    return render(request, "approvals/request.html", context, status=422)


def told(decision: Decision) -> str:
    """The answer to the button."""
    said = {"who": decision.access_request.holder, "role": decision.access_request.role}
    if decision.verdict == Decision.Verdict.APPROVE:
        return _("Approved: %(role)s for %(who)s is being put in force, and they are told.") % said
    return _("Denied: %(who)s is told why.") % said


@require_http_methods(["GET", "HEAD", "POST"])
def decide_together(request: PortalRequest) -> HttpResponse:
    """Answer several requests with one justification: first the names, then the act. One failure stops no other."""
    picked = set(request.POST.getlist("pick")[:AT_ONCE])
    requests = [one for one in waiting_for(request.user) if str(one.pk) in picked]
    if request.method != "POST" or not requests:
        return redirect("to_decide")
    form = TogetherForm(request.POST)
    if form.is_valid() and form.cleaned_data["confirmed"]:
        if form.cleaned_data["verdict"] == Decision.Verdict.DENY and not form.cleaned_data["justification"]:
            form.add_error("justification", _("Say why you deny them. All of them will read it."))
        else:
            answer_all(request, requests, form)
            return redirect("to_decide")
    context = {"requests": requests, "form": form, "verdict": request.POST.get("verdict")}
    return render(request, "approvals/decide_together.html", context, status=422 if form.errors else 200)


def answer_all(request: PortalRequest, requests: list[AccessRequest], form: TogetherForm) -> None:
    """Answer each by itself, and say of each that could not be answered why."""
    done = 0
    for one in requests:
        try:
            decide_on(one, actor=request.actor, **form.answer())
            done += 1
        except Refused as refused:
            messages.error(request, f"{one.holder}: {refused.message}")
    if done:
        said = ngettext("%(n)s request is decided.", "%(n)s requests are decided.", done) % {"n": done}
        messages.success(request, said)
