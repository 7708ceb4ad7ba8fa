"""How much of a risk a request is, from few facts about the person and the role that is asked for, and nothing else.

Each fact that speaks against it has points; they are added. Below ``MEDIUM_FROM`` the risk is low, from ``HIGH_FROM`` on
it is high. Nothing here reads the database or the clock; see ``approvals.automatic.gathering.facts_about``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.utils.translation import gettext as _

LEVELS = ("low", "medium", "high")
MEDIUM_FROM, HIGH_FROM = 2, 4
NEAR = 2  # hours from one that is usual
ENOUGH = 5  # activations in the last days, to know which hours are usual
OFTEN = 3  # activations within a day


@dataclass(frozen=True)
class Facts:
    """What is looked at.

    Args:
        privileged: whether the role is one that can do much harm.
        minutes, longest: the duration asked, and the longest that role settings allow.
        activated_before: whether the person, under whatever account, ever had a request for this role approved.
        hour: of the day, 0 to 23, in the person's zone; usual_hours: those of the last 90 days' activations.
        denied: how often they were denied this role within 30 days.
        recent: how often they activated it within 24 hours.
        second_factor: whether one was given for the request.
    """

    privileged: bool
    minutes: int
    longest: int
    activated_before: bool
    hour: int
    usual_hours: tuple[int, ...]
    denied: int
    recent: int
    second_factor: bool

    def as_json(self) -> dict[str, Any]:
        """For storing."""
        return asdict(self) | {"usual_hours": list(self.usual_hours)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Facts:
        """The facts as they were stored.

        Raises:
            KeyError: one of them is missing.
        """
        found = {one.name: said[one.name] for one in fields(cls)}
        return cls(**found | {"usual_hours": tuple(said["usual_hours"])})


@dataclass(frozen=True)
class Score:
    """A level, and what speaks for it."""

    level: str
    points: int
    reasons: tuple[str, ...]

    def in_words(self) -> str:
        """Level and reasons as a sentence."""
        said = {"level": level_words(self.level), "reasons": "; ".join(self.reasons)}
        if not self.reasons:
            return _("The risk was %(level)s: nothing spoke against it.") % said
        return _("The risk was %(level)s: %(reasons)s.") % said


def level_words(level: str) -> str:
    """A level in words."""
    return {"low": _("low"), "medium": _("medium"), "high": _("high")}[level]


def score(facts: Facts) -> Score:
    """Weigh ``facts``."""
    weighed = [
        (facts.privileged, 2, _("a privileged role")),
        (4 * facts.minutes > 3 * facts.longest, 1, _("nearly the longest time was asked")),
        (not facts.activated_before, 2, _("never activated before")),
        (is_unusual(facts), 1, _("an unusual hour for this person")),
        (facts.denied > 0, 2, _("denied in the last 30 days")),
        (facts.recent >= OFTEN, 1, _("activated several times within a day")),
        (not facts.second_factor, 1, _("no second factor was given")),
    ]
    points = sum(weight for so, weight, _words in weighed if so)
    level = LEVELS[(points >= MEDIUM_FROM) + (points >= HIGH_FROM)]
    return Score(level, points, tuple(words for so, _weight, words in weighed if so))


def is_unusual(facts: Facts) -> bool:
    """Whether the hour is far from all that were usual; who has no habits yet does nothing unusual."""
    if len(facts.usual_hours) < ENOUGH:
        return False
    apart = [abs(facts.hour - usual) for usual in facts.usual_hours]
    return all(min(hours, 24 - hours) > NEAR for hours in apart)
