"""Second factors: their first, by a one-time link; further ones, only with one that is already there."""

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

from accounts.mfa.freshness import act_digest, require_fresh_factor, use_factor
from accounts.mfa.models import WRONG_CODES_ALLOWED
from accounts.mfa.verifying import CODE, Busy, TooManyCodes, WrongCode, keep_evidence
from accounts.models import Authenticator, EnrolmentPass, FactorUse, RecoveryCodes, User
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
    """Make a one-time link for ``person``; earlier ones stop working. For verbs, inside their transaction."""
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
    if actor.person is None or actor.person.pk != person.pk:
        raise NotAllowed
    if has_factor(person):
        act = act_digest(verb="begin_enrolment", person=person.pk)
        evidence = require_fresh_factor(
            actor, act=act, minutes=0, what_for=_("Setting up an authenticator app")
        )
        use_factor(evidence, act=act)
    elif enrolment_pass is None or _person_of(enrolment_pass).pk != person.pk:
        raise PassSpent
    unfinished = Authenticator.objects.filter(user=person, confirmed=False)
    unfinished.filter(throttling_failure_count__lt=WRONG_CODES_ALLOWED).delete()
    device: Authenticator = Authenticator.objects.create(
        user=person, name=_("Authenticator app"), confirmed=False
    )
    return device


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


@journaled
def remove_factor(device: Authenticator, *, actor: Actor) -> None:
    """Take an authenticator app away from its person, who asks for it.

    Raises:
        NotAllowed: it is somebody else's.
        Refused: it is the last one.
        StepUpRequired: the person did not just prove themselves for this.
    """
    person, name = device.user, device.name
    if actor.person is None or actor.person.pk != person.pk:
        raise NotAllowed
    if not Authenticator.objects.filter(user=person, confirmed=True).exclude(pk=device.pk).exists():
        raise Refused(_("This is your last authenticator app. Set up another one first."), code="last_factor")
    act = act_digest(verb="remove_factor", device=device.pk)
    evidence = require_fresh_factor(
        actor, act=act, minutes=0, what_for=_("Removing “%(name)s”") % {"name": name}
    )
    use_factor(evidence, act=act)
    device.delete()
    record("factor.removed", actor=actor, subject=person, about=person, detail={"device": name})
    notify([person], notice="accounts/factor_removed", context={"device": name}, url=_page(), actor=actor)


@journaled
def replace_recovery_codes(person: User, *, actor: Actor) -> list[str]:
    """New recovery codes, to be shown once; the old ones stop working.

    Raises:
        StepUpRequired: the person did not just prove themselves for this.
    """
    if actor.person is None or actor.person.pk != person.pk:
        raise NotAllowed
    act = act_digest(verb="replace_recovery_codes", person=person.pk)
    evidence = require_fresh_factor(actor, act=act, minutes=0, what_for=_("Making new recovery codes"))
    use_factor(evidence, act=act)
    codes = RecoveryCodes.renew(person)
    record("recovery_codes.replaced", actor=actor, subject=person, about=person)
    notify([person], notice="accounts/recovery_codes_replaced", context={}, url=_page(), actor=actor)
    return codes


def has_factor(person: User) -> bool:
    """Whether ``person`` has set up an authenticator app that counts."""
    return bool(Authenticator.objects.filter(user=person, confirmed=True).exists())


def _let_count(key: int, *, name: str, enrolment_pass: EnrolmentPass | None, actor: Actor) -> Enrolled:
    device = Authenticator.objects.select_related("user").get(pk=key)
    person, first = device.user, not has_factor(device.user)
    if first:
        _use_up(enrolment_pass, person=person)
    device.confirmed = True
    device.name = name or device.name
    device.save(update_fields=["confirmed", "name"])
    void_passes(person)
    codes = (
        []
        if RecoveryCodes.objects.filter(user=person, confirmed=True).exists()
        else RecoveryCodes.renew(person)
    )
    detail = {
        "device": device.name,
        "by": str(enrolment_pass.kind) if first and enrolment_pass else "own factor",
    }
    record("factor.enrolled", actor=actor, subject=person, about=person, detail=detail)
    if first and enrolment_pass and enrolment_pass.kind == EnrolmentPass.Kind.INVITATION:
        record("person.joined", actor=actor, subject=person, about=person)
    notify(
        [person], notice="accounts/factor_enrolled", context={"device": device.name}, url=_page(), actor=actor
    )
    return Enrolled(keep_evidence(device, act="", actor=actor), codes)


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
