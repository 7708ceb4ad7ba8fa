"""The kinds of conditions an automatic rule may set, each a plain value that is judged on plain inputs.

Nothing here reads the database or the clock: what was judged once can be judged again and comes to the same. A condition
answers with three words: it is so, it is not so, or that cannot be told, and what cannot be told never counts as so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, available_timezones

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _

from approvals.automatic.on_call import whether_on_call
from approvals.automatic.risk import LEVELS, Facts, level_words, score
from roles.patterns import fault_in, tried

LONGEST_PATTERN = 200
Inputs = Mapping[str, Any]
#: what a condition finds: whether it is so (None: that cannot be told), and what there was to see, as a sentence
Found = tuple[bool | None, str]


class FaultyCondition(Exception):
    """A condition that cannot be: the sentence, and the field of the form it belongs beside."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message, self.field = message, field


@dataclass(frozen=True, kw_only=True)
class Condition(ABC):
    """Something that must be so, or must not be so, for a rule to decide.

    Args:
        must_hold: False turns it round.
    """

    kind: ClassVar[str] = ""
    must_hold: bool = True

    def as_json(self) -> dict[str, Any]:
        """For storing."""
        return {"kind": self.kind, "must_hold": self.must_hold} | self._said()

    @abstractmethod
    def in_words(self) -> str:
        """What must be so, or must not be, as a sentence."""

    @abstractmethod
    def look(self, inputs: Inputs) -> Found:
        """Whether what is described is so, ``must_hold`` not regarded. May raise what unreadable inputs raise."""

    @abstractmethod
    def _said(self) -> dict[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class Window(Condition):
    """Some hours of some days of the week, by the clock on the wall of one place.

    From ``start`` until just before ``end``. Where the end is not later than the start it is that of the next day, and
    the day of the week is the one it began on. The hour that a change of the clocks repeats counts both times.
    """

    kind = "window"
    zone: str
    days: tuple[int, ...]
    start: time
    end: time

    @classmethod
    def from_json(cls, said: Inputs) -> Window:
        zone, days = str(said.get("zone") or ""), said.get("days")
        if zone not in available_timezones():
            raise FaultyCondition(
                _("Name a time zone as in Europe/Vienna or America/New_York."), field="window_zone"
            )
        if not isinstance(days, Sequence) or isinstance(days, str) or not days:
            raise FaultyCondition(_("Choose at least one day."), field="window_days")
        if not all(isinstance(day, int) and 0 <= day <= 6 for day in days):
            raise FaultyCondition(_("There is no such day."), field="window_days")
        return cls(
            must_hold=must_hold_of(said),
            zone=zone,
            days=tuple(sorted(set(days))),
            start=hour_of(said.get("from"), field="window_from"),
            end=hour_of(said.get("to"), field="window_to"),
        )

    def _said(self) -> dict[str, Any]:
        return {
            "zone": self.zone,
            "days": list(self.days),
            "from": f"{self.start:%H:%M}",
            "to": f"{self.end:%H:%M}",
        }

    def in_words(self) -> str:
        words = (
            _("It begins %(days)s, %(hours)s (%(zone)s).")
            if self.must_hold
            else _("It does not begin %(days)s, %(hours)s (%(zone)s).")
        )
        days = _("on any day") if len(self.days) == 7 else ", ".join(str(WEEKDAYS_ABBR[d]) for d in self.days)
        said = {"start": f"{self.start:%H:%M}", "end": f"{self.end:%H:%M}"}
        if self.start == self.end == time.min:
            hours = _("at any hour")
        elif self.start < self.end:
            hours = _("%(start)s to %(end)s") % said
        else:
            hours = _("%(start)s to %(end)s of the next day") % said
        return words % {"days": days, "hours": hours, "zone": self.zone}

    def look(self, inputs: Inputs) -> Found:
        local = moment_in(inputs, "moment").astimezone(ZoneInfo(self.zone))
        said = {"day": WEEKDAYS_ABBR[local.weekday()], "time": f"{local:%H:%M}", "zone": self.zone}
        return self.covers(local), _("It was %(day)s %(time)s in %(zone)s.") % said

    def covers(self, local: datetime) -> bool:
        """Whether a moment, by the clock of the place, lies within."""
        at, today, day_before = local.time(), local.weekday(), (local.weekday() - 1) % 7
        if self.start < self.end:
            return today in self.days and self.start <= at < self.end
        return (today in self.days and at >= self.start) or (day_before in self.days and at < self.end)


@dataclass(frozen=True, kw_only=True)
class OnCall(Condition):
    """The person stands in a calendar at that moment."""

    kind = "calendar"
    calendar: str
    name: str = ""

    @classmethod
    def from_json(cls, said: Inputs) -> OnCall:
        key = said.get("calendar")
        if not isinstance(key, str) or not key:
            raise FaultyCondition(_("Choose a calendar."), field="calendar_key")
        return cls(must_hold=must_hold_of(said), calendar=key, name=str(said.get("name") or key))

    def _said(self) -> dict[str, Any]:
        return {"calendar": self.calendar, "name": self.name}

    def in_words(self) -> str:
        words = (
            _("The person is on call in the calendar “%(name)s”.")
            if self.must_hold
            else _("The person is not on call in the calendar “%(name)s”.")
        )
        return words % {"name": self.name}

    def look(self, inputs: Inputs) -> Found:
        return whether_on_call(
            inputs["person"],
            inputs["calendars"].get(self.calendar),
            at=moment_in(inputs, "moment"),
            looked_at=moment_in(inputs, "decided_at"),
            name=self.name,
        )


@dataclass(frozen=True, kw_only=True)
class MemberOf(Condition):
    """The person is a member of a group, and still is when it begins. Known by the group's key, which never changes."""

    kind = "member"
    group: int
    name: str = ""

    @classmethod
    def from_json(cls, said: Inputs) -> MemberOf:
        key = said.get("group")
        if not isinstance(key, int) or isinstance(key, bool):
            raise FaultyCondition(_("Name a group."), field="member_group")
        return cls(must_hold=must_hold_of(said), group=key, name=str(said.get("name") or key))

    def _said(self) -> dict[str, Any]:
        return {"group": self.group, "name": self.name}

    def in_words(self) -> str:
        words = (
            _("The person is a member of “%(name)s”.")
            if self.must_hold
            else _("The person is not a member of “%(name)s”.")
        )
        return words % {"name": self.name}

    def look(self, inputs: Inputs) -> Found:
        found = inputs["groups"].get(str(self.group))
        if found is None:
            return None, _("The group “%(name)s” is not there any more.") % {"name": self.name}
        said = {"name": found["name"]}
        if found["member"]:
            return True, _("The person was a member of “%(name)s”.") % said
        return False, _("The person was no member of “%(name)s”.") % said


@dataclass(frozen=True, kw_only=True)
class Ticket(Condition):
    """The ticket's number has a form: a regular expression that matches all of it."""

    kind = "ticket"
    pattern: str

    @classmethod
    def from_json(cls, said: Inputs) -> Ticket:
        pattern = said.get("pattern")
        if not isinstance(pattern, str) or not pattern:
            raise FaultyCondition(_("Say which form."), field="ticket_pattern")
        fault = (
            _("At most %(n)s characters.") % {"n": LONGEST_PATTERN}
            if len(pattern) > LONGEST_PATTERN
            else fault_in(pattern)
        )
        if fault:
            raise FaultyCondition(fault, field="ticket_pattern")
        return cls(must_hold=must_hold_of(said), pattern=pattern)

    def _said(self) -> dict[str, Any]:
        return {"pattern": self.pattern}

    def in_words(self) -> str:
        words = (
            _("The ticket has the form %(pattern)s.")
            if self.must_hold
            else _("The ticket does not have the form %(pattern)s.")
        )
        return words % {"pattern": self.pattern}

    def look(self, inputs: Inputs) -> Found:
        ticket = str(inputs["ticket"])
        so = tried(self.pattern, ticket)
        if so is None:
            return None, _("Whether the ticket has that form could not be told in time.")
        if not ticket:
            return so, _("No ticket was named.")
        return so, _("The ticket was %(ticket)s.") % {"ticket": ticket}


@dataclass(frozen=True, kw_only=True)
class RiskAtMost(Condition):
    """The request is no more of a risk than that; see ``approvals.automatic.risk``."""

    kind = "risk"
    most: str

    @classmethod
    def from_json(cls, said: Inputs) -> RiskAtMost:
        most = said.get("most")
        if most not in LEVELS[:-1]:
            raise FaultyCondition(_("Choose low or medium."), field="risk_most")
        return cls(must_hold=must_hold_of(said), most=most)

    def _said(self) -> dict[str, Any]:
        return {"most": self.most}

    def in_words(self) -> str:
        words = (
            _("The risk is %(level)s at most.") if self.must_hold else _("The risk is higher than %(level)s.")
        )
        return words % {"level": level_words(self.most)}

    def look(self, inputs: Inputs) -> Found:
        found = score(Facts.from_json(inputs["risk"]))
        so = LEVELS.index(found.level) <= LEVELS.index(self.most)
        return so, found.in_words()


KINDS: dict[str, type[Window | OnCall | MemberOf | Ticket | RiskAtMost]] = {
    one.kind: one for one in (Window, OnCall, MemberOf, Ticket, RiskAtMost)
}


def read_conditions(stored: Any) -> tuple[Condition, ...]:
    """The conditions of a rule as they were stored.

    Raises:
        FaultyCondition: there are none, or one of them is not a condition.
    """
    if not isinstance(stored, list) or not stored:
        raise FaultyCondition(_("A rule has at least one condition."))
    found: list[Condition] = []
    for said in stored:
        if not isinstance(said, dict) or said.get("kind") not in KINDS:
            raise FaultyCondition(_("There is no condition of this kind."))
        found.append(KINDS[said["kind"]].from_json(said))
    return tuple(found)


def must_hold_of(said: Inputs) -> bool:
    """Whether a stored condition must be so, or must not."""
    if not isinstance(said.get("must_hold"), bool):
        raise FaultyCondition(_("Say whether it must be so or must not be so."))
    return bool(said["must_hold"])


def hour_of(said: Any, *, field: str) -> time:
    """A time of the day, written ``HH:MM``."""
    try:
        return datetime.strptime(str(said), "%H:%M").time()  # noqa: DTZ007  a time of day has no zone
    except ValueError:
        raise FaultyCondition(_("Write a time such as 08:30."), field=field) from None


def moment_in(inputs: Inputs, name: str) -> datetime:
    """A moment of the inputs; it knows its zone.

    Raises:
        ValueError: it is none.
    """
    at = datetime.fromisoformat(inputs[name])
    if at.tzinfo is None:
        raise ValueError(f"{name} has no zone")
    return at
