"""Answering a request."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.closing import fail_request, notice_of, noun_of, tell_requester, why_not_any_more
from approvals.extending import EXTENSIONS, Given, carry_out_extension, suggested, why_not_to_be_kept
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


def decide(
    access_request: AccessRequest,
    *,
    actor: Actor,
    verdict: str,
    justification: str = "",
    given: Given | None = None,
) -> Decision:
    """Approve or deny a request.

    Args:
        verdict: one of ``Decision.Verdict``.
        justification: needed to deny.
        given: what is given when an extension or renewal is approved. An extension has a usual answer when left out.

    Raises:
        NotAllowed: it is one's own, or one is not among its approvers.
        Overtaken: somebody was faster, it was canceled, or its time is over; the message names who and what.
        NoLongerPossible: the eligibility has ended or the person was disabled since; the request is closed with that.
        Refused: neither yes nor no, a denial without a justification, or one that is too long; a renewal of which
            kind and end were not said, or more than role settings allow.
        StepUpRequired: role settings ask for a second factor of who makes somebody active.
    """
    try:
        return _decide(
            access_request,
            actor=actor,
            verdict=verdict,
            justification=storable(justification.strip()),
            given=given,
        )
    except NoLongerPossible as gone:
        # In a transaction of its own: the refusal has taken back everything else. The sweep may have been faster.
        with suppress(Overtaken):
            fail_request(AccessRequest.objects.get(pk=access_request.pk), actor=PORTAL, why=gone.message)
        raise


@journaled
def _decide(
    access_request: AccessRequest, *, actor: Actor, verdict: str, justification: str, given: Given | None
) -> Decision:
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
    extends = current.act in EXTENSIONS
    if verdict == Verdict.APPROVE and (
        why := why_not_to_be_kept(current) if extends else why_not_any_more(current)
    ):
        raise NoLongerPossible(why)
    decision = Decision(
        access_request=current, approver=actor.person, verdict=verdict, justification=justification
    )
    if extends and verdict == Verdict.APPROVE:
        given = given_for(current, given)
        decision.given_kind, decision.given_end = given.kind, given.ends_at
        decision.given_start = given.starts_at
    else:
        given = None
    decision.save()
    outcome = outcome_of(current.decisions.all())
    if outcome == Verdict.APPROVE:
        if given is not None:
            carry_out_extension(current, decision, given, actor=actor)
        else:
            carry_out(current, actor=actor, action="activation.approved", justification=justification)
        tell_requester(current, notice=notice_of(current, "approved"), actor=actor, decision=decision)
    elif outcome == Verdict.DENY:
        move_to(
            current,
            AccessRequest.Status.DENIED,
            actor=actor,
            action=f"{noun_of(current)}.denied",
            justification=justification,
            closed_at=timezone.now(),
        )
        tell_requester(current, notice=notice_of(current, "denied"), actor=actor, decision=decision)
    return decision


def given_for(access_request: AccessRequest, given: Given | None) -> Given:
    """What an approval gives: as said; for an extension the usual when nothing was said.

    Raises:
        Refused: a renewal of which kind and end were not said.
    """
    if given is None and access_request.act == AccessRequest.Act.RENEW:
        raise Refused(_("Say until when, and as what."), field="given_end")
    return given or suggested(access_request)


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
