"""What an activation or an assignment of a role must satisfy, and who may approve it, said at one of four levels."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.models import Group
from roles.models.directory import Directory, Scope
from roles.models.role import Role
from roles.models.values import SettingsValues


class RoleSettings(SettingsValues):
    """What one level says: the portal, a directory, a role, or a role at a scope. The nearest one counts, value by value.

    Where nobody says anything the portal's own values count (``EffectiveSettings``). Ask ``roles.effective``.
    """

    class Level(models.TextChoices):
        """From the widest to the nearest."""

        PORTAL = "portal", _("Portal")
        DIRECTORY = "directory", _("Directory")
        ROLE = "role", _("Role")
        SCOPE = "scope", _("Role at a scope")

    level = models.CharField(_("Level"), max_length=10, choices=Level.choices)
    directory = models.ForeignKey(
        Directory,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="settings_rows",
        verbose_name=_("Directory"),
    )
    role = models.ForeignKey(
        Role,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="settings_rows",
        verbose_name=_("Role"),
    )
    scope = models.ForeignKey(
        Scope, null=True, blank=True, on_delete=models.CASCADE, related_name="+", verbose_name=_("Scope")
    )
    names_approvers = models.BooleanField(
        _("Says who approves"),
        default=False,
        help_text=_("Its list of approvers counts here, even an empty one; otherwise that of a level above."),
    )
    stages = models.JSONField(
        _("Stages"), default=list, blank=True, help_text="of its list of approvers: see roles.models.stages"
    )
    changed_at = models.DateTimeField(auto_now=True)

    history = HistoricalRecords(excluded_fields=["changed_at"])

    class Meta:
        verbose_name = _("role settings")
        verbose_name_plural = _("role settings")
        constraints = [
            models.CheckConstraint(
                condition=Q(level="portal", directory=None, role=None, scope=None)
                | Q(level="directory", directory__isnull=False, role=None, scope=None)
                | Q(level="role", directory=None, role__isnull=False, scope=None)
                | Q(level="scope", directory=None, role__isnull=False, scope__isnull=False),
                name="settings_are_of_one_level",
            ),
            models.UniqueConstraint(
                fields=["level"], condition=Q(level="portal"), name="one_settings_of_portal"
            ),
            models.UniqueConstraint(
                fields=["directory"], condition=Q(level="directory"), name="one_settings_per_directory"
            ),
            models.UniqueConstraint(fields=["role"], condition=Q(level="role"), name="one_settings_per_role"),
            models.UniqueConstraint(
                fields=["role", "scope"], condition=Q(level="scope"), name="one_settings_per_role_and_scope"
            ),
        ]

    def __str__(self) -> str:
        return f"Role settings of {self.where}"

    @property
    def where(self) -> str:
        """What they are of, in words."""
        if self.level == self.Level.SCOPE:
            return f"{self.role} at {self.scope}"
        return str(self.role or self.directory or _("the portal"))

    def journal_context(self) -> dict[str, Any]:
        directory = self.role.directory if self.role else self.directory
        return {
            "directory": directory.name if directory else "",
            "role": self.role.name if self.role else "",
        }

    def clean(self) -> None:
        floor = settings.MINIMUM_DURATION_MINUTES
        if self.max_minutes is not None and self.max_minutes < floor:
            raise ValidationError(
                {"max_minutes": _("The shortest activation is %(n)s minutes.") % {"n": floor}}
            )


class Approver(models.Model):
    """Who may decide on a request for the role: a person, a group's members, the holder's manager, the role's owners."""

    class Kind(models.TextChoices):
        PERSON = "person", _("Person")
        GROUP = "group", _("Group")
        MANAGER = "manager", _("Manager of the holder")
        OWNERS = "owners", _("Owners of the role or its directory")

    role_settings = models.ForeignKey(RoleSettings, on_delete=models.CASCADE, related_name="approvers")
    kind = models.CharField(_("Kind"), max_length=10, choices=Kind.choices, default=Kind.PERSON)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("Person"),
    )
    group = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.CASCADE, related_name="+", verbose_name=_("Group")
    )
    stage = models.PositiveSmallIntegerField(_("Stage"), default=1, validators=[MinValueValidator(1)])
    is_escalation = models.BooleanField(
        _("Only after a while"),
        default=False,
        help_text=_("May decide when the stage was not decided in time."),
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("approver")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="person", person__isnull=False, group__isnull=True)
                | Q(kind="group", person__isnull=True, group__isnull=False)
                | Q(kind__in=["manager", "owners"], person__isnull=True, group__isnull=True),
                name="approver_is_one_kind",
            ),
            models.UniqueConstraint(fields=["role_settings", "stage", "person"], name="approver_named_once"),
            models.UniqueConstraint(
                fields=["role_settings", "stage", "group"], name="approver_group_named_once"
            ),
            models.UniqueConstraint(
                fields=["role_settings", "stage", "kind"],
                condition=Q(kind__in=["manager", "owners"]),
                name="approver_kind_named_once",
            ),
        ]

    def __str__(self) -> str:
        return str(self.person or self.group or self.get_kind_display())

    def clean(self) -> None:
        needs = {"person": self.person_id, "group": self.group_id}
        if self.person is not None and self.person.is_service:
            raise ValidationError({"person": _("A service principal approves nothing.")})
        if self.kind in needs and not needs[self.kind]:
            raise ValidationError({self.kind: _("Name who it is.")})
        if any(value for kind, value in needs.items() if kind != self.kind):
            raise ValidationError(_("Name a person or a group as the kind says, not both."))

    def journal_context(self) -> dict[str, Any]:
        return self.role_settings.journal_context()
