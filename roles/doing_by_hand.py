"""Asking people to give or to take a right by hand, and hearing from them what came of it.

The connector of the kind ``by_hand`` asks, as often as a right is tried; people answer on the pages. Both hold the
journal's pen while they look, so that each right has one open task and one answer.
"""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ROLE_ADMINISTRATORS, require
from accounts.models import User
from accounts.notifications.notifying import notify
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import begin_life, move_to
from audit.journal.recording import journaled, take_the_pen, within_transaction
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Assignment, HandTask, Role
from roles.permissions import OWN, people_with_duty, roles_of
from roles.permissions import people_with as people_with_part
from roles.provisioning import deprovision_assignment, provision_assignment

Act, Status = HandTask.Act, HandTask.Status


def ask_for(task: HandTask) -> None:
    """Begin a new task and tell those who can do it, once."""
    begin_life(task, actor=PORTAL, action="hand_task.asked", operation=task.operation)
    notify(
        people_asked(task),
        notice="roles/hand_task_asked",
        context={"task": task, "until": task.until() if task.act == Act.GIVE else None},
        url=f"/tasks/{task.pk}/",
        actor=PORTAL,
    )


def withdraw(task: HandTask) -> None:
    """Ask for it no more, and tell those who were asked: one of them may have done it already.

    Raises:
        Overtaken: somebody answered in between.
    """
    move_to(task, Status.WITHDRAWN, actor=PORTAL, action="hand_task.withdrawn")
    notify(
        people_asked(task),
        notice="roles/hand_task_withdrawn",
        context={"task": task},
        url=f"/tasks/{task.pk}/",
        actor=PORTAL,
    )


def people_asked(task: HandTask) -> list[User]:
    """The owners of the role or its directory, or the role administrators where there is no other; never who it is about."""
    for people in (people_with_part(OWN, task.role), people_with_duty(*ROLE_ADMINISTRATORS)):
        others = [person for person in people if not concerns(task, person)]
        if others:
            return others
    return []


def concerns(task: HandTask, person: User) -> bool:
    """Whether a task is about ``person``: nobody says of their own rights what stands."""
    return task.person is not None and person.is_same_human_as(task.person)


def check_may_answer(task: HandTask, actor: Actor) -> None:
    """Refuse unless the actor looks after the directory and the task is about somebody else.

    Raises:
        NotAllowed: neither a duty nor the role is theirs, or it is about them.
    """
    person = actor.person
    if person is None or not roles_of(person, OWN).filter(pk=task.role_id).exists():
        require(actor, *ROLE_ADMINISTRATORS)
    if person is not None and concerns(task, person):
        raise NotAllowed(_("This is about you: somebody else has to do it and say so."), code="about_oneself")


@journaled
def confirm_task(task: HandTask, *, actor: Actor, note: str = "") -> None:
    """Say that it is done. What waits for it in the portal goes on at once.

    Raises:
        NotAllowed: neither a duty nor the role is theirs, or it is about them.
        Overtaken: somebody was faster, or it is not wanted any more.
    """
    check_may_answer(task, actor)
    now = timezone.now()
    with within_transaction():
        take_the_pen()
        _check_waits(task)
        if task.act == Act.TAKE:
            _take_down(task)
        move_to(
            task,
            Status.DONE,
            actor=actor,
            action="hand_task.done",
            justification=note,
            done_by=actor.person,
            done_at=now,
            note=note,
            stands=task.act == Act.GIVE,
        )
        _go_on(task)


@journaled
def refuse_task(task: HandTask, *, actor: Actor, note: str) -> None:
    """Say that it could not be done, and why. A right not given fails; a right not taken stands on, with an alert.

    Raises:
        NotAllowed: neither a duty nor the role is theirs, or it is about them.
        Overtaken: somebody was faster, or it is not wanted any more.
        Refused: they do not say why.
    """
    check_may_answer(task, actor)
    if not note.strip():
        raise Refused(_("Say why it could not be done."), field="note")
    with within_transaction():
        take_the_pen()
        _check_waits(task)
        if task.status == Status.REFUSED:
            raise Overtaken(_("This was said already."))
        move_to(
            task,
            Status.REFUSED,
            actor=actor,
            action="hand_task.refused",
            outcome="failed",
            justification=note,
            done_by=actor.person,
            done_at=timezone.now(),
            note=note,
        )
        _go_on(task)


def _check_waits(task: HandTask) -> None:
    """Refuse unless it is still to be done; ``task`` knows then how it stands now."""
    task.refresh_from_db()
    if task.status == Status.WITHDRAWN:
        raise Overtaken(
            _("This is not wanted any more. If you have done it already, undo it: the portal counts on that.")
        )
    if not task.is_waiting:
        raise Overtaken(_("%(who)s was faster: this is settled already.") % {"who": task.done_by})


def _take_down(task: HandTask) -> None:
    standing = HandTask.objects.about(task.role, task.scope, task.account).standing()
    standing.update(stands=False)


def _go_on(task: HandTask) -> None:
    """Let what waits for this right in the portal be tried again now."""
    waits, hurry = (
        (Assignment.Status.PROVISIONING, provision_assignment)
        if task.act == Act.GIVE
        else (Assignment.Status.ENDING, deprovision_assignment)
    )
    waiting = Assignment.objects.filter(
        role=task.role_id, scope=task.scope_id, account=task.account, status=waits
    )
    keys = list(waiting.values_list("pk", flat=True))
    waiting.update(next_try_at=timezone.now())
    for key in keys[:1]:  # one brings all of its role along
        transaction.on_commit(partial(hurry.delay, key), robust=True)


def someone_can_do(role: Role) -> bool:
    """Whether there is anybody who would be asked."""
    return people_with_part(OWN, role).exists() or people_with_duty(*ROLE_ADMINISTRATORS).exists()
