"""Who may and who does: the lists for those who look after roles, and giving a role back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.duties import READERS, holds
from accounts.http import PortalRequest
from accounts.models import Group, User
from approvals.forms import OWN_PAGES, AssignForm, RemovalForm
from approvals.granting import request_assignment, request_eligibility, request_removal, roles_managed_by
from approvals.models import AccessRequest
from approvals.requesting import request_deactivation
from audit.journal.refusing import NotAllowed, Refused
from roles.models import Assignment, Directory, Eligibility, Role
from roles.permissions import OWN, READ, REVIEW, roles_of

ROWS = 50  # on a page
NAMES = 200  # offered for completing a field


@require_safe
def assignments(request: PortalRequest) -> HttpResponse:
    """Who may activate and who holds, for the roles I may read."""
    roles = roles_read_by(request.user)
    tab = "eligible" if request.GET.get("tab") == "eligible" else "active"
    active, eligible = active_in(roles), eligible_in(roles)
    rows: QuerySet[Any] = filtered(eligible if tab == "eligible" else active, request)
    context = {
        "tab": tab,
        "page": Paginator(rows, ROWS).get_page(request.GET.get("page")),
        "active_count": active.count(),
        "eligible_count": eligible.count(),
        "directories": Directory.objects.filter(roles__in=roles).distinct(),
        "managed": set(roles_managed_by(request.user).values_list("pk", flat=True)),
    }
    return render(request, "approvals/assignments.html", context)


def roles_read_by(person: User) -> QuerySet[Role]:
    """The roles whose holders ``person`` may see.

    Raises:
        Http404: there is none, and no duty to see them all.
    """
    if holds(person, *READERS):
        return Role.objects.all()
    roles = roles_of(person, OWN) | roles_of(person, REVIEW) | roles_of(person, READ)
    if not roles.exists():
        raise Http404
    return roles


def active_in(roles: QuerySet[Role]) -> QuerySet[Assignment]:
    """Assignments whose life has not come to its end, each knowing whether it ``counts``."""
    counts = Exists(Assignment.objects.in_force().filter(pk=OuterRef("pk")))
    rows = (
        Assignment.objects.filter(role__in=roles)
        .exclude(status=Assignment.Status.ENDED)
        .annotate(counts=counts)
    )
    return rows.select_related("role__directory", "scope", "person").order_by(
        "role__name", "person__display_name"
    )


def eligible_in(roles: QuerySet[Role]) -> QuerySet[Eligibility]:
    """Eligibilities in force."""
    rows = Eligibility.objects.in_force().filter(role__in=roles)
    return rows.select_related("role__directory", "scope", "person", "group").order_by("role__name", "pk")


def filtered(rows: QuerySet[Any], request: PortalRequest) -> QuerySet[Any]:
    """Only what the address asks for, so that a view can be sent to a colleague."""
    if words := request.GET.get("q", "").strip():
        meant = Q(role__name__icontains=words) | Q(person__display_name__icontains=words)
        meant |= Q(person__email__icontains=words)
        if rows.model is Eligibility:
            meant |= Q(group__name__icontains=words)
        rows = rows.filter(meant)
    directory = request.GET.get("directory", "")
    if directory:
        rows = rows.filter(role__directory__name=directory)
    return rows


@require_http_methods(["GET", "HEAD", "POST"])
def deactivate(request: PortalRequest, pk: int) -> HttpResponse:
    """Give back what I activated. Somebody else's is not found."""
    assignment = get_object_or_404(
        Assignment.objects.select_related("role__directory"), pk=pk, person=request.user
    )
    if request.method != "POST":
        return redirect("home")
    try:
        request_deactivation(assignment, actor=request.actor)
    except Refused as refused:
        if refused.status_code in OWN_PAGES:
            raise
        messages.error(request, refused.message)  # too early: the page one came from says from when
    else:
        said = _("<b>{role} has ended.</b> The portal takes it away at {directory} now.")
        messages.success(
            request, format_html(said, role=assignment.role, directory=assignment.role.directory)
        )
    asked_for = assignment.access_requests.filter(act=AccessRequest.Act.ACTIVATE).first()
    return (
        redirect("request_page", asked_for.pk) if "stay" in request.POST and asked_for else redirect("home")
    )


@require_http_methods(["GET", "HEAD", "POST"])
def assign(request: PortalRequest) -> HttpResponse:
    """Make somebody eligible, or let them hold a role without activating it. Those who only read may not."""
    roles_read_by(request.user)
    roles = roles_managed_by(request.user)
    if not roles.exists():
        raise NotAllowed
    form = AssignForm(request.POST or None, roles=roles, initial={"role": request.GET.get("role")})
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        times = {name: said[name] for name in ("justification", "starts_at", "ends_at")}
        try:
            if said["kind"] == AssignForm.Kind.ELIGIBLE:
                request_eligibility(said["role"], actor=request.actor, principal=said["principal"], **times)
            else:
                request_assignment(said["role"], actor=request.actor, person=said["principal"], **times)
        except Refused as refused:
            form.show(refused)
        else:
            words = (
                _("%(who)s is eligible for %(role)s.")
                if said["kind"] == "eligible"
                else _("%(who)s is being given %(role)s.")
            )
            messages.success(request, words % {"who": said["principal"], "role": said["role"]})
            return redirect("assignments")
    people = User.objects.enabled().values_list("email", flat=True)[:NAMES]
    context = {"form": form, "names": [*Group.objects.values_list("name", flat=True)[:NAMES], *people]}
    return render(request, "approvals/assign.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def remove_assignment(request: PortalRequest, pk: int) -> HttpResponse:
    """Take an assignment away before its end."""
    mine = Assignment.objects.filter(role__in=roles_managed_by(request.user)).select_related(
        "role__directory", "person"
    )
    return remove(request, get_object_or_404(mine, pk=pk))


@require_http_methods(["GET", "HEAD", "POST"])
def remove_eligibility(request: PortalRequest, pk: int) -> HttpResponse:
    """Take an eligibility away, with every activation that rests on it."""
    mine = Eligibility.objects.filter(role__in=roles_managed_by(request.user))
    return remove(
        request, get_object_or_404(mine.select_related("role__directory", "person", "group"), pk=pk)
    )


def remove(request: PortalRequest, held: Assignment | Eligibility) -> HttpResponse:
    """Ask why, then remove."""
    principal = held.principal if isinstance(held, Eligibility) else held.person
    form = RemovalForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            request_removal(held, actor=request.actor, justification=form.cleaned_data["justification"])
        except Refused as refused:
            form.show(refused)
        else:
            said = _("%(role)s is taken away from %(who)s.") % {"role": held.role, "who": principal}
            messages.success(request, said)
            return redirect("assignments")
    resting = (
        Assignment.objects.live().filter(eligibility=held).select_related("person")
        if isinstance(held, Eligibility)
        else []
    )
    context = {"held": held, "principal": principal, "form": form, "resting": resting}
    return render(request, "approvals/remove.html", context, status=422 if form.errors else 200)
