"""Looking at the state of the portal's own machinery and of the directories."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ALERT_KEEPERS
from audit.alerts.alerting import raise_alert, resolve_alert
from audit.journal.actor import PORTAL
from roles.models import Assignment, Heartbeat
from roles.permissions import people_with_duty
from roles.sweeping import SWEEP

STALLED = "sweep_stalled"
_started_at = time.monotonic()
_spoken_at = -60.0
AHEAD = timedelta(seconds=5)  # how far the worker's clock may be ahead of the one that asks


@dataclass(frozen=True)
class Pulse:
    """Whether the sweep runs.

    Args:
        last_seen: when it last ran; None when never.
        beats: whether that is recent enough.
    """

    last_seen: datetime | None
    beats: bool


def pulse() -> Pulse:
    """Ask the database when the sweep was last seen. Needs neither worker nor broker nor beat."""
    seen = Heartbeat.objects.filter(pk=SWEEP).values_list("at", flat=True).first()
    now = timezone.now()
    late = now - timedelta(seconds=settings.DEAD_MAN_SECONDS)
    # A sign from the future is one from before the clock was set back: it says nothing about now.
    return Pulse(seen, seen is not None and late < seen <= now + AHEAD)


def watch_the_sweep() -> Pulse:
    """The dead-man check: raise an alert when the sweep has stopped, resolve it when it runs again.

    Whoever looks calls it (``/health`` does), so that it depends on nothing that may itself have stopped. A portal
    that was just started gives its worker the same time before it speaks of a standstill, and speaks of one at most
    once a minute.
    """
    global _spoken_at
    state = pulse()
    if not state.beats and time.monotonic() < max(_started_at + settings.DEAD_MAN_SECONDS, _spoken_at + 60):
        return state
    if state.beats:
        resolve_alert(STALLED, key=SWEEP, actor=PORTAL)
    else:
        _spoken_at = time.monotonic()
        raise_alert(
            STALLED,
            key=SWEEP,
            severity="high",
            title=_("The worker has stopped: ended access is not being revoked in the directories"),
            text=_(
                "Ended assignments count for nothing in the portal, but directories that hold no end of their own "
                "still honour them. Start the worker; it catches up by itself."
            ),
            url="/alerts/",
            tell=people_with_duty(*ALERT_KEEPERS),
            actor=PORTAL,
        )
    return state


def not_yet_revoked() -> int:
    """How many assignments have ended in the portal and not yet, confirmed, in their directory."""
    return Assignment.objects.filter(status=Assignment.Status.ENDING).count()
