"""Making, changing and deleting a series. What runs already keeps the terms under which it opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone
from django.utils.dateformat import format as dated
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Group, User
from approvals.reviews.models import AccessReview, Reviewer, ReviewSeries, ReviewStage
from approvals.reviews.opening import cancel_run, number_begun, plan_run
from approvals.reviews.permissions import check_may_lead, check_may_review_roles, may_have_reviewed
from approvals.reviews.recurring import LONGEST
from audit.journal.actor import PORTAL, Actor
from audit.journal.recording import journaled, record, save_as
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Role

MOST_STAGES = 3
Who = ReviewStage.Who


@dataclass(frozen=True)
class StageWish:
    """Who is to answer at a stage, and for how long.

    Args:
        days: how long.
        moves_on: the answers that the next stage looks at again, of ``series_models.ANSWERS``; empty is all.
        reviewers: who is asked, where ``who`` is chosen. in_turn: who answers where nobody of them can.
    """

    who: str
    days: int
    moves_on: Sequence[str] = ()
    reviewers: Sequence[User | Group] = ()
    in_turn: Sequence[User | Group] = field(default=())

    def in_words(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "who": str(Who(self.who).label),
            "days": self.days,
            "reviewers": [str(one) for one in self.reviewers],
            "in_turn": [str(one) for one in self.in_turn],
        }


@journaled
def keep_series(
    series: ReviewSeries,
    *,
    actor: Actor,
    roles: Sequence[Role],
    told: Sequence[User | Group],
    stages: Sequence[StageWish],
    seen: str = "",
) -> ReviewSeries:
    """Save a new series, or change one, and plan its next run.

    Args:
        series: as it shall be; not saved yet.
        roles: what is reviewed; none is all that the filter meets.
        told: who hears of the result beside its owner; of a group its members.
        seen: ``version_of`` it when the page was made, if there was one.

    Raises:
        NotAllowed: one of the roles is somebody else's to look after, or the series is somebody else's to lead.
        Overtaken: it was deleted, or is another one than was seen.
        Refused: something is missing, a run would last longer than the time to the next, or another first start lies
            in the past of a series that has begun.
    """
    is_new = series.pk is None
    if not is_new:
        current = ReviewSeries.objects.get(pk=series.pk)
        check_may_lead(actor, current)
        if current.deleted_at is not None or (seen and seen != version_of(current)):
            raise Overtaken
        if series.starts_at != current.starts_at:
            count_anew(series)
    elif actor.person is not None and not may_have_reviewed(actor.person):
        raise NotAllowed
    check_terms(series, stages)
    save_as(series, actor=actor)
    series.roles.set(roles)
    series.told.set([one for one in told if isinstance(one, User)])
    series.told_groups.set([one for one in told if isinstance(one, Group)])
    check_may_review_roles(actor, series)
    _keep_stages(series, stages)
    record(
        "review_series.arranged",
        actor=actor,
        subject=series,
        detail={"roles": [str(role) for role in roles], "stages": [stage.in_words() for stage in stages]},
    )
    _plan_anew(series, actor=actor)
    return series


def check_terms(series: ReviewSeries, stages: Sequence[StageWish]) -> None:
    """Refuse what cannot work.

    Raises:
        Refused: so it is; the message is for the field it names.
    """
    if not 1 <= len(stages) <= MOST_STAGES:
        raise Refused(_("A review has one to three stages."), field="stages")
    if not (series.of_people or series.of_groups or series.of_services):
        raise Refused(_("Choose whose access is reviewed."), field="of_people")
    for number, stage in enumerate(stages, start=1):
        if stage.who == Who.CHOSEN and not stage.reviewers:
            raise Refused(_("Choose at least one reviewer for stage %(n)s.") % {"n": number}, field="stages")
    days, longest = sum(stage.days for stage in stages), LONGEST[series.frequency]
    if days > longest:
        words = ngettext(
            "It may last %(n)s day at most, so that it is over before the next one.",
            "It may last %(n)s days at most, so that it is over before the next one.",
            longest,
        )
        raise Refused(words % {"n": longest}, field="stages")
    if series.until is not None and series.until < series.starts_at:
        raise Refused(_("The last start comes before the first."), field="until")
    if series.scope is not None and series.directory_id != series.scope.directory_id:
        raise Refused(_("Choose the directory of this scope as well."), field="scope")


def count_anew(series: ReviewSeries) -> None:
    """Count the starts of a series that has begun from its first start as it stands there now; numbers go on.

    Raises:
        Refused: that is over, or comes before the end of the run that is open: it would be passed over.
    """
    series.begun_before = number_begun(series)
    if not series.begun_before:
        return
    if series.starts_at <= timezone.now():
        words = _("This series has begun already. Choose a start that is still to come.")
        raise Refused(words, field="starts_at")
    running = series.runs.filter(status=AccessReview.Status.OPEN).first()
    if running is not None and series.starts_at <= running.ends_at:
        end = dated(timezone.localtime(running.ends_at), "j M Y, H:i")
        words = _("A review of it is open until %(end)s. Choose a start after that.")
        raise Refused(words % {"end": end}, field="starts_at")


def version_of(series: ReviewSeries) -> str:
    """What identifies the state of a series, to notice that somebody changed it since."""
    last = ReviewSeries.history.filter(id=series.pk).order_by("-history_id").first()
    return str(last.history_id) if last else ""


def _keep_stages(series: ReviewSeries, stages: Sequence[StageWish]) -> None:
    series.stages.all().delete()
    for number, wish in enumerate(stages, start=1):
        stage = ReviewStage.objects.create(
            series=series, number=number, who=wish.who, days=wish.days, moves_on=list(wish.moves_on)
        )
        chosen = wish.reviewers if wish.who == Who.CHOSEN else ()
        lines = [(one, False) for one in chosen] + [(one, True) for one in wish.in_turn]
        Reviewer.objects.bulk_create(
            Reviewer(
                stage=stage,
                person=who if isinstance(who, User) else None,
                group=who if isinstance(who, Group) else None,
                is_fallback=in_turn,
            )
            for who, in_turn in lines
        )


def _plan_anew(series: ReviewSeries, *, actor: Actor) -> None:
    """Plan the next run by the new terms; one that is open goes on under its own, and plans the next at its end."""
    live = series.runs.filter(status__in=[AccessReview.Status.SCHEDULED, AccessReview.Status.OPEN]).first()
    if live is not None and live.status == AccessReview.Status.OPEN:
        return
    if live is not None:
        cancel_run(live, actor=actor)
    plan_run(series, actor=PORTAL, after=number_begun(series))


@journaled
def delete_series(series: ReviewSeries, *, actor: Actor) -> None:
    """Let no further run start, and hide the series. Its runs, answers and results stay on record.

    Raises:
        NotAllowed: it is somebody else's to lead.
        Overtaken: it was deleted already.
        Refused: a run of it is open.
    """
    check_may_lead(actor, series)
    current = ReviewSeries.objects.get(pk=series.pk)
    if current.deleted_at is not None:
        raise Overtaken
    if current.runs.filter(status=AccessReview.Status.OPEN).exists():
        raise Refused(_("A review of it is open. Stop that first."))
    for run in current.runs.filter(status=AccessReview.Status.SCHEDULED):
        cancel_run(run, actor=actor)
    current.deleted_at = timezone.now()
    save_as(current, actor=actor)
    record("review_series.deleted", actor=actor, subject=current)
