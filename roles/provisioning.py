"""Assignments: beginning and ending them here; the directory follows.

What is written down decides; ``fulfilling`` makes it true, and makes it true again until it is. The row is the queue:
a task only hurries what the sweep would find.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from celery import shared_task
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.journal.actor import Actor
from audit.journal.lifecycle import amend, begin_life, begin_lives, move_all_to, move_to
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken
from roles.announcing import tell_holders
from roles.connectors.base import ConnectorError
from roles.connectors.registry import connector_for_kind
from roles.fulfilling import work
from roles.guarding import check_may_lose
from roles.models import (
    Assignment,
    Directory,
    Eligibility,
    GroupAssignment,
    Intent,
    Origin,
    Role,
    Scope,
)
from roles.models.lasting import NEVER
from roles.nested_groups import check_may_hold
from roles.separation import Holding, check_not_separated, holding_of

ONE_BY_ONE = 20  # up to so many begun together are hurried each by a task of its own
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

    Raises:
        Refused: a service principal would hold a duty, or be in a group.
        Separated: they hold a role that may not be held together with this one.
    """
    check_may_hold(role, person)
    check_not_separated([Holding(person, role, starts_at, ends_at)])
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
        intent=Intent.NEW if origin == Origin.FOUND_OUTSIDE else "",
    )
    begin_life(assignment, actor=actor, action="assignment.begun", justification=justification)
    if starts_at <= timezone.now():
        start_assignment(assignment, actor=actor)
    return assignment


@journaled
def begin_assignments(
    assignments: Sequence[Assignment], *, actor: Actor, justifications: Sequence[str]
) -> None:
    """Write down many new assignments, as ``begin_assignment`` does for one, and begin to make them true.

    Args:
        assignments: not saved yet; the account of each is filled in here.
        justifications: why, for each of them in their order.

    Raises:
        Separated: somebody holds a role that may not be held together with theirs. Parts of what groups hold were
            looked at before (``spreading``).
    """
    now = timezone.now()
    check_not_separated([holding_of(one) for one in assignments if one.through is None])
    for one in assignments:
        check_may_hold(one.role, one.person)
        one.account = one.role.directory.account_of(one.person)
        one.next_try_at = one.starts_at
    begin_lives(assignments, actor=actor, action="assignment.begun", justifications=justifications)
    due = [one for one in assignments if one.starts_at <= now]
    move_all_to(due, Status.PROVISIONING, actor=actor, action="assignment.started", next_try_at=now)
    hurry(due, Status.PROVISIONING)


def hurry(assignments: Sequence[Assignment], status: str) -> None:
    """Work on those of ``assignments`` that are in ``status``: inside the portal at once, elsewhere when this commits."""
    waiting = [one for one in assignments if one.status == status]
    for directory in {one.role.directory for one in waiting if one.role.directory.is_inside}:
        keys = [one.pk for one in waiting if one.role.directory_id == directory.pk]
        while work(directory.pk, status, keys):
            pass
        tell_holders(directory.pk)
    task = provision_assignment if status == Status.PROVISIONING else deprovision_assignment
    outside = [one for one in waiting if not one.role.directory.is_inside]
    for one in outside[:ONE_BY_ONE]:  # the sweep finds the others within seconds
        transaction.on_commit(partial(task.delay, one.pk), robust=True)


@journaled
def start_assignment(assignment: Assignment, *, actor: Actor) -> None:
    """Begin to put an assignment in force whose start has come.

    Raises:
        Overtaken: somebody started or ended it in between.
    """
    move_to(
        assignment, Status.PROVISIONING, actor=actor, action="assignment.started", next_try_at=timezone.now()
    )
    _put_in_force(assignment)


def _put_in_force(assignment: Assignment) -> None:
    """Work on what waits to be put in force: at once in the portal's own directory, else as soon as this commits."""
    if assignment.role.directory.is_inside:
        _work_on_key(assignment.pk, Status.PROVISIONING)
        assignment.refresh_from_db()
    else:
        transaction.on_commit(lambda: provision_assignment.delay(assignment.pk), robust=True)


@journaled
def give_again(assignment: Assignment, *, actor: Actor) -> None:
    """Tell the directory once more of an assignment in force: its right is gone there, or ends at another time.

    Raises:
        Overtaken: it is no longer in force.
    """
    move_to(
        assignment,
        Status.PROVISIONING,
        actor=actor,
        action="assignment.given_again",
        attempts=0,
        next_try_at=timezone.now(),
        last_error="",
        # What somebody else had given and taken away again is the portal's from now on.
        intent=Intent.NEW,
        was_there_before=False,
    )
    _put_in_force(assignment)


@journaled
def change_assignment(
    assignment: Assignment,
    *,
    actor: Actor,
    starts_at: datetime,
    ends_at: datetime | None,
    justification: str = "",
) -> None:
    """Give an assignment another end, and another start while it has not started.

    The end counts from this moment on. A directory that lets rights end by itself is told of it; in the portal's own
    directory that has happened when this returns.

    Raises:
        LastHolder: it would get an end, and its holder is one of the last who hold a protected role without one.
        Overtaken: somebody changed or ended it in between.
        Separated: at a time that it did not cover they hold a role that may not be held together with this one.
    """
    if assignment.status not in [*Assignment.LIVE, Status.FAILED]:
        raise Overtaken(_("This has ended already."))
    fields = changed_times(assignment, starts_at=starts_at, ends_at=ends_at)
    if not fields:
        return
    if ends_at is not None:
        check_may_lose(assignment)
    if starts_at < assignment.starts_at or (ends_at or NEVER) > (assignment.ends_at or NEVER):
        check_not_separated([Holding(assignment.person, assignment.role, starts_at, ends_at)])
    now, scheduled = timezone.now(), assignment.status == Status.SCHEDULED
    said: Any = {"actor": actor, "action": "assignment.changed", "justification": justification}
    said |= {"detail": {"fields": fields}, "starts_at": starts_at, "ends_at": ends_at}
    # Whoever is at work on it by a lease was told the old end: what comes of that is not written down.
    said |= {"lease_until": None, "lease_token": "", "next_try_at": starts_at if scheduled else now}
    tell = assignment.status == Status.ACTIVE and lets_rights_end(assignment.role.directory)
    if tell:
        move_to(assignment, Status.PROVISIONING, attempts=0, last_error="", **said)
    else:
        amend(assignment, unless_changed=["starts_at", "ends_at"], **said)
    if scheduled and starts_at <= now:
        start_assignment(assignment, actor=actor)
    elif assignment.status == Status.PROVISIONING:
        _put_in_force(assignment)


def changed_times(
    held: Assignment | Eligibility | GroupAssignment, *, starts_at: datetime, ends_at: datetime | None
) -> dict[str, dict[str, str]]:
    """How its times would change, for the journal: for each that does, from what to what."""
    asked = {"starts_at": starts_at, "ends_at": ends_at}
    return {
        name: {
            "from": at.isoformat() if (at := getattr(held, name)) else "",
            "to": to.isoformat() if to else "",
        }
        for name, to in asked.items()
        if getattr(held, name) != to
    }


def lets_rights_end(directory: Directory) -> bool:
    """Whether a directory itself lets a right end, so that it must be told of another end."""
    try:
        return connector_for_kind(directory.kind, directory.connection).capabilities.native_expiry != "none"
    except ConnectorError:
        return True  # it cannot be asked now: telling it once more does no harm


@journaled
def end_assignment(assignment: Assignment, *, actor: Actor, cause: str, justification: str = "") -> None:
    """End an assignment at this moment: from now on it is not in force; the directory follows.

    Args:
        cause: one of ``EndCause``.

    Raises:
        LastHolder: its holder is one of the last who hold a protected role without an end.
        Overtaken: somebody ended it in between.
    """
    if assignment.status not in [*Assignment.LIVE, Status.FAILED]:
        raise Overtaken(_("This has ended already."))
    check_may_lose(assignment)
    end_all([assignment], actor=actor, cause=cause, justification=justification)
    if assignment.status != Status.ENDING:
        return
    if assignment.role.directory.is_inside:
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
    """Work on one assignment; outside the portal on all that wait beside it, since its role has one writer at a time."""
    assignment = Assignment.objects.select_related("role__directory").filter(pk=key, status=status).first()
    if assignment is not None:
        keys = [key] if assignment.role.directory.is_inside else None
        work(assignment.role.directory_id, status, keys)
        tell_holders(assignment.role.directory_id)
