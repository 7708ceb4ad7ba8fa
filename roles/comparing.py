"""What the book says of a directory at this moment, in the directory's own names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils import timezone

from roles.connectors.base import Grant
from roles.models import Assignment, Directory, Intent
from roles.models.assignment import being_due
from roles.planning import Action, Right, end_told, plan, right_named

Status = Assignment.Status
COLUMNS = (
    "account",
    "role__entitlement",
    "scope__path",
    "pk",
    "status",
    "is_due",
    "ends_at",
    "intent",
    "was_there_before",
    "active_since",
    "revoked_at",
    "lease_until",
)


@dataclass
class Book:
    """The rights that assignments speak of.

    Args:
        desired: those that shall stand, each with the end a directory should hold.
        owned: those that the portal gave and has not seen gone.
        confirmed: those that the portal has seen standing, with the key of one assignment that carries it.
        moving: those on which work is being done, or was done after ``since``: a listing says nothing about them.
    """

    desired: dict[Right, datetime | None] = field(default_factory=dict)
    owned: set[Right] = field(default_factory=set)
    confirmed: dict[Right, int] = field(default_factory=dict)
    moving: set[Right] = field(default_factory=set)


def read_book(directory: Directory, *, since: datetime, ignores_case: bool = False) -> Book:
    """What the book says of ``directory`` now.

    Args:
        since: when the directory began to be asked what stands there.
        ignores_case: whether accounts there are the same that differ in nothing but case.
    """
    now, book = timezone.now(), Book()
    due = ExpressionWrapper(being_due(now, *Assignment.LIVE), BooleanField())
    rows = Assignment.objects.filter(
        ~Q(status=Status.ENDED) | Q(revoked_at__gte=since), role__directory=directory
    )
    for account, entitlement, path, *said in rows.annotate(is_due=due).order_by("pk").values_list(*COLUMNS):
        right = right_named(account, entitlement, path, ignores_case=ignores_case)
        _note(book, right, *said, directory=directory, since=since)
    return book


def _note(
    book: Book,
    right: Right,
    key: int,
    status: str,
    is_due: bool,
    ends_at: datetime | None,
    intent: str,
    was_there_before: bool,
    active_since: datetime | None,
    revoked_at: datetime | None,
    lease_until: datetime | None,
    *,
    directory: Directory,
    since: datetime,
) -> None:
    settled = status == Status.ACTIVE and is_due and active_since is not None and active_since < since
    future = status == Status.SCHEDULED and not is_due
    leased = lease_until is not None and lease_until > since
    # Of what is only observed nothing moves: what waits is what would be done.
    if (leased or not (settled or future)) and not (directory.is_observed and status != Status.ENDED):
        book.moving.add(right)
    if is_due:
        end = end_told(ends_at)
        book.desired[right] = _later(book.desired[right], end) if right in book.desired else end
    if intent == Intent.NEW and not was_there_before and status != Status.ENDED:
        book.owned.add(right)
    if settled:
        book.confirmed[right] = key


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else max(one, other)


def compare(book: Book, grants: Mapping[Right, Grant], *, keeps_ends: bool) -> list[Action]:
    """The differences, without those of rights that are moving."""
    ends = {right: grant.not_after for right, grant in grants.items()}
    actions = plan(book.desired, ends, owned=book.owned, confirmed=book.confirmed, keeps_ends=keeps_ends)
    return [action for action in actions if action.right not in book.moving]


def by_right(grants: Iterable[Grant], *, ignores_case: bool = False) -> dict[Right, Grant]:
    """What a connector has listed, by right; of one that is listed twice, the one that lasts longer."""
    found: dict[Right, Grant] = {}
    for grant in grants:
        right = right_named(grant.account, grant.entitlement, grant.scope, ignores_case=ignores_case)
        known = found.get(right)
        if known is None or (
            known.not_after is not None and (grant.not_after is None or grant.not_after > known.not_after)
        ):
            found[right] = grant
    return found
