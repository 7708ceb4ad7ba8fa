"""Tags of the pages about role settings."""

from __future__ import annotations

from typing import Any

from django import template
from django.forms import BoundField
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from approvals.settings.aside import Meaning
from approvals.settings.fields import parts_of
from approvals.settings.permissions import slug_of
from approvals.settings.places import Place
from approvals.settings.role_form import IN_A_STAGE
from approvals.settings.values_form import ValuesForm
from approvals.settings.words import LEAST_HOLDERS, label_of
from roles.models.values import CELLS, VALUES, Audience, Occasion, cell_name

register = template.Library()


@register.simple_block_tag(takes_context=True)
def value(context: Any, content: str, name: str) -> SafeString:
    """One value of role settings: its control (the block), where it comes from when it is left alone, what it was.

    Args:
        name: of the value; ``form`` and ``meaning`` are the page's.
    """
    form: ValuesForm = context["form"]
    words, source = form.left_to(name) if name != LEAST_HOLDERS else ("", "")
    names = list(parts_of(name, None)) if name in VALUES else [name]
    errors = [
        text
        for part in names
        for one in form.errors.as_data().get(part, ())
        if one.code != IN_A_STAGE
        for text in one.messages
    ]
    meaning = context.get("meaning")
    return render_to_string(
        "approvals/settings/parts/value.html",
        {
            "name": name,
            "label": label_of(name),
            "content": content,
            "inherits": name in form.silent,
            "may_inherit": name in form.names,
            "words": words,
            "source": source,
            "errors": errors,
            "was": meaning.was.get(name, "") if meaning else "",
            "in_cell": name in CELLS,
            "leave": context.get("leave", ""),
        },
    )


@register.filter
def part(form: ValuesForm, name: str) -> BoundField:
    """The field of that name."""
    return form[name]


@register.filter
def slug(place: Place) -> str:
    """What addresses call a place."""
    return slug_of(place)


@register.filter
def address(place: Place) -> str:
    """The page of a place."""
    if place.role:
        if place.scope:
            return reverse("scope_settings", args=[place.role.pk, place.scope.pk])
        return reverse("role_settings", args=[place.role.pk])
    return (
        reverse("directory_settings", args=[place.directory.pk])
        if place.directory
        else reverse("portal_settings")
    )


@register.filter
def was(meaning: Meaning, name: str) -> str:
    """What a value was that would be another."""
    return meaning.was.get(name, "")


@register.filter
def unfolds(form: ValuesForm, names: str) -> bool:
    """Whether a fold holds something to look at: a value that is said, or one that is wrong."""
    every = names.split()
    said = any(name in form.names and name not in form.silent for name in every)
    return said or any(form[name].errors for name in every) or bool(form[every[-1]].value())


TO = {
    Audience.ADMINISTRATORS: {one: _("Role administrators") for one in Occasion},
    Audience.HOLDER: {
        Occasion.ELIGIBLE: _("The assigned person"),
        Occasion.ACTIVE: _("The assigned person"),
        Occasion.ACTIVATION: _("The person activating"),
    },
    Audience.APPROVERS: {
        Occasion.ELIGIBLE: _("Who decides on renewal"),
        Occasion.ACTIVE: _("Who decides on renewal"),
        Occasion.ACTIVATION: _("Who decides"),
    },
}


@register.simple_tag
def matrix() -> dict[str, Any]:
    """The rows and columns of the matrix of notifications."""
    hints = {
        Audience.ADMINISTRATORS: _("of this directory"),
        Audience.HOLDER: _("assigned or asking"),
        Audience.APPROVERS: _("of this role"),
        Occasion.ELIGIBLE: _("or it ends, is extended, renewed"),
        Occasion.ACTIVE: _("standing access"),
        Occasion.ACTIVATION: _("asked, approved, denied, ended"),
    }
    rows = [
        {
            "title": occasion.label,
            "hint": hints[occasion],
            "cells": [cell(occasion, audience) for audience in Audience],
        }
        for occasion in Occasion
    ]
    return {"columns": [(audience.label, hints[audience]) for audience in Audience], "rows": rows}


def cell(occasion: Occasion, audience: Audience) -> dict[str, Any]:
    """One cell: its names of fields, and its words."""
    name = cell_name(occasion, audience)
    return {
        "name": name,
        "column": audience.label,
        "label": label_of(name),
        "to": TO[audience][occasion],
        **{part: f"{name}_{part}" for part in ("usual", "also", "which")},
    }
