"""Stars, and sets of roles. All of it belongs to one person: to everybody else it is not there."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import PortalRequest, page_behind
from approvals import starring
from approvals.favourite_models import RoleSet
from approvals.mine import choices_of
from approvals.together_forms import RoleSetForm
from approvals.views.activating import address_of, mine_among, picked_in
from audit.journal.refusing import Refused
from roles.models import Eligibility


@require_POST
def star_role(request: PortalRequest, pk: int) -> HttpResponse:
    """Give a role of mine a star."""
    starring.star_role(get_object_or_404(Eligibility.objects.of(request.user), pk=pk), actor=request.actor)
    return redirect(page_behind(request))


@require_POST
def unstar_role(request: PortalRequest, pk: int) -> HttpResponse:
    """Take the star from a role of mine."""
    starring.unstar_role(get_object_or_404(Eligibility.objects.of(request.user), pk=pk), actor=request.actor)
    return redirect(page_behind(request))


@require_POST
def new_role_set(request: PortalRequest) -> HttpResponse:
    """Keep the chosen roles as a set."""
    chosen = mine_among(request.user, picked_in(request.POST.getlist("pick")))
    form = RoleSetForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("A set was not kept: its name is too long."))
        return redirect(address_of(chosen) if chosen else "my_roles")
    try:
        kept = starring.keep_set(chosen, actor=request.actor, name=form.cleaned_data["name"])
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect(address_of(chosen) if chosen else "my_roles")
    messages.success(
        request, format_html(_("<b>{name} is kept.</b> It is one click on the home page."), name=kept)
    )
    return redirect("role_set", kept.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def role_set(request: PortalRequest, pk: int) -> HttpResponse:
    """A set of mine: what is in it, and its name."""
    mine = get_object_or_404(RoleSet, pk=pk, person=request.user)
    form = RoleSetForm(request.POST or None, initial={"name": mine.name})
    if request.method == "POST" and form.is_valid():
        try:
            starring.rename_set(mine, actor=request.actor, name=form.cleaned_data["name"])
        except Refused as refused:
            form.show(refused)
            mine.refresh_from_db()
        else:
            messages.success(request, format_html(_("It is <b>{name}</b> now."), name=mine.name))
            return redirect("role_set", mine.pk)
    places = {(one.role_id, one.scope_id) for one in mine.roles.all()}
    choices = [
        one
        for one in choices_of(request.user)
        if (one.eligibility.role_id, one.eligibility.scope_id) in places
    ]
    context = {"role_set": mine, "form": form, "choices": choices, "gone": len(places) - len(choices)}
    return render(request, "approvals/role_set.html", context, status=422 if form.errors else 200)


@require_POST
def remove_role_set(request: PortalRequest, pk: int) -> HttpResponse:
    """Remove a set of mine."""
    mine = get_object_or_404(RoleSet, pk=pk, person=request.user)
    starring.remove_set(mine, actor=request.actor)
    messages.success(
        request, format_html(_("<b>{name} is removed.</b> Your roles stay as they are."), name=mine.name)
    )
    return redirect("home")
