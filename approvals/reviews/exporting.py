"""Results of access reviews as CSV. Recorded before the first byte; never whole in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from approvals.reviews.models import AccessReview, ReviewItem, Verdict
from approvals.reviews.permissions import reviews_visible_to
from approvals.reviews.reporting import RELATED, Result, results_of
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record
from audit.journal.refusing import NotAllowed
from audit.spreadsheet import csv_lines

CHUNK = 1_000  # rows read at a time
#: those of Microsoft Entra's review history
COLUMNS = (
    "AccessReviewId",
    "AccessReviewSeriesId",
    "ReviewType",
    "ResourceDisplayName",
    "ResourceId",
    "ReviewName",
    "CreatedDateTime",
    "ReviewStartDate",
    "ReviewEndDate",
    "ReviewStatus",
    "OwnerId",
    "OwnerName",
    "OwnerUPN",
    "PrincipalId",
    "PrincipalName",
    "PrincipalUPN",
    "PrincipalType",
    "ReviewDate",
    "ReviewResult",
    "Justification",
    "ReviewerId",
    "ReviewerName",
    "ReviewerUPN",
    "ReviewerEmailAddress",
    "AppliedByName",
    "AppliedByUPN",
    "AppliedByEmailAddress",
    "AppliedDate",
    "AccessRecommendation",
    "SubmissionResult",
)
RESULTS = {
    Verdict.APPROVE: "Approve",
    Verdict.DENY: "Deny",
    Verdict.UNKNOWN: "DontKnow",
    "": "NotReviewed",
}
RECOMMENDATIONS = {Verdict.APPROVE: "Approve", Verdict.DENY: "Deny", "": "NoInfoAvailable"}
SUBMISSIONS = {
    ReviewItem.Done.NEW: "New",
    ReviewItem.Done.KEPT: "NothingToApply",
    ReviewItem.Done.ENDING: "Applying",
    ReviewItem.Done.APPLIED: "AppliedSuccessfully",
    ReviewItem.Done.GONE: "AppliedSuccessfullyButObjectNotFound",
    ReviewItem.Done.FAILED: "AppliedWithUnknownFailure",
}


@journaled
def export_review(
    review: AccessReview, *, items: QuerySet[ReviewItem], filters: dict[str, Any], actor: Actor
) -> Iterator[bytes]:
    """Record that results of ``review`` are downloaded, and return their lines.

    Args:
        items: those that are wanted.
        filters: what was filtered by, for the entry.

    Raises:
        NotAllowed: the actor may not see them.
    """
    if actor.person is None or not reviews_visible_to(actor.person).filter(pk=review.pk).exists():
        raise NotAllowed
    wanted = items.filter(review=review)
    detail = {"filter": filters, "count": wanted.count()}
    record("review.exported", actor=actor, subject=review, detail=detail)
    return _lines(wanted)


@journaled
def export_history(items: QuerySet[ReviewItem], *, filters: dict[str, Any], actor: Actor) -> Iterator[bytes]:
    """Record that results of several runs are downloaded, and return the lines of those the actor may see.

    Args:
        items: those that are wanted.
        filters: what was filtered by, for the entry.

    Raises:
        NotAllowed: nobody is acting.
    """
    if actor.person is None:
        raise NotAllowed
    wanted = items.filter(review__in=reviews_visible_to(actor.person).order_by().values("pk"))
    record("review.exported", actor=actor, detail={"filter": filters, "history": wanted.count()})
    return _lines(wanted)


def _lines(items: QuerySet[ReviewItem]) -> Iterator[bytes]:
    rows = (_cells(result) for chunk in _in_chunks(items) for result in results_of(chunk))
    lines = csv_lines(COLUMNS, rows)
    while some := "".join(islice(lines, CHUNK)):
        yield some.encode()


def _in_chunks(items: QuerySet[ReviewItem]) -> Iterator[list[ReviewItem]]:
    """The items by key, without a cursor: a long download holds neither a transaction nor a result set open."""
    last = 0
    rows = items.prefetch_related(
        *RELATED
    )  # not joined: few roles, reviewers and runs stand in all of the rows
    while chunk := list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        yield chunk
        last = chunk[-1].pk


def _cells(result: Result) -> list[object]:
    item, review = result.item, result.item.review
    role, person, applied_by = item.role, item.person, result.applied_by
    place = role.directory.name if item.scope.is_root else f"{role.directory.name}, {item.scope}"
    reason = _("Nobody answered: the outcome is what the review says for that case.")
    applied = ("",) * 3
    if result.is_applied:
        applied = _called(applied_by) if applied_by else (_("The portal"), "", "")
    return [
        review.pk,
        review.series_id,
        "active" if item.is_held else "eligible",
        f"{role.name} ({place})",
        role.pk,
        review.name,
        _moment(review.created_at),
        _moment(review.starts_at),
        _moment(review.ends_at),
        review.status,
        review.owner_id,
        *_called(review.owner)[:2],
        item.person_id or item.group_id,
        person.display_name if person else item.group,
        person.email if person else "",
        person.kind if person else "group",
        _moment(item.decided_at),
        RESULTS[result.said],
        reason if result.by_silence else result.reason,
        item.reviewer_id,
        *(_called(item.reviewer) if item.reviewer else ("",) * 3),
        *applied,
        _moment(item.done_at) if result.is_applied else "",
        RECOMMENDATIONS.get(item.recommendation, ""),
        SUBMISSIONS[ReviewItem.Done(item.done)],
    ]


def _called(person: User) -> tuple[str, str, str]:
    """Name, name for signing in, and address for mail."""
    return person.display_name, person.email, person.email


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""
