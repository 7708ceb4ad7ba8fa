"""Processes of their own that know nothing of the portal: each sends one statement, all in the same instant.

Kept free of Django, so that a process is there at once.
"""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

SPAWN = multiprocessing.get_context("spawn")
#: a statement that is whole: no parameters
Statement = str


def _connect(database: str) -> Any:
    if database.startswith("postgresql:"):
        return psycopg.connect(database.partition(":")[2], autocommit=True)
    return sqlite3.connect(database, timeout=30, isolation_level=None)


def _rival(database: str, start: Any, orders: Any, answers: Any) -> None:
    session = _connect(database)
    while (order := orders.get()) is not None:
        start.wait(timeout=60)
        try:
            session.execute("BEGIN")
            session.execute(order)
            session.execute("COMMIT")
            answers.put("done")
        except (sqlite3.Error, psycopg.Error) as error:
            session.execute("ROLLBACK")
            answers.put(str(error))
    session.close()


@contextmanager
def rivalling(database: str, rivals: int = 2) -> Iterator[Callable[[Sequence[Statement]], list[str]]]:
    """Processes that stay from round to round.

    Args:
        database: path of a file of SQLite, or ``postgresql:`` and a connection string.

    Yields:
        A function that lets each send its statement in a transaction, and gives "done" or the error's text for each.
    """
    start = SPAWN.Barrier(rivals)
    lines = [(SPAWN.SimpleQueue(), SPAWN.SimpleQueue()) for _ in range(rivals)]
    processes = [
        SPAWN.Process(target=_rival, args=(database, start, orders, answers), daemon=True)
        for orders, answers in lines
    ]
    for process in processes:
        process.start()

    def rival(statements: Sequence[Statement]) -> list[str]:
        for (orders, _), statement in zip(lines, statements, strict=True):
            orders.put(statement)
        return [answers.get() for _, answers in lines]

    try:
        yield rival
    finally:
        for orders, _ in lines:
            orders.put(None)
        for process in processes:
            process.join(timeout=30)
