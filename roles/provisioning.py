"""Assignments: beginning and ending them here; the directory follows.

What is written down decides; ``fulfilling`` makes it true, and makes it true again until it is. The row is the queue:
a task only hurries what the sweep would find.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from celery import shared_task
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.journal.actor import Actor
from audit.journal.lifecycle import begin_life, move_all_to, move_to
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken
from roles.fulfilling import tell_holders, work
from roles.models import Assignment, Eligibility, Origin, Role, Scope

Status = Assignment.Status


@journaled
def begin_assignment(
    role: Role,
    *,
    actor: Actor,
    person: User,
    scope: Scope,
    starts_at: datetime,
    ends_at: datetime | None,
    origin: str = Origin.DIRECT,
    eligibility: Eligibility | None = None,
    request_number: str = "",
    justification: str = "",
) -> Assignment:
    """Write down that ``person`` holds ``role`` from ``starts_at`` to ``ends_at``, and begin to make it true.

    A start in the future waits for the sweep. In the portal's own directory it is true when this returns.
    """
    assignment = Assignment(
        role=role,
        scope=scope,
        person=person,
        eligibility=eligibility,
        origin=origin,
        request_number=request_number,
        starts_at=starts_at,
        ends_at=ends_at,
        next_try_at=starts_at,
        account=role.directory.account_of(person),
    )
    begin_life(assignment, actor=actor, action="assignment.begun", justification=justification)
    if starts_at <= timezone.now():
        start_assignment(assignment, actor=actor)
    return assignment


@journaled
def start_assignment(assignment: Assignment, *, actor: Actor) -> None:
    """Begin to put an assignment in force whose start has come.

    Raises:
        Overtaken: somebody started or ended it in between.
    """
    move_to(
        assignment, Status.PROVISIONING, actor=actor, action="assignment.started", next_try_at=timezone.now()
    )
    if assignment.role.directory.is_portal:
        _work_on_key(assignment.pk, Status.PROVISIONING)
        assignment.refresh_from_db()
    else:
        transaction.on_commit(lambda: provision_assignment.delay(assignment.pk), robust=True)


@journaled
def end_assignment(assignment: Assignment, *, actor: Actor, cause: str, justification: str = "") -> None:
    """End an assignment at this moment: from now on it is not in force; the directory follows.

    Args:
        cause: one of ``EndCause``.

    Raises:
        Overtaken: somebody ended it in between.
    """
    if assignment.status not in [*Assignment.LIVE, Status.FAILED]:
        raise Overtaken(_("This has ended already."))
    end_all([assignment], actor=actor, cause=cause, justification=justification)
    if assignment.status != Status.ENDING:
        return
    if assignment.role.directory.is_portal:
        _work_on_key(assignment.pk, Status.ENDING)
        assignment.refresh_from_db()
    else:
        transaction.on_commit(lambda: deprovision_assignment.delay(assignment.pk), robust=True)


def end_all(assignments: Sequence[Assignment], *, actor: Actor, cause: str, justification: str = "") -> None:
    """End assignments of one present status in one go, for one cause.

    What had not started yet is over at once; the rest waits for the directory to confirm.
    """
    now = timezone.now()
    never_started = assignments[0].status == Status.SCHEDULED
    move_all_to(
        assignments,
        Status.ENDED if never_started else Status.ENDING,
        actor=actor,
        action="assignment.ended",
        justification=justification,
        detail={"cause": str(cause)},
        end_cause=cause,
        ended_at=now,
        revoked_at=now if never_started else None,
        attempts=0,
        next_try_at=now,
        last_error="",
    )


@shared_task(ignore_result=True)
def provision_assignment(key: int) -> None:
    """Put one assignment in force in its directory. Harmless when it is done already, or too late."""
    _work_on_key(key, Status.PROVISIONING)


@shared_task(ignore_result=True)
def deprovision_assignment(key: int) -> None:
    """Take one ended assignment away in its directory. Harmless when it is done already."""
    _work_on_key(key, Status.ENDING)


def work_lane(directory: int) -> None:
    """Do everything that waits in one directory: what ended first, then what begins.

    Args:
        directory: key of the directory.
    """
    while work(directory, Status.ENDING):
        pass
    while work(directory, Status.PROVISIONING):
        pass
    tell_holders(directory)


def _work_on_key(key: int, status: str) -> None:
    assignment = Assignment.objects.select_related("role").filter(pk=key, status=status).first()
    if assignment is not None:
        work(assignment.role.directory_id, status, [key])
        tell_holders(assignment.role.directory_id)
