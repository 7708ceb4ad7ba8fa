"""Who may activate which role."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.models import Group, Membership, User
from accounts.wording import worded
from audit.journal.lifecycle import HasLife
from roles.models.directory import Scope
from roles.models.lasting import Until, lasting
from roles.models.role import Role


class Eligibilities(models.QuerySet["Eligibility"]):
    """Questions about eligibilities."""

    def in_force(self, at: datetime | None = None) -> Eligibilities:
        """Those that may be activated at ``at`` (now when left out). Times decide, not whether a sweep has run."""
        return self.filter(lasting(at or timezone.now(), *Eligibility.LIVE))

    def of(self, person: User, at: datetime | None = None) -> Eligibilities:
        """Those that ``person`` may use: their own, and those of groups they are a member of at ``at``."""
        return self.of_any(person.pk, groups_of(person, at)) if person.is_active else self.none()

    def of_any(self, person: int, groups: Sequence[int]) -> Eligibilities:
        """Those of a person and of groups, by keys."""
        return self.filter(Q(person=person) | Q(group__in=groups))


def groups_of(person: User, at: datetime | None = None) -> tuple[int, ...]:
    """Keys of the groups ``person`` is a member of at ``at`` (now when left out).

    Asked inside another question they would cost a look at every row there is.
    """
    return tuple(worded(_groups_of, at or timezone.now(), person.pk))


def _groups_of(at: datetime, person: int) -> models.QuerySet[Membership, int]:
    held: Any = Membership.objects.in_force(at).filter(person=person, kind=Membership.Kind.MEMBER)
    return held.order_by("group").values_list("group", flat=True)  # type: ignore[no-any-return]


class Eligibility(HasLife):
    """A person, or each member of a group, may activate a role at a scope.

    ::

        SCHEDULED -> IN_FORCE -> EXPIRED | REMOVED      SCHEDULED -> REMOVED      EXPIRED -> SCHEDULED | IN_FORCE (renewed)
    """

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", _("Starts later")
        IN_FORCE = "in_force", _("In force")
        EXPIRED = "expired", _("Expired")
        REMOVED = "removed", _("Removed")

    LIVE: ClassVar[list[str]] = [Status.SCHEDULED, Status.IN_FORCE]
    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.SCHEDULED: frozenset({Status.IN_FORCE, Status.EXPIRED, Status.REMOVED}),
        Status.IN_FORCE: frozenset({Status.EXPIRED, Status.REMOVED}),
        Status.EXPIRED: frozenset({Status.SCHEDULED, Status.IN_FORCE}),
    }

    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="eligibilities")
    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="eligibilities")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="eligibilities",
    )
    group = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.PROTECT, related_name="eligibilities"
    )
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.SCHEDULED)
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    reminded_at = models.DateTimeField(null=True, help_text="when its holder was last told that it ends soon")

    history = HistoricalRecords(excluded_fields=["reminded_at"])
    objects = Eligibilities.as_manager()

    class Meta:
        ordering = ["role__name", "pk"]
        default_permissions = ()
        verbose_name_plural = "eligibilities"
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False, group__isnull=True)
                | Q(person__isnull=True, group__isnull=False),
                name="eligibility_has_one_principal",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=models.F("starts_at")),
                name="eligibility_ends_after_start",
            ),
            *(
                models.UniqueConstraint(
                    fields=["role", "scope", principal],
                    condition=Q(status__in=["scheduled", "in_force"]),
                    name=f"one_live_eligibility_per_{principal}",
                )
                for principal in ("person", "group")
            ),
        ]
        indexes = [
            models.Index(fields=["ends_at"], condition=Q(status="in_force"), name="eligibility_to_expire"),
            models.Index(
                fields=["-starts_at", "-id"],
                condition=Q(status__in=["scheduled", "in_force"]),
                name="eligibility_newest",
            ),
            models.Index(
                Until("ends_at"),
                "id",
                condition=Q(status__in=["scheduled", "in_force"]),
                name="eligibility_ends_first",
            ),
            models.Index(fields=["-ends_at", "-id"], name="eligibility_over"),
        ]

    def __str__(self) -> str:
        return f"{self.principal}: {self.role}"

    @property
    def principal(self) -> User | Group:
        """The person or group that is eligible."""
        return self.person or self.group  # type: ignore[return-value]

    def ends_for(self, person: User) -> datetime | None:
        """When it ends for ``person``: with itself, or with their membership in its group; None is never."""
        if self.group_id is None:
            return self.ends_at
        member = Membership.objects.in_force().filter(
            group=self.group_id, person=person, kind=Membership.Kind.MEMBER
        )
        leaves = list(member.values_list("ends_at", flat=True))
        ends = [self.ends_at, max(leaves, default=None) if None not in leaves else None]
        return min((end for end in ends if end is not None), default=None)

    def is_in_force(self, at: datetime | None = None) -> bool:
        """Whether it may be activated at ``at``; the row is asked anew."""
        return Eligibility.objects.in_force(at).filter(pk=self.pk).exists()

    def journal_context(self) -> dict[str, Any]:
        return {"about": self.person, "directory": self.role.directory.name, "role": self.role.name}
