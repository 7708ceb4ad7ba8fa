"""Letting the answer of a web hook count, or that there was none: in one transaction, and only while the request waits for it."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.automatic.deciding import heard_for
from approvals.automatic.models import AutomaticDecision, AutomaticRule
from approvals.closing import fail_request, notice_of, noun_of, tell_requester
from approvals.deciding import why_not_to_be_approved
from approvals.hooks.models import HookCall
from approvals.hooks.wording import Said
from approvals.models import AccessRequest
from approvals.proceeding import carry_out, deny_by, proceed
from approvals.prolonging import carry_out_longer
from audit.journal.actor import PORTAL
from audit.journal.recording import record, take_the_pen
from audit.journal.refusing import Refused
from roles.effective import settings_at
from roles.models.values import IfSilent

Act, Status = AccessRequest.Act, AccessRequest.Status
Outcome = HookCall.Outcome


def take_answer(claimed: HookCall, *, said: Said) -> None:
    """Let an answer count. It is ignored where the request has been closed meanwhile, or somebody else took an answer."""
    with transaction.atomic():
        access_request = _still_asked(claimed)
        if access_request is None or not _write_down(claimed, said.outcome, said=said):
            return
        record(
            f"{noun_of(access_request)}.hook_answered",
            actor=PORTAL,
            subject=access_request,
            detail={"hook": name_of(claimed), "attempts": claimed.attempts, "says": str(said.outcome.label)}
            | {"evaluation": said.evaluation_id, "reasons": said.reasons},
        )
        if said.outcome == Outcome.DENIED:
            deny_by(access_request, denial_in_words(claimed, said.reasons), by="hook")
        else:
            _go_on(access_request, instead=_approval_by(claimed, access_request, said))


def take_silence(claimed: HookCall, *, why: str) -> None:
    """Let it count that a hook has not answered: the request is refused, or goes on, as its role settings say."""
    with transaction.atomic():
        access_request = _still_asked(claimed)
        if access_request is None or not _write_down(claimed, Outcome.SILENT, fault=why):
            return
        refuses = access_request.asked_under.hook_silent != IfSilent.GO_ON
        record(
            f"{noun_of(access_request)}.hook_silent",
            actor=PORTAL,
            subject=access_request,
            outcome="failed",
            detail={"hook": name_of(claimed), "attempts": claimed.attempts, "why": why}
            | {"then": "refused" if refuses else "goes on"},
        )
        if refuses:
            said = _("“%(hook)s” has not answered, and role settings refuse a request then.")
            deny_by(access_request, said % {"hook": name_of(claimed)}, by="hook")
        else:
            _go_on(access_request)


def drop_call(found: HookCall) -> None:
    """Note that nothing waits for the answer of a call any more."""
    HookCall.objects.unanswered().filter(pk=found.pk).update(
        outcome=Outcome.DROPPED, leased_until=None, answered_at=timezone.now()
    )


def name_of(asked: HookCall) -> str:
    """What the hook of a call is called, or was."""
    if asked.hook is not None:
        return asked.hook.name
    sent = asked.sent.get("hook")
    return str(sent["name"]) if sent else asked.access_request.asked_under.hook


def denial_in_words(asked: HookCall, reasons: list[str]) -> str:
    """Why a hook has denied, as one text for who asked."""
    if not reasons:
        return _("“%(hook)s” denied it, without a reason.") % {"hook": name_of(asked)}
    return _("“%(hook)s” denied it: %(reasons)s") % {"hook": name_of(asked), "reasons": " ".join(reasons)}


def _still_asked(claimed: HookCall) -> AccessRequest | None:
    """The request, held until the transaction ends; None where it does not wait for the hook any more: then it is dropped."""
    take_the_pen()
    access_request = AccessRequest.objects.locked(claimed.access_request)
    if access_request.is_open and access_request.is_checking:
        return access_request
    drop_call(claimed)
    return None


def _write_down(claimed: HookCall, outcome: Outcome, *, said: Said | None = None, fault: str = "") -> bool:
    """Close a call that is still in our hands. Says whether it was."""
    ours = HookCall.objects.unanswered().filter(pk=claimed.pk, attempts=claimed.attempts)
    return bool(
        ours.update(
            outcome=outcome,
            answered_at=timezone.now(),
            leased_until=None,
            fault=fault[:300],
            evaluation_id=said.evaluation_id if said else "",
            reasons=said.reasons if said else [],
        )
    )


def _approval_by(claimed: HookCall, access_request: AccessRequest, said: Said) -> AutomaticDecision | None:
    """The decision that stands in for the approvers', not saved; None where the hook's yes cannot, or none is asked.

    Role settings must let it both in the request and at this moment, and no rule that may deny may be unclear.
    """
    if said.outcome != Outcome.AUTO_APPROVED or not access_request.asked_under.approval_required:
        return None
    today = settings_at(access_request.role, access_request.scope)
    asked = (access_request.asked_under, today)
    if today.hook != access_request.asked_under.hook or not all(one.hook_may_approve for one in asked):
        return None
    if _is_left_to_people(access_request):
        return None
    return AutomaticDecision(
        access_request=access_request,
        verdict=AutomaticRule.Verdict.APPROVE,
        digest=access_request.digest,
        says=said.as_json() | {"hook": name_of(claimed)},
        inputs=claimed.sent,
    )


def _is_left_to_people(access_request: AccessRequest) -> bool:
    """Whether a rule that may deny cannot be judged now: then nothing but people approves."""
    heard, _inputs = heard_for(access_request)
    return bool(heard.unclear)


def _go_on(access_request: AccessRequest, *, instead: AutomaticDecision | None = None) -> None:
    """Go on with a request as if it had been filed now without a hook; close it where that is not possible any more.

    Args:
        instead: what stands in for the approvers where no rule denies it.
    """
    if why := why_not_to_be_approved(access_request):
        fail_request(access_request, actor=PORTAL, why=why)
        return
    carry = carry_out_longer if access_request.act == Act.PROLONG else carry_out
    try:
        with transaction.atomic():
            proceed(access_request, carry=carry, actor=PORTAL, instead=instead)
    except Refused as refusal:
        # What was begun is taken back, in the database and so in our hands too.
        fail_request(AccessRequest.objects.locked(access_request), actor=PORTAL, why=refusal.message)
        return
    if access_request.status == Status.APPROVED:
        tell_requester(access_request, notice=notice_of(access_request, "approved"), actor=PORTAL)
