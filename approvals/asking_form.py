"""What every form has in common by which somebody asks for power: for how long, why, ticket, code."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.mfa.freshness import fresh_factor
from approvals.forms import StrictForm
from audit.journal.actor import Actor
from roles.models import EffectiveSettings, Factor
from roles.requirements import Asked

USUAL_MINUTES = 60


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


class AskingForm(StrictForm):
    """For how long, why, of which ticket, and a code where one is needed.

    Args:
        actor: who asks, in their session.
    """

    minutes = forms.IntegerField(label=_("For how long"))
    justification = forms.CharField(
        label=_("Why"),
        required=False,
        widget=forms.Textarea(attrs={"placeholder": _("What you are going to do")}),
    )
    ticket = forms.CharField(label=_("Ticket"), required=False)
    ticket_system = forms.ChoiceField(label=_("Ticket system"), required=False)
    code = forms.CharField(
        label=_("Code from your authenticator app"), required=False, max_length=64, strip=False
    )
    idempotency_key = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    #: the ends of the slider, in minutes
    least: int
    most: int

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor

    def ask_for(self, wanted: Sequence[EffectiveSettings]) -> None:
        """Fit the fields to what ``wanted`` ask between them."""
        self.wanted = wanted
        self.initial.setdefault("idempotency_key", str(secrets.randbits(120)))
        # For one role a ticket may be given that nobody asks for; it then says of which system it is.
        asking = wanted if len(wanted) == 1 else [one for one in wanted if one.ticket_required]
        names = list(dict.fromkeys(name for one in asking for name in one.systems))
        systems: Any = self.fields["ticket_system"]
        systems.choices = [("", _("Choose one")), *((name, name) for name in names)]
        if not names:
            del self.fields["ticket_system"]
        # Marked for the browser and the label; whether it is missing is judged by the requirements alone.
        for name, is_asked in (
            ("justification", self.asks_for_justification),
            ("ticket", self.asks_for_ticket),
        ):
            self.fields[name].widget.attrs |= {"required": True} if is_asked else {}

    @property
    def asks_for_justification(self) -> bool:
        """Whether somebody asks for a justification."""
        return any(one.justification_required for one in self.wanted)

    @property
    def asks_for_ticket(self) -> bool:
        """Whether somebody asks for a ticket."""
        return any(one.ticket_required for one in self.wanted)

    @cached_property
    def asks_for_code(self) -> bool:
        """Whether a second factor must be given now: none in this session is fresh enough."""
        return needs_code(self.wanted, self.actor)

    def allowed(self, minutes: int | None) -> int:
        """``minutes``, or what is usual, between the ends of the slider."""
        return min(max(minutes or USUAL_MINUTES, self.least), self.most)

    def asked(self) -> Asked:
        """What a valid form asks for."""
        said = self.cleaned_data
        return Asked(
            minutes=said["minutes"],
            justification=said["justification"],
            starts_at=said.get("starts_at"),
            ticket=said["ticket"],
            ticket_system=said.get("ticket_system", ""),
            scope=said.get("scope"),
        )
