"""The broker made of files, safe to write and read at the same time.

kombu's own writes a message into the folder its reader looks at: a reader that comes in between takes half a
message and ends the worker. At one tick a second that happens several times a day. Its tables of queues have the
same gap while they are made, which a first start of several programs at once falls into.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """Messages and tables appear whole: each is written aside and then renamed into its place."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # as kombu's own does
        folder = Path(self.data_folder_out)
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}"
        draft = folder / f"{name}.draft"  # no queue's name ends like this: no reader looks at it
        draft.write_text(dumps(payload), encoding="utf-8")
        os.replace(draft, folder / f"{name}.{queue}.msg")

    def _queue_bind(self, exchange: str, routing_key: str | None, pattern: str | None, queue: str) -> None:
        file = self.control_folder / f"{exchange}.exchange"
        entry = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue)
        with self._alone_with_tables():
            table = self.get_table(exchange)
            if entry not in table:
                draft = file.with_suffix(".draft")
                draft.write_text(dumps([entry, *table]), encoding="utf-8")
                os.replace(draft, file)

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        with self._alone_with_tables():
            super()._delete(queue, *args, **kwargs)

    @contextmanager
    def _alone_with_tables(self) -> Iterator[None]:
        """Keep every other process from changing a table meanwhile."""
        with (self.control_folder / "tables.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Transport(filesystem.Transport):
    """What `filesystem://` means here (see `pim_portal/celery.py`)."""

    Channel = Channel
