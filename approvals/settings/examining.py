"""What a change of role settings would come to, before it is made: what it weakens, whom it locks out, what differs."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from approvals.settings.locking_out import locked_out
from approvals.settings.places import Document, Place, Rule
from approvals.settings.rules import names_of
from approvals.settings.standing import rule_of
from approvals.settings.weighing import Eased, approval_eased, safeguards_lost
from roles.effective import Layers, layers_for
from roles.models import EffectiveSettings, Risk, Role, Scope


@dataclass(frozen=True)
class Reach:
    """What the change means for one role at one scope."""

    role: Role
    scope: Scope | None
    before: EffectiveSettings
    after: EffectiveSettings
    rule_before: Rule
    rule_after: Rule

    @property
    def changes(self) -> bool:
        """Whether anything is different here."""
        return self.before != self.after or self.rule_before != self.rule_after

    @property
    def where(self) -> str:
        """The role, and the scope where it is not the whole directory."""
        return f"{self.role} · {self.scope}" if self.scope else str(self.role)


@dataclass(frozen=True)
class Finding:
    """What would come of it.

    Args:
        reaches: each role and scope where something would be different.
        weakens: sentences about privileged roles that would lose a safeguard.
        locked_out: sentences about people who would have nobody to decide for them.
    """

    reaches: list[Reach] = field(default_factory=list)
    weakens: list[str] = field(default_factory=list)
    locked_out: list[str] = field(default_factory=list)


def is_privileged(role: Role) -> bool:
    """Whether weakening the role's settings takes two: high risk, a duty of the portal, or protected."""
    return role.risk == Risk.HIGH or role.directory.is_portal or role.least_holders > 0


def examine(place: Place, before: Document, after: Document) -> Finding:
    """What it would come to if ``place`` said ``after`` where it says ``before``. Changes nothing."""
    finding = Finding()
    for reach in reaches_of(place, after):
        if not reach.changes:
            continue
        finding.reaches.append(reach)
        lost = safeguards_lost(reach.before, reach.after)
        if reach.before.approval_required and reach.after.approval_required:
            lost += map(eased_in_words, approval_eased(reach.rule_before, reach.rule_after))
        if lost and is_privileged(reach.role):
            finding.weakens.append(f"{reach.where}: {', '.join(lost)}.")
        # What one role says is saved only when it is sound; a directory answers for what it changes in its roles.
        answers = place.role or reach.rule_before != reach.rule_after or not reach.before.approval_required
        if reach.after.approval_required and answers:
            sentence = locked_out(reach.role, reach.rule_after)
            if sentence:
                finding.locked_out.append(sentence)
    kept, keeps = before.least_holders, after.least_holders
    if kept is not None and keeps is not None and keeps < kept:
        finding.weakens.append(
            _("%(place)s: only %(n)s must always hold it, not %(m)s.")
            % {"place": place, "n": keeps, "m": kept}
        )
    return finding


def eased_in_words(eased: Eased) -> str:
    """A clause that says in what a list of approvers asks less."""
    said = {"stage": eased.stage, "names": names_of(eased.lines)}
    first = {
        "stages": _("fewer stages of approval"),
        "gained": _("also approved by %(names)s"),
        "quorum": _("fewer who must agree"),
        "sooner": _("others may decide sooner"),
    }
    later = {
        "gained": _("also approved at stage %(stage)s by %(names)s"),
        "quorum": _("fewer who must agree at stage %(stage)s"),
        "sooner": _("others may decide sooner at stage %(stage)s"),
    }
    return (first | later if eased.stage > 1 else first)[eased.what] % said


def reaches_of(place: Place, after: Document) -> list[Reach]:
    """What counts now and what would count, for each role and scope that ``place`` can reach."""
    there = place.reached()
    wanted = place.blank()
    after.write_on(wanted)
    now, then = layers_for(there), layers_for(there, instead=wanted)
    known: dict[int, Rule] = {}

    def rule(layers: Layers) -> Rule:
        source = layers.source_of("approvers")
        if source is None:
            return Rule()
        if source is wanted:
            return after.rule or Rule()
        if source.pk not in known:
            known[source.pk] = rule_of(layers)
        return known[source.pk]

    return [
        Reach(
            role,
            scope,
            before=now[role.pk, scope.pk if scope else None].effective,
            after=then[role.pk, scope.pk if scope else None].effective,
            rule_before=rule(now[role.pk, scope.pk if scope else None]),
            rule_after=rule(then[role.pk, scope.pk if scope else None]),
        )
        for role, scope in there
    ]
