"""Which roles one human may not hold together: separation of duties."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from roles.models.role import Role

LONGEST_REASON = 300


class SeparationRule(models.Model):
    """Of its roles nobody holds two at the same time, under whatever account. Being eligible for several is allowed."""

    name = models.CharField(
        _("Name"),
        max_length=120,
        unique=True,
        error_messages={"unique": _("There is a rule of this name already.")},
    )
    reason = models.CharField(
        _("Reason"),
        max_length=LONGEST_REASON,
        help_text=_("What people read who are refused, as a whole sentence."),
    )
    is_on = models.BooleanField(_("In use"), default=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        verbose_name = _("separation rule")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class SeparatedRole(models.Model):
    """That a role is one of those a rule keeps apart."""

    rule = models.ForeignKey(SeparationRule, on_delete=models.CASCADE, related_name="separated")
    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="separations")

    history = HistoricalRecords()

    class Meta:
        ordering = ["role__directory__name", "role__name"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["rule", "role"], name="role_once_in_separation_rule")]

    def __str__(self) -> str:
        return f"{self.rule}: {self.role}"

    def journal_context(self) -> dict[str, Any]:
        return {"directory": self.role.directory.name, "role": self.role.name}
