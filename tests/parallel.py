"""Doing things at the same instant, each in a thread with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Call every one of ``acts`` as nearly at once as threads can.

    Returns:
        What each returned or raised, in their order. The test must be one with ``transaction=True``.
    """
    answers: list[Any] = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def run(number: int) -> None:
        try:
            start.wait(timeout=30)
            answers[number] = acts[number]()
        except Exception as error:  # noqa: BLE001  # what was raised is what the test asks about
            answers[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[number]) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return answers
