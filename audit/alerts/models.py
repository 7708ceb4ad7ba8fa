"""Findings that want eyes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from audit.journal.lifecycle import HasLife


class Alerts(models.QuerySet["Alert"]):
    """Questions about alerts."""

    def open(self) -> Alerts:
        """Those that are neither resolved nor dismissed."""
        return self.filter(status__in=Alert.WAITING)

    def quiet(self, at: datetime | None = None) -> Alerts:
        """Dismissed ones that keep the same finding quiet at ``at`` (now when left out)."""
        return self.filter(status=Alert.Status.DISMISSED, quiet_until__gt=at or timezone.now())


class Alert(HasLife):
    """Something is wrong, or may be.

    ::

        OPEN -> ACKNOWLEDGED -> RESOLVED      OPEN | ACKNOWLEDGED -> DISMISSED | RESOLVED

    While it is open, the same finding (``kind`` and ``key``) does not open another: it is seen again. What only says
    how often it was seen is no part of the history.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        ACKNOWLEDGED = "acknowledged", _("Acknowledged")
        RESOLVED = "resolved", _("Resolved")
        DISMISSED = "dismissed", _("Dismissed")

    class Severity(models.TextChoices):
        HIGH = "high", _("High")
        MEDIUM = "medium", _("Medium")
        LOW = "low", _("Low")

    WAITING: ClassVar[list[str]] = [Status.OPEN, Status.ACKNOWLEDGED]
    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.OPEN: frozenset({Status.ACKNOWLEDGED, Status.RESOLVED, Status.DISMISSED}),
        Status.ACKNOWLEDGED: frozenset({Status.RESOLVED, Status.DISMISSED}),
    }

    kind = models.CharField(max_length=60, help_text="which check found it, for instance removal_stuck")
    key = models.CharField(
        max_length=120, help_text="what it is about, so that the same finding is one alert"
    )
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.MEDIUM)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True, help_text="what is so, and why it matters")
    fix = models.TextField(blank=True, help_text="how to put it right")
    url = models.CharField(max_length=300, blank=True, help_text="path in the portal where it is put right")
    directory = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.OPEN)
    raised_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    times_seen = models.PositiveIntegerField(default=1)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="who acknowledged it",
    )
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="who resolved or dismissed it; empty when its cause went away",
    )
    settled_at = models.DateTimeField(null=True)
    note = models.TextField(
        blank=True, help_text="what was said when it was acknowledged, resolved or dismissed"
    )
    quiet_until = models.DateTimeField(
        null=True, help_text="dismissed: until when the same finding stays quiet"
    )

    history = HistoricalRecords(excluded_fields=["last_seen_at", "times_seen"])
    objects = Alerts.as_manager()

    class Meta:
        ordering = ["-raised_at", "-pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"],
                condition=Q(status__in=["open", "acknowledged"]),
                name="one_open_alert",
            )
        ]
        indexes = [models.Index(fields=["status", "raised_at"], name="alert_by_status")]

    def __str__(self) -> str:
        return self.title

    def journal_context(self) -> dict[str, Any]:
        return {"directory": self.directory}
