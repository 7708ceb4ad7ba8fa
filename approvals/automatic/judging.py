"""What a rule comes to on given inputs: one pure function, used to decide, to try, and to do it again later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from approvals.automatic.conditions import Condition, FaultyCondition, Inputs, read_conditions
from approvals.automatic.models import AutomaticDecision, AutomaticRule

#: what inputs raise that lack something or have it in another form
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)


@dataclass(frozen=True)
class Looked:
    """What one condition came to.

    Args:
        words: what it asks for.
        met: whether it is met; None where that cannot be told.
        why: what there was to see.
    """

    words: str
    met: bool | None
    why: str

    def as_json(self) -> dict[str, Any]:
        """For storing."""
        return {"words": self.words, "met": self.met, "why": self.why}


@dataclass(frozen=True)
class Judgement:
    """What a rule came to.

    Args:
        verdict: approve, deny, or None where the rule does not decide.
        is_known: False where it cannot be told whether it would.
        looked: what each condition came to.
    """

    verdict: str | None
    is_known: bool
    looked: tuple[Looked, ...]


@dataclass(frozen=True)
class Replay:
    """A decision done again.

    Args:
        same: whether it comes to what was decided; None where there is nothing to do again.
        says: the outcome as a sentence.
        judgement: what it comes to now.
    """

    same: bool | None
    says: str
    judgement: Judgement | None = None


def judge(says: Inputs, inputs: Inputs) -> Judgement:
    """What a rule comes to: its verdict where every condition is met, and nothing where one is not.

    One condition that is not met settles it, whatever the others are. Where none is unmet but one cannot be told,
    nobody can say whether the rule would decide, and it does not.

    Args:
        says: the rule: its ``verdict`` and ``conditions``.
        inputs: everything that is looked at; see ``approvals.automatic.gathering``.
    """
    try:
        conditions = read_conditions(says["conditions"])
        verdict = AutomaticRule.Verdict(says["verdict"]).value
    except (FaultyCondition, *UNREADABLE):
        return Judgement(None, False, (Looked(_("The rule cannot be read."), None, ""),))
    looked = tuple(look(condition, inputs) for condition in conditions)
    answers = [one.met for one in looked]
    if False in answers:
        return Judgement(None, True, looked)
    if None in answers:
        return Judgement(None, False, looked)
    return Judgement(verdict, True, looked)


def look(condition: Condition, inputs: Inputs) -> Looked:
    """What one condition comes to."""
    try:
        so, why = condition.look(inputs)
    except UNREADABLE:
        so, why = None, _("What it looks at was not there.")
    return Looked(condition.in_words(), None if so is None else so == condition.must_hold, why)


def as_said(rule: AutomaticRule) -> dict[str, Any]:
    """What a rule says, for keeping with a decision."""
    return {
        "key": rule.key,
        "version": rule.version,
        "name": rule.name,
        "verdict": rule.verdict,
        "conditions": rule.conditions,
    }


def replay(decision: AutomaticDecision) -> Replay:
    """Judge again what was judged then: the rule as it was kept, on the inputs as they were kept."""
    if decision.rule is None:
        return Replay(None, _("A web hook answered; its answer is kept, and there is nothing to do again."))
    found = judge(decision.says, decision.inputs)
    kept = {name: decision.says.get(name) for name in as_said(decision.rule)}
    if kept != as_said(decision.rule):
        return Replay(False, _("Different: the rule does not say any more what was kept with it."), found)
    if found.verdict != decision.verdict:
        return Replay(False, _("Different: on the same inputs the rule does not come to this."), found)
    reasons = decision.says.get("reasons") or []
    if [one.get("met") for one in reasons] != [one.met for one in found.looked]:
        return Replay(False, _("Different: a condition comes to something else."), found)
    return Replay(True, _("The same: the rule comes to the same verdict on the same inputs."), found)
