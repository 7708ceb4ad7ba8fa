"""What has to be true before an embedded portal can start: nobody else in its folder, a port, a filled database."""

import errno
import fcntl
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from pim_portal.embedded.supervising import tie_to_parent


class CannotStart(Exception):
    """The embedded portal cannot start; the message says why in one line."""


def claim_folder(folder: Path) -> IO[str]:
    """Make `folder` this process's own until it ends, however that comes about.

    Returns:
        The open file that holds the claim: keep it.

    Raises:
        CannotStart: another portal runs from this folder.
    """
    claim = (folder / "up.lock").open("w")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        claim.close()
        raise CannotStart(f"A portal is already running from {folder}.") from None
    return claim


def require_free_port(port: int) -> None:
    """Raise CannotStart where something else listens on `port` of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            why = "is taken" if error.errno == errno.EADDRINUSE else "may not be used by this user"
            raise CannotStart(f"Port {port} {why}. Choose another one: make run PORT={port + 1}") from None


def prepare_portal(*, postgresql_url: str) -> None:
    """Bring the database and the static files up to date, and fill an empty database with the demo organisation.

    Args:
        postgresql_url: superuser's address of the server that becomes the demo's second directory; empty for none.
    """
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):  # doing nothing takes migrate a second
        call_command("migrate", interactive=False, verbosity=0)
    if settings.STATICFILES_MANIFEST:
        call_command("collectstatic", interactive=False, verbosity=0)
    if not get_user_model()._default_manager.exists():
        call_command("demo_data", postgresql_url=postgresql_url)


def run_apart(work: Callable[[], None]) -> None:
    """Run `work` in a process of its own, so that the memory it takes goes with it.

    Raises:
        CannotStart: it failed; what happened has been printed by then.
    """
    process = multiprocessing.get_context("fork").Process(target=_tied, args=(work, os.getpid()))
    process.start()
    process.join()
    if process.exitcode:
        raise CannotStart("The portal's data could not be prepared; the reason stands above.")


def _tied(work: Callable[[], None], parent: int) -> None:
    tie_to_parent(parent, signal.SIGKILL)
    work()
