"""The broker made of files loses nothing and reads nothing by halves while others write."""

import multiprocessing
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection

from pim_portal.embedded import broker

pytestmark = pytest.mark.one_database

MESSAGES, WRITERS = 300, 2


def options(folder: Path) -> dict[str, Any]:
    (folder / "queue").mkdir(exist_ok=True)
    (folder / "control").mkdir(exist_ok=True)
    queue = str(folder / "queue")
    control = str(folder / "control")
    return {
        "data_folder_in": queue,
        "data_folder_out": queue,
        "control_folder": control,
        "polling_interval": 0.001,
    }


def write(folder: Path) -> None:
    with Connection(transport=broker.Transport, transport_options=options(folder)) as connection:
        queue = connection.SimpleQueue("celery")
        for number in range(MESSAGES):
            queue.put({"number": number})


def test_messages_are_read_whole_while_others_write(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("spawn")
    writers = [fork.Process(target=write, args=(tmp_path,)) for _ in range(WRITERS)]
    received: list[int] = []
    with Connection(transport=broker.Transport, transport_options=options(tmp_path)) as connection:
        queue = connection.SimpleQueue("celery")
        for writer in writers:
            writer.start()
        while len(received) < MESSAGES * WRITERS:
            message = queue.get(timeout=60)
            received.append(message.payload["number"])
            message.ack()
        with pytest.raises(Empty):
            queue.get_nowait()
    for writer in writers:
        writer.join()

    assert sorted(received) == sorted(list(range(MESSAGES)) * WRITERS)
    assert list((tmp_path / "queue").iterdir()) == []


def declare(folder: Path, rounds: int) -> None:
    for number in range(rounds):
        with Connection(transport=broker.Transport, transport_options=options(folder)) as connection:
            connection.SimpleQueue(f"queue-{number}").put({"number": number})


def test_queues_may_be_declared_by_several_programs_in_the_same_instant(tmp_path: Path) -> None:
    rounds, programs = 30, 4
    fork = multiprocessing.get_context("spawn")
    starting = [fork.Process(target=declare, args=(tmp_path, rounds)) for _ in range(programs)]
    for program in starting:
        program.start()
    for program in starting:
        program.join()

    assert [program.exitcode for program in starting] == [0] * programs
    assert len(list((tmp_path / "queue").glob("*.queue-*.msg"))) == rounds * programs


def test_the_portal_uses_it() -> None:
    from kombu.transport import get_transport_cls

    from pim_portal.celery import app

    assert app.main == "pim_portal"
    assert get_transport_cls("filesystem") is broker.Transport
