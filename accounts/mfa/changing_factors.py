"""Changing what proves that it is you: each change asks for a proof of its own, and its person is told."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.mfa.freshness import PHISHING_RESISTANT, act_digest, require_fresh_factor, use_factor
from accounts.mfa.verifying import METHODS, has_passkey, own_factors
from accounts.models import Authenticator, Passkey, RecoveryCodes, User
from accounts.notifications.notifying import notify
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record
from audit.journal.refusing import NotAllowed, Refused


def prove_for_factors(person: User, *, act: str, what_for: str, actor: Actor) -> None:
    """Use up the proof that a change of factors asks of ``person``: any factor, or a passkey of who has one.

    Otherwise a code that somebody was talked into reading out would enrol the thief's own passkey.

    Raises:
        StepUpRequired: there is none.
    """
    methods = PHISHING_RESISTANT if has_passkey(person) else None
    evidence = require_fresh_factor(actor, act=act, minutes=0, what_for=what_for, methods=methods)
    use_factor(evidence, act=act)


@journaled
def remove_factor(device: Authenticator | Passkey, *, actor: Actor) -> None:
    """Take an authenticator app or a passkey away from its person, who asks for it.

    Raises:
        NotAllowed: it is somebody else's.
        Refused: it is the last one.
        StepUpRequired: the person did not just prove themselves for this.
    """
    person, name = device.user, device.name
    if actor.person is None or actor.person.pk != person.pk:
        raise NotAllowed
    if own_factors(person) == [device]:
        raise Refused(_("This is your last second factor. Set up another one first."), code="last_factor")
    prove_for_factors(
        person,
        act=act_digest(verb="remove_factor", device=device.persistent_id),
        what_for=_("Removing “%(name)s”") % {"name": name},
        actor=actor,
    )
    kind = METHODS[type(device)]
    device.delete()
    detail = {"device": name, "method": str(kind)}
    record("factor.removed", actor=actor, subject=person, about=person, detail=detail)
    context = {"device": name, "kind": str(kind)}
    notify(
        [person],
        notice="accounts/factor_removed",
        context=context,
        url=reverse("second_factors"),
        actor=actor,
    )


@journaled
def replace_recovery_codes(person: User, *, actor: Actor) -> list[str]:
    """New recovery codes, to be shown once; the old ones stop working.

    Raises:
        StepUpRequired: the person did not just prove themselves for this.
    """
    if actor.person is None or actor.person.pk != person.pk:
        raise NotAllowed
    act = act_digest(verb="replace_recovery_codes", person=person.pk)
    prove_for_factors(person, act=act, what_for=_("Making new recovery codes"), actor=actor)
    codes = RecoveryCodes.renew(person)
    record("recovery_codes.replaced", actor=actor, subject=person, about=person)
    notify(
        [person],
        notice="accounts/recovery_codes_replaced",
        context={},
        url=reverse("second_factors"),
        actor=actor,
    )
    return codes
