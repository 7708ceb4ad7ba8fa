"""Break-glass accounts: named people for the day when nothing else works. Their every use raises an alarm."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.duties import Duty, require
from accounts.mfa.freshness import act_digest, prove_act
from accounts.mfa.verifying import confirmed_devices, own_factors
from accounts.models import User
from accounts.signals import user_named_break_glass
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record, save_as
from audit.journal.refusing import NotAllowed, Overtaken, Refused


@journaled
def name_break_glass(person: User, *, justification: str, actor: Actor) -> None:
    """Name ``person`` a break-glass account. Nobody names themselves.

    Raises:
        NotAllowed: not Global Administrator, or one's own account.
        Overtaken: they are one already.
        Refused: disabled, without a second factor, or not Global Administrator directly and for good.
        StepUpRequired: the administrator did not just prove themselves for this very act.
    """
    _check_may_say(person, actor=actor)
    person.refresh_from_db()
    if person.is_break_glass:
        raise Overtaken
    if not person.is_active or person.is_service or not own_factors(person):
        raise Refused(
            _("%(name)s cannot sign in yet: a break-glass account is enabled and has a second factor.")
            % {"name": person},
            code="cannot_sign_in",
        )
    user_named_break_glass.send(sender=User, person=person, actor=actor)
    _prove(person, "name_break_glass", justification=justification, actor=actor)
    person.is_break_glass = True
    save_as(person, actor=actor, reason=justification)
    record("break_glass.named", actor=actor, subject=person, about=person, justification=justification)


@journaled
def unname_break_glass(person: User, *, justification: str, actor: Actor) -> None:
    """Make a break-glass account one like any other: pauses and disabled devices count for it again.

    Raises:
        NotAllowed: not Global Administrator, or one's own account.
        Overtaken: they are none.
        StepUpRequired: the administrator did not just prove themselves for this very act.
    """
    _check_may_say(person, actor=actor)
    person.refresh_from_db()
    if not person.is_break_glass:
        raise Overtaken
    _prove(person, "unname_break_glass", justification=justification, actor=actor)
    person.is_break_glass = False
    save_as(person, actor=actor, reason=justification)
    for device in confirmed_devices(person):
        device.throttle_reset()  # what strangers tried meanwhile must not disable it now
    record("break_glass.unnamed", actor=actor, subject=person, about=person, justification=justification)


def _check_may_say(person: User, *, actor: Actor) -> None:
    require(actor, Duty.GLOBAL_ADMINISTRATOR)
    if actor.person is not None and actor.person.is_same_human_as(person):
        raise NotAllowed(_("Nobody decides this of themselves. Ask another Global Administrator."))


def _prove(person: User, verb: str, *, justification: str, actor: Actor) -> None:
    if actor.person is None:
        return  # the portal itself, on the console
    act = act_digest(verb=verb, person=person.pk, justification=justification)
    what_for = _("Saying whether %(name)s is a break-glass account") % {"name": person}
    prove_act(actor, act=act, what_for=what_for)
