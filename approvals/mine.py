"""What a person may have and has: the roles they are eligible for, the roles they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.wording import worded
from approvals.extending import EXTEND_WITHIN
from approvals.favourite_models import Favourite
from approvals.models import AccessRequest, AccessRequests
from roles.effective import Layers, layers_at, layers_for
from roles.models import Assignment, EffectiveSettings, Eligibility, Origin
from roles.models.assignment import being_in_force
from roles.models.eligibility import groups_of
from roles.wording import only_observed, settings_in_words

LATEST = 100  # requests looked at to tell what was used lately


class LastUse(NamedTuple):
    """Somebody's latest activation of a role: the key of the request, for how long, and when it was asked for."""

    role: int
    pk: int
    minutes: int | None
    created_at: datetime


@dataclass(frozen=True)
class Choice:
    """A role that a person may activate, and how it stands for them.

    Args:
        known: what counts here and elsewhere, by the keys of role and scope, as far as that was asked already.
        held: their assignment by this eligibility, while its time is not over.
        waiting: their request that waits for a decision.
        last: their latest activation of the role.
        is_favourite: whether they have given it a star.
    """

    eligibility: Eligibility
    known: Mapping[tuple[int, int | None], Layers] = field(default_factory=dict, compare=False)
    held: Assignment | None = None
    waiting: AccessRequest | None = None
    last: LastUse | None = None
    is_favourite: bool = False

    @cached_property
    def layers(self) -> Layers:
        """What every level says that counts here."""
        mine = self.eligibility
        return self.known.get((mine.role_id, mine.scope_id)) or layers_at(mine.role, mine.scope)

    @property
    def role_settings(self) -> EffectiveSettings:
        """What an activation must satisfy."""
        return self.layers.effective

    @property
    def in_the_way(self) -> str:
        """Why it cannot be asked for now, whatever is filled in; "" when it can."""
        if self.held is not None:
            return _("You hold this role already.")
        if self.waiting is not None:
            return _("Your request %(number)s for this role already waits.") % {"number": self.waiting.number}
        return only_observed(self.eligibility.role.directory) if self.is_observed else ""

    @property
    def is_observed(self) -> bool:
        """Whether the portal only looks at the directory, and gives nothing in it."""
        return self.eligibility.role.directory.is_observed

    @property
    def needs(self) -> list[tuple[str, str]]:
        """What role settings ask, as icon and words; the longest duration apart."""
        return settings_in_words(self.role_settings)[1:]

    @property
    def may_be_extended(self) -> bool:
        """Whether its holder may ask to keep it: it is their own, and ends within 14 days."""
        return self.eligibility.group_id is None and ends_soon(self.eligibility.ends_at)

    @property
    def is_free(self) -> bool:
        """Whether it can be asked for now."""
        return self.held is None and self.waiting is None and not self.is_observed


def ends_soon(at: datetime | None) -> bool:
    """Whether an end is so near that one may ask for an extension."""
    now = timezone.now()
    return at is not None and now < at <= now + EXTEND_WITHIN


def choices_of(
    person: User, *, held: Iterable[Assignment] | None = None, shown: int | None = None
) -> list[Choice]:
    """Every role ``person`` may activate at this moment, favourites and lately used ones first.

    Seven queries, however many there are.

    Args:
        held: what ``held_by`` says, where that was just asked already.
        shown: how many of the first ones have their role settings looked at; all when left out.
    """
    now = timezone.now()
    eligibilities = worded(_eligible, now, person.pk, groups_of(person, now)) if person.is_active else []
    by_eligibility = {
        one.eligibility_id: one
        for one in (held_by(person) if held is None else held)
        if one.eligibility_id is not None
        and one.status in Assignment.LIVE
        and (one.ends_at is None or one.ends_at > now)
    }
    waiting: dict[int | tuple[int, int], AccessRequest] = {}
    for one in worded(_waiting, now, person.pk):
        waiting |= {(one.role_id, one.scope_id): one, one.eligibility_id or 0: one}
    starred = set(worded(_starred, person.pk))
    last: dict[int, LastUse] = {}
    for use in worded(_lately, person.pk):
        last.setdefault(use[0], LastUse(*use))
    known: dict[tuple[int, int | None], Layers] = {}
    choices = [
        Choice(
            eligibility,
            known,
            held=by_eligibility.get(eligibility.pk),
            waiting=waiting.get(eligibility.pk) or waiting.get((eligibility.role_id, eligibility.scope_id)),
            last=last.get(eligibility.role_id),
            is_favourite=(eligibility.role_id, eligibility.scope_id) in starred,
        )
        for eligibility in eligibilities
    ]
    choices.sort(key=favourites_first)
    known |= layers_for((one.eligibility.role, one.eligibility.scope) for one in choices[:shown])
    return choices


def count_of_choices(person: User) -> int:
    """How many there are of ``choices_of``."""
    now = timezone.now()
    return len(worded(_eligible_keys, now, person.pk, groups_of(person, now))) if person.is_active else 0


def _eligible(now: datetime, person: int, groups: tuple[int, ...]) -> QuerySet[Eligibility]:
    mine = Eligibility.objects.in_force(now).of_any(person, groups)
    return mine.select_related("role__directory", "scope", "group")


def _eligible_keys(now: datetime, person: int, groups: tuple[int, ...]) -> QuerySet[Eligibility, int]:
    mine: Any = Eligibility.objects.in_force(now).of_any(person, groups).order_by()
    return mine.values_list("pk", flat=True)  # type: ignore[no-any-return]


def _activations_of(person: int) -> AccessRequests:
    return AccessRequest.objects.filter(holder=person, act=AccessRequest.Act.ACTIVATE)


def _waiting(now: datetime, person: int) -> QuerySet[AccessRequest]:
    return _activations_of(person).open(now)


def _lately(person: int) -> QuerySet[AccessRequest, tuple[int, int, int | None, datetime]]:
    return _activations_of(person).values_list("role", "pk", "minutes", "created_at")[:LATEST]


def _starred(person: int) -> QuerySet[Favourite, tuple[int, int]]:
    return Favourite.objects.filter(person=person).values_list("role", "scope")


def favourites_first(choice: Choice) -> tuple[bool, bool, float, str]:
    """Sorts choices: favourites, what can be asked for now, then by latest use, then by name."""
    used: datetime | None = choice.last.created_at if choice.last else None
    return (
        not choice.is_favourite,
        not choice.is_free,
        -used.timestamp() if used else 0.0,
        choice.eligibility.role.name,
    )


def held_by(person: User) -> list[Assignment]:
    """What ``person`` holds, is about to hold, or still has in the directory, what ends first at the top.

    Each carries ``counts``: whether it is in force at this moment; ``may_be_extended``: whether one may ask to keep it;
    and ``asks_for_longer``: whether a request for more time waits. A failed one is told until its time is over.
    """
    now = timezone.now()
    return worded(_held, person.pk, now, now + EXTEND_WITHIN)


def _held(person: int, now: datetime, soon_is: datetime) -> QuerySet[Assignment]:
    longer = AccessRequest.objects.open(now).filter(act=AccessRequest.Act.PROLONG, assignment=OuterRef("pk"))
    failed = Q(status=Assignment.Status.FAILED, ends_at__lte=now)
    soon = Q(origin=Origin.DIRECT, through=None, ends_at__lte=soon_is)
    live = Q(status__in=Assignment.LIVE, ends_at__gt=now)
    return (
        Assignment.objects.filter(person=person)
        .exclude(failed | Q(status=Assignment.Status.ENDED))
        .annotate(
            counts=ExpressionWrapper(being_in_force(now), BooleanField()),
            may_be_extended=ExpressionWrapper(soon & live, BooleanField()),
            asks_for_longer=Exists(longer),
        )
        .select_related("role__directory", "scope", "eligibility")
        .order_by("ends_at", "pk")
    )
