"""Passkeys: keys of which the portal knows only the public half, and which sign for this portal's address alone."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_otp.models import ThrottlingMixin
from django_otp_webauthn.models import AbstractWebAuthnCredential

from accounts.mfa.models import PausesAfterFailures


class Passkey(PausesAfterFailures, ThrottlingMixin, AbstractWebAuthnCredential):
    """A passkey of one person.

    It is looked at by ``accounts.mfa.proving`` alone: django-otp's ``verify_token`` answers no for it, always.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        verbose_name = _("passkey")
        verbose_name_plural = _("passkeys")

    def __str__(self) -> str:
        return str(self.name)

    @property
    def is_disabled(self) -> bool:
        """Never: there is nothing to guess, and who could end its life by failing would lower the guard to codes."""
        return False
