"""Web hooks: the list and how they fare, entering, changing, trying and removing them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import PortalRequest
from approvals.forms import JustifiedForm
from approvals.hooks import keeping, trying
from approvals.hooks.faring import fares_of
from approvals.hooks.forms import HookForm
from approvals.hooks.models import Hook
from approvals.viewing import require_duty, require_sight, viewer_of
from audit.journal.refusing import Refused

SHOWN_CALLS = 10


@require_safe
def hooks(request: PortalRequest) -> HttpResponse:
    """Every web hook, and how it fared of late."""
    require_sight(request)
    context = {"fares": fares_of(Hook.objects.all()), "may": viewer_of(request).is_role_administrator}
    return render(request, "approvals/hooks/hooks.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new_hook(request: PortalRequest) -> HttpResponse:
    """Enter a web hook; the answer shows its secret, this one time."""
    require_duty(request)
    form = HookForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            hook, secret = keeping.enter_hook(
                said["key"],
                actor=request.actor,
                wanted=form.wanted(),
                justification=said["justification"],
            )
        except Refused as refused:
            form.show(refused)
        else:
            return show_secret(request, hook, secret)
    status = 422 if form.errors else 200
    return render(request, "approvals/hooks/new_hook.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def hook(request: PortalRequest, pk: int) -> HttpResponse:
    """One web hook, and changing it."""
    found = found_for(request, pk)
    if request.method != "POST":
        return page(request, found)
    form = HookForm(request.POST, hook=found)
    if form.is_valid():
        said = form.cleaned_data
        try:
            changed = keeping.change_hook(
                found,
                actor=request.actor,
                wanted=form.wanted(),
                justification=said["justification"],
                seen=said["version"],
            )
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, _("%(name)s is changed; it counts from now on.") % {"name": changed})
            return redirect("hook", pk)
    return page(request, found, form=form)


@never_cache
@require_POST
def new_hook_secret(request: PortalRequest, pk: int) -> HttpResponse:
    """Make a new secret; the answer shows it, this one time."""
    found, form = found_for(request, pk), JustifiedForm(request.POST)
    if form.is_valid():
        try:
            why = form.cleaned_data["justification"]
            secret = keeping.replace_secret(found, actor=request.actor, justification=why)
        except Refused as refused:
            form.show(refused)
        else:
            return show_secret(request, found, secret)
    return page(request, found, secret_form=form)


@require_POST
def remove_hook(request: PortalRequest, pk: int) -> HttpResponse:
    """Remove a web hook."""
    found, form = found_for(request, pk), JustifiedForm(request.POST)
    if form.is_valid():
        name, why = str(found), form.cleaned_data["justification"]
        try:
            keeping.remove_hook(found, actor=request.actor, justification=why)
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, _("%(name)s is removed.") % {"name": name})
            return redirect("hooks")
    return page(request, found, remove_form=form)


@require_POST
def try_hook(request: PortalRequest, pk: int) -> HttpResponse:
    """Call a web hook once, as a test, and show what it answered."""
    found = found_for(request, pk)
    return page(request, found, trial=trying.try_hook(found, actor=request.actor))


def found_for(request: PortalRequest, pk: int) -> Hook:
    """A hook for whoever may change it; raises as ``require_duty``, and Http404 where there is none."""
    require_sight(request)
    found = get_object_or_404(Hook, pk=pk)
    require_duty(request)
    return found


def page(request: PortalRequest, found: Hook, **said: Any) -> HttpResponse:
    """The page of one hook.

    Args:
        said: forms that were sent with a mistake (``form``, ``secret_form``, ``remove_form``), or the ``trial``.
    """
    found.refresh_from_db()
    [fare] = fares_of([found])
    context = {
        "hook": found,
        "fare": fare,
        "calls": found.calls.select_related("access_request__role__directory")[:SHOWN_CALLS],
        "named_by": keeping.named_by(found.key),
        "form": HookForm(hook=found),
        "secret_form": JustifiedForm(auto_id="secret_%s"),
        "remove_form": JustifiedForm(auto_id="remove_%s"),
    } | said
    wrong = any(one.errors for name, one in said.items() if name.endswith("form"))
    return render(request, "approvals/hooks/hook.html", context, status=422 if wrong else 200)


def show_secret(request: PortalRequest, found: Hook, secret: str) -> HttpResponse:
    """The one page that ever shows a secret."""
    return render(request, "approvals/hooks/secret.html", {"hook": found, "secret": secret})
