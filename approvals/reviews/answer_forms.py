"""What reviewers fill in. Whether an answer lacks something, the verbs say."""

from __future__ import annotations

from django import forms
from django.core.exceptions import BadRequest
from django.utils.translation import gettext_lazy as _

from approvals.forms import StrictForm
from approvals.reviews.models import Verdict

LARGEST = 2**31 - 1
DIGITS = 18  # of a key


class VerdictForm(StrictForm):
    """The answer to one item, or to several, and why."""

    verdict = forms.ChoiceField(
        label=_("Your answer"),
        choices=Verdict.choices,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose an answer."),
            "invalid_choice": _("Choose one of the three answers."),
        },
    )
    justification = forms.CharField(
        label=_("Reason"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def answer(self) -> dict[str, str]:
        """The verdict and its reason, as the verbs take them."""
        return {name: self.cleaned_data[name] for name in ("verdict", "justification")}


class SeveralForm(VerdictForm):
    """One answer for the items that are ticked."""

    pick = forms.Field(required=False, widget=forms.MultipleHiddenInput)

    def clean_pick(self) -> list[int]:
        """The keys of the items.

        Raises:
            BadRequest: what the page did not offer.
            ValidationError: nothing is ticked.
        """
        said = self.cleaned_data["pick"] or []
        if any(not (one.isascii() and one.isdigit() and len(one) <= DIGITS) for one in said):
            raise BadRequest("There is no such item.")
        if not said:
            raise forms.ValidationError(_("Tick at least one line first."))
        return sorted({int(one) for one in said})


class FollowForm(StrictForm):
    """How many the page said that would be kept, and removed."""

    keep = forms.IntegerField(min_value=0, max_value=LARGEST, widget=forms.HiddenInput)
    remove = forms.IntegerField(min_value=0, max_value=LARGEST, widget=forms.HiddenInput)


class TakeBackForm(StrictForm):
    """Nothing is filled in."""
