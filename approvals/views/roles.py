"""What a person may activate, and activating it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import PortalRequest
from accounts.mfa.freshness import StepUpRequired
from accounts.mfa.verifying import verify_inline
from accounts.models import User
from approvals.activation_form import ActivationForm
from approvals.extending import EXTENSIONS, may_be_renewed_by
from approvals.forecasting import forecast
from approvals.last_time import FIGURES, as_last_time
from approvals.mine import choices_of, count_of_choices, held_by
from approvals.models import AccessRequest
from approvals.requesting import act_of, request_activation
from audit.journal.refusing import Refused
from roles.models import Assignment, Eligibility

TABS = ("eligible", "active", "expired")
SHOWN_EXPIRED = 30
PAGE_OR_JSON = ["text/html", "application/json"]


@require_safe
def my_roles(request: PortalRequest) -> HttpResponse:
    """Everything I may, hold or held."""
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else "eligible"
    words = request.GET.get("q", "").strip().casefold()
    held = held_by(request.user)
    choices = choices_of(request.user, held=held) if tab == "eligible" else []
    past = Assignment.objects.filter(person=request.user, status=Assignment.Status.ENDED)
    shown = [choice for choice in choices if words in name_of(choice.eligibility).casefold()]
    context = {
        "tab": tab,
        "choices": shown,
        "choice_count": len(choices) if tab == "eligible" else count_of_choices(request.user),
        "held": held,
        "more": asked_for_more(request.user),
        "renewable": renewable(request.user) if tab == "expired" else [],
        "past": past.select_related("role__directory", "scope").order_by("-ended_at")[:SHOWN_EXPIRED],
    }
    return render(request, "approvals/my_roles.html", context)


def renewable(person: User) -> list[Eligibility | Assignment]:
    """What ``person`` may ask to have again, the latest end first."""
    eligible, active = may_be_renewed_by(person)
    related = ("role__directory", "scope")
    return sorted(
        [*eligible.select_related(*related), *active.select_related(*related)],
        key=lambda held: held.ends_at or held.starts_at,
        reverse=True,
    )


def asked_for_more(person: User) -> dict[str, set[int | None]]:
    """The keys of eligibilities and assignments for which an extension or renewal waits."""
    waiting = AccessRequest.objects.open().filter(holder=person, act__in=EXTENSIONS)
    keys = list(waiting.values_list("eligibility", "assignment"))
    return {"eligible": {one for one, _ in keys}, "active": {one for _, one in keys}}


def name_of(eligibility: Eligibility) -> str:
    """What a filter looks at: the role, its directory and scope, the group it comes through."""
    role = eligibility.role
    return f"{role.name} {role.directory.name} {eligibility.scope.name} {eligibility.group or ''}"


@require_http_methods(["GET", "HEAD", "POST"])
def activate(request: PortalRequest, pk: int) -> HttpResponse:
    """Ask to activate one eligibility. A stranger's, or one that is gone, is not found."""
    mine = Eligibility.objects.of(request.user).select_related("role__directory", "scope", "group")
    eligibility = get_object_or_404(mine, pk=pk)
    if request.method == "GET" and request.headers.get("HX-Target") == "activation":
        fresh = ActivationForm(eligibility=eligibility, actor=request.actor, initial=begun(request.GET))
        context = {"form": fresh, "eligibility": eligibility}
        return render(request, "approvals/parts/activation_form.html", context)
    if request.method == "GET" and request.headers.get("HX-Target") == "effect":
        preview = ActivationForm(request.GET, eligibility=eligibility, actor=request.actor)
        return render(request, "approvals/parts/effect.html", {"form": preview})
    if request.method == "GET" and request.get_preferred_type(PAGE_OR_JSON) == PAGE_OR_JSON[1]:
        return dry_run(ActivationForm(request.GET, eligibility=eligibility, actor=request.actor))
    form = ActivationForm(
        request.POST or None,
        eligibility=eligibility,
        actor=request.actor,
        initial=asked_last(request, eligibility),
    )
    if request.method == "POST" and form.is_valid():
        try:
            access_request = send(request, form)
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, told(access_request))
            return redirect("request_page", access_request.pk)
    choice = next((one for one in choices_of(request.user) if one.eligibility.pk == eligibility.pk), None)
    context = {"eligibility": eligibility, "form": form, "choice": choice}
    return render(request, "approvals/activate.html", context, status=422 if form.errors else 200)


def dry_run(form: ActivationForm) -> JsonResponse:
    """What would come of what ``form`` holds, for code; 422 with what cannot be read in it."""
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=422)
    found = forecast(form.eligibility, person=form.actor.person, asked=form.asked())
    return JsonResponse(found.as_json())


def asked_last(request: PortalRequest, eligibility: Eligibility) -> dict[str, Any]:
    """What the form begins with where the address names an earlier request."""
    if "again" not in request.GET:
        return {}
    return as_last_time(eligibility, person=request.user, key=request.GET["again"])


def begun(said: QueryDict) -> dict[str, Any]:
    """What stands in a form that is drawn anew before it is sent; what a browser keeps by itself is not sent for that."""
    typed: dict[str, Any] = {name: said.get(name, "") for name in ("scope", "starts_at", "ticket")}
    minutes = said.get("minutes", "")
    return typed | ({"minutes": int(minutes)} if minutes.isdecimal() and len(minutes) < FIGURES else {})


def send(request: PortalRequest, form: ActivationForm) -> AccessRequest:
    """File what a valid form asks for.

    A code sent along is looked at only where nothing else is missing, so that a slip in another field burns none.
    """
    asked, key, code = form.asked(), form.cleaned_data["idempotency_key"], form.cleaned_data["code"]
    try:
        return request_activation(form.eligibility, actor=request.actor, asked=asked, idempotency_key=key)
    except StepUpRequired as question:
        if not code or question.methods:
            raise  # where only a passkey counts no code is looked at
    verify_inline(request, code=code, act=act_of(form.eligibility, asked, request.user))
    return request_activation(form.eligibility, actor=request.actor, asked=asked, idempotency_key=key)


def told(access_request: AccessRequest) -> str:
    """The answer to the button: what is so now, never what is hoped for."""
    role = access_request.role
    if access_request.is_open and access_request.is_checking:
        return format_html(_("<b>Sent.</b> A web hook is asked about {role} first."), role=role)
    if access_request.is_open:
        return format_html(_("<b>Sent for approval.</b> {role} waits for a decision."), role=role)
    assignment = access_request.assignment
    if assignment is not None and assignment.status == Assignment.Status.SCHEDULED:
        return format_html(_("<b>{role} starts by itself</b> at the time you chose."), role=role)
    if assignment is not None and assignment.is_in_force():
        return format_html(_("<b>{role} is in force.</b>"), role=role)
    return format_html(
        _("<b>{role} is being put in force.</b> This page tells when the directory has it."), role=role
    )
