"""The fields of a series of reviews."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from approvals.forms import MomentField, StrictForm
from approvals.reviews.models import ReviewSeries
from approvals.reviews.series_models import LONGEST_TEXT
from approvals.reviews.stage_forms import PrincipalsField, names_sent
from roles.models import Directory, Risk

#: said now, or in the language of whoever will read it
Words = Any
PICKED, FILTERED = "roles", "filter"
NEVER, ON_A_DAY, AFTER = "never", "on", "after"
#: columns that the form fills in as they are
COLUMNS = (
    "name",
    "description",
    "what",
    "of_people",
    "of_groups",
    "of_services",
    "inactive_days",
    "frequency",
    "recommends",
    "look_back_days",
    "why_on_approval",
    "own_allowed",
    "on_silence",
    "most_percent",
    "applies_itself",
    "reminds",
    "extra_text",
)


def box(label: Words, hint: Words = "") -> forms.BooleanField:
    """A box to tick."""
    return forms.BooleanField(label=label, required=False, help_text=hint)


def number(label: Words, least: int, most: int, **more: Any) -> forms.IntegerField:
    """A whole number."""
    return forms.IntegerField(label=label, min_value=least, max_value=most, **more)


class RunTerms(StrictForm):
    """How it is answered and what comes of it: what may be changed while a run is open, too."""

    why_on_approval = box(
        gettext_lazy("Ask for a reason to keep"),
        gettext_lazy("Whoever goes against the recommendation is asked in any case."),
    )
    on_silence = forms.ChoiceField(
        label=gettext_lazy("When nobody answers"),
        choices=ReviewSeries.Silence.choices,
        widget=forms.RadioSelect,
    )
    most_percent = number(
        gettext_lazy("Ask before a role loses more than this share of its holders (%)"), 1, 100
    )
    applies_itself = box(
        gettext_lazy("Carry out by itself"),
        gettext_lazy("Otherwise somebody looks at the result and says so."),
    )
    reminds = box(
        gettext_lazy("Remind reviewers"), gettext_lazy("Halfway through, and a day before the end.")
    )
    extra_text = forms.CharField(
        label=gettext_lazy("In the invitation"),
        required=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea,
    )
    version = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)


class SeriesFields(RunTerms):
    """What is reviewed, by whom, how often, and what happens when nobody answers."""

    sent_by_parts = names_sent() | {"stage_count"}

    name = forms.CharField(label=gettext_lazy("Name"), max_length=150)
    description = forms.CharField(
        label=gettext_lazy("What it is for"),
        required=False,
        max_length=LONGEST_TEXT,
        help_text=gettext_lazy("Reviewers read it above their list."),
        widget=forms.Textarea,
    )
    about = forms.ChoiceField(
        label=gettext_lazy("Which roles"),
        choices=[
            (PICKED, gettext_lazy("Roles that I pick")),
            (FILTERED, gettext_lazy("Every role of a directory or of a risk, as it is at each start")),
        ],
        widget=forms.RadioSelect,
    )
    find = forms.CharField(required=False, max_length=100)
    roles = forms.Field(label=gettext_lazy("Roles"), required=False, widget=forms.MultipleHiddenInput)
    act = forms.CharField(required=False, max_length=40)
    directory = forms.ModelChoiceField(
        Directory.objects.none(), label=gettext_lazy("Directory"), required=False
    )
    risk = forms.ChoiceField(
        label=gettext_lazy("Risk"), required=False, choices=[("", gettext_lazy("Any risk")), *Risk.choices]
    )
    scope = forms.CharField(
        label=gettext_lazy("Only at a scope, and beneath it"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("The name or the path of a part of the directory. Empty is all of it."),
        widget=forms.TextInput(attrs={"list": "scopes", "autocomplete": "off"}),
    )
    what = forms.ChoiceField(
        label=gettext_lazy("Assignments"), choices=ReviewSeries.What.choices, widget=forms.RadioSelect
    )
    of_people = box(gettext_lazy("People"))
    of_groups = box(gettext_lazy("Groups"), gettext_lazy("One line for the group, not for each member."))
    of_services = box(gettext_lazy("Service principals"))
    inactive_days = number(
        gettext_lazy("Only what was not used for so many days"),
        1,
        730,
        required=False,
        help_text=gettext_lazy("Empty is everybody, used or not."),
    )
    frequency = forms.ChoiceField(label=gettext_lazy("How often"), choices=ReviewSeries.Frequency.choices)
    starts_at = MomentField(label=gettext_lazy("First start"))
    ends = forms.ChoiceField(
        label=gettext_lazy("Goes on"),
        choices=[
            (NEVER, gettext_lazy("Until somebody deletes it")),
            (ON_A_DAY, gettext_lazy("Until a day")),
            (AFTER, gettext_lazy("For a number of reviews")),
        ],
        widget=forms.RadioSelect,
    )
    until = forms.DateField(
        label=gettext_lazy("No review starts after"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    times = number(gettext_lazy("Number of reviews"), 1, 999, required=False)
    recommends = box(
        gettext_lazy("Recommend an answer"), gettext_lazy("With its reasons: last use, last sign-in, peers.")
    )
    look_back_days = number(gettext_lazy("Days that a recommendation looks back"), 1, 730)
    own_allowed = box(gettext_lazy("People may review their own access"))
    told = PrincipalsField(required=False)
    add_told = forms.CharField(required=False, max_length=500)
