"""Looking at the state of the portal's own machinery and of the directories."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ALERT_KEEPERS
from accounts.models import User
from audit.alerts.alerting import raise_alert, resolve_alert
from audit.journal.actor import PORTAL
from roles.guarding import is_standing_administrator, least_of, protected_roles, standing_holders
from roles.models import Assignment, Heartbeat, Role
from roles.permissions import people_with_duty
from roles.separating import settle_alarms
from roles.sweeping import SWEEP

STALLED = "sweep_stalled"
TOO_FEW, UNFIT = "too_few_holders", "break_glass_unfit"
#: how long before the last holder's end it is said again, and how badly; the last day has an alert of its own
WARNED = ((timedelta(days=1), "high"), (timedelta(days=7), "high"), (timedelta(days=14), "medium"))
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


@shared_task(ignore_result=True)
def watch_holders() -> None:
    """Warn of protected roles with too few holders for good, and of break-glass accounts that could not do anything."""
    for role in protected_roles():
        _watch_role(role)
    for person in User.objects.filter(is_break_glass=True):
        _watch_break_glass(person)
    settle_alarms()


def _watch_role(role: Role) -> None:
    """What the database cannot refuse: a role nobody was ever given for good, or whose least number came first (G5)."""
    key, last_day = f"role:{role.pk}", f"role:{role.pk}:last day"
    there, least = standing_holders(role).count(), least_of(role)
    if there >= least:
        for one in (key, last_day):
            resolve_alert(TOO_FEW, key=one, actor=PORTAL)
        return
    ends = list(Assignment.objects.in_force().filter(role=role).values_list("ends_at", flat=True))
    left = max((end - timezone.now() for end in ends if end is not None), default=timedelta(0))
    severity = next((severity for within, severity in WARNED if left <= within), "low")
    said = {"role": role, "there": there, "least": least, "days": left.days}
    raise_alert(
        TOO_FEW,
        key=last_day if ends and left <= WARNED[0][0] else key,
        severity=severity,
        title=_("%(role)s has too few holders without an end") % said,
        text=(
            _(
                "%(there)s of at least %(least)s hold it for good. The last assignment in force ends in %(days)s days."
            )
            if ends
            else _("%(there)s of at least %(least)s hold it for good, and nobody holds it for a time.")
        )
        % said,
        fix=_("Assign it without an end to people who are there for it."),
        url="/assignments/",
        directory=role.directory.name,
        actor=PORTAL,
    )


def _watch_break_glass(person: User) -> None:
    key = f"person:{person.pk}"
    if person.is_active and is_standing_administrator(person):
        resolve_alert(UNFIT, key=key, actor=PORTAL)
        return
    raise_alert(
        UNFIT,
        key=key,
        severity="high",
        title=_("The break-glass account %(name)s is of no use") % {"name": person},
        text=_("It is disabled, or not Global Administrator without an end."),
        fix=_("Give it the role back, or say that it is no break-glass account any more and name another."),
        url="/assignments/",
        actor=PORTAL,
    )


def not_yet_revoked() -> int:
    """How many assignments have ended in the portal and not yet, confirmed, in their directory."""
    return Assignment.objects.filter(status=Assignment.Status.ENDING).count()


def alarm_about_risk(role: Role, *, lowered_by: str) -> None:
    """Raise an alarm that ``role`` is no longer of high risk: one administrator alone may weaken its settings now."""
    raise_alert(
        "role_risk_lowered",
        key=f"role:{role.pk}",
        severity="high",
        title=_("%(role)s is no longer called a role of high risk") % {"role": role},
        text=_("%(who)s changed it. Its settings can be weakened without a second administrator now.")
        % {"who": lowered_by},
        url=f"/role-settings/role/{role.pk}/",
        tell=people_with_duty(*ALERT_KEEPERS),
        actor=PORTAL,
    )
