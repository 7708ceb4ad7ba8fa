"""Who approves, stage by stage: the lines of a list of approvers, and how many of them must agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Group, User
from roles.models import Approver
from roles.models.stages import Stage

Kind = Approver.Kind


@dataclass(frozen=True, order=True)
class Line:
    """One line of a list of approvers, by keys.

    Args:
        kind: one of ``Approver.Kind``.
        person, group: whom it names, 0 for nobody.
        stage: at which stage they are asked, from 1 on.
        is_escalation: whether they may decide only when the stage was not decided in time.
    """

    kind: str
    person: int = 0
    group: int = 0
    stage: int = 1
    is_escalation: bool = False

    def __str__(self) -> str:
        if self.person:
            return str(User.objects.filter(pk=self.person).first() or _("somebody who is gone"))
        if self.group:
            return str(Group.objects.filter(pk=self.group).first() or _("a group that is gone"))
        return str(Kind(self.kind).label) if self.kind in Kind else _("the role administrators")

    @property
    def who(self) -> Line:
        """Whom it names, wherever that is."""
        return replace(self, stage=1, is_escalation=False)

    @classmethod
    def of(cls, approver: Any) -> Line:
        """The line of a row: of an ``Approver``, or a frozen one."""
        return cls(
            str(approver.kind),
            approver.person_id or 0,
            approver.group_id or 0,
            stage=approver.stage,
            is_escalation=approver.is_escalation,
        )


#: what an empty list comes to
ADMINISTRATORS = Line("administrators")


@dataclass(frozen=True)
class Rule:
    """A list of approvers with its stages, in one spelling, so that equal ones are equal.

    Args:
        lines: everybody named; nobody is the role administrators.
        stages: the first one first. What is not said of one has its defaults, and one where nobody is named is none,
            except the first.
    """

    lines: tuple[Line, ...] = ()
    stages: tuple[Stage, ...] = ()

    def __post_init__(self) -> None:
        lines = tuple(sorted(set(self.lines)))
        count = max([1, *(line.stage for line in lines)])
        given = (*self.stages, *[Stage()] * count)
        object.__setattr__(self, "lines", lines)
        object.__setattr__(self, "stages", given[:count])

    @classmethod
    def of(cls, approvers: Iterable[Any], stages: Sequence[Stage] = ()) -> Rule:
        """The rule of rows: of ``Approver``, or of frozen ones."""
        return cls(tuple(map(Line.of, approvers)), tuple(stages))

    @property
    def numbers(self) -> range:
        """The numbers of its stages."""
        return range(1, len(self.stages) + 1)

    @property
    def is_usual(self) -> bool:
        """Whether any one of those named decides, at once and alone."""
        return self.stages == (Stage(),) and not self.further(1)

    def stage(self, number: int) -> Stage:
        """One stage."""
        return self.stages[number - 1]

    def asked(self, number: int) -> tuple[Line, ...]:
        """Who is asked at a stage from its beginning."""
        if not self.lines:
            return (ADMINISTRATORS,)
        return tuple(line for line in self.lines if line.stage == number and not line.is_escalation)

    def further(self, number: int) -> tuple[Line, ...]:
        """Who may decide at a stage too, when it was not decided in time."""
        return tuple(line for line in self.lines if line.stage == number and line.is_escalation)


def names_of(lines: Sequence[Line]) -> str:
    """Who is in a list of approvers, in words."""
    return ", ".join(str(line) for line in lines) or _("the role administrators")
