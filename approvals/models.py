"""People asking and people answering."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.models import FactorUse, Group
from approvals.automatic.models import AutomaticDecision, AutomaticRule, Calendar
from approvals.emergency.models import EmergencyUse
from approvals.favourite_models import Favourite, RoleInSet, RoleSet
from approvals.frozen_models import FrozenApprover
from approvals.hooks.models import Hook, HookCall
from approvals.reviews.models import (
    AccessReview,
    ReviewDecision,
    Reviewer,
    ReviewItem,
    ReviewSeries,
    ReviewStage,
)
from approvals.settings.models import SettingsChange, SettingsTemplate
from audit.journal.lifecycle import HasLife
from roles.models import Assignment, EffectiveSettings, Eligibility, Role, Scope
from roles.models.stages import Stage, stages_of

__all__ = [
    "AccessRequest",
    "AccessRequests",
    "AccessReview",
    "AutomaticDecision",
    "AutomaticRule",
    "Calendar",
    "Decision",
    "EmergencyUse",
    "Favourite",
    "FrozenApprover",
    "Hook",
    "HookCall",
    "Question",
    "ReviewDecision",
    "ReviewItem",
    "ReviewSeries",
    "ReviewStage",
    "Reviewer",
    "RoleInSet",
    "RoleSet",
    "SettingsChange",
    "SettingsTemplate",
]


class AccessRequests(models.QuerySet["AccessRequest"]):
    """Questions about access requests."""

    def open(self, at: datetime | None = None) -> AccessRequests:
        """Those that still wait for a decision at ``at``: the deadline decides, not whether a sweep has run."""
        return self.filter(status__in=AccessRequest.WAITING, deadline__gt=at or timezone.now())

    def locked(self, access_request: AccessRequest) -> AccessRequest:
        """The request as it is now, with what is asked of it at hand, held until the transaction ends."""
        related = ("role__directory", "scope", "holder", "requester", "eligibility", "assignment")
        return self.select_for_update(of=["self"]).select_related(*related).get(pk=access_request.pk)

    def lapsed(self, at: datetime | None = None) -> AccessRequests:
        """Those that waited until their deadline and were not closed yet."""
        return self.filter(status__in=AccessRequest.WAITING, deadline__lte=at or timezone.now())


class AccessRequest(HasLife):
    """Someone asks for a change of who holds what.

    ::

        PENDING <-> ASKED_BACK      PENDING | ASKED_BACK -> APPROVED | DENIED | CANCELED | TIMED_OUT | FAILED

    APPROVED means that the change is written down; whether the directory took it is the assignment's own life.
    """

    class Act(models.TextChoices):
        ACTIVATE = "activate", _("Activation")
        DEACTIVATE = "deactivate", _("Deactivation")
        PROLONG = "prolong", _("Longer activation")
        EXTEND = "extend", _("Extension")
        RENEW = "renew", _("Renewal")
        ASSIGN = "assign", _("Assignment")
        UPDATE = "update", _("Change")
        REMOVE = "remove", _("Removal")

    class Status(models.TextChoices):
        PENDING = "pending", _("Waits for approval")
        ASKED_BACK = "asked_back", _("Asked back")
        APPROVED = "approved", _("Approved")
        DENIED = "denied", _("Denied")
        CANCELED = "canceled", _("Canceled")
        TIMED_OUT = "timed_out", _("Nobody decided in time")
        FAILED = "failed", _("No longer possible")

    WAITING: ClassVar[list[str]] = [Status.PENDING, Status.ASKED_BACK]
    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.PENDING: frozenset(
            {
                Status.ASKED_BACK,
                Status.APPROVED,
                Status.DENIED,
                Status.CANCELED,
                Status.TIMED_OUT,
                Status.FAILED,
            }
        ),
        Status.ASKED_BACK: frozenset(
            {Status.PENDING, Status.APPROVED, Status.DENIED, Status.CANCELED, Status.TIMED_OUT, Status.FAILED}
        ),
    }

    act = models.CharField(max_length=12, choices=Act.choices)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="requests_made"
    )
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="requests_about"
    )
    holder_group = models.ForeignKey(
        Group, null=True, on_delete=models.PROTECT, related_name="requests_about"
    )
    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="access_requests")
    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="access_requests")
    eligibility = models.ForeignKey(
        Eligibility, null=True, on_delete=models.PROTECT, related_name="access_requests"
    )
    assignment = models.ForeignKey(
        Assignment, null=True, on_delete=models.PROTECT, related_name="access_requests"
    )
    minutes = models.PositiveIntegerField(null=True)
    asked_start = models.DateTimeField(null=True)
    asked_end = models.DateTimeField(null=True)
    justification = models.TextField(blank=True)
    ticket = models.CharField(max_length=60, blank=True)
    ticket_system = models.CharField(max_length=60, blank=True)
    asked_settings = models.JSONField(default=dict, help_text="the role settings it was asked under")
    factor_use = models.ForeignKey(FactorUse, null=True, on_delete=models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=64, blank=True)
    stages = models.JSONField(
        default=list, help_text="the stages of its approval, as they were when it was filed"
    )
    stage = models.PositiveSmallIntegerField(
        default=1, help_text="the stage that waits; 0 while a web hook is asked"
    )
    stage_began_at = models.DateTimeField(null=True)
    escalates_at = models.DateTimeField(
        null=True, help_text="from when on further people may decide on this stage"
    )
    escalated_at = models.DateTimeField(null=True, help_text="when they were told")
    digest = models.CharField(
        max_length=64, blank=True, help_text="of what is asked; decisions are bound to it"
    )
    created_at = models.DateTimeField(default=timezone.now)
    deadline = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    outcome_note = models.CharField(max_length=300, blank=True, help_text="why it failed, for instance")

    history = HistoricalRecords()
    objects = AccessRequests.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        default_permissions = ()
        constraints = [
            *(
                models.UniqueConstraint(
                    fields=["act", who, "role", "scope"],
                    condition=Q(status__in=["pending", "asked_back"]),
                    name=f"one_pending_request_per_{who}",
                )
                for who in ("holder", "holder_group")
            ),
            models.UniqueConstraint(
                fields=["holder", "eligibility"],
                condition=Q(act="activate", status__in=["pending", "asked_back"]),
                name="one_pending_activation",
            ),
            models.UniqueConstraint(
                fields=["requester", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="one_request_per_form",
            ),
        ]
        indexes = [
            models.Index(
                fields=["deadline"], condition=Q(status__in=["pending", "asked_back"]), name="request_waiting"
            ),
            models.Index(fields=["holder", "role", "created_at"], name="request_past"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """What people call it: ``R-2026-00042``."""
        return f"R-{self.created_at:%Y}-{self.pk:05d}" if self.pk else ""

    @property
    def place(self) -> str:
        """Where, in words: the directory, and the part of it where it is not all."""
        directory = str(self.role.directory)
        return directory if self.scope.is_root else f"{directory} · {self.scope}"

    @property
    def ticket_in_words(self) -> str:
        """The ticket's number, after the name of its system where one was chosen."""
        return " ".join(part for part in (self.ticket_system, self.ticket) if part)

    @property
    def is_open(self) -> bool:
        """Whether it still waits for a decision at this moment."""
        return self.status in self.WAITING and self.deadline > timezone.now()

    @property
    def asked_under(self) -> EffectiveSettings:
        """The role settings in force when it was asked."""
        return EffectiveSettings.from_json(self.asked_settings)

    @property
    def all_stages(self) -> tuple[Stage, ...]:
        """The stages of its approval, as they were when it was filed."""
        return stages_of(self.stages, range(1, len(self.stages) + 1))

    @property
    def present_stage(self) -> Stage:
        """The stage that waits. There is none while a web hook is asked: then ``is_checking``."""
        return self.all_stages[self.stage - 1]

    @property
    def is_checking(self) -> bool:
        """Whether a web hook is asked before anybody else is."""
        return self.stage == 0

    def journal_context(self) -> dict[str, Any]:
        return {
            "about": self.holder,
            "directory": self.role.directory.name,
            "role": self.role.name,
            "access_request": self.number,
        }


class Decision(models.Model):
    """An approver's answer. Added, never changed; a void one says when and why."""

    class Verdict(models.TextChoices):
        APPROVE = "approve", _("Approved")
        DENY = "deny", _("Denied")

    access_request = models.ForeignKey(AccessRequest, on_delete=models.PROTECT, related_name="decisions")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    justification = models.TextField(blank=True)
    stage = models.PositiveSmallIntegerField(default=1)
    stands_in_for = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    digest = models.CharField(max_length=64, blank=True, help_text="of the request as it was decided on")
    factor_use = models.ForeignKey(FactorUse, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    given_minutes = models.PositiveIntegerField(null=True, help_text="where it was shortened")
    given_kind = models.CharField(
        max_length=10, blank=True, help_text="eligible or active: what an extension or renewal was given as"
    )
    given_start = models.DateTimeField(null=True)
    given_end = models.DateTimeField(null=True)
    void_at = models.DateTimeField(null=True)
    void_why = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["at", "pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["access_request", "stage", "approver"],
                condition=Q(void_at__isnull=True),
                name="one_decision_per_person_and_stage",
            )
        ]

    def __str__(self) -> str:
        return f"{self.approver} {self.verdict} {self.access_request}"


class Question(models.Model):
    """What an approver wants to know before they decide, and the answer."""

    access_request = models.ForeignKey(AccessRequest, on_delete=models.PROTECT, related_name="questions")
    asker = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    at = models.DateTimeField(default=timezone.now)
    answerer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True)
    seconds_left = models.PositiveIntegerField(
        null=True, help_text="until the deadline, where the question stopped the clock"
    )

    class Meta:
        ordering = ["at", "pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["access_request"], condition=Q(answered_at__isnull=True), name="one_open_question"
            )
        ]

    def __str__(self) -> str:
        return f"{self.asker} about {self.access_request}"
