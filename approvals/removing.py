"""Those who manage a role take it away. Never delayed, and one's own as well."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q
from django.utils.translation import gettext as _

from approvals.closing import fail_request
from approvals.filing import (
    Act,
    Held,
    check_may_manage,
    file_all,
    kind_of,
    version_of,
    wish_about,
)
from approvals.justifying import justification_of
from approvals.models import AccessRequest
from audit.journal.actor import PORTAL, Actor
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken
from roles.assigning import end_eligibility
from roles.models import Assignment, Eligibility, EndCause, GroupAssignment
from roles.provisioning import end_assignment
from roles.requirements import AskedAssignment
from roles.spreading import check_is_no_part, end_group_assignment

REMOVABLE = [*Assignment.LIVE, Assignment.Status.FAILED, Eligibility.Status.IN_FORCE]


@journaled
def request_removal(held: Held, *, actor: Actor, justification: str, seen: str = "") -> None:
    """Remove an eligibility, with every activation that rests on it, or an assignment.

    Args:
        seen: ``version_of`` it when the page was made, if there was one.

    Raises:
        NotAllowed: no duty for this role.
        Refused: no justification, or somebody who holds it cannot be spared.
        Overtaken: it has ended already, or somebody changed it.
    """
    remove_all([held], actor=actor, justification=justification, seen=[seen])


@journaled
def remove_all(held: Sequence[Held], *, actor: Actor, justification: str, seen: Sequence[str] = ()) -> None:
    """Remove all of ``held``, or none; see ``request_removal``."""
    check_may_manage((one.role for one in held), actor=actor)
    justification_of(justification)
    for one, version in zip(held, seen or [""] * len(held), strict=True):
        check_unchanged(one, version)
    take_away(held, actor=actor, justifications=[justification] * len(held))


def check_unchanged(held: Held, seen: str) -> None:
    """Refuse what somebody changed since a page was made.

    Raises:
        Overtaken: so it is.
    """
    if seen and version_of(held) != seen:
        raise Overtaken


def take_away(held: Sequence[Held], *, actor: Actor, justifications: Sequence[str]) -> None:
    """File and fulfil the removal of things that may be removed. For verbs, inside their transaction.

    Args:
        justifications: why, for each of ``held`` in their order.

    Raises:
        Overtaken: one of them has ended already.
        Refused: one of them comes through a group, whose it is to lose.
    """
    if any(one.status not in REMOVABLE for one in held):
        raise Overtaken(_("This has ended already."))
    for one in held:
        if isinstance(one, Assignment):
            check_is_no_part(one)
    close_extensions_of(held, why=_("It was removed."))
    for model in dict.fromkeys(type(one) for one in held):
        some = [(one, why) for one, why in zip(held, justifications, strict=True) if isinstance(one, model)]
        file_all(
            Act.REMOVE,
            [wish_about(one, AskedAssignment(kind_of(one), justification=why)) for one, why in some],
            actor=actor,
            approved_as="removal.approved",
            held=[one for one, _why in some],
        )
    along = {one.pk for one in held if isinstance(one, Eligibility)}
    for one, why in zip(held, justifications, strict=True):
        if isinstance(one, Assignment) and one.eligibility_id in along:
            one.refresh_from_db(fields=["status"])  # its eligibility may have taken it along already
            if one.status not in REMOVABLE:
                continue
        _end(one, actor=actor, justification=why)


def _end(held: Held, *, actor: Actor, justification: str) -> None:
    if isinstance(held, Eligibility):
        end_eligibility(held, actor=actor, justification=justification)
    elif isinstance(held, GroupAssignment):
        end_group_assignment(held, actor=actor, cause=EndCause.REMOVED, justification=justification)
    else:
        end_assignment(held, actor=actor, cause=EndCause.REMOVED, justification=justification)


def close_extensions_of(held: Sequence[Held], *, why: str) -> None:
    """Close what its holders asked for and nobody decided: somebody who manages the role did something else with it."""
    eligible = [one.pk for one in held if isinstance(one, Eligibility)]
    active = [one.pk for one in held if isinstance(one, Assignment)]
    waiting = AccessRequest.objects.filter(act__in=[Act.EXTEND, Act.RENEW], status__in=AccessRequest.WAITING)
    for one in waiting.filter(Q(eligibility__in=eligible) | Q(assignment__in=active)):
        fail_request(one, actor=PORTAL, why=why)
