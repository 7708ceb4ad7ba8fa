"""Roles with what they ask in short, and two of them side by side."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.http import PortalRequest
from accounts.paging import page_of
from approvals.models import SettingsChange
from approvals.permissions import roles_managed_by
from approvals.settings.changing import may_change
from approvals.settings.permissions import (
    changes_seen_by,
    directories_seen_by,
    require_sight,
    roles_seen_by,
)
from approvals.settings.places import Place
from approvals.settings.standing import Standing
from approvals.settings.words import ACTIVATION, APPROVERS, ASSIGNMENT, label_of, value_in_words
from roles.effective import layers_for
from roles.models import EffectiveSettings, Factor, Risk, Role, RoleSettings
from roles.models.values import CELLS
from roles.wording import in_words, settings_in_words

OFFERED = 50  # roles to compare with
ACTS = {"bulk": "bulk_settings", "template": "settings_templates", "compare": "compare_settings"}


@dataclass(frozen=True)
class Row:
    """A role in the list.

    Args:
        asks: icon, short word and whole words of what activating it asks.
        own: how many values it says itself.
        last: its latest change, where one is known.
    """

    role: Role
    asks: list[tuple[str, str, str]]
    own: int
    last: SettingsChange | None


@require_safe
def role_settings_list(request: PortalRequest) -> HttpResponse:
    """Every role whose settings I may read, by directory, with what it asks in short."""
    require_sight(request.user)
    if act := ACTS.get(request.GET.get("act", "")):
        return with_picks(act, request.GET.getlist("pick"))
    found = filtered(roles_seen_by(request.user), request)
    page = page_of(request.GET, found, by=("directory_name", "name", "pk"))
    directories = directories_seen_by(request.user)
    context = {
        "page": page,
        "rows": rows_of(list(page)),
        "directories": directories,
        "risks": Risk.choices,
        "may_any": roles_managed_by(request.user).exists(),
        "waiting": changes_seen_by(request.user).filter(status=SettingsChange.Status.PROPOSED).count(),
        "may_portal": may_change(request.user, Place()),
    }
    return render(request, "approvals/settings/role_settings_list.html", context)


def with_picks(name: str, picks: list[str], **arguments: object) -> HttpResponse:
    """On to a page about the roles that were ticked."""
    return redirect(f"{reverse(name, kwargs=arguments or None)}?{urlencode({'pick': picks}, doseq=True)}")


def filtered(roles: QuerySet[Role], request: PortalRequest) -> QuerySet[Role]:
    """Only what the address asks for, so that a view can be sent to a colleague."""
    last = SettingsChange.objects.filter(
        role=OuterRef("pk"), level="role", status=SettingsChange.Status.APPLIED
    ).order_by("-closed_at", "-pk")
    roles = roles.select_related("directory").annotate(
        directory_name=F("directory__name"), last_change=Subquery(last.values("pk")[:1])
    )
    if words := request.GET.get("q", "").strip().replace("\x00", ""):
        roles = roles.filter(Q(name__icontains=words) | Q(directory__name__icontains=words))
    directory = request.GET.get("directory", "")
    if directory.isdecimal() and len(directory) < 19:
        roles = roles.filter(directory=int(directory))
    if (risk := request.GET.get("risk", "")) in Risk:
        roles = roles.filter(risk=risk)
    if request.GET.get("modified"):
        roles = roles.filter(last_change__isnull=False)
    return roles


def rows_of(roles: list[Role]) -> list[Row]:
    """The rows of a page: two queries, however many roles."""
    layers = layers_for((role, None) for role in roles)
    keys = [key for role in roles if (key := getattr(role, "last_change", None))]
    changes = SettingsChange.objects.select_related("proposer").in_bulk(keys)
    rows = []
    for role in roles:
        own = layers[role.pk, None].own(RoleSettings.Level.ROLE)
        said = len(own.said()) + own.names_approvers if own else 0
        last = changes.get(getattr(role, "last_change", None) or 0)
        rows.append(Row(role, asks_of(layers[role.pk, None].effective), said, last))
    return rows


def asks_of(role_settings: EffectiveSettings) -> list[tuple[str, str, str]]:
    """What activating asks, in one word each and in whole words."""
    short = {
        "clock": in_words(role_settings.max_minutes),
        "passkey": _("Passkey"),
        "shield-check": _("MFA if not fresh") if role_settings.factor == Factor.RECENT else _("MFA"),
        "note": _("Justification"),
        "ticket": _("Ticket"),
        "gavel": _("Approval"),
        "hourglass": _("%(t)s a day") % {"t": in_words(role_settings.day_minutes)},
        "send": _("Web hook"),
        "sliders": _("Rules"),
        "zap": _("Emergency"),
    }
    return [(icon, short[icon], words) for icon, words in settings_in_words(role_settings)]


@require_safe
def compare_settings(request: PortalRequest) -> HttpResponse:
    """Two roles side by side, what is different marked."""
    require_sight(request.user)
    seen = roles_seen_by(request.user).select_related("directory").distinct()
    keys = [int(key) for key in request.GET.getlist("pick")[:2] if key.isdecimal() and len(key) < 19]
    found = {role.pk: role for role in seen.filter(pk__in=keys)}
    if len(found) != len(set(keys)):
        raise Http404
    roles = [found[key] for key in dict.fromkeys(keys)]
    words = request.GET.get("q", "").strip().replace("\x00", "")
    others = seen.exclude(pk__in=keys).filter(Q(name__icontains=words) | Q(directory__name__icontains=words))
    context = {
        "roles": roles,
        "table": compared(*roles) if len(roles) == 2 else [],
        "others": others.order_by("directory__name", "name")[:OFFERED] if len(roles) < 2 else [],
        "only": bool(request.GET.get("only")),
    }
    return render(request, "approvals/settings/compare_settings.html", context)


def compared(one: Role, other: Role) -> list[dict[str, object]]:
    """A line for each value: what counts for either, and whence."""
    sides = [Standing(Place(role=role)) for role in (one, other)]
    table = []
    for name in (*ACTIVATION, *ASSIGNMENT, *CELLS):
        values = [side.rule if name == APPROVERS else getattr(side.effective, name) for side in sides]
        cells = [
            (value_in_words(name, value), side.whence(name))
            for value, side in zip(values, sides, strict=True)
        ]
        table.append({"label": label_of(name), "cells": cells, "differs": values[0] != values[1]})
    return table
