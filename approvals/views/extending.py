"""Asking to keep what ends soon, and to have again what ended lately."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.http import PortalRequest
from approvals.assign_forms import ReasonForm
from approvals.extending import DECIDE_WITHIN, request_extension, request_renewal
from approvals.filing import Act
from audit.journal.refusing import Refused
from roles.models import Assignment, Eligibility

MODELS: dict[str, type[Eligibility] | type[Assignment]] = {
    "eligibility": Eligibility,
    "assignment": Assignment,
}


@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: PortalRequest, pk: int, *, noun: str, act: str) -> HttpResponse:
    """Ask why, then send it to those who may assign the role. Somebody else's is not found.

    Args:
        noun: ``eligibility`` or ``assignment``; act: EXTEND or RENEW.
    """
    mine = MODELS[noun]._default_manager.filter(person=request.user)
    held: Any = get_object_or_404(mine.select_related("role__directory", "scope"), pk=pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        verb = request_extension if act == Act.EXTEND else request_renewal
        try:
            filed = verb(held, actor=request.actor, justification=form.cleaned_data["justification"])
        except Refused as refused:
            form.show(refused)
        else:
            said = _("<b>Sent.</b> {role} waits for those who may assign it.")
            messages.success(request, format_html(said, role=held.role))
            return redirect("request_page", filed.pk)
    context = {"held": held, "form": form, "act": act, "days": DECIDE_WITHIN.days}
    return render(request, "approvals/extend_my.html", context, status=422 if form.errors else 200)


def asking(noun: str, act: str) -> Callable[..., HttpResponse]:
    """The view by which a holder asks for ``act`` on what ``noun`` names."""
    return partial(ask, noun=noun, act=act)
