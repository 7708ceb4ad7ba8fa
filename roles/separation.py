"""Which roles one human may not hold together, and who does: pure questions over the separation rules that are in use.

All accounts of a human count as one. What counts as held is told by time: what is in force or about to be, and what
starts later as far as both would overlap. Where no rule speaks of a role, each question is one small query.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Case, CharField, Count, F, Max, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.wording import worded
from audit.journal.refusing import Refused
from roles.models import Assignment, Role, SeparatedRole, SeparationRule
from roles.models.assignment import Assignments, being_due
from roles.models.lasting import NEVER, lasting

NAMED = 3  # of the people who hold something already, so many are named


@dataclass(frozen=True)
class Holding:
    """That a person holds, or would hold, a role from when to when.

    Args:
        assignment: what it is, where it is one already.
    """

    person: User
    role: Role
    starts_at: datetime
    ends_at: datetime | None
    assignment: Assignment | None = None

    def overlaps(self, other: Holding) -> bool:
        """Whether there is a moment at which both count."""
        return self.starts_at < (other.ends_at or NEVER) and other.starts_at < (self.ends_at or NEVER)


@dataclass(frozen=True)
class Conflict:
    """That a rule keeps somebody from what they would hold, because of what they hold."""

    rule: SeparationRule
    wanted: Holding
    held: Holding

    def __str__(self) -> str:
        if self.held.starts_at > timezone.now():
            words = _("%(who)s is to hold %(held)s, which may not be held together with %(role)s.")
        else:
            words = _("%(who)s holds %(held)s, which may not be held together with %(role)s.")
        return self._said(words)

    def told_to(self, reader: User) -> str:
        """The same, said to ``reader``: "you" where they hold it under this very account."""
        if reader.pk != self.held.person.pk:
            return str(self)
        if self.held.starts_at > timezone.now():
            return self._said(_("You are to hold %(held)s, which may not be held together with %(role)s."))
        return self._said(_("You hold %(held)s, which may not be held together with %(role)s."))

    def _said(self, words: str) -> str:
        said = {"who": self.held.person, "held": self.held.role, "role": self.wanted.role}
        return f"{words % said} {self.rule.reason}"


class Separated(Refused):
    """They hold a role that may not be held together with this one."""

    code = "separated"

    def __init__(self, conflicts: Sequence[Conflict], *, reader: User | None = None) -> None:
        named = conflicts[:NAMED]
        words = [one.told_to(reader) if reader is not None else str(one) for one in named]
        if (more := len(conflicts) - NAMED) > 0:
            words.append(ngettext("It is so for %(n)s more.", "It is so for %(n)s more.", more) % {"n": more})
        super().__init__(" ".join(words), field="role")


def human_of(person: User) -> str:
    """What is the same for every account of one human, and for nobody else."""
    return f"key:{person.person_key}" if person.person_key else f"account:{person.pk}"


def holding_of(assignment: Assignment) -> Holding:
    """An assignment, as its person holds its role."""
    return Holding(assignment.person, assignment.role, assignment.starts_at, assignment.ends_at, assignment)


def version_of(rule: SeparationRule) -> str:
    """What a page compares to know that nobody changed the rule or its roles since it was made; "" of a new one."""
    if not rule.pk:
        return ""
    histories = (SeparationRule.history.filter(id=rule.pk), SeparatedRole.history.filter(rule=rule.pk))
    return "-".join(str(rows.aggregate(last=Max("history_id"))["last"]) for rows in histories)


# --- May they hold it as well? ---


def rules_about(roles: Iterable[Role]) -> dict[int, list[tuple[SeparationRule, set[int]]]]:
    """The rules in use that speak of each of ``roles``: by its key, with the keys of the roles it is kept apart from."""
    asked = {role.pk for role in roles}
    rows = worded(_about, tuple(sorted(asked)))
    found: dict[int, list[tuple[SeparationRule, set[int]]]] = defaultdict(list)
    for rule, some in groupby(rows, key=lambda row: row.rule):
        keys = {row.role_id for row in some}
        for key in keys & asked:
            found[key].append((rule, keys - {key}))
    return found


def _about(roles: tuple[int, ...]) -> QuerySet[SeparatedRole]:
    about = SeparatedRole.objects.filter(role__in=roles, rule__is_on=True).values("rule")
    return SeparatedRole.objects.filter(rule__in=about).select_related("rule").order_by("rule__name")


def conflicts_of(
    wanted: Sequence[Holding], *, leaving: Collection[int] = (), at: datetime | None = None
) -> list[list[Conflict]]:
    """Why each of ``wanted`` may not be: because of what its human holds, or would by an earlier one of ``wanted``.

    One query; a second one where a rule speaks of these roles, however many they are.

    Args:
        leaving: keys of assignments that do not count, because they end in the same act.
        at: the moment to ask for; now when left out.

    Returns:
        For each in their order the conflicts, the rules in the order of their names; none when it may be.
    """
    rules = rules_about({one.role for one in wanted})
    found: list[list[Conflict]] = []
    if not rules:
        return [[] for _one in wanted]
    opposite = {key for some in rules.values() for _rule, others in some for key in others}
    people = {one.person for one in wanted if one.role.pk in rules}
    held: dict[str, list[Holding]] = defaultdict(list)
    for assignment in held_by(people, opposite, at or timezone.now()).exclude(pk__in=leaving):
        held[human_of(assignment.person)].append(holding_of(assignment))
    for one in wanted:
        beside = held[human_of(one.person)]
        conflicts = [
            Conflict(rule, one, other)
            for rule, others in rules.get(one.role.pk, [])
            for other in beside
            if other.role.pk in others and other.overlaps(one)
        ]
        found.append(conflicts)
        if not conflicts:
            beside.append(one)
    return found


def held_by(people: Iterable[User], roles: Collection[int], at: datetime) -> QuerySet[Assignment]:
    """What the humans behind ``people`` hold of ``roles`` at ``at`` or are to hold later, the longest held first."""
    everybody = list(people)
    keys = {one.person_key for one in everybody if one.person_key}
    humans = Q(person__in=[one.pk for one in everybody])
    if keys:
        humans |= Q(person__person_key__in=keys)
    later = Q(starts_at__gt=at, status__in=Assignment.LIVE, person__is_active=True)
    rows = Assignment.objects.filter(humans, Q(being_due(at, *Assignment.LIVE)) | later, role__in=roles)
    return rows.select_related("role__directory", "person", "scope").order_by("starts_at", "pk")


def check_not_separated(wanted: Sequence[Holding], *, leaving: Collection[int] = ()) -> None:
    """Refuse what a rule keeps somebody from. For verbs, with the journal's pen in hand: so two never ask at once.

    Args:
        leaving: as for ``conflicts_of``.

    Raises:
        Separated: so it is; the message names whom, what they hold, and the rule's reason.
    """
    if conflicts := [one for some in conflicts_of(wanted, leaving=leaving) for one in some[:1]]:
        raise Separated(conflicts)


# --- Who holds now what may not be held together? ---


@dataclass(frozen=True)
class Together:
    """That a human holds several roles of one set at the same time.

    Args:
        held: all of it, the longest held first; late: what began when one of the others was held already.
    """

    held: list[Assignment]
    late: list[Conflict] = field(default_factory=list)


def late_ones(held: Sequence[Assignment], rule: SeparationRule) -> list[Conflict]:
    """Of what a human holds of a rule's roles: what must go, each with an earlier one that is in its way."""
    stays: list[Assignment] = []
    late = []
    for one in sorted(held, key=lambda one: (one.starts_at, one.pk)):
        before = next((other for other in stays if other.role_id != one.role_id), None)
        if before is None:
            stays.append(one)
        else:
            late.append(Conflict(rule, holding_of(one), holding_of(before)))
    return late


def violations(rules: Iterable[SeparationRule] | None = None) -> dict[int, list[Together]]:
    """Who holds at this moment what may not be held together, by key of the rule.

    One query while nobody does, three otherwise, whatever people hold.

    Args:
        rules: asked of these, in use or not; of all in use when left out.
    """
    asked = {rule.pk for rule in rules} if rules is not None else None
    # Annotations share one join to the rules; named in filters each would get another.
    of = "role__separations__rule"
    rows: Any = Assignment.objects.annotate(rule=F(of), in_use=F(f"{of}__is_on"))
    rows = rows.filter(rule__in=asked) if asked is not None else rows.filter(in_use=True)
    pairs = _humans_with_several(rows, "rule")
    if not pairs:
        return {}
    by_key = SeparationRule.objects.in_bulk({rule for rule, _human in pairs})
    roles: dict[int, set[int]] = defaultdict(set)
    for rule, role in SeparatedRole.objects.filter(rule__in=by_key).values_list("rule", "role"):
        roles[rule].add(role)
    held = _held_by_humans({human for _rule, human in pairs}, set().union(*roles.values()))
    found: dict[int, list[Together]] = defaultdict(list)
    for rule, human in pairs:
        mine = [one for one in held[human] if one.role_id in roles[rule]]
        if late := late_ones(mine, by_key[rule]):
            found[rule].append(Together(mine, late))
    return found


def holding_several(roles: Collection[int]) -> list[list[Assignment]]:
    """What humans hold who hold several of ``roles`` at this moment, as if a rule kept these apart. Two queries."""
    rows: Any = Assignment.objects.filter(role__in=roles).annotate(rule=Value(0))
    pairs = _humans_with_several(rows, "rule")
    held = _held_by_humans({human for _rule, human in pairs}, set(roles)) if pairs else {}
    return [mine for mine in held.values() if len({one.role_id for one in mine}) > 1]


def late_among(assignments: Sequence[Assignment]) -> set[int]:
    """The keys of those of ``assignments`` that began when their human held something they are kept apart from."""
    rules = rules_about({one.role for one in assignments})
    if not rules:
        return set()
    concerned = {key for some in rules.values() for _rule, others in some for key in others} | set(rules)
    now = timezone.now()
    mine = {human_of(one.person) for one in assignments}
    late: set[int] = set()
    held: dict[str, list[Assignment]] = defaultdict(list)
    for one in held_by({one.person for one in assignments}, concerned, now):
        if one.starts_at <= now and human_of(one.person) in mine:
            held[human_of(one.person)].append(one)
    sets = {rule.pk: (rule, {key, *others}) for key, some in rules.items() for rule, others in some}
    for rule, keys in sets.values():
        for some in held.values():
            of_rule = [one for one in some if one.role_id in keys]
            late |= {one.wanted.assignment.pk for one in late_ones(of_rule, rule) if one.wanted.assignment}
    return late


#: the same as ``human_of``, for the database
HUMAN = Case(
    When(person__person_key="", then=Concat(Value("account:"), Cast("person_id", CharField()))),
    default=Concat(Value("key:"), "person__person_key"),
    output_field=CharField(),
)


def _humans_with_several(rows: Assignments, rule: str) -> list[tuple[int, str]]:
    now = timezone.now()
    counted = rows.filter(lasting(now, *Assignment.LIVE)).annotate(human=HUMAN).order_by()
    several = counted.values(rule, "human").annotate(n=Count("role", distinct=True)).filter(n__gt=1)
    return sorted(several.values_list(rule, "human"))


def _held_by_humans(humans: Collection[str], roles: Collection[int]) -> dict[str, list[Assignment]]:
    due = Assignment.objects.due().annotate(human=HUMAN).filter(human__in=humans, role__in=roles)
    held: dict[str, list[Assignment]] = defaultdict(list)
    for one in due.select_related("role__directory", "person", "scope").order_by("starts_at", "pk"):
        held[human_of(one.person)].append(one)
    return held
