"""No process outlives the one that started it, and none of its children outlives it."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pim_portal.embedded.supervising import has_ended, start_process, stop_process, watch
from tests.servers import wait_until

pytestmark = pytest.mark.one_database

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
# A leader with a child in the same group that nobody told to stop, as Celery's embedded beat.
WITH_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(60)
"""


def runs(pid: int) -> bool:
    """Say whether a process runs; one that ended and was not collected by anybody does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def child_of(note: Path) -> int:
    wait_until(lambda: note.exists() and note.read_text(), "the child")
    return int(note.read_text())


def test_a_process_is_asked_to_stop(tmp_path: Path) -> None:
    process = start_process(SLEEPER)

    stop_process(process)

    assert process.returncode == -signal.SIGTERM


def test_a_process_that_does_not_listen_is_killed() -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as output:
        process = start_process([sys.executable, "-c", deaf], output=output)
    os.read(reading, 1)

    stop_process(process, patience=0.2)

    assert process.returncode == -signal.SIGKILL


def test_what_a_dead_leader_left_behind_is_ended_too(tmp_path: Path) -> None:
    process = start_process([sys.executable, "-c", WITH_CHILD, tmp_path / "pid"])
    child = child_of(tmp_path / "pid")
    process.kill()
    wait_until(lambda: has_ended(process), "the end of the leader")
    assert runs(child)

    stop_process(process)

    wait_until(lambda: not runs(child), "the end of the child")


def test_the_one_that_ended_is_named() -> None:
    stays, ends = start_process(SLEEPER), start_process([sys.executable, "-c", ""])

    assert watch({"stays": stays, "ends": ends}) == "ends"

    stop_process(stays)
    stop_process(ends)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_process_ends_with_a_supervisor_that_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    supervisor = f"""
        import sys, time
        from pim_portal.embedded.supervising import start_process
        print(start_process({SLEEPER!r}).pid, flush=True)
        time.sleep(60)
    """
    argv = [sys.executable, "-c", textwrap.dedent(supervisor)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        assert runs(child)
        process.send_signal(number)

    wait_until(lambda: not runs(child), "the end of the process", seconds=5)


def test_a_process_of_another_user_ends_with_its_supervisor(tmp_path: Path) -> None:
    user = "nobody" if os.geteuid() == 0 else None  # only root can become somebody else
    supervisor = f"""
        import time
        from pim_portal.embedded.supervising import start_process
        print(start_process(["/bin/sleep", "60"], user={user!r}, folder="/").pid, flush=True)
        time.sleep(60)
    """
    argv = [sys.executable, "-c", textwrap.dedent(supervisor)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        assert runs(child)
        process.kill()

    wait_until(lambda: not runs(child), "the end of the process", seconds=5)
