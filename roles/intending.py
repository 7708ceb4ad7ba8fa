"""Saying what the portal is about to give, before it gives it.

A worker that dies between the call and the note of it leaves a right of which nobody could tell any more whose it is.
So what stood in the directory before is written down first, once for each assignment, in a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from audit.journal.recording import take_the_pen, within_transaction
from roles.connectors.base import Capabilities, Connector
from roles.models import Assignment, Intent
from roles.planning import Right, right_named


def right_of(assignment: Assignment, can: Capabilities) -> Right:
    """The right that an assignment carries, in the directory's own names."""
    return right_named(
        assignment.account,
        assignment.role.entitlement,
        assignment.scope.path,
        ignores_case=can.ignores_case,
    )


def standing_rights(connector: Connector, entitlements: Iterable[str]) -> set[Right]:
    """What stands in the directory of these.

    Raises:
        ConnectorError: it cannot be listed now.
    """
    ignores_case = connector.capabilities.ignores_case
    return {
        right_named(one.account, one.entitlement, one.scope, ignores_case=ignores_case)
        for one in connector.list_grants(sorted(set(entitlements)))
    }


def write_intents(connector: Connector, claimed: Collection[Assignment], *, token: str) -> None:
    """Write down, for those that were never given yet, whether their right stands in the directory already.

    A right that the portal itself gave for another assignment, and has not taken back, is its own.

    Args:
        token: of the lease under which they were claimed; who has lost it writes nothing.

    Raises:
        ConnectorError: what stands there cannot be listed now.
    """
    fresh = [one for one in claimed if not one.intent]
    if not fresh:
        return
    can = connector.capabilities
    before: set[Right] = set()
    if can.lists and not can.tells_whose:
        standing = standing_rights(connector, (one.role.entitlement for one in fresh))
        before = standing - _given_by_portal(fresh, can)
    with within_transaction():
        take_the_pen()
        for intent, some in (
            (Intent.BEFORE, [one for one in fresh if right_of(one, can) in before]),
            (Intent.NEW, [one for one in fresh if right_of(one, can) not in before]),
        ):
            Assignment.objects.filter(pk__in=[one.pk for one in some], lease_token=token).update(
                intent=intent
            )
            for one in some:
                one.intent = intent


def _given_by_portal(fresh: Iterable[Assignment], can: Capabilities) -> set[Right]:
    roles = {one.role_id for one in fresh}
    ours = Assignment.objects.filter(role__in=roles, intent=Intent.NEW, was_there_before=False)
    ours = ours.exclude(status=Assignment.Status.ENDED).select_related("role", "scope")
    return {right_of(one, can) for one in ours}
