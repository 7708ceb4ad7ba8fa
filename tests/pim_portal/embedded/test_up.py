"""`manage.py up` starts everything, and whatever ends it, nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pim_portal.embedded.postgresql import PostgreSQL, free_port
from tests.servers import wait_until

pytestmark = pytest.mark.one_database
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """State of one embedded portal, which the tests of this module start again and again."""
    folder = tmp_path_factory.mktemp("var")
    yield folder
    PostgreSQL(folder / "postgresql").erase()


class Portal:
    def __init__(self, var: Path) -> None:
        self.port = free_port()
        self.log = var / "up.log"
        self.mark = f"PORTAL_UP_TEST={os.getpid()}-{self.port}"
        name, value = self.mark.split("=")
        keep = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        env = keep | {"ENV_FILE": os.devnull, "PORTAL_VAR": str(var), "PORT": str(self.port), name: value}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def tells(self, words: str) -> bool:
        return words in self.log.read_text(encoding="utf-8")

    def processes(self) -> dict[int, str]:
        """Everything this portal has started that runs, by number, found by a mark in its environment."""
        running = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and self.mark.encode() in (entry / "environ").read_bytes().split(
                    b"\0"
                ):
                    running[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it ended while being looked at
                continue
        return running

    def the(self, word: str) -> int:
        """The first process, in order of starting, whose command line has `word`."""
        return min(number for number, line in self.processes().items() if word in line)


@contextmanager
def portal(var: Path) -> Iterator[Portal]:
    running = Portal(var)
    try:
        wait_until(
            lambda: running.tells("is running") or running.process.poll() is not None,
            "the portal",
            seconds=90,
        )
        assert running.process.poll() is None, running.log.read_text()
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        deadline = time.monotonic() + 30
        while running.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert running.processes() == {}


@pytest.mark.worker
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_of_it_in_good_order(var: Path, number: signal.Signals) -> None:
    with portal(var) as running:
        with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/health") as answer:
            assert answer.status == 200
        assert len(running.processes()) >= 3  # supervisor, web server, worker

        running.process.send_signal(number)

        assert running.process.wait(timeout=30) == 0
        assert running.processes() == {}
        assert running.tells("Stopping.")


@pytest.mark.worker
def test_when_one_program_dies_the_others_are_stopped_and_a_line_says_so(var: Path) -> None:
    with portal(var) as running:
        os.kill(running.the("celery"), signal.SIGKILL)

        assert running.process.wait(timeout=30) == 1
        assert running.processes() == {}
        assert running.tells("The worker ended, so everything else was stopped too.")


@pytest.mark.worker
def test_nothing_outlives_a_supervisor_that_is_killed(var: Path) -> None:
    with portal(var) as running:
        second = subprocess.run(
            [sys.executable, "manage.py", "up", "--port", str(free_port())],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "PORTAL_VAR": str(var)},
            capture_output=True,
            text=True,
        )
        assert second.returncode == 1
        assert "already running" in second.stderr
        assert "Traceback" not in second.stderr

        os.kill(running.process.pid, signal.SIGKILL)

        wait_until(lambda: not running.processes(), "the end of everything")
