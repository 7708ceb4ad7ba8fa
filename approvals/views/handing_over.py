"""Copying to a joiner what a colleague may activate, and ending everything a leaver holds."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.duties import ROLE_ADMINISTRATORS, holds
from accounts.http import PortalRequest
from accounts.models import User, canonical_email
from approvals.assign_forms import CopyForm, EndEverythingForm
from approvals.handing_over import copies, digest_of, everything_of
from approvals.handing_over import copy_eligibilities as copy
from approvals.handing_over import end_everything as end_all
from approvals.permissions import roles_managed_by
from audit.journal.refusing import Refused


def back_from(request: PortalRequest, person: User) -> str:
    """Where to go afterwards: their page, for those who may open it."""
    return (
        reverse("person", args=[person.pk])
        if holds(request.user, *ROLE_ADMINISTRATORS)
        else reverse("assignments")
    )


@require_http_methods(["GET", "HEAD", "POST"])
def copy_eligibilities(request: PortalRequest, pk: int) -> HttpResponse:
    """Say to whom; pick from exactly what would be copied; then all of it, or nothing."""
    if not roles_managed_by(request.user).exists():
        raise Http404
    person = get_object_or_404(User, pk=pk)
    said = request.POST if request.method == "POST" else request.GET
    form = CopyForm(said if request.method == "POST" or "to" in said else None)
    joiner = User.objects.enabled().humans().filter(email=canonical_email(said.get("to", ""))).first()
    shown = copies(person, joiner=joiner, manager=request.user)
    picked = {int(key) for key in said.getlist("pick") if key.isdecimal()} if "confirmed" in said else None
    if form.is_valid():
        if joiner is None:
            form.add_error("to", _("No enabled person has this email."))
        elif request.method == "POST" and form.cleaned_data["confirmed"]:
            words, seen = form.cleaned_data["justification"], form.cleaned_data["seen"]
            try:
                given = copy(
                    person,
                    actor=request.actor,
                    joiner=joiner,
                    keys=sorted(picked or ()),
                    justification=words,
                    seen=seen,
                )
            except Refused as refused:
                form.show(refused)
            else:
                done = ngettext(
                    "%(who)s is eligible for %(n)s role.", "%(who)s is eligible for %(n)s roles.", len(given)
                )
                messages.success(request, done % {"who": joiner, "n": len(given)})
                return redirect(back_from(request, joiner))
    context: dict[str, Any] = {
        "person": person,
        "joiner": joiner,
        "shown": shown,
        "form": form,
        "seen": digest_of(shown),
    }
    context |= {"picked": picked, "possible": [one for one in shown if not one.why_not]}
    context["names"] = User.objects.enabled().humans().values_list("email", flat=True)[:200]
    return render(request, "approvals/copy.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def end_everything(request: PortalRequest, pk: int) -> HttpResponse:
    """List what ends, ask why, then end all of it."""
    if not holds(request.user, *ROLE_ADMINISTRATORS):
        raise Http404
    person = get_object_or_404(User, pk=pk)
    everything = everything_of(person)
    form = EndEverythingForm(request.POST or None, initial={"seen": everything.digest})
    if request.method == "POST" and form.is_valid():
        try:
            end_all(person, actor=request.actor, **form.cleaned_data)
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, _("Everything %(who)s held has ended.") % {"who": person})
            return redirect("person", pk)
    context = {"person": person, "everything": everything, "form": form}
    return render(request, "approvals/end_everything.html", context, status=422 if form.errors else 200)
