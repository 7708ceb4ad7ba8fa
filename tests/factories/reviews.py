"""Access reviews for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Group, User
from approvals.reviews.keeping import StageWish, keep_series
from approvals.reviews.models import (
    AccessReview,
    ReviewDecision,
    ReviewItem,
    ReviewSeries,
    ReviewStage,
    Verdict,
)
from approvals.reviews.opening import open_review
from approvals.reviews.permissions import items_open_to, reviewers_of
from approvals.reviews.reviewing import decide_item, decide_items
from audit.journal.actor import PORTAL
from roles.models import Assignment, GroupAssignment, Role
from roles.provisioning import begin_assignment
from roles.spreading import begin_group_assignment
from tests.factories.roles import NOON, acting, now

CHOSEN, THEMSELVES = ReviewStage.Who.CHOSEN, ReviewStage.Who.THEMSELVES
#: when access began whose use can be judged by now
LONG_AGO = NOON - timedelta(days=400)
MANAGER, OWNERS = ReviewStage.Who.MANAGER, ReviewStage.Who.OWNERS


def make_series(
    owner: User,
    *reviewers: User | Group,
    roles: Sequence[Role] = (),
    who: str = CHOSEN,
    in_turn: Sequence[User | Group] = (),
    days: int = 14,
    stages: Sequence[StageWish] = (),
    told: Sequence[User | Group] = (),
    **terms: Any,
) -> ReviewSeries:
    """A series of one stage, unless ``stages`` are given, made by its owner."""
    series = ReviewSeries(**{"name": "Who still needs it", "owner": owner, "most_percent": 100} | terms)
    wishes = stages or [StageWish(who=who, days=days, reviewers=reviewers, in_turn=in_turn)]
    return keep_series(series, actor=acting(owner), roles=roles, told=told, stages=wishes)


def open_run(series: ReviewSeries) -> AccessReview:
    """The run that is planned, opened now."""
    return open_review(series.runs.get(status=AccessReview.Status.SCHEDULED), actor=PORTAL)


def item_of(review: AccessReview, who: User | Group, role: Role | None = None) -> ReviewItem:
    """What ``review`` asks about ``who``."""
    column = "group" if isinstance(who, Group) else "person"
    items = review.items.filter(**{column: who})
    return (items.filter(role=role) if role else items).select_related("review", "role", "person").get()


def answer(
    item: ReviewItem, who: User, verdict: str = Verdict.DENY, why: str = "The team has moved on"
) -> ReviewDecision:
    """One answer, with a reason."""
    return decide_item(item, actor=acting(who), verdict=verdict, justification=why)


def end_of(review: AccessReview) -> datetime:
    """When it is over, as it stands in the database."""
    return now(review).ends_at


def make_service(name: str, manager: User) -> User:
    """A service principal for which ``manager`` answers."""
    return User.objects.create_user(
        f"{name}@example.test", name.title(), kind=User.Kind.SERVICE, manager=manager
    )


def assign(role: Role, person: User, *, ends_at: datetime | None = None) -> Assignment:
    """An active assignment for the whole directory, from now on."""
    return begin_assignment(
        role,
        actor=PORTAL,
        person=person,
        scope=role.directory.root_scope(),
        starts_at=timezone.now(),
        ends_at=ends_at,
    )


def assign_group(role: Role, group: Group) -> GroupAssignment:
    """An active assignment for each member of ``group``, from now on."""
    scope = role.directory.root_scope()
    return begin_group_assignment(
        role, actor=PORTAL, group=group, scope=scope, starts_at=timezone.now(), ends_at=None
    )


def answer_open(review: AccessReview, who: User, verdict: str = Verdict.APPROVE, most: int = 100) -> None:
    """Let ``who`` answer what is open, at most so much of it, in one go."""
    keys = list(review.items.filter(answered_stage__lt=review.stage).values_list("pk", flat=True)[:most])
    decide_items(review, actor=acting(who), keys=keys, verdict=verdict, justification="So it is")


@contextmanager
def disabled(*people: User) -> Iterator[None]:
    """They cannot sign in meanwhile."""
    User.objects.filter(pk__in=[one.pk for one in people]).update(is_active=False)
    yield
    User.objects.filter(pk__in=[one.pk for one in people]).update(is_active=True)


def reviewers(review: AccessReview, who: User | Group) -> set[str]:
    """The first names of those who may answer for ``who``; both directions say so."""
    item = item_of(now(review), who)
    found = {one for one in User.objects.all() if items_open_to(one, now(review)).filter(pk=item.pk).exists()}
    assert found == set(reviewers_of(item))
    return {one.email.partition("@")[0] for one in found}
