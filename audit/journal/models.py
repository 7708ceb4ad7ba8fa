"""The book: one row for each act, never changed, numbered without a gap, each bound to the one before."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Outcome(models.TextChoices):
    """How an act ended."""

    DONE = "done", _("Done")
    REFUSED = "refused", _("Refused")
    FAILED = "failed", _("Failed")


class AuditEvent(models.Model):
    """One recorded act.

    People, directories and roles are written down by name as well as by key: an entry must stay readable when
    what it speaks of has been renamed or removed. ``actor`` and ``about`` carry no database constraint for the same reason.
    """

    number = models.BigIntegerField(unique=True, editable=False)
    at = models.DateTimeField()
    action = models.CharField(max_length=80)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.DONE)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    actor_name = models.CharField(max_length=200)
    actor_address = models.CharField(max_length=64, blank=True)
    actor_agent = models.CharField(max_length=200, blank=True)
    about = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    about_name = models.CharField(max_length=200, blank=True)
    subject_kind = models.CharField(max_length=80, blank=True)
    subject_key = models.CharField(max_length=64, blank=True)
    subject_name = models.CharField(max_length=300, blank=True)
    directory = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=200, blank=True)
    access_request = models.CharField(max_length=40, blank=True)
    justification = models.TextField(blank=True)
    detail = models.JSONField(default=dict)
    previous_digest = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["-number"]
        default_permissions = ()
        # Each ends in the number, so that the newest of a kind are found without sorting.
        indexes = [
            models.Index(fields=["at", "number"], name="event_at"),
            models.Index(fields=["action", "number"], name="event_action"),
            models.Index(fields=["outcome", "number"], name="event_outcome"),
            models.Index(fields=["actor", "number"], name="event_actor"),
            models.Index(fields=["about", "number"], name="event_about"),
            models.Index(fields=["directory", "number"], name="event_directory"),
            models.Index(fields=["role", "number"], name="event_role"),
            models.Index(fields=["access_request", "number"], name="event_request"),
            models.Index(fields=["subject_kind", "subject_key", "number"], name="event_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"

    def body(self) -> dict[str, Any]:
        """What the digest covers: every column but the digests themselves, in plain values."""
        return {
            "number": self.number,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "action": self.action,
            "outcome": str(self.outcome),
            "actor": self.actor_id,
            "actor_name": self.actor_name,
            "actor_address": self.actor_address,
            "actor_agent": self.actor_agent,
            "about": self.about_id,
            "about_name": self.about_name,
            "subject_kind": self.subject_kind,
            "subject_key": self.subject_key,
            "subject_name": self.subject_name,
            "directory": self.directory,
            "role": self.role,
            "access_request": self.access_request,
            "justification": self.justification,
            "detail": self.detail,
        }


class JournalHead(models.Model):
    """The one row that says how far the book goes. Whoever writes holds it, so numbers have no gaps."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"head at {self.number}"
