"""Each run of a series; what was found at its start; and what was answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.models import Group
from approvals.reviews.series_models import Reviewer, ReviewSeries, ReviewStage, Terms, Verdict
from audit.journal.lifecycle import HasLife
from roles.models import Assignment, Eligibility, GroupAssignment, Role, Scope

__all__ = [
    "AccessReview",
    "ReviewDecision",
    "ReviewItem",
    "ReviewSeries",
    "ReviewStage",
    "Reviewer",
    "Terms",
    "Verdict",
]


class AccessReviews(models.QuerySet["AccessReview"]):
    """Questions about runs. Times decide, not whether a sweep has come by."""

    def open(self, at: datetime | None = None) -> AccessReviews:
        """Those in which reviewers may answer at ``at`` (now when left out)."""
        now = at or timezone.now()
        return self.filter(status=AccessReview.Status.OPEN, ends_at__gt=now)


class AccessReview(Terms, HasLife):
    """One run of a series.

    ::

        SCHEDULED -> OPEN -> CLOSED -> APPLIED      OPEN -> STOPPED -> APPLIED      SCHEDULED -> CANCELED

    CLOSED means that the outcome of each item is settled; APPLIED, that what was denied was read back as gone.
    """

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", _("Starts later")
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")
        STOPPED = "stopped", _("Stopped")
        APPLIED = "applied", _("Carried out")
        CANCELED = "canceled", _("Canceled")

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.SCHEDULED: frozenset({Status.OPEN, Status.CANCELED}),
        Status.OPEN: frozenset({Status.CLOSED, Status.STOPPED}),
        Status.CLOSED: frozenset({Status.APPLIED}),
        Status.STOPPED: frozenset({Status.APPLIED}),
    }

    series = models.ForeignKey(ReviewSeries, on_delete=models.PROTECT, related_name="runs")
    number = models.PositiveSmallIntegerField(
        help_text="which start of its series; one that was missed leaves a gap"
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.SCHEDULED)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    stage = models.PositiveSmallIntegerField(default=1)
    asks = models.CharField(
        max_length=12, choices=ReviewStage.Who.choices, help_text="whom the present stage asks"
    )
    stage_ends_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    held_back = models.TextField(blank=True, help_text="why what would be taken away waits for the owner")
    released_at = models.DateTimeField(null=True, help_text="when it was told to carry out what was decided")
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    applied_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    is_left = False  # whether something is left for whoever looks at it, where that was asked

    history = HistoricalRecords()
    objects = AccessReviews.as_manager()

    class Meta:
        ordering = ["-starts_at", "-pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["series", "number"], condition=~Q(status="canceled"), name="one_run_of_a_number"
            ),
            models.UniqueConstraint(
                fields=["series"],
                condition=Q(status__in=["scheduled", "open"]),
                name="one_run_at_a_time",
            ),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="review_ends_after_start"),
        ]
        indexes = [
            models.Index(fields=["starts_at"], condition=Q(status="scheduled"), name="review_to_open"),
            models.Index(fields=["ends_at"], condition=Q(status="open"), name="review_to_close"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.number}" if self.number > 1 else self.name

    def is_open(self, at: datetime | None = None) -> bool:
        """Whether reviewers may answer at ``at`` (now when left out)."""
        return self.status == self.Status.OPEN and self.ends_at > (at or timezone.now())

    def journal_context(self) -> dict[str, Any]:
        return {"directory": self.directory.name if self.directory else ""}


class ReviewItem(models.Model):
    """Who may or does hold which role where, as it was when the run opened, and what is said of it since.

    ``verdict`` is the answer that counts now; all answers are ``ReviewDecision`` rows. Written by one statement for
    thousands, so it keeps no history of its own: the answers and the journal tell it; and it has no index but those of
    which a page makes use.
    """

    class Done(models.TextChoices):
        NEW = "new", _("Not carried out yet")
        KEPT = "kept", _("Kept")
        ENDING = "ending", _("Being removed")
        APPLIED = "applied", _("Removed")
        GONE = "gone", _("Was gone already")
        FAILED = "failed", _("Could not be removed")

    review = models.ForeignKey(AccessReview, on_delete=models.PROTECT, db_index=False, related_name="items")
    role = models.ForeignKey(Role, on_delete=models.PROTECT, db_index=False, related_name="+")
    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, db_index=False, related_name="+")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="reviewed_as"
    )
    group = models.ForeignKey(
        Group, null=True, on_delete=models.PROTECT, db_index=False, related_name="reviewed_as"
    )
    eligibility = models.ForeignKey(
        Eligibility, null=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    assignment = models.ForeignKey(
        Assignment, null=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    group_assignment = models.ForeignKey(
        GroupAssignment, null=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    manager = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        db_index=False,
        related_name="+",
        help_text="of the person, at the start",
    )
    was_enabled = models.BooleanField(
        default=True, help_text="whether the person could sign in, at the start"
    )
    members = models.PositiveIntegerField(default=0, help_text="of the group, at the start")
    stage = models.PositiveSmallIntegerField(default=1, help_text="the last at which it is looked at")
    answered_stage = models.PositiveSmallIntegerField(
        default=0, help_text="the last at which somebody answered"
    )
    since = models.DateTimeField(null=True, help_text="when it began")
    used_at = models.DateTimeField(null=True, help_text="when it was last activated, or began to be held")
    uses = models.PositiveIntegerField(default=0, help_text="activations in the twelve months before")
    denied = models.PositiveSmallIntegerField(default=0, help_text="requests denied in these months")
    signed_in_at = models.DateTimeField(null=True)
    peers = models.PositiveIntegerField(default=0, help_text="others with the same manager or department")
    peers_with = models.PositiveIntegerField(default=0, help_text="of those, who may or do hold the role too")
    recommendation = models.CharField(max_length=10, choices=Verdict.choices, blank=True)
    verdict = models.CharField(max_length=10, choices=Verdict.choices, blank=True)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=Verdict.choices, blank=True)
    done = models.CharField(max_length=10, choices=Done.choices, default=Done.NEW)
    done_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["pk"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False, group__isnull=True)
                | Q(person__isnull=True, group__isnull=False),
                name="review_item_has_one_principal",
            ),
            *(
                models.UniqueConstraint(fields=["review", held], name=f"one_item_per_{held}_and_run")
                for held in ("eligibility", "assignment", "group_assignment")
            ),
        ]
        indexes = [
            models.Index(fields=["review", "answered_stage", "id"], name="review_item_open"),
            models.Index(fields=["review", "manager", "id"], name="review_item_by_manager"),
            models.Index(fields=["review", "person", "id"], name="review_item_by_person"),
            models.Index(
                fields=["review", "group"], condition=Q(group__isnull=False), name="review_item_by_group"
            ),
            models.Index(fields=["review", "done", "id"], name="review_item_to_do"),
        ]

    def __str__(self) -> str:
        return f"{self.principal}: {self.role}"

    @property
    def principal(self) -> Any:
        """The person or the group that may or does hold the role."""
        return self.person or self.group

    @property
    def is_held(self) -> bool:
        """Whether it is held, not only eligible."""
        return self.eligibility_id is None

    @property
    def is_open(self) -> bool:
        """Whether nobody has answered at the stage that looks at it."""
        return self.answered_stage < self.stage

    def journal_context(self) -> dict[str, Any]:
        return {"about": self.person, "directory": self.role.directory.name, "role": self.role.name}


class ReviewDecision(models.Model):
    """One answer of one reviewer. Added, never changed; a void one says when and why."""

    item = models.ForeignKey(ReviewItem, on_delete=models.PROTECT, related_name="decisions")
    stage = models.PositiveSmallIntegerField(default=1)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="review_decisions"
    )
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    justification = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)
    seconds = models.PositiveIntegerField(
        null=True, help_text="since the reviewer's answer before, up to an hour"
    )
    void_at = models.DateTimeField(null=True)
    void_why = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["at", "pk"]
        default_permissions = ()
        indexes = [models.Index(fields=["reviewer", "-at"], name="review_decision_latest")]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()}: {self.item}"
