"""Who approves whose requests, and the other way round: pairs of people who let each other through (A6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, CharField, Count, F, Max, Min, Q, Value, When
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils import timezone

from accounts.models import User
from approvals.models import Decision

DAYS = 90  # looked back


@dataclass(frozen=True)
class Pair:
    """Two people who approved each other's requests. A human with several accounts is one of them.

    Args:
        one, other: who, by the account with which they decided; the one with the smaller key comes first.
        one_approved, other_approved: how many requests of the other each has said yes to.
        last: when the latest of these answers was given.
    """

    one: User
    other: User
    one_approved: int
    other_approved: int
    last: datetime

    @property
    def each_way(self) -> int:
        """How often it went both ways."""
        return min(self.one_approved, self.other_approved)

    @property
    def key(self) -> str:
        """What tells this pair from others, the same from day to day."""
        return f"{self.one.pk}:{self.other.pk}"


def mutual_pairs(*, least: int, days: int = DAYS) -> list[Pair]:
    """The pairs who approved at least ``least`` requests of each other, the most mutual first.

    The database counts, by human and not by account, in one statement; only who reaches ``least`` in one direction is
    handed over, to be matched with the other direction. Whose request it is: the holder's, or where a group is to hold
    it, that of who asked.

    Args:
        least: each way; 1 or more.
        days: how far back.
    """
    asker = "access_request__holder", "access_request__requester"
    said = (
        Decision.objects.filter(
            verdict=Decision.Verdict.APPROVE, void_at=None, at__gt=timezone.now() - timedelta(days=days)
        )
        .annotate(giver=_human("approver"), taker=Coalesce(*(_human(one) for one in asker)))
        .exclude(taker=None)
        .order_by()
        .values("giver", "taker")
        .annotate(times=Count("pk"), last=Max("at"), account=Min("approver"))
        .filter(times__gte=max(1, least))
    )
    way = {(one["giver"], one["taker"]): one for one in said}
    both = [
        (one, back)
        for (giver, taker), one in way.items()
        if (back := way.get((taker, giver))) and one["account"] < back["account"]
    ]
    who = User.objects.in_bulk([each["account"] for ways in both for each in ways])
    pairs = [
        Pair(
            who[one["account"]],
            who[back["account"]],
            one["times"],
            back["times"],
            max(one["last"], back["last"]),
        )
        for one, back in both
    ]
    return sorted(pairs, key=lambda pair: (-pair.each_way, -pair.last.timestamp(), pair.key))


def shared_numbers() -> list[list[User]]:
    """The accounts of each human who has several: those with the same personnel number."""
    several = (
        User.objects.exclude(person_key="")
        .order_by()
        .values("person_key")
        .annotate(times=Count("pk"))
        .filter(times__gt=1)
    )
    found: dict[str, list[User]] = {}
    accounts = User.objects.filter(person_key__in=several.values("person_key"))
    for person in accounts.order_by("person_key", "pk"):
        found.setdefault(person.person_key, []).append(person)
    return list(found.values())


def _human(who: str) -> Case:
    """One word for the human behind the account in column ``who``; None where there is nobody."""
    key = Concat(Value("n"), F(f"{who}__person_key"), output_field=CharField())
    account = Concat(Value("a"), Cast(f"{who}__pk", CharField()), output_field=CharField())
    return Case(
        When(Q(**{f"{who}__isnull": True}), then=Value(None)),
        When(Q(**{f"{who}__person_key__gt": ""}), then=key),
        default=account,
        output_field=CharField(),
    )
