"""The place in line of whoever takes a holder away."""

from __future__ import annotations

from django.db import models


class HolderGuard(models.Model):
    """One row. The triggers that count holders change it first, so that two of them never count side by side."""

    turns = models.BigIntegerField(default=0, help_text="how often somebody stood in line")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.turns} turns"
