"""Everything an approver needs to see to say yes or no, for many requests at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import Membership, User
from approvals.approvers import approvers_of_all
from approvals.extending import EXTENSIONS, Given, held_by_request, suggested
from approvals.models import AccessRequest
from approvals.timeline import stage_in_words
from roles.models import Assignment, Eligibility
from roles.requirements import Asked, window

MONTHS = 12
MONTH = timedelta(days=30.4)
NAMED = 10  # others who may decide
SHORT = 240  # minutes up to which half hours are offered
TALLEST = 16  # of a bar, in units of its drawing
Status = AccessRequest.Status


@dataclass
class Past:
    """What became of a person's earlier requests for a role, over twelve months.

    Args:
        approved, denied: how many.
        last_at: when they asked last; None if never.
        months: requests in each month, oldest first, and whether one of them was denied.
    """

    approved: int = 0
    denied: int = 0
    last_at: datetime | None = None
    months: list[int] = field(default_factory=lambda: [0] * MONTHS)
    denied_months: set[int] = field(default_factory=set)

    def add(self, status: str, at: datetime, *, now: datetime) -> None:
        """Count one more request."""
        month = MONTHS - 1 - min(MONTHS - 1, int((now - at) / MONTH))
        self.months[month] += 1
        self.approved += status == Status.APPROVED
        self.denied += status == Status.DENIED
        if status == Status.DENIED:
            self.denied_months.add(month)
        self.last_at = max(at, self.last_at or at)

    @property
    def bars(self) -> list[dict[str, object]]:
        """The months as bars, marked where something was denied."""
        return bars_of(self.months, denied=self.denied_months)


def bars_of(months: Sequence[int], *, denied: Collection[int] = ()) -> list[dict[str, object]]:
    """Counts by month as bars of a small drawing, 120 wide and 24 high.

    Args:
        denied: places of the months in which something was denied.
    """
    most = max(months) or 1
    return [
        {
            "x": at * 10,
            "y": 22 - (TALLEST * count) // most,
            "height": 2 + (TALLEST * count) // most,
            "kind": "no" if at in denied else "" if count else "none",
        }
        for at, count in enumerate(months)
    ]


@dataclass(frozen=True)
class Case:
    """One request as its approver sees it.

    Args:
        starts_at, ends_at: when it would hold if it were approved at this moment.
        others: who else may decide.
        held: what an extension or renewal is about; given: what would be given when nothing else is said.
    """

    access_request: AccessRequest
    starts_at: datetime
    ends_at: datetime
    past: Past
    others: list[User]
    held: Eligibility | Assignment | None = None
    given: Given | None = None

    @property
    def lengths(self) -> list[int]:
        """The minutes for which an activation may be approved: what was asked for first, then less of it."""
        asked = self.access_request.minutes or 0
        step = 60 if asked > SHORT else 30
        return [asked, *range((asked - 1) // step * step, 0, -step)] if asked else []

    @property
    def stage_in_words(self) -> str:
        """Which stage this is and how many must agree; "" where any one decides it all."""
        return stage_in_words(self.access_request)


def cases_of(requests: Sequence[AccessRequest], person: User) -> list[Case]:
    """The cases that ``person`` decides on, in the order given."""
    now = timezone.now()
    pasts = pasts_of(requests, now=now)
    deciders = approvers_of_all(requests)
    ends = ends_of(requests)
    cases = []
    for one in requests:
        asked = Asked(minutes=one.minutes or 0, starts_at=one.asked_start)
        until = ends.get(one.pk)
        starts_at, ends_at = window(asked, decided_at=now, eligible_until=until)
        if one.act == AccessRequest.Act.PROLONG and one.assignment and one.asked_end:
            starts_at, ends_at = one.assignment.starts_at, one.asked_end
        others = [each for each in deciders[one.pk] if each.pk != person.pk][:NAMED]
        held, given = None, None
        if one.act in EXTENSIONS:
            held, given = held_by_request(one), suggested(one)
        cases.append(Case(one, starts_at, ends_at, pasts[one.holder_id, one.role_id], others, held, given))
    return cases


def ends_of(requests: Sequence[AccessRequest]) -> dict[int, datetime]:
    """When what each request rests on ends for its holder, by the request's key; what never ends is left out.

    As ``Eligibility.ends_for`` says it of one: with the eligibility, or with the membership in its group.
    """
    through = {
        (one.eligibility.group_id, one.holder_id)
        for one in requests
        if one.eligibility and one.eligibility.group_id and one.holder_id
    }
    leaves: dict[tuple[int, int], list[datetime | None]] = defaultdict(list)
    held = Membership.objects.in_force().filter(
        group__in={group for group, _ in through},
        person__in={person for _, person in through},
        kind=Membership.Kind.MEMBER,
    )
    for group, person, ends_at in held.order_by().values_list("group", "person", "ends_at"):
        leaves[group, person].append(ends_at)
    found = {}
    for one in requests:
        if one.eligibility is None:
            continue
        leave = leaves.get((one.eligibility.group_id or 0, one.holder_id or 0), [None])
        ends = [one.eligibility.ends_at, None if None in leave else max(at for at in leave if at)]
        if known := [end for end in ends if end is not None]:
            found[one.pk] = min(known)
    return found


def pasts_of(requests: Sequence[AccessRequest], *, now: datetime) -> dict[tuple[int | None, int], Past]:
    """The past of each holder with each role among ``requests``; the open requests themselves do not count."""
    pasts: dict[tuple[int | None, int], Past] = defaultdict(Past)
    earlier = AccessRequest.objects.filter(
        holder__in={one.holder_id for one in requests},
        role__in={one.role_id for one in requests},
        act=AccessRequest.Act.ACTIVATE,
        created_at__gt=now - timedelta(days=365),
    ).exclude(pk__in=[one.pk for one in requests])
    for holder, role, status, at in earlier.values_list("holder", "role", "status", "created_at"):
        pasts[holder, role].add(status, at, now=now)
    return pasts
