"""The programs an embedded portal consists of, and when they are ready."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping

from pim_portal.embedded.preparing import CannotStart
from pim_portal.embedded.supervising import has_ended

SLOWEST_START = 60.0  # seconds


def web_server(port: int) -> list[str]:
    """Command line of the web server: one process with a few threads, on the loopback interface alone."""
    argv = [sys.executable, "-m", "granian", "pim_portal.wsgi:application", "--interface", "wsgi"]
    argv += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--blocking-threads", "4"]
    return [*argv, "--no-ws", "--log-level", "warning"]


def worker() -> list[str]:
    """Command line of the Celery worker with its embedded beat; pool and scheduler stand in the settings."""
    argv = [sys.executable, "-m", "celery", "--quiet", "-A", "pim_portal", "worker", "--beat"]
    return [*argv, "--pool", "threads", "--without-gossip", "--without-mingle", "--loglevel", "WARNING"]


def environment(port: int) -> dict[str, str]:
    """Environment of these programs: they know where they are reached, and print each line at once."""
    return os.environ | {
        "BASE_URL": f"http://localhost:{port}",
        "PYTHONUNBUFFERED": "1",
        # Celery warns of root, who owns this machine's only copy anyway; in production nobody starts it like this.
        "PYTHONWARNINGS": "ignore::UserWarning:celery.platforms",
    }


def wait_until_healthy(port: int, processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Wait until /health says that everything works.

    Raises:
        CannotStart: one of the processes ended before that, or a minute is over.
    """
    deadline = time.monotonic() + SLOWEST_START
    while time.monotonic() < deadline:
        for name, process in processes.items():
            if has_ended(process):
                raise CannotStart(f"The {name} did not start; the reason stands above.")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except OSError:  # refused so far, too slow, or an answer that says "not well"
            time.sleep(0.1)
    raise CannotStart(f"The portal is not well after {SLOWEST_START:.0f} seconds; what it says stands above.")
