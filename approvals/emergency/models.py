"""That somebody activated a role past approval, and what was said of it afterwards."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from audit.journal.lifecycle import HasLife


class EmergencyUse(HasLife):
    """A role was activated in an emergency. One that is open keeps its person from another.

    ::

        OPEN -> REVIEWED
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Not reviewed")
        REVIEWED = "reviewed", _("Reviewed")

    class Finding(models.TextChoices):
        JUSTIFIED = "justified", _("It was justified")
        NOT_JUSTIFIED = "not_justified", _("It was not justified")

    NEXT: ClassVar[dict[str, frozenset[str]]] = {Status.OPEN: frozenset({Status.REVIEWED})}

    access_request = models.OneToOneField(
        "approvals.AccessRequest", on_delete=models.PROTECT, related_name="emergency_use"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="emergency_uses"
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    opened_at = models.DateTimeField(default=timezone.now)
    skipped = models.JSONField(default=list, help_text="who would have been asked, by name")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True)
    finding = models.CharField(max_length=16, blank=True, choices=Finding.choices)
    review = models.TextField(blank=True, help_text="what the reviewer says of it")

    history = HistoricalRecords()

    class Meta:
        ordering = ["-opened_at", "-pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(status="open"), name="one_emergency_use_open_per_person"
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} in an emergency"

    def journal_context(self) -> dict[str, Any]:
        return self.access_request.journal_context()
