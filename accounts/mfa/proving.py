"""Proving oneself with a passkey: a challenge is given out, and what the passkey signed is looked at, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_otp.models import Device

from accounts.mfa.ceremonies import UNACCEPTABLE, Ceremony, challenge_in, credential_in, read_answer
from accounts.mfa.verifying import Busy, has_passkey, keep_evidence
from accounts.models import FactorUse, Passkey, PasskeyChallenge, User
from accounts.throttling import wait_words
from audit.journal.actor import Actor
from audit.journal.models import Outcome
from audit.journal.recording import record, take_the_pen
from audit.journal.refusing import NotAllowed, Refused

#: how long a challenge waits for its answer; the browser is told the same
ANSWERED_WITHIN = timedelta(seconds=settings.OTP_WEBAUTHN_TIMEOUT_SECONDS)
Purpose = PasskeyChallenge.Purpose


class PasskeyRefused(Refused):
    """What came from the browser is not a proof. Why not stands in the journal."""

    default = gettext_lazy("This passkey was not accepted. Try it again, or prove yourself in another way.")
    code = "passkey_refused"


class PasskeyPaused(Refused):
    """Too many refused answers: none is looked at before the pause is over."""

    code = "passkey_paused"
    status_code = 429


class NoPasskey(Refused):
    """The person has none."""

    default = gettext_lazy("You have no passkey yet.")
    code = "no_passkey"


def begin_proof(person: User, *, act: str, actor: Actor) -> dict[str, Any]:
    """Give out a challenge; an earlier one for the same act stops working.

    Args:
        act: digest of the act it is to prove; "" for a sign-in or a general check.

    Returns:
        What the browser is asked, ready for JSON.

    Raises:
        NoPasskey: there is none to sign with.
    """
    if not has_passkey(person):
        raise NoPasskey
    options, state = Ceremony().authenticate_begin(user=person)
    with transaction.atomic():
        PasskeyChallenge.objects.filter(created_at__lt=timezone.now() - 3 * ANSWERED_WITHIN).delete()
        keep_challenge(person, purpose=Purpose.PROVE, act=act, challenge=state["challenge"], actor=actor)
    asked: dict[str, Any] = options
    return asked


def verify_passkey(person: User, *, answer: str, act: str, actor: Actor) -> FactorUse:
    """Look at what a passkey of ``person`` signed and keep the evidence.

    Must not be called inside a transaction: a challenge stays spent, and a refusal counted, whatever becomes of the page.

    Args:
        answer: JSON, as the browser gave it.
        act: digest of the act it is given for; "" for a sign-in or a general check.

    Raises:
        PasskeyRefused: it proves nothing, or was used before.
        PasskeyPaused: too many were refused; this one was not looked at.
        Busy: the database did not answer in time.
    """
    try:
        with transaction.atomic(durable=True):
            take_the_pen()
            outcome = _look_at(person, read_answer(answer), act=act, actor=actor)
    except OperationalError as error:
        raise Busy(_("The portal is busy. Try your passkey again in a moment.")) from error
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


def keep_challenge(person: User, *, purpose: str, act: str, challenge: str, actor: Actor) -> PasskeyChallenge:
    """Keep a challenge for ``person`` in the actor's session, in place of an earlier one for the same.

    Raises:
        NotAllowed: there is no session to bind it to.
    """
    if not actor.session:
        raise NotAllowed
    same = {"person": person, "session": actor.session, "purpose": purpose, "act": act}
    PasskeyChallenge.objects.filter(**same).delete()
    return PasskeyChallenge.objects.create(**same, challenge=challenge)


def spend_challenge(
    person: User, said: dict[str, Any], *, purpose: str, act: str, within: timedelta, actor: Actor
) -> str:
    """Use up the challenge that was signed, if it was given out for this and not used before.

    Returns:
        The challenge; "" when there is none.
    """
    signed = challenge_in(said)
    given = PasskeyChallenge.objects.filter(
        person=person,
        session=actor.session,
        purpose=purpose,
        act=act,
        challenge=signed,
        created_at__gt=timezone.now() - within,
    )
    # One statement decides: of two that come at once one finds it unspent.
    return signed if signed and actor.session and given.update(challenge="") else ""


def record_refused_answer(
    person: User, *, device: str, why: object, actor: Actor, **detail: object
) -> PasskeyRefused:
    """Write down that an answer was refused, and why; the answer to the person says less."""
    said = {"device": device, "method": "passkey", "why": str(why)[:200]} | detail
    record("factor.refused", actor=actor, about=person, outcome=Outcome.REFUSED, detail=said)
    return PasskeyRefused()


def _look_at(person: User, said: dict[str, Any], *, act: str, actor: Actor) -> FactorUse | Refused:
    challenge = spend_challenge(
        person, said, purpose=Purpose.PROVE, act=act, within=ANSWERED_WITHIN, actor=actor
    )
    passkey = _locked_passkey(person, credential_in(said))
    name = passkey.name if passkey else ""
    if passkey is None or not challenge or not User.objects.enabled().filter(pk=person.pk).exists():
        why = "no challenge waits for this answer" if passkey else "not a passkey of this person"
        return record_refused_answer(person, device=name, why=why, actor=actor)
    if until := passkey.paused_until:
        words = _("This passkey was refused too often. The next try is looked at in %(wait)s.")
        return PasskeyPaused(words % {"wait": wait_words(until)})
    try:
        with transaction.atomic():
            used = Ceremony().signed(person, challenge=challenge, said=said)
    except UNACCEPTABLE as error:
        passkey.throttle_increment()
        failures = passkey.throttling_failure_count
        return record_refused_answer(person, device=name, why=error, actor=actor, failures=failures)
    used.throttle_reset(commit=False)
    used.save(update_fields=["throttling_failure_count", "throttling_failure_timestamp"])
    return keep_evidence(used, act=act, actor=actor)


def _locked_passkey(person: User, credential: bytes) -> Passkey | None:
    """The passkey, locked until the transaction ends: its counter is read and written by one at a time."""
    digest = Passkey.get_credential_id_sha256(credential)
    mine = Passkey.objects.filter(user=person, confirmed=True, credential_id_sha256=digest).first()
    if mine is None:
        return None
    locked: Passkey | None = Device.from_persistent_id(mine.persistent_id, for_verify=True)
    return locked
