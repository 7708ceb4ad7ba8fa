"""What is known of one item that helps to answer it: its use, what speaks for it, who gave it, what was said before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q
from django.db.models.functions import TruncMonth
from django.utils import timezone
from django.utils.dates import MONTHS
from django.utils.translation import gettext as _

from accounts.models import Membership, User
from approvals.cases import bars_of
from approvals.reviews.gathering import facts_of
from approvals.reviews.models import AccessReview, ReviewDecision, ReviewItem, Verdict
from approvals.reviews.recommending import reasons
from approvals.reviews.working import LISTED, Items
from audit.journal.models import AuditEvent
from roles.models import Assignment
from roles.models.lasting import lasting

YEAR = 12  # months
MOST_MEMBERS = 100  # named


@dataclass(frozen=True)
class Use:
    """What was done with an eligibility, by calendar month, the present one last."""

    months: list[int]
    first: datetime
    last_at: datetime | None

    @property
    def total(self) -> int:
        """Activations in these months."""
        return sum(self.months)

    @property
    def bars(self) -> list[dict[str, object]]:
        """The months as bars of a small drawing."""
        return bars_of(self.months)

    @property
    def in_words(self) -> str:
        """The months with their numbers, for whoever does not see the drawing."""
        said = [
            _("%(month)s: %(n)s") % {"month": MONTHS[(self.first.month - 1 + at) % YEAR + 1], "n": count}
            for at, count in enumerate(self.months)
            if count
        ]
        return ", ".join(said) or _("No activation")


def use_of(item: ReviewItem) -> Use | None:
    """How it was used; None where that cannot be seen, as it is held all the time."""
    if item.eligibility_id is None:
        return None
    now = timezone.localtime()
    months = now.year * YEAR + now.month - YEAR  # the first of the twelve, counted from the year 0
    first = now.replace(
        year=months // YEAR, month=months % YEAR + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )
    began = Assignment.objects.filter(eligibility=item.eligibility_id, starts_at__lte=now).order_by()
    rows = began.annotate(month=TruncMonth("starts_at")).values("month")
    counts, last_at = [0] * YEAR, None
    for month, n, last in rows.annotate(n=Count("pk"), last=Max("starts_at")).values_list(
        "month", "n", "last"
    ):
        last_at = max(last, last_at or last)
        at = month.year * YEAR + month.month - 1 - months
        if at >= 0:
            counts[at] += n
    return Use(counts, first, last_at)


@dataclass(frozen=True)
class Running:
    """Activations in force that rest on an item: how many, and when the last of them ends."""

    n: int
    ends_at: datetime | None


@dataclass(frozen=True)
class Members:
    """Who is in the group of an item at this moment.

    Args:
        people: the first of them by name. n: how many there are.
    """

    people: list[User]
    n: int

    @property
    def more(self) -> int:
        """How many are not named."""
        return self.n - len(self.people)


def members_of(item: ReviewItem) -> Members | None:
    """Who has what ``item`` is about through a group; None where it is a person's own."""
    if item.group_id is None:
        return None
    rows = Membership.objects.in_force().filter(group=item.group_id, kind=Membership.Kind.MEMBER)
    people = User.objects.filter(pk__in=rows.order_by().values("person")).order_by("display_name", "pk")
    found = list(people[: MOST_MEMBERS + 1])
    return Members(found[:MOST_MEMBERS], len(found) if len(found) <= MOST_MEMBERS else people.count())


@dataclass(frozen=True)
class Case:
    """Everything about one item that helps to answer it.

    Args:
        members: who has it through the group; None where it is a person's own.
        given: who gave it, and why, as the journal has it.
        before: the last answer to the same question in an earlier review.
        answers: those of this review that count, the oldest first.
    """

    item: ReviewItem
    members: Members | None
    use: Use | None
    running: Running
    reasons: list[str]
    given: AuditEvent | None
    before: ReviewDecision | None
    answers: list[ReviewDecision]
    needed_to: list[str]

    @property
    def held(self) -> Any:
        """The eligibility or assignment that it is about."""
        return self.item.eligibility or self.item.assignment or self.item.group_assignment

    @property
    def latest(self) -> ReviewDecision | None:
        """The answer that counts now, if it was given at the stage that looks at the item."""
        return None if self.item.is_open or not self.answers else self.answers[-1]

    @property
    def earlier(self) -> list[ReviewDecision]:
        """The last answer of each stage before."""
        last = {one.stage: one for one in self.answers if one.stage < self.item.stage}
        return list(last.values())


def case_of(item: ReviewItem, review: AccessReview) -> Case:
    """All that is known of ``item``, read with what ``present_item`` reads."""
    return Case(
        item=item,
        members=members_of(item),
        use=use_of(item),
        running=running_on(item),
        reasons=reasons_for(item, review),
        given=given_by(item),
        before=before_this(item, review),
        answers=list(item.decisions.filter(void_at=None).select_related("reviewer").order_by("at", "pk")),
        needed_to=needed_to(item, review),
    )


def reasons_for(item: ReviewItem, review: AccessReview) -> list[str]:
    """Why it is recommended, in words; nothing where the review recommends nothing."""
    if not review.recommends:
        return []
    is_person = item.person is not None and item.person.kind == User.Kind.PERSON
    return reasons(facts_of(item, review, is_person=is_person))


def needed_to(item: ReviewItem, review: AccessReview) -> list[str]:
    """The verdicts that need a reason, as ``reviewing.check_answer`` asks for it."""
    said = {Verdict.APPROVE: Verdict.DENY, Verdict.DENY: Verdict.APPROVE}
    needed = {said[Verdict(item.recommendation)]} if item.recommendation in said else set()
    if review.why_on_approval:
        needed.add(Verdict.APPROVE)
    return [str(one) for one in (Verdict.APPROVE, Verdict.DENY) if one in needed]


def running_on(item: ReviewItem) -> Running:
    """What is in force at this moment and ends with it."""
    if item.eligibility_id is None:
        return Running(0, None)
    rows = Assignment.objects.filter(
        lasting(timezone.now(), Assignment.Status.ACTIVE), eligibility=item.eligibility_id
    ).order_by()
    found = rows.aggregate(n=Count("pk"), last=Max("ends_at"))
    return Running(found["n"], found["last"])


def given_by(item: ReviewItem) -> AuditEvent | None:
    """The first entry of the journal about it."""
    held = item.eligibility or item.assignment or item.group_assignment
    if held is None:
        return None
    entries = AuditEvent.objects.filter(subject_kind=held._meta.label_lower, subject_key=str(held.pk))
    return entries.order_by("number").first()


def before_this(item: ReviewItem, review: AccessReview) -> ReviewDecision | None:
    """The last answer about the same person or group and role, at the same place, in a review that began before."""
    same = Q(item__person=item.person_id) if item.person_id else Q(item__group=item.group_id)
    found = ReviewDecision.objects.filter(
        same,
        item__role=item.role_id,
        item__scope=item.scope_id,
        item__review__starts_at__lte=review.starts_at,
        void_at=None,
    )
    return found.exclude(item__review=review).select_related("reviewer").order_by("-at", "-pk").first()


def advised_removals(
    waiting: Items, review: AccessReview, *, most: int
) -> Sequence[tuple[ReviewItem, list[str]]]:
    """The first of those that following the recommendations would remove, each with the reasons."""
    rows = waiting.filter(recommendation=Verdict.DENY).order_by("pk")
    return [
        (item, reasons_for(item, review)) for item in rows.select_related(*LISTED, "role__directory")[:most]
    ]
