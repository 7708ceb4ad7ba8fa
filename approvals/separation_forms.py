"""What role administrators fill in about roles that may not be held together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.forms import StrictForm
from roles.models import Assignment, Role, SeparationRule
from roles.models.separation import LONGEST_REASON
from roles.separation import Conflict, holding_several, late_ones, version_of

MOST_ROLES = 100  # in one rule
SHOWN_FOUND = 20


class RuleForm(StrictForm):
    """Name, reason and roles of a rule, and whether it is in use.

    Args:
        rule: what is changed, or a new one.
        chosen: the roles as they are picked so far.
    """

    name = forms.CharField(label=_("Name"), max_length=120)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=LONGEST_REASON,
        help_text=_("What people read who are refused, as a whole sentence."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    is_on = forms.BooleanField(
        label=_("In use"), required=False, help_text=_("While it is not in use nothing is refused or ended.")
    )
    find = forms.CharField(required=False, max_length=100)
    roles = forms.Field(required=False, widget=forms.MultipleHiddenInput)
    act = forms.CharField(required=False, max_length=40)
    seen = forms.CharField(required=False, max_length=4000, widget=forms.HiddenInput)
    version = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)

    def __init__(self, *args: Any, rule: SeparationRule, chosen: Sequence[Role], **kwargs: Any) -> None:
        said = {
            "name": rule.name,
            "reason": rule.reason,
            "is_on": rule.is_on,
            "version": version_of(rule),
        }
        kwargs["initial"] = said | kwargs.pop("initial", {})
        super().__init__(*args, **kwargs)
        self.rule, self.chosen = rule, list(chosen)

    @property
    def found(self) -> list[Role]:
        """The roles that go by what stands in the search field, those chosen already left out."""
        words = str(self["find"].value() or "").strip()
        if not words:
            return []
        named = Role.objects.exclude(pk__in=[role.pk for role in self.chosen])
        for word in words.split()[:5]:
            named = named.filter(Q(name__icontains=word) | Q(directory__name__icontains=word))
        return list(named.select_related("directory")[:SHOWN_FOUND])

    def losing(self) -> list[Conflict]:
        """What people hold who would lose it, if this were saved now."""
        if not self.cleaned_data["is_on"]:
            return []
        together = holding_several({role.pk for role in self.chosen})
        return [conflict for held in together for conflict in late_ones(held, self.rule)]


def roles_picked(said: Any) -> list[Role]:
    """The roles that a form which was sent carries, with the one added and without the one dropped by its button."""
    keys = [int(key) for key in said.getlist("roles") if key.isdecimal() and len(key) < 19]
    verb, _sep, key = said.get("act", "").partition("-")
    if key.isdecimal() and len(key) < 19:
        keys = [one for one in keys if one != int(key)] + ([int(key)] if verb == "add" else [])
    picked = Role.objects.select_related("directory").in_bulk(keys[:MOST_ROLES])
    return [picked[key] for key in dict.fromkeys(keys) if key in picked]


def mark_of(losing: Sequence[Conflict]) -> str:
    """What must be the same when it is confirmed: which assignments end."""
    ends = [one.wanted.assignment for one in losing]
    return " ".join(sorted({str(one.pk) for one in ends if isinstance(one, Assignment)}))[:4000]
