"""Keeping an activated role for longer."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.http import PortalRequest
from accounts.mfa.freshness import StepUpRequired
from accounts.mfa.verifying import verify_inline
from approvals.forms import hour_of
from approvals.models import AccessRequest
from approvals.prolonging import RUNNING, longer_act_of, request_longer
from approvals.together_forms import LongerForm
from audit.journal.refusing import Refused
from roles.models import Assignment, Origin


@require_http_methods(["GET", "HEAD", "POST"])
def longer(request: PortalRequest, pk: int) -> HttpResponse:
    """Ask for more time with what I have activated. Somebody else's is not found."""
    mine = Assignment.objects.filter(person=request.user, origin=Origin.ACTIVATED)
    related = ("role__directory", "scope", "person", "eligibility__group")
    assignment = get_object_or_404(mine.select_related(*related), pk=pk)
    if request.headers.get("HX-Target") == "effect" and request.method != "POST":
        preview = LongerForm(request.GET, assignment=assignment, actor=request.actor)
        return render(request, "approvals/parts/effect.html", {"form": preview})
    form = LongerForm(request.POST or None, assignment=assignment, actor=request.actor)
    if request.method == "POST" and form.is_valid():
        try:
            filed = send(request, form)
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, told(filed))
            return redirect("request_page", filed.pk)
    waiting = AccessRequest.objects.open().filter(act=AccessRequest.Act.PROLONG, assignment=assignment)
    ends_at = assignment.ends_at
    context = {
        "assignment": assignment,
        "form": form,
        "waiting": waiting.first(),
        "runs": assignment.status in RUNNING and ends_at is not None and ends_at > timezone.now(),
    }
    return render(request, "approvals/longer.html", context, status=422 if form.errors else 200)


def send(request: PortalRequest, form: LongerForm) -> AccessRequest:
    """File what a valid form asks for. A code sent along is looked at only where nothing else is missing."""
    asked, key, code = form.asked(), form.cleaned_data["idempotency_key"], form.cleaned_data["code"]
    assignment = form.assignment
    try:
        return request_longer(assignment, actor=request.actor, asked=asked, idempotency_key=key)
    except StepUpRequired as question:
        if not code or question.methods:
            raise  # where only a passkey counts no code is looked at
    verify_inline(request, code=code, act=longer_act_of(assignment, asked, request.user))
    return request_longer(assignment, actor=request.actor, asked=asked, idempotency_key=key)


def told(access_request: AccessRequest) -> str:
    """The answer to the button: what is so now."""
    role = access_request.role
    if access_request.is_open:
        return format_html(_("<b>Sent for approval.</b> {role} goes on to its old end meanwhile."), role=role)
    end = access_request.asked_end
    return format_html(_("<b>{role} goes on until {end}.</b>"), role=role, end=hour_of(end) if end else "")
