"""Looking at codes. Each counts once, ever; each wrong one is counted and recorded, whatever becomes of the page."""

from __future__ import annotations

import re
from datetime import datetime

from django.db import OperationalError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_otp import login as remember_device
from django_otp import verify_token

from accounts.http import PortalRequest
from accounts.mfa.keeping_open import check_code_may_be_looked_at
from accounts.models import Authenticator, FactorUse, Passkey, RecoveryCodes, User
from accounts.notifications.notifying import notify
from accounts.throttling import count_code, forgive_code, wait_words
from audit.journal.actor import Actor
from audit.journal.models import Outcome
from audit.journal.recording import record, take_the_pen
from audit.journal.refusing import Refused

# ASCII only, and asked before anything else looks at the code: int() takes "12_3456" and full-width digits (C2).
CODE = re.compile(r"[0-9]{6}")
RECOVERY_CODE = re.compile(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}")

Device = Authenticator | RecoveryCodes | Passkey
METHODS: dict[type[Device], FactorUse.Method] = {
    Authenticator: FactorUse.Method.TOTP,
    RecoveryCodes: FactorUse.Method.RECOVERY_CODE,
    Passkey: FactorUse.Method.PASSKEY,
}


class WrongCode(Refused):
    """The code is not right, or was used before."""

    default = gettext_lazy(
        "This code is not right, or it was used already. Wait until your app shows the next one."
    )
    code = "wrong_code"


class TooManyCodes(Refused):
    """Too many wrong codes: none is looked at before the pause is over."""

    code = "too_many_codes"
    status_code = 429

    def __init__(self, until: datetime) -> None:
        said = {"wait": wait_words(until)}
        super().__init__(
            _("Too many wrong codes. The next one is looked at in %(wait)s.") % said, field="code"
        )


class Busy(Refused):
    """The database was held by somebody else for too long."""

    default = gettext_lazy("The portal is busy. Wait until your app shows the next code and send that.")
    code = "busy"
    status_code = 503


def verify_factor(person: User, *, code: str, act: str, actor: Actor) -> FactorUse:
    """Look at a code of ``person`` and keep the evidence.

    Must not be called inside a transaction: a wrong code has to stay counted.

    Args:
        code: six digits of an authenticator app, or a recovery code.
        act: digest of the act it is given for; "" for a sign-in or a general check.

    Raises:
        WrongCode: it is not right, or it was used before, by whomever.
        TooManyCodes: there were too many wrong ones; this one was not looked at.
        OtherFactorNeeded: a break-glass account was guessed at from everywhere, and this is a new network.
        Busy: the database did not answer in time; the code was not looked at.
    """
    if not (CODE.fullmatch(code) or RECOVERY_CODE.fullmatch(code)):
        raise WrongCode(field="code")
    guessable = bool(person.is_break_glass and CODE.fullmatch(code))
    if guessable:
        check_code_may_be_looked_at(person, address=actor.address)
        if until := count_code(person.pk, address=actor.address):
            raise TooManyCodes(until)
    try:
        with transaction.atomic(durable=True):
            take_the_pen()
            devices = devices_for_code(person, code)
            device = accepting_device(person, devices, code)
            if device is not None:
                if guessable:
                    forgive_code(person.pk, address=actor.address)
                return keep_evidence(device, act=act, actor=actor)
            refusal = _count_refusal(person, devices, actor=actor)
    except OperationalError as error:
        raise Busy(field="code") from error
    raise refusal


def verify_inline(request: PortalRequest, *, code: str, act: str) -> FactorUse:
    """Look at a code that was sent in a form's own field; it leaves the same evidence as the step-up page.

    Call it in the view, before the verb.

    Raises:
        Refused: as ``verify_factor``; beside the field ``code``.
    """
    evidence = verify_factor(request.user, code=code, act=act, actor=request.actor)
    strengthen_session(request, device=evidence.device)
    return evidence


def strengthen_session(request: PortalRequest, *, device: str) -> None:
    """Give a session whose person has just proved themselves a new key (D1), and remember with which device."""
    request.session.cycle_key()
    for mine in confirmed_devices(request.user):
        if mine.persistent_id == device:
            remember_device(request, mine)


def confirmed_devices(person: User) -> list[Device]:
    """The devices ``person`` can verify with."""
    return [*own_factors(person), *RecoveryCodes.objects.filter(user=person, confirmed=True)]


def own_factors(person: User) -> list[Authenticator | Passkey]:
    """What ``person`` has set up by themselves: everything but the recovery codes that come with it."""
    mine = {"user": person, "confirmed": True}
    return [
        *Authenticator.objects.filter(**mine).order_by("pk"),
        *Passkey.objects.filter(**mine).order_by("pk"),
    ]


def has_passkey(person: User) -> bool:
    """Whether ``person`` has a passkey."""
    return bool(Passkey.objects.filter(user=person, confirmed=True).exists())


def devices_for_code(person: User, code: str) -> list[Device]:
    """The devices of ``person`` that a code of this shape can belong to."""
    kind = Authenticator if CODE.fullmatch(code) else RecoveryCodes
    return [device for device in confirmed_devices(person) if isinstance(device, kind)]


def accepting_device(person: User, devices: list[Device], code: str) -> Device | None:
    """The device that accepts ``code``, which is thereby used up.

    With several apps the one it belongs to is asked alone, so that a right code never counts as a failure of the
    others; a code that belongs to none counts as a failure of all. Devices in a pause are not asked, and nothing tells
    whether they would have taken it.
    """
    awake = [device for device in devices if not device.paused_until]
    own = [device for device in awake if isinstance(device, Authenticator) and device.would_accept(code)]
    for device in own or awake:
        if verify_token(person, device.persistent_id, code) is not None:
            return device
    return None


def keep_evidence(device: Device, *, act: str, actor: Actor) -> FactorUse:
    """Write down that ``device`` was used: the row that freshness is decided by, and the journal's entry."""
    person, method = device.user, METHODS[type(device)]
    evidence = FactorUse.objects.create(
        person=person,
        method=method,
        device=device.persistent_id,
        device_name=device.name,
        address=actor.address,
        session=actor.session,
        act=act,
    )
    record(
        "factor.verified",
        actor=actor,
        subject=evidence,
        about=person,
        detail={"method": str(method), "device": device.name, "act": act},
    )
    return evidence


def _count_refusal(person: User, devices: list[Device], *, actor: Actor) -> Refused:
    """Record a code that no device took; disable devices that had too many of them in a row."""
    pauses = [until for device in devices if (until := device.paused_until)]
    if pauses and len(pauses) == len(devices):
        return TooManyCodes(min(pauses))
    after = [type(device).objects.get(pk=device.pk) for device in devices]
    record(
        "factor.refused",
        actor=actor,
        about=person,
        outcome=Outcome.REFUSED,
        detail={"failures": {device.name: device.throttling_failure_count for device in after}},
    )
    for device in after:
        if device.is_disabled:
            _disable(device, actor=actor)
    return WrongCode(field="code")


def _disable(device: Device, *, actor: Actor) -> None:
    """End the life of a device, not of its person's account."""
    person = device.user
    device.confirmed = False
    device.save(update_fields=["confirmed"])
    failures = device.throttling_failure_count
    record("factor.disabled", actor=actor, about=person, detail={"device": device.name, "failures": failures})
    context = {"device": device.name, "failures": failures}
    notify([person], notice="accounts/factor_disabled", context=context, url="/second-factors/", actor=actor)
