"""Looking into a directory for somebody who waits for the answer."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from roles.models.directory import Directory


class Inspection(models.Model):
    """A look into a directory that a worker takes because somebody asked: can we work there, and what is there?

    The web process has no secret to do it itself. Only the latest of each kind is kept.
    """

    class What(models.TextChoices):
        CHECK = "check", _("Test")
        DISCOVERY = "discovery", _("Discovery")

    directory = models.ForeignKey(Directory, on_delete=models.CASCADE, related_name="inspections")
    what = models.CharField(max_length=10, choices=What.choices)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(default=timezone.now)
    began_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    progress = models.PositiveIntegerField(default=0, help_text="how many things it has come across")
    found = models.JSONField(default=dict)
    error = models.CharField(max_length=500, blank=True)
    is_refused = models.BooleanField(default=False, help_text="the credentials were not accepted")

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["directory", "what"], name="one_inspection_of_a_kind")]

    def __str__(self) -> str:
        return f"{self.directory}: {self.get_what_display()}"

    @property
    def is_running(self) -> bool:
        """Whether an answer is still to come."""
        return self.done_at is None
