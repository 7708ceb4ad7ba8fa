"""Alerts, and what the last check of the journal found."""

from __future__ import annotations

from django.db import models

from audit.alerts.models import Alert
from audit.journal.sealing import FIRST

__all__ = ["Alert", "JournalCheck"]


class JournalCheck(models.Model):
    """What the checks of the journal found so far; one row, so that no page has to read the whole book.

    Two readers go through it: one follows the end (``count``, ``head``), the other walks through the whole book again
    and again (``patrol_number``, ``patrol_digest``), so that a change of an old entry is found within the hour.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    checked_at = models.DateTimeField()
    count = models.BigIntegerField(default=0, help_text="number of the last entry known to hold")
    head = models.CharField(max_length=64, default=FIRST, help_text="its digest")
    wrong = models.BigIntegerField(null=True, help_text="number of the first wrong entry")
    why = models.CharField(max_length=200, blank=True)
    patrol_number = models.BigIntegerField(default=0)
    patrol_digest = models.CharField(max_length=64, default=FIRST)
    whole_at = models.DateTimeField(null=True, help_text="when the whole book was last read to its end")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.why or f"{self.count} entries hold"

    @property
    def holds(self) -> bool:
        """Whether everything that was read holds."""
        return self.wrong is None
