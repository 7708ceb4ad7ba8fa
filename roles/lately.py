"""When somebody has held a role by activating it, lately and from now on; for the limit within 24 hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from roles.models import Assignment, Origin, Role, Scope
from roles.within_a_day import WINDOW, Span

Status = Assignment.Status
TIMES = ("starts_at", "ends_at", "ended_at")


def held_lately(person: User, role: Role, scope: Scope) -> list[Span]:
    """When the human behind ``person`` held ``role`` at ``scope``, by whatever eligibility, and will as things are. One query.

    Holding it above, or at a part of it, is holding it there. Only what reaches into the last 24 hours, or after.
    """
    theirs = _activated(since=timezone.now() - WINDOW).filter(
        person__in=User.objects.same_human_as(person), role=role, scope__in=Scope.objects.overlapping(scope)
    )
    return [span_of(one) for one in theirs.only(*TIMES)]


def held_by_humans(roles: Iterable[Role], *, since: datetime) -> dict[tuple[str, int], list[Assignment]]:
    """How each human held each of ``roles`` by activating it, by the human's key and that of the role. One query.

    Args:
        since: what was over 24 hours before is left out.
    """
    found: dict[tuple[str, int], list[Assignment]] = defaultdict(list)
    every = _activated(since=since - WINDOW).filter(role__in=roles).select_related("person", "scope")
    for one in every.only("person__person_key", "role_id", "scope__lineage", *TIMES):
        human = one.person.person_key or f"account {one.person_id}"
        found[human, one.role_id].append(one)
    return dict(found)


def _activated(*, since: datetime) -> QuerySet[Assignment]:
    """Activations that reach beyond ``since``. What was never put in force counts for nothing."""
    over = [Status.ENDING, Status.ENDED]
    never = Q(status=Status.FAILED) | Q(status__in=over, active_since__isnull=True)
    reaching = Q(ends_at__gt=since) & (Q(ended_at__isnull=True) | Q(ended_at__gt=since))
    return Assignment.objects.filter(reaching, origin=Origin.ACTIVATED).exclude(never)


def span_of(held: Assignment) -> Span:
    """From when to when it is held: an activation always ends."""
    until = min(at for at in (held.ended_at, held.ends_at) if at is not None)
    return held.starts_at, until
