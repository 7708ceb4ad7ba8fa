"""Planning the runs of a series, and opening one: who may or does hold what at that moment is what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Membership
from approvals.reviews.gathering import Known
from approvals.reviews.models import AccessReview, Reviewer, ReviewSeries, ReviewStage
from approvals.reviews.recurring import next_after
from approvals.reviews.scoping import found_by, roles_of_series
from approvals.reviews.telling import tell_reviewers
from approvals.reviews.writing import write_items
from audit.journal.actor import Actor
from audit.journal.lifecycle import begin_life, move_to
from audit.journal.recording import journaled, take_the_pen
from audit.journal.refusing import Overtaken
from roles.models import Role
from roles.nested_groups import group_key_of
from roles.parts import appointed_with
from roles.permissions import OWN

Status = AccessReview.Status
AT_A_TIME = 1_000  # lines in one statement
LATE = timedelta(hours=1)  # whoever is asked so much later gets the whole time all the same


@journaled
def plan_run(series: ReviewSeries, *, actor: Actor, after: int = 0) -> AccessReview | None:
    """Plan the run that follows on number ``after``; None where the series is over with it.

    A start that has passed by already is left out unless it is the first: after an outage a series catches up once.

    Raises:
        Overtaken: somebody planned it in between.
    """
    slot = next_slot(series, after)
    stages = list(series.stages.all())
    if slot is None or series.deleted_at is not None or not stages:
        return None
    if series.runs.filter(status__in=[Status.SCHEDULED, Status.OPEN]).exists():
        raise Overtaken
    number, start = slot
    run = AccessReview(
        series=series,
        number=number,
        starts_at=start,
        ends_at=start + timedelta(days=sum(stage.days for stage in stages)),
        asks=stages[0].who,
        **series.terms(),
    )
    begin_life(run, actor=actor, action="review.planned")
    return run


def next_slot(series: ReviewSeries, number: int) -> tuple[int, datetime] | None:
    """Number and start of the run after that of ``number``; None where there is none."""
    first = series.starts_at.astimezone(series.owner.zone)
    said: Any = {
        "frequency": series.frequency,
        "until": series.until,
        "times": series.times,
        "begun_before": series.begun_before,
    }
    now = timezone.now()
    start = next_after(number, first=first, **said)
    while number and start is not None and start <= now:
        number += 1
        start = next_after(number, first=first, **said)
    return None if start is None else (number + 1, start)


def number_begun(series: ReviewSeries) -> int:
    """The number of the last run that has begun; 0 where none has."""
    begun = series.runs.exclude(status__in=[Status.CANCELED, Status.SCHEDULED])
    return begun.order_by("-number").values_list("number", flat=True).first() or 0


def open_review(review: AccessReview, *, actor: Actor) -> AccessReview:
    """Write down whom it is about and ask the reviewers: one transaction, by a few statements for all of them.

    The book is taken last: a review of fifty thousand keeps nobody waiting while it is gathered.

    Raises:
        Overtaken: somebody opened or canceled it in between.
    """
    try:
        with transaction.atomic():
            review = AccessReview.objects.select_related("series__owner", "series__scope").get(pk=review.pk)
            if review.status != Status.SCHEDULED:
                raise Overtaken
            return _open(review, timezone.now(), actor=actor)
    except IntegrityError as error:  # another worker was faster with the very same rows
        raise Overtaken from error


def _open(review: AccessReview, now: datetime, *, actor: Actor) -> AccessReview:
    series = review.series
    terms = series.terms()
    for name, value in terms.items():
        setattr(review, name, value)
    found = list(found_by(series, now))
    known = Known(roles_of_series(series).order_by().values("pk"), now)
    if series.inactive_days is not None:
        found = [one for one in found if known.is_idle(one, days=series.inactive_days)]
    stages = _copy_stages(review)
    about = Role.objects.select_related("directory").filter(pk__in={one.role for one in found})
    _name_owners([stage for stage in stages if stage.who == ReviewStage.Who.OWNERS], list(about))
    write_items((known.item(one, review) for one in found), review)
    begun = _beginning(review, stages, now)
    for name, value in begun.items():
        setattr(review, name, value)
    tell_reviewers(review, notice="approvals/review_started", actor=actor)
    take_the_pen()
    said = {"items": len(found), "stages": len(stages)}
    move_to(review, Status.OPEN, actor=actor, action="review.opened", detail=said, **terms, **begun)
    return review


def _beginning(review: AccessReview, stages: list[ReviewStage], now: datetime) -> dict[str, Any]:
    """The columns that say when it began and will end, and whom it asks first."""
    begins = review.starts_at if now - review.starts_at < LATE else now
    return {
        "opened_at": now,
        "starts_at": begins,
        "ends_at": begins + timedelta(days=sum(stage.days for stage in stages)),
        "stage": 1,
        "asks": stages[0].who,
        "stage_ends_at": begins + timedelta(days=stages[0].days),
    }


def _copy_stages(review: AccessReview) -> list[ReviewStage]:
    stages = []
    for stage in review.series.stages.prefetch_related("reviewers"):
        copy = ReviewStage.objects.create(
            review=review, number=stage.number, who=stage.who, days=stage.days, moves_on=stage.moves_on
        )
        lines: list[dict[str, Any]] = [
            {"person_id": one.person_id, "group_id": one.group_id, "is_fallback": one.is_fallback}
            for one in stage.reviewers.all()
        ]
        Reviewer.objects.bulk_create(Reviewer(stage=copy, **line) for line in lines)
        stages.append(copy)
    return stages


def _name_owners(stages: Iterable[ReviewStage], roles: list[Role]) -> None:
    """Name the owners of ``roles`` as they are now for each of ``stages``."""
    people, groups = appointed_with(OWN, roles)
    of_groups = {role.pk: key for role in roles if (key := group_key_of(role)) is not None}
    owners = Membership.objects.in_force().filter(
        group__in=set(of_groups.values()), kind=Membership.Kind.OWNER
    )
    by_group: dict[int, set[int]] = {}
    for group, person in owners.values_list("group", "person"):
        by_group.setdefault(group, set()).add(person)
    for stage in stages:
        lines = [
            Reviewer(stage=stage, role=role, person_id=person)
            for role in roles
            for person in people[role.pk] | by_group.get(of_groups.get(role.pk, 0), set())
        ]
        lines += [
            Reviewer(stage=stage, role=role, group_id=group) for role in roles for group in groups[role.pk]
        ]
        Reviewer.objects.bulk_create(lines, batch_size=AT_A_TIME)


@journaled
def cancel_run(review: AccessReview, *, actor: Actor) -> None:
    """Call off a run that has not started.

    Raises:
        Overtaken: it has started.
    """
    move_to(review, Status.CANCELED, actor=actor, action="review.canceled")
