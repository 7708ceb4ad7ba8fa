"""Applying a file of assignments: what its preview showed, all of it or nothing."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.mfa.freshness import act_digest
from approvals.changing import Change, file_and_bring_about
from approvals.filing import check_may_manage, prove
from approvals.granting import give
from approvals.import_plan import CHANGED, NEW, REFUSED, REMOVED, Plan, plan_of
from approvals.removing import take_away
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record
from audit.journal.refusing import Overtaken, Refused
from roles.effective import layers_for
from roles.requirements import ACTIVE


@journaled
def import_assignments(text: str, *, actor: Actor, digest: str) -> Plan:
    """Change what the file with this text says, exactly as its preview showed it.

    Args:
        digest: ``Plan.digest`` of the preview.

    Raises:
        Refused: it cannot be read, one of its lines is not possible, or it changes nothing.
        Overtaken: the world has changed since the preview.
        StepUpRequired: role settings ask for a second factor of who makes somebody active.
    """
    plan = plan_of(text, actor=actor)
    if plan.digest != digest:
        raise Overtaken(_("Something has changed since the preview. Look at it again."))
    if plan.counts[REFUSED]:
        raise Refused(_("Nothing is applied as long as a line is refused."))
    rows = {state: [row for row in plan.rows if row.state == state] for state in (NEW, CHANGED, REMOVED)}
    if not plan.changes:
        raise Refused(_("This file changes nothing."))
    wishes = [row.wish for state in (NEW, CHANGED) for row in rows[state] if row.wish is not None]
    check_may_manage((row.wish.role for row in plan.rows if row.wish is not None), actor=actor)
    evidence = None
    layers = layers_for((wish.role, wish.scope) for wish in wishes)
    strict = [
        wish
        for wish in wishes
        if wish.asked.kind == ACTIVE and layers[wish.role.pk, wish.scope.pk].effective.active_factor
    ]
    if strict and actor.person is not None:
        act = act_digest(verb="import", person=actor.person.pk, digest=digest)
        evidence = prove(actor, act=act, wishes=strict)
    gone = [(row.held, row.wish) for row in rows[REMOVED] if row.held is not None and row.wish is not None]
    whys = [wish.asked.justification for _held, wish in gone]
    take_away([held for held, _wish in gone], actor=actor, justifications=whys)
    other = [
        Change(row.held, row.wish.asked)
        for row in rows[CHANGED]
        if row.held is not None and row.wish is not None
    ]
    file_and_bring_about(other, actor=actor, evidence=evidence)
    give([row.wish for row in rows[NEW] if row.wish is not None], actor=actor, evidence=evidence)
    record("assignments.imported", actor=actor, detail=plan.counts | {"digest": digest})
    return plan
