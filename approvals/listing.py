"""Who may and who holds, as lists: what an address asks for, and the rows it means, in the order of an index.

Names are turned into keys first, so that what the database sorts and filters by are its own columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.db import models
from django.db.models import BooleanField, F, Func, Q, QuerySet
from django.http import Http404, QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Group, User
from approvals.viewing import Viewer
from roles.models import Assignment, Directory, Eligibility, GroupAssignment, Origin, Risk, Role, Scope
from roles.models.lasting import Until
from roles.parts import Parts
from roles.permissions import OWN, READ, REVIEW

LATELY = timedelta(days=30)  # ended longer ago is history, and in the journal
SOON = timedelta(days=14)  # as long as holders themselves may ask for more
KEYS = 5_000  # of one kind that are named one by one; more stay a question inside the question
LONGEST_WORDS = 100

Held = Eligibility | Assignment | GroupAssignment
#: what a row shows, for ``page_of``
RELATED = ("role__directory", "scope", "person", "group", "through__group", "eligibility__group")


class Tab(models.TextChoices):
    """What a page lists."""

    ELIGIBLE = "eligible", _("Eligible")
    ACTIVE = "active", _("Active")
    EXPIRED = "expired", _("Expired")


class Kind(models.TextChoices):
    """What one can look for besides names."""

    STANDING = "standing", _("Standing")
    ENDING = "ending", _("Ends within 14 days")
    THROUGH = "through", _("Through a group")
    GROUPS = "groups", _("Groups")
    SERVICE = "service", _("Service principals")
    OUTSIDE = "outside", _("Found outside")


#: which of them make sense where
KINDS = {
    Tab.ELIGIBLE: (Kind.STANDING, Kind.ENDING, Kind.GROUPS),
    Tab.ACTIVE: tuple(Kind),
    Tab.EXPIRED: (Kind.THROUGH, Kind.GROUPS, Kind.SERVICE, Kind.OUTSIDE),
}
ENDS_FIRST = "ends"  # the other order; the usual one is newest first


@dataclass(frozen=True)
class Wanted:
    """What an address asks for. What makes no sense in it is left out.

    Args:
        words: part of a name: of a person, a group or a role.
        directory: name of a directory.
        role, person, group, scope: keys; None is any. A scope is meant with everything beneath it.
        kinds: all of them must be so.
    """

    tab: Tab = Tab.ACTIVE
    words: str = ""
    directory: str = ""
    risk: str = ""
    role: int | None = None
    person: int | None = None
    group: int | None = None
    scope: int | None = None
    kinds: frozenset[Kind] = field(default_factory=frozenset)
    ends_first: bool = False

    @classmethod
    def of(cls, asked: QueryDict) -> Wanted:
        """What the parameters of an address say."""
        said = {name: asked.get(name, "").replace("\x00", "") for name in ("tab", "q", "directory", "risk")}
        tab = Tab(said["tab"]) if said["tab"] in Tab.values else Tab.ACTIVE
        kinds = set(asked.getlist("kind"))
        return cls(
            tab=tab,
            words=said["q"].strip()[:LONGEST_WORDS],
            directory=said["directory"],
            risk=said["risk"] if said["risk"] in Risk.values else "",
            kinds=frozenset(kind for kind in KINDS[tab] if kind in kinds),
            ends_first=asked.get("sort") == ENDS_FIRST and tab != Tab.EXPIRED,
            **{name: _key(asked, name) for name in ("role", "person", "group", "scope")},
        )

    @property
    def is_narrow(self) -> bool:
        """Whether anything is filtered by."""
        return self != Wanted(tab=self.tab, ends_first=self.ends_first)

    def in_words(self) -> dict[str, Any]:
        """What is asked for, for the entry about a download."""
        said = {name: getattr(self, name) for name in ("words", "directory", "risk")}
        said |= {name: getattr(self, name) for name in ("role", "person", "group", "scope")}
        said |= {"kinds": sorted(self.kinds)}
        return {"tab": str(self.tab)} | {name: value for name, value in said.items() if value}


@dataclass(frozen=True)
class Readable:
    """What somebody may see the holders of.

    Args:
        parts: what they have a part in; None for those who may see everything.
    """

    parts: Parts | None = None

    def roles(self, *, of: str = "") -> Q:
        """A question for the roles; ``of`` is how the asked rows call theirs, if they are none themselves."""
        return Q() if self.parts is None else self.parts.roles(OWN, REVIEW, READ, of=of)

    def directories(self) -> QuerySet[Directory]:
        """The directories of these roles."""
        if self.parts is None:
            return Directory.objects.all()
        return Directory.objects.filter(
            pk__in=Role.objects.filter(self.roles()).order_by().values("directory")
        )


def readable_roles(viewer: Viewer) -> Readable:
    """The roles whose holders somebody may see.

    Raises:
        Http404: there is none, and no duty to see them all.
    """
    if viewer.is_reader:
        return Readable()
    readable = Readable(viewer.parts)
    if not readable.roles():
        raise Http404
    return readable


def check_reads_roles(person: User) -> None:
    """Nothing, for those who may see who holds some role.

    Raises:
        Http404: there is none, and no duty to see them all.
    """
    readable_roles(Viewer(person))


class Listing:
    """The rows of one tab, by kind of row: what can be read, and of it what is wanted.

    Args:
        readable: as ``readable_roles`` says.
    """

    def __init__(self, readable: Readable, wanted: Wanted) -> None:
        self.readable, self.wanted, self.now = readable, wanted, timezone.now()

    @property
    def by(self) -> tuple[str, ...]:
        """The order, for ``page_of``."""
        if self.wanted.tab == Tab.EXPIRED:
            return ("-at", "-pk")
        return ("until", "pk") if self.wanted.ends_first else ("-starts_at", "-pk")

    @cached_property
    def sources(self) -> list[QuerySet[Any]]:
        """What is wanted."""
        found = self.everything()
        if self.wanted.is_narrow:
            found = [rows.filter(self._wanted(rows.model)) for rows in found]
        return [rows.annotate(until=Until("ends_at")) for rows in found] if self.wanted.ends_first else found

    def everything(self, tab: Tab | None = None) -> list[QuerySet[Any]]:
        """All that can be read on a tab (the wanted one when left out), whatever is filtered by."""
        made = {Tab.ELIGIBLE: self._eligible, Tab.ACTIVE: self._active, Tab.EXPIRED: self._expired}
        return [rows.filter(self.readable.roles(of="role")) for rows in made[tab or self.wanted.tab]()]

    def _eligible(self) -> list[QuerySet[Any]]:
        going_on = Q(ends_at=None) | Q(ends_at__gt=self.now)
        return [Eligibility.objects.filter(going_on, status__in=["scheduled", "in_force"])]

    def _active(self) -> list[QuerySet[Any]]:
        return [
            Assignment.objects.filter(~Q(status="ended")),
            GroupAssignment.objects.filter(~Q(status="ended")),
        ]

    def _expired(self) -> list[QuerySet[Any]]:
        since = self.now - LATELY
        over = Eligibility.objects.filter(~Q(status="removed"), ends_at__gt=since, ends_at__lte=self.now)
        found = [
            over.annotate(at=F("ends_at")),
            Assignment.objects.filter(status="ended", ended_at__gt=since).annotate(at=F("ended_at")),
            GroupAssignment.objects.filter(status="ended", ended_at__gt=since).annotate(at=F("ended_at")),
        ]
        # Counted along their index too: what ended lately lies close together, and a look through a table of all that
        # ever ended takes twenty times as long where it begins elsewhere.
        return [rows.order_by("-at", "-pk") for rows in found]

    def _wanted(self, model: type[models.Model]) -> Q:
        """What is filtered by, as a question to one kind of row."""
        asked = self.wanted
        meant = Q()
        if self._roles is not None:
            meant &= among("role", self._roles)
        if self._scopes is not None:
            meant &= among("scope", self._scopes)
        if asked.person is not None:
            meant &= Q(pk__in=[]) if model is GroupAssignment else Q(person=asked.person)
        if asked.group is not None:
            meant &= _of_groups(model, [asked.group])
        if asked.words:
            meant &= self._named(model)
        for kind in sorted(asked.kinds):
            meant &= self._of_kind(kind, model)
        return meant

    def _of_kind(self, kind: Kind, model: type[models.Model]) -> Q:
        if kind == Kind.STANDING:
            return Q(ends_at=None)
        if kind == Kind.ENDING:
            return Q(ends_at__gt=self.now, ends_at__lte=self.now + SOON)
        nothing, everything = Q(pk__in=[]), ~Q(pk__in=[])
        of_group: dict[Any, Q] = {
            Eligibility: Q(group__isnull=False),
            Assignment: nothing,
            GroupAssignment: everything,
        }
        if kind == Kind.GROUPS:
            return of_group[model]
        if model is not Assignment:
            return nothing
        by_group = Q(through__isnull=False) | Q(eligibility__group__isnull=False)
        of_person = {Kind.THROUGH: by_group, Kind.SERVICE: Q(person__kind="service")}
        return of_person.get(kind, Q(origin=Origin.FOUND_OUTSIDE))

    @cached_property
    def _roles(self) -> Any:
        """The roles that are meant by role, directory or risk; None where none of them is filtered by."""
        asked = self.wanted
        said = {"pk": asked.role, "directory__name": asked.directory, "risk": asked.risk}
        said = {name: value for name, value in said.items() if value not in (None, "")}
        return keys_of(Role.objects.filter(**said)) if said else None

    @cached_property
    def _scopes(self) -> list[int] | None:
        if self.wanted.scope is None:
            return None
        top = Scope.objects.filter(pk=self.wanted.scope).first()
        if top is None:
            return []
        return list(Scope.objects.within(top).values_list("pk", flat=True))

    @cached_property
    def _meant(self) -> Mapping[str, Any]:
        """The keys of what the words are part of the name of."""
        words = self.wanted.words
        return {
            "role": keys_of(Role.objects.filter(name__icontains=words)),
            "person": keys_of(
                User.objects.filter(Q(display_name__icontains=words) | Q(email__icontains=words))
            ),
            "group": keys_of(Group.objects.filter(name__icontains=words)),
        }

    def _named(self, model: type[models.Model]) -> Q:
        meant = among("role", self._meant["role"])
        if model is not GroupAssignment:
            meant |= among("person", self._meant["person"])
        if self._meant["group"] != []:
            meant |= _of_groups(model, self._meant["group"])
        return meant


def keys_of(rows: QuerySet[Any]) -> Any:
    """The keys of ``rows``, to compare with: listed, so that the database knows how many they are, unless they are legion."""
    keys = list(rows.order_by().values_list("pk", flat=True)[: KEYS + 1])
    return keys if len(keys) <= KEYS else rows.order_by().values("pk")


class Among(Func):
    """Whether a column is one of many keys. They stand in the statement itself: each a parameter, the words took longer than the answer."""

    template = "%(expressions)s IN (%(keys)s)"
    output_field = BooleanField()

    def __init__(self, column: str, keys: Iterable[int]) -> None:
        super().__init__(F(column), keys=", ".join(str(int(key)) for key in keys))

    def as_postgresql(self, compiler: Any, connection: Any, **said: Any) -> Any:
        """As one value: a thousand of them take longer to read than to look for."""
        return self.as_sql(compiler, connection, template="%(expressions)s = ANY('{%(keys)s}')", **said)


def among(column: str, keys: Any) -> Q:
    """Rows whose ``column`` is one of ``keys``, as ``keys_of`` found them."""
    if isinstance(keys, list):
        return Q(Among(column, keys)) if keys else Q(pk__in=[])
    return Q(**{f"{column}__in": keys})


def _of_groups(model: type[models.Model], groups: Any) -> Q:
    """Rows of a group, and of people through it."""
    if model is Assignment:
        return Q(through__group__in=groups) | Q(eligibility__group__in=groups)
    return Q(group__in=groups)


def _key(asked: QueryDict, name: str) -> int | None:
    text = asked.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
