"""What people fill in to activate a role. The rules are not here: the verb says no, the form shows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from math import gcd
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.wording import worded
from approvals.asking_form import AskingForm
from approvals.forecasting import Forecast, forecast
from approvals.foreseeing import StageAhead, wait_in_words
from approvals.forms import MomentField, hour_of
from approvals.mine import Choice
from approvals.models import AccessRequest
from approvals.narrowing import places_beneath
from roles.effective import settings_at
from roles.models import EffectiveSettings, Eligibility, Scope
from roles.requirements import Asked
from roles.wording import settings_in_words

SHORT_ENOUGH = 80  # characters of a justification that is offered again


def _past_of(person: int, role: int) -> QuerySet[AccessRequest]:
    asked = AccessRequest.objects.filter(act=AccessRequest.Act.ACTIVATE, requester=person, role=role)
    return asked.only("minutes", "justification", "created_at")[:10]


class ActivationForm(AskingForm):
    """For how long, why, and where.

    Args:
        eligibility: what would be activated.
        actor: who would activate it, in their session.
        choice: how it stands for them, where ``choices_of`` was just asked that.
    """

    scope = forms.TypedChoiceField(label=_("Scope"), required=False, empty_value=None)
    starts_at = MomentField(label=_("Start later"))

    def __init__(
        self,
        *args: Any,
        eligibility: Eligibility,
        choice: Choice | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **{"auto_id": "activate_%s"} | kwargs)
        self.eligibility, self.choice = eligibility, choice
        self._offer_places()
        self.place: Scope | None = self.readable("scope") if "scope" in self.fields else None
        self.role_settings: EffectiveSettings = (
            choice.role_settings
            if choice and not self.place
            else settings_at(eligibility.role, self.place or eligibility.scope)
        )
        self.least = settings.MINIMUM_DURATION_MINUTES
        self.most = max(self.least, self.role_settings.max_minutes)
        self.step = gcd(settings.DURATION_STEP_MINUTES, self.least, self.most)
        self.initial["minutes"] = min(self.initial.get("minutes") or self.usual_minutes, self.most)
        if not self.role_settings.ticket_required:
            self.initial.pop("ticket", None)  # of another time, or another scope
        self.ask_for([self.role_settings])

    def _offer_places(self) -> None:
        """Let a narrower scope be chosen where the directory has any."""
        places = {str(one.pk): one for one in places_beneath(self.eligibility)}
        if not places:
            del self.fields["scope"]
            return
        field: Any = self.fields["scope"]
        field.coerce = places.__getitem__
        field.choices = [
            ("", gettext("All of %(scope)s") % {"scope": self.eligibility.scope}),
            *((key, f"{one.name} · {one.path}") for key, one in places.items()),
        ]

    @cached_property
    def past(self) -> list[AccessRequest]:
        """This person's latest activations of this role, newest first."""
        return worded(_past_of, self.actor.person.pk, self.eligibility.role_id)

    @property
    def usual_minutes(self) -> int:
        """What they asked for last time, as far as it is still allowed."""
        return self.allowed(self.past[0].minutes if self.past else None)

    @property
    def said_before(self) -> list[str]:
        """Justifications they gave before, to take up again; the newest three."""
        said = (one.justification for one in self.past)
        return list(dict.fromkeys(words for words in said if 0 < len(words) <= SHORT_ENOUGH))[:3]

    @property
    def needs(self) -> list[tuple[str, str]]:
        """What role settings ask, as icon and words."""
        return settings_in_words(self.role_settings)

    def effect(self) -> SafeString:
        """The sentence above the button, for what is filled in so far."""
        starts_at: datetime | None = self.readable("starts_at")

        def clock(at: datetime) -> str:
            # The browser moves this hour along with the slider; one with a start of its own it leaves alone.
            return format_html("<b>{}</b>" if starts_at else "<b data-until>{}</b>", hour_of(at))

        role = format_html("<b>{}</b>", self.eligibility.role)
        if self.place:
            role = format_html(gettext("{} at <b>{}</b>"), role, self.place)
        return self.foreseen.sentence(role=role, clock=clock)

    @cached_property
    def foreseen(self) -> Forecast:
        """What would come of what is filled in so far."""
        asked = Asked(
            minutes=self.allowed(self.readable("minutes") or self.usual_minutes),
            justification=self.readable("justification") or "",
            starts_at=self.readable("starts_at"),
            ticket=self.readable("ticket") or "",
            ticket_system=(self.readable("ticket_system") if self.role_settings.systems else "") or "",
            scope=self.place,
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
