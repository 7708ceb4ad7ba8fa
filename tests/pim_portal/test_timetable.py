"""The timetable: what it names exists, and a real worker keeps it, on each broker and on none."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pim_portal import celery as timetable
from pim_portal.celery import app
from pim_portal.embedded.postgresql import free_port
from roles.models import Heartbeat
from tests.servers import Worker, wait_until


def beats() -> list[object]:
    return list(Heartbeat.objects.values_list("at", flat=True))


def test_every_entry_names_a_verb_that_exists_and_ticks_that_come_late_are_thrown_away() -> None:
    app.loader.import_default_modules()

    for name, entry in app.conf.beat_schedule.items():
        assert entry["task"] in app.tasks, name
        assert entry["options"]["expires"] <= entry["schedule"], name


@pytest.mark.worker
def test_a_worker_sweeps_and_answers_on_its_broker(
    start_worker: Callable[..., Worker], broker_url: str
) -> None:
    start_worker(broker_url)

    wait_until(beats, "the first sweep")
    assert app.control.ping(timeout=10, limit=1)


@pytest.mark.worker
def test_beat_sweeps_when_the_loop_does_not(start_worker: Callable[..., Worker], broker_url: str) -> None:
    start_worker(broker_url, SWEEP_SECONDS="0")

    wait_until(beats, "a sweep by beat")


@pytest.mark.worker
def test_a_worker_whose_broker_is_gone_sweeps_all_the_same(transactional_db: None, tmp_path: Path) -> None:
    worker = Worker(tmp_path, f"redis://127.0.0.1:{free_port()}/0", {})
    try:
        wait_until(beats, "a sweep without a broker")
        first = beats()
        wait_until(lambda: beats() != first, "the next one")
    finally:
        worker.stop()


def test_a_sweep_that_fails_does_not_keep_the_next_one_from_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(BaseException):
        pass

    def rounds() -> Iterator[BaseException]:
        yield ValueError("this round fails")
        yield OSError("and this one")
        yield Enough()

    ends = rounds()

    def sweep() -> None:
        raise next(ends)

    monkeypatch.setattr("roles.sweeping.sweep_in_lanes", sweep)
    monkeypatch.setattr("django.db.close_old_connections", lambda: None)

    with pytest.raises(Enough):
        timetable.sweep_for_ever(0.01)


def test_rounds_keep_their_pace_and_never_come_in_bursts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(BaseException):
        pass

    clock, starts = [100.0], []
    lasting = [0.2, 3.7, 0.2, 0.2]  # seconds each round takes, at a pace of one second

    def sweep() -> None:
        starts.append(round(clock[0] - 100, 3))
        if len(starts) > len(lasting):
            raise Enough
        clock[0] += lasting[len(starts) - 1]

    monkeypatch.setattr("roles.sweeping.sweep_in_lanes", sweep)
    monkeypatch.setattr("django.db.close_old_connections", lambda: None)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))

    with pytest.raises(Enough):
        timetable.sweep_for_ever(1.0)

    assert starts == [0.0, 1.0, 4.7, 5.7, 6.7]
