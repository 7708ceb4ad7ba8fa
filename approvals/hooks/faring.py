"""How web hooks fare: what they answered last, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from approvals.hooks.models import Hook, HookCall

LATELY = timedelta(days=7)
ANSWERED = (HookCall.Outcome.APPROVED, HookCall.Outcome.AUTO_APPROVED, HookCall.Outcome.DENIED)


@dataclass(frozen=True)
class Fare:
    """A hook, and how it fared within a week.

    Args:
        last: its last answer; None where it has never answered.
        last_fault: the last call it has not answered, or not at once.
        answered, silent, out: how many calls it has answered, has not, and how many wait now.
    """

    hook: Hook
    last: HookCall | None
    last_fault: HookCall | None
    answered: int
    silent: int
    out: int

    @property
    def is_well(self) -> bool:
        """Whether its last answer is newer than its last fault."""
        if self.last_fault is None:
            return True
        return self.last is not None and self.last.created_at > self.last_fault.created_at


def fares_of(hooks: Iterable[Hook]) -> list[Fare]:
    """How each of ``hooks`` fares. One query for the numbers, two for each hook."""
    listed = list(hooks)
    since = timezone.now() - LATELY
    calls = HookCall.objects.filter(hook__in=listed).filter(Q(created_at__gt=since) | Q(outcome=""))
    counted: dict[int, dict[str, Any]] = {
        row["hook"]: {**row}
        for row in calls.order_by()
        .values("hook")
        .annotate(
            answered=Count("pk", filter=Q(outcome__in=ANSWERED)),
            silent=Count("pk", filter=Q(outcome=HookCall.Outcome.SILENT)),
            out=Count("pk", filter=Q(outcome="")),
        )
    }
    return [_fare(hook, counted.get(hook.pk, {})) for hook in listed]


def _fare(hook: Hook, numbers: dict[str, Any]) -> Fare:
    about = hook.calls.select_related("access_request__role__directory")
    return Fare(
        hook,
        last=about.filter(outcome__in=ANSWERED).first(),
        last_fault=about.exclude(fault="").first(),
        answered=numbers.get("answered", 0),
        silent=numbers.get("silent", 0),
        out=numbers.get("out", 0),
    )
