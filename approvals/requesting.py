"""Asking for a change of who holds what. One door, one check, one history, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.mfa.freshness import (
    PHISHING_RESISTANT,
    StepUpRequired,
    act_digest,
    fresh_factor,
    use_factor,
)
from accounts.models import FactorUse, User
from approvals.closing import time_out_request
from approvals.content import content_digest
from approvals.models import AccessRequest
from approvals.narrowing import in_the_way, place_of
from approvals.proceeding import begin_deciding, carry_out
from approvals.separated import check_activation
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import begin_life, move_to
from audit.journal.plain import storable
from audit.journal.recording import journaled
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.effective import layers_at
from roles.lately import held_lately
from roles.models import Assignment, EffectiveSettings, Eligibility, EndCause, Factor, Origin, Scope
from roles.provisioning import end_assignment
from roles.requirements import SECOND_FACTOR, Asked, Standing, Unmet, unmet_requirements
from roles.wording import in_words, only_observed

Status = AccessRequest.Status
BATCH = 200


class RequirementsUnmet(Refused):
    """Something that the role settings ask for is missing."""

    code = "requirements_unmet"

    def __init__(self, unmet: list[Unmet]) -> None:
        self.unmet = unmet
        super().__init__(unmet[0].message, field=unmet[0].field, code=unmet[0].code)


def standing_of(
    eligibility: Eligibility, *, person: User, factor_is_fresh: bool, place: Scope | None = None
) -> Standing:
    """What is so for ``person`` at this moment, for the requirements to judge.

    Args:
        place: where the role would count; at all that one is eligible at when left out.
    """
    return Standing(
        now=timezone.now(),
        shortest=settings.MINIMUM_DURATION_MINUTES,
        eligible_until=eligibility.ends_for(person),
        factor_is_fresh=factor_is_fresh,
        held=lambda: held_lately(person, eligibility.role, place or eligibility.scope),
    )


def act_of(eligibility: Eligibility, asked: Asked, person: User) -> str:
    """Digest of this very activation, which a second factor given "every time" is bound to."""
    return act_digest(
        verb="activate",
        person=person.pk,
        eligibility=eligibility.pk,
        scope=asked.scope.pk if asked.scope else eligibility.scope_id,
        minutes=asked.minutes,
        starts_at=asked.starts_at.isoformat() if asked.starts_at else "",
        justification=asked.justification,
        ticket=asked.ticket,
        ticket_system=asked.ticket_system,
    )


@journaled
def request_activation(
    eligibility: Eligibility, *, actor: Actor, asked: Asked, idempotency_key: str = ""
) -> AccessRequest:
    """Ask to activate ``eligibility``. Without approval it is decided, and the assignment begun, when this returns.

    Args:
        asked: for how long, why, from when, and where.
        idempotency_key: from the form; sending the same form twice gives the same request.

    Raises:
        RequirementsUnmet: role settings ask for more than ``asked`` has.
        StepUpRequired: only the second factor is missing.
        Refused: the eligibility has ended, the directory is only observed, a request already waits, the role is already
            held, nobody could decide.
    """
    person: User = actor.person
    if idempotency_key:
        sent = AccessRequest.objects.filter(requester=person, idempotency_key=idempotency_key).first()
        if sent is not None:
            return sent
    eligibility = check_may_activate(eligibility, person, asked)
    check_activation(eligibility.role, person, asked)
    layers = layers_at(eligibility.role, place_of(eligibility, asked))
    role_settings = layers.effective
    access_request = prepared(eligibility, person=person, asked=asked, role_settings=role_settings)
    access_request.factor_use = _check_requirements(eligibility, role_settings, asked, actor=actor)
    access_request.idempotency_key = idempotency_key
    said = told_at_filing(access_request)
    if asked.starts_at:
        said["starts_at"] = asked.starts_at.isoformat()
    said["content"] = access_request.digest
    begin_life(
        access_request, actor=actor, action="activation.requested", justification=asked.justification, **said
    )
    begin_deciding(access_request, layers, carry=carry_out, actor=actor)
    return access_request


def prepared(
    eligibility: Eligibility, *, person: User, asked: Asked, role_settings: EffectiveSettings
) -> AccessRequest:
    """A request of ``person`` to activate ``eligibility``, not saved, with its digest: what it asks does not change any more.

    Raises:
        Refused: it is asked for at a scope that is no part of what one is eligible at.
    """
    now = timezone.now()
    access_request = AccessRequest(
        act=AccessRequest.Act.ACTIVATE,
        requester=person,
        holder=person,
        role=eligibility.role,
        scope=place_of(eligibility, asked),
        eligibility=eligibility,
        minutes=asked.minutes,
        asked_start=asked.starts_at,
        justification=storable(asked.justification.strip()),
        ticket=storable(asked.ticket.strip()),
        ticket_system=storable(asked.ticket_system),
        asked_settings=role_settings.as_json(),
        created_at=now,
        deadline=now + timedelta(hours=role_settings.approval_hours),
    )
    access_request.digest = content_digest(access_request)
    return access_request


def told_at_filing(access_request: AccessRequest) -> dict[str, Any]:
    """What the journal's entry about the filing of a request says of it besides its justification."""
    said: dict[str, Any] = {"minutes": access_request.minutes}
    if not access_request.scope.is_root:
        said["scope"] = access_request.scope.path
    if access_request.ticket:
        said["ticket"] = access_request.ticket_in_words
    if (evidence := access_request.factor_use) is not None:
        said["second_factor"] = {
            "method": evidence.method,
            "device": evidence.device_name,
            "at": str(evidence.at),
        }
    return said


def check_may_activate(eligibility: Eligibility, person: User, asked: Asked) -> Eligibility:
    """The eligibility as it stands now: the caller's copy, and of the person, may be as old as a page.

    What is over and was not closed yet is closed.

    Raises:
        Refused: they are not eligible any more, or not there; the directory is only observed; a request already waits,
            or the role is already held.
    """
    current = check_nothing_in_the_way(eligibility, person, asked)
    for lapsed in in_the_way(AccessRequest.objects.lapsed(), current, person, asked):
        time_out_request(lapsed, actor=PORTAL)
    for over in Assignment.objects.live().filter(eligibility=eligibility, person=person):
        end_assignment(over, actor=PORTAL, cause=EndCause.EXPIRED)
    return current


def check_nothing_in_the_way(eligibility: Eligibility, person: User, asked: Asked) -> Eligibility:
    """The same, and nothing is closed: times decide what is over, closed or not.

    Raises:
        Refused: as ``check_may_activate``.
    """
    may = Eligibility.objects.in_force().of(person).select_related("role__directory", "scope")
    current = may.filter(pk=eligibility.pk).first()
    if current is None or not User.objects.enabled().filter(pk=person.pk).exists():
        raise Refused(_("You are not eligible for this role any more."), code="not_eligible")
    if current.role.directory.is_observed:
        raise Refused(only_observed(current.role.directory), code="only_observed")
    waiting = in_the_way(AccessRequest.objects.open(), current, person, asked).first()
    if waiting is not None:
        raise Refused(_("Your request %(number)s for this role already waits.") % {"number": waiting.number})
    live = Assignment.objects.live().filter(eligibility=eligibility, person=person)
    if live.filter(Q(ends_at=None) | Q(ends_at__gt=timezone.now())).exists():
        raise Refused(_("You hold this role already."), code="already_held")
    return current


def _check_requirements(
    eligibility: Eligibility, role_settings: EffectiveSettings, asked: Asked, *, actor: Actor
) -> FactorUse | None:
    """The evidence of the second factor, used up where it is asked every time; None where none is asked."""

    def unmet(factor_is_fresh: bool) -> list[Unmet]:
        standing = standing_of(
            eligibility, person=actor.person, factor_is_fresh=factor_is_fresh, place=asked.scope
        )
        return unmet_requirements(role_settings, asked, standing)

    said = {"role": eligibility.role, "time": in_words(asked.minutes), "scope": asked.scope}
    what_for = (
        _("Activate %(role)s at %(scope)s for %(time)s")
        if asked.scope
        else _("Activate %(role)s for %(time)s")
    ) % said
    act = act_of(eligibility, asked, actor.person)
    return evidence_for(role_settings, unmet, actor=actor, act=act, what_for=what_for)


def evidence_for(
    role_settings: EffectiveSettings,
    unmet: Callable[[bool], list[Unmet]],
    *,
    actor: Actor,
    act: str,
    what_for: str,
) -> FactorUse | None:
    """The evidence of the second factor that role settings ask for, used up where it is every time; None where it is none.

    Args:
        unmet: what else is missing, by whether there is such evidence.
        act: digest of the act the evidence has to be for; what_for: the act in words.

    Raises:
        RequirementsUnmet: something but the factor is missing.
        StepUpRequired: nothing but the factor is.
    """
    minutes = role_settings.oldest_factor
    methods = PHISHING_RESISTANT if role_settings.factor == Factor.PASSKEY else None
    evidence = fresh_factor(actor, act=act, minutes=minutes, methods=methods) if minutes is not None else None
    missing = unmet(evidence is not None)
    others = [one for one in missing if one.code != SECOND_FACTOR]
    if others:
        raise RequirementsUnmet(others)
    if missing:
        raise StepUpRequired(act=act, what_for=what_for, minutes=minutes or 0, methods=methods)
    if evidence is not None and minutes == 0:
        use_factor(evidence, act=act)
    return evidence


@journaled
def request_deactivation(assignment: Assignment, *, actor: Actor) -> AccessRequest:
    """Give an activated role back before its end.

    Raises:
        NotAllowed: somebody else's.
        Refused: not yet: it has been active for less than five minutes (the floor is a portal setting).
        Overtaken: it has ended already.
    """
    if actor.person is None or assignment.person_id != actor.person.pk:
        raise NotAllowed(_("Only the holder may deactivate."))
    if assignment.origin != Origin.ACTIVATED:
        raise Refused(_("This was assigned by an administrator; ask one to remove it."))
    if not Assignment.objects.live().filter(pk=assignment.pk).exists():
        raise Overtaken(_("This has ended already."))
    if assignment.status == Assignment.Status.ACTIVE and assignment.may_be_given_back_from > timezone.now():
        raise Refused(
            _("You may deactivate five minutes after activation at the earliest.")
            if settings.MINIMUM_ACTIVE_MINUTES == 5
            else _("You may deactivate %(n)s minutes after activation at the earliest.")
            % {"n": settings.MINIMUM_ACTIVE_MINUTES},
            code="active_duration_too_short",
        )
    now = timezone.now()
    access_request = AccessRequest(
        act=AccessRequest.Act.DEACTIVATE,
        requester=actor.person,
        holder=actor.person,
        role=assignment.role,
        scope=assignment.scope,
        eligibility=assignment.eligibility,
        assignment=assignment,
        created_at=now,
        deadline=now + timedelta(hours=1),
    )
    begin_life(access_request, actor=actor, action="deactivation.requested")
    move_to(access_request, Status.APPROVED, actor=PORTAL, action="deactivation.approved", closed_at=now)
    end_assignment(assignment, actor=actor, cause=EndCause.DEACTIVATED)
    return access_request
