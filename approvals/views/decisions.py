"""Answering requests, one by one or several together."""

from __future__ import annotations

from contextlib import suppress

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import Count, Max
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import PortalRequest
from accounts.paging import Page, page_of
from approvals.cases import cases_of
from approvals.deciding import decide as decide_on
from approvals.extending import EXTENSIONS
from approvals.forms import DecisionForm, ExtensionForm, TogetherForm
from approvals.listing import among, keys_of
from approvals.models import AccessRequest, AccessRequests, Decision
from approvals.viewing import viewer_of
from approvals.views.requests import context_for, every_request, request_for
from audit.journal.refusing import Overtaken, Refused

ROWS = 25  # on a page of answers
CASES = 12  # on a page of requests, each with all there is to know about it
#: what a row shows of others
SHOWN = ("role__directory", "scope", "holder", "requester", "eligibility", "assignment", "factor_use")
AT_ONCE = 25  # requests that may be answered together


@require_safe
def to_decide(request: PortalRequest) -> HttpResponse:
    """What waits for my answer, most urgent first."""
    viewer = viewer_of(request)
    # Who may decide is asked once, and all the rest of what it gave.
    waiting = AccessRequest.objects.filter(among("pk", keys_of(viewer.decidable)))
    known = known_as(waiting)
    count = viewer.decidable_count = int(known.partition(".")[0])
    if request.headers.get("HX-Target") == "news":
        return news(request, known, waiting)
    if request.GET.get("tab") == "decided":
        context = {"tab": "decided", "page": decided_by(request), "count": count}
        return render(request, "approvals/to_decide.html", context)
    page = page_of(request.GET, waiting, by=("deadline", "pk"), rows=CASES, related=SHOWN)
    context = {
        "tab": "open",
        "page": page,
        "cases": cases_of(list(page), request.user),
        "count": count,
        "known": known,
        "last": Decision.objects.filter(approver=request.user).order_by("-at").first(),
    }
    return render(request, "approvals/to_decide.html", context)


def decided_by(request: PortalRequest) -> Page:
    """A page of my answers, newest first."""
    mine = Decision.objects.filter(approver=request.user)
    related = ("access_request__role__directory", "access_request__holder")
    return page_of(request.GET, mine, by=("-at", "-pk"), rows=ROWS, related=related)


def known_as(waiting: AccessRequests) -> str:
    """How many wait and the newest of them, for a page that is open to tell what came and went since."""
    found = waiting.order_by().aggregate(count=Count("pk"), newest=Max("pk"))
    return f"{found['count']}.{found['newest'] or 0}"


def news(request: PortalRequest, known: str, waiting: AccessRequests) -> HttpResponse:
    """How the list has changed since a page was made; 204 as long as it has not."""
    said = request.GET.get("known", "")
    if said == known:
        return HttpResponse(status=204)
    then, _, newest = said.partition(".")
    before, last = (
        int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0 for text in (then, newest)
    )
    new = waiting.filter(pk__gt=last).count()
    gone = max(0, before + new - int(known.partition(".")[0]))
    return render(request, "approvals/parts/news.html", {"new": new, "gone": gone})


@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: PortalRequest, pk: int) -> HttpResponse:
    """Approve or deny one request."""
    if request.method != "POST":
        return redirect("request_page", request_for(request.user, pk).pk)
    # The verb asks who may; whether a stranger may even know of it is asked when it says no.
    access_request = get_object_or_404(every_request(), pk=pk)
    form = form_for(access_request)(request.POST)
    try:
        is_readable = form.is_valid()
    except BadRequest:
        request_for(request.user, pk)  # a stranger is told that there is none, whatever they forged
        raise
    if is_readable:
        try:
            decision = decide_on(access_request, actor=request.actor, **form.answer())
        except Refused as refused:
            access_request = request_for(request.user, pk)
            if isinstance(refused, Overtaken):
                return somebody_was_faster(request, access_request, refused)
            form.show(refused)
        else:
            messages.success(request, told(decision))
            return redirect("to_decide") if form.cleaned_data["from_list"] else redirect("request_page", pk)
    else:
        access_request = request_for(request.user, pk)
    context = context_for(request, access_request, form=form)
    return render(request, "approvals/request.html", context, status=422)


def somebody_was_faster(
    request: PortalRequest, access_request: AccessRequest, overtaken: Overtaken
) -> HttpResponse:
    """Who was, what became of the request, and the one to decide next."""
    left = viewer_of(request).decidable.exclude(pk=access_request.pk)
    context = {
        "refusal": overtaken.message,
        "back": reverse("request_page", args=[access_request.pk]),
        "next": left.select_related("role__directory", "holder").order_by("deadline", "pk").first(),
    }
    return render(request, "409.html", context, status=409)


def form_for(access_request: AccessRequest) -> type[DecisionForm]:
    """What is filled in to answer a request: an extension or renewal also says what is given."""
    return ExtensionForm if access_request.act in EXTENSIONS else DecisionForm


def told(decision: Decision) -> str:
    """The answer to the button."""
    said = {"who": decision.access_request.holder, "role": decision.access_request.role}
    if decision.verdict == Decision.Verdict.APPROVE and decision.given_kind:
        return _("Approved: %(who)s has %(role)s for longer, and is told.") % said
    if decision.verdict == Decision.Verdict.APPROVE:
        return _("Approved: %(role)s for %(who)s is being put in force, and they are told.") % said
    return _("Denied: %(who)s is told why.") % said


@require_http_methods(["GET", "HEAD", "POST"])
def decide_together(request: PortalRequest) -> HttpResponse:
    """Answer several requests with one justification: first the names, then the act. One failure stops no other."""
    said = request.POST.getlist("pick")[:AT_ONCE]
    picked = {int(key) for key in said if key.isascii() and key.isdigit() and len(key) < 19}
    mine = viewer_of(request).decidable.filter(pk__in=picked)
    requests = list(mine.select_related(*SHOWN).order_by("deadline", "pk"))
    if request.method == "POST" and request.POST.get("confirmed"):
        requests += not_to_answer(request, picked - {one.pk for one in requests})
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


def not_to_answer(request: PortalRequest, picked: set[int]) -> list[AccessRequest]:
    """Those picked that one sees and may not answer, or not any more: the verb says of each why, and records it.

    Raises:
        Http404: some were picked, and there is none that one sees.
    """
    found = []
    for pk in sorted(picked):
        with suppress(Http404):
            found.append(request_for(request.user, pk))
    if picked and not found:
        raise Http404
    return found


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
