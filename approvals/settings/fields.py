"""Parts of forms for role settings: the fields a value is filled in with, and reading what stands in them."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from roles.models.values import CELLS, Telling
from roles.patterns import fault_in, matches
from roles.requirements import CAP_DAYS, LONGEST_JUSTIFICATION

OTHER = "other"
MOST_ADDRESSES = 20
CAPS = ("eligible_days", "active_days")
MINUTES, HOURS = "minutes", "hours"
UNITS = [(MINUTES, gettext_lazy("minutes")), (HOURS, gettext_lazy("hours"))]


def whole(least: int, most: int) -> forms.IntegerField:
    """A number; whether it must be there is judged with the rest."""
    return forms.IntegerField(required=False, min_value=least, max_value=most)


def yes_or_no() -> forms.BooleanField:
    """A switch."""
    return forms.BooleanField(required=False, widget=forms.CheckboxInput(attrs={"role": "switch"}))


def why() -> forms.CharField:
    """The justification of a change; the verb says when it is needed."""
    return forms.CharField(
        label=gettext_lazy("Justification"),
        required=False,
        max_length=LONGEST_JUSTIFICATION,
        widget=forms.Textarea,
    )


def tried(pattern: Any, text: Any) -> bool | None:
    """Whether ``text`` has the form of ``pattern``, as it would be judged; None when there is nothing to judge."""
    form, said = str(pattern or ""), str(text or "").strip()
    return matches(form, said) if form and said and not fault_in(form) else None


def value_of(field_name: str) -> str:
    """The value that a field is a part of."""
    return re.sub(r"_(usual|also|which|other|unit)$", "", field_name)


def parts_of(name: str, value: Any) -> dict[str, Any]:
    """The fields that a value is filled in with, and what stands in them."""
    if name in CELLS:
        cell = Telling.from_json(value)
        return {
            f"{name}_usual": cell.usual,
            f"{name}_also": ", ".join(cell.also),
            f"{name}_which": "needed" if cell.only_needed else "all",
        }
    if name == "day_minutes":
        whole_hours = value is not None and value % 60 == 0
        return {
            name: value // 60 if whole_hours else value,
            f"{name}_unit": HOURS if whole_hours else MINUTES,
        }
    if name == "automatic":
        return {name: (value or "").split()}
    if name in CAPS:
        return {name: value if value in CAP_DAYS else OTHER, f"{name}_other": value}
    return {name: value}


def addresses_in(text: str) -> tuple[str, ...]:
    """The mail addresses in a text, separated by comma or semicolon.

    Raises:
        ValidationError: one of them is none, or there are too many.
    """
    found = list(dict.fromkeys(one.strip() for one in re.split(r"[,;\n]", text) if one.strip()))
    if len(found) > MOST_ADDRESSES:
        raise ValidationError(_("At most %(n)s addresses.") % {"n": MOST_ADDRESSES})
    for one in found:
        try:
            validate_email(one)
        except ValidationError as error:
            raise ValidationError(_("%(text)s is not a mail address.") % {"text": one}) from error
    return tuple(found)
