"""The life of a request: seeing it, taking it back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import PortalRequest
from accounts.models import User
from accounts.paging import page_of
from approvals.cases import cases_of
from approvals.closing import OCCASIONS
from approvals.closing import cancel_request as cancel
from approvals.forms import AnswerForm, CancelForm, DecisionForm, QuestionForm
from approvals.models import AccessRequest, AccessRequests, HookCall
from approvals.permissions import approvers_of, may_decide, requests_visible_to, roles_managed_by
from approvals.timeline import steps_of
from audit.journal.refusing import Refused
from audit.permissions import may_read_journal
from roles.models import Assignment
from roles.wording import settings_in_words

ROWS = 25  # on a page
MOVING = (Assignment.Status.SCHEDULED, Assignment.Status.PROVISIONING, Assignment.Status.ENDING)


@require_safe
def my_requests(request: PortalRequest) -> HttpResponse:
    """What I asked for and what was asked about me, newest first."""
    mine = AccessRequest.objects.filter(Q(requester=request.user) | Q(holder=request.user))
    related = ("role__directory", "scope", "assignment", "holder", "holder_group")
    page = page_of(request.GET, mine, by=("-created_at", "-pk"), rows=ROWS, related=related)
    return render(request, "approvals/my_requests.html", {"page": page, "waiting": mine.open().count()})


@require_safe
def request_page(request: PortalRequest, pk: int) -> HttpResponse:
    """One request. While its page is open it refreshes by itself: 204 as long as nothing has changed."""
    access_request = request_for(request.user, pk)
    context = context_for(request, access_request)
    if request.headers.get("HX-Target") == "request":
        if request.GET.get("seen") == context["seen"]:
            return HttpResponse(status=204)
        return render(request, "approvals/parts/request.html", context)
    return render(request, "approvals/request.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def cancel_request(request: PortalRequest, pk: int) -> HttpResponse:
    """Take back a request of my own that still waits."""
    access_request = request_for(request.user, pk)
    form = CancelForm(request.POST)
    if request.method == "POST" and form.is_valid():
        try:
            cancel(access_request, actor=request.actor, justification=form.cleaned_data["justification"])
        except Refused as refused:
            form.show(refused)
            messages.error(request, refused.message)
        else:
            messages.success(request, _("%(number)s is canceled.") % {"number": access_request.number})
    return redirect("request_page", pk)


def every_request() -> AccessRequests:
    """All requests, each with what its page shows of it."""
    return AccessRequest.objects.select_related(
        "role__directory",
        "scope",
        "holder",
        "holder_group",
        "requester",
        "eligibility",
        "assignment",
        "factor_use",
        "emergency_use__reviewer",
    )


def request_for(person: User, pk: int) -> AccessRequest:
    """A request ``person`` may open: as ``requests_visible_to`` says, and its approvers also after somebody was faster.

    Raises:
        Http404: there is none, or it is not theirs to see.
    """
    found = every_request().filter(pk=pk).first()
    if found is None:
        raise Http404
    if (
        requests_visible_to(person).filter(pk=pk).exists()
        or approvers_of(found).filter(pk=person.pk).exists()
    ):
        return found
    raise Http404


def context_for(
    request: PortalRequest,
    access_request: AccessRequest,
    *,
    form: DecisionForm | None = None,
    question_form: QuestionForm | None = None,
    answer_form: AnswerForm | None = None,
) -> dict[str, Any]:
    """What the page of a request shows to the person who looks at it; the forms are those sent with a mistake."""
    person, assignment = request.user, access_request.assignment
    is_mine = person.pk in (access_request.requester_id, access_request.holder_id)
    if assignment is not None:
        assignment.counts = assignment.is_in_force()  # type: ignore[attr-defined]
    decides = access_request.is_open and may_decide(person, access_request)
    question = access_request.questions.filter(answered_at=None).select_related("asker").first()
    return {
        "access_request": access_request,
        "assignment": assignment,
        "seen": seen_as(access_request),
        "is_moving": (assignment is not None and assignment.status in MOVING)
        or (access_request.is_checking and access_request.is_open),
        "steps": steps_of(access_request),
        "reads_journal": may_read_journal(person),
        # What settings say of an activation; an extension is judged by other parts of them.
        "rules": settings_in_words(access_request.asked_under)
        if access_request.asked_settings and access_request.act in OCCASIONS
        else [],
        "may_cancel": access_request.is_open
        and (is_mine or roles_managed_by(request.user).filter(pk=access_request.role_id).exists()),
        "may_deactivate": assignment is not None
        and assignment.person_id == person.pk
        and assignment.status in Assignment.LIVE
        and (assignment.ends_at is None or assignment.ends_at > timezone.now())
        and access_request.act == AccessRequest.Act.ACTIVATE,
        "case": cases_of([access_request], person)[0] if decides else None,
        "form": form or DecisionForm(),
        "question": question if access_request.is_open else None,
        "question_form": (question_form or QuestionForm()) if decides and question is None else None,
        "answer_form": (answer_form or AnswerForm(initial={"justification": access_request.justification}))
        if is_mine and question is not None and access_request.is_open
        else None,
    }


def seen_as(access_request: AccessRequest) -> str:
    """What a page that is open compares to know whether anything has changed."""
    assignment = access_request.assignment
    state = f"{access_request.status}{'' if access_request.is_open else '-closed'}.{access_request.stage}"
    if access_request.is_checking:
        calls = HookCall.objects.filter(access_request=access_request, leased_until=None)
        state += "." + "".join(map(str, calls.values_list("attempts", flat=True)))  # "" while it is out
    if assignment is not None:
        state += f".{assignment.status}.{assignment.attempts}.{getattr(assignment, 'counts', '')}"
    if use := getattr(access_request, "emergency_use", None):
        state += f".{use.status}"
    return state
