"""The timetable: every module with background verbs, and every beat entry, on one page."""

import logging
import os
import signal
import time
from functools import partial
from threading import Thread
from typing import Any

from celery import Celery, bootsteps
from celery.signals import beat_embedded_init, worker_init
from kombu.transport import TRANSPORT_ALIASES

from pim_portal.embedded.supervising import tie_to_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pim_portal.settings")

TRANSPORT_ALIASES["filesystem"] = "pim_portal.embedded.broker:Transport"  # kombu's own reads half messages

app = Celery("pim_portal")
app.config_from_object("django.conf:settings", namespace="CELERY")

# Modules that hold background verbs (each verb wears its own `@shared_task`).
app.conf.include = [
    "roles.provisioning",
    "roles.sweeping",
    "accounts.notifications.delivering",
    "approvals.automatic.calendars",
    "approvals.closing",
    "approvals.emergency.reminding",
    "approvals.hooks.sending",
    "approvals.moving_on",
    "approvals.reviews.applying",
    "approvals.reviews.scheduling",
    "approvals.watching",
    "audit.watching",
    "roles.exploring",
    "roles.inspecting",
    "roles.reconciling",
    "roles.reminding",
]

# Beat is a second trigger: a lost or doubled tick changes nothing, and one that comes late is thrown away.
app.conf.beat_schedule = {
    "sweep when the loop below is late": {
        "task": "roles.sweeping.sweep_if_late",
        "schedule": 1.0,  # seconds
        "options": {"expires": 1.0},
    },
    "mail what waits": {
        "task": "accounts.notifications.delivering.deliver_due_notifications",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "close requests that nothing can come of": {
        "task": "approvals.closing.close_hopeless_requests",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "move stages of approval on": {
        "task": "approvals.moving_on.move_stages_on",
        "schedule": 15.0,
        "options": {"expires": 15.0},
    },
    "ask web hooks": {
        "task": "approvals.hooks.sending.send_due_hook_calls",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "fetch the calendars of who is on call": {
        "task": "approvals.automatic.calendars.fetch_due_calendars",
        "schedule": 300.0,
        "options": {"expires": 300.0},
    },
    "compare directories with the book": {
        "task": "roles.reconciling.reconcile_due_directories",
        "schedule": 30.0,  # the loop below comes to each in time; this is for when it does not
        "options": {"expires": 30.0},
    },
    "look into directories for those who wait": {
        "task": "roles.exploring.inspect_what_waits",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "count the holders of protected roles": {
        "task": "roles.inspecting.watch_holders",
        "schedule": 3600.0,
        "options": {"expires": 3600.0},
    },
    "say what ends soon": {
        "task": "roles.reminding.remind_of_ends",
        "schedule": 900.0,
        "options": {"expires": 900.0},
    },
    "look for people who approve each other": {
        "task": "approvals.watching.watch_mutual_approvals",
        "schedule": 21600.0,  # of its days: a beat that is begun anew every night comes to it as well
        "options": {"expires": 21600.0},
    },
    "remind of emergencies that nobody has reviewed": {
        "task": "approvals.emergency.reminding.remind_of_emergencies",
        "schedule": 900.0,
        "options": {"expires": 900.0},
    },
    "open, close and carry out access reviews": {
        "task": "approvals.reviews.scheduling.run_reviews",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "check the journal": {
        "task": "audit.watching.check_journal",
        "schedule": 300.0,
        "options": {"expires": 300.0},
    },
}


@worker_init.connect
def begin(**_signal: Any) -> None:
    """Refuse an unsafe start, and tie the embedded beat, a process of its own, to the life of this worker."""
    from django.db import connections

    from pim_portal.checks import refuse_unsafe_start

    refuse_unsafe_start()
    connections.close_all()  # a connection must not be carried across the fork of beat
    tie = partial(tie_to_parent, os.getpid(), signal.SIGKILL)
    beat_embedded_init.connect(lambda **_signal: tie(), weak=False)


class Sweep(bootsteps.StartStopStep):
    """Sweep from a thread of the worker: with or without a broker that answers, so before the consumer.

    And after beat, which is forked: a fork while another thread is inside SQLite inherits its locks, and never returns.
    """

    requires = ("celery.worker.components:Beat",)

    def start(self, parent: Any) -> None:
        from django.conf import settings

        if settings.SWEEP_SECONDS > 0:
            Thread(target=sweep_for_ever, args=(settings.SWEEP_SECONDS,), name="sweep", daemon=True).start()


app.steps["worker"].add(Sweep)


def sweep_for_ever(seconds: float) -> None:
    """Sweep every `seconds` on the monotonic clock: a wall clock that steps back stops beat, but not this.

    Whatever goes wrong in one round is logged and does not keep the next one from coming.
    """
    from django.db import close_old_connections

    from audit.timekeeping import watch_clock
    from roles.sweeping import sweep_in_lanes

    logger = logging.getLogger(__name__)
    next_round = time.monotonic()
    while True:
        try:
            close_old_connections()
            sweep_in_lanes()
            watch_clock("worker")
        except Exception:
            logger.exception("The sweep failed; the next one comes in %s s", seconds)
        finally:
            close_old_connections()
        # A round that took long is not made up for by a burst of short ones.
        next_round = max(next_round + seconds, time.monotonic())
        time.sleep(max(0.0, next_round - time.monotonic()))
