"""Changing a run while it is open: its end, what comes of it, and who answers. What was written down at its start stays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateformat import format as dated
from django.utils.translation import gettext as _

from accounts.models import Group, User
from approvals.reviews.models import AccessReview, Reviewer, ReviewStage
from approvals.reviews.opening import next_slot
from approvals.reviews.panel import Panel
from approvals.reviews.permissions import check_may_change
from approvals.reviews.recurring import LONGEST
from approvals.reviews.telling import tell_new_reviewers
from audit.journal.actor import Actor
from audit.journal.lifecycle import amend
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken, Refused

Who = ReviewStage.Who
#: what may be changed beside the end and the reviewers
TERMS = ("on_silence", "most_percent", "applies_itself", "reminds", "extra_text", "why_on_approval")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class StageChange:
    """Who is to answer at the present stage of a run, or at one to come.

    Args:
        number: of the stage.
        reviewers: who is asked; only a stage with chosen reviewers has any.
        in_turn: who answers where nobody of them can.
        days: how long a stage to come lasts; of the present one its end says it.
    """

    number: int
    reviewers: Sequence[User | Group]
    in_turn: Sequence[User | Group]
    days: int = 0


@journaled
def change_review(
    review: AccessReview,
    *,
    actor: Actor,
    stage_ends_at: datetime,
    terms: Mapping[str, Any],
    stages: Sequence[StageChange],
    seen: str = "",
) -> list[User]:
    """Change an open run; it counts at once, for this run alone. Answers that were given stay, whoever gave them.

    Args:
        stage_ends_at: when the present stage ends. The run ends with it, or after the days of the stages to come.
        terms: of ``TERMS``, what is to be another one.
        stages: the present stage, and those to come; who is left out stays as it is.
        seen: ``version_of_run`` when the page was made, if there was one.

    Returns:
        Who was told, as they have something to answer now and had not before.

    Raises:
        NotAllowed: it is not theirs to lead, or a role of it is somebody else's to look after.
        Overtaken: it is over, its stage is, or it is another one than was seen.
        Refused: an end that is over or too late, a stage without reviewers, or nothing would change.
    """
    check_may_change(actor, review)
    current = AccessReview.objects.select_related("owner", "directory", "series__owner").get(pk=review.pk)
    check_is_open(current)
    if seen and seen != version_of_run(current):
        raise Overtaken
    asked = [one.pk for one in Panel(current).people_with_open_items()]
    before = in_words(current)
    wished = {stage.number: stage for stage in stages}
    rows = list(stages_left(current))
    for row in rows:
        if row.number in wished:
            _change_stage(row, wished[row.number], is_present=row.number == current.stage)
    changes = {name: terms[name] for name in TERMS if name in terms}
    changes |= _new_times(current, stage_ends_at, rows)
    for name, value in changes.items():
        setattr(current, name, value)
    after = in_words(current)
    fields = {
        name: {"from": before[name], "to": after[name]} for name in before if before[name] != after[name]
    }
    if not fields:
        raise Refused(_("Nothing would change."), code="unchanged")
    amend(
        current,
        actor=actor,
        action="review.changed",
        unless_changed=["stage"],
        detail={"fields": fields},
        **changes,
    )
    return tell_new_reviewers(current, known=asked, actor=actor)


def check_is_open(review: AccessReview) -> None:
    """Refuse where reviewers cannot answer any more, or not yet.

    Raises:
        Overtaken: so it is.
    """
    if review.status == AccessReview.Status.SCHEDULED:
        raise Overtaken(_("This review has not begun. Change its series: it begins under the terms of that."))
    if not review.is_open() or (review.stage_ends_at or review.ends_at) <= timezone.now():
        raise Overtaken(_("This review is over, or its stage is. Only what is open can be changed."))


def stages_left(review: AccessReview) -> list[ReviewStage]:
    """The present stage and those to come, with who is named for them."""
    rows = review.stages.filter(number__gte=review.stage).order_by("number")
    return list(rows.prefetch_related("reviewers__person", "reviewers__group"))


def version_of_run(review: AccessReview) -> str:
    """What a page compares to know that nobody changed what it showed: reminders and answers do not count."""
    said = [
        str(review.stage),
        *(f"{name}: {getattr(review, name)}" for name in (*TERMS, "stage_ends_at", "ends_at", "owner_id")),
    ]
    for stage in stages_left(review):
        lines = sorted(
            (one.person_id or 0, one.group_id or 0, one.is_fallback)
            for one in stage.reviewers.all()
            if one.role_id is None
        )
        said.append(f"{stage.number} {stage.days} {lines}")
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]


def in_words(review: AccessReview) -> dict[str, Any]:
    """What may be changed of a run, for the journal: by name, in plain values."""
    said: dict[str, Any] = {name: getattr(review, name) for name in TERMS}
    said["on_silence"] = str(review.get_on_silence_display())
    said |= {name: getattr(review, name).isoformat() for name in ("ends_at", "stage_ends_at")}
    for stage in stages_left(review):
        lines = sorted((one for one in stage.reviewers.all() if one.role_id is None), key=str)
        said[f"days_of_stage_{stage.number}"] = stage.days
        said[f"reviewers_of_stage_{stage.number}"] = [str(one) for one in lines if not one.is_fallback]
        said[f"in_their_place_at_stage_{stage.number}"] = [str(one) for one in lines if one.is_fallback]
    return said


def _change_stage(stage: ReviewStage, wish: StageChange, *, is_present: bool) -> None:
    if stage.who == Who.CHOSEN:
        if not wish.reviewers:
            words = _("Name at least one person or group who answers at stage %(n)s.")
            raise Refused(words % {"n": stage.number}, field="stages")
        _name(stage, wish.reviewers, in_turn=False)
    _name(stage, wish.in_turn, in_turn=True)
    if not is_present and wish.days:
        stage.days = wish.days
        stage.save(update_fields=["days"])


def _name(stage: ReviewStage, wanted: Sequence[User | Group], *, in_turn: bool) -> None:
    """Let ``wanted`` be named and nobody else; owners who were found at the start stay."""
    lines = [one for one in stage.reviewers.all() if one.is_fallback == in_turn and one.role_id is None]
    there = {one.person or one.group: one.pk for one in lines}
    Reviewer.objects.filter(pk__in=[key for one, key in there.items() if one not in wanted]).delete()
    Reviewer.objects.bulk_create(
        Reviewer(
            stage=stage,
            person=one if isinstance(one, User) else None,
            group=one if isinstance(one, Group) else None,
            is_fallback=in_turn,
        )
        for one in dict.fromkeys(wanted)
        if one not in there
    )


def _new_times(
    review: AccessReview, stage_ends_at: datetime, stages: Sequence[ReviewStage]
) -> dict[str, Any]:
    """When the present stage and the run end; the days of the present stage follow.

    Raises:
        Refused: the end is over, or it lies beyond the start of the next run.
    """
    if stage_ends_at <= timezone.now():
        words = _("This moment is over. Choose a later one; to end it at once, stop the review.")
        raise Refused(words, field="stage_ends_at")
    present, coming = stages[0], stages[1:]
    ends_at = stage_ends_at + sum((stage.days for stage in coming), start=0) * DAY
    if ends_at > (latest := latest_end(review)):
        end = dated(timezone.localtime(latest), "j M Y, H:i")
        words = _(
            "It has to be over by %(end)s: no review lasts longer, nor into the day before the next one starts."
        )
        raise Refused(words % {"end": end}, field="stage_ends_at")
    if stage_ends_at != review.stage_ends_at:
        present.days = max(1, round((stage_ends_at - _beginning(review, present)) / DAY))
        present.save(update_fields=["days"])
    return {"stage_ends_at": stage_ends_at, "ends_at": ends_at}


def _beginning(review: AccessReview, stage: ReviewStage) -> datetime:
    """When the present stage began."""
    if stage.number == 1:
        return review.starts_at
    return (review.stage_ends_at or review.ends_at) - stage.days * DAY


def latest_end(review: AccessReview) -> datetime:
    """The latest end a run may be given: a day before the next one starts, or as long as one without a next may last."""
    following = next_slot(review.series, review.number)
    latest = following[1] - DAY if following else review.starts_at + LONGEST["once"] * DAY
    return max(latest, review.ends_at)
