"""What would come of an activation if it were asked for now: a dry run, for the form and for code alike.

It asks the functions that ``request_activation`` asks, in their order, and writes nothing. What nobody can know beforehand
stays open: what a web hook answers, and when who decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from accounts.models import User
from approvals.automatic.deciding import heard_for
from approvals.automatic.models import AutomaticRule
from approvals.foreseeing import StageAhead, stages_ahead
from approvals.hooks.models import Hook
from approvals.mine import Choice
from approvals.requesting import check_nothing_in_the_way, prepared, standing_of
from approvals.separated import check_activation
from audit.journal.refusing import Refused
from roles.effective import Layers, layers_at
from roles.models import EffectiveSettings, Eligibility, Factor
from roles.requirements import (
    SECOND_FACTOR,
    Asked,
    Standing,
    Unmet,
    effect_in_words,
    unmet_requirements,
    window,
)

IN_FORCE, SCHEDULED = "in_force", "scheduled"
WAITS_FOR_HOOK, WAITS_FOR_APPROVAL = "waits_for_hook", "waits_for_approval"
DENIED, REFUSED = "denied", "refused"


@dataclass(frozen=True)
class Forecast:
    """What would come of an activation.

    Args:
        leads_to: what comes of it once everything is filled in: ``in_force`` (put in force at once), ``scheduled`` (for
            its start), ``waits_for_hook``, ``waits_for_approval`` or ``denied`` (by an automatic rule).
        asked: what it is of.
        role_settings: those it would be asked under.
        standing: what is so for the person.
        starts_at, ends_at: its window as it would be if it were decided now.
        in_the_way: why it would be refused whatever is filled in.
        unmet: what is not filled in as role settings ask, the second factor apart.
        second_factor: what is asked of the person: "", ``second_factor`` or ``passkey``.
        hook: the name of the web hook that is asked first.
        rule: the automatic rule that would decide, as things stand.
        stages: who would decide, in their order.
    """

    leads_to: str
    asked: Asked
    role_settings: EffectiveSettings
    standing: Standing
    starts_at: datetime
    ends_at: datetime
    in_the_way: tuple[Refused, ...] = ()
    unmet: tuple[Unmet, ...] = ()
    second_factor: str = ""
    hook: str = ""
    rule: AutomaticRule | None = None
    stages: tuple[StageAhead, ...] = ()

    @property
    def outcome(self) -> str:
        """What comes of it as it is: what it ``leads_to``, or ``refused`` (not even filed)."""
        return REFUSED if self.in_the_way or self.unmet else self.leads_to

    @property
    def why_not(self) -> str:
        """What a form cannot mend: why it would be refused, or denied, whatever is filled in; "" when it would not."""
        if self.in_the_way:
            return str(self.in_the_way[0].message)
        if self.leads_to == DENIED:
            return _("The rule “%(rule)s” would deny it.") % {"rule": self.rule}
        return ""

    def sentence(self, *, role: str, clock: Callable[[datetime], str]) -> SafeString:
        """What will happen, in words; see ``effect_in_words``.

        Args:
            role: the role's name, escaped.
        """
        said, first = self.role_settings, ""
        if not self.hook:  # what the rules come to is known already
            said = replace(said, approval_required=self.leads_to == WAITS_FOR_APPROVAL, automatic="")
        if self.rule is not None:
            first = format_html(_("Approved by the rule “{}”, as things stand."), self.rule) + " "
        words = effect_in_words(said, self.asked, self.standing, role=role, clock=clock)
        return mark_safe(first + words)  # noqa: S308  role and hours come escaped, the rest is the portal's own

    def as_json(self) -> dict[str, Any]:
        """The same answer for code."""
        refusals = [Unmet(one.field, one.code, str(one.message)) for one in self.in_the_way]
        return {
            "outcome": self.outcome,
            "startsAt": self.starts_at.isoformat(),
            "endsAt": self.ends_at.isoformat(),
            "secondFactor": self.second_factor,
            "refusals": [
                {"field": one.field, "code": one.code, "message": one.message}
                for one in (*refusals, *self.unmet)
            ],
            "webHook": self.hook,
            "rule": self.rule.reference if self.rule else "",
            "stages": [str(stage) for stage in self.stages],
        }


def forecast(
    eligibility: Eligibility, *, person: User, asked: Asked, choice: Choice | None = None
) -> Forecast:
    """What would come of it if ``person`` asked to activate ``eligibility`` now, and gave the second factor.

    Args:
        asked: what they would ask.
        choice: how it stands for them, where ``choices_of`` was just asked that.

    Raises:
        Refused: it is asked for at a scope that is no part of what one is eligible at.
    """
    if asked.scope is not None:
        choice = None  # it tells how all that one is eligible at stands
    layers = choice.layers if choice else layers_at(eligibility.role, asked.scope or eligibility.scope)
    role_settings = layers.effective
    standing = standing_of(eligibility, person=person, factor_is_fresh=False, place=asked.scope)
    starts_at, ends_at = window(asked, decided_at=standing.now, eligible_until=standing.eligible_until)
    unmet = unmet_requirements(role_settings, asked, standing)
    codes = {one.code for one in unmet}
    found = Forecast(
        leads_to=SCHEDULED if starts_at > standing.now else IN_FORCE,
        asked=asked,
        role_settings=role_settings,
        standing=standing,
        starts_at=starts_at,
        ends_at=ends_at,
        in_the_way=_in_the_way(eligibility, person, asked, choice),
        unmet=tuple(one for one in unmet if one.code != SECOND_FACTOR),
        second_factor=_factor_of(role_settings) if SECOND_FACTOR in codes else "",
    )
    return _decided(found, eligibility, person, layers)


def _decided(found: Forecast, eligibility: Eligibility, person: User, layers: Layers) -> Forecast:
    """The forecast with what decides on it, as ``proceeding`` goes on: the hook, the rules, the approvers."""
    asks_people = found.role_settings.approval_required
    stages = tuple(stages_ahead(eligibility, person, layers)) if asks_people else ()
    if found.role_settings.hook:
        hook = Hook.objects.filter(key=found.role_settings.hook).first()
        name = str(hook or found.role_settings.hook)
        return replace(found, leads_to=WAITS_FOR_HOOK, hook=name, stages=stages)
    asked = prepared(eligibility, person=person, asked=found.asked, role_settings=found.role_settings)
    heard, _inputs = heard_for(asked)
    if heard.rule is not None:
        is_denied = heard.rule.verdict == AutomaticRule.Verdict.DENY
        return replace(found, rule=heard.rule, leads_to=DENIED if is_denied else found.leads_to)
    if asks_people or heard.unclear:
        return replace(found, leads_to=WAITS_FOR_APPROVAL, stages=stages)
    return found


def _in_the_way(
    eligibility: Eligibility, person: User, asked: Asked, choice: Choice | None
) -> tuple[Refused, ...]:
    """What stops it before anything is looked at: it is held, it waits, it is over, or must not be held together."""
    try:
        if choice is None:
            check_nothing_in_the_way(eligibility, person, asked)
        elif choice.in_the_way:
            raise Refused(choice.in_the_way)
        check_activation(eligibility.role, person, asked)
    except Refused as refused:
        return (refused,)
    return ()


def _factor_of(role_settings: EffectiveSettings) -> str:
    return "passkey" if role_settings.factor == Factor.PASSKEY else SECOND_FACTOR
