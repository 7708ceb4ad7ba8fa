"""The places where role settings can be said, and the documents of what is said there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from approvals.settings.rules import ADMINISTRATORS, Line, Rule, names_of
from roles.models import Directory, Role, RoleSettings, Scope
from roles.models.stages import Stage, as_stored, stages_of
from roles.models.values import CELLS, VALUES, Telling

__all__ = [
    "ADMINISTRATORS",
    "Document",
    "Level",
    "Line",
    "Place",
    "Rule",
    "canonical",
    "names_of",
    "place_of",
]

Level = RoleSettings.Level


@dataclass(frozen=True)
class Place:
    """One level: the portal, a directory, a role, or a role at a scope."""

    directory: Directory | None = None
    role: Role | None = None
    scope: Scope | None = None

    def __str__(self) -> str:
        return self.blank().where

    @property
    def level(self) -> str:
        """One of ``RoleSettings.Level``."""
        if self.role:
            return Level.SCOPE if self.scope else Level.ROLE
        return Level.DIRECTORY if self.directory else Level.PORTAL

    @property
    def columns(self) -> dict[str, Any]:
        """The columns by which a row of settings, or a change of them, is of this place."""
        return {"level": self.level, "directory": self.directory, "role": self.role, "scope": self.scope}

    def blank(self) -> RoleSettings:
        """Settings of this place that say nothing, not saved."""
        return RoleSettings(**self.columns)

    def row(self) -> RoleSettings | None:
        """What is said here; None when nothing ever was."""
        rows = RoleSettings.objects.select_related("role__directory", "directory", "scope")
        return rows.filter(**self.columns).first()

    def roles(self) -> QuerySet[Role]:
        """The roles that what is said here can reach."""
        every = Role.objects.select_related("directory")
        if self.role:
            return every.filter(pk=self.role.pk)
        return every.filter(directory=self.directory) if self.directory else every

    def reached(self) -> list[tuple[Role, Scope | None]]:
        """The roles, and the scopes of theirs that have something to say, which what is said here can reach."""
        if self.role and self.scope:
            return [(self.role, self.scope)]
        roles = {role.pk: role for role in self.roles()}
        rows = RoleSettings.objects.filter(level=Level.SCOPE, role__in=roles).select_related("scope")
        reached: list[tuple[Role, Scope | None]] = [(role, None) for role in roles.values()]
        return reached + [(roles[row.role_id], row.scope) for row in rows if row.role_id in roles]


def place_of(thing: Any) -> Place:
    """The place of a row of settings, or of a change."""
    return Place(directory=thing.directory, role=thing.role, scope=thing.scope)


@dataclass(frozen=True)
class Document:
    """What a level says, or shall say.

    Args:
        values: by name, as columns have them; what is not in it is inherited.
        approvers: who approves; None is inherited, empty is the role administrators.
        least_holders: of a role, how many must always hold it for good; None where it is not a role's.
        stages: of the approvers; nothing where those are inherited.
    """

    values: dict[str, Any] = field(default_factory=dict)
    approvers: tuple[Line, ...] | None = None
    least_holders: int | None = None
    stages: tuple[Stage, ...] = ()

    def __post_init__(self) -> None:
        rule = self.rule
        object.__setattr__(self, "approvers", rule.lines if rule else None)
        object.__setattr__(self, "stages", rule.stages if rule else ())

    @classmethod
    def of(cls, place: Place, row: RoleSettings | None) -> Document:
        """What ``row``, the one of ``place``, says."""
        names = row is not None and row.names_approvers
        lines = tuple(map(Line.of, row.approvers.all())) if row is not None and names else None
        return cls(
            values=canonical(row.said()) if row is not None else {},
            approvers=lines,
            least_holders=place.role.least_holders if place.role and place.level == Level.ROLE else None,
            stages=_stages(row.stages, lines) if row is not None else (),
        )

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Document:
        """As it was stored with a change."""
        said = stored.get("approvers")
        lines = None if said is None else tuple(Line(**line) for line in said)
        return cls(
            values=canonical(stored.get("values", {})),
            approvers=lines,
            least_holders=stored.get("least_holders"),
            stages=_stages(stored.get("stages"), lines),
        )

    @property
    def rule(self) -> Rule | None:
        """Who approves, stage by stage; None is inherited."""
        return None if self.approvers is None else Rule(self.approvers, self.stages)

    def as_json(self) -> dict[str, Any]:
        """For storing with a change."""
        lines = None if self.approvers is None else [vars(line) for line in self.approvers]
        return {
            "values": self.values,
            "approvers": lines,
            "least_holders": self.least_holders,
            "stages": as_stored(self.stages),
        }

    def write_on(self, row: RoleSettings) -> None:
        """Let ``row`` say this. Nothing is saved, and the lines of approvers are not touched."""
        for name in VALUES:
            setattr(row, name, self.values.get(name))
        row.names_approvers = self.approvers is not None
        row.stages = as_stored(self.stages) if any(stage != Stage() for stage in self.stages) else []


def _stages(stored: Any, lines: tuple[Line, ...] | None) -> tuple[Stage, ...]:
    return () if lines is None else stages_of(stored, (line.stage for line in lines))


def _spelled(name: str, value: Any) -> Any:
    if name == "automatic":
        return "\n".join(sorted(set(value.split())))
    return Telling.from_json(value).as_json() if name in CELLS else value


def canonical(values: dict[str, Any]) -> dict[str, Any]:
    """Values in one spelling, so that equal ones are equal."""
    return {
        name: _spelled(name, value)
        for name, value in sorted(values.items())
        if name in VALUES and value is not None
    }
