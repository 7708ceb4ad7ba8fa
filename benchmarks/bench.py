"""A portal for a measurement: settings in a folder of its own, an embedded PostgreSQL, and how results are printed."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

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
