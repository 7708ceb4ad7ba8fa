"""Rules that may decide in place of a person, what they have decided, and the calendars they look into."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from roles.sealing import CannotOpen, seal, unseal


class AutomaticRules(models.QuerySet["AutomaticRule"]):
    """Questions about automatic rules."""

    def in_use(self) -> AutomaticRules:
        """Those that were not retired."""
        return self.filter(retired_at=None)


class AutomaticRule(models.Model):
    """When a request is approved, or denied, without a person.

    What a rule says never changes: another version is another row, which role settings have to name before it counts,
    with four eyes where they ask for them. Until they do, the version before goes on. A retired one decides nothing any
    more, and people do.
    """

    class Verdict(models.TextChoices):
        APPROVE = "approve", _("Approve")
        DENY = "deny", _("Deny")

    key = models.SlugField(_("Key"), max_length=60)
    version = models.PositiveIntegerField(_("Version"), default=1)
    name = models.CharField(_("Name"), max_length=100)
    verdict = models.CharField(_("Verdict"), max_length=10, choices=Verdict.choices)
    conditions = models.JSONField(
        _("Conditions"), help_text="all of them; see approvals.automatic.conditions"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True, blank=True)

    history = HistoricalRecords()
    objects = AutomaticRules.as_manager()

    class Meta:
        verbose_name = _("automatic rule")
        verbose_name_plural = _("automatic rules")
        ordering = ["key", "-version"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["key", "version"], name="one_automatic_rule_per_version"),
        ]

    def __str__(self) -> str:
        return f"{self.name} (version {self.version})" if self.version > 1 else self.name

    @property
    def reference(self) -> str:
        """What role settings call it."""
        return f"{self.key}.{self.version}"

    def journal_context(self) -> dict[str, Any]:
        return {}


class AutomaticDecision(models.Model):
    """That a rule has decided on a request: what the rule said and what it looked at, so that it can be done again."""

    access_request = models.OneToOneField(
        "approvals.AccessRequest", on_delete=models.PROTECT, related_name="automatic_decision"
    )
    rule = models.ForeignKey(AutomaticRule, null=True, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=10, choices=AutomaticRule.Verdict.choices)
    at = models.DateTimeField(default=timezone.now)
    digest = models.CharField(max_length=64, blank=True, help_text="of the request as it was decided on")
    says = models.JSONField(default=dict, help_text="the rule as it was, or the answer of the web hook")
    inputs = models.JSONField(default=dict, help_text="everything the conditions looked at")

    class Meta:
        default_permissions = ()
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["-at"], name="automatic_decision_at")]

    def __str__(self) -> str:
        return f"{self.rule or 'web hook'} {self.verdict} {self.access_request}"


LONGEST_ADDRESS = 500


class Calendars(models.QuerySet["Calendar"]):
    """Questions about calendars."""

    def due(self, before: datetime) -> Calendars:
        """Those that were last looked at before ``before``."""
        return self.filter(Q(tried_at=None) | Q(tried_at__lt=before))


class Calendar(models.Model):
    """An iCalendar address: who is on call when. Fetched in the background; a stale copy says nothing."""

    key = models.SlugField(_("Key"), max_length=60, unique=True)
    name = models.CharField(_("Name"), max_length=100)
    secret_url = models.TextField(
        _("Address, sealed"), help_text="whoever knows the address of a calendar can read it"
    )
    text = models.TextField(blank=True, help_text="as it was fetched last")
    fetched_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    fault = models.CharField(max_length=300, blank=True)

    history = HistoricalRecords(excluded_fields=["text", "fetched_at", "tried_at", "fault"])
    objects = Calendars.as_manager()

    class Meta:
        verbose_name = _("calendar")
        verbose_name_plural = _("calendars")
        ordering = ["name", "pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """Its address; "" where the key that it was sealed under is gone."""
        try:
            return unseal(self.secret_url, bound_to=f"calendar:{self.key}") if self.secret_url else ""
        except CannotOpen:
            return ""

    @url.setter
    def url(self, address: str) -> None:
        if address != self.url:
            self.secret_url = seal(address, bound_to=f"calendar:{self.key}") if address else ""

    def clean(self) -> None:
        """Check the address, which its sealed field cannot.

        Raises:
            ValidationError: it is none, or too long.
        """
        if len(self.url) > LONGEST_ADDRESS:
            raise ValidationError(_("An address has at most %(n)s characters.") % {"n": LONGEST_ADDRESS})
        URLValidator(schemes=["http", "https"])(self.url)

    def journal_context(self) -> dict[str, Any]:
        return {}
