"""How far a run is: what was answered, by whom and how fast, and who has how much left. A fixed number of questions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, F, Max, Min, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from approvals.reviews.models import AccessReview, ReviewDecision, ReviewItem, ReviewStage, Verdict
from approvals.reviews.panel import Panel, Token

Done = ReviewItem.Done
MOST_LINES = 100  # reviewers on a page
STAMP_FROM = 10  # answers; fewer say nothing about somebody
STAMP_SECONDS = 5
IDLE = timedelta(days=3)


# --- The run as a whole ---


class Tally(NamedTuple):
    """How many items stand how.

    Args:
        open: about which nobody has answered at the present stage.
        keep, remove, unknown, silent: by the last answer.
        kept, going, as_it_is: by the outcome, once it is over. unanswered: of those that go.
        new, ending, applied, gone, failed: those that go, by what was done.
    """

    items: int
    open: int
    keep: int
    remove: int
    unknown: int
    silent: int
    kept: int
    going: int
    as_it_is: int
    unanswered: int
    new: int
    ending: int
    applied: int
    gone: int
    failed: int

    @property
    def answered(self) -> int:
        """About which nobody has to answer any more."""
        return self.items - self.open

    @property
    def removed(self) -> int:
        """What is gone, whoever took it away."""
        return self.applied + self.gone


def tally_of(review: AccessReview) -> Tally:
    """How many items of ``review`` stand how. One question."""
    going = Q(outcome=Verdict.DENY)
    asked = {
        "items": Q(),
        "open": Q(stage=review.stage, answered_stage__lt=review.stage),
        "keep": Q(verdict=Verdict.APPROVE),
        "remove": Q(verdict=Verdict.DENY),
        "unknown": Q(verdict=Verdict.UNKNOWN),
        "silent": Q(verdict=""),
        "kept": Q(outcome=Verdict.APPROVE),
        "going": going,
        "as_it_is": Q(outcome__in=["", Verdict.UNKNOWN]),
        "unanswered": going & Q(verdict=""),
        **{done.value: going & Q(done=done) for done in Done if done != Done.KEPT},
    }
    counts = {f"n_{name}": Count("pk", filter=said) for name, said in asked.items()}
    found = review.items.order_by().aggregate(**counts)
    return Tally(**{name: found[f"n_{name}"] for name in asked})


def removal_of(review: AccessReview) -> Tally:
    """As ``tally_of``, only of what goes: asked every few seconds while it is carried out."""
    rows = review.items.filter(outcome=Verdict.DENY).order_by().values_list("done").annotate(n=Count("pk"))
    counts = {str(done): n for done, n in rows}
    nothing = dict.fromkeys(Tally._fields, 0)
    done = {name: n for name, n in counts.items() if name in nothing}
    return Tally(**nothing | done | {"going": sum(counts.values())})


# --- By reviewer ---


@dataclass(frozen=True)
class Line:
    """One reviewer.

    Args:
        answered: items they have answered; ``now`` of them at the present stage.
        answers, kept: all answers of theirs that count, and those that keep.
        seconds: the median between two answers; None where none is known.
        half_over, over: whether half the time of the stage has passed, or all of it.
    """

    person: User
    answered: int = 0
    now: int = 0
    answers: int = 0
    kept: int = 0
    open: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    seconds: int | None = None
    half_over: bool = False
    over: bool = False

    @property
    def is_stamp(self) -> bool:
        """Whether they kept everything, and faster than anybody can look."""
        if self.answers < STAMP_FROM or self.kept < self.answers:
            return False
        if self.seconds is None:
            return self.first_at == self.last_at
        return self.seconds < STAMP_SECONDS

    @property
    def is_late(self) -> bool:
        """Whether somebody should talk to them."""
        return self.look[0] == "bad"

    @property
    def look(self) -> tuple[str, str, str]:
        """Tone, icon and word for how they stand."""
        if not self.open:
            return "ok", "check", _("Done")
        if self.over:
            return "bad", "alert", _("Overdue")
        if not self.now or self.last_at is None:
            if self.half_over:
                return "bad", "hourglass", _("Not begun, half the time is over")
            return "wait", "clock", _("Not begun")
        days = (timezone.now() - self.last_at).days
        if days >= IDLE.days:
            words = ngettext("Idle for %(n)s day", "Idle for %(n)s days", days) % {"n": days}
            return "wait", "hourglass", words
        return "info", "arrow", _("At work")


class Lines(NamedTuple):
    """Reviewers, those with most left first.

    Args:
        is_more: whether there are others, with less left and fewer answers.
    """

    rows: list[Line]
    is_more: bool

    @property
    def stamps(self) -> list[Line]:
        """Those who kept everything too fast."""
        return [line for line in self.rows if line.is_stamp]

    @property
    def late(self) -> list[Line]:
        """Those who are late."""
        return [line for line in self.rows if line.is_late]


def lines_of(review: AccessReview, stages: Sequence[ReviewStage] = ()) -> Lines:
    """The reviewers of ``review``: whoever has something left, and whoever has answered.

    Args:
        stages: its stages, if they were just read.
    """
    answers = ReviewDecision.objects.filter(item__review=review, void_at=None).order_by()
    each: Any = answers.values("reviewer").annotate(
        answered=Count("item", distinct=True),
        now=Count("pk", filter=Q(stage=review.stage)),
        answers=Count("pk"),
        kept=Count("pk", filter=Q(verdict=Verdict.APPROVE)),
        first_at=Min("at"),
        last_at=Max("at"),
    )
    known = {row.pop("reviewer"): row for row in each.order_by("-answers", "reviewer")[:MOST_LINES]}
    is_all = len(known) < MOST_LINES
    if not is_all:
        suspects = each.filter(answers__gte=STAMP_FROM, answers=F("kept")).order_by("-answers", "reviewer")
        known |= {row.pop("reviewer"): row for row in suspects[:MOST_LINES]}
    left: dict[int, int] = {}
    if review.status == AccessReview.Status.OPEN:
        left = Workload(review).left(known)
        others = left.keys() - known.keys()
        if others and not is_all:
            known |= {row.pop("reviewer"): row for row in each.filter(reviewer__in=others)}
    people = User.objects.in_bulk(known.keys() | {key for key, n in left.items() if n})
    medians = _medians(answers.filter(reviewer__in=known))
    half_over, over = _time_passed(review, stages)
    rows = [
        Line(
            person,
            open=left.get(key, 0),
            seconds=medians.get(key),
            half_over=half_over,
            over=over,
            **known.get(key, {}),
        )
        for key, person in people.items()
    ]
    rows.sort(key=lambda one: (not one.is_stamp, -one.open, -one.answered, str(one.person)))
    return Lines(rows[:MOST_LINES], len(rows) >= MOST_LINES)


def _medians(answers: QuerySet[ReviewDecision]) -> dict[int, int]:
    """By reviewer, from how many answers took how many seconds: of these there are 3,600 at most for each."""
    rows = answers.exclude(seconds=None).values_list("reviewer", "seconds").annotate(n=Count("pk"))
    taken: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for reviewer, seconds, n in rows.order_by("reviewer", "seconds"):
        taken[reviewer].append((seconds, n))
    medians = {}
    for reviewer, counted in taken.items():
        rest = (sum(n for _seconds, n in counted) + 1) // 2
        for seconds, n in counted:
            rest -= n
            if rest <= 0:
                medians[reviewer] = seconds
                break
    return medians


def _time_passed(review: AccessReview, stages: Sequence[ReviewStage]) -> tuple[bool, bool]:
    days = next((stage.days for stage in stages if stage.number == review.stage), 0)
    end, now = review.stage_ends_at, timezone.now()
    if end is None or review.status != AccessReview.Status.OPEN:
        return False, False
    return now >= end - timedelta(days=days) / 2, now >= end


class Workload(Panel):
    """How much each of those who are asked has left at the present stage."""

    def left(self, also: Collection[int] = ()) -> dict[int, int]:
        """How many items each has left: all who are named, and of the others those with most.

        Args:
            also: people who are to be in it in any case.
        """
        left = self._shares(self.waiting.exclude(self.with_group_owner), self.named(in_turn=False))
        if self.asked_by:
            left.update(self._by_person(also))
        if self.asks_group_owners:
            left.update(self._by_group_owner())
        if fallback := self.named(in_turn=True):
            left.update(self._shares(self.waiting.filter(self.nobody_first), fallback))
        owners = self.waiting.filter(self.nobody_first & self.nobody_in_turn)
        left.update(self._shares(owners, {self.review.owner_id: None}))
        return left

    def _by_person(self, also: Collection[int]) -> Counter[int]:
        """Those whose own or whose people's access it is."""
        column = self.asked_by
        theirs = self.waiting.exclude(self.nobody_first).exclude(**{column: None})
        each = theirs.values_list(column).annotate(n=Count("pk")).order_by("-n", column)
        counts = Counter(dict(each[:MOST_LINES]))
        if missing := set(also) - counts.keys():
            counts.update(dict(each.filter(**{f"{column}__in": missing})))
        return counts

    def _by_group_owner(self) -> Counter[int]:
        """Those whose group's access it is."""
        counts: Counter[int] = Counter()
        groups = dict(self.waiting.exclude(group=None).values_list("group").annotate(n=Count("pk")))
        for group, person in self._owners_who_can(groups):
            counts[person] += groups[group]
        return counts

    def _shares(self, items: QuerySet[ReviewItem], named: dict[int, set[int] | None]) -> Counter[int]:
        """How many of ``items`` each of ``named`` may answer: by role, without what is off limits to them."""
        shares: Counter[int] = Counter()
        by_role = dict(items.values_list("role").annotate(n=Count("pk"))) if named else {}
        if not by_role:
            return shares
        limits = self._off_limits(named)
        about = self._about(items, {token for tokens in limits.values() for token in tokens})
        for person, roles in named.items():
            if person not in limits:
                continue
            asked = sum(by_role.values()) if roles is None else sum(by_role.get(role, 0) for role in roles)
            barred = {pair for token in limits[person] for pair in about.get(token, ())}
            shares[person] += asked - sum(roles is None or role in roles for _item, role in barred)
        return shares

    def _about(
        self, items: QuerySet[ReviewItem], tokens: Collection[Token]
    ) -> dict[Token, set[tuple[int, int]]]:
        """By token: key and role of each item that it speaks of."""
        keys: dict[str, list[Any]] = defaultdict(list)
        for kind, key in tokens:
            keys[kind].append(key)
        meant = Q(person__in=keys["person"]) | Q(group__in=keys["group"])
        if keys["human"]:
            meant |= Q(person__person_key__in=keys["human"])
        found: dict[Token, set[tuple[int, int]]] = defaultdict(set)
        rows = items.filter(meant).values_list("pk", "role", "person", "person__person_key", "group")
        for item, role, person, human, group in rows:
            for token in (("person", person), ("human", human), ("group", group)):
                if token[1]:
                    found[token].add((item, role))
        return found
