"""Comparing each directory with the book, again and again, and seeing to it that they agree.

Tasks and the sweep hurry what was just asked for; this is what finds out what nobody told the portal: a right that was
given past it, one that was taken away, an end that is another one, a directory that was restored from a backup. What
comes of that, the directory's settings say, or a person.
"""

from __future__ import annotations

import logging
import secrets
import time
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.alerts.alerting import raise_alert, resolve_alert
from audit.journal.actor import PORTAL
from audit.journal.refusing import Overtaken
from roles.comparing import by_right, compare, read_book
from roles.connectors.base import AuthenticationFailed, Connector, ConnectorError, NotFound
from roles.drifting import alarm_about_drift, note_drifts
from roles.fulfilling import LONGEST_PAUSE_REVOKE
from roles.leasing import claim_drifts, pause_after
from roles.models import Directory, Drift, Reconciliation
from roles.models.directory import INSIDE
from roles.planning import Act, Action
from roles.reaching import connector_for
from roles.settling import is_held_through_portal, resolve_drift

LEASE = timedelta(seconds=settings.RECONCILE_LEASE_SECONDS)
LONGEST_PAUSE = 300.0  # seconds between two tries with a directory that does not answer
SILENT = "directory_silent"  # kind of alert
PLANNED = 1_000  # how much of what would be done is kept to look at
logger = logging.getLogger(__name__)


def directories_to_reconcile() -> list[int]:
    """Keys of the directories whose turn it is."""
    now = timezone.now()
    ready = Q(reconciliation=None) | Q(
        Q(reconciliation__lease_until=None) | Q(reconciliation__lease_until__lte=now),
        reconciliation__next_at__lte=now,
    )
    found = Directory.objects.filter(ready, roles__isnull=False).exclude(kind__in=INSIDE)
    return sorted(set(found.order_by().values_list("pk", flat=True)))


@shared_task(ignore_result=True)
def reconcile_due_directories() -> None:
    """Compare each directory whose turn it is, one after the other: the second trigger, by beat."""
    for directory in directories_to_reconcile():
        reconcile(directory)


@shared_task(ignore_result=True)
def reconcile(key: int) -> None:
    """Compare one directory with the book now. Harmless while somebody else is at it.

    Args:
        key: of the directory.
    """
    directory = Directory.objects.get(pk=key)
    token = _begin(directory)
    if not token:
        return
    mine = Reconciliation.objects.filter(directory=directory, lease_token=token)
    clock, since = time.monotonic(), timezone.now()
    error: ConnectorError | None = None
    said: dict[str, Any] = {}
    try:
        with connector_for(directory) as connector:
            if connector.capabilities.lists:
                said = _look_and_settle(directory, connector, mine)
            _take_away(directory, connector)
    except ConnectorError as failed:
        error = failed
    except Exception as defect:
        logger.exception("Comparing %s with the book stopped", directory)
        error = ConnectorError(f"It stopped: {type(defect).__name__}.")
    if error is None:
        _succeeded(directory, mine, since=since, took=time.monotonic() - clock, **said)
    else:
        _failed(directory, mine, error)


def _begin(directory: Directory) -> str:
    now, token = timezone.now(), secrets.token_hex(16)
    Reconciliation.objects.get_or_create(directory=directory)
    free = Reconciliation.objects.filter(Q(lease_until=None) | Q(lease_until__lte=now), directory=directory)
    taken = free.update(lease_until=now + LEASE, lease_token=token, began_at=now)
    return token if taken else ""


def _look_and_settle(
    directory: Directory, connector: Connector, mine: QuerySet[Reconciliation]
) -> dict[str, Any]:
    since = timezone.now()
    entitlements = list(directory.roles.order_by("pk").values_list("entitlement", flat=True))
    can = connector.capabilities
    grants = by_right(connector.list_grants(entitlements), ignores_case=can.ignores_case)
    book = read_book(directory, since=since, ignores_case=can.ignores_case)
    actions = compare(book, grants, keeps_ends=can.native_expiry != "none")
    if not mine.exists():
        return {}  # it took so long that somebody else has looked since: theirs is the newer sight
    note_drifts(directory, actions, grants, book)
    return {"rights": len(grants), "planned": _planned(directory, actions)}


def _planned(directory: Directory, actions: list[Action]) -> list[list[str]]:
    """What the portal would do of its own accord in a directory that it only observes."""
    if not directory.is_observed:
        return []
    ours = [one for one in actions if one.act in (Act.GRANT, Act.REVOKE, Act.SET_END)]
    return [[one.act.value, *one.right, one.until.isoformat() if one.until else ""] for one in ours[:PLANNED]]


def _take_away(directory: Directory, connector: Connector) -> None:
    """Revoke what was given outside and is to go, and try again as long as it stands."""
    token, claimed = claim_drifts(directory.pk)
    try:
        for drift in claimed:
            _revoke(drift, connector)
    finally:
        Drift.objects.filter(lease_token=token).update(lease_until=None, lease_token="")


def _revoke(drift: Drift, connector: Connector) -> None:
    if is_held_through_portal(drift):
        return  # it was given through the portal meanwhile: that one's end takes it away
    try:
        with suppress(NotFound):
            connector.revoke(
                drift.account, drift.role.entitlement, operation=f"drift-{drift.pk}", scope=drift.place
            )
    except AuthenticationFailed:
        raise
    except ConnectorError as error:
        pause = pause_after(drift.attempts, error, longest=LONGEST_PAUSE_REVOKE)
        Drift.objects.filter(pk=drift.pk).update(
            attempts=F("attempts") + 1,
            next_try_at=timezone.now() + timedelta(seconds=pause),
            last_error=str(error)[:500],
        )
        return
    with suppress(Overtaken):
        resolve_drift(drift, actor=PORTAL, how="removed")


def _succeeded(
    directory: Directory, mine: QuerySet[Reconciliation], *, since: datetime, took: float, **said: Any
) -> None:
    now = timezone.now()
    mine.update(
        next_at=since + timedelta(seconds=settings.RECONCILE_SECONDS),
        done_at=now,
        milliseconds=round(took * 1000),
        failures=0,
        error="",
        lease_until=None,
        lease_token="",
        **said,
    )
    resolve_alert(SILENT, key=f"directory:{directory.pk}", actor=PORTAL)
    alarm_about_drift(directory)


def _failed(directory: Directory, mine: QuerySet[Reconciliation], error: ConnectorError) -> None:
    failed_before = directory.reconciliation.failures
    pause = min(LONGEST_PAUSE, settings.RECONCILE_SECONDS * 2.0 ** min(failed_before, 10))
    mine.update(
        next_at=timezone.now() + timedelta(seconds=pause),
        failures=F("failures") + 1,
        error=str(error)[:500],
        lease_until=None,
        lease_token="",
    )
    raise_alert(
        SILENT,
        key=f"directory:{directory.pk}",
        severity="medium",
        title=_("%(directory)s could not be compared with the portal") % {"directory": directory},
        text=_("%(error)s What changes there meanwhile is not seen. The portal keeps trying.")
        % {"error": error},
        url=f"/directories/{directory.pk}/",
        directory=directory.name,
        actor=PORTAL,
    )
