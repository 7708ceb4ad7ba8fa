"""What people fill in when they ask and when they answer. The rules are not here: the verbs say no, the forms show it."""

from __future__ import annotations

from dataclasses import replace
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any

from django import forms
from django.core.exceptions import BadRequest
from django.utils import timezone
from django.utils.dateformat import format as dated
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals.extending import Given
from approvals.models import Decision
from approvals.requesting import RequirementsUnmet
from audit.journal.refusing import Refused
from roles.requirements import ACTIVE, ELIGIBLE, LONGEST_JUSTIFICATION

OWN_PAGES = (403, 409)  # refusals that are not about a field
MOMENT_FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")


class MomentField(forms.DateTimeField):
    """A day and hour in the person's own zone, within the years that can be told in every other zone too."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(required=False, input_formats=MOMENT_FORMATS, widget=widget, **kwargs)

    def to_python(self, value: Any) -> datetime | None:
        """The moment, or None where nothing was filled in.

        Raises:
            ValidationError: it is none.
        """
        at: datetime | None = super().to_python(value)
        # A NUL behind a whole moment Python does not see.
        if at is not None and ("\0" in str(value) or not MINYEAR < at.year < MAXYEAR):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return at


def hour_of(at: datetime) -> str:
    """ "16:20", "tomorrow 00:20", "2 Nov 09:00": as the person reads it, in their zone."""
    local = timezone.localtime(at)
    days = (local.date() - timezone.localdate()).days
    if days == 1:
        return gettext("tomorrow %(time)s") % {"time": dated(local, "H:i")}
    return dated(local, "j M H:i" if days else "H:i")


class StrictForm(forms.Form):
    """A form that takes exactly its own fields, and can show why a verb refused what it holds."""

    #: names under which parts of it send fields of theirs
    sent_by_parts: frozenset[str] = frozenset()

    def clean(self) -> dict[str, Any]:
        """Anything else that was sent is a forgery, not a mistake.

        Raises:
            BadRequest: a field that the form does not have.
        """
        known = {self.add_prefix(name) for name in self.fields} | {"csrfmiddlewaretoken"} | self.sent_by_parts
        if strange := sorted(set(self.data) - known):
            raise BadRequest(f"The form has no field {strange[0][:60]!r}.")
        return super().clean() or self.cleaned_data

    def readable(self, name: str) -> Any:
        """What stands in a field, when it can be read; the form need not be sent for that."""
        try:
            return self.fields[name].clean(self[name].value())
        except forms.ValidationError:
            return None

    def show(self, refused: Refused) -> None:
        """Put a refusal beside the field it is about.

        Raises:
            Refused: the same again, when it is a question or has a page of its own (no duty, somebody was faster).
        """
        if refused.status_code in OWN_PAGES:
            raise refused
        said = refused.unmet if isinstance(refused, RequirementsUnmet) else [refused]
        for one in said:
            self.add_error(one.field if one.field in self.fields else None, str(one.message))


class JustifiedForm(StrictForm):
    """A form that asks why; alone, for an act that needs nothing else."""

    justification = forms.CharField(
        label=_("Justification"),
        max_length=LONGEST_JUSTIFICATION,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class DecisionForm(StrictForm):
    """Yes or no, and why."""

    verdict = forms.ChoiceField(choices=Decision.Verdict.choices, widget=forms.HiddenInput)
    justification = forms.CharField(
        label=_("Your justification"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    from_list = forms.BooleanField(required=False, widget=forms.HiddenInput)
    minutes = forms.IntegerField(label=_("For how long"), required=False, min_value=1)

    def answer(self) -> dict[str, Any]:
        """The verdict and its justification, as the verb takes them."""
        return {name: self.cleaned_data.get(name) for name in ("verdict", "justification", "minutes")}


class ExtensionForm(DecisionForm):
    """Yes or no to an extension or renewal, and what is given: kind, start, end."""

    given_kind = forms.ChoiceField(
        label=_("As"),
        required=False,
        choices=[("", "—"), (ELIGIBLE, _("Eligible")), (ACTIVE, _("Active"))],
    )
    given_start = MomentField(label=_("From"))
    given_end = MomentField(label=_("Until"))
    given_permanent = forms.BooleanField(label=_("Without an end"), required=False)

    def clean(self) -> dict[str, Any]:
        """Saying yes is saying until when, and as what."""
        said = super().clean()
        if said.get("verdict") == Decision.Verdict.APPROVE:
            if not said.get("given_kind"):
                self.add_error("given_kind", _("Say as what."))
            if (
                not said.get("given_end")
                and not said.get("given_permanent")
                and "given_end" not in self.errors
            ):
                self.add_error("given_end", _("Say until when."))
        return said

    def answer(self) -> dict[str, Any]:
        """Verdict, justification and what is given, as the verb takes them."""
        said = self.cleaned_data
        end = None if said["given_permanent"] else said["given_end"]
        given = Given(said["given_kind"], said["given_start"], end)
        return super().answer() | {"given": given}

    def show(self, refused: Refused) -> None:
        """Put what role settings do not allow beside the field in which it was given."""
        names = {"ends_at": "given_end", "starts_at": "given_start", "principal": "given_kind"}
        if isinstance(refused, RequirementsUnmet):
            refused = RequirementsUnmet(
                [replace(one, field=names.get(one.field, one.field)) for one in refused.unmet]
            )
        refused.field = names.get(refused.field, refused.field)
        super().show(refused)


class TogetherForm(DecisionForm):
    """One answer for several requests; ``confirmed`` once their names were shown."""

    pick = forms.Field(required=False, widget=forms.MultipleHiddenInput)
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)


class QuestionForm(StrictForm):
    """What an approver wants to know."""

    question = forms.CharField(
        label=_("Your question"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class AnswerForm(StrictForm):
    """The answer, and the justification where it shall say something else."""

    answer = forms.CharField(label=_("Your answer"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    justification = forms.CharField(
        label=_("Justification of the request"),
        required=False,
        help_text=_("Changing it makes it another request: approvals given so far no longer count."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class CancelForm(StrictForm):
    """Why a request is taken back, if one wants to say."""

    justification = forms.CharField(label=_("Justification"), required=False, widget=forms.Textarea)
