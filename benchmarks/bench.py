"""A portal for a measurement: settings in a folder of its own, an embedded PostgreSQL, and how results are printed."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from pim_portal.embedded.postgresql import PostgreSQL

DATABASES = ("sqlite", "postgresql")


@contextmanager
def portal_on(database: str, **settings: str) -> Iterator[PostgreSQL]:
    """Set Django up on an empty database of this kind, in this process; everything is gone afterwards.

    Args:
        database: ``sqlite`` or ``postgresql``.
        settings: of the PostgreSQL server, over its usual ones.

    Yields:
        A running PostgreSQL server, which the measurement may use as a directory as well.
    """
    folder = Path(tempfile.mkdtemp(prefix="pim-portal-bench-"))
    server = PostgreSQL(folder / "postgresql", settings={"max_connections": "100"} | settings)
    try:
        server.start()
        os.environ |= {
            "ENV_FILE": os.devnull,
            "PORTAL_VAR": str(folder / "var"),
            "DJANGO_SETTINGS_MODULE": "pim_portal.settings",
            "LOG_LEVEL": "ERROR",
        }
        os.environ.pop("DATABASE_URL", None)
        if database == "postgresql":
            _create(server, "portal")
            os.environ["DATABASE_URL"] = server.url("portal")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        yield server
    finally:
        server.erase()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def two_workers(database: str) -> Iterator[int]:
    """A web server with two workers on a database, on a port of its own; gone afterwards.

    Args:
        database: its address.

    Yields:
        The port.
    """
    from pim_portal.embedded.postgresql import free_port
    from pim_portal.embedded.programs import environment, web_server
    from pim_portal.embedded.supervising import start_process, stop_process

    port = free_port()
    argv = web_server(port)
    argv[argv.index("--workers") + 1] = "2"
    running = start_process(argv, env=environment(port) | {"DATABASE_URL": database})
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                connection = HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/sign-in/", headers={"Host": "localhost"})
                connection.getresponse().read()
                break
            except OSError:
                time.sleep(0.2)
        yield port
    finally:
        stop_process(running)


def cookie_of(person: Any, password: str) -> str:
    """The cookie of a session in which ``person`` has just signed in with both factors."""
    from django.test import Client

    from accounts.models import Authenticator

    client = Client(headers={"host": "localhost"})
    client.post("/sign-in/", {"email": person.email, "password": password})
    device = Authenticator.objects.get(user=person)
    answer = client.post("/sign-in/code/", {"code": device.code_at(device.present_step)})
    assert answer.status_code == 302, answer.status_code
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of ``values`` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def verdict(promises: dict[str, bool]) -> None:
    """Say which promises hold, and end the process with 1 when one does not."""
    for promise, holds in promises.items():
        print(f"  {'holds ' if holds else 'BROKEN'}  {promise}")
    sys.stdout.flush()
    if not all(promises.values()):
        sys.exit(1)


def _create(server: PostgreSQL, name: str) -> None:
    import psycopg

    with psycopg.connect(server.url(), autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name}")
