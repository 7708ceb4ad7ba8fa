"""Second factors: the devices, and what is kept beside them: when, with what, where and for which act."""

from __future__ import annotations

import hashlib
import secrets
import time
from base64 import b32encode, urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_otp.models import VerifyNotAllowed
from django_otp.oath import hotp
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

#: consecutive wrong codes after which a device is disabled (NIST SP 800-63B-4, 3.2.2)
WRONG_CODES_ALLOWED = 100
LONGEST_PAUSE = timedelta(minutes=15)
CODES_AT_ONCE = 10
CODE_BYTES = 10  # 80 random bits in each recovery code: sixteen letters and figures


def pause_after(failures: int, *, free: int) -> timedelta:
    """How long to wait after so many consecutive failures: nothing, then 1 s, 2 s, 4 s, up to 15 minutes.

    The cap is what keeps a stranger from locking somebody out for ever.

    Args:
        free: failures that cost no time.
    """
    over = failures - free
    return min(timedelta(seconds=2 ** min(over - 1, 20)), LONGEST_PAUSE) if over > 0 else timedelta(0)


class PausesAfterFailures:
    """For django-otp's devices, whose own pauses double without end: pauses up to 15 minutes, disabled after 100 failures."""

    FREE_FAILURES = 2
    user: Any
    throttling_failure_count: int
    throttling_failure_timestamp: datetime | None

    @property
    def is_disabled(self) -> bool:
        """Whether too many wrong codes in a row have ended this device's life; not a break-glass account's."""
        return self.throttling_failure_count >= WRONG_CODES_ALLOWED and not self.user.is_break_glass

    @property
    def paused_until(self) -> datetime | None:
        """Until when no code is looked at; None when one would be."""
        if self.throttling_failure_timestamp is None:
            return None
        pause = pause_after(self.throttling_failure_count, free=self.FREE_FAILURES)
        until = self.throttling_failure_timestamp + pause
        # A stranger must not keep a break-glass account out: see accounts.mfa.keeping_open for what stands instead.
        return until if timezone.now() < until and not self.user.is_break_glass else None

    def verify_is_allowed(self) -> tuple[bool, dict[str, Any] | None]:
        """What django-otp asks, under its lock, before it looks at a code."""
        if self.is_disabled or self.paused_until:
            said = {
                "reason": VerifyNotAllowed.N_FAILED_ATTEMPTS,
                "failure_count": self.throttling_failure_count,
            }
            return False, said | {"locked_until": self.paused_until}
        return True, None


class Authenticator(PausesAfterFailures, TOTPDevice):
    """An authenticator app. Not ``confirmed`` while it is being set up, and again when it was disabled."""

    class Meta:
        proxy = True

    def __str__(self) -> str:
        return str(self.name)

    @property
    def secret(self) -> str:
        """The secret as a person types it into their app: base32 in groups of four."""
        text = b32encode(self.bin_key).decode("ascii")
        return " ".join(text[at : at + 4] for at in range(0, len(text), 4))

    @property
    def present_step(self) -> int:
        """The number of the time step that is now."""
        return int((int(time.time()) - self.t0) // self.step + self.drift)

    def code_at(self, step: int) -> str:
        """The code the app shows in that time step."""
        return f"{hotp(self.bin_key, step, self.digits):0{self.digits}d}"

    def would_accept(self, code: str) -> bool:
        """Whether ``code`` belongs to this device and was not used. Decides nothing: another may use it in between."""
        steps = range(self.present_step - self.tolerance, self.present_step + self.tolerance + 1)
        return any(step > self.last_t and self.code_at(step) == code for step in steps)


class RecoveryCodes(PausesAfterFailures, StaticDevice):
    """A person's recovery codes. Only digests are kept; a used one is deleted."""

    class Meta:
        proxy = True

    def __str__(self) -> str:
        return str(self.name)

    @classmethod
    def renew(cls, person: Any) -> list[str]:
        """Give ``person`` ten new codes in place of all older ones.

        Returns:
            The codes, known only here and now.
        """
        cls.objects.filter(user=person).delete()
        device = cls.objects.create(user=person, name=_("Recovery codes"))
        texts = [
            b32encode(secrets.token_bytes(CODE_BYTES)).decode("ascii").lower()
            for _code in range(CODES_AT_ONCE)
        ]
        codes = ["-".join(text[at : at + 4] for at in range(0, len(text), 4)) for text in texts]
        StaticToken.objects.bulk_create(
            StaticToken(device=device, token=cls.digest_of(code)) for code in codes
        )
        return codes

    @staticmethod
    def digest_of(code: str) -> str:
        """What is kept of a code: 96 bits of a digest, as long as django-otp's column. The code itself has 80 random bits."""
        return urlsafe_b64encode(hashlib.sha256(b"recovery code\n" + code.encode()).digest()[:12]).decode(
            "ascii"
        )

    def verify_token(self, token: str) -> bool:
        return bool(super().verify_token(self.digest_of(token)))


class FactorUse(models.Model):
    """Evidence that a person proved themselves with a second factor. Added, never changed but for ``used_at``.

    django-otp remembers which device a session was verified with, not when; freshness is decided here.
    """

    class Method(models.TextChoices):
        TOTP = "totp", _("Authenticator app")
        RECOVERY_CODE = "recovery_code", _("Recovery code")
        PASSKEY = "passkey", _("Passkey")

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="factor_uses")
    method = models.CharField(max_length=20, choices=Method.choices)
    device = models.CharField(max_length=120, help_text="persistent id of the device")
    device_name = models.CharField(max_length=120)
    at = models.DateTimeField(default=timezone.now)
    address = models.CharField(max_length=64, blank=True)
    session = models.CharField(max_length=64, blank=True, help_text="digest of the session it was given in")
    act = models.CharField(
        max_length=64,
        blank=True,
        help_text='digest of the act it was given for; "" is a sign-in or a general check',
    )
    used_at = models.DateTimeField(null=True, help_text="when the act took place it was given for")

    class Meta:
        indexes = [models.Index(fields=["person", "session", "at"], name="factor_fresh")]

    def __str__(self) -> str:
        return f"{self.get_method_display()} “{self.device_name}”"


class StepUp(models.Model):
    """An act that waits for a fresh second factor: the form as it was sent, so that nothing typed is lost."""

    class Method(models.TextChoices):
        GET = "get"
        POST = "post"

    token = models.CharField(max_length=64, unique=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    session = models.CharField(
        max_length=64, blank=True, help_text='digest of the session; "" when it was kept over a sign-in'
    )
    act = models.CharField(max_length=64, blank=True, help_text="digest of the act")
    minutes = models.PositiveIntegerField(
        default=0, help_text="how long the proof counts; 0 is for this act alone"
    )
    methods = models.JSONField(
        default=list, blank=True, help_text="with which methods it may be proved; none is with any"
    )
    what_for = models.CharField(max_length=300, help_text="the act in words")
    method = models.CharField(max_length=4, choices=Method.choices, default=Method.POST)
    path = models.CharField(max_length=500)
    page = models.CharField(max_length=500, blank=True, help_text="path of the page the form stood on")
    form = models.JSONField(default=dict, help_text="the fields as sent, each a list of values")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.what_for

    def takes(self, method: str) -> bool:
        """Whether the act may be proved with ``method``."""
        return not self.methods or method in self.methods


class PasskeyChallenge(models.Model):
    """Random bytes for a passkey to sign: once, by one person, in one session, for one act."""

    class Purpose(models.TextChoices):
        ADD = "add"
        PROVE = "prove"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    session = models.CharField(max_length=64, help_text="digest of the session it was made in")
    purpose = models.CharField(max_length=5, choices=Purpose.choices)
    act = models.CharField(
        max_length=64, blank=True, help_text='digest of the act to prove; "" is a sign-in or a general check'
    )
    challenge = models.CharField(
        max_length=128, blank=True, help_text='as the browser is told it; "" once it was answered'
    )
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.purpose} by {self.person}"


class EnrolmentPass(models.Model):
    """A one-time link that lets a person set a password and enrol a first second factor: invitation, or help after a loss.

    Only the digest of the link is kept.
    """

    class Kind(models.TextChoices):
        INVITATION = "invitation", _("Invitation")
        HELP = "help", _("Help after losing a factor")

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="enrolment_passes"
    )
    kind = models.CharField(max_length=20, choices=Kind.choices)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.person}"


class Attempts(models.Model):
    """How often in a row a password was wrong, for a sign-in name from one address or for an address alone."""

    key = models.CharField(max_length=64, unique=True, help_text="digest of whom and from where")
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.failures} failures"
