"""Who stands in for whom while somebody is away."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords


class Absences(models.QuerySet["Absence"]):
    """Questions about absences."""

    def in_force(self, at: datetime | None = None) -> Absences:
        """Those that go on at ``at`` (now when left out), and whose two people may sign in."""
        moment = at or timezone.now()
        return self.filter(
            starts_at__lte=moment, ends_at__gt=moment, person__is_active=True, deputy__is_active=True
        )


class Absence(models.Model):
    """From a start to an end somebody is away, and a deputy may decide what they could decide as well."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="absences", verbose_name=_("Person")
    )
    deputy = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="stands_in",
        verbose_name=_("Deputy"),
    )
    starts_at = models.DateTimeField(_("From"), default=timezone.now)
    ends_at = models.DateTimeField(_("Until"))

    history = HistoricalRecords()
    objects = Absences.as_manager()

    class Meta:
        ordering = ["starts_at", "pk"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="absence_ends_after_start"),
            models.CheckConstraint(condition=~Q(deputy=F("person")), name="deputy_is_somebody_else"),
        ]

    def __str__(self) -> str:
        return f"{self.deputy} for {self.person}"

    def journal_context(self) -> dict[str, Any]:
        return {"about": self.person}
