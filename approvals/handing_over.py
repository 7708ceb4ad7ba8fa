"""Joiners get what a colleague may activate; leavers lose everything. One act each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ROLE_ADMINISTRATORS, require
from accounts.models import Membership, User
from approvals.closing import fail_request
from approvals.filing import (
    Held,
    check_may_manage,
    check_not_oneself,
    check_wishes,
    shortest_assignment,
    version_of,
)
from approvals.granting import give
from approvals.justifying import justification_of
from approvals.models import AccessRequest
from approvals.permissions import roles_managed_by
from approvals.removing import take_away
from audit.journal.actor import Actor
from audit.journal.recording import delete_as, journaled, record
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.assigning import LIVE, Wish, already_eligible_words, eligible_already
from roles.effective import layers_for
from roles.models import Assignment, Eligibility
from roles.requirements import ELIGIBLE, AskedAssignment, unmet_for_assignment


@dataclass(frozen=True)
class Copy:
    """An eligibility of a colleague as a joiner would get it.

    Args:
        ends_at: until when; earlier than the colleague's where role settings allow less (``is_cut``).
        why_not: why it is not copied; "" when it can be.
    """

    eligibility: Eligibility
    ends_at: datetime | None
    why_not: str = ""

    @property
    def is_cut(self) -> bool:
        """Whether the joiner gets it for a shorter time."""
        return self.ends_at != self.eligibility.ends_at


def copies(person: User, *, joiner: User | None, manager: User) -> list[Copy]:
    """What ``person`` may activate of the roles ``manager`` manages, as ``joiner`` would get it, or why not.

    Args:
        joiner: None as long as nobody was named.
    """
    now = timezone.now()
    found = list(
        Eligibility.objects.of(person)
        .filter(Q(ends_at__isnull=True) | Q(ends_at__gt=now), status__in=LIVE)
        .filter(role__in=roles_managed_by(manager))
        .select_related("role__directory", "scope", "group", "person")
        .order_by("role__directory__name", "role__name", "pk")
    )
    layers = layers_for((one.role, one.scope) for one in found)
    has = eligible_already((one.role, joiner) for one in found) if joiner else {}
    shown = []
    for one in found:
        role_settings = layers[one.role_id, one.scope_id].effective
        longest = now + timedelta(days=role_settings.eligible_days)
        end = one.ends_at
        if not role_settings.eligible_permanent:
            end = min(end or longest, longest)
        why_not = ""
        if one.group is not None:
            why_not = _("It comes through the group %(group)s; add them to the group.") % {"group": one.group}
        elif joiner is not None:
            others = has.get((one.role_id, joiner.pk, None), [])
            reasons = [
                already_eligible_words(other, scope=one.scope, who=joiner, role=one.role) for other in others
            ]
            why_not = next(filter(None, reasons), "")
        if not why_not:
            unmet = unmet_for_assignment(
                role_settings,
                AskedAssignment(ELIGIBLE, _start_of(one), end, "-"),
                now=now,
                shortest=shortest_assignment(),
                factor_is_fresh=True,
            )
            why_not = unmet[0].message if unmet else ""
        shown.append(Copy(one, end, why_not))
    return shown


def _start_of(eligibility: Eligibility) -> datetime | None:
    return eligibility.starts_at if eligibility.starts_at > timezone.now() else None


@journaled
def copy_eligibilities(
    person: User,
    *,
    actor: Actor,
    joiner: User,
    keys: Sequence[int],
    justification: str,
    seen: str = "",
) -> list[Held]:
    """Make ``joiner`` eligible for what ``person`` may activate: all that was picked, or nothing.

    Args:
        keys: of the eligibilities of ``person`` that were picked.
        seen: ``digest_of`` what the page showed.

    Raises:
        NotAllowed: the joiner is oneself, or one of the roles is not theirs to give.
        Overtaken: what was shown has changed since.
        Refused: nothing was picked, no justification, or one of them cannot be copied.
    """
    if actor.person is None:
        raise NotAllowed
    check_not_oneself([joiner], actor=actor)
    justification_of(justification)
    shown = copies(person, joiner=joiner, manager=actor.person)
    if seen and digest_of(shown) != seen:
        raise Overtaken
    wanted = [one for one in shown if one.eligibility.pk in set(keys) and not one.why_not]
    if not wanted or len(wanted) != len(set(keys)):
        raise Refused(_("Pick what is to be copied.") if not keys else _("Not all of this can be copied."))
    wishes = [
        Wish(
            one.eligibility.role,
            one.eligibility.scope,
            joiner,
            AskedAssignment(ELIGIBLE, _start_of(one.eligibility), one.ends_at, justification),
        )
        for one in wanted
    ]
    check_may_manage((wish.role for wish in wishes), actor=actor)
    evidence = check_wishes(wishes, actor=actor, verb="copy")
    given = give(wishes, actor=actor, evidence=evidence)
    record(
        "eligibilities.copied",
        actor=actor,
        subject=joiner,
        about=joiner,
        justification=justification,
        detail={"from": str(person), "count": len(given)},
    )
    return given


def digest_of(shown: Sequence[Copy]) -> str:
    """What a page compares to know that nothing it showed has changed."""
    said = [
        f"{one.eligibility.pk} {version_of(one.eligibility)} {bool(one.why_not)}"
        f" {'cut' if one.is_cut else one.ends_at}"
        for one in shown
    ]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


@dataclass(frozen=True)
class Everything:
    """What somebody holds, by themselves and through groups."""

    eligibilities: list[Eligibility] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)
    requests: list[AccessRequest] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.eligibilities or self.assignments or self.memberships or self.requests)

    @property
    def digest(self) -> str:
        """What a page compares to know that nothing it showed has changed."""
        things = [*self.eligibilities, *self.assignments, *self.memberships, *self.requests]
        said = "\n".join(f"{type(one).__name__} {one.pk}" for one in things)
        return hashlib.sha256(said.encode()).hexdigest()


def everything_of(person: User) -> Everything:
    """What ``person`` holds or may activate, the groups that give them more, and what they asked for."""
    of_role = ("role__directory", "scope", "person")
    standing = Assignment.objects.filter(person=person, status__in=[*Assignment.LIVE, "failed"])
    return Everything(
        list(Eligibility.objects.filter(person=person, status__in=LIVE).select_related(*of_role)),
        list(standing.select_related(*of_role, "through__group", "eligibility__group")),
        list(person.memberships.select_related("group", "person")),
        list(AccessRequest.objects.filter(holder=person).open().select_related("role__directory")),
    )


@journaled
def end_everything(person: User, *, actor: Actor, justification: str, seen: str = "") -> None:
    """End everything ``person`` holds: requests, memberships, eligibilities with their activations, assignments.

    They stay enabled: disabling is an act of its own. Parts in directories and roles (owner, reviewer, reader) stay.

    Args:
        seen: ``Everything.digest`` of what the page showed.

    Raises:
        NotAllowed: no duty for this, or one's own.
        Refused: no justification, nothing to end, or somebody who holds a protected role cannot be spared.
        Overtaken: they hold something else by now.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    if actor.person is not None and person.is_same_human_as(actor.person):
        raise NotAllowed(_("Nobody ends everything of their own; remove it one by one."), code="own_request")
    justification_of(justification)
    everything = everything_of(person)
    if seen and everything.digest != seen:
        raise Overtaken
    if not everything:
        raise Refused(_("%(who)s holds nothing.") % {"who": person}, code="nothing_held")
    for access_request in everything.requests:
        fail_request(access_request, actor=actor, why=_("Everything they hold was ended."))
    mine = [one for one in everything.assignments if one.through is None]
    held: list[Held] = [*everything.eligibilities, *mine]
    take_away(held, actor=actor, justifications=[justification] * len(held))
    for membership in everything.memberships:
        if Membership.objects.filter(pk=membership.pk).exists():
            delete_as(membership, actor=actor, reason=justification)
    record(
        "person.stripped",
        actor=actor,
        subject=person,
        about=person,
        justification=justification,
        detail={
            "eligibilities": len(everything.eligibilities),
            "assignments": len(everything.assignments),
            "memberships": len(everything.memberships),
        },
    )
