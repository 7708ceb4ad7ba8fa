"""What people are asked to do by hand, in directories that nothing speaks to."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from audit.journal.lifecycle import HasLife
from roles.models.assignment import Assignment
from roles.models.directory import Scope
from roles.models.role import Role


class HandTasks(models.QuerySet["HandTask"]):
    """Questions about what is done by hand."""

    def waiting(self) -> HandTasks:
        """What somebody still has to do, and a right that should be gone and of which somebody said it cannot be taken."""
        stuck = Q(act=HandTask.Act.TAKE, status=HandTask.Status.REFUSED)
        return self.filter(Q(status=HandTask.Status.OPEN) | stuck)

    def standing(self) -> HandTasks:
        """The confirmed gifts that nobody has taken back: the rights that stand in such a directory."""
        return self.filter(stands=True)

    def about(self, role: Role, scope: Scope, account: str) -> HandTasks:
        """Those about one right."""
        return self.filter(role=role, scope=scope, account=account)


class HandTask(HasLife):
    """One right that somebody is to give or to take by hand, and what came of it.

    ::

        OPEN -> DONE | REFUSED | WITHDRAWN      REFUSED -> DONE | WITHDRAWN

    What could not be taken can still be done later, and has to be.
    """

    class Act(models.TextChoices):
        GIVE = "give", _("Give")
        TAKE = "take", _("Take away")

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        DONE = "done", _("Done")
        REFUSED = "refused", _("Could not be done")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        Status.OPEN: frozenset({Status.DONE, Status.REFUSED, Status.WITHDRAWN}),
        Status.REFUSED: frozenset({Status.DONE, Status.WITHDRAWN}),
    }

    act = models.CharField(max_length=4, choices=Act.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="hand_tasks")
    scope = models.ForeignKey(Scope, on_delete=models.PROTECT, related_name="+")
    account = models.CharField(max_length=200, help_text="the name in the directory")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="whose account it is, where that can be told",
    )
    operation = models.CharField(max_length=60, help_text="the act that needs it: assignment-12")
    asked_at = models.DateTimeField(default=timezone.now)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="who said that it is done, or cannot be",
    )
    done_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=500, blank=True)
    stands = models.BooleanField(default=False, help_text="given, and not taken back since")

    history = HistoricalRecords()
    objects = HandTasks.as_manager()

    class Meta:
        ordering = ["asked_at", "pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["role", "scope", "account"], condition=Q(status="open"), name="one_open_hand_task"
            ),
            models.UniqueConstraint(
                fields=["role", "scope", "account"], condition=Q(stands=True), name="one_standing_gift"
            ),
        ]
        indexes = [
            models.Index(
                fields=["role", "act"], condition=Q(status__in=["open", "refused"]), name="hand_task_waiting"
            )
        ]

    def __str__(self) -> str:
        names = {"who": self.whom, "role": self.role.name, "directory": self.role.directory}
        if self.act == self.Act.GIVE:
            return _now("Put %(who)s into “%(role)s” in %(directory)s") % names
        return _now("Take %(who)s out of “%(role)s” in %(directory)s") % names

    @property
    def whom(self) -> str:
        """The person, or the account where nobody knows whose it is."""
        return str(self.person or self.account)

    @property
    def is_waiting(self) -> bool:
        """Whether somebody still has to do it."""
        stuck = self.act == self.Act.TAKE and self.status == self.Status.REFUSED
        return self.status == self.Status.OPEN or stuck

    @property
    def is_late(self) -> bool:
        """Whether a right should be gone by now and is not: from the moment that it is asked to be taken."""
        return self.act == self.Act.TAKE and self.is_waiting

    def until(self) -> datetime | None:
        """When the last of what the right is given for ends, as it is written down now; None for no end."""
        carried = Assignment.objects.due().filter(
            role=self.role_id, scope=self.scope_id, account=self.account
        )
        if carried.filter(ends_at__isnull=True).exists():
            return None
        latest: datetime | None = carried.aggregate(last=Max("ends_at"))["last"]
        return latest

    def journal_context(self) -> dict[str, Any]:
        return {"about": self.person, "directory": self.role.directory.name, "role": self.role.name}
