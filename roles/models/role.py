"""Named privileges of a directory."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from roles.models.directory import Directory


class Risk(models.TextChoices):
    """How much harm a role can do."""

    LOW = "low", _("Low")
    MEDIUM = "medium", _("Medium")
    HIGH = "high", _("High")


class Role(models.Model):
    """A named privilege. ``entitlement`` is the directory's own name for it and is what a connector is told."""

    directory = models.ForeignKey(
        Directory, on_delete=models.PROTECT, related_name="roles", verbose_name=_("Directory")
    )
    name = models.CharField(_("Name"), max_length=150)
    entitlement = models.CharField(_("Name in the directory"), max_length=400)
    description = models.TextField(_("What it can do"), blank=True)
    risk = models.CharField(_("Risk"), max_length=10, choices=Risk.choices, default=Risk.MEDIUM)
    least_holders = models.PositiveSmallIntegerField(
        _("Never fewer holders than"),
        default=0,
        help_text=_("Enabled people who hold it for good; the database refuses to lose one of the last."),
    )

    history = HistoricalRecords()

    class Meta:
        ordering = ["directory__name", "name"]
        verbose_name = _("role")
        default_permissions = ()
        permissions = [
            ("own_role", _("Owns the role")),
            ("review_role", _("Reviews the role")),
            ("read_role", _("Reads the role")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["directory", "name"], name="one_role_per_name"),
            models.UniqueConstraint(fields=["directory", "entitlement"], name="one_role_per_entitlement"),
        ]

    def __str__(self) -> str:
        return self.name

    def journal_context(self) -> dict[str, Any]:
        return {"directory": self.directory.name, "role": self.name}
