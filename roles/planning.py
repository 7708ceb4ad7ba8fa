"""What would have to happen in a directory: the rights that shall stand compared with those that do. Pure.

It is what the reconciliation acts on, and what an administrator looks at before a directory is managed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

#: how far apart two ends may be that are the same: directories count in seconds, some from when they were told
SAME_END = timedelta(seconds=30)


#: what a directory that holds an end of its own is told later than the end, so that it acts only if the portal does not
GRACE = timedelta(seconds=60)


class Right(NamedTuple):
    """One right, in the directory's own names.

    Args:
        account, entitlement: who holds what.
        scope: the path of the place where it counts.
    """

    account: str
    entitlement: str
    scope: str = "/"


def right_named(account: str, entitlement: str, scope: str, *, ignores_case: bool) -> Right:
    """A right as it is compared: in a directory that ignores case, every account in one case."""
    return Right(account.casefold() if ignores_case else account, entitlement, scope)


class Act(StrEnum):
    """What a difference comes to."""

    GRANT = "grant"
    REVOKE = "revoke"
    SET_END = "set_end"
    FOUND_OUTSIDE = "found_outside"
    MISSING = "missing"


@dataclass(frozen=True)
class Action:
    """One difference.

    Args:
        act: to grant, to revoke or to give another end is the portal's to do. What was found outside or is missing
            was somebody else's doing: what comes of that, the directory's settings say.
        until: the end that shall be, or that was found there.
    """

    act: Act
    right: Right
    until: datetime | None = None


def plan(
    desired: Mapping[Right, datetime | None],
    observed: Mapping[Right, datetime | None],
    *,
    owned: Collection[Right],
    confirmed: Collection[Right] = (),
    keeps_ends: bool = False,
) -> list[Action]:
    """The actions that make the directory what it shall be, and what in it is not the portal's doing.

    Args:
        desired: the rights that shall stand, each with the end the directory should hold (None for none).
        observed: those that do stand, each with the end it holds.
        owned: those that the portal gave and has not yet seen gone.
        confirmed: those that the portal has seen standing: if one is gone, somebody took it away.
        keeps_ends: whether the directory holds ends at all.

    Returns:
        The actions in the order of rights.
    """
    actions = []
    for right in sorted(desired.keys() | observed.keys()):
        wanted, stands = right in desired, right in observed
        if wanted and not stands:
            act = Act.MISSING if right in confirmed else Act.GRANT
            actions.append(Action(act, right, desired[right]))
        elif right not in owned:
            actions.append(Action(Act.FOUND_OUTSIDE, right, observed[right]))
        elif not wanted:
            actions.append(Action(Act.REVOKE, right, observed[right]))
        elif keeps_ends and not is_same_end(desired[right], observed[right]):
            actions.append(Action(Act.SET_END, right, desired[right]))
    return actions


def end_told(ends_at: datetime | None) -> datetime | None:
    """The end that a directory is told for a right that ends at ``ends_at``."""
    return ends_at + GRACE if ends_at else None


def is_same_end(one: datetime | None, other: datetime | None) -> bool:
    """Whether two ends are the same but for what a directory rounds."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SAME_END
