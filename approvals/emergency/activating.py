"""Activating a role past approval. It is loud, and the next one waits for somebody else's review of this one."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.mfa.freshness import act_digest
from accounts.models import FactorUse, User
from approvals.emergency.models import EmergencyUse
from approvals.emergency.skipping import Bypassed, bypassed, under_emergency
from approvals.emergency.telling import sound_alarm, tell_those_passed_by
from approvals.emergency.unreviewed import StillOpen, open_use_of, why_blocked
from approvals.models import AccessRequest
from approvals.narrowing import in_the_way
from approvals.permissions import approvers_of
from approvals.proceeding import carry_out, freeze_approvers
from approvals.requesting import check_may_activate, evidence_for, prepared, standing_of, told_at_filing
from approvals.separated import check_activation
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import begin_life, move_to
from audit.journal.recording import journaled
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.effective import Layers, layers_at
from roles.models import EffectiveSettings, Eligibility
from roles.requirements import Asked, Unmet, unmet_requirements
from roles.wording import in_words

Act, Status = AccessRequest.Act, AccessRequest.Status


@journaled
def activate_in_emergency(
    eligibility: Eligibility, *, actor: Actor, asked: Asked, idempotency_key: str = ""
) -> EmergencyUse:
    """Activate ``eligibility`` at once, past approval, web hook, automatic rules and ticket. All else that is asked counts.

    Those who were skipped, the owners and every administrator are told when this commits. A request for the same role
    that waits for approval is canceled.

    Args:
        asked: for how long, and why.
        idempotency_key: from the form; sending the same form twice is one use.

    Raises:
        RequirementsUnmet: the reason is missing or too short, or it is for too long.
        StepUpRequired: only the passkey is missing; it is asked every time, and bound to this very act.
        StillOpen: the person's last use, under whatever account, was not reviewed.
        Separated: they hold what may not be held together with it.
        Refused: role settings do not allow it, the eligibility has ended, the role is already held, a start was named.
    """
    person: User | None = actor.person
    if person is None:
        raise NotAllowed
    if idempotency_key and (sent := sent_before(person, idempotency_key)):
        return sent
    canceled, waited_for = cancel_what_waits(eligibility, person, asked, actor=actor)
    eligibility = check_may_activate(eligibility, person, asked)
    layers = layers_at(eligibility.role, eligibility.scope)
    check_is_allowed(layers.effective, asked)
    check_nothing_unreviewed(person)
    check_activation(eligibility.role, person, asked)
    evidence = prove(eligibility, layers.effective, asked, actor=actor)
    access_request = prepared(eligibility, person=person, asked=asked, role_settings=layers.effective)
    access_request.factor_use, access_request.idempotency_key = evidence, idempotency_key
    file_and_carry_out(access_request, layers, actor=actor)
    passed = bypassed(access_request, layers)
    passed.told.extend(one for one in waited_for if one not in passed.told)
    use = open_use(access_request, passed, actor=actor, instead_of=canceled)
    tell_those_passed_by(use, passed, canceled=canceled, actor=actor)
    sound_alarm(use)
    return use


def act_of(eligibility: Eligibility, asked: Asked, person: User) -> str:
    """Digest of this very act, which the passkey is bound to."""
    return act_digest(
        verb="activate_in_emergency",
        person=person.pk,
        eligibility=eligibility.pk,
        minutes=asked.minutes,
        justification=asked.justification,
    )


def sent_before(person: User, idempotency_key: str) -> EmergencyUse | None:
    """What came of the same form when it was sent before.

    Raises:
        Overtaken: a request of another kind came of it.
    """
    sent = AccessRequest.objects.filter(requester=person, idempotency_key=idempotency_key).first()
    if sent is None:
        return None
    use = EmergencyUse.objects.filter(access_request=sent).first()
    if use is None:
        raise Overtaken
    return use


def cancel_what_waits(
    eligibility: Eligibility, person: User, asked: Asked, *, actor: Actor
) -> tuple[AccessRequest | None, list[User]]:
    """Cancel the person's request for the same role that waits, and say whose decision was waited for.

    Whatever is refused afterwards takes it back.
    """
    waiting = in_the_way(AccessRequest.objects.open(), eligibility, person, asked)
    found = waiting.select_related("role__directory", "scope", "holder", "requester").first()
    if found is None:
        return None, []
    approvers = list(approvers_of(found))
    why = _("Activated in an emergency instead.")
    said = {"why": why}
    move_to(found, Status.CANCELED, actor=actor, action="activation.canceled", detail=said,
            closed_at=timezone.now(), outcome_note=why)  # fmt: skip
    return found, approvers


def check_is_allowed(role_settings: EffectiveSettings, asked: Asked) -> None:
    """Refuse where role settings do not allow to skip approval, and what does not begin at once.

    Raises:
        Refused: so it is.
    """
    if not role_settings.emergency_allowed:
        raise Refused(
            _("The settings of this role do not allow to skip approval in an emergency."),
            code="emergency_not_allowed",
        )
    if asked.starts_at is not None:
        raise Refused(_("An emergency begins at once."), code="emergency_later")


def check_nothing_unreviewed(person: User) -> None:
    """Refuse while an earlier use of the same human waits for its review.

    Raises:
        StillOpen: the message names it and who can review it.
    """
    if (use := open_use_of(person)) is not None:
        raise StillOpen(why_blocked(use, person))


def prove(
    eligibility: Eligibility, role_settings: EffectiveSettings, asked: Asked, *, actor: Actor
) -> FactorUse | None:
    """The evidence of the passkey, used up.

    Raises:
        RequirementsUnmet: something but the passkey is missing; StepUpRequired: nothing but that is.
    """
    counting = under_emergency(role_settings)

    def unmet(factor_is_fresh: bool) -> list[Unmet]:
        standing = standing_of(eligibility, person=actor.person, factor_is_fresh=factor_is_fresh)
        return unmet_requirements(counting, asked, standing)

    said = {"role": eligibility.role, "time": in_words(asked.minutes)}
    return evidence_for(
        counting,
        unmet,
        actor=actor,
        act=act_of(eligibility, asked, actor.person),
        what_for=_("Activate %(role)s for %(time)s in an emergency") % said,
    )


def file_and_carry_out(access_request: AccessRequest, layers: Layers, *, actor: Actor) -> None:
    """File the request, freeze who would have decided, for the review, and make its effect."""
    said = told_at_filing(access_request) | {"in_an_emergency": True}
    said["content"] = access_request.digest
    begin_life(
        access_request,
        actor=actor,
        action="activation.requested",
        justification=access_request.justification,
        **said,
    )
    if layers.effective.approval_required:
        freeze_approvers(access_request, layers)
    carry_out(access_request, actor=PORTAL, action="activation.approved", detail={"by": "emergency"})


def open_use(
    access_request: AccessRequest, passed: Bypassed, *, actor: Actor, instead_of: AccessRequest | None
) -> EmergencyUse:
    """Note that it happened, loudly.

    Raises:
        StillOpen: another one of the person was opened in between; the database allows one.
    """
    skipped = [str(one) for one in passed.skipped]
    use = EmergencyUse(
        access_request=access_request,
        person=actor.person,
        opened_at=access_request.created_at,
        skipped=skipped,
    )
    said = {
        "minutes": access_request.minutes,
        "skipped": skipped,
        "told": [str(one) for one in passed.told],
        "instead_of": instead_of.number if instead_of else "",
    }
    try:
        with transaction.atomic():
            begin_life(
                use,
                actor=actor,
                action="emergency.activated",
                justification=access_request.justification,
                **said,
            )
    except IntegrityError as error:
        if (other := open_use_of(actor.person)) is None:
            raise
        raise StillOpen(why_blocked(other, actor.person)) from error
    return use
