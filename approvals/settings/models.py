"""Changes of role settings, each kept whether it was made or not, and templates to make many alike."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from audit.journal.lifecycle import HasLife
from roles.models import Directory, Role, RoleSettings, Scope
from roles.models.values import SettingsValues


class SettingsTemplate(SettingsValues):
    """Values under a name, to be applied to many roles. What it leaves empty it does not touch."""

    name = models.CharField(_("Name"), max_length=100, unique=True)
    description = models.CharField(_("Description"), max_length=300, blank=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        verbose_name = _("settings template")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class SettingsChange(HasLife):
    """A change of what one level of role settings says. What weakens a privileged role waits for a second administrator.

    ::

        PROPOSED -> APPLIED | REFUSED | WITHDRAWN

    ``before`` and ``after`` are documents of ``approvals.settings.documents``: what the level said, and shall say.
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waits for a second administrator")
        APPLIED = "applied", _("Applied")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.PROPOSED: frozenset({Status.APPLIED, Status.REFUSED, Status.WITHDRAWN}),
    }

    level = models.CharField(max_length=10, choices=RoleSettings.Level.choices)
    directory = models.ForeignKey(Directory, null=True, on_delete=models.PROTECT, related_name="+")
    role = models.ForeignKey(Role, null=True, on_delete=models.PROTECT, related_name="settings_changes")
    scope = models.ForeignKey(Scope, null=True, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PROPOSED)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    weakens = models.JSONField(default=list, help_text="sentences: which role loses which safeguard")
    batch = models.CharField(max_length=32, blank=True, help_text="the same for changes proposed together")
    justification = models.TextField(blank=True)
    proposer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="settings_proposed"
    )
    decider = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="settings_decided"
    )
    decision = models.TextField(blank=True, help_text="what the second administrator said")
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["-created_at", "-pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=[*fields],
                condition=Q(status="proposed", level=level),
                name=f"one_settings_proposal_per_{level}",
            )
            for level, fields in (
                ("portal", ["level"]),
                ("directory", ["directory"]),
                ("role", ["role"]),
                ("scope", ["role", "scope"]),
            )
        ]

    def __str__(self) -> str:
        return f"Change of the role settings of {self.where}"

    @property
    def where(self) -> str:
        """What it changes the settings of, in words."""
        if self.level == RoleSettings.Level.SCOPE:
            return f"{self.role} at {self.scope}"
        return str(self.role or self.directory or _("the portal"))

    def journal_context(self) -> dict[str, Any]:
        directory = self.role.directory if self.role else self.directory
        return {
            "directory": directory.name if directory else "",
            "role": self.role.name if self.role else "",
        }
