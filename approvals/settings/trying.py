"""Trying role settings before saving: what the requests of the last days would have met with under them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from approvals.models import AccessRequest
from approvals.settings.examining import Reach, reaches_of
from approvals.settings.locking_out import human_of, people_named
from approvals.settings.places import Document, Place, Rule
from roles.lately import held_by_humans, span_of
from roles.models import Approver, Assignment, EffectiveSettings, Factor, Scope
from roles.requirements import SECOND_FACTOR, Asked, Standing, Unmet, unmet_requirements
from roles.within_a_day import Span

DAYS = (7, 30, 90)
MOST = 500  # requests looked at, the newest
SHOWN = 6  # approvers named for one request

Asking = tuple[int, Rule]
Holding = tuple[str, int]  # a human, and the key of a role


@dataclass(frozen=True)
class Replayed:
    """What one request of the past would have met with.

    Args:
        unmet: why it would have been refused, beyond what it was under the settings that count now.
        proof: whether a stronger or fresher proof of identity would have been asked.
        waits_for: who could have decided, where it would have had to wait and did not; at the first stage.
        follow: how many stages come after that.
        passes: whether it had to wait and would not.
        may_skip: whether it could have passed over its approvers in an emergency, and could not.
        unsure: whether a web hook or a rule would have been asked that is not asked now: what it says, nobody can tell.
    """

    access_request: AccessRequest
    unmet: list[Unmet] = field(default_factory=list)
    proof: bool = False
    waits_for: list[str] = field(default_factory=list)
    follow: int = 0
    passes: bool = False
    may_skip: bool = False
    unsure: bool = False

    @property
    def differs(self) -> bool:
        """Whether anything would have been different."""
        return bool(self.unmet or self.proof or self.waits_for or self.passes)


def try_settings(
    place: Place, document: Document, *, days: int, at: datetime | None = None
) -> list[Replayed]:
    """Replay the activations that were asked in the last ``days`` against ``document``, newest first.

    The same rules judge them that judge a request of today. Both sides are asked, the settings of now and the ones to
    try, so that only what the change itself does is told. Changes nothing.

    Args:
        at: the end of those days; now when left out.
    """
    now = at or timezone.now()
    reach = {(one.role.pk, one.scope.pk if one.scope else None): one for one in reaches_of(place, document)}
    asked = AccessRequest.objects.filter(
        act=AccessRequest.Act.ACTIVATE, role__in=place.roles(), created_at__gt=now - timedelta(days=days),
        created_at__lte=now,
    ).select_related("holder__manager", "role__directory", "scope", "factor_use")  # fmt: skip
    if place.scope:
        asked = asked.filter(scope__in=Scope.objects.within(place.scope))
    deciders: dict[Asking, list[str]] = {}
    limits_a_day = any(one.after.day_minutes for one in reach.values())
    held = held_by_humans(place.roles(), since=now - timedelta(days=days)) if limits_a_day else {}
    return [
        replayed(one, found, deciders, held=_held_before(one, held))
        for one in asked.order_by("-created_at", "-pk")[:MOST]
        if (found := _reach_of(one, reach)) is not None
    ]


def _reach_of(access_request: AccessRequest, reach: dict[tuple[int, int | None], Reach]) -> Reach | None:
    """Of the places the change reaches, the nearest to where this was asked."""
    for scope in [*access_request.scope.line, None]:
        if (access_request.role_id, scope) in reach:
            return reach[access_request.role_id, scope]
    return None


def _held_before(access_request: AccessRequest, held: dict[Holding, list[Assignment]]) -> list[Span]:
    """When its holder had held the role by then, as it came to be."""
    holder = access_request.holder
    if holder is None:
        return []
    before = (
        one
        for one in held.get((human_of(holder), access_request.role_id), [])
        if one.starts_at < access_request.created_at and one.scope.overlaps(access_request.scope)
    )
    return [span_of(one) for one in before]


def replayed(
    access_request: AccessRequest,
    reach: Reach,
    deciders: dict[Asking, list[str]],
    *,
    held: Sequence[Span] = (),
) -> Replayed:
    """What ``access_request`` would have met with.

    Args:
        deciders: who could decide, by role and rule; filled as it is needed.
        held: when its holder had held the role before.
    """
    before, after = (_unmet(access_request, one, held) for one in (reach.before, reach.after))
    codes = {one.code for one in before}
    new = [one for one in after if one.code not in codes]
    waits = reach.after.approval_required and not reach.before.approval_required
    return Replayed(
        access_request,
        unmet=[one for one in new if one.code != SECOND_FACTOR],
        proof=any(one.code == SECOND_FACTOR for one in new),
        waits_for=_deciders(access_request, reach, deciders) if waits else [],
        follow=len(reach.rule_after.stages) - 1 if waits else 0,
        passes=reach.before.approval_required and not reach.after.approval_required,
        may_skip=reach.after.approval_required and _only_after(reach, "emergency_allowed"),
        unsure=_only_after(reach, "hook") or _only_after(reach, "automatic"),
    )


def _only_after(reach: Reach, name: str) -> bool:
    """Whether a value says something else, and something, only under the settings that are tried."""
    return bool(getattr(reach.after, name)) and getattr(reach.after, name) != getattr(reach.before, name)


def _unmet(
    access_request: AccessRequest, role_settings: EffectiveSettings, held: Sequence[Span]
) -> list[Unmet]:
    asked = Asked(
        minutes=access_request.minutes or 0,
        justification=access_request.justification,
        starts_at=access_request.asked_start,
        ticket=access_request.ticket,
        ticket_system=access_request.ticket_system,
    )
    standing = Standing(
        now=access_request.created_at,
        shortest=settings.MINIMUM_DURATION_MINUTES,
        factor_is_fresh=_was_proved(access_request, role_settings),
        held=lambda: held,
    )
    return unmet_requirements(role_settings, asked, standing)


def _was_proved(access_request: AccessRequest, role_settings: EffectiveSettings) -> bool:
    """Whether the proof that was given for it would have been enough."""
    proof = access_request.factor_use
    if proof is None:
        return False
    if role_settings.factor == Factor.RECENT:
        return proof.at > access_request.created_at - timedelta(minutes=role_settings.factor_minutes)
    if role_settings.factor == Factor.PASSKEY and proof.method != proof.Method.PASSKEY:
        return False
    return bool(proof.act)


def _deciders(access_request: AccessRequest, reach: Reach, known: dict[Asking, list[str]]) -> list[str]:
    lines, key = reach.rule_after.asked(1), (reach.role.pk, reach.rule_after)
    if key not in known:
        known[key] = [str(person) for person in people_named(reach.role, lines)]
    names = list(known[key])
    holder = access_request.holder
    if holder is not None:
        names = [name for name in names if name != str(holder)]
        if holder.manager is not None and any(line.kind == Approver.Kind.MANAGER for line in lines):
            names.insert(0, str(holder.manager))
    return list(dict.fromkeys(names))[:SHOWN]


def counted(replays: Iterable[Replayed]) -> dict[str, int]:
    """How many would have met with what: ``all``, ``refused``, ``proof``, ``waits``, ``passes``, ``skips``, ``unsure``."""
    every = list(replays)
    return {
        "all": len(every),
        "refused": sum(bool(one.unmet) for one in every),
        "proof": sum(one.proof and not one.unmet for one in every),
        "waits": sum(bool(one.waits_for) for one in every),
        "passes": sum(one.passes for one in every),
        "skips": sum(one.may_skip for one in every),
        "unsure": sum(one.unsure for one in every),
    }
