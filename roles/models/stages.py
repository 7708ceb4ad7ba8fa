"""The stages of an approval: in which order people are asked, how many of them must agree, and when others may answer too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

ALL = 0
#: stages of one list of approvers
MOST = 5


@dataclass(frozen=True)
class Stage:
    """One stage of an approval.

    Args:
        quorum: how many different people must approve; ``ALL`` is everybody who is named and can sign in.
        escalate_after: minutes after which those who are named for that may decide too; None is never.
    """

    quorum: int = 1
    escalate_after: int | None = None

    @property
    def patience(self) -> timedelta | None:
        """How long a stage waits before others may decide too."""
        return None if self.escalate_after is None else timedelta(minutes=self.escalate_after)

    def as_json(self) -> dict[str, Any]:
        """For storing."""
        return {"quorum": self.quorum, "escalate_after": self.escalate_after}

    @classmethod
    def from_json(cls, stored: Any) -> Stage:
        """The stage as it was stored; what is not said has its default."""
        said = stored if isinstance(stored, dict) else {}
        after = said.get("escalate_after")
        return cls(quorum=int(said.get("quorum", 1)), escalate_after=None if after is None else int(after))


def stages_of(stored: Any, numbers: Iterable[int]) -> tuple[Stage, ...]:
    """The stages of a list of approvers, the first one first; at least one.

    Args:
        stored: what was stored of them; a stage of which nothing was has the defaults.
        numbers: of the stages in which somebody is named.
    """
    said = stored if isinstance(stored, list) else []
    count = max([1, *numbers])
    return tuple(Stage.from_json(said[at] if at < len(said) else None) for at in range(count))


def as_stored(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """For storing."""
    return [stage.as_json() for stage in stages]
