"""What an activation of a role must satisfy, and who may approve it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.models import Group
from roles.models.role import Role

DAY = 24 * 60


@dataclass(frozen=True)
class EffectiveSettings:
    """The settings that count for one activation, as plain values; copied onto the request they were asked under.

    Args:
        max_minutes: the longest activation.
        factor_minutes: how old a second factor may be; 0 asks for one for this very act, None asks for none.
        justification_required, ticket_required, approval_required: whether it is asked.
        approval_hours: how long a request waits for a decision.
    """

    max_minutes: int = 8 * 60
    factor_minutes: int | None = 0
    justification_required: bool = True
    ticket_required: bool = False
    approval_required: bool = False
    approval_hours: int = 24

    def as_json(self) -> dict[str, Any]:
        """For storing with a request."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> EffectiveSettings:
        """The settings as they were stored with a request; values that did not exist then have their defaults."""
        return cls(**{key: value for key, value in stored.items() if key in cls.__dataclass_fields__})


class RoleSettings(models.Model):
    """The role settings of one role. A role without a row has the defaults."""

    role = models.OneToOneField(
        Role, on_delete=models.CASCADE, related_name="settings", verbose_name=_("Role")
    )
    max_minutes = models.PositiveIntegerField(
        _("Longest activation, in minutes"),
        default=8 * 60,
        validators=[MinValueValidator(1), MaxValueValidator(DAY)],
        help_text=_("In steps of 30 minutes, up to 24 hours."),
    )
    factor_minutes = models.PositiveIntegerField(
        _("Second factor not older than, in minutes"),
        null=True,
        blank=True,
        default=0,
        validators=[MaxValueValidator(DAY)],
        help_text=_("0 asks every time, for the very act. Empty asks for none."),
    )
    justification_required = models.BooleanField(_("Justification required"), default=True)
    ticket_required = models.BooleanField(_("Ticket required"), default=False)
    approval_required = models.BooleanField(_("Approval required"), default=False)
    approval_hours = models.PositiveIntegerField(
        _("A request waits at most, in hours"),
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(14 * 24)],
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("role settings")
        verbose_name_plural = _("role settings")

    def __str__(self) -> str:
        return f"Role settings of {self.role}"

    def journal_context(self) -> dict[str, Any]:
        return {"directory": self.role.directory.name, "role": self.role.name}

    def clean(self) -> None:
        floor = settings.MINIMUM_DURATION_MINUTES
        if self.max_minutes < floor:
            raise ValidationError(
                {"max_minutes": _("The shortest activation is %(n)s minutes.") % {"n": floor}}
            )

    def effective(self) -> EffectiveSettings:
        """These settings as plain values."""
        return EffectiveSettings(
            **{name: getattr(self, name) for name in EffectiveSettings.__dataclass_fields__}
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
            models.UniqueConstraint(fields=["role_settings", "person"], name="approver_named_once"),
            models.UniqueConstraint(fields=["role_settings", "group"], name="approver_group_named_once"),
            models.UniqueConstraint(
                fields=["role_settings", "kind"],
                condition=Q(kind__in=["manager", "owners"]),
                name="approver_kind_named_once",
            ),
        ]

    def __str__(self) -> str:
        return str(self.person or self.group or self.get_kind_display())

    def clean(self) -> None:
        needs = {"person": self.person_id, "group": self.group_id}
        if self.kind in needs and not needs[self.kind]:
            raise ValidationError({self.kind: _("Name who it is.")})
        if any(value for kind, value in needs.items() if kind != self.kind):
            raise ValidationError(_("Name a person or a group as the kind says, not both."))

    def journal_context(self) -> dict[str, Any]:
        return self.role_settings.journal_context()
