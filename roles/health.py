"""How a directory fares: when it was compared, what waits for it, what differs in it. A few questions, however large it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.db.models import Count, Min, Q
from django.db.models.functions import Greatest
from django.utils import timezone

from audit.journal.models import AuditEvent
from audit.paging import with_words
from roles.models import Assignment, Directory, Drift, Reconciliation

LATEST = 15  # acts that are shown
LOOKED_AT = 300  # entries of the directory among which they are looked for
ACTS = ("assignment.", "drift.", "directory.")
Status = Assignment.Status


@dataclass(frozen=True)
class Waiting:
    """What waits for a directory: how many, and since when the first of them."""

    count: int = 0
    since: datetime | None = None


@dataclass(frozen=True)
class Health:
    """How a directory stands at this moment.

    Args:
        state: its latest comparison; None while there was none.
        to_give, to_revoke: what waits.
        drifts: how many there are, by status and kind.
    """

    directory: Directory
    state: Reconciliation | None
    to_give: Waiting
    to_revoke: Waiting
    drifts: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @cached_property
    def is_moving(self) -> bool:
        """Whether it is being compared, or it is its turn."""
        now, state = timezone.now(), self.state
        if state is None:
            return True
        return self.is_running or state.next_at <= now

    @property
    def is_running(self) -> bool:
        """Whether somebody is comparing it at this moment."""
        until = self.state.lease_until if self.state else None
        return until is not None and until > timezone.now()

    @property
    def open_drifts(self) -> int:
        """How many differences wait for a person."""
        return sum(count for (status, _kind), count in self.drifts.items() if status == Drift.Status.OPEN)

    @property
    def standing_drifts(self) -> int:
        """How many differences there are, whatever was said of them."""
        return sum(self.drifts.values())

    @property
    def by_kind(self) -> list[tuple[Drift.Kind, int]]:
        """The open differences by kind, those that there are."""
        return [
            (kind, count) for kind in Drift.Kind if (count := self.drifts.get((Drift.Status.OPEN, kind), 0))
        ]

    @property
    def seen(self) -> str:
        """What a page compares to know that nothing has changed."""
        state = self.state
        said: list[object] = [state.done_at, state.failures, self.is_running, self.is_moving] if state else []
        said += [self.to_give.count, self.to_revoke.count, sorted(self.drifts.items()), self.directory.mode]
        return "|".join(map(str, said))


def health_of(directory: Directory) -> Health:
    """How ``directory`` stands now. Four queries."""
    return Health(
        directory,
        Reconciliation.objects.filter(directory=directory).first(),
        _to_give(directory),
        _to_revoke(directory),
        drifts_in(directory),
    )


def drifts_in(directory: Directory) -> dict[tuple[str, str], int]:
    """How many differences there are in ``directory``, by status and kind."""
    rows = directory.drifts.standing().order_by().values_list("status", "kind").annotate(n=Count("pk"))
    return {(status, kind): count for status, kind, count in rows}


def _to_give(directory: Directory) -> Waiting:
    """What is due and not given yet. One that is told another end waits too; since when, is written nowhere."""
    is_new = Q(active_since=None)
    said = Assignment.objects.filter(
        Q(status=Status.PROVISIONING) | Q(status=Status.SCHEDULED, next_try_at__lte=timezone.now()),
        role__directory=directory,
    ).aggregate(n=Count("pk"), since=Min(Greatest("starts_at", "created_at"), filter=is_new))
    return Waiting(said["n"], said["since"])


def _to_revoke(directory: Directory) -> Waiting:
    rows = Assignment.objects.filter(role__directory=directory, status=Status.ENDING)
    said = rows.aggregate(n=Count("pk"), since=Min("ended_at"))
    return Waiting(said["n"], said["since"])


def latest_acts(directory: Directory) -> list[AuditEvent]:
    """The latest entries of the journal about assignments and differences in ``directory``, with their sentences.

    Looked for among its newest entries only: a directory in which nothing is given any more is not read to the bottom.
    """
    newest = AuditEvent.objects.filter(directory=directory.name).order_by("-number")
    found = newest.values_list("number", "action")[:LOOKED_AT]
    numbers = [number for number, action in found if action.startswith(ACTS)][:LATEST]
    return with_words(AuditEvent.objects.filter(number__in=numbers).order_by("-number"))
