"""Saying what the portal is about to give, before it gives it.

A worker that dies between the call and the note of it leaves a right of which nobody could tell any more whose it is.
So what stood in the directory before is written down first, once for each assignment, in a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from audit.journal.recording import take_the_pen, within_transaction
from roles.connectors.base import Connector
from roles.models import Assignment, Directory, Intent

Right = tuple[str, str, str]  # account, entitlement, path of the scope


def right_of(assignment: Assignment) -> Right:
    """The right that an assignment carries, in the directory's own names."""
    return assignment.account, assignment.role.entitlement, assignment.scope.path


def write_intents(
    connector: Connector, directory: Directory, claimed: Collection[Assignment], *, token: str
) -> None:
    """Write down, for those that were never given yet, whether their right stands in ``directory`` already.

    A right that the portal itself gave for another assignment, and has not taken back, is its own.

    Args:
        token: of the lease under which they were claimed; who has lost it writes nothing.

    Raises:
        ConnectorError: what stands there cannot be listed now.
    """
    fresh = [one for one in claimed if not one.intent]
    if not fresh:
        return
    before = _standing(connector, fresh) - _given_by_portal(directory, fresh)
    with within_transaction():
        take_the_pen()
        for intent, some in (
            (Intent.BEFORE, [one for one in fresh if right_of(one) in before]),
            (Intent.NEW, [one for one in fresh if right_of(one) not in before]),
        ):
            Assignment.objects.filter(pk__in=[one.pk for one in some], lease_token=token).update(
                intent=intent
            )
            for one in some:
                one.intent = intent


def _standing(connector: Connector, fresh: Iterable[Assignment]) -> set[Right]:
    can = connector.capabilities
    if can.tells_whose or not can.lists:
        return set()
    listed = connector.list_grants(sorted({one.role.entitlement for one in fresh}))
    return {(grant.account, grant.entitlement, grant.scope) for grant in listed}


def _given_by_portal(directory: Directory, fresh: Iterable[Assignment]) -> set[Right]:
    ours = Assignment.objects.filter(
        role__directory=directory, account__in={one.account for one in fresh}, intent=Intent.NEW
    ).exclude(status=Assignment.Status.ENDED)
    return set(ours.order_by().values_list("account", "role__entitlement", "scope__path"))
