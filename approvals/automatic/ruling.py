"""Making automatic rules, making new versions of them, and retiring them."""

from __future__ import annotations

import re

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ROLE_ADMINISTRATORS, require
from accounts.mfa.freshness import act_digest, prove_act
from approvals.automatic.conditions import FaultyCondition, read_conditions
from approvals.automatic.models import AutomaticRule
from approvals.justifying import justification_of
from audit.journal.actor import Actor
from audit.journal.recording import journaled, save_as
from audit.journal.refusing import Overtaken, Refused, refusing_what_is_invalid

#: words that stand for something else in addresses
RESERVED = frozenset({"new", "calendars", "decisions"})
KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@journaled
def make_rule(rule: AutomaticRule, *, actor: Actor, justification: str) -> AutomaticRule:
    """Keep a rule, or another version of one. It decides nothing before role settings name it.

    Args:
        rule: not saved yet; its version is the next one of its key.

    Raises:
        NotAllowed: no duty for this.
        Refused: something is missing or not a condition, or another rule has the key.
        Overtaken: somebody made that version already.
        StepUpRequired: it decides in people's place, so it needs a second factor of its own.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    rule.name = rule.name.strip()
    check_key(rule)
    try:
        conditions = read_conditions(rule.conditions)
    except FaultyCondition as fault:
        raise Refused(fault.message, field=fault.field, code="faulty_condition") from fault
    rule.conditions = [one.as_json() for one in conditions]
    rule.author = actor.person
    with refusing_what_is_invalid():
        rule.full_clean(validate_constraints=False)
    why = justification_of(justification)
    act = act_digest(
        verb="make rule",
        key=rule.key,
        version=rule.version,
        name=rule.name,
        verdict=rule.verdict,
        conditions=rule.conditions,
        why=why,
    )
    what_for = _("The automatic rule “%(rule)s”") % {"rule": rule}
    prove_act(actor, act=act, what_for=what_for)
    save_as(rule, actor=actor, reason=why, force_insert=True)
    return rule


def check_key(rule: AutomaticRule) -> None:
    """Refuse a key that is none, or that is taken; a version must be the next one.

    Raises:
        Refused, Overtaken: as ``make_rule``.
    """
    if not rule._state.adding:
        raise Refused(_("What a rule says never changes. Make a new version."), code="rule_is_immutable")
    if not KEY.fullmatch(rule.key):
        raise Refused(_("Small letters, figures and hyphens, as in on-call-emea."), field="key")
    if rule.key in RESERVED:
        raise Refused(_("This key stands for something else. Choose another."), field="key")
    newest = AutomaticRule.objects.filter(key=rule.key).order_by("-version").first()
    if newest is None and rule.version != 1:
        raise Overtaken
    if newest is not None and rule.version == 1:
        raise Refused(_("There is a rule with this key. Make a new version of it."), field="key")
    if newest is not None and rule.version != newest.version + 1:
        raise Overtaken


@journaled
def retire_rule(rule: AutomaticRule, *, actor: Actor, justification: str) -> AutomaticRule:
    """Let a version of a rule decide nothing any more, for good; where settings still name it, people decide.

    Raises:
        NotAllowed: no duty for this.
        Refused: no justification.
        Overtaken: it is retired already.
        StepUpRequired: it needs a second factor of its own.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    current = AutomaticRule.objects.select_for_update().get(pk=rule.pk)
    if current.retired_at is not None:
        raise Overtaken(_("It is retired already."))
    why = justification_of(justification)
    act = act_digest(verb="retire rule", rule=current.reference, why=why)
    what_for = _("Retiring “%(rule)s”") % {"rule": current}
    prove_act(actor, act=act, what_for=what_for)
    current.retired_at = timezone.now()
    save_as(current, actor=actor, reason=why)
    return current
