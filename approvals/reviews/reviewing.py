"""Answering: one item, several, all by their recommendation; and taking an answer back, until the end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from approvals.reviews.models import AccessReview, ReviewDecision, ReviewItem, Verdict
from approvals.reviews.permissions import items_open_to
from audit.journal.actor import Actor
from audit.journal.plain import storable
from audit.journal.recording import Entry, journaled, record, record_all
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.requirements import LONGEST_JUSTIFICATION

AT_A_TIME = 1_000
MOST_TICKED = 500
PAUSE = timedelta(hours=1)  # whoever thinks longer was away


@journaled
def decide_item(item: ReviewItem, *, actor: Actor, verdict: str, justification: str = "") -> ReviewDecision:
    """Answer one item. The last answer counts, whoever gave it, and may be changed until the end.

    Args:
        verdict: one of ``Verdict``.

    Raises:
        NotAllowed: it is not theirs to answer.
        Overtaken: the review is over, or the next stage looks at the item.
        Refused: no verdict, or a justification that is asked for is missing.
    """
    review, person = as_it_stands(item.review, actor)
    [found] = _theirs(review, person, [item.pk])
    return _answer([found], review, actor=actor, verdict=verdict, justification=justification)[0]


@journaled
def decide_items(
    review: AccessReview, *, actor: Actor, keys: Collection[int], verdict: str, justification: str = ""
) -> list[ReviewDecision]:
    """Answer several items alike, or none; see ``decide_item``.

    Args:
        keys: of the items, 500 at most.
    """
    review, person = as_it_stands(review, actor)
    if len(keys) > MOST_TICKED:
        raise Refused(_("Answer at most %(n)s at a time.") % {"n": MOST_TICKED})
    found = _theirs(review, person, keys)
    return _answer(found, review, actor=actor, verdict=verdict, justification=justification)


def _theirs(review: AccessReview, person: User, keys: Collection[int]) -> list[ReviewItem]:
    """The items of these keys, all of which are ``person``'s to answer.

    Raises:
        NotAllowed: one of them is not.
    """
    found = items_open_to(person, review).filter(pk__in=keys).order_by("pk")
    items = list(found.select_related("role__directory", "person", "group"))
    if not items or len(items) != len(set(keys)):
        words = (
            _("This is not yours to answer.")
            if len(keys) == 1
            else _("Not all of these are yours to answer.")
        )
        raise NotAllowed(words, code="not_a_reviewer")
    return items


def _answer(
    items: Sequence[ReviewItem], review: AccessReview, *, actor: Actor, verdict: str, justification: str
) -> list[ReviewDecision]:
    words = storable(justification.strip())
    check_answer(items, review, verdict=verdict, justification=words)
    decisions = _write(items, review, actor=actor, verdicts=[verdict] * len(items), justification=words)
    detail = {"verdict": str(verdict), "said": str(Verdict(verdict).label).lower()}
    record_all(
        [Entry("review.decided", actor, subject=item, justification=words, detail=detail) for item in items]
    )
    return decisions


def check_answer(
    items: Sequence[ReviewItem], review: AccessReview, *, verdict: str, justification: str
) -> None:
    """Refuse an answer that lacks something.

    Raises:
        Refused: so it does.
    """
    if verdict not in Verdict.values:
        raise Refused(_("Choose an answer."), field="verdict")
    if len(justification) > LONGEST_JUSTIFICATION:
        raise Refused(_("At most %(n)s characters.") % {"n": LONGEST_JUSTIFICATION}, field="justification")
    if justification or verdict == Verdict.UNKNOWN:
        return
    if verdict == Verdict.APPROVE and review.why_on_approval:
        raise Refused(_("Say why it is still needed."), field="justification", code="no_justification")
    if any(item.recommendation and item.recommendation != verdict for item in items):
        raise Refused(
            _("Say why, as this goes against the recommendation."),
            field="justification",
            code="no_justification",
        )


@journaled
def follow_recommendations(review: AccessReview, *, actor: Actor, keep: int, remove: int) -> int:
    """Answer everything of theirs that is open as recommended. Returns how many that were.

    Args:
        keep, remove: how many of each there were when the person was asked: what they saw is what happens.

    Raises:
        Overtaken: by now it would be another number, or the review is over.
        Refused: there is nothing to follow.
    """
    review, person = as_it_stands(review, actor)
    items = list(recommended_to(review, person))
    counts = [sum(item.recommendation == one for item in items) for one in (Verdict.APPROVE, Verdict.DENY)]
    if not items:
        raise Refused(_("Nothing that is open has a recommendation."))
    if counts != [keep, remove]:
        raise Overtaken(
            _("Meanwhile something else was answered: look again at what the recommendations would do.")
        )
    words = _("As recommended.")
    _write(items, review, actor=actor, verdicts=[one.recommendation for one in items], justification=words)
    record(
        "review.recommendations_followed",
        actor=actor,
        subject=review,
        detail={"items": len(items), "keep": keep, "remove": remove},
    )
    return len(items)


def recommended_to(review: AccessReview, person: User) -> QuerySet[ReviewItem]:
    """What is open, theirs to answer, and has a recommendation."""
    waiting = items_open_to(person, review).filter(answered_stage__lt=review.stage)
    return waiting.exclude(recommendation="").order_by("pk")


@journaled
def take_back(item: ReviewItem, *, actor: Actor) -> None:
    """Take back one's own last answer to an item; what was answered before it counts again.

    Raises:
        NotAllowed: it is not theirs to answer.
        Overtaken: the review is over, or somebody else has answered since.
    """
    review, person = as_it_stands(item.review, actor)
    [found] = _theirs(review, person, [item.pk])
    last = found.decisions.filter(void_at=None, stage=review.stage).order_by("-at", "-pk").first()
    if last is None or last.reviewer_id != person.pk:
        raise Overtaken
    ReviewDecision.objects.filter(pk=last.pk).update(void_at=timezone.now(), void_why="taken back")
    restore([found])
    record("review.taken_back", actor=actor, subject=found, detail={"verdict": last.verdict})


def restore(items: Sequence[ReviewItem]) -> None:
    """Let each item say what the last answer says that is not void."""
    keys = [item.pk for item in items]
    last = ReviewDecision.objects.filter(item=OuterRef("pk"), void_at=None).order_by("-at", "-pk")[:1]
    rows = ReviewItem.objects.filter(pk__in=keys)
    answered = ReviewDecision.objects.filter(item__in=keys, void_at=None).values("item")
    rows.exclude(pk__in=answered).update(verdict="", reviewer=None, decided_at=None, answered_stage=0)
    rows.filter(pk__in=answered).update(
        verdict=Subquery(last.values("verdict")),
        reviewer=Subquery(last.values("reviewer")),
        decided_at=Subquery(last.values("at")),
        answered_stage=Subquery(last.values("stage")),
    )


def as_it_stands(review: AccessReview, actor: Actor) -> tuple[AccessReview, User]:
    """The review and the person as they are now, whatever their page showed.

    Raises:
        NotAllowed: nobody, or somebody disabled, is acting.
        Overtaken: it is over.
    """
    person = User.objects.enabled().filter(pk=actor.person.pk).first() if actor.person else None
    if person is None:
        raise NotAllowed
    now = AccessReview.objects.select_related("owner", "directory").get(pk=review.pk)
    if not now.is_open():
        raise Overtaken(_("This review is over: nothing can be answered any more."))
    return now, person


def _write(
    items: Sequence[ReviewItem],
    review: AccessReview,
    *,
    actor: Actor,
    verdicts: Sequence[str],
    justification: str,
) -> list[ReviewDecision]:
    """Write the answers, and what counts now. For verbs, which hold the pen: nobody else answers meanwhile."""
    now, person = timezone.now(), actor.person
    before = (
        ReviewDecision.objects.filter(reviewer=person, item__review=review, at__gt=now - PAUSE)
        .order_by("-at")
        .values_list("at", flat=True)
        .first()
    )
    seconds = round((now - before).total_seconds() / len(items)) if before else None
    decisions = ReviewDecision.objects.bulk_create(
        [
            ReviewDecision(
                item=item,
                stage=review.stage,
                reviewer=person,
                verdict=verdict,
                justification=justification,
                at=now,
                seconds=seconds,
            )
            for item, verdict in zip(items, verdicts, strict=True)
        ],
        batch_size=AT_A_TIME,
    )
    for verdict in dict.fromkeys(verdicts):
        keys = [item.pk for item, said in zip(items, verdicts, strict=True) if said == verdict]
        for first in range(0, len(keys), AT_A_TIME):
            ReviewItem.objects.filter(pk__in=keys[first : first + AT_A_TIME]).update(
                verdict=verdict, reviewer=person, decided_at=now, answered_stage=review.stage
            )
    return decisions
