"""Assignments for a large organisation: those in force, those that have ended with the requests behind them, and what waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from approvals.models import AccessRequest, Decision, FrozenApprover
from benchmarks.bulk import insert, trust_rows
from benchmarks.seeding import DAY, Cast, Size
from roles.models import Approver, Assignment, Eligibility, RoleSettings


def grow(*, total: int, in_force: int) -> None:
    """Bring the assignments to ``total``, of which ``in_force`` are in force and all others have ended.

    Each that has ended has the request behind it, every fourth with an approver and a decision.
    """
    held = Assignment.objects.exclude(status="ended").count()
    ended = Assignment.objects.filter(status="ended").count()
    personal = list(
        Eligibility.objects.filter(status="in_force", person__isnull=False)
        .exclude(role__directory__kind="portal")
        .order_by("pk")
        .values_list("pk", "role_id", "scope_id", "person_id")
    )
    with transaction.atomic():
        trust_rows()
        _in_force(personal, range(held, in_force))
        _ended(personal, range(ended, total - in_force))


def wait(size: Size, cast: Cast) -> None:
    """File requests that wait for a decision, by every kind of approver rule, and some that were decided."""
    now = timezone.now()
    chosen = list(
        Eligibility.objects.filter(status="in_force", person__isnull=False)
        .order_by("-pk")
        .values_list("pk", "role_id", "scope_id", "person_id")[: size.waiting * 7]
    )[::7]
    rows = (
        (person, person, role, scope, key, now + timedelta(minutes=number), now - timedelta(minutes=number))
        for number, (key, role, scope, person) in enumerate(chosen, start=60)
    )
    names = ("requester_id", "holder_id", "role_id", "scope_id", "eligibility_id", "deadline", "created_at")
    insert(
        AccessRequest,
        names,
        rows,
        {"act": "activate", "minutes": 240, "justification": "The nightly job is stuck"},
    )
    settings = dict(RoleSettings.objects.filter(level="role").values_list("pk", "role_id"))
    source = {
        settings[row]: (line, kind, group)
        for line, row, kind, group in Approver.objects.values_list(
            "pk", "role_settings_id", "kind", "group_id"
        )
    }
    waiting = list(AccessRequest.objects.filter(status="pending").order_by("pk").values_list("pk", "role_id"))
    rules = ((key, *source.get(role, (None, "administrators", None))) for key, role in waiting)
    insert(FrozenApprover, ("access_request_id", "source_id", "kind", "group_id"), rules)
    past_of(cast)


def _in_force(personal: Sequence[tuple[int, int, int, int]], numbers: range) -> None:
    now = timezone.now()

    def rows() -> Iterator[tuple[Any, ...]]:
        for n in numbers:
            key, role, scope, person = personal[(n * 8 + n * 8 // len(personal)) % len(personal)]
            since = now - timedelta(seconds=60 + n * 37)
            if n % 3:
                ends = now + timedelta(hours=4, seconds=n)
                yield role, scope, person, key, "activated", since, ends, since
            else:
                ends_late = None if n % 9 == 0 else now + timedelta(seconds=7200 + n * 311)
                yield role, scope, person, None, "direct", since, ends_late, since

    names = (
        "role_id",
        "scope_id",
        "person_id",
        "eligibility_id",
        "origin",
        "starts_at",
        "ends_at",
        "active_since",
    )
    insert(Assignment, names, rows(), {"status": "active", "told": "active", "account": "p"})


def _ended(personal: Sequence[tuple[int, int, int, int]], numbers: range) -> None:
    now = timezone.now()
    names = (
        "role_id",
        "scope_id",
        "person_id",
        "eligibility_id",
        "starts_at",
        "ends_at",
        "active_since",
        "ended_at",
        "revoked_at",
    )
    before = Assignment.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def behind(n: int) -> tuple[tuple[int, int, int, int], datetime]:
        return personal[n * 61 % len(personal)], now - timedelta(seconds=3600 * 5 + n * 31)

    def rows() -> Iterator[tuple[Any, ...]]:
        for n in numbers:
            (key, role, scope, person), start = behind(n)
            end = start + timedelta(hours=4)
            yield role, scope, person, key, start, end, start, end, end

    common = {
        "status": "ended",
        "told": "ended",
        "origin": "activated",
        "end_cause": "expired",
        "account": "p",
    }
    insert(Assignment, names, rows(), common)
    keys = list(
        Assignment.objects.filter(pk__gt=before, status="ended").order_by("pk").values_list("pk", flat=True)
    )

    def requests() -> Iterator[tuple[Any, ...]]:
        for n, assignment in zip(numbers, keys, strict=True):
            (key, role, scope, person), start = behind(n)
            yield person, person, role, scope, key, assignment, start, start + DAY, start

    asked = ("requester_id", "holder_id", "role_id", "scope_id", "eligibility_id", "assignment_id")
    last = AccessRequest.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    common = {
        "act": "activate",
        "status": "approved",
        "minutes": 240,
        "justification": "The nightly job is stuck",
    }
    insert(AccessRequest, (*asked, "created_at", "deadline", "closed_at"), requests(), common)
    filed = AccessRequest.objects.filter(pk__gt=last, status="approved").order_by("pk")
    decided = list(filed.values_list("pk", flat=True))[::4]
    approvers = list(User.objects.filter(kind="person").order_by("pk").values_list("pk", flat=True)[1:2000])

    def decisions() -> Iterator[tuple[int, int, datetime]]:
        for n, key in enumerate(decided):
            yield key, approvers[n % len(approvers)], behind(numbers[n * 4])[1]

    lines = ((key, person, "person") for key, person, _at in decisions())
    insert(FrozenApprover, ("access_request_id", "person_id", "kind"), lines)
    insert(Decision, ("access_request_id", "approver_id", "at"), decisions(), {"verdict": "approve"})


def past_of(cast: Cast) -> None:
    """A past for those whose pages are measured, so that these are full however few assignments there are."""
    now = timezone.now()
    key, role, scope = Eligibility.objects.filter(person=cast.employee).values_list(
        "pk", "role_id", "scope_id"
    )[0]
    common = {"role_id": role, "scope_id": scope, "eligibility_id": key}
    times = [(now - n * DAY - 2 * DAY, now - n * DAY - DAY, now - n * DAY - DAY) for n in range(60)]
    told = {"person": cast.employee, "origin": "activated", "status": "ended", "told": "ended"}
    insert(Assignment, ("starts_at", "ends_at", "ended_at"), times, common | told)
    asked = {"holder": cast.employee, "requester": cast.employee, "act": "activate", "status": "denied"}
    insert(AccessRequest, ("created_at", "deadline", "closed_at"), times, common | asked | {"minutes": 60})
    denied = AccessRequest.objects.filter(status="denied").order_by("pk").values_list("pk", "created_at")
    decided = {"approver": cast.approver, "verdict": "deny", "justification": "Not now"}
    insert(Decision, ("access_request_id", "at"), list(denied), decided)
