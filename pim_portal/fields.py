"""How a form's fields are drawn: what each template part of a field needs to know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.forms import BaseForm, BoundField
from django.forms.widgets import CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select, Textarea
from django.utils import timezone

# What a password manager or a phone's keyboard should know, by the name of the field.
FIELD_HINTS: dict[str, dict[str, str]] = {
    "email": {"autocomplete": "username"},
    "password": {"autocomplete": "current-password"},
    "code": {"autocomplete": "one-time-code", "inputmode": "numeric", "placeholder": "······"},
    "recovery_code": {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
}
MARKS = 4  # beside the first


def field_parts(bound: BoundField, said: dict[str, Any]) -> dict[str, Any]:
    """What ``parts/field.html`` draws; see the tag ``field``.

    Args:
        said: label, hint and note in place of the form's own; the rest are attributes of the control.
    """
    label, hint, note = said.pop("label", ""), said.pop("hint", ""), said.pop("note", None)
    hint = hint or bound.help_text
    shape = shape_of(bound)
    return {
        "bound": bound,
        "control": bound.as_widget(attrs=attributes(bound, said, hint=bool(hint)))
        if shape != "choices"
        else "",
        "shape": shape,
        "label": label or bound.label,
        "hint": hint,
        "note": note,
        "optional": note is None
        and not bound.field.required
        and shape == "input"
        and not isinstance(bound.field.widget, Select),
    }


def shape_of(bound: BoundField) -> str:
    """``input`` with its label above, ``choice`` (one box to tick) or ``choices`` (several)."""
    widget = bound.field.widget
    if isinstance(widget, CheckboxInput):
        return "choice"
    return "choices" if isinstance(widget, (RadioSelect, CheckboxSelectMultiple)) else "input"


def attributes(bound: BoundField, said: dict[str, Any], *, hint: bool) -> dict[str, Any]:
    """The attributes of a control: its look, hints for the browser, and what describes it."""
    widget = bound.field.widget
    attrs: dict[str, Any] = {}
    if shape_of(bound) == "input":
        attrs["class"] = f"input {widget.attrs.get('class', '')}".strip()
    for name, value in FIELD_HINTS.get(bound.name, {}).items():
        attrs[name] = widget.attrs.get(name, value)
    if bound.name == "code":
        attrs["class"] = "input otp"
    if isinstance(widget, Textarea):
        attrs["rows"] = 3
    attrs.update({name.replace("_", "-"): value for name, value in said.items() if value not in ("", None)})
    described = [f"{bound.auto_id}_helptext"] * hint + [f"{bound.auto_id}_error"] * bool(bound.errors)
    return attrs | ({"aria-describedby": " ".join(described)} if described else {})


def slider_parts(bound: BoundField, least: int, most: int, step: int) -> dict[str, Any]:
    """What ``parts/slider.html`` draws: a value inside the bounds, where it ends, marks at their places."""
    try:
        value = min(most, max(least, int(bound.value() or least)))
    except (TypeError, ValueError):
        value = least
    return {
        "bound": bound,
        "least": least,
        "most": most,
        "step": step,
        "value": value,
        "until": timezone.now() + timedelta(minutes=value),
        "marks": marks_between(least, most),
    }


def marks_between(least: int, most: int) -> list[dict[str, Any]]:
    """Some durations at their true places under a slider, both ends among them."""
    span = most - least
    if span <= 0:
        return [{"minutes": most, "place": "0%", "shift": -9}]
    steps = (15, 30, 60, 120, 240, 480)
    every = next((each for each in steps if span / each <= MARKS), 24 * 60)
    inner = [at for at in range(every, most, every) if least + span * 0.13 < at < most - span * 0.12]
    return [
        {"minutes": least, "place": "0%", "shift": -9},
        *({"minutes": at, "place": f"{(at - least) / span:.1%}", "anchor": "middle"} for at in inner),
        {"minutes": most, "place": "100%", "shift": 9, "anchor": "end"},
    ]


def problem_parts(form: BaseForm | None) -> dict[str, Any]:
    """What ``parts/problems.html`` draws; nothing while the form is without fault."""
    if not form or not form.is_bound or not form.errors:
        return {}
    wrong = [bound for bound in form if bound.errors]
    alone = len(wrong) == 1 and not wrong[0].is_hidden  # its own error stands right beside it
    return {"general": form.non_field_errors(), "wrong": [] if alone else wrong}
