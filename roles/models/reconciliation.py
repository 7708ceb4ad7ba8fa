"""How the book and a directory compare: when that was last looked at, and what differs."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from audit.journal.lifecycle import HasLife
from roles.models.assignment import Assignment
from roles.models.directory import Directory, Scope
from roles.models.role import Role


class Reconciliation(models.Model):
    """The latest comparison with a directory, one row for each; whoever is at it holds the lease."""

    directory = models.OneToOneField(Directory, on_delete=models.CASCADE, related_name="reconciliation")
    next_at = models.DateTimeField(default=timezone.now)
    began_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True, help_text="when one last came to its end")
    milliseconds = models.PositiveIntegerField(default=0, help_text="how long that took")
    rights = models.PositiveIntegerField(default=0, help_text="how many it found standing")
    failures = models.PositiveIntegerField(default=0, help_text="how many have failed since")
    error = models.CharField(max_length=500, blank=True)
    planned = models.JSONField(
        default=list, help_text="while it is only observed: what the portal would do, as act, right and end"
    )
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.directory}"


class Drifts(models.QuerySet["Drift"]):
    """Questions about differences."""

    def standing(self) -> Drifts:
        """Those that are still there, whatever was said of them."""
        return self.exclude(status=Drift.Status.RESOLVED)

    def open(self) -> Drifts:
        """Those that wait for somebody to say what shall be done."""
        return self.filter(status=Drift.Status.OPEN)


class Drift(HasLife):
    """One right on which the book and the directory differ, from when it was found until it is gone.

    ::

        OPEN <-> ACCEPTED      OPEN | ACCEPTED <-> CORRECTING      OPEN | ACCEPTED | CORRECTING -> RESOLVED

    Columns for the worker are not part of the history.
    """

    class Kind(models.TextChoices):
        FOUND_OUTSIDE = "found_outside", _("Given outside")
        MISSING = "missing", _("Taken away outside")
        OTHER_END = "other_end", _("Ends at another time")

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        ACCEPTED = "accepted", _("Left as it is")
        CORRECTING = "correcting", _("Being put right")
        RESOLVED = "resolved", _("Settled")

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.OPEN: frozenset({Status.ACCEPTED, Status.CORRECTING, Status.RESOLVED}),
        Status.ACCEPTED: frozenset({Status.OPEN, Status.CORRECTING, Status.RESOLVED}),
        Status.CORRECTING: frozenset({Status.OPEN, Status.ACCEPTED, Status.RESOLVED}),
    }

    directory = models.ForeignKey(Directory, on_delete=models.PROTECT, related_name="drifts")
    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="drifts")
    kind = models.CharField(max_length=14, choices=Kind.choices)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.OPEN)
    account = models.CharField(max_length=500, help_text="the name in the directory")
    place = models.CharField(max_length=500, default="/", help_text="the directory's own name for the scope")
    scope = models.ForeignKey(
        Scope, null=True, on_delete=models.PROTECT, related_name="+", help_text="where the portal knows it"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="whose account it is, where that can be told",
    )
    assignment = models.ForeignKey(
        Assignment,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="what the book says of it",
    )
    ends_there = models.DateTimeField(null=True, help_text="when the directory itself lets it end")
    granted_by = models.CharField(max_length=200, blank=True, help_text="who gave it, as the directory says")
    was_the_portals = models.BooleanField(
        default=False, help_text="the portal gave it once, and had it confirmed that it is gone"
    )
    found_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True)
    settled_as = models.CharField(max_length=12, blank=True, help_text="adopted, removed, or gone by itself")

    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    last_error = models.CharField(max_length=500, blank=True)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)

    history = HistoricalRecords(
        excluded_fields=["attempts", "next_try_at", "last_error", "lease_until", "lease_token"]
    )
    objects = Drifts.as_manager()

    class Meta:
        ordering = ["-found_at", "-pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["role", "account", "place", "kind"],
                condition=~Q(status="resolved"),
                name="one_standing_drift",
            )
        ]
        indexes = [
            models.Index(
                fields=["directory", "status"], condition=~Q(status="resolved"), name="drift_of_directory"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.role}"

    def journal_context(self) -> dict[str, Any]:
        return {"about": self.person, "directory": self.directory.name, "role": self.role.name}
