"""Who holds which role now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.models import Membership
from audit.journal.lifecycle import HasLife
from roles.models.directory import Scope
from roles.models.eligibility import Eligibility
from roles.models.role import Role


class Origin(models.TextChoices):
    """How an assignment came to be."""

    DIRECT = "direct", _("Assigned")
    ACTIVATED = "activated", _("Activated")
    FOUND_OUTSIDE = "found_outside", _("Found outside")


class EndCause(models.TextChoices):
    """Why an assignment ended."""

    EXPIRED = "expired", _("its time was over")
    DEACTIVATED = "deactivated", _("it was given back")
    REMOVED = "removed", _("an administrator removed it")
    REVIEW = "review", _("an access review ended it")
    LEFT = "left", _("the person was disabled")
    ELIGIBILITY_ENDED = "eligibility_ended", _("the eligibility ended")


class Assignments(models.QuerySet["Assignment"]):
    """Questions about assignments. Times decide; a status never lengthens time."""

    def due(self, at: datetime | None = None) -> Assignments:
        """Those the directory should know of at ``at`` (now when left out).

        Started, not past the end, not ended, holder enabled, eligibility and membership behind it still good.
        """
        moment = at or timezone.now()
        good = Eligibility.objects.in_force(moment).filter(pk=OuterRef("eligibility"))
        member = Membership.objects.in_force(moment).filter(
            group=OuterRef("eligibility__group"), person=OuterRef("person"), kind=Membership.Kind.MEMBER
        )
        return self.filter(
            Q(ends_at__isnull=True) | Q(ends_at__gt=moment),
            Q(eligibility__isnull=True)
            | Q(Exists(good), Q(eligibility__group__isnull=True) | Exists(member)),
            starts_at__lte=moment,
            person__is_active=True,
            status__in=Assignment.LIVE,
        )

    def in_force(self, at: datetime | None = None) -> Assignments:
        """Those that are due and confirmed by the directory: what pages and interfaces call active."""
        return self.due(at).filter(status=Assignment.Status.ACTIVE)

    def live(self) -> Assignments:
        """Those whose life has not come to its end yet, whatever the time says."""
        return self.filter(status__in=Assignment.LIVE)

    def to_tell(self) -> Assignments:
        """Those whose holder does not know yet how they stand."""
        news = [Assignment.Status.ACTIVE, Assignment.Status.FAILED, Assignment.Status.ENDED]
        return self.filter(~Q(told=F("status")), status__in=news)

    def same_right_as(self, assignment: Assignment) -> Assignments:
        """Every assignment of the same right: one account, one role, one scope. This one is among them."""
        return self.filter(
            account=assignment.account, role_id=assignment.role_id, scope_id=assignment.scope_id
        )


class Assignment(HasLife):
    """A person holds a role at a scope, from a start to an end.

    ::

        SCHEDULED -> PROVISIONING -> ACTIVE -> ENDING -> ENDED
        SCHEDULED -> ENDED      PROVISIONING -> FAILED -> PROVISIONING | ENDING      PROVISIONING -> ENDING

    Columns for the worker (lease, tries) are not part of the history: they say nothing about who holds what.
    """

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", _("Starts later")
        PROVISIONING = "provisioning", _("Being put in force")
        ACTIVE = "active", _("In force")
        FAILED = "failed", _("Not put in force")
        ENDING = "ending", _("Not yet revoked")
        ENDED = "ended", _("Ended")

    LIVE: ClassVar[list[str]] = [Status.SCHEDULED, Status.PROVISIONING, Status.ACTIVE]
    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.SCHEDULED: frozenset({Status.PROVISIONING, Status.ENDED}),
        Status.PROVISIONING: frozenset({Status.ACTIVE, Status.FAILED, Status.ENDING}),
        Status.ACTIVE: frozenset({Status.ENDING}),
        Status.FAILED: frozenset({Status.PROVISIONING, Status.ENDING}),
        Status.ENDING: frozenset({Status.ENDED}),
    }

    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="assignments")
    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="assignments")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments")
    eligibility = models.ForeignKey(
        Eligibility, null=True, blank=True, on_delete=models.PROTECT, related_name="activations"
    )
    origin = models.CharField(max_length=14, choices=Origin.choices, default=Origin.DIRECT)
    request_number = models.CharField(max_length=40, blank=True, help_text="the access request behind it")
    status = models.CharField(max_length=14, choices=Status.choices, default=Status.SCHEDULED)
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)
    active_since = models.DateTimeField(null=True, help_text="when the directory confirmed it")
    ended_at = models.DateTimeField(null=True, help_text="from when on it no longer counted")
    revoked_at = models.DateTimeField(null=True, help_text="when the directory confirmed that it is gone")
    end_cause = models.CharField(max_length=20, choices=EndCause.choices, blank=True)
    account = models.CharField(max_length=200, blank=True, help_text="the holder's name in the directory")
    receipt = models.CharField(
        max_length=500, blank=True, help_text="what the connector wants back at the end"
    )
    was_there_before = models.BooleanField(
        default=False, help_text="the directory had the right before the portal"
    )
    created_at = models.DateTimeField(default=timezone.now)

    told = models.CharField(max_length=14, blank=True, help_text="the status the holder was last told of")
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    last_error = models.CharField(max_length=500, blank=True)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)

    history = HistoricalRecords(
        excluded_fields=[
            "receipt",
            "told",
            "attempts",
            "next_try_at",
            "last_error",
            "lease_until",
            "lease_token",
        ]
    )
    objects = Assignments.as_manager()

    class Meta:
        ordering = ["-starts_at", "-pk"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="assignment_ends_after_start",
            ),
            models.UniqueConstraint(
                fields=["eligibility", "person"],
                condition=Q(origin="activated", status__in=["scheduled", "provisioning", "active"]),
                name="one_live_activation",
            ),
        ]
        indexes = [
            models.Index(
                fields=["ends_at"],
                condition=Q(status__in=["scheduled", "provisioning", "active", "failed"]),
                name="assignment_to_end",
            ),
            models.Index(
                fields=["next_try_at"],
                condition=Q(status__in=["scheduled", "provisioning", "ending"]),
                name="assignment_to_work",
            ),
            models.Index(fields=["person", "status"], name="assignment_of_person"),
            models.Index(
                fields=["role"],
                condition=Q(status__in=["active", "failed", "ended"]) & ~Q(told=F("status")),
                name="assignment_to_tell",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.role}"

    def journal_context(self) -> dict[str, Any]:
        return {
            "about": self.person,
            "directory": self.role.directory.name,
            "role": self.role.name,
            "access_request": self.request_number,
        }

    def is_in_force(self, at: datetime | None = None) -> bool:
        """Whether it counts at ``at``; the row is asked anew."""
        return Assignment.objects.in_force(at).filter(pk=self.pk).exists()

    @property
    def may_be_given_back_from(self) -> datetime:
        """The first moment its holder may deactivate it (five minutes in Entra)."""
        return (self.active_since or self.starts_at) + timedelta(minutes=settings.MINIMUM_ACTIVE_MINUTES)
