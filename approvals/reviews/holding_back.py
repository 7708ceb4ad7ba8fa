"""Before anything is taken away: would it leave a role with too few, or take too large a share of it at one time?"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.reviews.models import AccessReview, ReviewItem
from roles.guarding import least_of, standing_assignments
from roles.models import Assignment, Eligibility, GroupAssignment, Role
from roles.models.lasting import lasting


class Loss(NamedTuple):
    """What would be taken from one role.

    Args:
        going, all: how many of those who may or do hold it would go, and how many there are.
        left, least: how many would still hold it for good, and how many must; ``least`` is 0 where it is not protected.
        unanswered: of those who would go: about how many nobody said anything.
    """

    role: Role
    going: int
    all: int
    left: int
    least: int
    unanswered: int

    def why(self, most_percent: int) -> list[str]:
        """Why it waits for somebody to look at it; nothing where it need not."""
        said = {
            "role": self.role,
            "going": self.going,
            "all": self.all,
            "left": self.left,
            "least": self.least,
            "most": most_percent,
            "unanswered": self.unanswered,
        }
        why = []
        if self.left < self.least:
            why.append(_("%(role)s would have %(left)s holders for good, and must have %(least)s.") % said)
        if self.going * 100 > self.all * most_percent:
            why.append(
                _("%(role)s would lose %(going)s of %(all)s, more than %(most)s %%.") % said
                + (" " + _("About %(unanswered)s of them nobody answered.") % said if self.unanswered else "")
            )
        return why


def losses_of(going: QuerySet[ReviewItem]) -> list[Loss]:
    """What each role would lose, if ``going`` went; the largest share first. Six queries, whatever they are."""
    rows = going.order_by().values("role").annotate(n=Count("pk"))
    counted = dict(rows.values_list("role", "n"))
    silent = dict(rows.filter(verdict="").values_list("role", "n"))
    roles = Role.objects.select_related("directory").in_bulk(list(counted))
    there = _holding(list(counted))
    standing: Counter[int] = Counter()
    for role, _person in (
        standing_assignments()
        .filter(role__in=list(counted))
        .exclude(pk__in=going.exclude(assignment=None).values("assignment"))
        .order_by()
        .values_list("role", "person")
        .distinct()
    ):
        standing[role] += 1
    losses = [
        Loss(roles[key], n, max(there[key], n), standing[key], least_of(roles[key]), silent.get(key, 0))
        for key, n in counted.items()
    ]
    return sorted(losses, key=lambda one: (-one.going / one.all, one.role.name))


def why_held_back(review: AccessReview, going: QuerySet[ReviewItem]) -> list[str]:
    """Why what would be taken away waits until somebody has looked at it; nothing where it need not."""
    return [why for loss in losses_of(going) for why in loss.why(review.most_percent)]


def _holding(roles: list[int]) -> Counter[int]:
    """How many lines there are of each role: eligible, held, and held by groups."""
    now, there = timezone.now(), Counter[int]()
    for rows in (
        Eligibility.objects.in_force(now),
        Assignment.objects.filter(lasting(now, *Assignment.LIVE), eligibility=None, through=None),
        GroupAssignment.objects.in_force(now),
    ):
        counted = rows.filter(role__in=roles).order_by().values("role").annotate(n=Count("pk"))
        there.update(dict(counted.values_list("role", "n")))
    return there
