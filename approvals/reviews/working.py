"""What a reviewer sees while they work: how far they are, the items around the present one, and all that is known of it.

A constant number of questions to the database, whether a review has ten items or fifty thousand: items are found by their
key, counted in one question by what was answered, and no more rows are read than stand in the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import Http404

from accounts.models import User
from approvals.reviews.models import AccessReview, ReviewDecision, ReviewItem, Verdict

OPEN, DECIDED, ALL = "open", "decided", "all"
BEFORE, AFTER = 5, 30  # rows of the list around the present one
PACE = 20  # answers that tell how fast somebody is
WORDS = 3  # reasons to take again
DIGITS = 18  # of a key
LISTED = ("person", "group", "role")
WHOLE = (*LISTED, "role__directory", "scope", "manager")

Items = QuerySet[ReviewItem]


def key_in(asked: Mapping[str, Any], name: str) -> int | None:
    """A key that the address names; None where it names none.

    Raises:
        Http404: it names what cannot be one.
    """
    said = asked.get(name, "")
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and len(said) <= DIGITS):
        raise Http404
    return int(said)


@dataclass
class Progress:
    """How far a reviewer is.

    Args:
        keep, remove, unknown: what was answered. open: what was not.
        advised_keep, advised_remove: of what is open, how much has that recommendation.
        before: how many of those in the list stand before the present item.
    """

    keep: int = 0
    remove: int = 0
    unknown: int = 0
    open: int = 0
    advised_keep: int = 0
    advised_remove: int = 0
    before: int = 0

    @property
    def decided(self) -> int:
        """What somebody has answered."""
        return self.keep + self.remove + self.unknown

    @property
    def all(self) -> int:
        """Everything that is theirs."""
        return self.decided + self.open

    @property
    def place(self) -> int:
        """Of the present item in its list, from 1."""
        return self.before + 1

    @property
    def advised(self) -> int:
        """What is open and has a recommendation."""
        return self.advised_keep + self.advised_remove

    @property
    def not_advised(self) -> int:
        """What is open and has none."""
        return self.open - self.advised


def listed(mine: Items, review: AccessReview, show: str) -> Items:
    """The items of one of the three lists."""
    # By name of the stages, not "less than": the first stage is then one place in the index.
    before = range(review.stage)
    if show == OPEN:
        return mine.filter(answered_stage__in=before)
    return mine.exclude(answered_stage__in=before) if show == DECIDED else mine


def progress_of(
    mine: Items, review: AccessReview, *, show: str = ALL, item: ReviewItem | None = None
) -> Progress:
    """How far somebody is whose items these are. One question, however many there are."""
    rows = mine.order_by().values("verdict", "answered_stage", "recommendation")
    ahead = Q(pk__lt=item.pk) if item else Q(pk__in=[])
    progress = Progress()
    for row in rows.annotate(n=Count("pk"), ahead=Count("pk", filter=ahead)):
        is_open, n = row["answered_stage"] < review.stage, row["n"]
        if is_open:
            progress.open += n
            progress.advised_keep += n * (row["recommendation"] == Verdict.APPROVE)
            progress.advised_remove += n * (row["recommendation"] == Verdict.DENY)
        else:
            progress.keep += n * (row["verdict"] == Verdict.APPROVE)
            progress.remove += n * (row["verdict"] == Verdict.DENY)
            progress.unknown += n * (row["verdict"] == Verdict.UNKNOWN)
        if show == ALL or is_open == (show == OPEN):
            progress.before += row["ahead"]
    return progress


def present_item(listed: Items, mine: Items, *, key: int | None, after: int | None) -> ReviewItem | None:
    """The item to look at: the one that is asked for, else the first after another one, else the first there is.

    Raises:
        ReviewItem.DoesNotExist: the one that is asked for is not theirs.
    """
    if key is not None:
        return mine.select_related(*WHOLE).get(pk=key)
    # First its key, without the other tables: planning a join of many takes longer than finding it.
    keys = listed.order_by("pk").values_list("pk", flat=True)
    found = keys.filter(pk__gt=after).first() if after is not None else None
    found = found or keys.first()
    return ReviewItem.objects.select_related(*WHOLE).get(pk=found) if found else None


@dataclass(frozen=True)
class Window:
    """The part of a list that is shown.

    Args:
        rows: some before the present item, it itself, and more after it.
        previous, following: the items beside it.
        earlier, later: whether there are more rows before these, or after.
    """

    rows: list[ReviewItem]
    previous: ReviewItem | None
    following: ReviewItem | None
    earlier: bool
    later: bool


def window_around(listed: Items, item: ReviewItem) -> Window:
    """The rows around ``item``, which stands among them even where the list as it is now would not have it."""
    rows = listed.select_related(*LISTED)
    above = list(rows.filter(pk__lt=item.pk).order_by("-pk")[: BEFORE + 1])[::-1]
    below = list(rows.filter(pk__gt=item.pk).order_by("pk")[: AFTER + 1])
    return Window(
        rows=[*above[-BEFORE:], item, *below[:AFTER]],
        previous=above[-1] if above else None,
        following=below[0] if below else None,
        earlier=len(above) > BEFORE,
        later=len(below) > AFTER,
    )


@dataclass(frozen=True)
class Habits:
    """What the answers tell that somebody gave before.

    Args:
        last: the latest of them, if it can be taken back. at_once: how many were given together with it.
        seconds: they take for one, as a rule; 0 where that is not known.
        words: reasons they gave of late, the latest first.
    """

    last: ReviewDecision | None = None
    at_once: int = 1
    seconds: float = 0
    words: list[str] = field(default_factory=list)

    def minutes_for(self, items: int) -> int:
        """How long they will need, in whole minutes; 0 where that is not known."""
        return max(1, round(self.seconds * items / 60)) if self.seconds and items else 0


def habits_of(person: User, review: AccessReview) -> Habits:
    """What ``person`` answered of late in this review."""
    given = ReviewDecision.objects.filter(
        reviewer=person, item__review=review, stage=review.stage, void_at=None
    ).order_by("-at", "-pk")
    recent = list(given.select_related("item__person", "item__group", "item__role")[:PACE])
    paces = [one.seconds for one in recent if one.seconds]
    last = recent[0] if recent else None
    return Habits(
        # Whoever answered after them has the last word: theirs is not to be taken back any more.
        last=last
        if last and last.item.reviewer_id == person.pk and last.item.stage == review.stage
        else None,
        at_once=sum(one.at == last.at for one in recent) if last else 1,
        seconds=median(paces) if paces else 0,
        words=list(dict.fromkeys(one.justification for one in recent if one.justification))[:WORDS],
    )
