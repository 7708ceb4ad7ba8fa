"""Adding a passkey: the gate is that of every new factor, the key itself is made by the person's device."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.mfa.ceremonies import UNACCEPTABLE, Ceremony, read_answer
from accounts.mfa.enrolling import (
    SET_UP_WITHIN,
    Enrolled,
    PassSpent,
    check_may_enrol,
    let_in_by,
    welcome_factor,
)
from accounts.mfa.freshness import act_digest
from accounts.mfa.proving import (
    PasskeyRefused,
    Purpose,
    keep_challenge,
    record_refused_answer,
    spend_challenge,
)
from accounts.mfa.verifying import Busy
from accounts.models import EnrolmentPass, PasskeyChallenge, User
from audit.journal.actor import Actor
from audit.journal.recording import journaled, take_the_pen
from audit.journal.refusing import Refused


@journaled
def begin_passkey(person: User, *, enrolment_pass: EnrolmentPass | None, actor: Actor) -> PasskeyChallenge:
    """Let ``person`` add one passkey, in this session and within 15 minutes.

    Args:
        enrolment_pass: the link of a person who has no factor. Who has one proves themselves with it, who has a
            passkey with that (C8).

    Raises:
        StepUpRequired: the person has a factor and did not just use it for this.
        PassSpent: the person has none, and no link that works.
        NotAllowed: it is for somebody else.
    """
    check_may_enrol(
        person,
        act=act_digest(verb="begin_passkey", person=person.pk),
        what_for=_("Adding a passkey"),
        enrolment_pass=enrolment_pass,
        actor=actor,
    )
    return keep_challenge(person, purpose=Purpose.ADD, act="", challenge="", actor=actor)


def passkey_being_added(person: User, *, actor: Actor) -> PasskeyChallenge | None:
    """What ``person`` may add in this session, while there is time for it."""
    since = timezone.now() - SET_UP_WITHIN
    begun = PasskeyChallenge.objects.filter(person=person, purpose=Purpose.ADD, created_at__gt=since)
    return begun.filter(session=actor.session).first() if actor.session else None


def ask_for_passkey(begun: PasskeyChallenge) -> dict[str, Any]:
    """What the browser is asked, ready for JSON. Each time with a new challenge; the one before stops working."""
    with transaction.atomic():
        options, state = Ceremony().register_begin(begun.person)
        PasskeyChallenge.objects.filter(pk=begun.pk).update(challenge=state["challenge"])
    asked: dict[str, Any] = options
    return asked


def add_passkey(
    person: User, *, answer: str, name: str, enrolment_pass: EnrolmentPass | None, actor: Actor
) -> Enrolled:
    """Let a passkey that a browser has just made count. Must not be called inside a transaction.

    Args:
        answer: JSON, as the browser gave it.
        name: what the person calls it.
        enrolment_pass: the link, for a first factor; it is used up by this.

    Raises:
        PasskeyRefused: it was not made for this, here and now.
        PassSpent: the link stopped working meanwhile.
        Busy: the database did not answer in time.
    """
    try:
        with transaction.atomic(durable=True):
            take_the_pen()
            outcome = _add(
                person,
                read_answer(answer),
                name=name or _("Passkey"),
                enrolment_pass=enrolment_pass,
                actor=actor,
            )
    except OperationalError as error:
        raise Busy(_("The portal is busy. Try it again in a moment.")) from error
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


def _add(
    person: User, said: dict[str, Any], *, name: str, enrolment_pass: EnrolmentPass | None, actor: Actor
) -> Enrolled | PasskeyRefused:
    challenge = spend_challenge(person, said, purpose=Purpose.ADD, act="", within=SET_UP_WITHIN, actor=actor)
    if not challenge:
        return record_refused_answer(
            person, device=name, why="no challenge waits for this answer", actor=actor
        )
    if not User.objects.enabled().filter(pk=person.pk).exists():
        raise PassSpent
    try:
        with transaction.atomic():
            by = let_in_by(enrolment_pass, person=person)
            passkey = Ceremony(name).made(person, challenge=challenge, said=said)
    except IntegrityError:
        return record_refused_answer(person, device=name, why="it is known here already", actor=actor)
    except UNACCEPTABLE as error:
        return record_refused_answer(person, device=name, why=error, actor=actor)
    return welcome_factor(passkey, by=by, actor=actor)
