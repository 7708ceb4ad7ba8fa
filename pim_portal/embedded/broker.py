"""The broker made of files, safe to write and read at the same time.

kombu's own writes a message into the folder its reader looks at: a reader that comes in between takes half a
message and ends the worker. At one tick a second that happens several times a day.
"""

import os
import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps

ATTEMPTS = 20  # at reading a table of queues that another process is just making
PAUSE = 0.01  # seconds between two of them


class Channel(filesystem.Channel):
    """Messages appear whole: each is written aside and then renamed into the folder of the queue."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # as kombu's own does
        folder = Path(self.data_folder_out)
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}"
        draft = folder / f"{name}.draft"  # no queue's name ends like this: no reader looks at it
        draft.write_text(dumps(payload), encoding="utf-8")
        os.replace(draft, folder / f"{name}.{queue}.msg")

    def get_table(self, exchange: str) -> list[Any]:
        for _ in range(ATTEMPTS):
            try:
                return super().get_table(exchange)
            except ValueError:  # empty so far: opened, not yet written
                time.sleep(PAUSE)
        return super().get_table(exchange)


class Transport(filesystem.Transport):
    """What `filesystem://` means here (see `pim_portal/celery.py`)."""

    Channel = Channel
