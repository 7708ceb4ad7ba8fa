"""Signing in: a password, then a second factor. Until both are given the browser belongs to nobody."""

from __future__ import annotations

import time

from django.conf import settings
from django.contrib.auth import authenticate, login
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django_otp import login as remember_device

from accounts.http import PortalRequest, actor_for, is_signed_in
from accounts.mfa.proving import verify_passkey
from accounts.mfa.verifying import confirmed_devices, verify_factor
from accounts.models import FactorUse, Session, User, canonical_email
from accounts.sessions import begin_session
from accounts.throttling import TooManyAttempts, count_attempt, forgive_attempt, takes_turn_in_pause
from audit.journal.actor import Actor
from audit.journal.models import Outcome
from audit.journal.recording import record
from audit.journal.refusing import Refused

HALF = "half_signed_in"
#: seconds from the password to the second factor
HALF_LASTS = 10 * 60
BACKEND = settings.AUTHENTICATION_BACKENDS[0]


class WrongCredentials(Refused):
    """One sentence for every reason, so that nobody learns which accounts exist (C11)."""

    default = _("This email and password do not belong together here.")
    code = "wrong_credentials"


class NoFactor(Refused):
    """The password was right, but there is nothing to verify with yet, or any more."""

    default = _(
        "You have no second factor yet. Open the link from your invitation, or ask an administrator for a new one."
    )
    code = "no_factor"


@sensitive_variables("password")
def prove_password(email: str, *, password: str, actor: Actor) -> User:
    """The first step. It costs the same time whether or not ``email`` belongs to somebody.

    Raises:
        WrongCredentials: unknown, wrong or disabled.
        NoFactor: right, but the person has no second factor.
        TooManyAttempts: a pause is on; nothing was looked at.
    """
    email = canonical_email(email)
    pause = None
    try:
        count_attempt(email, address=actor.address)
    except TooManyAttempts as refusal:
        if not _looks_in_pause(email, actor=actor):
            raise
        pause = refusal
    person = authenticate(None, username=email, password=password)
    if not isinstance(person, User) or person.is_service:
        # What was typed is not written down when it belongs to nobody: it may be a password in the wrong field.
        known = User.objects.filter(email=email).first()
        _record_refusal(WrongCredentials.code, person=known, actor=actor)
        raise pause or WrongCredentials
    forgive_attempt(email, address=actor.address)
    if not confirmed_devices(person):
        _record_refusal(NoFactor.code, person=person, actor=actor)
        raise NoFactor
    return person


def begin_half_sign_in(request: PortalRequest, *, person: User, next_path: str) -> None:
    """Remember in a new session whose password was given. This signs nobody in."""
    begin_session(request)
    request.session[HALF] = {
        "person": person.pk,
        "hash": person.get_session_auth_hash(),
        "at": int(time.time()),
        "next": next_path,
    }


def half_signed_in(request: PortalRequest) -> User | None:
    """Whose second factor this browser may give now: enabled, password unchanged, not too long ago."""
    half = request.session.get(HALF)
    if not half or time.time() - half["at"] > HALF_LASTS:
        return None
    person = User.objects.enabled().humans().filter(pk=half["person"]).first()
    if person is None or not constant_time_compare(half["hash"], person.get_session_auth_hash()):
        return None
    return person


def sign_in_with_code(request: PortalRequest, *, person: User, code: str) -> str:
    """The second step: the code opens the session.

    Returns:
        The path the person wanted to see.

    Raises:
        Refused: as ``verify_factor``.
    """
    evidence = verify_factor(person, code=code, act="", actor=actor_for(request, person))
    return _finish(request, person=person, evidence=evidence)


def sign_in_with_passkey(request: PortalRequest, *, person: User, answer: str) -> str:
    """The second step: what a passkey signed opens the session.

    Returns:
        The path the person wanted to see.

    Raises:
        Refused: as ``verify_passkey``.
    """
    evidence = verify_passkey(person, answer=answer, act="", actor=actor_for(request, person))
    return _finish(request, person=person, evidence=evidence)


def _finish(request: PortalRequest, *, person: User, evidence: FactorUse) -> str:
    next_path: str = request.session[HALF]["next"]
    open_session(request, person=person, evidence=evidence)
    return next_path


def open_session(request: PortalRequest, *, person: User, evidence: FactorUse) -> None:
    """Sign ``person`` in, after ``evidence`` was given in this very session. The session gets a new key."""
    request.session.pop(HALF, None)
    login(request, person, backend=BACKEND)
    for device in confirmed_devices(person):
        if device.persistent_id == evidence.device:
            remember_device(request, device)
    request.actor = actor_for(request, person)
    detail = {"method": str(evidence.method), "device": evidence.device_name}
    record("sign_in.succeeded", actor=request.actor, subject=person, about=person, detail=detail)
    Session.objects.filter(expire_date__lt=evidence.at).delete()


def sign_out(request: PortalRequest) -> None:
    """End this session, here and in the database. Who has only given a password is forgotten in silence."""
    if is_signed_in(request):
        record("sign_out.succeeded", actor=request.actor, subject=request.user, about=request.user)
    request.session.flush()


def end_sessions(person: User) -> int:
    """End every session of ``person``, wherever they are signed in.

    Returns:
        How many there were.
    """
    return Session.objects.filter(person=person).delete()[0]


def _looks_in_pause(email: str, *, actor: Actor) -> bool:
    """Whether a password is looked at although a pause is on; a wrong one gets the same answer as one not looked at."""
    glass = User.objects.enabled().filter(email=email, is_break_glass=True)
    return glass.exists() and takes_turn_in_pause(email, address=actor.address)


def _record_refusal(why: str, *, person: User | None, actor: Actor) -> None:
    record(
        "sign_in.refused",
        actor=actor,
        subject=person,
        about=person,
        outcome=Outcome.REFUSED,
        detail={"why": why},
    )
