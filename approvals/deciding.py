"""Answering a request."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.closing import fail_request, tell_requester, why_not_any_more
from approvals.models import AccessRequest, Decision
from approvals.permissions import check_may_decide
from approvals.requesting import carry_out
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import move_to
from audit.journal.plain import storable
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken, Refused
from roles.requirements import LONGEST_JUSTIFICATION

Verdict = Decision.Verdict


class NoLongerPossible(Overtaken):
    """What the request rests on has ended since it was asked."""

    code = "no_longer_possible"


def outcome_of(decisions: Iterable[Decision]) -> str | None:
    """What the decisions made so far come to: approve, deny, or None while more are needed.

    One stage, any one approver: the first answer that is not void counts.
    """
    for decision in decisions:
        if decision.void_at is None:
            return decision.verdict
    return None


def decide(access_request: AccessRequest, *, actor: Actor, verdict: str, justification: str = "") -> Decision:
    """Approve or deny a request.

    Args:
        verdict: one of ``Decision.Verdict``.
        justification: needed to deny.

    Raises:
        NotAllowed: it is one's own, or one is not among its approvers.
        Overtaken: somebody was faster, it was canceled, or its time is over; the message names who and what.
        NoLongerPossible: the eligibility has ended or the person was disabled since; the request is closed with that.
        Refused: neither yes nor no, a denial without a justification, or one that is too long.
    """
    try:
        return _decide(
            access_request, actor=actor, verdict=verdict, justification=storable(justification.strip())
        )
    except NoLongerPossible as gone:
        # In a transaction of its own: the refusal has taken back everything else. The sweep may have been faster.
        with suppress(Overtaken):
            fail_request(AccessRequest.objects.get(pk=access_request.pk), actor=PORTAL, why=gone.message)
        raise


@journaled
def _decide(access_request: AccessRequest, *, actor: Actor, verdict: str, justification: str) -> Decision:
    # Asked anew under the lock: the caller's copy may be as old as the page it was shown on.
    current = (
        AccessRequest.objects.select_for_update(of=["self"])
        .select_related("role__directory", "scope", "holder", "requester", "eligibility")
        .get(pk=access_request.pk)
    )
    if not current.is_open:
        raise Overtaken(_how_it_ended(current))
    check_may_decide(actor.person, current)
    if verdict not in Verdict.values:
        raise Refused(_("Approve or deny."), code="no_verdict")
    if verdict == Verdict.DENY and not justification:
        raise Refused(
            _("Say why you deny it. %(who)s will read it.") % {"who": current.holder}, field="justification"
        )
    if len(justification) > LONGEST_JUSTIFICATION:
        raise Refused(
            _("A justification has at most %(n)s characters.") % {"n": LONGEST_JUSTIFICATION},
            field="justification",
        )
    if verdict == Verdict.APPROVE and (why := why_not_any_more(current)):
        raise NoLongerPossible(why)
    decision = Decision.objects.create(
        access_request=current, approver=actor.person, verdict=verdict, justification=justification
    )
    outcome = outcome_of(current.decisions.all())
    if outcome == Verdict.APPROVE:
        carry_out(current, actor=actor, action="activation.approved", justification=justification)
        tell_requester(current, notice="approvals/activation_approved", actor=actor, decision=decision)
    elif outcome == Verdict.DENY:
        move_to(
            current,
            AccessRequest.Status.DENIED,
            actor=actor,
            action="activation.denied",
            justification=justification,
            closed_at=timezone.now(),
        )
        tell_requester(current, notice="approvals/activation_denied", actor=actor, decision=decision)
    return decision


def _how_it_ended(access_request: AccessRequest) -> str:
    """One honest sentence for who came too late."""
    last = access_request.decisions.filter(void_at=None).select_related("approver").last()
    if last is not None:
        verdict = _("approved") if last.verdict == Verdict.APPROVE else _("denied")
        return _("%(who)s was faster and %(verdict)s %(number)s.") % {
            "who": last.approver,
            "verdict": verdict,
            "number": access_request.number,
        }
    if access_request.status == AccessRequest.Status.CANCELED:
        return _("%(who)s has canceled %(number)s.") % {
            "who": access_request.requester,
            "number": access_request.number,
        }
    if (
        access_request.status in AccessRequest.WAITING
        or access_request.status == AccessRequest.Status.TIMED_OUT
    ):
        return _("%(number)s was not decided in time and has lapsed.") % {"number": access_request.number}
    return _("%(number)s is closed: %(why)s") % {
        "number": access_request.number,
        "why": access_request.outcome_note or access_request.get_status_display(),
    }
