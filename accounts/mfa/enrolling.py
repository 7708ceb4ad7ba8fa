"""Second factors: their first, by a one-time link; further ones, only with one that is already there (C8)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_otp import verify_token

from accounts.mfa.changing_factors import prove_for_factors
from accounts.mfa.freshness import act_digest
from accounts.mfa.models import WRONG_CODES_ALLOWED
from accounts.mfa.verifying import (
    CODE,
    METHODS,
    Busy,
    TooManyCodes,
    WrongCode,
    keep_evidence,
    own_factors,
)
from accounts.models import (
    Authenticator,
    EnrolmentPass,
    FactorUse,
    Passkey,
    PasskeyChallenge,
    RecoveryCodes,
    User,
)
from accounts.notifications.notifying import notify
from audit.journal.actor import Actor
from audit.journal.models import Outcome
from audit.journal.recording import journaled, record, save_as, take_the_pen
from audit.journal.refusing import NotAllowed, Refused

PASS_LASTS = {EnrolmentPass.Kind.INVITATION: timedelta(hours=72), EnrolmentPass.Kind.HELP: timedelta(hours=1)}
#: how long the QR code of a device that is being set up may be answered
SET_UP_WITHIN = timedelta(minutes=15)


class PassSpent(Refused):
    """The link was used, its time has passed, or it was taken back."""

    default = gettext_lazy("This link no longer works. Who invited you can send a new one.")
    code = "pass_spent"


@dataclass(frozen=True)
class GivenPass:
    """A new one-time link. ``url`` is known only here and now: the database keeps a digest."""

    enrolment_pass: EnrolmentPass
    url: str


@dataclass(frozen=True)
class Enrolled:
    """A factor that was just set up, and the new recovery codes to show once (none when there were some)."""

    evidence: FactorUse
    codes: list[str]


def give_pass(person: User, *, kind: EnrolmentPass.Kind) -> GivenPass:
    """Make a one-time link for ``person``; earlier ones stop working. For verbs, inside their transaction.

    Raises:
        Refused: it is a service principal, which never signs in.
    """
    if person.is_service:
        raise Refused(
            _("%(name)s is a service principal and never signs in.") % {"name": person}, code="service"
        )
    void_passes(person)
    token = secrets.token_urlsafe(32)
    enrolment_pass = EnrolmentPass.objects.create(
        person=person, kind=kind, digest=_digest(token), expires_at=timezone.now() + PASS_LASTS[kind]
    )
    return GivenPass(enrolment_pass, settings.BASE_URL + reverse("accept_invitation", args=[token]))


def void_passes(person: User) -> None:
    """End every link that ``person`` could still use."""
    now = timezone.now()
    EnrolmentPass.objects.filter(person=person, used_at__isnull=True, expires_at__gt=now).update(
        expires_at=now
    )


def open_passes() -> QuerySet[EnrolmentPass]:
    """The links that still work."""
    return EnrolmentPass.objects.filter(
        used_at__isnull=True, expires_at__gt=timezone.now(), person__is_active=True
    ).select_related("person")


def pass_for(token: str) -> EnrolmentPass | None:
    """The link with this token, if it still works."""
    return open_passes().filter(digest=_digest(token)).first()


@journaled
def set_first_password(enrolment_pass: EnrolmentPass, *, password: str, actor: Actor) -> User:
    """Set the password of the person a link was given to. The link still works until a factor is set up.

    Args:
        password: has passed Django's validators.

    Raises:
        PassSpent: the link does not work any more.
    """
    person = _person_of(enrolment_pass)
    person.set_password(password)
    save_as(person, actor=actor, reason="password set by link")
    record("password.set", actor=actor, subject=person, about=person, detail={"by": str(enrolment_pass.kind)})
    return person


@journaled
def begin_enrolment(person: User, *, enrolment_pass: EnrolmentPass | None, actor: Actor) -> Authenticator:
    """Make an authenticator that counts for nothing until a code confirms it.

    Args:
        enrolment_pass: the link of a person who has no factor. Who has one proves themselves with it (C8).

    Raises:
        StepUpRequired: the person has a factor and did not just use it for this.
        PassSpent: the person has none, and no link that works.
    """
    check_may_enrol(
        person,
        act=act_digest(verb="begin_enrolment", person=person.pk),
        what_for=_("Setting up an authenticator app"),
        enrolment_pass=enrolment_pass,
        actor=actor,
    )
    unfinished = Authenticator.objects.filter(user=person, confirmed=False)
    unfinished.filter(throttling_failure_count__lt=WRONG_CODES_ALLOWED).delete()
    device: Authenticator = Authenticator.objects.create(
        user=person, name=_("Authenticator app"), confirmed=False
    )
    return device


def check_may_enrol(
    person: User, *, act: str, what_for: str, enrolment_pass: EnrolmentPass | None, actor: Actor
) -> None:
    """The gate before every new factor: a fresh one that is already there, or the link of a person who has none.

    Raises:
        NotAllowed: it is for somebody else.
        StepUpRequired: the person has a factor and did not just use it for this.
        PassSpent: the person has none, and no link that works.
    """
    if actor.person is None or actor.person.pk != person.pk:
        raise NotAllowed
    if has_factor(person):
        prove_for_factors(person, act=act, what_for=what_for, actor=actor)
    elif enrolment_pass is None or _person_of(enrolment_pass).pk != person.pk:
        raise PassSpent


def device_being_set_up(person: User, *, key: int) -> Authenticator | None:
    """The device that ``person`` is setting up, while there is time for it."""
    since = timezone.now() - SET_UP_WITHIN
    device = Authenticator.objects.filter(user=person, pk=key, confirmed=False, created_at__gt=since).first()
    return None if device is None or device.is_disabled else device


def confirm_enrolment(
    device: Authenticator, *, code: str, name: str, enrolment_pass: EnrolmentPass | None, actor: Actor
) -> Enrolled:
    """Let a device count from now on, because its first code was right. Must not be called inside a transaction.

    Args:
        device: as ``begin_enrolment`` made it.
        name: what the person calls it.
        enrolment_pass: the link, for a first factor; it is used up by this.

    Raises:
        WrongCode: the device stays unconfirmed; the failure is counted.
        TooManyCodes, Busy: the code was not looked at.
        PassSpent: the link stopped working meanwhile.
    """
    person = device.user
    if not CODE.fullmatch(code):
        raise WrongCode(field="code")
    try:
        with transaction.atomic(durable=True):
            take_the_pen()
            device = _still_there(device)
            if verify_token(person, device.persistent_id, code) is not None:
                return _let_count(device.pk, name=name, enrolment_pass=enrolment_pass, actor=actor)
            failures = {"device": device.name, "failures": device.throttling_failure_count + 1}
            record("factor.refused", actor=actor, about=person, outcome=Outcome.REFUSED, detail=failures)
    except OperationalError as error:
        raise Busy(field="code") from error
    raise WrongCode(field="code")


def has_factor(person: User) -> bool:
    """Whether ``person`` has set up an authenticator app or a passkey that counts."""
    return bool(own_factors(person))


def let_in_by(enrolment_pass: EnrolmentPass | None, *, person: User) -> EnrolmentPass | None:
    """Use up the link when the factor that is to count now is the first one.

    Raises:
        PassSpent: it is the first one, and no link works.
    """
    if has_factor(person):
        return None
    _use_up(enrolment_pass, person=person)
    return enrolment_pass


def welcome_factor(device: Authenticator | Passkey, *, by: EnrolmentPass | None, actor: Actor) -> Enrolled:
    """What follows when a factor counts: whatever else was being set up ends, and everybody concerned is told.

    Args:
        by: the link that was used up for it; None when it is a further one.
    """
    person, kind = device.user, str(METHODS[type(device)])
    void_passes(person)
    Authenticator.objects.filter(user=person, confirmed=False).filter(
        throttling_failure_count__lt=WRONG_CODES_ALLOWED
    ).delete()
    PasskeyChallenge.objects.filter(person=person, purpose=PasskeyChallenge.Purpose.ADD).delete()
    kept = RecoveryCodes.objects.filter(user=person, confirmed=True).exists()
    codes = [] if kept else RecoveryCodes.renew(person)
    detail = {"device": device.name, "method": kind, "by": str(by.kind) if by else "own factor"}
    record("factor.enrolled", actor=actor, subject=person, about=person, detail=detail)
    if by and by.kind == EnrolmentPass.Kind.INVITATION:
        record("person.joined", actor=actor, subject=person, about=person)
    context = {"device": device.name, "kind": kind}
    notify([person], notice="accounts/factor_enrolled", context=context, url=_page(), actor=actor)
    return Enrolled(keep_evidence(device, act="", actor=actor), codes)


def _let_count(key: int, *, name: str, enrolment_pass: EnrolmentPass | None, actor: Actor) -> Enrolled:
    device = Authenticator.objects.select_related("user").get(pk=key)
    by = let_in_by(enrolment_pass, person=device.user)
    device.confirmed = True
    device.name = name or device.name
    device.save(update_fields=["confirmed", "name"])
    return welcome_factor(device, by=by, actor=actor)


def _still_there(device: Authenticator) -> Authenticator:
    found = device_being_set_up(device.user, key=device.pk)
    if found is None:
        raise PassSpent
    if until := found.paused_until:
        raise TooManyCodes(until)
    return found


def _person_of(enrolment_pass: EnrolmentPass) -> User:
    """The person of a link, asked of the database now.

    Raises:
        PassSpent: the link does not work any more.
    """
    found = open_passes().filter(pk=enrolment_pass.pk).first()
    if found is None:
        raise PassSpent
    person: User = found.person
    return person


def _use_up(enrolment_pass: EnrolmentPass | None, *, person: User) -> None:
    """Use a link up, once: of two who confirm with it at once, one is refused."""
    mine = (
        EnrolmentPass.objects.none() if enrolment_pass is None else open_passes().filter(pk=enrolment_pass.pk)
    )
    if not EnrolmentPass.objects.filter(pk__in=mine.filter(person=person).values("pk"), used_at=None).update(
        used_at=timezone.now()
    ):
        raise PassSpent


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _page() -> str:
    return reverse("second_factors")
