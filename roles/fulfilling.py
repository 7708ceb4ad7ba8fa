"""Making true in a directory what is written down here, on one connection at a time.

Claim by lease, speak to the directory outside any transaction, write down what came of it. Killed anywhere in between,
the lease lapses and it is done again; every call to a connector may be repeated.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.duties import ALERT_KEEPERS
from audit.alerts.alerting import raise_alert, resolve_alert
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL
from audit.journal.lifecycle import move_all_to, move_to
from audit.journal.recording import take_the_pen, within_transaction
from roles.connectors.base import (
    Busy,
    Connector,
    ConnectorError,
    Denied,
    NotFound,
    Outcome,
    Unavailable,
    Unsupported,
)
from roles.intending import right_of, standing_rights, write_intents
from roles.leasing import LEASE, claim, let_go, pause_after, put_off, still_ours
from roles.models import Assignment, Directory, Intent, Origin
from roles.permissions import people_with_duty
from roles.planning import end_told
from roles.reaching import connector_for
from roles.separation import late_among

PATIENCE = timedelta(minutes=15)  # with giving what a directory only says is not done yet
#: seconds one round with one directory may take before it writes down what it has: the rest of the lease is for the
#: call that was begun last, and for writing
LANE = LEASE.total_seconds() / 3
LONGEST_PAUSE_GRANT, LONGEST_PAUSE_REVOKE = 300.0, 60.0  # seconds
NOT_REVOKED, NOT_GIVEN = "rights_not_revoked", "rights_not_given"  # kinds of alert
UNDECLARED = "The connector of %s failed in a way it does not declare"
Status = Assignment.Status
logger = logging.getLogger(__name__)


@dataclass
class _Result:
    """What came of one assignment: an outcome, an error, or neither when its turn did not come."""

    assignment: Assignment
    outcome: Outcome | None = None
    error: ConnectorError | None = None
    note: str = ""
    before: bool = False  # whether the right stood there before the portal gave it


def work(directory_key: int, status: str, keys: list[int] | None = None) -> int:
    """Claim what is in ``status``, speak to the directory on one connection, write down what came of it.

    Returns:
        How many were brought forward; 0 means there is nothing (more) to do now.
    """
    token, claimed = claim(directory_key, status, keys=keys)
    if not claimed:
        return 0
    try:
        results = _speak(claimed[0].role.directory, claimed, status, token)
        return _write_down(token, results, status)
    finally:
        let_go(token)


def _speak(directory: Directory, claimed: list[Assignment], status: str, token: str) -> list[_Result]:
    ends = _ends_of_rights(claimed)
    # What breaks a separation rule by now is not given: the sweep ends it.
    late = late_among(claimed) if status == Status.PROVISIONING else set()
    results = [_Result(assignment) for assignment in claimed if assignment.pk not in late]
    if not results:
        return results
    give_up_at = time.monotonic() + LANE
    try:
        with connector_for(directory) as connector:
            if status == Status.PROVISIONING and not directory.is_inside:
                write_intents(connector, [result.assignment for result in results], token=token)
            for result in results:
                if time.monotonic() > give_up_at:
                    break
                try:
                    _carry_out(connector, result, status, ends)
                except (NotFound, Denied, Unsupported, Busy) as error:
                    result.error = error
                except ConnectorError:
                    raise
                except Exception as defect:
                    # It may lie with this one account: those behind it must not wait for it.
                    logger.exception(UNDECLARED, directory)
                    result.error = _unavailable(defect)
            if not connector.capabilities.immediate:
                _read_back(connector, results, status)
    except ConnectorError as error:
        _all_wait(results, error)
    except Exception as defect:
        logger.exception(UNDECLARED, directory)
        _all_wait(results, _unavailable(defect))
    return results


def _stood_there(connector: Connector, assignment: Assignment) -> bool:
    """Whether the right of one that was never confirmed was found standing before it was first given."""
    return assignment.intent == Intent.BEFORE and not connector.capabilities.tells_whose


def _read_back(connector: Connector, results: list[_Result], status: str) -> None:
    """Leave undone what a directory that takes its time does not show yet."""
    told = [result for result in results if result.outcome and not result.note]
    if not told or not connector.capabilities.lists:
        return
    try:
        standing = standing_rights(connector, (result.assignment.role.entitlement for result in told))
    except ConnectorError as error:
        for result in told:
            result.outcome, result.error = None, error
        return
    for result in told:
        if (right_of(result.assignment, connector.capabilities) in standing) != (
            status == Status.PROVISIONING
        ):
            why = f"{result.assignment.role.directory} took it and does not show it yet."
            result.outcome, result.error = None, Busy(why)


def _unavailable(defect: Exception) -> Unavailable:
    return Unavailable(f"The connector has a defect: {type(defect).__name__}.")


def _all_wait(results: list[_Result], error: ConnectorError) -> None:
    """The directory itself does not answer: everyone whose turn had not come waits for the next try."""
    for result in results:
        if result.outcome is None and result.error is None:
            result.error = error


def _ends_of_rights(
    claimed: list[Assignment],
) -> dict[tuple[int, int, str], list[tuple[int, datetime | None]]]:
    """For each right touched: the due assignments that carry it, and when each of them ends."""
    rights: dict[tuple[int, int, str], list[tuple[int, datetime | None]]] = {}
    accounts, roles = {one.account for one in claimed}, {one.role_id for one in claimed}
    for key, role, scope, account, ends_at in (
        Assignment.objects.due()
        .filter(account__in=accounts, role__in=roles)
        .values_list("pk", "role_id", "scope_id", "account", "ends_at")
    ):
        rights.setdefault((role, scope, account), []).append((key, ends_at))
    return rights


def _carry_out(connector: Connector, result: _Result, status: str, ends: dict[Any, Any]) -> None:
    assignment = result.assignment
    carried = ends.get((assignment.role_id, assignment.scope_id, assignment.account), [])
    right = {
        "account": assignment.account,
        "entitlement": assignment.role.entitlement,
        "scope": assignment.scope.path,
    }
    operation = f"assignment-{assignment.pk}"
    last = None if any(end is None for _, end in carried) else max((end for _, end in carried), default=None)
    if not assignment.role.directory.is_inside:
        last = end_told(last)
    if status == Status.PROVISIONING:
        if not any(key == assignment.pk for key, _ in carried):
            return  # no longer due: the sweep ends it
        if not assignment.account:
            raise NotFound(f"{assignment.person} has no account in {assignment.role.directory}.")
        result.outcome = connector.grant(**right, not_after=last, operation=operation)
        can_tell = connector.capabilities.tells_whose or assignment.role.directory.is_inside
        before = result.outcome.preexisting if can_tell else assignment.intent == Intent.BEFORE
        result.before = before and assignment.origin != Origin.FOUND_OUTSIDE  # the portal has taken that over
        return
    if carried:
        # Another assignment carries the same right: it stays until the last one ends.
        result.note = "kept_for_another"
        adjust = connector.capabilities.native_expiry != "none"
        result.outcome = (
            connector.grant(**right, not_after=last, operation=operation)
            if adjust
            else Outcome(changed=False)
        )
    elif not assignment.intent and not assignment.role.directory.is_inside:
        result.note = "never_given"
        result.outcome = Outcome(changed=False)
    elif assignment.was_there_before or _stood_there(connector, assignment):
        result.note = "was_there_before"
        result.outcome = Outcome(changed=False)
    else:
        try:
            result.outcome = connector.revoke(**right, operation=operation, receipt=assignment.receipt)
        except NotFound:
            result.note = "account_or_role_gone"
            result.outcome = Outcome(changed=False)


def _write_down(token: str, results: list[_Result], status: str) -> int:
    done = [result for result in results if result.outcome is not None]
    failed = [result for result in results if result.error is not None]
    by_kind: dict[tuple[str, bool], list[Assignment]] = {}
    for result in done:
        if result.outcome and result.outcome.receipt:
            result.assignment.receipt = result.outcome.receipt[:500]
        by_kind.setdefault((result.note, result.before), []).append(result.assignment)
    for (note, before), some in by_kind.items():
        with within_transaction():
            # Before looking whether they are still ours: whoever ends one meanwhile must not undo this for all.
            take_the_pen()
            _settle(token, some, status, note=note, before=before)
    for result in failed:
        with transaction.atomic():
            take_the_pen()
            _put_off_or_fail(token, result, status)
    if not results:
        return 0
    directory = results[0].assignment.role.directory
    if alarming := [one for one in failed if not _is_only_busy(one, status)]:
        _alert(directory, status, alarming)
    _resolve_alerts(directory)
    return len(done)


def _settle(token: str, assignments: list[Assignment], status: str, *, note: str, before: bool) -> None:
    ours = still_ours(token, assignments, status)
    if not ours:
        return
    detail = {"note": note} if note else {}
    now = timezone.now()
    if status == Status.PROVISIONING:
        # What was in force before and only got another end keeps its beginning, and whose it was.
        fresh = [one for one in ours if one.active_since is None]
        adjusted = [one for one in ours if one.active_since is not None]
        move_all_to(
            fresh,
            Status.ACTIVE,
            actor=PORTAL,
            action="assignment.provisioned",
            detail=detail | ({"was_there_before": True} if before else {}),
            active_since=now,
            was_there_before=before,
            last_error="",
        )
        move_all_to(
            adjusted,
            Status.ACTIVE,
            actor=PORTAL,
            action="assignment.adjusted",
            detail=detail,
            last_error="",
        )
        if any(one.receipt for one in ours):
            Assignment.objects.bulk_update(ours, ["receipt"])
    else:
        move_all_to(
            ours,
            Status.ENDED,
            actor=PORTAL,
            action="assignment.deprovisioned",
            detail=detail,
            revoked_at=now,
            last_error="",
        )


def _put_off_or_fail(token: str, result: _Result, status: str) -> None:
    assignment, error = result.assignment, result.error
    if not still_ours(token, [assignment], status):
        return
    hopeless = isinstance(error, NotFound | Denied | Unsupported)
    if status == Status.PROVISIONING and hopeless:
        move_to(
            assignment,
            Status.FAILED,
            actor=PORTAL,
            action="assignment.failed",
            outcome="failed",
            detail={"error": str(error)},
            last_error=str(error)[:500],
        )
        return
    longest = LONGEST_PAUSE_REVOKE if status == Status.ENDING else LONGEST_PAUSE_GRANT
    pause = pause_after(assignment.attempts, error, longest=longest)
    # Half of it by chance, so that many that failed together do not come back together.
    pause = pause / 2 + random.uniform(0, pause / 2)  # noqa: S311
    put_off(token, assignment, until=timezone.now() + timedelta(seconds=pause), why=str(error))


def _is_only_busy(result: _Result, status: str) -> bool:
    """Whether it is being given and may well be yet: by somebody who does it by hand, or a directory that is slow."""
    given_since = max(result.assignment.starts_at, result.assignment.created_at)
    only_busy = status == Status.PROVISIONING and isinstance(result.error, Busy)
    return only_busy and timezone.now() - given_since < PATIENCE


def _waiting(directory: Directory, kind: str) -> QuerySet[Assignment]:
    """What an alert of that kind speaks of."""
    waits = [Status.ENDING] if kind == NOT_REVOKED else [Status.PROVISIONING, Status.FAILED]
    return Assignment.objects.filter(role__directory=directory, status__in=waits)


def _resolve_alerts(directory: Directory) -> None:
    """Resolve the alerts whose cause is gone. Of both kinds: what is ended need not be given any more."""
    of_directory = Alert.objects.filter(kind__in=[NOT_REVOKED, NOT_GIVEN], key=f"directory:{directory.pk}")
    if not (of_directory.open() | of_directory.quiet()).exists():
        return
    for kind in (NOT_REVOKED, NOT_GIVEN):
        tried_in_vain = Q(attempts__gt=0) | Q(status=Status.FAILED)
        if not _waiting(directory, kind).filter(tried_in_vain).exists():
            resolve_alert(kind, key=f"directory:{directory.pk}", actor=PORTAL)


def _alert(directory: Directory, status: str, failed: list[_Result]) -> None:
    """Raise the alert about rights that are not yet revoked, or not put in force."""
    revoking = status == Status.ENDING
    kind = NOT_REVOKED if revoking else NOT_GIVEN
    count, why = _waiting(directory, kind).count(), str(failed[-1].error)
    raise_alert(
        kind,
        key=f"directory:{directory.pk}",
        severity="high" if revoking else "medium",
        title=(
            f"{count} ended in the portal but not yet revoked in {directory}"
            if revoking
            else f"{count} approved but not in force in {directory}"
        ),
        text=f"{why} The portal keeps trying, with growing pauses.",
        url=f"/assignments/?directory={directory.pk}",
        tell=people_with_duty(*ALERT_KEEPERS),
        actor=PORTAL,
    )
