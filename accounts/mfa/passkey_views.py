"""Passkeys in the browser: what a script asks for, and the page on which one is added."""

from __future__ import annotations

import json

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import PortalRequest, actor_for, is_signed_in
from accounts.mfa.adding_passkeys import add_passkey, ask_for_passkey, begin_passkey, passkey_being_added
from accounts.mfa.forms import AddPasskeyForm
from accounts.mfa.proving import begin_proof
from accounts.mfa.stepping_up import waiting_for
from accounts.mfa.views import go_on_with, who_enrols
from accounts.signing_in import half_signed_in
from audit.journal.refusing import Refused


@login_not_required
@require_POST
def passkey_challenge(request: PortalRequest) -> HttpResponse:
    """What a passkey is to sign, as JSON: for the second step of signing in, for one act that waits, or in general."""
    person = request.user if is_signed_in(request) else half_signed_in(request)
    if person is None:
        return redirect("sign_in")
    token, act = request.POST.get("step_up", ""), ""
    if token:
        act = get_object_or_404(waiting_for(person, session=request.actor.session), token=token).act
    return JsonResponse(begin_proof(person, act=act, actor=actor_for(request, person)))


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def enrol_passkey(request: PortalRequest) -> HttpResponse:
    """Add a passkey: the first factor with a link, a further one with one that is already there."""
    person, enrolment_pass = who_enrols(request)
    if person is None:
        return redirect("sign_in")
    actor = actor_for(request, person)
    begun = passkey_being_added(person, actor=actor)
    if begun is None:
        begun = begin_passkey(person, enrolment_pass=enrolment_pass, actor=actor)
        if request.method == "POST":
            messages.info(request, _("That took longer than 15 minutes. Try it again."))
            return redirect("enrol_passkey")
    form = AddPasskeyForm(request.POST or None)
    if form.is_valid():
        said = form.cleaned_data
        try:
            enrolled = add_passkey(
                person,
                answer=said["passkey"],
                name=said["name"].strip(),
                enrolment_pass=enrolment_pass,
                actor=actor,
            )
            return go_on_with(request, enrolled, person=person)
        except Refused as refusal:
            form.refuse(refusal)
    shown = {"form": form, "options": json.dumps(ask_for_passkey(begun)), "first": enrolment_pass is not None}
    shown["rp_id"] = settings.OTP_WEBAUTHN_RP_ID
    return render(request, "accounts/enrol_passkey.html", shown, status=form.status)
