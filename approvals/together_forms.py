"""What people fill in to activate several roles in one go, to keep sets of them, and to keep a role for longer."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Any

from django import forms
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from approvals.activating_together import Prospect, prospects_of
from approvals.asking_form import AskingForm
from approvals.favourite_models import LONGEST_NAME
from approvals.forecasting import forecast
from approvals.foreseeing import StageAhead
from approvals.forms import MomentField, StrictForm, hour_of
from approvals.mine import Choice
from approvals.models import AccessRequest
from approvals.prolonging import Room, no_room_in_words, room_of
from roles.effective import settings_at
from roles.models import Assignment, Eligibility
from roles.requirements import Asked, effect_in_words, who_decides
from roles.wording import in_words, settings_in_words


class ActivateTogetherForm(AskingForm):
    """For how long, and why: for several roles.

    Args:
        eligibilities: what would be activated.
        actor: who would activate it, in their session.
        choices: what ``choices_of`` them says, where that was just asked already.
    """

    pick = forms.Field(required=False, widget=forms.MultipleHiddenInput)
    starts_at = MomentField(label=gettext_lazy("Start later"))

    def __init__(
        self,
        *args: Any,
        eligibilities: Sequence[Eligibility],
        choices: Sequence[Choice] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **{"auto_id": "together_%s"} | kwargs)
        self.eligibilities = eligibilities
        first = Asked(minutes=settings.MINIMUM_DURATION_MINUTES)
        self.start = prospects_of(eligibilities, person=self.actor.person, asked=first, choices=choices)
        free = [one.role_settings for one in self.start if not one.blocked]
        self.least = settings.MINIMUM_DURATION_MINUTES
        self.most = max([self.least, *(one.max_minutes for one in free)])
        self.step = gcd(settings.DURATION_STEP_MINUTES, self.least, self.most)
        self.initial.setdefault("pick", [one.pk for one in eligibilities])
        self.initial.setdefault("minutes", self.allowed(None))
        self.ask_for(free)

    @property
    def possible(self) -> list[Prospect]:
        """Those that can be asked for now."""
        return [one for one in self.start if not one.blocked]

    @property
    def ticket_for(self) -> str:
        """The roles that ask for a ticket."""
        return ", ".join(
            str(one.eligibility.role) for one in self.possible if one.role_settings.ticket_required
        )

    def effects(self) -> list[SafeString]:
        """For each role the sentence that says what will happen, for what is filled in so far."""
        minutes = self.allowed(self.readable("minutes") or self.initial["minutes"])
        asked = Asked(minutes, starts_at=self.readable("starts_at"))
        judged = prospects_of(
            [one.eligibility for one in self.possible],
            person=self.actor.person,
            asked=asked,
            choices=[one.choice for one in self.possible],
        )
        blocked = [one for one in (*judged, *self.start) if one.blocked]
        person = self.actor.person
        return [_effect(one, person) for one in judged if not one.blocked] + [
            format_html("<b>{}</b>: {}", one.eligibility.role, _("left out. %s") % one.blocked)
            for one in blocked
        ]


def _effect(prospect: Prospect, person: User) -> SafeString:
    role = format_html("<b>{}</b>", prospect.eligibility.role)
    said: dict[str, Any] = {"role": role, "clock": lambda at: format_html("<b>{}</b>", hour_of(at))}
    stages: tuple[StageAhead, ...] = ()
    if prospect.is_decided_on:
        foreseen = forecast(prospect.eligibility, person=person, asked=prospect.asked, choice=prospect.choice)
        if foreseen.why_not:
            return format_html("{}: {}", role, foreseen.why_not)
        sentence, stages = foreseen.sentence(**said), foreseen.stages
    else:
        words = effect_in_words(prospect.role_settings, prospect.asked, prospect.standing, **said)
        sentence = mark_safe(words)  # noqa: S308  role and hours are escaped above, the rest is the portal's own
    if prospect.is_cut:
        limit = in_words(prospect.role_settings.max_minutes)
        sentence = format_html("{} {}", sentence, _("Its limit is %(time)s.") % {"time": limit})
    if stages:
        who = _(", then ").join(str(stage) for stage in stages)
        sentence = format_html(
            "{} <span class='faint'>{}</span>", sentence, _("Who can decide: %(who)s") % {"who": who}
        )
    return sentence


class RoleSetForm(StrictForm):
    """A set's name, and for a new one what is in it."""

    name = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=4 * LONGEST_NAME)
    pick = forms.Field(required=False, widget=forms.MultipleHiddenInput)


class LongerForm(AskingForm):
    """How much longer, and why.

    Args:
        assignment: what goes on.
        actor: who holds it, in their session.
    """

    def __init__(self, *args: Any, assignment: Assignment, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "longer_%s"} | kwargs)
        self.assignment = assignment
        self.role_settings = settings_at(assignment.role, assignment.scope)
        self.room: Room = room_of(assignment, self.role_settings)
        self.fields["minutes"].label = _("How much longer")
        self.most = max(1, self.room.minutes)
        self.step = min(settings.DURATION_STEP_MINUTES, self.most)
        if self.most % self.step:
            self.step = gcd(self.step, self.most)
        self.least = self.step
        last = self._last()
        if last is not None:
            self.initial.setdefault("justification", last.justification)
            if self.role_settings.ticket_required:
                self.initial.update({"ticket": last.ticket, "ticket_system": last.ticket_system})
        self.initial.setdefault("minutes", self.allowed(None))
        self.ask_for([self.role_settings])

    def _last(self) -> AccessRequest | None:
        """The request by which it was activated: what it is for has most likely not changed."""
        asked = self.assignment.access_requests.filter(act=AccessRequest.Act.ACTIVATE)
        return asked.order_by("pk").last()

    @property
    def shown_minutes(self) -> int:
        """Where the slider stands: what was filled in, between its ends."""
        return self.allowed(self.readable("minutes") or self.initial["minutes"])

    @property
    def why_not(self) -> str:
        """Why it cannot go on for longer; "" when it can."""
        return "" if self.room.minutes else no_room_in_words(self.room, self.role_settings)

    @property
    def needs(self) -> list[tuple[str, str]]:
        """What role settings ask, as icon and words."""
        return settings_in_words(self.role_settings)

    def effect(self) -> SafeString:
        """The sentence above the button, for what is filled in so far."""
        end = self.room.end_after(self.shown_minutes)
        said = {
            "role": format_html("<b>{}</b>", self.assignment.role),
            "end": format_html("<b>{}</b>", hour_of(end)),
            "old": hour_of(self.room.ends_at),
        }
        first, last = who_decides(self.role_settings)
        if first:
            words = _(
                "Until then %(role)s goes on to %(old)s as before; approved, it goes on without a gap to %(end)s."
            )
        else:
            words = _("%(role)s goes on without a gap and ends by itself at %(end)s instead of %(old)s.")
        # Role and hours are escaped above, the rest is the portal's own.
        return mark_safe(" ".join(filter(None, (first, words % said, last))))  # noqa: S308
