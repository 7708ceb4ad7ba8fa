"""What a person may have and has: the roles they are eligible for, the roles they hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from approvals.models import AccessRequest
from roles.models import Assignment, EffectiveSettings, Eligibility, RoleSettings
from roles.requirements import settings_in_words

LATEST = 100  # requests looked at to tell what was used lately


@dataclass(frozen=True)
class Choice:
    """A role that a person may activate, and how it stands for them.

    Args:
        role_settings: what an activation must satisfy.
        held: their assignment by this eligibility, while its time is not over.
        waiting: their request that waits for a decision.
        last: their latest activation of the role.
    """

    eligibility: Eligibility
    role_settings: EffectiveSettings
    held: Assignment | None = None
    waiting: AccessRequest | None = None
    last: AccessRequest | None = None

    @property
    def needs(self) -> list[tuple[str, str]]:
        """What role settings ask, as icon and words; the longest duration apart."""
        return settings_in_words(self.role_settings)[1:]

    @property
    def is_free(self) -> bool:
        """Whether it can be asked for now."""
        return self.held is None and self.waiting is None


def choices_of(person: User) -> list[Choice]:
    """Every role ``person`` may activate at this moment, lately used ones first. Four queries, however many there are."""
    eligibilities = (
        Eligibility.objects.in_force()
        .of(person)
        .select_related("role__directory", "role__settings", "scope", "group")
    )
    now = timezone.now()
    held = {
        one.eligibility_id: one
        for one in held_by(person).filter(eligibility__isnull=False, status__in=Assignment.LIVE)
        if one.ends_at is None or one.ends_at > now
    }
    asked = AccessRequest.objects.filter(holder=person, act=AccessRequest.Act.ACTIVATE)
    waiting = {(one.role_id, one.scope_id): one for one in asked.open()}
    last: dict[int, AccessRequest] = {}
    for one in asked.only("role_id", "minutes", "created_at", "status")[:LATEST]:
        last.setdefault(one.role_id, one)
    choices = [
        Choice(
            eligibility,
            settings_of(eligibility),
            held=held.get(eligibility.pk),
            waiting=waiting.get((eligibility.role_id, eligibility.scope_id)),
            last=last.get(eligibility.role_id),
        )
        for eligibility in eligibilities
    ]
    return sorted(choices, key=lately_used_first)


def lately_used_first(choice: Choice) -> tuple[bool, float, str]:
    """Sorts choices: what can be asked for now, then by latest use, then by name."""
    used: datetime | None = choice.last.created_at if choice.last else None
    return (not choice.is_free, -used.timestamp() if used else 0.0, choice.eligibility.role.name)


def settings_of(eligibility: Eligibility) -> EffectiveSettings:
    """The role settings of an eligibility that was loaded together with them."""
    try:
        return eligibility.role.settings.effective()
    except RoleSettings.DoesNotExist:
        return EffectiveSettings()


def held_by(person: User) -> QuerySet[Assignment]:
    """What ``person`` holds, is about to hold, or still has in the directory, what ends first at the top.

    Each carries ``counts``: whether it is in force at this moment. A failed one is told until its time is over.
    """
    in_force = Assignment.objects.in_force().filter(pk=OuterRef("pk"))
    failed = Q(status=Assignment.Status.FAILED, ends_at__lte=timezone.now())
    return (
        Assignment.objects.filter(person=person)
        .exclude(failed | Q(status=Assignment.Status.ENDED))
        .annotate(counts=Exists(in_force))
        .select_related("role__directory", "scope", "eligibility")
        .order_by("ends_at", "pk")
    )
