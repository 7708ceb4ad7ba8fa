"""Activating in an emergency, and what came of each: for those who were skipped, told or have to review it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import PortalRequest
from accounts.paging import page_of
from approvals.emergency import activating, reviewing
from approvals.emergency.forms import EmergencyForm, EndForm, ReviewForm
from approvals.emergency.models import EmergencyUse
from approvals.emergency.permissions import check_may_review, uses_open_to, uses_to_review, uses_visible_to
from approvals.emergency.unreviewed import who_can_review
from approvals.mine import choices_of
from approvals.permissions import requests_visible_to, roles_managed_by
from approvals.timeline import steps_of
from approvals.viewing import viewer_of
from audit.journal.models import AuditEvent
from audit.journal.refusing import Refused
from audit.permissions import may_read_journal
from roles.models import Eligibility

ROWS = 25  # on a page
RELATED = ("person", "reviewer", "access_request__role__directory", "access_request__scope",
           "access_request__assignment")  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def activate_in_emergency(request: PortalRequest, pk: int) -> HttpResponse:
    """Activate one eligibility past approval. A stranger's, or one that is gone, is not found."""
    mine = Eligibility.objects.of(request.user).select_related("role__directory", "scope", "group")
    eligibility = get_object_or_404(mine, pk=pk)
    form = EmergencyForm(request.POST or None, eligibility=eligibility, actor=request.actor)
    if request.method == "POST" and form.is_valid():
        try:
            use = activating.activate_in_emergency(
                eligibility,
                actor=request.actor,
                asked=form.asked(),
                idempotency_key=form.cleaned_data["idempotency_key"],
            )
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, told(use))
            return redirect("request_page", use.access_request_id)
    choice = next((one for one in choices_of(request.user) if one.eligibility.pk == pk), None)
    context = {"eligibility": eligibility, "form": form, "choice": choice}
    return render(request, "approvals/emergency/activate.html", context, status=422 if form.errors else 200)


def told(use: EmergencyUse) -> str:
    """The answer to the button: what is so now."""
    role, assignment = use.access_request.role, use.access_request.assignment
    if assignment is not None and assignment.is_in_force():
        words = _("<b>{role} is in force.</b> Those you skipped and every administrator have been told.")
    else:
        words = _(
            "<b>{role} is being put in force.</b> Those you skipped and every administrator have been told."
        )
    return format_html(words, role=role)


@require_safe
def emergencies(request: PortalRequest) -> HttpResponse:
    """Every use the viewer may see, those that wait for a review first."""
    visible = uses_visible_to(request.user)
    if not viewer_of(request).is_reader and not visible.exists():
        raise Http404
    waiting = visible.filter(status=EmergencyUse.Status.OPEN).select_related(*RELATED)
    settled = visible.filter(status=EmergencyUse.Status.REVIEWED)
    viewer = viewer_of(request)
    reviewable = uses_to_review(request.user, parts=viewer.parts, duties=viewer.duties)
    context = {
        "waiting": waiting.order_by("opened_at", "pk"),
        "page": page_of(request.GET, settled, by=("-opened_at", "-pk"), rows=ROWS, related=RELATED),
        "mine_to_review": set(reviewable.values_list("pk", flat=True)),
    }
    return render(request, "approvals/emergency/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def emergency(request: PortalRequest, pk: int) -> HttpResponse:
    """One use: what happened, who was told, and the review."""
    use = visible_use(request, pk)
    if request.method != "POST":
        return page(request, use)
    form = ReviewForm(request.POST)
    if not form.is_valid():
        check_may_review(request.user, use)
        return page(request, use, form=form)
    try:
        reviewing.review_emergency(use, actor=request.actor, **form.cleaned_data)
    except Refused as refused:
        form.show(refused)
        return page(request, use, form=form)
    messages.success(request, _("Your review is kept, and %(who)s knows of it.") % {"who": use.person})
    return redirect("emergency", pk)


@require_POST
def end_emergency(request: PortalRequest, pk: int) -> HttpResponse:
    """End a use that goes on."""
    use = visible_use(request, pk)
    form = EndForm(request.POST)
    if form.is_valid():
        try:
            reviewing.end_emergency(use, actor=request.actor, **form.cleaned_data)
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, _("It has ended. You can review it now."))
            return redirect("emergency", pk)
    return page(request, use, end_form=form)


def visible_use(request: PortalRequest, pk: int) -> EmergencyUse:
    """A use the viewer may look at.

    Raises:
        Http404: there is none, or it is not theirs to see.
    """
    get_object_or_404(uses_visible_to(request.user), pk=pk)
    return reviewing.as_it_stands(EmergencyUse(pk=pk))


def page(
    request: PortalRequest,
    use: EmergencyUse,
    *,
    form: ReviewForm | None = None,
    end_form: EndForm | None = None,
) -> HttpResponse:
    """The page of a use; the forms are those sent with a mistake."""
    access_request, going_on = use.access_request, reviewing.still_in_force(use)
    is_open = use.status == EmergencyUse.Status.OPEN
    may_review = is_open and uses_open_to(request.user).filter(pk=use.pk).exists()
    may_end = (
        going_on is not None and roles_managed_by(request.user).filter(pk=access_request.role_id).exists()
    )
    if going_on is not None:
        going_on.counts = going_on.is_in_force()  # type: ignore[attr-defined]
    context: dict[str, Any] = {
        "use": use,
        "access_request": access_request,
        "assignment": access_request.assignment,
        "going_on": going_on,
        "why_not_yet": reviewing.why_not_yet(going_on) if going_on else "",
        "is_mine": request.user.is_same_human_as(use.person),
        "may_review": may_review,
        "form": (form or ReviewForm()) if may_review and going_on is None else None,
        "end_form": (end_form or EndForm()) if may_end else None,
        "who_can_review": who_can_review(use) if is_open else "",
        "steps": steps_of(access_request),
        "entry": entry_of(use),
        "reads_journal": may_read_journal(request.user),
        "sees_request": requests_visible_to(request.user).filter(pk=access_request.pk).exists(),
    }
    wrong = any(one is not None and one.errors for one in (form, end_form))
    return render(request, "approvals/emergency/use.html", context, status=422 if wrong else 200)


def entry_of(use: EmergencyUse) -> AuditEvent | None:
    """The journal's entry about it, which knows who was told."""
    entries = AuditEvent.objects.filter(subject_kind=use._meta.label_lower, subject_key=str(use.pk))
    return entries.filter(action="emergency.activated").first()
