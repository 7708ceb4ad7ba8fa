"""News from below: a person left."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from audit.journal.actor import Actor
from roles.models import Assignment, EndCause
from roles.provisioning import end_assignment


def end_what_they_held(sender: Any, *, person: User, actor: Actor, **_: Any) -> None:
    """Receiver of ``accounts.signals.user_left``: nothing a disabled person held goes on, in the same transaction."""
    held = Assignment.objects.filter(
        person=person, status__in=[*Assignment.LIVE, Assignment.Status.FAILED]
    ).select_related("role__directory", "scope", "person")
    for assignment in held:
        end_assignment(assignment, actor=actor, cause=EndCause.LEFT)
