"""What a group holds, spread to its members: each member in force holds a part of their own, and no longer than that.

A part is an ``Assignment`` like any other, so that the directory, the lists and the journal know nothing new. Whether it
counts is asked of the time, the group's assignment and the membership (``Assignments.due``); here it is written down.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Group, Membership, User
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import begin_life, move_to
from audit.journal.recording import journaled, take_the_pen
from audit.journal.refusing import Overtaken, Refused
from roles.models import Assignment, EndCause, GroupAssignment, Role, Scope
from roles.models.lasting import lasting
from roles.nested_groups import check_may_hold
from roles.provisioning import begin_assignments, end_all, hurry
from roles.reaching import check_scope
from roles.separating import rule_in_words, write_down_as_separated
from roles.separation import Holding, conflicts_of

BATCH = 200
MOMENT = timedelta(microseconds=1)
Status = GroupAssignment.Status
#: a part that failed is not begun again while its group holds the role: it failed for good
STANDING = [*Assignment.LIVE, Assignment.Status.FAILED]


@journaled
def begin_group_assignment(
    role: Role,
    *,
    actor: Actor,
    group: Group,
    scope: Scope,
    starts_at: datetime,
    ends_at: datetime | None,
    request_number: str = "",
    justification: str = "",
) -> GroupAssignment:
    """Write down that each member of ``group`` holds ``role`` from ``starts_at`` to ``ends_at`` while they are a member.

    Their parts begin in the same transaction; a start in the future waits for the sweep.

    Raises:
        Refused: the group holds it there already, the role is in a group or ends before it starts, or the
            directory has no such scope.
    """
    now = timezone.now()
    check_may_hold(role, group)
    check_scope(role, scope)
    if ends_at is not None and ends_at <= max(starts_at, now):
        raise Refused(_("The end comes before the start, or is over already."), field="ends_at")
    same = GroupAssignment.objects.filter(
        role=role, scope=scope, group=group, status__in=GroupAssignment.LIVE
    ).first()
    if same is not None and same.ends_at is not None and same.ends_at <= now:
        end_group_assignment(same, actor=actor, cause=EndCause.EXPIRED)  # the sweep has not come by yet
    elif same is not None:
        raise Refused(
            _("%(who)s holds %(role)s there already.") % {"who": group, "role": role}, field="principal"
        )
    held = GroupAssignment(
        role=role,
        scope=scope,
        group=group,
        starts_at=starts_at,
        ends_at=ends_at,
        request_number=request_number,
        status=Status.IN_FORCE if starts_at <= now else Status.SCHEDULED,
    )
    begin_life(held, actor=actor, action="group_assignment.begun", justification=justification)
    while missing := list(_missing().filter(pk=held.pk)[:BATCH]):
        _begin_parts(missing, actor=actor, justification=justification)
    return held


@journaled
def end_group_assignment(held: GroupAssignment, *, actor: Actor, cause: str, justification: str = "") -> None:
    """End at this moment what a group holds, and every member's part of it.

    Args:
        cause: one of ``EndCause``; it is that of the group's, the members' parts end because the group's did.

    Raises:
        Overtaken: somebody ended it in between.
    """
    if held.status not in GroupAssignment.LIVE:
        raise Overtaken(_("This has ended already."))
    move_to(
        held,
        Status.ENDED,
        actor=actor,
        action="group_assignment.ended",
        justification=justification,
        detail={"cause": str(cause)},
        ended_at=timezone.now(),
        end_cause=cause,
    )
    _end_parts(held.parts.filter(status__in=STANDING), actor=actor)


def spread() -> None:
    """Write down what time and memberships have made of what groups hold; called by the sweep.

    Three questions to the database while nothing changes, whatever groups hold and however many are in them.
    """
    _turn()
    if orphans().exists():
        with transaction.atomic():
            take_the_pen()
            _end_parts(orphans(), actor=PORTAL)
    if _missing().exists():
        with transaction.atomic():
            # Asked again with the pen in hand: of two sweeps at once the second finds nothing left to begin.
            take_the_pen()
            _begin_parts(list(_missing()[:BATCH]), actor=PORTAL)


def orphans() -> QuerySet[Assignment]:
    """Parts that go on although their group no longer holds the role, or whose holder is no longer in it."""
    now = timezone.now()
    given = GroupAssignment.objects.in_force(now).filter(pk=OuterRef("through"))
    member = Membership.objects.in_force(now).filter(
        kind=Membership.Kind.MEMBER, group=OuterRef("through__group"), person=OuterRef("person")
    )
    parts = Assignment.objects.filter(through__isnull=False, status__in=STANDING)
    return parts.exclude(Exists(given) & Exists(member))


def _missing() -> QuerySet[GroupAssignment]:
    """What groups hold now, once for each member without a part: each row carries ``member`` and ``leaves_at``."""
    now = timezone.now()
    members = Membership.objects.in_force(now).filter(
        kind=Membership.Kind.MEMBER, person__kind=User.Kind.PERSON
    )
    part = Assignment.objects.filter(through=OuterRef("pk"), person=OuterRef("member"), status__in=STANDING)
    # Annotations share one join to the memberships; named in filters each would get another.
    one_each = GroupAssignment.objects.in_force(now).annotate(
        membership=F("group__memberships"),
        member=F("group__memberships__person"),
        leaves_at=F("group__memberships__ends_at"),
    )
    # Who was kept from it by a separation rule gets it when they hold nothing any more that is in its way.
    one_each = one_each.annotate(member_key=F("group__memberships__person__person_key"))
    same_human = Q(person=OuterRef("member")) | Q(person__person_key=OuterRef("member_key"))
    beside = Assignment.objects.filter(
        lasting(now, *Assignment.LIVE),
        same_human & (Q(person=OuterRef("member")) | ~Q(person__person_key="")),
        ~Q(role=OuterRef("role")),
        role__separations__rule__is_on=True,
        role__separations__rule__separated__role=OuterRef("role"),
    )
    was_kept = Assignment.objects.filter(
        through=OuterRef("pk"), person=OuterRef("member"), end_cause=EndCause.SEPARATED
    )
    waits = Exists(was_kept) & Exists(beside)
    return one_each.filter(~Exists(part), ~waits, membership__in=members).order_by("pk", "member")


def _begin_parts(missing: Iterable[GroupAssignment], *, actor: Actor, justification: str = "") -> None:
    """Begin the part of each member; who is in the group twice has one, to the later of both ends.

    Who holds what a rule keeps apart from it gets none while that is so; that is written down once.
    """
    now = timezone.now()
    rows = list(missing)
    by_key = GroupAssignment.objects.select_related("role__directory", "scope").in_bulk(
        {row.pk for row in rows}
    )
    people = User.objects.in_bulk({row.member for row in rows})  # type: ignore[attr-defined]
    parts = []
    for (key, member), memberships in groupby(rows, key=attrgetter("pk", "member")):
        held = by_key[key]
        leaves = [row.leaves_at for row in memberships]  # type: ignore[attr-defined]
        ends = [held.ends_at, None if None in leaves else max(leaves)]
        parts.append(
            Assignment(
                role=held.role,
                scope=held.scope,
                person=people[member],
                through=held,
                request_number=held.request_number,
                starts_at=now,
                ends_at=min((end for end in ends if end is not None), default=None),
            )
        )
    held_now = [Holding(one.person, one.role, now, now + MOMENT) for one in parts]
    conflicts = [some[0] if some else None for some in conflicts_of(held_now)]
    free = [part for part, conflict in zip(parts, conflicts, strict=True) if conflict is None]
    begin_assignments(free, actor=actor, justifications=[justification] * len(free))
    kept = [(part, rule_in_words(one)) for part, one in zip(parts, conflicts, strict=True) if one]
    write_down_as_separated([part for part, _why in kept], actor=actor, whys=[why for _part, why in kept])


def _end_parts(parts: QuerySet[Assignment], *, actor: Actor) -> None:
    found = list(parts.select_related("role__directory", "scope", "person").order_by("status", "pk"))
    for _status, some in groupby(found, key=attrgetter("status")):
        batch = list(some)
        end_all(batch, actor=actor, cause=EndCause.GROUP_ENDED)
        hurry(batch, Assignment.Status.ENDING)


def _turn() -> None:
    """Begin and end what groups hold, as time has decided."""
    now = timezone.now()
    live = GroupAssignment.objects.filter(status__in=GroupAssignment.LIVE)
    shown = live.select_related("role__directory", "group")
    for held in shown.filter(ends_at__lte=now)[:BATCH]:
        with suppress(Overtaken):
            end_group_assignment(held, actor=PORTAL, cause=EndCause.EXPIRED)
    for held in shown.filter(status=Status.SCHEDULED, starts_at__lte=now)[:BATCH]:
        with suppress(Overtaken):
            move_to(held, Status.IN_FORCE, actor=PORTAL, action="group_assignment.started")


def check_is_no_part(held: Assignment) -> None:
    """Refuse to change or take away by itself what somebody holds through a group: the next sweep would give it again.

    Raises:
        Refused: it is a part of what a group holds.
    """
    if held.through is not None:
        raise Refused(
            _("%(who)s holds this through %(group)s. Take it from the group, or them out of the group.")
            % {"who": held.person, "group": held.through.group},
            code="through_a_group",
        )
