"""What is wrong with a list of approvers in itself, whoever may ask. Pure: nothing here reads the database or the clock."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from approvals.settings.rules import Line, Rule
from roles.models import Approver
from roles.models.stages import ALL, MOST, Stage

Kind = Approver.Kind
MOST_AGREEING = 50
LONGEST_PATIENCE = 14 * 24 * 60  # minutes; no request waits longer


@dataclass(frozen=True)
class Fault:
    """One thing that cannot be.

    Args:
        stage: where; field: of the form of a stage that it is about.
    """

    stage: int
    field: str
    message: str


def faults_in(rule: Rule) -> list[Fault]:
    """Everything that is wrong with ``rule``, the first stage first; empty when it can be saved."""
    if len(rule.stages) > MOST:
        return [Fault(MOST, "add_approver", _("At most %(n)s stages.") % {"n": MOST})]
    found = []
    for number in rule.numbers:
        asked, further = rule.asked(number), rule.further(number)
        field, message = _fault_of(rule.stage(number), asked, further)
        if message:
            found.append(Fault(number, field, message))
    return found


def _fault_of(stage: Stage, asked: tuple[Line, ...], further: tuple[Line, ...]) -> tuple[str, str]:
    both = {line.who for line in asked} & {line.who for line in further}
    after = stage.escalate_after
    countable = all(line.kind in (Kind.PERSON, Kind.MANAGER) for line in asked)
    if not asked:
        return "add_approver", _("Name who is asked at this stage, or remove it.")
    if stage.quorum != ALL and not 1 <= stage.quorum <= MOST_AGREEING:
        return "least", _("From 1 to %(n)s people must agree.") % {"n": MOST_AGREEING}
    if countable and stage.quorum > len(asked):
        named = ngettext("Only %(n)s person is named", "Only %(n)s people are named", len(asked))
        words = _("%(named)s, and %(m)s must agree.")
        return "least", words % {"named": named % {"n": len(asked)}, "m": stage.quorum}
    if after is not None and not 1 <= after <= LONGEST_PATIENCE:
        return "after", _("From 1 minute to %(n)s days.") % {"n": LONGEST_PATIENCE // (24 * 60)}
    if after is not None and not further:
        return "add_further", _("Name who may decide then, or leave the time empty.")
    if further and after is None:
        return "after", _("Say after how long they may decide too.")
    if both:
        return "add_further", _("Whoever is asked at once cannot be asked later too.")
    return "", ""
