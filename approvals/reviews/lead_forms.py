"""What the owner of a run fills in, and what one may ask of its results."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from approvals.forms import JustifiedForm, StrictForm
from approvals.reviews.models import AccessReview, ReviewItem
from approvals.reviews.series_models import ANSWERS, kept_as
from roles.models import Role
from roles.requirements import LONGEST_JUSTIFICATION


class NextStageForm(StrictForm):
    """The stage that is to end: what the person saw."""

    stage = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=3)


class StopForm(JustifiedForm):
    """Why a run ends early."""


class ResetForm(JustifiedForm):
    """Why everybody is asked anew."""


class ReleaseForm(StrictForm):
    """Why it is carried out; the verb says when that must be told."""

    justification = forms.CharField(
        label=_("Justification"),
        required=False,
        max_length=LONGEST_JUSTIFICATION,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class Narrowing(forms.Form):
    """A forgiving filter: a field with a mistake says so, and the others count all the same."""

    def said(self) -> dict[str, Any]:
        """What is filtered by."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "", [])}

    def in_words(self) -> dict[str, Any]:
        """The same in plain values, for the journal."""
        return {name: str(value) if isinstance(value, date) else value for name, value in self.said().items()}


class ResultFilter(Narrowing):
    """Which results of one run to show.

    Args:
        review: the run.
    """

    outcome = forms.ChoiceField(
        label=_("Outcome"), required=False, choices=[("", _("Any outcome")), *ANSWERS]
    )
    done = forms.ChoiceField(
        label=_("Carried out"), required=False, choices=[("", _("Any state")), *ReviewItem.Done.choices]
    )
    name = forms.CharField(label=_("Person or group"), required=False, max_length=100)
    role = forms.IntegerField(label=_("Role"), required=False, min_value=1, max_value=2**63 - 1)

    def __init__(self, *args: Any, review: AccessReview, **options: Any) -> None:
        super().__init__(*args, **options)
        self.review = review

    def roles(self) -> QuerySet[Role]:
        """The roles to choose from."""
        asked = self.review.items.order_by().values("role").distinct()
        return Role.objects.filter(pk__in=asked).select_related("directory").order_by("name", "pk")

    def items(self) -> QuerySet[ReviewItem]:
        """The items that are wanted."""
        said, wanted = self.said(), Q()
        if "outcome" in said:
            wanted &= by_verdict([said["outcome"]])
        if "done" in said:
            wanted &= Q(done=said["done"])
        if "role" in said:
            wanted &= Q(role=said["role"])
        if "name" in said:
            wanted &= by_name(said["name"])
        return ReviewItem.objects.filter(wanted, review=self.review)


class HistoryFilter(Narrowing):
    """Which results of all runs to show: those that were going on between two days."""

    KINDS = [("eligible", _("Eligible")), ("active", _("Active"))]
    HOLDERS = [("person", _("People")), ("group", _("Groups")), ("service", _("Service principals"))]

    since = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label=_("Until"), required=False, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    kind = forms.MultipleChoiceField(
        label=_("Assignments"), required=False, choices=KINDS, widget=forms.CheckboxSelectMultiple
    )
    who = forms.MultipleChoiceField(
        label=_("Whose"), required=False, choices=HOLDERS, widget=forms.CheckboxSelectMultiple
    )
    result = forms.MultipleChoiceField(
        label=_("Results"), required=False, choices=ANSWERS, widget=forms.CheckboxSelectMultiple
    )

    def items(self, reviews: QuerySet[AccessReview]) -> QuerySet[ReviewItem]:
        """The items of ``reviews`` that are wanted."""
        said = self.said()
        if "since" in said:
            reviews = reviews.filter(ends_at__gte=_midnight(said["since"]))
        if "until" in said:
            reviews = reviews.filter(starts_at__lt=_midnight(said["until"]) + timedelta(days=1))
        wanted = Q(review__in=reviews.order_by().values("pk"))
        if len(said.get("kind", ())) == 1:
            wanted &= Q(eligibility__isnull=said["kind"] == ["active"])
        if "who" in said:
            wanted &= _held_by(said["who"])
        if "result" in said:
            wanted &= by_verdict(said["result"])
        return ReviewItem.objects.filter(wanted)


def _midnight(day: date) -> datetime:
    """Its beginning where the reader is; far days as they are written, so that every zone can tell them."""
    if not 1970 <= day.year <= 9000:
        return datetime(min(max(day.year, 1970), 9000), 1, 1, tzinfo=UTC)
    return datetime.combine(day, time(), tzinfo=timezone.get_current_timezone())


def _held_by(kinds: list[str]) -> Q:
    held = Q(pk__in=[])
    if "person" in kinds:
        held |= Q(person__kind=User.Kind.PERSON)
    if "service" in kinds:
        held |= Q(person__kind=User.Kind.SERVICE)
    return held | Q(group__isnull=False) if "group" in kinds else held


def by_verdict(verdicts: list[str]) -> Q:
    """The items with one of these as their outcome, or as their last answer as long as there is none."""
    said = kept_as(verdicts)
    going_on = [AccessReview.Status.SCHEDULED, AccessReview.Status.OPEN]
    return Q(review__status__in=going_on, verdict__in=said) | (
        ~Q(review__status__in=going_on) & Q(outcome__in=said)
    )


def by_name(words: str) -> Q:
    """The items about people or groups whose name has ``words`` in it."""
    return (
        Q(person__display_name__icontains=words)
        | Q(person__email__icontains=words)
        | Q(group__name__icontains=words)
    )
