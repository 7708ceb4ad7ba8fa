"""What a review is about: which roles, and who may or does hold them at its start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from accounts.models import User
from approvals.reviews.models import ReviewSeries
from roles.models import Assignment, Eligibility, GroupAssignment, Role, Scope
from roles.models.lasting import lasting

What = ReviewSeries.What


class Found(NamedTuple):
    """Somebody who may or does hold a role.

    Args:
        kind: name of the column of ``ReviewItem`` that points at it: eligibility, assignment or group_assignment.
        key: its key.
        since: when it began.
    """

    kind: str
    key: int
    role: int
    scope: int
    person: int | None
    group: int | None
    since: datetime


def roles_of_series(series: ReviewSeries) -> QuerySet[Role]:
    """The roles it is about: those it names, or all that its filter meets at this moment."""
    return roles_meant(series, list(series.roles.order_by().values_list("pk", flat=True)))


def roles_meant(series: ReviewSeries, named: Sequence[int]) -> QuerySet[Role]:
    """The same of a series that may not be saved yet.

    Args:
        named: keys of the roles that it names.
    """
    roles = Role.objects.all()
    if named:
        roles = roles.filter(pk__in=named)
    if series.directory_id is not None:
        roles = roles.filter(directory=series.directory_id)
    return roles.filter(risk=series.risk) if series.risk else roles


def found_by(series: ReviewSeries, at: datetime) -> Iterator[Found]:
    """Whom ``series`` would look at, if it began at ``at``. A member's part of what a group holds is not looked at: the group is."""
    for kind, rows, *who in held_of(series, roles_of_series(series), at):
        yield from _rows(rows, kind, *who)


def held_of(series: ReviewSeries, roles: QuerySet[Role], at: datetime) -> Iterator[tuple[Any, ...]]:
    """The rows that ``series`` would look at: of which kind, those rows, and which of person and group they can have."""
    where = Q(role__in=roles.order_by().values("pk"))
    if series.scope is not None:
        where &= Q(scope__in=Scope.objects.within(series.scope).order_by().values("pk"))
    if series.what != What.ACTIVE:
        who = _people_and_groups(series)
        yield "eligibility", Eligibility.objects.in_force(at).filter(where, who), "person", "group"
    if series.what != What.ELIGIBLE:
        held = Assignment.objects.filter(lasting(at, *Assignment.LIVE), where, eligibility=None, through=None)
        yield "assignment", held.filter(_people(series)), "person"
        if series.of_groups:
            yield "group_assignment", GroupAssignment.objects.in_force(at).filter(where), "group"


def _rows(rows: Any, kind: str, *who: str) -> Iterator[Found]:
    """
    Args:
        who: which of person and group such a row can have.
    """
    for key, role, scope, since, *said in (
        rows.order_by().values_list("pk", "role", "scope", "starts_at", *who).iterator(chunk_size=5000)
    ):
        named = dict(zip(who, said, strict=True))
        yield Found(kind, key, role, scope, named.get("person"), named.get("group"), since)


def _people(series: ReviewSeries) -> Q:
    kinds = [User.Kind.PERSON] * series.of_people + [User.Kind.SERVICE] * series.of_services
    return Q(person__kind__in=kinds)


def _people_and_groups(series: ReviewSeries) -> Q:
    return _people(series) | Q(group__isnull=False) if series.of_groups else _people(series)
