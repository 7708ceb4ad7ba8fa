"""What a file would change, line by line, before anything is changed."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Group, User, canonical_email
from approvals.changing import Change, judged
from approvals.filing import (
    Held,
    check_not_oneself,
    kind_of,
    shortest_assignment,
    version_of,
)
from approvals.import_lines import Line, lines_of, moment_of
from approvals.permissions import roles_managed_by
from approvals.separated import conflicts_of_wishes
from audit.journal.actor import Actor
from audit.journal.refusing import Refused
from roles.assigning import LIVE, Wish, already_eligible_words
from roles.effective import Layers, layers_for
from roles.models import Assignment, Eligibility, GroupAssignment, Origin, Role, Scope
from roles.reaching import check_scope
from roles.requirements import ACTIVE, ELIGIBLE, AskedAssignment, unmet_for_assignment
from roles.separation import Separated

ASSIGN, UPDATE, REMOVE = "assign", "update", "remove"
NEW, CHANGED, REMOVED, UNCHANGED, REFUSED = "new", "changed", "removed", "unchanged", "refused"
STATES = (NEW, CHANGED, REMOVED, UNCHANGED, REFUSED)


@dataclass(frozen=True)
class Planned:
    """What comes of one line.

    Args:
        state: one of ``STATES``; why: for what is refused or left alone.
        wish: for what is new or removed, and what a change comes to.
        held: what is changed or removed.
    """

    line: Line
    state: str
    why: str = ""
    wish: Wish | None = None
    held: Held | None = None

    @property
    def before(self) -> tuple[datetime | None, datetime | None] | None:
        """Start and end as they are."""
        return (self.held.starts_at, self.held.ends_at) if self.held is not None else None

    @property
    def mark(self) -> str:
        """What must be the same when it is applied."""
        about = f"{type(self.held).__name__} {self.held.pk} {version_of(self.held)}" if self.held else ""
        return f"{self.line.number} {self.state} {about} {self.why}"


@dataclass(frozen=True)
class Plan:
    """What a file would change."""

    rows: list[Planned] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many lines come to what."""
        found = Counter(row.state for row in self.rows)
        return {state: found[state] for state in STATES}

    @property
    def changes(self) -> int:
        """How many lines change something."""
        return sum(count for state, count in self.counts.items() if state in (NEW, CHANGED, REMOVED))

    @property
    def digest(self) -> str:
        """What must be the same when it is applied: every line, and the state of everything it is about."""
        said = "\n".join(f"{sorted(row.line.cells.items())} {row.mark}" for row in self.rows)
        return hashlib.sha256(said.encode(errors="replace")).hexdigest()


def plan_of(text: str, *, actor: Actor) -> Plan:
    """What the file with this text would change if ``actor`` applied it now. The number of queries does not grow with it.

    Raises:
        Refused: the file cannot be read.
    """
    lines = lines_of(text)
    world = World.of(lines, actor)
    asked: dict[Any, int] = {}
    rows = []
    for line in lines:
        try:
            row = world.plan(line)
            if row.state in (NEW, CHANGED, REMOVED) and row.wish is not None:
                wish = row.wish
                place = (wish.role.pk, wish.scope.pk, wish.principal, wish.asked.kind)
                first = asked.setdefault(place, line.number)
                if first != line.number:
                    raise Refused(_("Line %(n)s is about the same.") % {"n": first})
        except Refused as refused:
            row = Planned(line, REFUSED, refused.message)
        rows.append(row)
    return Plan(_kept_apart(rows))


def _kept_apart(rows: list[Planned]) -> list[Planned]:
    """The same, with those refused who would hold what may not be held together; what the file removes is not in the way."""
    giving = [place for place, row in enumerate(rows) if row.state in (NEW, CHANGED) and row.wish]
    leaving = [row.held.pk for row in rows if row.state == REMOVED and isinstance(row.held, Assignment)]
    wishes = [cast(Wish, rows[place].wish) for place in giving]
    for place, conflicts in zip(giving, conflicts_of_wishes(wishes, leaving=leaving), strict=True):
        if conflicts:
            why = Separated(conflicts).message
            rows[place] = replace(rows[place], state=REFUSED, why=why, wish=None, held=None)
    return rows


class World:
    """Everything that the lines of a file speak of, looked up once."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.now = timezone.now()
        self.roles: dict[tuple[str, str], Role] = {}
        self.scopes: dict[tuple[int, str], list[Scope]] = {}
        self.people: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.held: dict[Any, list[Held]] = {}
        self.layers: dict[tuple[int, int | None], Layers] = {}
        self.is_about_me = False

    @classmethod
    def of(cls, lines: list[Line], actor: Actor) -> World:
        """The world as it is at this moment."""
        world = cls(actor)
        managed = Role.objects.all() if actor.person is None else roles_managed_by(actor.person)
        named = managed.filter(
            name__in={line["role"] for line in lines},
            directory__name__in={line["directory"] for line in lines},
        )
        for role in named.select_related("directory"):
            world.roles[role.directory.name, role.name] = role
        directories = {role.directory_id for role in world.roles.values()}
        said = {line["scope"] for line in lines}
        wanted = Q(path__in=said) | Q(name__in=said) | Q(parent__isnull=True)
        for scope in Scope.objects.filter(wanted, directory__in=directories).select_related("directory"):
            for name in {scope.path, scope.name, *([""] if scope.is_root else [])}:
                world.scopes.setdefault((scope.directory_id, name), []).append(scope)
        emails = {canonical_email(line["principal"]) for line in lines}
        world.people = {one.email: one for one in User.objects.filter(email__in=emails)}
        groups = Group.objects.filter(name__in={line["principal"] for line in lines})
        world.groups = {one.name: cast(Group, one) for one in groups}
        world._look_at_what_is_held()
        places = {(role.pk, one.pk): (role, one) for role, one in map(world.place, lines) if role and one}
        world.layers = layers_for(places.values())
        try:
            check_not_oneself([*world.people.values(), *world.groups.values()], actor=actor)
        except Refused:
            world.is_about_me = True
        return world

    def place(self, line: Line) -> tuple[Role | None, Scope | None]:
        """The role and the scope that a line means; of several scopes with its name the one with its path."""
        role = self.roles.get((line["directory"], line["role"]))
        found = self.scopes.get((role.directory_id, line["scope"]), []) if role else []
        by_path = [one for one in found if one.path == line["scope"]] or found
        return role, by_path[0] if len(by_path) == 1 else None

    def _look_at_what_is_held(self) -> None:
        going_on = Q(ends_at__isnull=True) | Q(ends_at__gt=self.now)
        of_role = {"role__in": [role.pk for role in self.roles.values()]}
        people, groups = [one.pk for one in self.people.values()], [one.pk for one in self.groups.values()]
        sources: list[Any] = [
            Eligibility.objects.filter(Q(person__in=people) | Q(group__in=groups), status__in=LIVE),
            Assignment.objects.live()
            .filter(person__in=people, through=None)
            .exclude(origin=Origin.ACTIVATED),
            GroupAssignment.objects.filter(group__in=groups, status__in=GroupAssignment.LIVE),
        ]
        for rows in sources:
            principals = [name for name in ("person", "group") if hasattr(rows.model, name)]
            related = ("role__directory", "scope", *principals)
            for one in rows.filter(going_on, **of_role).select_related(*related):
                key = (kind_of(one), one.role_id, type(one.principal), one.principal.pk)
                self.held.setdefault(key, []).append(one)

    def plan(self, line: Line) -> Planned:
        """What comes of one line.

        Raises:
            Refused: it is not possible.
        """
        if line.cells.get("action") == "":
            return Planned(line, UNCHANGED, _("No action is named."))
        action = line["action"].lower() or ASSIGN
        if action not in (ASSIGN, UPDATE, REMOVE):
            raise Refused(_("The action is assign, update or remove."))
        wish = self.wish(line)
        if self.is_about_me and action != REMOVE:
            check_not_oneself([wish.principal], actor=self.actor)
        key = (wish.asked.kind, wish.role.pk, type(wish.principal), wish.principal.pk)
        standing = self.held.get(key, [])
        here = next((one for one in standing if one.scope_id == wish.scope.pk), None)
        if action == ASSIGN:
            return self._new(line, wish, here, standing)
        if here is None:
            raise Refused(_("There is nothing of this kind to change or remove."))
        if action == REMOVE:
            if not wish.asked.justification:
                raise Refused(_("Say why."))
            return Planned(line, REMOVED, wish=wish, held=here)
        if same_times(here, wish.asked):
            return Planned(line, UNCHANGED, _("It is so already."), wish, here)
        asked = judged(Change(here, wish.asked)).asked
        wish = Wish(wish.role, wish.scope, wish.principal, asked)
        self._judge(wish)
        return Planned(line, CHANGED, wish=wish, held=here)

    def _new(self, line: Line, wish: Wish, here: Held | None, standing: list[Held]) -> Planned:
        if here is not None and same_times(here, wish.asked):
            return Planned(line, UNCHANGED, _("It is so already."), wish, here)
        who = wish.principal
        for other in standing:
            why = already_eligible_words(other, scope=wish.scope, who=who, role=wish.role)  # type: ignore[arg-type]
            if why and wish.asked.kind == ELIGIBLE:
                raise Refused(why)
            if why:
                raise Refused(
                    _("%(who)s already holds %(role)s here, or at a scope above.")
                    % {"who": who, "role": wish.role}
                )
        if isinstance(who, User) and who.is_service and wish.asked.kind == ELIGIBLE:
            raise Refused(_("A service principal can be active, never eligible."))
        self._judge(wish)
        return Planned(line, NEW, wish=wish)

    def _judge(self, wish: Wish) -> None:
        if isinstance(wish.principal, User) and not wish.principal.is_active:
            raise Refused(_("%(who)s is disabled.") % {"who": wish.principal})
        check_scope(wish.role, wish.scope)
        unmet = unmet_for_assignment(
            self.layers[wish.role.pk, wish.scope.pk].effective,
            wish.asked,
            now=self.now,
            shortest=shortest_assignment(),
            factor_is_fresh=True,
        )
        if unmet:
            raise Refused(unmet[0].message)

    def wish(self, line: Line) -> Wish:
        """What a line asks for, whatever is so at present.

        Raises:
            Refused: it names something that is not there, or a time that is none.
        """
        role, scope = self.place(line)
        if role is None:
            raise Refused(_("There is no such role in this directory, or you do not manage it."))
        if scope is None:
            raise Refused(_("There is no such scope, or more than one by this name; say its path."))
        kind = line["kind"].lower()
        if kind not in (ELIGIBLE, ACTIVE):
            raise Refused(_("The kind is eligible or active."))
        try:
            times = [moment_of(line[name]) for name in ("starts_at", "ends_at")]
        except ValueError as error:
            raise Refused(
                _("“%(what)s” is no moment; say it as 2027-03-31T18:00.") % {"what": str(error)[:40]}
            ) from error
        asked = AskedAssignment(kind, times[0], times[1], line["justification"], line["ticket"])
        return Wish(role, scope, self.principal(line), asked)

    def principal(self, line: Line) -> User | Group:
        """Whom a line means.

        Raises:
            Refused: there is nobody.
        """
        kind = line["principal_kind"].lower()
        person = self.people.get(canonical_email(line["principal"]))
        group = self.groups.get(line["principal"])
        if kind not in ("", "person", "group", "service"):
            raise Refused(_("The kind of principal is person, group or service."))
        if kind == "group" or (not kind and person is None):
            if group is None:
                raise Refused(_("There is no person or group called this."))
            return group
        if person is None or (kind and person.kind != kind):
            raise Refused(_("There is no person or service principal with this email."))
        return person


def same_times(held: Held, asked: AskedAssignment) -> bool:
    """Whether ``held`` is from when to when it was asked; a download has whole seconds only."""

    def whole(at: datetime | None) -> datetime | None:
        return at.replace(microsecond=0) if at else None

    same_start = asked.starts_at is None or whole(asked.starts_at) == whole(held.starts_at)
    return same_start and whole(asked.ends_at) == whole(held.ends_at)
