"""The sweep: what time has made due is written down, and what waits is done. It tells; time itself decides."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from itertools import groupby
from operator import attrgetter

from celery import shared_task
from django.conf import settings
from django.db import close_old_connections, connection, transaction
from django.utils import timezone

from audit.journal.actor import PORTAL
from audit.journal.lifecycle import move_to
from audit.journal.recording import take_the_pen
from audit.journal.refusing import Overtaken
from roles.assigning import expire_eligibility
from roles.models import Assignment, Directory, Eligibility, EndCause, Heartbeat
from roles.provisioning import end_all, start_assignment, work_lane
from roles.reconciling import directories_to_reconcile, reconcile
from roles.separating import keep_apart
from roles.spreading import spread

SWEEP = "sweep"
BATCH = 200
logger = logging.getLogger(__name__)
_lanes: dict[int, Future[None]] = {}
_pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="lane")


def sweep() -> None:
    """One round: end what is over, begin what is due, and do the work in every directory, one after the other."""
    tell_time()
    for directory in directories_with_work():
        work_lane(directory)
    beat_heart()


def sweep_in_lanes() -> None:
    """One round as ``sweep``, each directory in a thread of its own, so that a dead one slows nobody else.

    A directory whose turn it is to be compared with the book is compared after its work.
    """
    tell_time()
    for directory in sorted({*directories_with_work(), *directories_to_reconcile()}):
        running = _lanes.get(directory)
        if running is None or running.done():
            _lanes[directory] = _pool.submit(_work_in_thread, directory)
    beat_heart()


@shared_task(ignore_result=True)
def sweep_if_late() -> None:
    """The second trigger, by beat: sweep when the loop in the worker has not been seen for some rounds."""
    now = timezone.now()
    late = now - timedelta(seconds=max(5.0, 5 * settings.SWEEP_SECONDS))
    if not Heartbeat.objects.filter(pk=SWEEP, at__gt=late, at__lte=now).exists():
        sweep()


def tell_time() -> None:
    """Write down what time has already decided: eligibilities, assignments and parts of groups' that began or are over."""
    _turn_eligibilities()
    _end_assignments()
    spread()
    keep_apart()
    _start_assignments()


def directories_with_work() -> list[int]:
    """Keys of the directories in which something waits to be granted, revoked or told now."""
    waiting = Assignment.objects.filter(
        status__in=[Assignment.Status.PROVISIONING, Assignment.Status.ENDING],
        next_try_at__lte=timezone.now(),
        role__directory__mode=Directory.Mode.MANAGE,
    ).exclude(lease_until__gt=timezone.now())
    untold = Assignment.objects.to_tell()
    keys = (
        some.order_by().values_list("role__directory", flat=True).distinct() for some in (waiting, untold)
    )
    return sorted({key for some in keys for key in some})


def beat_heart() -> None:
    """Leave a sign of life for the dead-man check."""
    now = timezone.now()
    if not Heartbeat.objects.filter(pk=SWEEP, at__gt=now - timedelta(seconds=2), at__lte=now).exists():
        Heartbeat.objects.update_or_create(pk=SWEEP, defaults={"at": now})


def _work_in_thread(directory: int) -> None:
    close_old_connections()
    try:
        work_lane(directory)
        if directory in directories_to_reconcile():
            reconcile(directory)
    except Exception:
        logger.exception("Work in directory %s stopped; the next round goes on", directory)
    finally:
        connection.close()


def _turn_eligibilities() -> None:
    now = timezone.now()
    status = Eligibility.Status
    shown = Eligibility.objects.select_related("role__directory", "person", "group")
    for eligibility in shown.filter(ends_at__lte=now, status__in=[status.SCHEDULED, status.IN_FORCE])[:BATCH]:
        with suppress(Overtaken):
            expire_eligibility(eligibility, actor=PORTAL)
    for eligibility in shown.in_force(now).filter(status=status.SCHEDULED)[:BATCH]:
        with suppress(Overtaken):
            move_to(eligibility, status.IN_FORCE, actor=PORTAL, action="eligibility.started")


def _end_assignments() -> None:
    """End what is no longer due, in batches of one status and one cause."""
    now = timezone.now()
    failed = Assignment.Status.FAILED
    going_on = Assignment.objects.filter(status__in=[*Assignment.LIVE, failed])
    begun = going_on.live().filter(eligibility__isnull=False, starts_at__lte=now)
    over = {
        EndCause.EXPIRED: going_on.filter(ends_at__lte=now),
        EndCause.LEFT: going_on.filter(person__is_active=False),
        EndCause.ELIGIBILITY_ENDED: begun.exclude(pk__in=Assignment.objects.due(now).values("pk")),
    }
    for cause, assignments in over.items():
        with suppress(Overtaken):
            while batch := list(
                assignments.select_related("role__directory", "scope", "person").order_by("status")[:BATCH]
            ):
                for _status, some in groupby(batch, key=attrgetter("status")):
                    with transaction.atomic():
                        take_the_pen()
                        end_all(list(some), actor=PORTAL, cause=cause)


def _start_assignments() -> None:
    scheduled = Assignment.objects.due().filter(status=Assignment.Status.SCHEDULED)
    for assignment in scheduled.select_related("role__directory", "scope", "person")[:BATCH]:
        with suppress(Overtaken):
            start_assignment(assignment, actor=PORTAL)
