"""What is known of each access when a review begins: a few questions to the database, however many there are."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Max, Q, QuerySet

from accounts.models import FactorUse, Membership, User
from approvals.models import AccessRequest
from approvals.reviews.models import AccessReview, ReviewItem
from approvals.reviews.recommending import Facts, recommended
from approvals.reviews.scoping import Found
from roles.models import Assignment, Eligibility, Role
from roles.models.lasting import lasting

YEAR = timedelta(days=365)


class Who(NamedTuple):
    """A person as a review needs them."""

    manager: int | None
    department: str
    is_person: bool
    is_enabled: bool
    created_at: datetime

    @property
    def beside(self) -> tuple[str, int | str] | None:
        """What makes others their peers: the same manager, or else the same department."""
        if self.manager is not None:
            return ("manager", self.manager)
        return ("department", self.department) if self.department else None

    @property
    def is_peer(self) -> bool:
        """Whether others are compared with them."""
        return self.is_person and self.is_enabled


class Known:
    """What is known at a moment of everybody and of everything that concerns some roles.

    Args:
        roles: their keys, as a question.
        at: the moment.
    """

    def __init__(self, roles: QuerySet[Role, Any], at: datetime) -> None:
        self.at = at
        eligible = Eligibility.objects.in_force(at).filter(role__in=roles)
        self.people = {
            pk: Who(manager, department, kind == User.Kind.PERSON, enabled, created)
            for pk, manager, department, kind, enabled, created in User.objects.order_by().values_list(
                "pk", "manager", "department", "kind", "is_active", "created_at"
            )
        }
        self.beside = Counter(who.beside for who in self.people.values() if who.beside and who.is_peer)
        self.having = self._having(roles, eligible)
        self.uses = self._uses(roles)
        self.denied = self._denied(roles)
        self.signed_in: dict[int, datetime] = dict(
            FactorUse.objects.order_by()
            .values("person")
            .annotate(last=Max("at"))
            .values_list("person", "last")
        )
        members = Membership.objects.in_force(at).filter(kind=Membership.Kind.MEMBER)
        self.members: dict[int, int] = dict(
            members.order_by()
            .values("group")
            .annotate(n=Count("person", distinct=True))
            .values_list("group", "n")
        )

    def _having(self, roles: Any, eligible: Any) -> dict[tuple[int, Any], set[int]]:
        """Who may or does hold each role, by what makes them somebody's peers."""
        held = Assignment.objects.filter(lasting(self.at, *Assignment.LIVE), role__in=roles)
        having: dict[tuple[int, Any], set[int]] = defaultdict(set)
        for rows in (eligible.exclude(person=None), held):
            for role, person in rows.order_by().values_list("role", "person"):
                who = self.people.get(person)  # who was added meanwhile is not known yet
                if who is not None and who.beside and who.is_peer:
                    having[role, who.beside].add(person)
        return having

    def _uses(self, roles: Any) -> dict[int, tuple[datetime, int]]:
        """By eligibility: when it was last activated, and how often in the year before."""
        rows = Assignment.objects.filter(role__in=roles, eligibility__isnull=False).order_by()
        found = rows.values("eligibility").annotate(
            last=Max("starts_at"), n=Count("pk", filter=Q(starts_at__gt=self.at - YEAR))
        )
        return {key: (last, n) for key, last, n in found.values_list("eligibility", "last", "n")}

    def _denied(self, roles: Any) -> dict[tuple[int, int], int]:
        rows = AccessRequest.objects.filter(
            role__in=roles,
            holder__isnull=False,
            status=AccessRequest.Status.DENIED,
            created_at__gt=self.at - YEAR,
        )
        found = rows.order_by().values("role", "holder").annotate(n=Count("pk"))
        return {(role, holder): n for role, holder, n in found.values_list("role", "holder", "n")}

    def is_idle(self, found: Found, *, days: int) -> bool:
        """Whether nobody has used it for so many days, though they could have all that time."""
        before = self.at - timedelta(days=days)
        who = self.people.get(found.person) if found.person else None
        if found.since > before or (who is not None and who.created_at > before):
            return False
        last = (
            self.uses.get(found.key, (None, 0))[0]
            if found.kind == "eligibility"
            else self.signed_in.get(found.person or 0)
        )
        return last is None or last <= before

    def item(self, found: Found, review: AccessReview) -> ReviewItem:
        """What the review keeps of it. Not saved."""
        who = self.people.get(found.person) if found.person else None
        used_at, uses = self.uses.get(found.key, (None, 0)) if found.kind == "eligibility" else (None, 0)
        peers = self.beside[who.beside] if who and who.beside else 0
        having = self.having.get((found.role, who.beside), ()) if who and who.beside else ()
        item = ReviewItem(
            review=review,
            role_id=found.role,
            scope_id=found.scope,
            person_id=found.person,
            group_id=found.group,
            manager_id=who.manager if who else None,
            was_enabled=who is None or who.is_enabled,
            members=self.members.get(found.group, 0) if found.group else 0,
            since=found.since,
            used_at=used_at,
            uses=uses,
            denied=self.denied.get((found.role, found.person or 0), 0),
            signed_in_at=self.signed_in.get(found.person) if found.person else None,
            peers=max(peers - 1, 0) if who and who.is_peer else peers,
            peers_with=len(having) - (found.person in having),
            **{f"{found.kind}_id": found.key},
        )
        if review.recommends:
            item.recommendation = recommended(
                facts_of(item, review, is_person=who is not None and who.is_person, at=self.at)
            )
        return item


def facts_of(item: ReviewItem, review: AccessReview, *, is_person: bool, at: datetime | None = None) -> Facts:
    """What ``recommending`` looks at, as an item keeps it.

    Args:
        at: when the review opened, if it has not been written down yet.
    """
    return Facts(
        now=at or review.opened_at or review.starts_at,
        look_back=timedelta(days=review.look_back_days),
        since=item.since,
        used_at=item.used_at,
        signed_in_at=item.signed_in_at,
        peers=item.peers,
        peers_with=item.peers_with,
        denied=item.denied,
        is_held=item.is_held,
        is_person=is_person,
        is_enabled=item.was_enabled,
    )
