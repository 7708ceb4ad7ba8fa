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

from accounts.models import Group, Membership, User
from audit.journal.lifecycle import HasLife
from roles.models.directory import Scope
from roles.models.eligibility import Eligibility
from roles.models.lasting import Until, lasting
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
    GROUP_ENDED = "group_ended", _("the group no longer gives it")
    SEPARATED = "separated", _("it may not be held together with another role")
    TAKEN_OUTSIDE = "taken_outside", _("it was taken away in the directory")


class Intent(models.TextChoices):
    """What stood in the directory when the portal set out to give a right. Empty: it never did."""

    NEW = "new", _("Not there before")
    BEFORE = "before", _("There before")


class GroupAssignments(models.QuerySet["GroupAssignment"]):
    """Questions about what groups hold."""

    def in_force(self, at: datetime | None = None) -> GroupAssignments:
        """Those whose time it is at ``at`` (now when left out). Times decide, not whether a sweep has run."""
        return self.filter(lasting(at or timezone.now(), *GroupAssignment.LIVE))


class GroupAssignment(HasLife):
    """Each member of a group holds a role at a scope, while they are a member. A member's own part is an ``Assignment``.

    ::

        SCHEDULED -> IN_FORCE -> ENDED      SCHEDULED -> ENDED
    """

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", _("Starts later")
        IN_FORCE = "in_force", _("In force")
        ENDED = "ended", _("Ended")

    LIVE: ClassVar[list[str]] = [Status.SCHEDULED, Status.IN_FORCE]
    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.SCHEDULED: frozenset({Status.IN_FORCE, Status.ENDED}),
        Status.IN_FORCE: frozenset({Status.ENDED}),
    }

    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="group_assignments")
    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="group_assignments")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="group_assignments")
    request_number = models.CharField(max_length=40, blank=True, help_text="the access request behind it")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.SCHEDULED)
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True)
    end_cause = models.CharField(max_length=20, choices=EndCause.choices, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    history = HistoricalRecords()
    objects = GroupAssignments.as_manager()

    class Meta:
        ordering = ["-starts_at", "-pk"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="group_assignment_ends_after_start",
            ),
            models.UniqueConstraint(
                fields=["role", "scope", "group"],
                condition=Q(status__in=["scheduled", "in_force"]),
                name="one_live_group_assignment",
            ),
        ]
        indexes = [
            models.Index(
                fields=["-starts_at", "-id"], condition=~Q(status="ended"), name="group_assignment_newest"
            ),
            models.Index(
                Until("ends_at"), "id", condition=~Q(status="ended"), name="group_assignment_ends_first"
            ),
            models.Index(
                fields=["-ended_at", "-id"], condition=Q(status="ended"), name="group_assignment_ended"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group}: {self.role}"

    @property
    def principal(self) -> Group:
        """The group that holds it."""
        return self.group

    def journal_context(self) -> dict[str, Any]:
        return {
            "directory": self.role.directory.name,
            "role": self.role.name,
            "access_request": self.request_number,
        }


def being_due(moment: datetime, *statuses: str) -> Q:
    """What ``Assignments.due`` asks, of assignments in one of ``statuses``: to filter by, or to tell beside a row."""

    def is_member(group: str) -> Exists:
        in_it = Membership.objects.in_force(moment).filter(kind=Membership.Kind.MEMBER)
        return Exists(in_it.filter(group=OuterRef(group), person=OuterRef("person")))

    eligible = lasting(moment, *Eligibility.LIVE, of="eligibility")
    given = lasting(moment, *GroupAssignment.LIVE, of="through")
    return Q(
        lasting(moment, *statuses),
        Q(eligibility__isnull=True)
        | Q(eligible, Q(eligibility__group__isnull=True) | is_member("eligibility__group")),
        Q(through__isnull=True) | Q(given, is_member("through__group")),
        person__is_active=True,
    )


def being_in_force(at: datetime | None = None) -> Q:
    """What ``Assignments.in_force`` asks."""
    return being_due(at or timezone.now(), Assignment.Status.ACTIVE)


class Assignments(models.QuerySet["Assignment"]):
    """Questions about assignments. Times decide; a status never lengthens time."""

    def due(self, at: datetime | None = None) -> Assignments:
        """Those the directory should know of at ``at`` (now when left out).

        Started, not past the end, not ended, holder enabled, eligibility, group and membership behind it still good.
        """
        return self.filter(being_due(at or timezone.now(), *Assignment.LIVE))

    def in_force(self, at: datetime | None = None) -> Assignments:
        """Those that are due and confirmed by the directory: what pages and interfaces call active."""
        return self.filter(being_in_force(at))

    def live(self) -> Assignments:
        """Those whose life has not come to its end yet, whatever the time says."""
        return self.filter(status__in=Assignment.LIVE)

    def to_tell(self) -> Assignments:
        """Those whose holder does not know yet how they stand."""
        news = [Assignment.Status.ACTIVE, Assignment.Status.FAILED, Assignment.Status.ENDED]
        return self.filter(~Q(told=F("status")), status__in=news)

    def covering(self, scope: Scope) -> Assignments:
        """Those that count at ``scope``: given there, or at a node above it."""
        return self.filter(scope__in=scope.line)

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
        ACTIVE -> PROVISIONING (the directory is to learn of another end)

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
        Status.ACTIVE: frozenset({Status.PROVISIONING, Status.ENDING}),
        Status.FAILED: frozenset({Status.PROVISIONING, Status.ENDING}),
        Status.ENDING: frozenset({Status.ENDED}),
    }

    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="assignments")
    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="assignments")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments")
    eligibility = models.ForeignKey(
        Eligibility, null=True, blank=True, on_delete=models.PROTECT, related_name="activations"
    )
    through = models.ForeignKey(
        GroupAssignment, null=True, blank=True, on_delete=models.PROTECT, related_name="parts"
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

    intent = models.CharField(
        max_length=6,
        blank=True,
        choices=Intent.choices,
        help_text="written before the directory is first told to give the right: whether it stood there already",
    )
    reminded_at = models.DateTimeField(null=True, help_text="when its holder was last told that it ends soon")
    told = models.CharField(max_length=14, blank=True, help_text="the status the holder was last told of")
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    last_error = models.CharField(max_length=500, blank=True)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)

    history = HistoricalRecords(
        excluded_fields=[
            "receipt",
            "intent",
            "reminded_at",
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
            models.UniqueConstraint(
                fields=["through", "person"],
                condition=Q(status__in=["scheduled", "provisioning", "active"]),
                name="one_live_part_of_a_group_assignment",
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
                fields=["-starts_at", "-id"], condition=~Q(status="ended"), name="assignment_newest"
            ),
            models.Index(Until("ends_at"), "id", condition=~Q(status="ended"), name="assignment_ends_first"),
            models.Index(fields=["-ended_at", "-id"], condition=Q(status="ended"), name="assignment_ended"),
            models.Index(
                fields=["person", "-ended_at"], condition=Q(status="ended"), name="assignment_past_of_person"
            ),
            models.Index(
                fields=["role"],
                condition=Q(status__in=["active", "failed", "ended"]) & ~Q(told=F("status")),
                name="assignment_to_tell",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.role}"

    @property
    def principal(self) -> User:
        """The person who holds it."""
        return self.person

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
