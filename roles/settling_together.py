"""Saying the same of several differences at once: each for itself, so that one that is refused stops no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from audit.journal.actor import Actor
from audit.journal.refusing import Overtaken, Refused
from roles.managing import hurry_comparison
from roles.models import Drift
from roles.remedies import Remedy
from roles.settling import accept_drift, adopt_drift, correct_drift


@dataclass(frozen=True)
class Settled:
    """What came of one difference: why it was refused, or "" when it was not."""

    drift: Drift
    refusal: str = ""


def settle_drift(
    drift: Drift, remedy: str, *, actor: Actor, justification: str, until: datetime | None = None, seen: str
) -> None:
    """Do what ``remedy`` says of one difference, and have its directory compared soon.

    Args:
        until: how long a right that was given outside is taken over for.
        seen: the status that whoever acts has seen.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs, or the right is their own.
        Overtaken: somebody has said something else of it since.
        Refused: as the three verbs say.
    """
    _settle(drift, remedy, actor=actor, justification=justification, until=until, seen=seen)
    hurry_comparison(drift.directory)


def _settle(
    drift: Drift, remedy: str, *, actor: Actor, justification: str, until: datetime | None, seen: str
) -> None:
    if drift.status != seen:
        raise Overtaken
    if remedy == Remedy.CORRECT:
        correct_drift(drift, actor=actor, justification=justification)
    elif remedy == Remedy.ADOPT:
        adopt_drift(drift, actor=actor, until=until, justification=justification)
    else:
        accept_drift(drift, actor=actor, justification=justification)


def settle_drifts(
    drifts: Sequence[tuple[Drift, str]],
    remedy: str,
    *,
    actor: Actor,
    justification: str,
    until: datetime | None = None,
) -> list[Settled]:
    """The same for several.

    Args:
        drifts: each with the status that whoever acts has seen.

    Returns:
        What came of each, in their order.
    """
    came: list[Settled] = []
    for drift, seen in drifts:
        try:
            _settle(drift, remedy, actor=actor, justification=justification, until=until, seen=seen)
        except Refused as refused:
            came.append(Settled(drift, refused.message))
        else:
            came.append(Settled(drift))
    for directory in {one.drift.directory for one in came if not one.refusal}:
        hurry_comparison(directory)
    return came
