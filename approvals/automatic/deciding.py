"""Whether an automatic rule decides on a request, and writing down that it has.

What cannot be told is left to people. A rule that denies and cannot be judged, was retired or is not there keeps every
other rule from approving; and where no approval is asked at all, the role administrators are asked then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from approvals.automatic.conditions import Condition, FaultyCondition, read_conditions
from approvals.automatic.gathering import inputs_for
from approvals.automatic.judging import UNREADABLE, Judgement, as_said, judge
from approvals.automatic.models import AutomaticDecision, AutomaticRule
from approvals.closing import noun_of
from approvals.content import is_as_filed
from approvals.models import AccessRequest, FrozenApprover
from approvals.staging import save_quietly
from audit.journal.actor import PORTAL
from audit.journal.recording import record
from roles.effective import settings_at
from roles.models.stages import Stage, as_stored

Verdict = AutomaticRule.Verdict


@dataclass(frozen=True)
class Heard:
    """What the rules that settings name come to.

    Args:
        rule: the one that decides; None where none does.
        judgement: what it came to.
        unclear: references of rules that may deny, and of which nobody can tell whether they would.
    """

    rule: AutomaticRule | None = None
    judgement: Judgement | None = None
    unclear: tuple[str, ...] = ()


def decided_by_rule(access_request: AccessRequest) -> AutomaticDecision | None:
    """The decision of the automatic rules that the settings of a request name; None where none of them applies.

    A rule that denies is heard before one that approves, and one that approves only where an approval is asked at all
    and the settings name it both in the request and at this moment. What is returned is saved; carrying it out is the
    caller's. Where a rule that may deny cannot be judged, none approves, and the request then has a stage of approvers
    (``stages``) even if no approval was asked.
    """
    if not access_request.asked_under.automatic_rules:
        return None
    heard, inputs = heard_for(access_request)
    if heard.unclear:
        leave_to_people(access_request, heard)
        return None
    if heard.rule is None or heard.judgement is None:
        return None
    return write_down(access_request, heard.rule, heard.judgement, inputs)


def heard_for(access_request: AccessRequest) -> tuple[Heard, dict[str, Any]]:
    """What the rules come to on a request, and what they looked at. Writes nothing: the request need not be saved."""
    references = access_request.asked_under.automatic_rules
    rules = rules_named(references)
    inputs = inputs_for(access_request, conditions_of(rules.values()))
    return hear(access_request, references, rules, inputs), inputs


def hear(
    access_request: AccessRequest,
    references: Iterable[str],
    rules: dict[str, AutomaticRule],
    inputs: dict[str, Any],
) -> Heard:
    """Judge what settings name, what denies first, in the order they name it."""
    unclear = [one for one in references if one not in rules or may_deny_and_is_retired(rules[one])]
    in_use = [rules[one] for one in references if one in rules and rules[one].retired_at is None]
    for rule in in_use:
        if rule.verdict == Verdict.DENY:
            found = judge(as_said(rule), inputs)
            if found.verdict is not None:
                return Heard(rule, found)
            if not found.is_known:
                unclear.append(rule.reference)
    if unclear:
        return Heard(unclear=tuple(unclear))
    if not access_request.asked_under.approval_required or not is_as_filed(access_request):
        return Heard()
    for rule in in_use:
        if rule.verdict == Verdict.APPROVE:
            found = judge(as_said(rule), inputs)
            if found.verdict is not None and is_named_now(rule, access_request):
                return Heard(rule, found)
    return Heard()


def may_deny_and_is_retired(rule: AutomaticRule) -> bool:
    """Whether settings still rely on a rule to deny that does not any more."""
    return rule.verdict == Verdict.DENY and rule.retired_at is not None


def is_named_now(rule: AutomaticRule, access_request: AccessRequest) -> bool:
    """Whether settings name a rule at this moment: a request may have waited for a web hook since it was filed."""
    return rule.reference in settings_at(access_request.role, access_request.scope).automatic_rules


def rules_named(references: Iterable[str]) -> dict[str, AutomaticRule]:
    """The rules that go by these references, retired ones too. One query."""
    wanted = set(references)
    keys = {reference.rpartition(".")[0] for reference in wanted}
    return {
        rule.reference: rule
        for rule in AutomaticRule.objects.filter(key__in=keys)
        if rule.reference in wanted
    }


def conditions_of(rules: Iterable[AutomaticRule]) -> list[Condition]:
    """All conditions of ``rules`` that can be read; what cannot is found out when they are judged."""
    found: list[Condition] = []
    for rule in rules:
        try:
            found += read_conditions(rule.conditions)
        except (FaultyCondition, *UNREADABLE):
            continue
    return found


def write_down(
    access_request: AccessRequest, rule: AutomaticRule, found: Judgement, inputs: dict[str, Any]
) -> AutomaticDecision:
    """Keep the decision with all that was looked at, and tell the journal."""
    reasons = [one.as_json() for one in found.looked]
    record(
        f"{noun_of(access_request)}.decided_by_rule",
        actor=PORTAL,
        subject=access_request,
        detail={
            "rule": rule.reference,
            "name": rule.name,
            "verdict": rule.verdict,
            "content": access_request.digest,
            "reasons": [f"{one.words} {one.why}".strip() for one in found.looked],
        },
    )
    return AutomaticDecision.objects.create(
        access_request=access_request,
        rule=rule,
        verdict=rule.verdict,
        digest=access_request.digest,
        says=as_said(rule) | {"reasons": reasons},
        inputs=inputs,
    )


def leave_to_people(access_request: AccessRequest, heard: Heard) -> None:
    """Say that no rule decides because one that may deny cannot be judged, and let somebody be asked in any case."""
    record(
        f"{noun_of(access_request)}.left_to_people",
        actor=PORTAL,
        subject=access_request,
        detail={"rules": list(heard.unclear)},
    )
    if not access_request.asked_under.approval_required:
        access_request.stages = as_stored([Stage()])
        save_quietly(access_request, "stages")
        FrozenApprover.objects.create(access_request=access_request, kind=FrozenApprover.ADMINISTRATORS)
