"""Who is asked at the present stage of a run: first, then in their place, and last its owner. In plain values.

An item of a group goes to the group's owners before anybody else; where none of them can, to whom the stage names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property, reduce
from operator import or_
from typing import Any, NamedTuple

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accounts.models import Membership, People, User
from approvals.reviews.models import AccessReview, Reviewer, ReviewItem, ReviewStage
from roles.parts import Parts

Who = ReviewStage.Who
MEMBER, OWNER = Membership.Kind.MEMBER, Membership.Kind.OWNER

#: what is not somebody's to answer for: ``("person", key)``, ``("human", personnel number)`` or ``("group", key)``
Token = tuple[str, int | str]
#: an empty ``Q`` gives way to whatever it is joined with, so each of them says itself
ALL, NONE = Q(pk__isnull=False), Q(pk__in=[])


class Line(NamedTuple):
    """A row of ``Reviewer``; ``role`` is None where it counts for all roles."""

    person: int | None
    group: int | None
    role: int | None
    is_fallback: bool


class Panel:
    """Who answers the items of a run at its present stage, as things are at this moment.

    Args:
        review: the run, as it was just read.
    """

    def __init__(self, review: AccessReview) -> None:
        self.review = review

    # --- One person: which items ---

    def items_of(self, person: User, parts: Parts) -> QuerySet[ReviewItem]:
        """The items that ``person``, whose parts these are, may answer."""
        able = self._able_to_answer(person, parts)
        if able is None:
            return ReviewItem.objects.none()
        return able.filter(reduce(or_, self._ways(person, parts), NONE))

    def asks(self, person: User, parts: Parts) -> tuple[bool, bool]:
        """Whether any item is theirs to answer, and whether any is left: each way asked for itself, by its own index."""
        able = self._able_to_answer(person, parts)
        if able is None:
            return False, False
        ways, stage = [], self.review.stage
        for way in self._ways(person, parts):
            ways.append(able.filter(way))
            if ways[-1].filter(answered_stage__lt=stage).exists():
                return True, True
        return any(items.filter(answered_stage__gte=stage).exists() for items in ways), False

    def _able_to_answer(self, person: User, parts: Parts) -> QuerySet[ReviewItem] | None:
        """The present items that are not off limits; None for whoever cannot sign in.

        The same as ``_off_limits`` says of many, from what is known of the one who opened the page.
        """
        if not person.is_active or person.is_service:
            return None
        boss = person.manager
        limits = _human(boss.pk, boss.person_key) if boss else set()
        if self._is_own_off_limits:
            limits |= _human(person.pk, person.person_key) | {("group", key) for key in parts.member_of}
        return self.present.exclude(_meant(limits))

    @property
    def _is_own_off_limits(self) -> bool:
        return not (self.review.own_allowed or self.review.asks == Who.THEMSELVES)

    def _ways(self, person: User, parts: Parts) -> Iterator[Q]:
        """In which ways items come to somebody: asked first, in turn, and as the owner of the review.

        What takes fewest questions to say comes first, and is often all that is asked.
        """
        if self.asked_by:
            yield Q(**{self.asked_by: person.pk})
        if self.asks_group_owners and parts.owner_of:
            yield Q(group__in=sorted(parts.owner_of))
        if (named := self._naming(person, parts, in_turn=False)) != NONE:
            yield named & Q(group=None)
            yield named & Q(group__isnull=False) & ~self.with_group_owner
        if (in_turn := self._naming(person, parts, in_turn=True)) != NONE:
            yield self.nobody_first & in_turn
        if self.review.owner_id == person.pk:
            yield self.nobody_first & self.nobody_in_turn

    @property
    def asked_by(self) -> str:
        """The column of an item that says whom it asks in person; "" where the stage names them."""
        return {Who.MANAGER: "manager", Who.THEMSELVES: "person"}.get(Who(self.review.asks), "")

    @property
    def asks_group_owners(self) -> bool:
        """Whether the items of a group go to its owners first.

        At the first stage always. A later one that names its reviewers is a second look: by others than had the first.
        """
        return bool(self.asked_by) or self.review.stage == 1

    @property
    def waiting(self) -> QuerySet[ReviewItem]:
        """What nobody has answered yet at the present stage."""
        return self.present.filter(answered_stage__lt=self.review.stage).order_by()

    @property
    def present(self) -> QuerySet[ReviewItem]:
        """The items that the present stage looks at."""
        return ReviewItem.objects.filter(review=self.review.pk, stage=self.review.stage)

    def _naming(self, person: User, parts: Parts, *, in_turn: bool) -> Q:
        """The items for which somebody is named, themselves or in a group."""
        asked = NONE
        for line in self.lines:
            if line.is_fallback == in_turn and (line.person == person.pk or line.group in parts.member_of):
                if line.role is None:
                    return ALL
                asked |= Q(role=line.role)
        return asked

    # --- Where nobody is left ---

    @cached_property
    def nobody_first(self) -> Q:
        """The items that nobody can answer whom the stage asks first."""
        nobody = (
            self._person_cannot | Q(group__isnull=False) if self.asked_by else self._uncovered(in_turn=False)
        )
        return nobody & ~self.with_group_owner

    @cached_property
    def nobody_in_turn(self) -> Q:
        """The items that nobody can answer who was named for that case."""
        return self._uncovered(in_turn=True)

    @property
    def _person_cannot(self) -> Q:
        """People's items whose manager, or who themselves, cannot answer."""
        keyed = ~Q(person__person_key="")
        if self.review.asks == Who.THEMSELVES:
            cannot = Q(person__is_active=False) | Q(person__kind=User.Kind.SERVICE)
            return cannot | (keyed & Q(person__manager__person_key=F("person__person_key")))
        cannot = Q(person__isnull=False, manager=None) | Q(manager__is_active=False)
        cannot |= Q(manager__kind=User.Kind.SERVICE) | Q(manager__manager=F("person"))
        cannot |= keyed & Q(manager__manager__person_key=F("person__person_key"))
        if not self.review.own_allowed:
            cannot |= keyed & Q(manager__person_key=F("person__person_key"))
        return cannot

    @cached_property
    def with_group_owner(self) -> Q:
        """The items of groups that have an owner who can answer, where those are asked first."""
        if not (self.review.of_groups and self.asks_group_owners):
            return NONE
        groups = self.present.exclude(group=None).order_by().values("group")
        return Q(group__in=sorted({group for group, _person in self._owners_who_can(groups)}))

    def _owners_who_can(self, groups: Iterable[int] | QuerySet[Any, Any]) -> list[tuple[int, int]]:
        """Owners by group, without those who may not answer for it."""
        in_force = Membership.objects.in_force()
        owners = in_force.filter(group__in=groups, kind=OWNER, person__kind=User.Kind.PERSON)
        if self._is_own_off_limits:
            inside = in_force.filter(group=OuterRef("group"), person=OuterRef("person"), kind=MEMBER)
            owners = owners.exclude(Exists(inside))
        return list(owners.order_by().values_list("group", "person"))

    def _uncovered(self, *, in_turn: bool) -> Q:
        everywhere = self._able(None, in_turn=in_turn)
        roles = {line.role for line in self.lines if line.is_fallback == in_turn and line.role is not None}
        nobody = _meant(_common(everywhere)) if everywhere else ALL
        if not roles:
            return nobody
        left, special = [], NONE
        for role in roles:
            able = everywhere + self._able(role, in_turn=in_turn)
            if not able:
                left.append(role)
            elif common := _common(able):
                special |= Q(role=role) & _meant(common)
        return (nobody & ~Q(role__in=roles)) | Q(role__in=left) | special

    def _able(self, role: int | None, *, in_turn: bool) -> list[frozenset[Token]]:
        """What is off limits to each of those who are named for ``role`` and can sign in."""
        return [
            self._limits[person]
            for line in self.lines
            if line.is_fallback == in_turn and line.role == role
            for person in self._people_of(line)
        ]

    def _people_of(self, line: Line) -> Collection[int]:
        if line.group is not None:
            return self._members.get(line.group, ())
        return (line.person,) if line.person in self._limits else ()

    # --- One item: which people ---

    def people_for(self, item: ReviewItem) -> People:
        """The people who may answer ``item``."""
        found = self._able_for(item, self._first_for(item))
        found = found or self._able_for(item, self._named_about({item.role_id}, in_turn=True))
        found = found or self._able_for(item, [self.review.owner_id])
        people: People = User.objects.enabled().humans().filter(pk__in=found)
        return people

    def people_with_open_items(self) -> People:
        """Those who have something left to answer."""
        waiting = self.waiting
        roles = set(waiting.exclude(self.with_group_owner).values_list("role", flat=True).distinct())
        asked = self._asked_first_about(roles)
        if waiting.filter(self.nobody_first & ~self.nobody_in_turn).exists():
            asked |= self._named_about(roles, in_turn=True)
        if waiting.filter(self.nobody_first & self.nobody_in_turn).exists():
            asked.add(self.review.owner_id)
        people: People = User.objects.enabled().humans().filter(pk__in=asked)
        return people

    def _asked_first_about(self, roles: Collection[int]) -> set[int]:
        asked = self._named_about(roles, in_turn=False)
        if column := self.asked_by:
            theirs = self.waiting.exclude(self.nobody_first).exclude(**{column: None})
            asked |= set(theirs.values_list(column, flat=True).distinct())
        if self.asks_group_owners:
            groups = self.waiting.exclude(group=None).values("group")
            asked |= {person for _group, person in self._owners_who_can(groups)}
        return asked

    def _first_for(self, item: ReviewItem) -> Collection[int]:
        if item.group_id is not None and self.asks_group_owners:
            owners = [person for _group, person in self._owners_who_can([item.group_id])]
            if owners or self.asked_by:
                return owners
        if not self.asked_by:
            return self._named_about({item.role_id}, in_turn=False)
        one = getattr(item, f"{self.asked_by}_id")
        return [one] if one else []

    def _named_about(self, roles: Collection[int], *, in_turn: bool) -> set[int]:
        """Who is named for at least one of ``roles``."""
        named = self.named(in_turn=in_turn).items()
        return {one for one, theirs in named if roles and (theirs is None or not theirs.isdisjoint(roles))}

    def named(self, *, in_turn: bool) -> dict[int, set[int] | None]:
        """Who is named, and for which roles; None is all of them."""
        named: dict[int, set[int] | None] = {}
        for line in self.lines:
            if line.is_fallback != in_turn:
                continue
            for person in self._people_of(line):
                before = named.get(person, set())
                named[person] = None if line.role is None or before is None else before | {line.role}
        return named

    def _able_for(self, item: ReviewItem, people: Collection[int]) -> list[int]:
        limits = self._off_limits(people)
        about = {("person", item.person_id), ("group", item.group_id)}
        if item.person is not None and item.person.person_key:
            about.add(("human", item.person.person_key))
        return [one for one in people if one in limits and not about & limits[one]]

    # --- What is asked of the database ---

    @cached_property
    def lines(self) -> list[Line]:
        """Who is named for the present stage."""
        rows = Reviewer.objects.filter(stage__review=self.review.pk, stage__number=self.review.stage)
        return [Line(*row) for row in rows.values_list("person", "group", "role", "is_fallback")]

    @cached_property
    def _members(self) -> dict[int, list[int]]:
        groups = {line.group for line in self.lines if line.group is not None}
        members = Membership.objects.in_force().filter(
            group__in=groups, kind=MEMBER, person__kind=User.Kind.PERSON
        )
        found: dict[int, list[int]] = defaultdict(list)
        for group, person in members.order_by().values_list("group", "person"):
            found[group].append(person)
        return found

    @cached_property
    def _limits(self) -> dict[int, frozenset[Token]]:
        named = {line.person for line in self.lines if line.person is not None}
        return self._off_limits(named.union(*self._members.values()))

    def _off_limits(self, people: Collection[int]) -> dict[int, frozenset[Token]]:
        """For each of ``people`` who can sign in: whose access is not theirs to answer for."""
        rows = User.objects.enabled().humans().filter(pk__in=people).order_by()
        limits: dict[int, set[Token]] = {}
        own = self._is_own_off_limits
        for pk, key, manager, manager_key in rows.values_list(
            "pk", "person_key", "manager", "manager__person_key"
        ):
            limits[pk] = _human(manager, manager_key) if manager else set()
            if own:
                limits[pk] |= _human(pk, key)
        if own and limits:
            members = Membership.objects.in_force().filter(person__in=list(limits), kind=MEMBER)
            for person, group in members.order_by().values_list("person", "group"):
                limits[person].add(("group", group))
        return {pk: frozenset(tokens) for pk, tokens in limits.items()}


def _human(pk: int, key: str | None) -> set[Token]:
    return {("person", pk), ("human", key)} if key else {("person", pk)}


def _common(limits: Iterable[frozenset[Token]]) -> frozenset[Token]:
    """What is off limits to all of them."""
    return frozenset.intersection(*limits)


def _meant(tokens: Collection[Token]) -> Q:
    """The items that ``tokens`` speak of; none where there are no tokens."""
    keys: dict[str, list[int | str]] = defaultdict(list)
    for kind, key in tokens:
        keys[kind].append(key)
    if human := keys.pop("human", None):
        # Keys of accounts are found in an index of the items; personnel numbers would be looked up for each of them.
        keys["person"] += User.objects.filter(person_key__in=human).order_by().values_list("pk", flat=True)
    meant = NONE
    for kind, found in keys.items():
        meant |= Q(**{f"{kind}__in": sorted(set(found))})
    return meant
