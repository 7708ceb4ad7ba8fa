"""The values of role settings, filled in. A value that is left to its level above is no value here."""

from __future__ import annotations

from math import gcd
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals.forms import StrictForm
from approvals.settings.fields import (
    CAPS,
    HOURS,
    OTHER,
    UNITS,
    addresses_in,
    parts_of,
    tried,
    value_of,
    whole,
    yes_or_no,
)
from approvals.settings.naming import hooks_offered, rules_offered
from approvals.settings.places import Document
from approvals.settings.words import EVERYTHING, label_of
from roles.models import EffectiveSettings, Factor
from roles.models.values import CELLS, DAY, VALUES, IfNobody, IfSilent, Telling
from roles.patterns import fault_in
from roles.requirements import CAP_DAYS, LONGEST_JUSTIFICATION
from roles.wording import in_days, in_words

PREFIX = (
    "set"  # of every field but the justification, so that pages which repeat what was typed repeat only that
)
STEP = 30  # minutes, of the slider
CHOICES = ("factor", "if_nobody", "hook_silent")
PATTERNS = ("justification_pattern", "ticket_pattern")
WHICH = [("all", gettext_lazy("Every message")), ("needed", gettext_lazy("If action is needed"))]


class ValuesForm(StrictForm):
    """Every value of role settings, each either left alone (``inherit``) or said.

    Args:
        document: what is said now; what it leaves out stands ticked under ``inherit``.
        shown: what the controls of the values show that nobody says.
    """

    names: tuple[str, ...] = VALUES
    missing = gettext_lazy("Fill this in, or leave it to the level above.")

    inherit = forms.MultipleChoiceField(required=False, choices=[(name, name) for name in EVERYTHING])
    max_minutes = whole(1, DAY)
    factor = forms.ChoiceField(required=False, choices=Factor.choices, widget=forms.RadioSelect)
    factor_minutes = whole(1, DAY)
    justification_required = yes_or_no()
    justification_least = whole(0, 500)
    justification_pattern = forms.CharField(required=False, max_length=200)
    ticket_required = yes_or_no()
    ticket_systems = forms.CharField(
        required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
    )
    ticket_pattern = forms.CharField(required=False, max_length=200)
    approval_required = yes_or_no()
    approval_hours = whole(1, 14 * 24)
    approval_factor = yes_or_no()
    if_nobody = forms.ChoiceField(required=False, choices=IfNobody.choices, widget=forms.RadioSelect)
    asking_stops_clock = yes_or_no()
    day_minutes = whole(0, DAY)
    day_minutes_unit = forms.ChoiceField(required=False, choices=UNITS)
    hook = forms.ChoiceField(required=False)
    hook_may_approve = yes_or_no()
    hook_silent = forms.ChoiceField(required=False, choices=IfSilent.choices, widget=forms.RadioSelect)
    automatic = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    emergency_allowed = yes_or_no()
    eligible_permanent = yes_or_no()
    active_permanent = yes_or_no()
    active_factor = yes_or_no()
    active_justification = yes_or_no()
    active_ticket = yes_or_no()
    justification_example = forms.CharField(required=False, max_length=LONGEST_JUSTIFICATION)
    ticket_example = forms.CharField(required=False, max_length=200)

    def __init__(
        self,
        data: Any = None,
        *,
        document: Document,
        shown: EffectiveSettings,
        initial: dict[str, Any] | None = None,
    ) -> None:
        self.before = document
        said = shown.as_json() | document.values
        first: dict[str, Any] = {"inherit": [one for one in VALUES if one not in document.values]}
        for name in VALUES:
            first |= parts_of(name, said[name])
        super().__init__(data, initial=first | (initial or {}), prefix=PREFIX)
        self._offer(said)
        for name in CAPS:
            self.fields[name] = forms.ChoiceField(
                required=False,
                choices=[*((str(n), in_days(n)) for n in CAP_DAYS), (OTHER, _("Another number of days"))],
            )
            self.fields[f"{name}_other"] = whole(1, 3650)
        for name in CELLS:
            self.fields[f"{name}_usual"] = yes_or_no()
            self.fields[f"{name}_also"] = forms.CharField(required=False, max_length=1000)
            self.fields[f"{name}_which"] = forms.ChoiceField(required=False, choices=WHICH)
        for name, one in self.fields.items():
            if one.label is None:
                one.label = label_of(value_of(name)) if value_of(name) in EVERYTHING else name

    def _offer(self, said: dict[str, Any]) -> None:
        """Let web hooks and automatic rules be chosen: those there are, and those gone that stand here already."""
        self.hooks = hooks_offered(said["hook"])
        self.rules = rules_offered(said["automatic"].split())
        hook, automatic = self.fields["hook"], self.fields["automatic"]
        if isinstance(hook, forms.ChoiceField) and isinstance(automatic, forms.MultipleChoiceField):
            hook.choices = [("", _("None")), *((one.value, str(one)) for one in self.hooks)]
            automatic.choices = [(one.value, str(one)) for one in self.rules]

    def add_prefix(self, field_name: str) -> str:
        return (
            field_name if field_name in ("justification", "pick", "again") else super().add_prefix(field_name)
        )

    @property
    def silent(self) -> set[str]:
        """The values that are left alone."""
        said: Any = self["inherit"].value() or []
        return set(said) & set(self.names)

    def left_to(self, name: str) -> tuple[str, str]:
        """What counts when a value is left alone, and whence, in words; "" where that is not one thing."""
        return "", ""

    def clean(self) -> dict[str, Any]:
        said = super().clean()
        self.values: dict[str, Any] = {}
        for name in VALUES:
            if name in self.silent:
                for part in parts_of(name, None):
                    self.errors.pop(part, None)
            elif not any(part in self.errors for part in parts_of(name, None)):
                self._take(name, said)
        return said

    def _take(self, name: str, said: dict[str, Any]) -> None:
        try:
            self.values[name] = self._value(name, said)
        except ValidationError as error:
            self.add_error(f"{name}_also" if name in CELLS else name, error)

    def _value(self, name: str, said: dict[str, Any]) -> Any:
        if name in CELLS:
            cell = Telling(
                usual=said[f"{name}_usual"],
                also=addresses_in(said[f"{name}_also"]),
                only_needed=said[f"{name}_which"] == "needed",
            )
            return cell.as_json()
        value = said[name]
        if name in CAPS:
            value = said[f"{name}_other"] if value == OTHER else int(value or 0)
        if name in PATTERNS and (fault := fault_in(value)):
            raise ValidationError(fault)
        if name == "day_minutes" and value is not None:
            value = value * 60 if said["day_minutes_unit"] == HOURS else value
            if value > DAY:
                raise ValidationError(_("A day has 24 hours."))
        least = settings.MINIMUM_DURATION_MINUTES
        if name == "day_minutes" and value is not None and 0 < value < least:
            raise ValidationError(
                _("The shortest activation is %(n)s minutes; 0 is no limit.") % {"n": least}
            )
        if name == "max_minutes" and value is not None and value < least:
            raise ValidationError(_("The shortest activation is %(n)s minutes.") % {"n": least})
        if value is None or (value == "" and name in CHOICES) or (value == 0 and name in CAPS):
            raise ValidationError(self.missing)
        if name == "automatic":
            return "\n".join(value)
        if name == "ticket_systems":
            return "\n".join(line.strip() for line in value.splitlines() if line.strip())
        return value

    @property
    def chosen_rules(self) -> list[str]:
        """The automatic rules that are ticked."""
        said: Any = self["automatic"].value() or []
        return [str(one) for one in said]

    @property
    def justification_result(self) -> bool | None:
        """Whether the justification tried beside the pattern has its form; None when there is none to try."""
        return tried(self["justification_pattern"].value(), self["justification_example"].value())

    @property
    def ticket_result(self) -> bool | None:
        """Whether the ticket tried beside the pattern has its form; None when there is none to try."""
        return tried(self["ticket_pattern"].value(), self["ticket_example"].value())

    @property
    def slider(self) -> dict[str, Any]:
        """The longest activation as a slider draws it: in steps of 30 minutes, or finer where it stands between them."""
        said: Any = self["max_minutes"].value()
        minutes = min(max(int(said), 1), DAY) if str(said).isdecimal() else STEP
        least = min(STEP, minutes)
        marks = [
            {"words": in_words(at), "place": f"{(at - least) / (DAY - least):.1%}", "anchor": "middle"}
            for at in range(4 * 60, 20 * 60, 4 * 60)
        ]
        return {
            "value": minutes,
            "words": in_words(minutes),
            "least": least,
            "step": gcd(STEP, minutes - least, DAY - least),
            "marks": [
                {"words": in_words(least), "place": "0%", "shift": "-9"},
                *marks,
                {"words": in_words(DAY), "place": "100%", "shift": "9", "anchor": "end"},
            ],
        }
