"""Pages that ask for a second factor, and those where one is set up."""

from __future__ import annotations

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.http import PortalRequest, actor_for, is_signed_in, safe_path
from accounts.mfa.changing_factors import remove_factor, replace_recovery_codes
from accounts.mfa.enrolling import (
    Enrolled,
    begin_enrolment,
    confirm_enrolment,
    device_being_set_up,
    open_passes,
    pass_for,
    set_first_password,
)
from accounts.mfa.forms import CodeForm, EnrolForm, PasskeyForm
from accounts.mfa.freshness import fresh_factor
from accounts.mfa.proving import verify_passkey
from accounts.mfa.stepping_up import fields_of, is_late, typed_fields, waiting_for
from accounts.mfa.verifying import METHODS, own_factors, strengthen_session, verify_inline
from accounts.models import (
    Authenticator,
    EnrolmentPass,
    FactorUse,
    Passkey,
    RecoveryCodes,
    StepUp,
    User,
)
from accounts.sessions import begin_session
from accounts.signing_in import half_signed_in, open_session, sign_in_with_code, sign_in_with_passkey
from audit.journal.refusing import Refused

ENROLLING = "enrolling"
DEVICE = "device_being_set_up"
USES_SHOWN = 10
REMOVES: dict[str, type[Authenticator | Passkey]] = {"remove": Authenticator, "remove_passkey": Passkey}


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_code(request: PortalRequest) -> HttpResponse:
    """The second step of signing in."""
    person = half_signed_in(request)
    if person is None:
        return redirect("sign_in")
    form = CodeForm(request.POST or None)
    if form.is_valid():
        try:
            if answer := form.cleaned_data["passkey"]:
                return HttpResponseRedirect(sign_in_with_passkey(request, person=person, answer=answer))
            return HttpResponseRedirect(sign_in_with_code(request, person=person, code=form.given))
        except Refused as refusal:
            form.refuse(refusal)
    shown = {"form": form, "person": person} | methods_of(person)
    return render(request, "accounts/sign_in_code.html", shown, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
def step_up(request: PortalRequest, token: str = "") -> HttpResponse:
    """A fresh second factor: for the act whose form waits under ``token``, or in general."""
    if token:
        waiting = get_object_or_404(waiting_for(request.user, session=request.actor.session), token=token)
        if not waiting.act or is_late(waiting) or _is_proved(request, waiting):
            return _go_on(request, waiting)
    else:
        waiting = StepUp(what_for=_("What you do next"), path=safe_path(request.GET.get("next", "")))
    # Where only a passkey counts a code is not even looked at: nobody shall get used to typing it there.
    form = (CodeForm if waiting.takes(FactorUse.Method.TOTP) else PasskeyForm)(request.POST or None)
    if form.is_valid():
        try:
            _prove(request, form, act=waiting.act)
            return _go_on(request, waiting)
        except Refused as refusal:
            form.refuse(refusal)
    shown = {"step_up": waiting, "kept": typed_fields(waiting), "counts_for": waiting.minutes}
    shown |= {"form": form, "back_url": waiting.page or waiting.path} | methods_of(request.user)
    return render(request, "accounts/step_up.html", shown, status=form.status)


def _prove(request: PortalRequest, form: PasskeyForm, *, act: str) -> None:
    """Look at what the form brought: what a passkey signed, or a code."""
    if answer := form.cleaned_data["passkey"]:
        evidence = verify_passkey(request.user, answer=answer, act=act, actor=request.actor)
        strengthen_session(request, device=evidence.device)
    elif isinstance(form, CodeForm):
        verify_inline(request, code=form.given, act=act)


def methods_of(person: User) -> dict[str, object]:
    """What a page that asks ``person`` for a proof offers. Without a script it offers codes alone."""
    mine = {METHODS[type(device)] for device in own_factors(person)}
    has_passkey = FactorUse.Method.PASSKEY in mine
    offers_code = FactorUse.Method.TOTP in mine or not has_passkey
    return {"has_passkey": has_passkey, "offers_code": offers_code, "rp_id": settings.OTP_WEBAUTHN_RP_ID}


def _is_proved(request: PortalRequest, waiting: StepUp) -> bool:
    methods = waiting.methods or None
    return fresh_factor(request.actor, act=waiting.act, minutes=waiting.minutes, methods=methods) is not None


def _go_on(request: PortalRequest, waiting: StepUp) -> HttpResponse:
    """Send the kept form on: by itself when it was just proved, by the person's own hand otherwise."""
    if waiting.method != StepUp.Method.POST or waiting.pk is None:
        return HttpResponseRedirect(waiting.path)
    proved = bool(waiting.act) and _is_proved(request, waiting)
    shown = {"step_up": waiting, "kept": fields_of(waiting), "typed": typed_fields(waiting), "proved": proved}
    return render(request, "accounts/step_up_continue.html", shown)


@login_not_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def accept_invitation(request: PortalRequest, token: str) -> HttpResponse:
    """A one-time link: the person sets a password and goes on to their first second factor."""
    enrolment_pass = pass_for(token)
    if enrolment_pass is None:
        return render(request, "accounts/accept_invitation.html", status=404)
    person = enrolment_pass.person
    form = SetPasswordForm(person, request.POST or None)
    if form.is_valid():
        actor = actor_for(request, person)
        set_first_password(enrolment_pass, password=form.cleaned_data["new_password1"], actor=actor)
        begin_session(request)
        request.session[ENROLLING] = enrolment_pass.pk
        return redirect("enrol_factor")
    shown = {"form": form, "person": person, "invitation": enrolment_pass}
    return render(request, "accounts/accept_invitation.html", shown, status=422 if form.errors else 200)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def enrol_factor(request: PortalRequest) -> HttpResponse:
    """Set up an authenticator app: the first with a link, a further one with one that is already there."""
    person, enrolment_pass = who_enrols(request)
    if person is None:
        return redirect("sign_in")
    actor = actor_for(request, person)
    device = device_being_set_up(person, key=request.session.get(DEVICE, 0))
    if device is None:
        device = begin_enrolment(person, enrolment_pass=enrolment_pass, actor=actor)
        request.session[DEVICE] = device.pk
        if request.method == "POST":
            messages.info(request, _("That took longer than 15 minutes. Scan the new picture."))
            return redirect("enrol_factor")
    form = EnrolForm(request.POST or None)
    if form.is_valid():
        try:
            return _finish(request, device, form=form, enrolment_pass=enrolment_pass)
        except Refused as refusal:
            form.refuse(refusal)
    shown = {"form": form, "qr": _drawn(device), "secret": device.secret}
    shown |= {"first": enrolment_pass is not None, "rp_id": settings.OTP_WEBAUTHN_RP_ID}
    return render(request, "accounts/enrol_factor.html", shown, status=form.status)


def who_enrols(request: PortalRequest) -> tuple[User | None, EnrolmentPass | None]:
    """Who sets up a second factor: somebody signed in, or somebody with a link, and then that."""
    if is_signed_in(request):
        return request.user, None
    enrolment_pass = open_passes().filter(pk=request.session.get(ENROLLING, 0)).first()
    return (enrolment_pass.person if enrolment_pass else None), enrolment_pass


def _finish(
    request: PortalRequest, device: Authenticator, *, form: EnrolForm, enrolment_pass: EnrolmentPass | None
) -> HttpResponse:
    said, person = form.cleaned_data, device.user
    enrolled = confirm_enrolment(
        device,
        code=said["code"],
        name=said["name"].strip(),
        enrolment_pass=enrolment_pass,
        actor=actor_for(request, person),
    )
    return go_on_with(request, enrolled, person=person)


def go_on_with(request: PortalRequest, enrolled: Enrolled, *, person: User) -> HttpResponse:
    """Lead on from a factor that counts now: to new recovery codes, if there are any."""
    for name in (DEVICE, ENROLLING):
        request.session.pop(name, None)
    if is_signed_in(request):
        strengthen_session(request, device=enrolled.evidence.device)
    else:
        open_session(request, person=person, evidence=enrolled.evidence)
    if enrolled.codes:
        return render(request, "accounts/recovery_codes.html", {"codes": enrolled.codes, "next_url": "/"})
    return redirect("second_factors")


def _drawn(device: Authenticator) -> str:
    """The QR code as SVG that fills its frame, without style attributes, which the content security policy refuses."""
    code = segno.make(device.config_url, error="m", micro=False)
    return mark_safe(code.svg_inline(omitsize=True, dark="#000", light="#fff", border=2))  # noqa: S308


@require_http_methods(["GET", "HEAD", "POST"])
def second_factors(request: PortalRequest) -> HttpResponse:
    """What I can prove myself with."""
    mine = own_factors(request.user)
    if request.POST.get("act") == "new_recovery_codes":
        codes = replace_recovery_codes(request.user, actor=request.actor)
        return render(request, "accounts/recovery_codes.html", {"codes": codes, "next_url": request.path})
    if kind := REMOVES.get(request.POST.get("act", "")):
        key = request.POST.get("device", "")
        of_kind = kind.objects.filter(user=request.user, confirmed=True)
        device = get_object_or_404(of_kind, pk=key if key.isdecimal() else 0)
        remove_factor(device, actor=request.actor)
        messages.success(request, _("“%(name)s” is removed.") % {"name": device.name})
        return redirect("second_factors")
    shown = {
        "devices": [one for one in mine if isinstance(one, Authenticator)],
        "passkeys": [one for one in mine if isinstance(one, Passkey)],
        "may_remove": len(mine) > 1,
        "rp_id": settings.OTP_WEBAUTHN_RP_ID,
        "recovery_codes_left": sum(
            codes.token_set.count() for codes in RecoveryCodes.objects.filter(user=request.user)
        ),
        "uses": FactorUse.objects.filter(person=request.user).order_by("-at")[:USES_SHOWN],
    }
    return render(request, "accounts/second_factors.html", shown)
