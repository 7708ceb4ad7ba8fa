"""Naming break-glass accounts, on the person's own page."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import breaking_glass
from accounts.duties import Duty, holds
from accounts.forms import JustificationForm
from accounts.http import PortalRequest
from accounts.models import User
from accounts.views import BREAK_GLASS, person_page
from audit.journal.refusing import Refused


@require_POST
def name_break_glass(request: PortalRequest, pk: int) -> HttpResponse:
    """Name somebody a break-glass account."""
    said = _("%(name)s is a break-glass account. Its every use raises an alarm.")
    return _say(request, pk, verb=breaking_glass.name_break_glass, said=said)


@require_POST
def unname_break_glass(request: PortalRequest, pk: int) -> HttpResponse:
    """Make a break-glass account one like any other."""
    said = _("%(name)s is no break-glass account any more.")
    return _say(request, pk, verb=breaking_glass.unname_break_glass, said=said)


def _say(request: PortalRequest, pk: int, *, verb: Callable[..., None], said: str) -> HttpResponse:
    if not holds(request.user, Duty.GLOBAL_ADMINISTRATOR):
        raise Http404
    shown, form = get_object_or_404(User, pk=pk), JustificationForm(request.POST, prefix=BREAK_GLASS)
    if form.is_valid():
        try:
            verb(shown, justification=form.cleaned_data["justification"], actor=request.actor)
            messages.success(request, said % {"name": shown})
            return redirect("person", pk)
        except Refused as refusal:
            form.refuse(refusal)
    shown.refresh_from_db()
    return person_page(request, shown, form=JustificationForm(), break_glass_form=form)
