"""Holders ask to keep what ends soon, or to have again what ended lately. Whoever may assign the role decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ROLE_ADMINISTRATORS
from accounts.models import User
from approvals.changing import bring_about, usual_end
from approvals.closing import time_out_request
from approvals.content import content_digest
from approvals.filing import Act, check_wishes, is_over, kind_of, wish_about
from approvals.justifying import justification_of
from approvals.models import AccessRequest, Decision, FrozenApprover
from approvals.permissions import approvers_of
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import begin_life, move_to
from audit.journal.plain import storable
from audit.journal.recording import journaled
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.effective import settings_at
from roles.models import Assignment, Eligibility, EndCause, Origin
from roles.models.values import Audience, Occasion
from roles.permissions import people_with_duty
from roles.requirements import AskedAssignment
from roles.telling import tell

EXTEND_WITHIN = timedelta(days=14)  # before the end, as in Microsoft Entra PIM
RENEW_WITHIN = timedelta(days=30)  # after the end, as there
DECIDE_WITHIN = timedelta(days=14)
EXTENSIONS = (Act.EXTEND, Act.RENEW)
Mine = Eligibility | Assignment


@dataclass(frozen=True)
class Given:
    """What the decider gives: kind, start (None is at once, or as it is) and end (None is without one)."""

    kind: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def may_be_extended_by(person: User) -> tuple[QuerySet[Eligibility], QuerySet[Assignment]]:
    """What ``person`` may ask to keep at this moment: their own, ending within 14 days."""
    now = timezone.now()
    soon: dict[str, Any] = {"person": person, "ends_at__gt": now, "ends_at__lte": now + EXTEND_WITHIN}
    live = Assignment.objects.live().filter(origin=Origin.DIRECT, through=None, **soon)
    return Eligibility.objects.filter(status__in=["scheduled", "in_force"], **soon), live


def may_be_renewed_by(person: User) -> tuple[QuerySet[Eligibility], QuerySet[Assignment]]:
    """What ``person`` may ask to have again at this moment: their own, that expired within 30 days."""
    now = timezone.now()
    lately: dict[str, Any] = {"person": person, "ends_at__lte": now, "ends_at__gt": now - RENEW_WITHIN}
    over = Eligibility.objects.exclude(status=Eligibility.Status.REMOVED).filter(**lately)
    ended = Assignment.objects.filter(
        Q(end_cause="") | Q(end_cause=EndCause.EXPIRED), origin=Origin.DIRECT, through=None, **lately
    )
    return over, ended


@journaled
def request_extension(held: Mine, *, actor: Actor, justification: str) -> AccessRequest:
    """Ask to keep what one holds oneself and what ends within 14 days.

    The request waits for 14 days, at the longest until 30 days after the end: whoever decides on it after the end
    renews.

    Raises:
        NotAllowed: it is somebody else's, or comes through a group.
        Refused: it is too early, it has no end, one waits already, or no justification.
        Overtaken: it has ended.
    """
    _check_is_mine(held, actor)
    if is_over(held):
        raise Overtaken(_("This has ended. Ask to renew it."))
    if held.ends_at is None:
        raise Refused(_("This has no end."), code="no_end")
    if held.ends_at - timezone.now() > EXTEND_WITHIN:
        raise Refused(
            _("You may ask for an extension in the last %(n)s days before the end.")
            % {"n": EXTEND_WITHIN.days},
            code="too_early",
        )
    return _ask(held, Act.EXTEND, actor=actor, justification=justification)


@journaled
def request_renewal(held: Mine, *, actor: Actor, justification: str) -> AccessRequest:
    """Ask to have again what one held oneself and what expired within the last 30 days.

    The request waits for 14 days, at the longest until those 30 days are over.

    Raises:
        NotAllowed: it is somebody else's, or came through a group.
        Refused: it is too late, it was removed rather than expired, one waits already, or no justification.
        Overtaken: it counts again already.
    """
    _check_is_mine(held, actor)
    eligible, active = may_be_renewed_by(actor.person)
    mine: QuerySet[Any] = eligible if isinstance(held, Eligibility) else active
    if not is_over(held):
        raise Overtaken(_("This has not ended."))
    if not mine.filter(pk=held.pk).exists():
        raise Refused(
            _("Only what expired within the last %(n)s days can be renewed.") % {"n": RENEW_WITHIN.days},
            code="too_late",
        )
    return _ask(held, Act.RENEW, actor=actor, justification=justification)


def _check_is_mine(held: Mine, actor: Actor) -> None:
    person = User.objects.enabled().filter(pk=actor.person.pk).first() if actor.person else None
    if person is None or held.person_id != person.pk:
        raise NotAllowed(_("Only who holds it may ask, and not for what comes through a group."))
    if isinstance(held, Assignment) and (held.origin == Origin.ACTIVATED or held.through_id is not None):
        raise NotAllowed(_("An activation, and what comes through a group, cannot be extended."))


def _ask(held: Mine, act: str, *, actor: Actor, justification: str) -> AccessRequest:
    """File the request and tell those who may decide, be their duty active now or not."""
    justification_of(justification)
    _check_none_waits(held)
    now = timezone.now()
    end = held.ends_at or now
    access_request = AccessRequest(
        act=act,
        requester=actor.person,
        holder=actor.person,
        role=held.role,
        scope=held.scope,
        eligibility=held if isinstance(held, Eligibility) else None,
        assignment=held if isinstance(held, Assignment) else None,
        justification=storable(justification.strip()),
        asked_settings=settings_at(held.role, held.scope).as_json(),
        created_at=now,
        deadline=min(now + DECIDE_WITHIN, end + RENEW_WITHIN),
    )
    noun = "extension" if act == Act.EXTEND else "renewal"
    access_request.digest = content_digest(access_request)
    begin_life(
        access_request,
        actor=actor,
        action=f"{noun}.requested",
        justification=justification,
        content=access_request.digest,
    )
    FrozenApprover.objects.create(access_request=access_request, kind=FrozenApprover.MANAGERS)
    people = {one.pk: one for one in approvers_of(access_request)}
    people |= {one.pk: one for one in people_with_duty(*ROLE_ADMINISTRATORS)}
    told = [one for one in people.values() if not one.is_same_human_as(actor.person)]
    if not told:
        raise Refused(_("Nobody could decide on this request."), code="no_approver")
    tell(
        Occasion.ELIGIBLE if kind_of(held) == "eligible" else Occasion.ACTIVE,
        role=held.role,
        scope=held.scope,
        notices={Audience.APPROVERS: "approvals/extension_asked"},
        people={Audience.APPROVERS: told},
        needed=[Audience.APPROVERS],
        context={"access_request": access_request, "held": held},
        url=f"/requests/{access_request.pk}/",
        actor=actor,
    )
    return access_request


def _check_none_waits(held: Mine) -> None:
    same = AccessRequest.objects.filter(
        act__in=[Act.EXTEND, Act.RENEW], holder=held.person, role=held.role, scope=held.scope
    )
    for lapsed in same.lapsed():
        time_out_request(lapsed, actor=PORTAL)
    waiting = same.open().first()
    if waiting is not None:
        raise Refused(
            _("Your request %(number)s already waits.") % {"number": waiting.number}, code="already_waits"
        )


def held_by_request(access_request: AccessRequest) -> Mine | None:
    """What an extension or renewal is about, as it stands now."""
    if access_request.eligibility_id is not None:
        return Eligibility.objects.select_related("role__directory", "scope", "person").get(
            pk=access_request.eligibility_id
        )
    if access_request.assignment_id is not None:
        return Assignment.objects.select_related("role__directory", "scope", "person").get(
            pk=access_request.assignment_id
        )
    return None


def why_not_to_be_kept(access_request: AccessRequest) -> str:
    """Why an extension or renewal could not be given now; "" when it could."""
    held, holder = held_by_request(access_request), access_request.holder
    if holder is None or not User.objects.enabled().filter(pk=holder.pk).exists():
        return _("The person was disabled.")
    if held is None:
        return _("It is gone.")
    removed = (
        held.status == Eligibility.Status.REMOVED
        if isinstance(held, Eligibility)
        else held.end_cause not in ("", EndCause.EXPIRED)
    )
    if removed:
        return _("It was removed.")
    if access_request.act == Act.RENEW and not is_over(held):
        return _("It was renewed already.")
    return ""


def suggested(access_request: AccessRequest) -> Given:
    """What to begin with when deciding: an extension as long as it was given for, cut to what role settings allow."""
    held = held_by_request(access_request)
    if held is None or access_request.act == Act.RENEW or held.ends_at is None:
        return Given("" if held is None else kind_of(held))
    kind = kind_of(held)
    return Given(kind, None, usual_end(held, kind, under=access_request.asked_under))


def carry_out_extension(
    access_request: AccessRequest, decision: Decision, given: Given, *, actor: Actor
) -> None:
    """Give what was decided, in the decision's own transaction. For ``decide``.

    Raises:
        RequirementsUnmet: the role settings the request was made under allow less.
        StepUpRequired: they ask for a second factor of who makes somebody active.
        Refused: a renewal whose end or kind was not said.
    """
    held = held_by_request(access_request)
    if held is None:
        raise TypeError("only an extension or renewal is carried out here")
    started = held.starts_at <= timezone.now() and not is_over(held) and given.kind == kind_of(held)
    starts_at = None if started else given.starts_at
    why = decision.justification or access_request.justification
    asked = AskedAssignment(given.kind, starts_at, given.ends_at, why)
    wish = wish_about(held, asked)
    evidence = check_wishes(
        [wish], actor=actor, verb=f"decide {access_request.pk}", under=access_request.asked_under
    )
    same = given.kind == kind_of(held) and not is_over(held)
    if same and asked.ends_at is not None and held.ends_at and asked.ends_at <= held.ends_at:
        raise Refused(_("Extending needs an end that is later than the present one."), field="ends_at")
    move_to(
        access_request,
        AccessRequest.Status.APPROVED,
        actor=actor,
        action="extension.approved" if access_request.act == Act.EXTEND else "renewal.approved",
        justification=decision.justification,
        closed_at=timezone.now(),
        detail={
            "kind": given.kind,
            "ends_at": given.ends_at.isoformat() if given.ends_at else "",
            "second_factor": evidence.device_name if evidence else "",
        },
    )
    bring_about(held, asked, actor=actor, filed=access_request)
