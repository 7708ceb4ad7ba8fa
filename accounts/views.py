"""Signing in and out, and the pages of those who look after people. To everybody else those do not exist."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db.models import Q
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import adding_services, changing_password, inviting, leaving, signing_in
from accounts.duties import PEOPLE_ADMINISTRATORS, Duty, holds
from accounts.forms import (
    AddServiceForm,
    ChangePasswordForm,
    InvitePersonForm,
    JustificationForm,
    SignInForm,
)
from accounts.http import PortalRequest, is_signed_in, safe_path
from accounts.mfa import recovering
from accounts.mfa.enrolling import open_passes
from accounts.mfa.verifying import confirmed_devices
from accounts.models import DutyHolding, User
from accounts.paging import page_of
from audit.journal.refusing import Refused

BREAK_GLASS = "break_glass"  # marks the fields of that form: two forms stand on the page of a person
View = Callable[..., HttpResponse]


def for_people_administrators(view: View) -> View:
    """404 for everybody without the duty right now."""

    @wraps(view)
    def guarded_view(request: PortalRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not holds(request.user, *PEOPLE_ADMINISTRATORS):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded_view


@login_not_required
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: PortalRequest) -> HttpResponse:
    """The first step: email and password."""
    next_path = safe_path(request.GET.get("next", ""))
    if is_signed_in(request) and request.method != "POST":
        return HttpResponseRedirect(next_path)
    form = SignInForm(request.POST or None)
    if form.is_valid():
        said = form.cleaned_data
        try:
            person = signing_in.prove_password(said["email"], password=said["password"], actor=request.actor)
            signing_in.begin_half_sign_in(request, person=person, next_path=next_path)
            return redirect("sign_in_code")
        except Refused as refusal:
            form.refuse(refusal)
    return render(request, "accounts/sign_in.html", {"form": form}, status=form.status)


@login_not_required
@require_POST
def sign_out(request: PortalRequest) -> HttpResponse:
    """End this session."""
    signing_in.sign_out(request)
    return redirect("sign_in")


@sensitive_post_parameters("old", "new", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: PortalRequest) -> HttpResponse:
    """Change my own password. The second factor is asked for before the form, so that nothing is typed twice."""
    changing_password.check_may_change_password(request.actor)
    form = ChangePasswordForm(request.POST or None, person=request.user)
    if form.is_valid():
        said = form.cleaned_data
        try:
            changing_password.change_password(
                request.user, actor=request.actor, old=said["old"], new=said["new"]
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            signing_in.sign_out(request)
            messages.success(request, _("Your password is changed. Sign in with the new one."))
            return redirect("sign_in")
    return render(request, "accounts/change_password.html", {"form": form}, status=form.status)


@for_people_administrators
@require_GET
def people(request: PortalRequest) -> HttpResponse:
    """Everybody, or those whose name, email or department holds some letters."""
    tab = "service" if request.GET.get("tab") == "service" else "person"
    found = User.objects.filter(kind=tab)
    for word in request.GET.get("q", "").replace("\x00", "").split()[:5]:
        found = found.filter(
            Q(display_name__icontains=word) | Q(email__icontains=word) | Q(department__icontains=word)
        )
    page = page_of(request.GET, found, by=("display_name", "email", "pk"), related=("manager",))
    return render(request, "accounts/people.html", {"page": page, "people": page, "tab": tab})


@for_people_administrators
@require_GET
def person(request: PortalRequest, pk: int) -> HttpResponse:
    """One person: their groups, duties, factors, and what an administrator may do for them."""
    return person_page(request, get_object_or_404(User, pk=pk), form=JustificationForm())


@for_people_administrators
@require_POST
def disable_person(request: PortalRequest, pk: int) -> HttpResponse:
    """Disable somebody, at once and everywhere."""
    shown, form = get_object_or_404(User, pk=pk), JustificationForm(request.POST)
    if form.is_valid():
        try:
            leaving.disable_person(
                shown, justification=form.cleaned_data["justification"], actor=request.actor
            )
            messages.success(request, _("%(name)s is disabled and signed out everywhere.") % {"name": shown})
            return redirect("person", pk)
        except Refused as refusal:
            form.refuse(refusal)
    shown.refresh_from_db()
    return person_page(request, shown, form=form)


@for_people_administrators
@require_POST
def enable_person(request: PortalRequest, pk: int) -> HttpResponse:
    """Let somebody in again."""
    shown, form = get_object_or_404(User, pk=pk), JustificationForm(request.POST)
    if form.is_valid():
        try:
            leaving.enable_person(
                shown, justification=form.cleaned_data["justification"], actor=request.actor
            )
            messages.success(request, _("%(name)s may sign in again.") % {"name": shown})
            return redirect("person", pk)
        except Refused as refusal:
            form.refuse(refusal)
    shown.refresh_from_db()
    return person_page(request, shown, form=form)


@for_people_administrators
@require_http_methods(["GET", "HEAD", "POST"])
def invite_person(request: PortalRequest) -> HttpResponse:
    """Invite somebody; the link is shown this once."""
    form = InvitePersonForm(request.POST or None)
    if form.is_valid():
        try:
            given = inviting.invite_person(**form.cleaned_data, actor=request.actor)
            return render(request, "accounts/link_given.html", {"given": given})
        except Refused as refusal:
            form.refuse(refusal)
    return render(request, "accounts/invite_person.html", {"form": form}, status=form.status)


@for_people_administrators
@require_http_methods(["GET", "HEAD", "POST"])
def add_service(request: PortalRequest) -> HttpResponse:
    """Write down a service principal."""
    form = AddServiceForm(request.POST or None)
    if form.is_valid():
        said = dict(form.cleaned_data)
        try:
            service = adding_services.add_service(said.pop("login"), **said, actor=request.actor)
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("%(name)s can be given roles now.") % {"name": service})
            return redirect("person", service.pk)
    return render(request, "accounts/add_service.html", {"form": form}, status=form.status)


@for_people_administrators
@require_POST
def invite_again(request: PortalRequest, pk: int) -> HttpResponse:
    """A new link for somebody who has not come yet."""
    given = inviting.invite_again(get_object_or_404(User, pk=pk), actor=request.actor)
    return render(request, "accounts/link_given.html", {"given": given})


@for_people_administrators
@require_http_methods(["GET", "HEAD", "POST"])
def help_person(request: PortalRequest, pk: int) -> HttpResponse:
    """Help somebody who lost their second factor; the link is shown this once, to the administrator."""
    helped = get_object_or_404(User, pk=pk)
    form = JustificationForm(request.POST or None)
    if form.is_valid():
        said = form.cleaned_data["justification"]
        try:
            given = recovering.help_person(helped, justification=said, actor=request.actor)
            return render(request, "accounts/link_given.html", {"given": given})
        except Refused as refusal:
            form.refuse(refusal)
    return render(request, "accounts/help_person.html", {"form": form, "person": helped}, status=form.status)


def person_page(
    request: PortalRequest,
    shown: User,
    *,
    form: JustificationForm,
    break_glass_form: JustificationForm | None = None,
) -> HttpResponse:
    """The page of one person; ``break_glass_form`` is the one that was sent with a mistake."""
    holdings = DutyHolding.objects.in_force().filter(person=shown)
    invitation = open_passes().filter(person=shown).first()
    is_me, change = (
        shown.is_same_human_as(request.user),
        "disable_person" if shown.is_active else "enable_person",
    )
    said = {
        "person": shown,
        "memberships": shown.memberships.in_force().select_related("group"),
        "holdings": [
            {"duty": held.duty, "label": Duty(held.duty).label, "ends_at": held.ends_at} for held in holdings
        ],
        "devices": confirmed_devices(shown),
        "invitation": invitation,
        "may_help": shown.is_active and not is_me and not shown.is_service,
        "may_invite_again": inviting.may_be_invited_again(shown),
        "form": None if is_me else form,
        "form_action": reverse(change, args=[shown.pk]),
        "break_glass_form": _break_glass_form(request, shown, sent=break_glass_form),
    }
    return render(request, "accounts/person.html", said, status=(break_glass_form or form).status)


def _break_glass_form(
    request: PortalRequest, shown: User, *, sent: JustificationForm | None
) -> JustificationForm | None:
    """The form with which to name somebody a break-glass account, for whom it is there."""
    fit = shown.is_break_glass or (shown.is_active and not shown.is_service)
    if not fit or shown.is_same_human_as(request.user) or not holds(request.user, Duty.GLOBAL_ADMINISTRATOR):
        return None
    return sent or JustificationForm(prefix=BREAK_GLASS)
