"""Comparing the clock of this process with the database server's (B12).

What decides is one source: ``django.utils.timezone.now()`` in the process that decides, read there and handed to the
database as a value. No statement and no trigger lets the database read a clock of its own, so a question is never
answered by two clocks at once; a clock that is wrong moves everything its process decides by the same span, and the
journal's order does not depend on it, because entries are numbered. What a wrong clock does do: a web server that is late
honours a right beyond its end, and a worker that is early takes it away too soon. Therefore each process that decides
compares itself with the one clock they all can read, the database server's, and says so when they differ by more than
``MOST``. The database's clock is the yardstick for that, and decides nothing.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection as portals_own
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.alerts.alerting import raise_alert, resolve_alert
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL

KIND = "clocks_differ"
MOST = timedelta(seconds=2)
PACE = 60.0  # seconds between two looks of a process
TRIES = 3
QUICK = timedelta(seconds=0.2)  # an answer that took longer is asked for again

_looked_at = -PACE
_seen: Offset | None = None


@dataclass(frozen=True)
class Offset:
    """How far this process's clock is ahead of the database server's; behind where it is negative.

    Args:
        ahead: the best guess.
        unsure: how wrong that may be, either way: half the time the answer was under way.
    """

    ahead: timedelta
    unsure: timedelta

    @property
    def is_too_much(self) -> bool:
        """Whether they differ by more than ``MOST`` even where the answer was on its way for as long as it can have been."""
        return abs(self.ahead) - self.unsure > MOST


def measure(connection: BaseDatabaseWrapper = portals_own) -> Offset | None:
    """Ask the database server for its time between two looks at our own clock; the quickest answer of a few counts.

    Returns:
        None where there is no other clock: SQLite runs inside this process.
    """
    if connection.vendor != "postgresql":
        return None
    found: Offset | None = None
    for _try in range(TRIES):
        began, before = time.monotonic(), timezone.now()
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            theirs = cursor.fetchone()[0]
        way = timedelta(seconds=time.monotonic() - began)
        if found is None or way / 2 < found.unsure:
            found = Offset(before + way / 2 - theirs, way / 2)
        if way < QUICK:
            break
    return found


def watch_clock(process: str) -> Offset | None:
    """Compare the clocks, at most once a minute; raise an alert while they differ by too much, resolve it when not.

    Whoever decides calls it, so that it depends on nothing that a wrong clock may have stopped: the worker after a
    round of its sweep, a web server when it is asked for its health.

    Args:
        process: "web server" or "worker"; with the machine's name it tells clocks apart.

    Returns:
        What was found, now or less than a minute ago; None where there is no other clock.
    """
    global _looked_at, _seen
    if time.monotonic() < _looked_at + PACE:
        return _seen
    _looked_at = time.monotonic()
    _seen = measure()
    if _seen is None:
        return None
    key = f"{process} on {socket.gethostname()}"[:120]
    if _seen.is_too_much:
        _speak_of(_seen, key)
    else:
        resolve_alert(KIND, key=key, actor=PORTAL)
    return _seen


def _speak_of(offset: Offset, key: str) -> None:
    seconds = abs(offset.ahead.total_seconds())
    said = {"process": key, "seconds": f"{seconds:.1f}"}
    ahead = offset.ahead > timedelta(0)
    raise_alert(
        KIND,
        key=key,
        severity=Alert.Severity.HIGH if seconds > 60 else Alert.Severity.MEDIUM,
        title=(
            _("The clock of the %(process)s is ahead of the database server’s")
            if ahead
            else _("The clock of the %(process)s is behind the database server’s")
        )
        % said,
        text=(
            _("By %(seconds)s seconds. What it decides, it decides too early: roles end before their time.")
            if ahead
            else _(
                "By %(seconds)s seconds. What it decides, it decides too late: roles count beyond their end."
            )
        )
        % said,
        fix=_(
            "Find out which of the two clocks is wrong, and let NTP (chrony, systemd-timesyncd) set both. Nothing has to "
            "be started anew; the alert goes within a minute of their agreeing."
        ),
        actor=PORTAL,
    )
