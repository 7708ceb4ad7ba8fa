"""Receivers of the kind `webhook`: the example of the docs, run as its first lines say, and servers that answer as told."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pim_portal.embedded.postgresql import free_port
from pim_portal.embedded.supervising import start_process, stop_process
from tests.factories.hooks import Answering, listens, raw
from tests.servers import wait_until

EXAMPLE = Path(__file__).parents[2] / "docs" / "connectors" / "examples" / "webhook_receiver.py"


def answers(status: int = 200, **said: Any) -> Answering:
    """An answer in JSON."""
    return raw(json.dumps(said).encode(), status=status)


class Receiver:
    """The example, running: where, and what it keeps."""

    def __init__(self, url: str, file: Path) -> None:
        self.url, self.file = url, file

    def run(self, sql: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(self.file, isolation_level=None)) as file:
            return file.execute(sql, values).fetchall()

    def holds(self, account: str, entitlement: str = "archive") -> bool:
        """Whether the file says so, whoever gave it."""
        asked = "SELECT 1 FROM rights WHERE account = ? AND entitlement = ?"
        return bool(self.run(asked, account, entitlement))

    def grant_by_hand(self, account: str) -> None:
        self.run("INSERT INTO rights VALUES (?, 'archive', '/', NULL, 'somebody')", account)

    def forget(self) -> None:
        self.run("DELETE FROM rights")
        self.run("DELETE FROM heard")


@contextmanager
def receiving(folder: Path, secret: str) -> Iterator[Receiver]:
    """The example, run for robin, kim and ada, and one entitlement, archive."""
    port = free_port()
    env = {"WEBHOOK_SECRET": secret, "ACCOUNTS": "robin,kim,ada", "ENTITLEMENTS": "archive,vault"}
    file = folder / "rights.db"
    with (folder / "receiver.log").open("wb") as log:
        argv = [sys.executable, str(EXAMPLE), str(port), str(file)]
        process = start_process(argv, env=os.environ | env, output=log)
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_until(lambda: listens(url), EXAMPLE.name)
        yield Receiver(url, file)
    finally:
        stop_process(process)
