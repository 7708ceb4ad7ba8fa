"""What people fill in when they ask and when they answer. The rules are not here: the verbs say no, the forms show it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import MAXYEAR, MINYEAR, datetime
from functools import cached_property
from math import gcd
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import BadRequest
from django.utils import timezone
from django.utils.dateformat import format as dated
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.mfa.freshness import fresh_factor
from approvals.extending import Given
from approvals.forecasting import Forecast, forecast
from approvals.foreseeing import StageAhead, wait_in_words
from approvals.mine import Choice
from approvals.models import AccessRequest, Decision
from approvals.requesting import RequirementsUnmet
from audit.journal.actor import Actor
from audit.journal.refusing import Refused
from roles.effective import settings_at
from roles.models import EffectiveSettings, Eligibility, Factor
from roles.requirements import ACTIVE, ELIGIBLE, Asked
from roles.wording import settings_in_words

USUAL_MINUTES = 60
OWN_PAGES = (403, 409)  # refusals that are not about a field
MOMENT_FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")
SHORT_ENOUGH = 80  # characters of a justification that is offered again


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


def needs_code(wanted: Sequence[EffectiveSettings], actor: Actor) -> bool:
    """Whether a code can and must be given now: for a passkey the browser is asked, on the page that comes next.

    Args:
        wanted: the settings of all that shall be activated.
    """
    if any(one.factor == Factor.PASSKEY for one in wanted):
        return False
    ages = [one.oldest_factor for one in wanted if one.oldest_factor is not None]
    return any(not age for age in ages) or (
        bool(ages) and fresh_factor(actor, act="", minutes=min(ages)) is None
    )


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


class ActivationForm(StrictForm):
    """For how long, and why.

    Args:
        eligibility: what would be activated.
        actor: who would activate it, in their session.
        choice: how it stands for them, where ``choices_of`` was just asked that.
    """

    minutes = forms.IntegerField(label=_("For how long"))
    justification = forms.CharField(
        label=_("Why"),
        required=False,
        widget=forms.Textarea(attrs={"placeholder": _("What you are going to do")}),
    )
    ticket = forms.CharField(label=_("Ticket"), required=False)
    ticket_system = forms.ChoiceField(label=_("Ticket system"), required=False)
    starts_at = MomentField(label=_("Start later"))
    code = forms.CharField(
        label=_("Code from your authenticator app"), required=False, max_length=64, strip=False
    )
    idempotency_key = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        eligibility: Eligibility,
        actor: Actor,
        choice: Choice | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **{"auto_id": "activate_%s"} | kwargs)
        self.eligibility, self.actor, self.choice = eligibility, actor, choice
        self.role_settings: EffectiveSettings = (
            choice.role_settings if choice else settings_at(eligibility.role, eligibility.scope)
        )
        self.least = settings.MINIMUM_DURATION_MINUTES
        self.most = max(self.least, self.role_settings.max_minutes)
        self.step = gcd(settings.DURATION_STEP_MINUTES, self.least, self.most)
        self.initial.setdefault("minutes", self.usual_minutes)
        self.initial.setdefault("idempotency_key", str(secrets.randbits(120)))
        asked = {
            "justification": self.role_settings.justification_required,
            "ticket": self.role_settings.ticket_required,
        }
        systems: Any = self.fields["ticket_system"]
        systems.choices = [("", _("Choose one")), *((name, name) for name in self.role_settings.systems)]
        if not self.role_settings.systems:
            del self.fields["ticket_system"]
        for name, is_asked in asked.items():
            # Marked for the browser and the label; whether it is missing is judged by the requirements alone.
            self.fields[name].widget.attrs |= {"required": True} if is_asked else {}

    @cached_property
    def past(self) -> list[AccessRequest]:
        """This person's latest activations of this role, newest first."""
        asked = AccessRequest.objects.filter(
            act=AccessRequest.Act.ACTIVATE, requester=self.actor.person, role=self.eligibility.role
        )
        return list(asked.only("minutes", "justification", "created_at")[:10])

    @property
    def usual_minutes(self) -> int:
        """What they asked for last time, as far as it is still allowed."""
        last = self.past[0].minutes if self.past else None
        usual: int = min(max(last or USUAL_MINUTES, self.least), self.most)
        return usual

    @property
    def said_before(self) -> list[str]:
        """Justifications they gave before, to take up again; the newest three."""
        said = (one.justification for one in self.past)
        return list(dict.fromkeys(words for words in said if 0 < len(words) <= SHORT_ENOUGH))[:3]

    @cached_property
    def asks_for_code(self) -> bool:
        """Whether a second factor must be given now: none in this session is fresh enough."""
        return needs_code([self.role_settings], self.actor)

    @property
    def needs(self) -> list[tuple[str, str]]:
        """What role settings ask, as icon and words."""
        return settings_in_words(self.role_settings)

    def asked(self) -> Asked:
        """What a valid form asks for."""
        said = self.cleaned_data
        return Asked(
            minutes=said["minutes"],
            justification=said["justification"],
            starts_at=said["starts_at"],
            ticket=said["ticket"],
            ticket_system=said.get("ticket_system", ""),
        )

    def effect(self) -> SafeString:
        """The sentence above the button, for what is filled in so far."""
        starts_at: datetime | None = self._readable("starts_at")

        def clock(at: datetime) -> str:
            # The browser moves this hour along with the slider; one with a start of its own it leaves alone.
            return format_html("<b>{}</b>" if starts_at else "<b data-until>{}</b>", hour_of(at))

        return self.foreseen.sentence(role=format_html("<b>{}</b>", self.eligibility.role), clock=clock)

    @cached_property
    def foreseen(self) -> Forecast:
        """What would come of what is filled in so far."""
        minutes = self._readable("minutes") or self.usual_minutes
        asked = Asked(
            minutes=min(max(minutes, self.least), self.most),
            justification=self._readable("justification") or "",
            starts_at=self._readable("starts_at"),
            ticket=self._readable("ticket") or "",
            ticket_system=(self._readable("ticket_system") if self.role_settings.systems else "") or "",
        )
        return forecast(self.eligibility, person=self.actor.person, asked=asked, choice=self.choice)

    @property
    def ahead(self) -> Sequence[StageAhead]:
        """The stages in which a request would be decided; none where nobody has to."""
        return self.foreseen.stages

    @cached_property
    def usual_wait(self) -> str:
        """How long an answer usually takes, in words."""
        return wait_in_words(self.eligibility.role)

    def _readable(self, name: str) -> Any:
        """What stands in a field, when it can be read; the form need not be sent for that."""
        try:
            return self.fields[name].clean(self[name].value())
        except forms.ValidationError:
            return None


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
