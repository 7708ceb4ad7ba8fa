"""Answering a request."""

from __future__ import annotations

from contextlib import suppress

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.mfa.freshness import act_digest, prove_act
from accounts.models import FactorUse
from approvals.closing import fail_request, notice_of, noun_of, tell_requester, why_not_any_more
from approvals.content import is_as_filed
from approvals.extending import EXTENSIONS, Given, carry_out_extension, suggested, why_not_to_be_kept
from approvals.models import AccessRequest, Decision
from approvals.permissions import check_may_decide, whom_for
from approvals.proceeding import carry_out
from approvals.prolonging import carry_out_longer, why_not_longer
from approvals.staging import begin_stage, everybody_asked, outcome_of
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import move_to
from audit.journal.plain import storable
from audit.journal.recording import journaled, record
from audit.journal.refusing import Overtaken, Refused
from roles.requirements import LONGEST_JUSTIFICATION
from roles.wording import in_words

Verdict = Decision.Verdict


class NoLongerPossible(Overtaken):
    """What the request rests on has ended since it was asked."""

    code = "no_longer_possible"


def decide(
    access_request: AccessRequest,
    *,
    actor: Actor,
    verdict: str,
    justification: str = "",
    minutes: int | None = None,
    given: Given | None = None,
) -> Decision:
    """Approve or deny a request, at the stage that waits.

    Args:
        verdict: one of ``Decision.Verdict``.
        justification: needed to deny.
        minutes: where an activation is approved for a shorter time than was asked for; never for longer.
        given: what is given when an extension or renewal is approved. An extension has a usual answer when left out.

    Raises:
        NotAllowed: it is one's own, or one is not among its approvers.
        Overtaken: somebody was faster, it was canceled, or its time is over; the message names who and what.
        NoLongerPossible: the eligibility has ended or the person was disabled since; the request is closed with that.
        Refused: neither yes nor no, a denial without a justification, or one that is too long; a longer time than
            was asked for; a renewal of which kind and end were not said, or more than role settings allow.
        StepUpRequired: role settings ask for a second factor of who decides, or of who makes somebody active.
    """
    try:
        return _decide(
            access_request,
            actor=actor,
            verdict=verdict,
            justification=storable(justification.strip()),
            minutes=minutes,
            given=given,
        )
    except NoLongerPossible as gone:
        # In a transaction of its own: the refusal has taken back everything else. The sweep may have been faster.
        with suppress(Overtaken):
            fail_request(AccessRequest.objects.get(pk=access_request.pk), actor=PORTAL, why=gone.message)
        raise


@journaled
def _decide(
    access_request: AccessRequest,
    *,
    actor: Actor,
    verdict: str,
    justification: str,
    minutes: int | None,
    given: Given | None,
) -> Decision:
    # Asked anew under the lock: the caller's copy may be as old as the page it was shown on.
    current = AccessRequest.objects.locked(access_request)
    if not current.is_open:
        raise Overtaken(_how_it_ended(current))
    check_may_decide(actor.person, current)
    _check_answer(current, verdict, justification)
    if verdict == Verdict.APPROVE and (why := why_not_to_be_approved(current)):
        raise NoLongerPossible(why)
    decision = Decision(
        access_request=current,
        approver=actor.person,
        verdict=verdict,
        justification=justification,
        stage=current.stage,
        stands_in_for=whom_for(current, actor.person),
        digest=current.digest,
    )
    if verdict == Verdict.APPROVE and current.act in EXTENSIONS:
        given = given_for(current, given)
        decision.given_kind, decision.given_end = given.kind, given.ends_at
        decision.given_start = given.starts_at
    else:
        given = None
    if verdict == Verdict.APPROVE and given is None:
        decision.given_minutes = shortened(current, minutes)
    decision.factor_use = _prove(current, decision, actor=actor)
    decision.save()
    if given is not None:
        carry_out_extension(current, decision, given, actor=actor)
        tell_requester(current, notice=notice_of(current, "approved"), actor=actor, decision=decision)
    elif conclude(current, decision, actor=actor) is None and verdict == Verdict.APPROVE:
        note_approval(current, decision, actor=actor)
    return decision


def conclude(access_request: AccessRequest, decision: Decision, *, actor: Actor) -> str | None:
    """Let the decisions made so far count: the next stage is asked, or it is carried out, or denied.

    Whoever calls it has just asked ``why_not_to_be_approved``.

    Args:
        decision: the latest one.

    Returns:
        What the present stage came to; None while it waits for more.
    """
    made = list(access_request.decisions.filter(digest=access_request.digest))
    stage, number = access_request.present_stage, access_request.stage
    outcome = outcome_of(made, stage, number=number, everybody=everybody_asked(access_request))
    if outcome == Verdict.DENY:
        _deny(access_request, decision, actor=actor)
    elif outcome == Verdict.APPROVE and number < len(access_request.all_stages):
        note_approval(access_request, decision, actor=actor)
        begin_stage(access_request, number + 1, actor=PORTAL)
    elif outcome == Verdict.APPROVE:
        least = min((one.given_minutes for one in made if one.given_minutes), default=None)
        carry = carry_out_longer if access_request.act == AccessRequest.Act.PROLONG else carry_out
        action, why = f"{noun_of(access_request)}.approved", decision.justification
        carry(access_request, actor=actor, action=action, minutes=least, justification=why)
        tell_requester(
            access_request, notice=notice_of(access_request, "approved"), actor=actor, decision=decision
        )
    return outcome


def _check_answer(access_request: AccessRequest, verdict: str, justification: str) -> None:
    if verdict not in Verdict.values:
        raise Refused(_("Approve or deny."), code="no_verdict")
    if verdict == Verdict.DENY and not justification:
        raise Refused(
            _("Say why you deny it. %(who)s will read it.") % {"who": access_request.holder},
            field="justification",
        )
    if len(justification) > LONGEST_JUSTIFICATION:
        raise Refused(
            _("A justification has at most %(n)s characters.") % {"n": LONGEST_JUSTIFICATION},
            field="justification",
        )


def why_not_to_be_approved(access_request: AccessRequest) -> str:
    """Why a request could not be approved at this moment; "" when it could."""
    if not is_as_filed(access_request):
        return _("What is asked was changed after it was filed.")
    if access_request.act in EXTENSIONS:
        return why_not_to_be_kept(access_request)
    if access_request.act == AccessRequest.Act.PROLONG:
        return why_not_longer(access_request)
    return why_not_any_more(access_request)


def shortened(access_request: AccessRequest, minutes: int | None) -> int | None:
    """For how long an approval is, where it is for less than was asked for; None where it is for all of it.

    Raises:
        Refused: it is longer than was asked for, or shorter than any activation.
    """
    asked = access_request.minutes or 0
    if minutes is None or minutes == asked:
        return None
    if minutes > asked:
        raise Refused(
            _("%(who)s asked for %(time)s. You may shorten it, not lengthen it.")
            % {"who": access_request.holder, "time": in_words(asked)},
            field="minutes",
        )
    # More time with what is active already may be as little as one likes.
    floor = 1 if access_request.act == AccessRequest.Act.PROLONG else settings.MINIMUM_DURATION_MINUTES
    if minutes < floor:
        raise Refused(_("The shortest activation is %(n)s minutes.") % {"n": floor}, field="minutes")
    return minutes


def _prove(access_request: AccessRequest, decision: Decision, *, actor: Actor) -> FactorUse | None:
    """The second factor of who decides, bound to what is asked and to the answer; None where settings ask for none."""
    if not access_request.asked_under.approval_factor or actor.person is None:
        return None
    act = act_digest(
        verb="decide",
        access_request=access_request.pk,
        digest=access_request.digest,
        verdict=decision.verdict,
        minutes=decision.given_minutes,
        stage=access_request.stage,
    )
    what_for = _("Deciding on %(number)s") % {"number": access_request.number}
    return prove_act(actor, act=act, what_for=what_for)


def note_approval(access_request: AccessRequest, decision: Decision, *, actor: Actor) -> None:
    """Write down an approval that is not the last one needed."""
    record(
        f"{noun_of(access_request)}.stage_approved",
        actor=actor,
        subject=access_request,
        justification=decision.justification,
        detail={"stage": decision.stage, "content": decision.digest},
        **access_request.journal_context(),
    )


def _deny(access_request: AccessRequest, decision: Decision, *, actor: Actor) -> None:
    move_to(
        access_request,
        AccessRequest.Status.DENIED,
        actor=actor,
        action=f"{noun_of(access_request)}.denied",
        justification=decision.justification,
        closed_at=timezone.now(),
    )
    tell_requester(access_request, notice=notice_of(access_request, "denied"), actor=actor, decision=decision)


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
