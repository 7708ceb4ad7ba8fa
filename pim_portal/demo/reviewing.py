"""The demo's access review: open, a quarter of a year apart, and nobody has answered yet."""

from __future__ import annotations

from accounts.models import Group, User
from approvals.reviews.keeping import StageWish, keep_series
from approvals.reviews.models import AccessReview, ReviewSeries, ReviewStage
from approvals.reviews.opening import open_review
from audit.journal.actor import Actor
from roles.models import Directory

Who = ReviewStage.Who


def begin_review(directory: Directory, *, owner: User, reviewers: Group, in_turn: User, actor: Actor) -> None:
    """Have everybody reviewed who may or does hold a role of ``directory``, by a group.

    Args:
        in_turn: who answers where nobody of the group can.
    """
    series = ReviewSeries(
        name="Who may use the billing database",
        description="Every quarter, before the accounts are closed.",
        owner=owner,
        directory=directory,
        frequency=ReviewSeries.Frequency.QUARTERLY,
        of_services=True,
    )
    stage = StageWish(who=Who.CHOSEN, days=14, reviewers=[reviewers], in_turn=[in_turn])
    keep_series(series, actor=Actor.of(owner), roles=[], told=[], stages=[stage])
    open_review(series.runs.get(status=AccessReview.Status.SCHEDULED), actor=actor)
