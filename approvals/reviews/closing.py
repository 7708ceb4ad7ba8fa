"""How a review goes on and ends: the next stage, its end, stopped, begun anew; and what comes of each item."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Case, CharField, DateTimeField, F, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.justifying import justification_of
from approvals.reviews.applying import hurry_carrying_out
from approvals.reviews.holding_back import why_held_back
from approvals.reviews.models import AccessReview, ReviewDecision, ReviewItem, Verdict
from approvals.reviews.opening import plan_run
from approvals.reviews.outcomes import denied_of
from approvals.reviews.permissions import check_may_lead
from approvals.reviews.series_models import kept_as
from approvals.reviews.telling import tell_end, tell_reviewers
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import amend, move_to
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken, Refused

Status, Silence, Done = AccessReview.Status, AccessReview.Silence, ReviewItem.Done
MOMENT = timedelta(microseconds=1)  # no review ends before it starts


@journaled
def move_stage_on(review: AccessReview, *, actor: Actor) -> None:
    """End the present stage: what it hands on is asked again of those whom the next one names.

    Raises:
        NotAllowed: the review is not theirs to lead.
        Overtaken: it has moved on, or it is over.
        Refused: there is no further stage.
    """
    check_may_lead(actor, review)
    current = _locked(review)
    stages = {stage.number: stage for stage in current.stages.all()}
    # After an outage its time may be over as well; whom the next stage names still has all of theirs.
    if current.status != Status.OPEN or current.stage != review.stage:
        raise Overtaken
    following = stages.get(current.stage + 1)
    if following is None:
        raise Refused(_("This is the last stage. Stop the review instead, or let it end."))
    items = current.items.filter(stage=current.stage)
    handed_on = items.filter(_handed_on(stages[current.stage].moves_on))
    moved = handed_on.update(stage=following.number)
    now = timezone.now()
    # Moved on early, the time that is left goes to nobody: later stages keep their days.
    rest = timedelta(days=sum(one.days for one in stages.values() if one.number > current.stage))
    amend(
        current,
        actor=actor,
        action="review.stage_ended",
        unless_changed=["stage"],
        detail={"stage": current.stage, "handed_on": moved},
        stage=following.number,
        asks=following.who,
        stage_ends_at=now + timedelta(days=following.days),
        ends_at=now + rest,
        reminded_at=None,
    )
    tell_reviewers(current, notice="approvals/review_started", actor=PORTAL)


def _handed_on(verdicts: list[str]) -> Q:
    """The items with one of ``verdicts``; all of them where none is named."""
    return Q(verdict__in=kept_as(verdicts)) if verdicts else Q()


@journaled
def close_review(review: AccessReview, *, actor: Actor) -> None:
    """Settle what comes of each item, now that its time is over; carry it out, or wait for the owner to say so.

    Raises:
        Overtaken: it is over already, its time is not, or a further stage is to come.
    """
    current = _locked(review)
    goes_on = current.stages.filter(number__gt=current.stage).exists()
    if current.status != Status.OPEN or goes_on or current.ends_at > timezone.now():
        raise Overtaken
    _settle(current, current.on_silence)
    _end(current, Status.CLOSED, actor=actor, action="review.closed")


@journaled
def stop_review(review: AccessReview, *, actor: Actor, justification: str) -> None:
    """End a review early, for good. What was answered counts; about whom nobody answered, nothing changes.

    Raises:
        NotAllowed: the review is not theirs to lead.
        Overtaken: it is over already.
        Refused: no justification.
    """
    current = _open(review, actor)
    why = justification_of(justification)
    _settle(current, Silence.KEEP)
    _end(current, Status.STOPPED, actor=actor, action="review.stopped", justification=why)


@journaled
def reset_review(review: AccessReview, *, actor: Actor, justification: str) -> None:
    """Make every answer void and ask again, in the time that is left.

    Raises:
        NotAllowed: the review is not theirs to lead.
        Overtaken: it is over.
        Refused: nobody has answered, or no justification.
    """
    current = _open(review, actor)
    why = justification_of(justification)
    given = ReviewDecision.objects.filter(item__review=current, void_at=None)
    voided = given.update(void_at=timezone.now(), void_why="reset")
    if not voided:
        raise Refused(_("Nobody has answered yet: there is nothing to begin anew."))
    current.items.update(verdict="", reviewer=None, decided_at=None, answered_stage=0, stage=current.stage)
    amend(
        current,
        actor=actor,
        action="review.reset",
        unless_changed=[],
        justification=why,
        detail={"answers": voided},
        reminded_at=None,
    )
    tell_reviewers(current, notice="approvals/review_started", actor=actor)


@journaled
def release_review(review: AccessReview, *, actor: Actor, justification: str) -> None:
    """Let what was denied be taken away, where the review waits for its owner to say so.

    Raises:
        NotAllowed: the review is not theirs to lead.
        Overtaken: somebody has let it already.
        Refused: it is not over, or no justification where the portal had asked to look at it.
    """
    check_may_lead(actor, review)
    current = _locked(review)
    if current.status not in (Status.CLOSED, Status.STOPPED):
        raise Refused(_("Nothing is carried out before the review is over."))
    if current.released_at is not None:
        raise Overtaken
    why = justification_of(justification) if current.held_back else justification.strip()
    amend(
        current,
        actor=actor,
        action="review.released",
        unless_changed=["released_at"],
        justification=why,
        detail={"held_back": bool(current.held_back)},
        released_at=timezone.now(),
        released_by=actor.person,
    )
    hurry_carrying_out(current)


def _open(review: AccessReview, actor: Actor) -> AccessReview:
    check_may_lead(actor, review)
    current = _locked(review)
    if not current.is_open():
        raise Overtaken(_("This review is over."))
    return current


def _locked(review: AccessReview) -> AccessReview:
    """As it is now; whoever holds the pen is alone with it."""
    return AccessReview.objects.select_related("owner", "directory", "series__owner").get(pk=review.pk)


def _settle(review: AccessReview, silence: str) -> None:
    unanswered = {
        Silence.KEEP: Value(""),
        Silence.REMOVE: Value(Verdict.DENY.value),
        Silence.APPROVE: Value(Verdict.APPROVE.value),
        Silence.RECOMMENDATION: F("recommendation"),
    }[Silence(silence)]
    outcome = Case(When(verdict="", then=unanswered), default=F("verdict"), output_field=CharField())
    goes = When(settled=Verdict.DENY.value, then=Value(Done.NEW.value))
    left_at = Case(
        When(settled=Verdict.DENY.value, then=None),
        default=Value(timezone.now()),
        output_field=DateTimeField(),
    )
    # One statement: everybody who writes waits for it.
    review.items.annotate(settled=outcome).update(
        outcome=F("settled"), done=Case(goes, default=Value(Done.KEPT.value)), done_at=left_at
    )


def _end(review: AccessReview, status: str, *, actor: Actor, action: str, justification: str = "") -> None:
    now = timezone.now()
    going = denied_of(review)
    held_back = "\n".join(why_held_back(review, going))
    removed = going.count()
    by_itself = review.applies_itself and not held_back
    move_to(
        review,
        status,
        actor=actor,
        action=action,
        justification=justification,
        detail={"remove": removed, "held_back": bool(held_back)},
        closed_at=now,
        ends_at=min(max(now, review.starts_at + MOMENT), review.ends_at),
        held_back=held_back,
        released_at=now if by_itself or not removed else None,
    )
    if review.released_at is not None:
        hurry_carrying_out(review)
    tell_end(review, actor=actor)
    plan_run(review.series, actor=PORTAL, after=review.number)
