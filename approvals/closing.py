"""Closing a request without a decision: taken back, lapsed, or no longer possible."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from celery import shared_task
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from approvals.models import AccessRequest
from approvals.permissions import approvers_of, roles_managed_by
from approvals.separated import why_request_is_separated
from approvals.within_a_day import why_day_is_used_up
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import move_to
from audit.journal.recording import journaled
from audit.journal.refusing import NotAllowed, Overtaken
from roles.models import Assignment, Eligibility
from roles.models.values import Audience, Occasion
from roles.telling import tell
from roles.wording import in_words

Status = AccessRequest.Status
BATCH = 200
#: what a request is about, by its act; the rest is about who may activate
OCCASIONS: dict[str, Occasion] = {
    AccessRequest.Act.ACTIVATE: Occasion.ACTIVATION,
    AccessRequest.Act.PROLONG: Occasion.ACTIVATION,
}
#: what else waits for a decision, as the journal calls it
NOUNS: dict[str, str] = {
    AccessRequest.Act.PROLONG: "prolongation",
    AccessRequest.Act.EXTEND: "extension",
    AccessRequest.Act.RENEW: "renewal",
}
KEEPING = (AccessRequest.Act.EXTEND, AccessRequest.Act.RENEW)


@journaled
def cancel_request(access_request: AccessRequest, *, actor: Actor, justification: str = "") -> None:
    """Take back a waiting request: who asked may, and whoever manages the role (as administrators in Entra).

    Raises:
        NotAllowed: somebody else's, of a role one does not manage.
        Overtaken: it does not wait any more.
    """
    own = actor.person is not None and actor.person.pk in (
        access_request.requester_id,
        access_request.holder_id,
    )
    if not own and (
        actor.person is None or not roles_managed_by(actor.person).filter(pk=access_request.role_id).exists()
    ):
        raise NotAllowed(_("Only who asked may cancel, or whoever manages the role."))
    check_waits(access_request)
    move_to(access_request, Status.CANCELED, actor=actor, action=f"{noun_of(access_request)}.canceled", justification=justification,
            closed_at=timezone.now())  # fmt: skip
    if not own:
        tell_requester(
            access_request,
            notice=notice_of(access_request, "canceled"),
            actor=actor,
            justification=justification,
        )


def noun_of(access_request: AccessRequest) -> str:
    """What the journal calls a request that waits: activation, prolongation, extension or renewal."""
    return NOUNS.get(access_request.act, "activation")


def notice_of(access_request: AccessRequest, what: str) -> str:
    """The name of the notice that tells what became of a request, for instance ``denied``."""
    kind = "extension" if access_request.act in KEEPING else "activation"
    return f"approvals/{kind}_{what}"


def check_waits(access_request: AccessRequest) -> None:
    """Refuse unless a request still waits for a decision.

    Raises:
        Overtaken: it does not; the message says what became of it.
    """
    if not access_request.is_open:
        raise Overtaken(
            _("%(number)s does not wait any more: %(status)s.")
            % {"number": access_request.number, "status": access_request.get_status_display().lower()}
        )


@journaled
def time_out_request(access_request: AccessRequest, *, actor: Actor) -> None:
    """Close a request that nobody decided before its deadline, and tell who asked and who was asked.

    Raises:
        Overtaken: it does not wait any more.
    """
    _check_not_closed(access_request)
    asked = [] if access_request.is_checking else list(approvers_of(access_request))
    move_to(access_request, Status.TIMED_OUT, actor=actor, action=f"{noun_of(access_request)}.timed_out",
            closed_at=access_request.deadline)  # fmt: skip
    tell_requester(access_request, notice=notice_of(access_request, "timed_out"), actor=actor)
    tell_approvers(access_request, asked, notice="approvals/approval_timed_out", actor=actor)


@journaled
def fail_request(access_request: AccessRequest, *, actor: Actor, why: str) -> None:
    """Close a waiting request that can no longer be carried out, and tell who asked why.

    Raises:
        Overtaken: it does not wait any more.
    """
    _check_not_closed(access_request)
    move_to(access_request, Status.FAILED, actor=actor, action=f"{noun_of(access_request)}.failed", outcome="failed",
            detail={"why": why}, closed_at=timezone.now(), outcome_note=why[:300])  # fmt: skip
    tell_requester(access_request, notice=notice_of(access_request, "failed"), actor=actor)


def _check_not_closed(access_request: AccessRequest) -> None:
    if access_request.status not in AccessRequest.WAITING:
        raise Overtaken


def tell_requester(access_request: AccessRequest, *, notice: str, actor: Actor, **context: Any) -> None:
    """Tell who asked, and the holder where that is somebody else."""
    people = [person for person in (access_request.holder, access_request.requester) if person is not None]
    _tell(access_request, Audience.HOLDER, people, notice=notice, actor=actor, **context)


def tell_approvers(
    access_request: AccessRequest, people: Sequence[User], *, notice: str, actor: Actor
) -> None:
    """Tell those whose answer was waited for that it is not any more."""
    _tell(access_request, Audience.APPROVERS, people, notice=notice, actor=actor)


def _tell(
    access_request: AccessRequest,
    audience: Audience,
    people: Sequence[User],
    *,
    notice: str,
    actor: Actor,
    **context: Any,
) -> None:
    tell(
        OCCASIONS.get(access_request.act, Occasion.ELIGIBLE),
        role=access_request.role,
        scope=access_request.scope,
        notices={audience: notice},
        people={audience: people},
        context={"access_request": access_request, "time": in_words(access_request.minutes or 0)} | context,
        url=f"/requests/{access_request.pk}/",
        actor=actor,
        role_settings=access_request.asked_under if access_request.asked_settings else None,
    )


@shared_task(ignore_result=True)
def close_hopeless_requests() -> None:
    """Close requests whose deadline has passed, whose holder was disabled or whose eligibility has ended."""
    for access_request in AccessRequest.objects.lapsed()[:BATCH]:
        with suppress(Overtaken):
            time_out_request(access_request, actor=PORTAL)
    waiting = AccessRequest.objects.open().filter(act__in=OCCASIONS)
    good = Eligibility.objects.in_force().values("pk")
    for access_request in waiting.filter(~Q(eligibility__in=good) | Q(holder__is_active=False))[:BATCH]:
        with suppress(Overtaken):
            fail_request(access_request, actor=PORTAL, why=why_not_any_more(access_request))
    ended = AccessRequest.objects.open().filter(act=AccessRequest.Act.PROLONG)
    for access_request in ended.exclude(assignment__status__in=Assignment.LIVE)[:BATCH]:
        with suppress(Overtaken):
            fail_request(access_request, actor=PORTAL, why=_("The activation has ended."))
    kept = AccessRequest.objects.open().filter(act__in=KEEPING, holder__is_active=False)
    for access_request in kept[:BATCH]:
        with suppress(Overtaken):
            fail_request(access_request, actor=PORTAL, why=_("The person was disabled."))


def why_not_eligible(access_request: AccessRequest) -> str:
    """Why its holder may not activate now what a request is for; "" when they may."""
    holder, eligibility = access_request.holder, access_request.eligibility
    if holder is None or not User.objects.enabled().filter(pk=holder.pk).exists():
        return _("The person was disabled.")
    if (
        eligibility is None
        or not Eligibility.objects.in_force().of(holder).filter(pk=eligibility.pk).exists()
    ):
        return _("The eligibility has ended.")
    return ""


def why_not_any_more(access_request: AccessRequest) -> str:
    """Why an approved request could not be carried out now; "" when it could."""
    if why := why_not_eligible(access_request):
        return why
    holder, eligibility = access_request.holder, access_request.eligibility
    start: datetime = access_request.asked_start or timezone.now()
    until = eligibility.ends_for(holder) if eligibility and holder else None
    if until is not None and start >= until:
        return _("The eligibility ends before the asked start.")
    return why_request_is_separated(access_request) or why_day_is_used_up(access_request)
