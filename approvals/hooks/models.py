"""The web hooks an administrator has entered, and what each was asked and has answered."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords


class Hook(models.Model):
    """An address that is asked before approval. Role settings name it by its key."""

    key = models.SlugField(_("Key"), max_length=60, unique=True)
    name = models.CharField(_("Name"), max_length=100)
    url = models.URLField(_("Address"), max_length=500)
    sealed_secret = models.TextField(_("Secret, sealed"))
    timeout_seconds = models.PositiveSmallIntegerField(
        _("Waits for an answer, in seconds"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(30)],
    )
    retries = models.PositiveSmallIntegerField(
        _("Asked again at most"), default=3, validators=[MaxValueValidator(5)]
    )
    created_at = models.DateTimeField(default=timezone.now)

    history = HistoricalRecords(excluded_fields=["sealed_secret"])

    class Meta:
        verbose_name = _("web hook")
        verbose_name_plural = _("web hooks")
        ordering = ["name", "pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    def journal_context(self) -> dict[str, Any]:
        return {}


class HookCalls(models.QuerySet["HookCall"]):
    """Questions about calls of web hooks."""

    def unanswered(self) -> HookCalls:
        """Those that have come to nothing yet."""
        return self.filter(outcome="")

    def due(self, at: datetime | None = None) -> HookCalls:
        """Those to be sent at ``at``: it is their turn, and nobody is sending them."""
        at = at or timezone.now()
        return (
            self.unanswered().filter(next_at__lte=at).filter(Q(leased_until=None) | Q(leased_until__lte=at))
        )


class HookCall(models.Model):
    """A request that a web hook is asked about, or was. While it is out, the request is at stage 0: nobody else is asked."""

    class Outcome(models.TextChoices):
        APPROVED = "approved", _("Goes on")
        AUTO_APPROVED = "auto_approved", _("Approved in place of an approver")
        DENIED = "denied", _("Denied")
        SILENT = "silent", _("No answer")
        DROPPED = "dropped", _("Not needed any more")

    access_request = models.OneToOneField(
        "approvals.AccessRequest", on_delete=models.PROTECT, related_name="hook_call"
    )
    hook = models.ForeignKey(Hook, null=True, on_delete=models.PROTECT, related_name="calls")
    message_id = models.UUIDField(default=uuid.uuid4, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=16, blank=True, choices=Outcome.choices)
    evaluation_id = models.CharField(max_length=200, blank=True, help_text="what the hook calls its answer")
    reasons = models.JSONField(default=list)
    sent = models.JSONField(default=dict, help_text="what it was asked")
    fault = models.CharField(
        max_length=300, blank=True, help_text="why the last attempt has brought no answer"
    )
    answered_at = models.DateTimeField(null=True)

    objects = HookCalls.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["next_at"], condition=Q(outcome=""), name="hook_call_due")]

    def __str__(self) -> str:
        return f"{self.hook} about {self.access_request}"
