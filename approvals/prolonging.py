"""Keeping an activated role for longer, without a gap: at most as long as the role allows, counted from its start."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings as configuration
from django.db import transaction
from django.utils import timezone
from django.utils.dateformat import format as dated
from django.utils.translation import gettext as _

from accounts.mfa.freshness import (
    act_digest,
)
from accounts.models import FactorUse, User
from approvals.closing import time_out_request, why_not_eligible
from approvals.content import content_digest
from approvals.models import AccessRequest
from approvals.proceeding import begin_deciding
from approvals.requesting import evidence_for, told_at_filing
from approvals.separated import check_activation, why_request_is_separated
from approvals.within_a_day import latest_within_a_day
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import begin_life, move_to
from audit.journal.plain import storable
from audit.journal.recording import journaled
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.effective import layers_at
from roles.models import Assignment, EffectiveSettings, Eligibility, Origin
from roles.provisioning import change_assignment
from roles.requirements import DAY_USED_UP, Asked, Standing, Unmet, unmet_requirements
from roles.wording import in_words

Act, Status = AccessRequest.Act, AccessRequest.Status
RUNNING = (Assignment.Status.PROVISIONING, Assignment.Status.ACTIVE)


@dataclass(frozen=True)
class Room:
    """How much longer an activation may go on.

    Args:
        ends_at: when it ends as it is.
        until: when it ends at the latest: its longest time is over, or the eligibility is.
        by_eligibility: whether it is the eligibility that ends it there.
        by_day: whether it is how long one may hold it within 24 hours.
    """

    ends_at: datetime
    until: datetime
    by_eligibility: bool = False
    by_day: bool = False

    @property
    def minutes(self) -> int:
        """Whole minutes that may be added; 0 where there are none."""
        return max(0, math.ceil((self.until - self.ends_at) / timedelta(minutes=1)))

    def end_after(self, minutes: int) -> datetime:
        """When it would end with ``minutes`` added: never after ``until``."""
        return min(self.ends_at + timedelta(minutes=minutes), self.until)


def room_of(assignment: Assignment, role_settings: EffectiveSettings) -> Room:
    """How much longer ``assignment`` may go on under ``role_settings``."""
    ends_at: datetime = assignment.ends_at or assignment.starts_at
    longest = assignment.starts_at + timedelta(minutes=role_settings.max_minutes)
    eligibility = assignment.eligibility
    until = eligibility.ends_for(assignment.person) if eligibility is not None else None
    day = latest_within_a_day(assignment, role_settings)
    if day is not None and day < min(longest, until or longest):
        return Room(ends_at, day, by_day=True)
    if until is not None and until <= longest:
        return Room(ends_at, until, by_eligibility=True)
    return Room(ends_at, longest)


def longer_act_of(assignment: Assignment, asked: Asked, person: User) -> str:
    """Digest of this very wish, which a second factor given "every time" is bound to."""
    return act_digest(
        verb="prolong",
        person=person.pk,
        assignment=assignment.pk,
        ends_at=assignment.ends_at,
        minutes=asked.minutes,
        justification=asked.justification,
        ticket=asked.ticket,
        ticket_system=asked.ticket_system,
    )


@journaled
def request_longer(
    assignment: Assignment, *, actor: Actor, asked: Asked, idempotency_key: str = ""
) -> AccessRequest:
    """Ask for more time with a role one has activated, judged as an activation of the whole time would be.

    While the request waits, the activation goes on to its old end; that is also how long the request waits at most.

    Args:
        asked: how many minutes more, why; its start is not looked at.
        idempotency_key: from the form; sending the same form twice gives the same request.

    Raises:
        NotAllowed: it is somebody else's.
        RequirementsUnmet: role settings ask for more than ``asked`` has, or it would be longer than they allow.
        StepUpRequired: only the second factor is missing.
        Overtaken: it has ended, or is about to.
        Separated: they hold meanwhile what may not be held together with it.
        Refused: it was not activated, the eligibility has ended, a request already waits, nobody could decide.
    """
    person: User = actor.person
    if idempotency_key:
        sent = AccessRequest.objects.filter(requester=person, idempotency_key=idempotency_key).first()
        if sent is not None:
            return sent
    assignment = _check_goes_on(assignment, person)
    layers = layers_at(assignment.role, assignment.scope)
    role_settings = layers.effective
    room = room_of(assignment, role_settings)
    check_activation(assignment.role, person, asked)
    evidence = _check_requirements(assignment, room, role_settings, asked, actor=actor)
    now, ends_at = timezone.now(), room.end_after(asked.minutes)
    access_request = AccessRequest(
        act=Act.PROLONG,
        requester=person,
        holder=person,
        role=assignment.role,
        scope=assignment.scope,
        eligibility=assignment.eligibility,
        assignment=assignment,
        minutes=asked.minutes,
        asked_end=ends_at,
        justification=storable(asked.justification.strip()),
        ticket=storable(asked.ticket.strip()),
        ticket_system=storable(asked.ticket_system),
        asked_settings=role_settings.as_json(),
        factor_use=evidence,
        idempotency_key=idempotency_key,
        created_at=now,
        deadline=min(now + timedelta(hours=role_settings.approval_hours), room.ends_at),
    )
    said = told_at_filing(access_request) | {"ends_at": ends_at.isoformat()}
    access_request.digest = said["content"] = content_digest(access_request)
    begin_life(
        access_request,
        actor=actor,
        action="prolongation.requested",
        justification=asked.justification,
        **said,
    )
    begin_deciding(access_request, layers, carry=carry_out_longer, actor=actor)
    return access_request


def carry_out_longer(
    access_request: AccessRequest,
    *,
    actor: Actor,
    action: str,
    justification: str = "",
    minutes: int | None = None,
    **more: Any,
) -> None:
    """Approve more time and move the end of the running activation. For ``request_longer`` and ``decide``.

    Args:
        minutes: how many are added, where an approver has shortened it.

    Raises:
        Overtaken: the request does not wait any more, or the activation has ended.
    """
    if why := why_not_longer(access_request):
        raise Overtaken(why)
    assignment = running(access_request)
    if assignment is None or access_request.minutes is None:
        raise TypeError("only more time with an activation is carried out here")
    # Under the settings it was asked under, as an activation is; the eligibility is looked at as it is now.
    room = room_of(assignment, access_request.asked_under)
    ends_at = room.end_after(minutes or access_request.minutes)
    with transaction.atomic():
        move_to(
            access_request,
            Status.APPROVED,
            actor=actor,
            action=action,
            justification=justification,
            closed_at=timezone.now(),
            **more,
        )
        change_assignment(
            assignment,
            actor=actor,
            starts_at=assignment.starts_at,
            ends_at=ends_at,
            justification=justification or access_request.justification,
        )
        access_request.assignment = assignment


def running(access_request: AccessRequest) -> Assignment | None:
    """The activation a request for more time is about, as it stands now; None where it has ended."""
    live = Assignment.objects.filter(access_requests=access_request, status__in=RUNNING)
    related = ("role__directory", "scope", "person", "eligibility")
    return live.filter(ends_at__gt=timezone.now()).select_related(*related).first()


def why_not_longer(access_request: AccessRequest) -> str:
    """Why a request for more time could not be carried out now; "" when it could."""
    if why := why_not_eligible(access_request):
        return why
    assignment = running(access_request)
    if assignment is None:
        return _("The activation has ended.")
    if not room_of(assignment, access_request.asked_under).minutes:
        return _("The activation cannot go on for longer.")
    return why_request_is_separated(access_request)


def _check_goes_on(assignment: Assignment, person: User | None) -> Assignment:
    """The assignment as it stands now: the caller's copy may be as old as a page.

    Raises:
        NotAllowed, Overtaken, Refused: as ``request_longer``.
    """
    if person is None or assignment.person_id != person.pk:
        raise NotAllowed(_("Only the holder may ask for more time."))
    mine = Assignment.objects.select_related("role__directory", "scope", "person", "eligibility")
    current = mine.select_for_update(of=["self"]).get(pk=assignment.pk)
    if current.origin != Origin.ACTIVATED or current.ends_at is None:
        raise Refused(_("This was not activated; its end is not yours to move."), code="not_activated")
    now = timezone.now()
    if current.status not in RUNNING or current.ends_at <= now:
        raise Overtaken(_("This does not run any more. Activate the role again."))
    eligible = Eligibility.objects.in_force().of(person).filter(activations=current)
    if not User.objects.enabled().filter(pk=person.pk).exists() or not eligible.exists():
        raise Refused(_("You are not eligible for this role any more."), code="not_eligible")
    asked = AccessRequest.objects.filter(
        act=Act.PROLONG, holder=person, role=current.role, scope=current.scope
    )
    for lapsed in asked.lapsed():
        time_out_request(lapsed, actor=PORTAL)
    if waiting := asked.open().first():
        raise Refused(
            _("Your request %(number)s for more time already waits.") % {"number": waiting.number},
            code="already_waits",
        )
    return current


def unmet_for_longer(
    assignment: Assignment,
    room: Room,
    role_settings: EffectiveSettings,
    asked: Asked,
    *,
    factor_is_fresh: bool,
) -> list[Unmet]:
    """Everything that is asked of an activation and missing, where it is to go on for ``asked.minutes`` more."""
    if asked.minutes < 1:
        return [Unmet("minutes", "too_short", _("Say how much longer, in whole minutes."))]
    if not room.minutes:
        return [Unmet("minutes", "too_long", no_room_in_words(room, role_settings))]
    if room.by_day and asked.minutes > room.minutes:
        words = _("Of the %(limit)s within any 24 hours %(left)s are left for it.")
        said = {"limit": in_words(role_settings.day_minutes), "left": in_words(room.minutes)}
        return [Unmet("minutes", DAY_USED_UP, words % said)]
    whole = (room.ends_at - assignment.starts_at) / timedelta(minutes=1) + asked.minutes
    # Judged as an activation of the whole time that starts now: what is left to look at is its length and its words.
    # Its day was looked at above: what runs already is a part of it.
    standing = Standing(
        now=timezone.now(),
        shortest=configuration.MINIMUM_DURATION_MINUTES,
        factor_is_fresh=factor_is_fresh,
    )
    total = replace(asked, minutes=max(math.floor(whole), standing.shortest), starts_at=None)
    unmet = unmet_requirements(replace(role_settings, day_minutes=0), total, standing)
    until = timezone.localtime(room.until)
    today = until.date() == timezone.localdate()
    message = _("%(limit)s Counted from its start, this one may go on until %(until)s at the latest.")
    said = {"until": dated(until, "H:i" if today else "j M H:i")}
    return [
        replace(one, message=message % (said | {"limit": one.message})) if one.code == "too_long" else one
        for one in unmet
    ]


def no_room_in_words(room: Room, role_settings: EffectiveSettings) -> str:
    """Why an activation cannot go on for longer at all."""
    if room.by_day:
        return _("The %(limit)s that this role may be held within any 24 hours are used up with it.") % {
            "limit": in_words(role_settings.day_minutes)
        }
    if room.by_eligibility:
        return _("Your eligibility ends with it. Ask to extend the eligibility first.")
    return _("This role may be activated for at most %(time)s, and this activation is that long.") % {
        "time": in_words(role_settings.max_minutes)
    }


def _check_requirements(
    assignment: Assignment, room: Room, role_settings: EffectiveSettings, asked: Asked, *, actor: Actor
) -> FactorUse | None:
    """The evidence of the second factor, used up where it is asked every time; None where none is asked."""

    def unmet(factor_is_fresh: bool) -> list[Unmet]:
        return unmet_for_longer(assignment, room, role_settings, asked, factor_is_fresh=factor_is_fresh)

    said = {"role": assignment.role, "time": in_words(asked.minutes)}
    what_for = _("Keep %(role)s for %(time)s longer") % said
    act = longer_act_of(assignment, asked, actor.person)
    return evidence_for(role_settings, unmet, actor=actor, act=act, what_for=what_for)
