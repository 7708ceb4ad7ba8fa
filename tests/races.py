"""Several people at once: real threads, each with a connection of its own, let go in the same instant."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.db import connections

from audit.journal.refusing import Refused

#: how often each race is run; ``make races`` asks for many more
ROUNDS = int(os.environ.get("RACE_ROUNDS", "20"))
AT_ONCE = 8

Runner = Callable[[], Any]
#: lets all of them go at once; gives for each what it returned, or with what it was refused
Race = Callable[[Sequence[Runner]], list[Any]]


@contextmanager
def racing(runners: int = AT_ONCE) -> Iterator[Race]:
    """Threads that keep their connection from round to round, as workers of a server do.

    Whatever a runner raises that is not a refusal is raised by the race.
    """
    pool = ThreadPoolExecutor(max_workers=runners)
    start = threading.Barrier(runners)

    def run(runner: Runner) -> Any:
        start.wait(timeout=60)
        try:
            return runner()
        except Refused as refusal:
            return refusal

    def race(entrants: Sequence[Runner]) -> list[Any]:
        assert len(entrants) == runners, "somebody would wait for ever at the start"
        return [future.result(timeout=120) for future in [pool.submit(run, one) for one in entrants]]

    def hang_up() -> None:
        start.wait(timeout=60)
        connections.close_all()

    try:
        yield race
    finally:
        for future in [pool.submit(hang_up) for _ in range(runners)]:
            future.result(timeout=60)
        pool.shutdown()


def won(outcomes: Sequence[Any]) -> list[Any]:
    """What came of those that were not refused."""
    return [one for one in outcomes if not isinstance(one, Refused)]


def lost(outcomes: Sequence[Any]) -> list[Refused]:
    """The refusals."""
    return [one for one in outcomes if isinstance(one, Refused)]
