"""What came of a run that is over."""

from __future__ import annotations

from django.db.models import QuerySet

from approvals.reviews.models import AccessReview, ReviewItem, Verdict


def denied_of(review: AccessReview) -> QuerySet[ReviewItem]:
    """What is to be taken away."""
    return ReviewItem.objects.filter(review=review, outcome=Verdict.DENY)
