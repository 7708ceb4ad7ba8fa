"""The editor of role settings at one of the four levels."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import PortalRequest
from accounts.models import Group, User
from approvals.models import SettingsChange, SettingsTemplate
from approvals.settings import trying
from approvals.settings.aside import Meaning, template_for
from approvals.settings.changing import change_settings, may_change, version_of
from approvals.settings.permissions import changes_seen_by, place_named
from approvals.settings.places import Level, Place
from approvals.settings.reading import groups_of
from approvals.settings.role_form import RoleSettingsForm
from approvals.settings.standing import Standing, levels_of
from approvals.settings.values_form import PREFIX
from approvals.settings.words import EVERYTHING, LEAST_HOLDERS
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import RoleSettings, Scope

SHOWN_SCOPES = 50
NAMES = 200  # of each kind, offered for completing a field
SHOWN_REPLAYS = 100


@require_http_methods(["GET", "HEAD", "POST"])
def portal_settings(request: PortalRequest) -> HttpResponse:
    """What every role of every directory inherits."""
    return edit(request, place_named("portal", person=request.user))


@require_http_methods(["GET", "HEAD", "POST"])
def directory_settings(request: PortalRequest, pk: int) -> HttpResponse:
    """What every role of a directory inherits."""
    return edit(request, place_named(f"directory-{pk}", person=request.user))


@require_http_methods(["GET", "HEAD", "POST"])
def role_settings(request: PortalRequest, pk: int) -> HttpResponse:
    """How a role may be had."""
    return edit(request, place_named(f"role-{pk}", person=request.user))


@require_http_methods(["GET", "HEAD", "POST"])
def scope_settings(request: PortalRequest, pk: int, scope: int) -> HttpResponse:
    """How a role may be had at one scope, and beneath it."""
    return edit(request, place_named(f"scope-{pk}-{scope}", person=request.user))


def edit(request: PortalRequest, place: Place) -> HttpResponse:
    """Show what a place says, and save what was sent."""
    standing = Standing(place)
    if request.method != "POST":
        return page(request, RoleSettingsForm(standing=standing))
    require_change(request, place)
    form = RoleSettingsForm(request.POST, standing=standing)
    if form.is_valid():
        why = form.cleaned_data["justification"]
        try:
            [change] = change_settings([form.wanted()], actor=request.actor, justification=why)
        except Overtaken as overtaken:
            return page(request, form, seen=version_of(place), overtaken=overtaken.message, status=409)
        except Refused as refused:
            form.show(refused)
        else:
            return told(request, change)
    return page(request, form, status=422)


def require_change(request: PortalRequest, place: Place) -> None:
    """Whoever may only read may not.

    Raises:
        NotAllowed: so it is.
    """
    if not may_change(request.user, place):
        raise NotAllowed


def told(request: PortalRequest, change: SettingsChange) -> HttpResponse:
    """Say what came of it, and go where it stands."""
    if change.status == SettingsChange.Status.PROPOSED:
        words = _(
            "<b>Waits for a second administrator.</b> Until then the settings of {where} stay as they are."
        )
        messages.warning(request, format_html(words, where=change.where))
        return redirect("settings_change", change.pk)
    words = _("<b>The settings of {where} are saved.</b> They count from the next request on.")
    messages.success(request, format_html(words, where=change.where))
    return redirect(request.path)


def page(request: PortalRequest, form: RoleSettingsForm, *, status: int = 200, **more: Any) -> HttpResponse:
    """The whole page of one place."""
    standing, place = form.standing, form.standing.place
    may = may_change(request.user, place)
    changes = changes_seen_by(request.user).filter(**place.columns)
    context = {
        "place": place,
        "levels": levels_of(place),
        "form": form,
        "standing": standing,
        "meaning": meaning_of(form),
        "may": may,
        "seen": seen_by(form),
        "groups": [] if may else groups_of(standing),
        "waiting": changes.filter(status=SettingsChange.Status.PROPOSED).first(),
        "last": changes.filter(status=SettingsChange.Status.APPLIED).order_by("-closed_at").first(),
        "scopes": scopes_of(place),
        "days": trying.DAYS,
        "names": names_offered() if may else [],
        **around(),
    }
    return render(request, "approvals/settings/editor.html", context | more, status=status)


def around() -> dict[str, Any]:
    """What the aside shows beside the meaning."""
    return {
        "templates": SettingsTemplate.objects.all(),
        "four_eyes": settings.FOUR_EYES,
        "names_of_values": (*EVERYTHING, LEAST_HOLDERS),
    }


def names_offered() -> list[str]:
    """Groups and people to complete a field with; others can be typed."""
    people = User.objects.enabled().humans().values_list("email", flat=True)[:NAMES]
    return [*Group.objects.values_list("name", flat=True)[:NAMES], *people]


def seen_by(form: RoleSettingsForm) -> str:
    """The version of the place that the form was filled in against."""
    if form.is_bound:
        return str(form.data.get(f"{PREFIX}-seen", ""))
    return version_of(form.standing.place)


def meaning_of(form: RoleSettingsForm) -> Meaning:
    """What stands in the form, and what it is measured against."""
    if not form.is_bound:
        return Meaning(form.standing, form.standing.document, template_for(form.standing))
    template = form.cleaned_data.get("template") or template_for(form.standing)
    return Meaning(form.standing, form.document(), template)


def scopes_of(place: Place) -> list[tuple[Scope, bool]]:
    """The scopes of a role's directory, each with whether the role says something of its own there."""
    if place.level != Level.ROLE or place.role is None:
        return []
    said = set(
        RoleSettings.objects.filter(level=Level.SCOPE, role=place.role).values_list("scope", flat=True)
    )
    scopes = Scope.objects.filter(directory=place.role.directory_id, parent__isnull=False)
    return [(scope, scope.pk in said) for scope in scopes.order_by("path")[:SHOWN_SCOPES]]


@require_POST
def settings_preview(request: PortalRequest, place: str) -> HttpResponse:
    """What the settings in the form would mean. Nothing is saved; without script it is the page again, filled in."""
    form = filled_in(request, place)
    if request.headers.get("HX-Target") == "approvers":
        answer = render(request, "approvals/settings/parts/approvers.html", {"form": form})
        answer["HX-Trigger-After-Settle"] = "approvers-changed"
        return answer
    if request.headers.get("HX-Request"):
        context = {"form": form, "meaning": meaning_of(form), "place": form.standing.place, "may": True}
        context |= around()
        return render(request, "approvals/settings/parts/preview.html", context)
    return page(request, form, status=422 if form.errors else 200)


@require_POST
def try_settings(request: PortalRequest, place: str) -> HttpResponse:
    """What the requests of the last days would have met with under the settings in the form."""
    form = filled_in(request, place)
    days = form.cleaned_data.get("days") or trying.DAYS[1]
    replays = trying.try_settings(form.standing.place, form.document(), days=days)
    context = {
        "tried": [one for one in replays if one.differs][:SHOWN_REPLAYS],
        "counts": trying.counted(replays),
        "tried_days": days,
    }
    if request.headers.get("HX-Request"):
        return render(request, "approvals/settings/parts/tried.html", context)
    return page(request, form, status=422 if form.errors else 200, **context)


def filled_in(request: PortalRequest, slug: str) -> RoleSettingsForm:
    """The form as it was sent, for somebody who may change what it is about."""
    place = place_named(slug, person=request.user)
    require_change(request, place)
    form = RoleSettingsForm(request.POST, standing=Standing(place))
    form.is_valid()
    return form
