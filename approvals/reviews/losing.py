"""Who would lose which role, by name: what the owner of a review has in sight who lets it be carried out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber

from approvals.reviews.holding_back import Loss
from approvals.reviews.models import AccessReview, ReviewItem
from approvals.reviews.reporting import RELATED, Result, results_of

MOST_NAMED = 20  # of one role


@dataclass(frozen=True)
class Leaving:
    """What one role would lose, and who.

    Args:
        why: why it waits for somebody to look at it; nothing where it need not.
        rows: the first of those who go, people that nobody answered about before the others.
    """

    loss: Loss
    why: list[str]
    rows: list[Result]

    @property
    def more(self) -> int:
        """How many are not named."""
        return self.loss.going - len(self.rows)


def leaving_of(
    review: AccessReview, losses: Sequence[Loss], going: QuerySet[ReviewItem], *, most: int = MOST_NAMED
) -> list[Leaving]:
    """Each of ``losses`` with the names. Two questions, however many they are.

    Args:
        going: what would be taken away, as ``losses_of`` was asked.
        most: how many are named of one role.
    """
    order = [F("verdict").asc(), F("pk").asc()]  # "" before every answer
    of_roles = going.filter(role__in=[loss.role.pk for loss in losses]).order_by()
    placed = of_roles.annotate(place=Window(RowNumber(), partition_by=F("role"), order_by=order))
    first = placed.filter(place__lte=most).values_list("pk", flat=True)
    items = ReviewItem.objects.filter(pk__in=list(first)).select_related(*RELATED).order_by("verdict", "pk")
    rows: dict[int, list[Result]] = defaultdict(list)
    for row in results_of(list(items)):
        rows[row.item.role_id].append(row)
    return [Leaving(loss, loss.why(review.most_percent), rows[loss.role.pk]) for loss in losses]
