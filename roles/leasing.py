"""Taking assignments to work on, so that no two workers speak to a directory about one right at the same time.

A lease lapses by itself: what a killed worker had taken is taken again. The call to the directory happens outside
any transaction; only the holder of the lease may write down what came of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from audit.journal.recording import take_the_pen, within_transaction
from roles.connectors.base import ConnectorError, Denied
from roles.models import Assignment, Directory, Drift

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
BATCH = 200
LONGEST_PAUSE_DENIED = 900.0  # seconds; somebody has to act in the directory: trying often only fills its log


def claim(
    directory: int, status: str, *, keys: Collection[int] | None = None
) -> tuple[str, list[Assignment]]:
    """Take up to ``BATCH`` assignments of a directory that are in ``status`` and due for a try.

    At most one for each right (account, role, scope), and none of a role that somebody else is working on: an
    entitlement has one writer. Claims are made one after the other (the journal's pen is held), so two claims cannot
    both take the same.

    Args:
        directory: key of the directory.
        keys: only these assignments; all when left out.

    Returns:
        The token of the lease and what was taken.
    """
    token = secrets.token_hex(16)
    now = timezone.now()
    with within_transaction():
        take_the_pen()
        of_directory = Assignment.objects.filter(role__directory=directory)
        taken: set[tuple[int, int, str]] = set()
        waiting = of_directory.filter(
            status=status, next_try_at__lte=now, role__directory__mode=Directory.Mode.MANAGE
        ).exclude(role__in=_busy(directory, now))
        if keys is not None:
            waiting = waiting.filter(pk__in=keys)
        claimed: list[Assignment] = []
        for assignment in waiting.select_related("role__directory", "scope", "person").order_by(
            "next_try_at"
        )[: BATCH * 2]:
            right = (assignment.role_id, assignment.scope_id, assignment.account)
            if right not in taken and len(claimed) < BATCH:
                taken.add(right)
                claimed.append(assignment)
        _lease([one.pk for one in claimed], token, now + LEASE)
    return token, claimed


def claim_drifts(directory: int) -> tuple[str, list[Drift]]:
    """Take up to ``BATCH`` rights of a directory that were given outside, are to go and are due for a try.

    None of a role that somebody is working on; one right once.

    Args:
        directory: key of the directory.

    Returns:
        The token of the lease and what was taken.
    """
    token = secrets.token_hex(16)
    now = timezone.now()
    with within_transaction():
        take_the_pen()
        waiting = Drift.objects.filter(
            directory=directory,
            directory__mode=Directory.Mode.MANAGE,
            kind=Drift.Kind.FOUND_OUTSIDE,
            status=Drift.Status.CORRECTING,
            next_try_at__lte=now,
        ).exclude(role__in=_busy(directory, now))
        claimed = list(waiting.select_related("role", "directory", "person").order_by("next_try_at")[:BATCH])
        Drift.objects.filter(pk__in=[one.pk for one in claimed]).update(
            lease_until=now + LEASE, lease_token=token
        )
    return token, claimed


def pause_after(attempts: int, error: ConnectorError | None, *, longest: float) -> float:
    """Seconds to wait after a failed try: twice as long after each.

    Args:
        attempts: how many had failed before it.
        longest: seconds; where the directory refuses, a quarter of an hour.
    """
    return min(LONGEST_PAUSE_DENIED if isinstance(error, Denied) else longest, 2.0 ** min(attempts, 10))


def _busy(directory: int, now: datetime) -> list[int]:
    """The roles of which somebody is giving or taking a right at this moment."""
    found: set[int] = set()
    for leased in (
        Assignment.objects.filter(role__directory=directory, lease_until__gt=now),
        Drift.objects.filter(directory=directory, lease_until__gt=now),
    ):
        found |= set(leased.order_by().values_list("role", flat=True).distinct())
    return sorted(found)


def still_ours(token: str, claimed: Collection[Assignment], status: str) -> list[Assignment]:
    """Those of ``claimed`` whose lease we still hold and that are still in ``status``.

    Call it inside the transaction that writes the result down.
    """
    keys = set(
        Assignment.objects.filter(
            pk__in=[one.pk for one in claimed], lease_token=token, status=status
        ).values_list("pk", flat=True)
    )
    return [one for one in claimed if one.pk in keys]


def let_go(token: str) -> None:
    """Give back everything taken under ``token``."""
    Assignment.objects.filter(lease_token=token).update(lease_until=None, lease_token="")


def put_off(token: str, assignment: Assignment, *, until: datetime, why: str) -> None:
    """Give one back after a failed try, to be tried again at ``until``."""
    attempts = assignment.attempts + 1
    Assignment.objects.filter(pk=assignment.pk, lease_token=token).update(
        lease_until=None, lease_token="", attempts=attempts, next_try_at=until, last_error=why[:500]
    )
    assignment.attempts, assignment.last_error = attempts, why[:500]


def _lease(keys: Collection[int], token: str, until: datetime) -> None:
    Assignment.objects.filter(pk__in=keys).update(lease_until=until, lease_token=token)
