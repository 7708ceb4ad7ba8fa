"""Watching what stands in directories, past the portal, and telling what was there too long or not long enough."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.places import Place, Right

EVERY = 0.05  # seconds between two looks


@dataclass
class Seen:
    """One right: when it was looked for and found for the first time, and when it was found gone after that.

    Args:
        first, gone: in seconds since the epoch, each when the answer came.
    """

    first: float | None = None
    gone: float | None = None


@dataclass
class Watch:
    """Looks at one place again and again, from a thread of its own, for as long as the block lasts.

    Args:
        rights: what has been seen there. A right that comes back is standing again.
    """

    place: Place
    rights: dict[Right, Seen] = field(default_factory=dict)
    missed: int = 0

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def standing(self) -> set[Right]:
        """What was there when it was looked last."""
        return {right for right, seen in list(self.rights.items()) if seen.first and not seen.gone}

    def _look_on(self) -> None:
        while not self._stop.is_set():
            try:
                self._note(self.place.standing(), time.time())
            except OSError:  # it is stopped, and says nothing
                self.missed += 1
            self._stop.wait(EVERY)

    def _note(self, standing: set[Right], now: float) -> None:
        for right in standing:
            seen = self.rights.setdefault(right, Seen())
            seen.first, seen.gone = seen.first or now, None
        for right, seen in self.rights.items():
            if right not in standing and seen.first and not seen.gone:
                seen.gone = now


@dataclass
class Held:
    """A right that the portal was to give.

    Args:
        begun, ends: when it was approved and when it ends, in seconds since the epoch.
        taken: whether somebody took it away by hand.
    """

    place: Place
    right: Right
    begun: float
    ends: float
    taken: bool = False


@dataclass
class Judgement:
    """What came of rights, as their directories say.

    Args:
        given: how many stood there at some time.
        standing: those that stand there still.
        early: those that were gone before their end although nobody took them.
        to_usable, to_revoked: seconds, of each, from approval and from its end.
    """

    given: int = 0
    standing: list[Held] = field(default_factory=list)
    early: list[Held] = field(default_factory=list)
    to_usable: list[float] = field(default_factory=list)
    to_revoked: list[float] = field(default_factory=list)


def judge(held: Iterable[Held], watches: Iterable[Watch]) -> Judgement:
    """Compare what was to be with what was seen."""
    said, seen_at = Judgement(), {watch.place.name: watch.rights for watch in watches}
    for one in held:
        seen = seen_at[one.place.name].get(one.right)
        if seen is None or seen.first is None:
            continue
        said.given += 1
        said.to_usable.append(seen.first - one.begun)
        if seen.gone is None:
            said.standing.append(one)
        elif one.taken:
            continue
        elif seen.gone < one.ends:
            said.early.append(one)
        else:
            said.to_revoked.append(seen.gone - one.ends)
    return said
