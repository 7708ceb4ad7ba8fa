"""Who may decide: one rule, asked in three directions.

May this person: ``may_decide``. Which requests: ``requests_decidable_by``. Which people: ``approvers_of``. The first is
derived from the second; a test over the whole cast keeps the third in step. Being a superuser means nothing here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import READERS, ROLE_ADMINISTRATORS, duties_of, holds
from accounts.models import Absence, DutyHolding, Membership, People, User
from accounts.wording import Fixed, among, worded
from approvals.models import AccessRequest, AccessRequests, Decision, FrozenApprover
from approvals.settings.places import Line
from audit.journal.refusing import NotAllowed
from roles.models import Approver, Role
from roles.parts import Parts, Values, parts_of, roles_meant
from roles.permissions import OWN, RoleKeys, could_activate, having_part, people_with_duty, roles_of


def roles_managed_by(person: User) -> QuerySet[Role]:
    """The roles whose assignments ``person`` may change at this moment: by duty all, else those they own."""
    if holds(person, *ROLE_ADMINISTRATORS):
        return Role.objects.all()
    return roles_of(person, OWN)


def managers_of(role: Role) -> People:
    """The enabled people who may change who holds ``role``: the other direction of ``roles_managed_by``."""
    people: People = User.objects.filter(_managing(RoleKeys.of(role), timezone.now()))
    return people


def _managing(role: RoleKeys, now: datetime) -> Q:
    by_duty = DutyHolding.objects.in_force(now).filter(duty__in=ROLE_ADMINISTRATORS).values("person")
    return Q(pk__in=by_duty, is_active=True) | having_part(OWN, role, now)


class Part(NamedTuple):
    """What one person is when it is asked who decides, in plain values; see ``accounts.wording``.

    Args:
        pk, person_key: of the person; the second is None where they have no other account.
        member_of: keys of groups.
        owns: which roles they own, as ``Parts.values`` says it.
    """

    pk: int
    person_key: str | None
    member_of: tuple[int, ...]
    owns: Values

    @classmethod
    def of(cls, person: User, parts: Parts) -> Part:
        """The part of ``person``, who has these."""
        return cls(person.pk, person.person_key or None, tuple(sorted(parts.member_of)), parts.values(OWN))


def requests_decidable_by(
    person: User, *, parts: Parts | None = None, duties: Collection[str] | None = None
) -> AccessRequests:
    """The waiting requests that ``person`` may decide at this moment. Never their own, under whatever account.

    Args:
        parts, duties: what they have a part in and which duties they hold, where that was just asked already.
    """
    if not person.is_active:
        return AccessRequest.objects.none()
    return decidable(*values_of_decidable(person, parts=parts, duties=duties))


def values_of_decidable(
    person: User, *, parts: Parts | None = None, duties: Collection[str] | None = None
) -> tuple[Any, ...]:
    """What ``decidable`` wants to know about an enabled person; asked first, by keys, so that it is a plain question."""
    parts = parts or parts_of(person)
    by_duty = not set(ROLE_ADMINISTRATORS).isdisjoint(duties_of(person) if duties is None else duties)
    return (
        timezone.now(),
        Part.of(person, parts),
        # with what they are themselves, not with their duties
        tuple(Part.of(absent, parts_of(absent)) for absent in represented_by(person)),
        by_duty,
        by_duty or could_activate(person, *ROLE_ADMINISTRATORS, parts=parts),
    )


def decidable(
    now: datetime, me: Part, away: Iterable[Part], is_manager: bool, is_administrator: bool
) -> AccessRequests:
    """The question of ``requests_decidable_by``, of these values alone.

    Args:
        me, away: who decides, and those for whom they stand in.
        is_manager: whether they may assign every role; is_administrator: whether they may at least activate that.
    """
    me = Part(*me)
    named = naming(me)
    for absent in (Part(*one) for one in away):
        answered = Decision.objects.filter(
            by_human(absent, of="approver"), access_request=OuterRef("access_request"), void_at=None
        )
        named |= naming(absent) & ~asked_by(absent, of="access_request") & ~Q(Exists(answered))
    if is_manager:
        named |= Q(kind=FrozenApprover.MANAGERS)
    if is_administrator:
        named |= Q(kind=FrozenApprover.ADMINISTRATORS)
    rule = FrozenApprover.objects.standing().asked(now).filter(named, access_request=OuterRef("pk"))
    said = Decision.objects.filter(access_request=OuterRef("pk"), void_at=None)
    requests: AccessRequests = (
        AccessRequest.objects.open(now)
        .filter(Exists(rule), ~Exists(said.filter(by_human(me, of="approver"))))
        .exclude(asked_by(me))
    )
    return requests


def represented_by(person: User) -> list[User]:
    """Those who are away at this moment and whose deputy ``person`` is. A deputy's own deputy stands in for nobody but them."""
    return [one.person for one in worded(_absences_for, timezone.now(), person.pk)]


def _absences_for(now: datetime, deputy: int) -> QuerySet[Absence]:
    return Absence.objects.in_force(now).filter(deputy=deputy).select_related("person")


def naming(who: Part) -> Q:
    """The lines of frozen approvers that name somebody, by whatever they are but by their duties."""
    named = Q(kind=Approver.Kind.PERSON, person=who.pk)
    named |= Q(kind=Approver.Kind.MANAGER, access_request__holder__manager=who.pk)
    if who.member_of:
        named |= Q(kind=Approver.Kind.GROUP, group__in=who.member_of)
    if owned := roles_meant(who.owns, of="access_request__role"):
        named |= Q(owned, kind__in=[Approver.Kind.OWNERS, FrozenApprover.MANAGERS])
    return named


def by_human(person: User | Part, *, of: str) -> Q:
    """Rows whose column ``of`` is ``person``, under whatever account."""
    same = Q(**{of: person.pk})
    return same | Q(**{f"{of}__person_key": person.person_key}) if person.person_key else same


def asked_by(person: User | Part, *, of: str = "") -> Q:
    """Requests that are for ``person`` or were made by them, under whatever account."""
    said = f"{of}__" if of else ""
    return by_human(person, of=f"{said}holder") | by_human(person, of=f"{said}requester")


def may_decide(person: User, access_request: AccessRequest) -> bool:
    """Whether ``person`` may decide on ``access_request`` at this moment."""
    return requests_decidable_by(person).filter(pk=access_request.pk).exists()


def whom_for(access_request: AccessRequest, person: User) -> User | None:
    """The one who is away and for whom ``person`` decides on ``access_request``; None where they decide for themselves."""
    absent = represented_by(person)
    if not absent:
        return None
    lines = [Line.of(line) for line in access_request.approver_rule.standing().asked()]
    named = set(User.objects.filter(named_for(access_request, lines)).values_list("pk", flat=True))
    return None if person.pk in named else next((one for one in absent if one.pk in named), None)


def check_may_decide(person: User | None, access_request: AccessRequest) -> None:
    """Refuse unless ``person`` may decide.

    Raises:
        NotAllowed: it is their own request, or they are not among its approvers.
    """
    # As they are now: whoever opened the page may have been disabled since, or found out to be somebody else's second self.
    person = User.objects.enabled().filter(pk=person.pk).first() if person is not None else None
    if person is None:
        raise NotAllowed
    asking = [who for who in (access_request.holder, access_request.requester) if who is not None]
    if any(person.is_same_human_as(who) for who in asking):
        raise NotAllowed(_("Nobody decides on their own request."), code="own_request")
    if not may_decide(person, access_request):
        raise NotAllowed(_("You are not among the approvers of this request."), code="not_an_approver")


def named_by(lines: Iterable[Line], role: Role, *, holder: User | None = None) -> Q:
    """The people that ``lines`` name for ``role``, enabled or not; the manager only where there is a holder."""
    return Q(pk__in=among(_named, *_values_of_named(lines, role, holder)))


def _values_of_named(lines: Iterable[Line], role: Role, holder: User | None) -> tuple[Any, ...]:
    said = tuple(dict.fromkeys((Fixed(line.kind), line.person, line.group) for line in lines))
    return timezone.now(), RoleKeys.of(role), holder.manager_id if holder is not None else None, said


def _named(
    now: datetime, role: RoleKeys, manager: int | None, lines: Iterable[tuple[Fixed, int | None, int | None]]
) -> QuerySet[User, Any]:
    role = RoleKeys(*role)
    who = Q(pk__in=[])
    for kind, person, group in lines:
        match kind.value:
            case FrozenApprover.ADMINISTRATORS:
                who |= Q(pk__in=people_with_duty(*ROLE_ADMINISTRATORS, at=now).values("pk"))
            case Approver.Kind.PERSON:
                who |= Q(pk=person)
            case Approver.Kind.GROUP:
                members = Membership.objects.in_force(now).filter(group=group, kind=Membership.Kind.MEMBER)
                who |= Q(pk__in=members.values("person"))
            case Approver.Kind.OWNERS:
                who |= having_part(OWN, role, now)
            case FrozenApprover.MANAGERS:
                who |= _managing(role, now)
            case Approver.Kind.MANAGER:
                who |= Q(pk=manager)
    found: Any = User.objects.filter(who).order_by()
    return found.values_list("pk", flat=True)  # type: ignore[no-any-return]


def approvers_of(access_request: AccessRequest) -> People:
    """The people who may decide on ``access_request`` at this moment, whether or not it still waits.

    Those who are asked at its present stage and have not answered at any, and the deputies of those who are away.
    """
    lines = [Line.of(line) for line in access_request.approver_rule.standing().asked()]
    who = named_for(access_request, lines)
    in_person = [_without_duty(line) for line in lines if line.kind != FrozenApprover.ADMINISTRATORS]
    asking, away = User.objects.none(), User.objects.filter(named_for(access_request, in_person))
    for person in (access_request.holder, access_request.requester):
        if person is not None:
            asking |= User.objects.all().same_human_as(person)
    said = User.objects.none()
    for one in access_request.decisions.filter(void_at=None).select_related("approver"):
        said |= User.objects.all().same_human_as(one.approver)
    away = away.exclude(pk__in=asking.values("pk")).exclude(pk__in=said.values("pk"))
    deputies = Absence.objects.in_force().filter(person__in=away.order_by().values("pk"))
    people: People = (
        User.objects.filter(who | Q(pk__in=deputies.values("deputy")), is_active=True)
        .exclude(pk__in=asking.values("pk"))
        .exclude(pk__in=said.values("pk"))
        .distinct()
    )
    return people


def named_for(access_request: AccessRequest, lines: Iterable[Line]) -> Q:
    """The people that ``lines`` name, enabled or not, the manager of the holder among them."""
    return named_by(lines, access_request.role, holder=access_request.holder)


def keys_named_for(access_request: AccessRequest, lines: Iterable[Line]) -> list[int]:
    """Their keys, asked for at once: where nothing else is asked with it, that is far less work for the database."""
    return worded(_named, *_values_of_named(lines, access_request.role, access_request.holder))


def _without_duty(line: Line) -> Line:
    """``line`` without those whom only a duty makes one of it."""
    return Line(Approver.Kind.OWNERS) if line.kind == FrozenApprover.MANAGERS else line


def requests_visible_to(person: User) -> AccessRequests:
    """The requests ``person`` may open: their own, those they decide or decided, and all for those with a duty."""
    if not person.is_active:
        return AccessRequest.objects.none()
    if holds(person, *READERS):
        return AccessRequest.objects.all()
    visible: AccessRequests = AccessRequest.objects.filter(
        Q(holder=person)
        | Q(requester=person)
        | Q(decisions__approver=person)
        | Q(pk__in=requests_decidable_by(person).values("pk"))
    ).distinct()
    return visible
