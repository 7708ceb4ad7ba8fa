"""What people fill in who activate past approval, and who review it."""

from __future__ import annotations

import secrets
from functools import cached_property
from math import gcd
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.mfa.freshness import PHISHING_RESISTANT
from accounts.mfa.verifying import METHODS, own_factors
from accounts.models import FactorUse
from approvals.asking_form import USUAL_MINUTES
from approvals.emergency.models import EmergencyUse
from approvals.emergency.skipping import Bypassed, bypassed, under_emergency
from approvals.emergency.unreviewed import open_use_of, why_blocked
from approvals.forms import StrictForm
from approvals.models import AccessRequest
from approvals.narrowing import in_the_way
from approvals.requesting import prepared, standing_of
from approvals.separated import why_activation_is_separated
from audit.journal.actor import Actor
from roles.effective import layers_at
from roles.models import Eligibility
from roles.requirements import Asked, window

NAMED = 5  # people in one line


class EmergencyForm(StrictForm):
    """For how long, and why.

    Args:
        eligibility: what would be activated.
        actor: who would activate it, in their session.
    """

    minutes = forms.IntegerField(label=_("For how long"))
    justification = forms.CharField(
        label=_("Why it cannot wait"),
        required=False,
        widget=forms.Textarea(
            attrs={"placeholder": _("What is happening, and what you are going to do"), "required": True}
        ),
    )
    idempotency_key = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, eligibility: Eligibility, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "emergency_%s"} | kwargs)
        self.eligibility, self.person = eligibility, actor.person
        self.layers = layers_at(eligibility.role, eligibility.scope)
        self.role_settings = under_emergency(self.layers.effective)
        self.least = settings.MINIMUM_DURATION_MINUTES
        self.most = max(self.least, self.role_settings.max_minutes)
        self.step = gcd(settings.DURATION_STEP_MINUTES, self.least, self.most)
        self.usual_minutes = min(max(USUAL_MINUTES, self.least), self.most)
        self.initial.setdefault("minutes", self.usual_minutes)
        self.initial.setdefault("idempotency_key", str(secrets.randbits(120)))

    def asked(self) -> Asked:
        """What a valid form asks for."""
        said = self.cleaned_data
        return Asked(minutes=said["minutes"], justification=said["justification"])

    @property
    def is_allowed(self) -> bool:
        """Whether role settings let approval be skipped."""
        return self.layers.effective.emergency_allowed

    @cached_property
    def bypassed(self) -> Bypassed:
        """Whom it would pass by, and who would be told: as the verb finds them."""
        usual = Asked(minutes=self.usual_minutes)
        found = prepared(
            self.eligibility, person=self.person, asked=usual, role_settings=self.layers.effective
        )
        return bypassed(found, self.layers)

    @property
    def skipped_in_words(self) -> tuple[str, int]:
        """Who would be skipped, as many as fit in a line, and how many others."""
        names = [str(one) for one in self.bypassed.skipped]
        return ", ".join(names[:NAMED]), max(0, len(names) - NAMED)

    @property
    def blocked(self) -> str:
        """Which use that nobody has reviewed is in its way; "" where none is."""
        use = self.unreviewed
        return why_blocked(use, self.person) if use is not None else ""

    @cached_property
    def unreviewed(self) -> EmergencyUse | None:
        """That use."""
        return open_use_of(self.person)

    @cached_property
    def has_passkey(self) -> bool:
        """Whether the person can prove themselves as it is asked."""
        methods = {FactorUse.Method(METHODS[type(device)]) for device in own_factors(self.person)}
        return not methods.isdisjoint(PHISHING_RESISTANT)

    @cached_property
    def waiting(self) -> AccessRequest | None:
        """The request for the same role that would be canceled."""
        usual = Asked(minutes=self.usual_minutes)
        return in_the_way(AccessRequest.objects.open(), self.eligibility, self.person, usual).first()

    @property
    def separated(self) -> str:
        """Why it may not be held together with what the person holds; "" when it may."""
        asked = Asked(minutes=self.usual_minutes)
        return why_activation_is_separated(self.eligibility.role, self.person, asked)

    @property
    def until(self) -> Any:
        """When it would end by itself with the time that is chosen before anything is touched."""
        standing = standing_of(self.eligibility, person=self.person, factor_is_fresh=True)
        asked = Asked(minutes=self.usual_minutes)
        return window(asked, decided_at=timezone.now(), eligible_until=standing.eligible_until)[1]


class ReviewForm(StrictForm):
    """What was found, and why."""

    finding = forms.ChoiceField(
        label=_("Your finding"),
        choices=EmergencyUse.Finding.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Say whether it was justified.")},
    )
    review = forms.CharField(
        label=_("Your review"),
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 3, "required": True, "placeholder": _("What you looked at, and what you found")}
        ),
    )


class EndForm(StrictForm):
    """Why it ends now."""

    justification = forms.CharField(
        label=_("Why"), required=False, widget=forms.TextInput(attrs={"required": True})
    )
