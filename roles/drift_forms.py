"""What people fill in about the differences in a directory, and about what comes of them by itself."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.forms import JustificationForm, PortalForm
from roles.models import Directory, Drift
from roles.remedies import MEANS, Choice, Remedy

LONGEST_TAKEN_OVER = 365  # days


class SettleForm(JustificationForm):
    """Whose word counts, why, and for what was given outside until when.

    Args:
        days: after how many days it ends if nobody says otherwise.
        asks_until: whether an end has to be named, for one remedy at least.
    """

    remedy = forms.ChoiceField(label=_("What shall happen"), widget=forms.RadioSelect)
    until = forms.DateField(
        label=_("Until"),
        required=False,
        help_text=_("The last day on which they hold it. Asked where it is taken over."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    field_order = ("remedy", "until", "justification")

    def __init__(
        self, *args: Any, choices: list[Choice], days: int = 14, asks_until: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["remedy"].choices = [(one.remedy, one.label) for one in choices]  # type: ignore[attr-defined]
        self.initial.setdefault("until", timezone.localdate() + timedelta(days=days))
        if not asks_until:
            del self.fields["until"]

    def clean_until(self) -> datetime | None:
        """The end of the day that was named; none for good, and none further away than a year."""
        day: date | None = self.cleaned_data["until"]
        if day is None:
            return None
        if day < timezone.localdate():
            raise forms.ValidationError(gettext("This day is over."))
        if day > timezone.localdate() + timedelta(days=LONGEST_TAKEN_OVER):
            raise forms.ValidationError(gettext("At most a year from today."))
        return timezone.make_aware(datetime.combine(day + timedelta(days=1), time()))


class TogetherForm(SettleForm):
    """The same for several: what shall happen was said by the button."""

    remedy = forms.ChoiceField(choices=Remedy.choices, widget=forms.HiddenInput)


class DriftFilter(forms.Form):
    """Which differences to show. Forgiving: what is none of its values filters nothing."""

    q = forms.CharField(label=_("Account"), required=False, max_length=200)
    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[("", _("Any kind")), *Drift.Kind.choices]
    )
    status = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("Not settled")), *Drift.Status.choices],
    )


class AnswersForm(PortalForm):
    """What comes by itself of each kind of difference."""

    on_found_outside = forms.ChoiceField(
        label=_("A right that was given outside"),
        widget=forms.RadioSelect,
        help_text=MEANS[Drift.Kind.FOUND_OUTSIDE],
        choices=[
            (Directory.Answer.REPORT, _("Report it, and wait for a person")),
            (Directory.Answer.CORRECT, _("Take it away")),
            (Directory.Answer.ADOPT, _("Take it over for some days, then take it away")),
        ],
    )
    on_missing = forms.ChoiceField(
        label=_("A right that was taken away outside"),
        widget=forms.RadioSelect,
        help_text=MEANS[Drift.Kind.MISSING],
        choices=[
            (Directory.Answer.REPORT, _("Report it, and wait for a person")),
            (Directory.Answer.CORRECT, _("Give it again")),
            (Directory.Answer.ADOPT, _("End it in the portal")),
        ],
    )
    on_other_end = forms.ChoiceField(
        label=_("A right that ends at another time there"),
        widget=forms.RadioSelect,
        help_text=MEANS[Drift.Kind.OTHER_END],
        choices=[
            (Directory.Answer.REPORT, _("Report it, and wait for a person")),
            (Directory.Answer.CORRECT, _("Tell the directory the portal’s end")),
            (Directory.Answer.ADOPT, _("Take over an end that comes sooner")),
        ],
    )
    adopt_days = forms.IntegerField(
        label=_("Days that a right which was taken over lasts"), min_value=1, max_value=LONGEST_TAKEN_OVER
    )
