"""How role settings stand at a place: what it says itself, what it would inherit, and from where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from approvals.settings.places import Document, Level, Place, Rule
from roles.effective import Layers, layers_at
from roles.models import EffectiveSettings, RoleSettings
from roles.models.values import CELLS


class Standing:
    """What counts at one place now.

    Args:
        place: where.
    """

    def __init__(self, place: Place) -> None:
        self.place = place

    @cached_property
    def layers(self) -> Layers:
        """Everything that is said here and above, the nearest first. One query."""
        place = self.place
        if place.role:
            return layers_at(place.role, place.scope)
        which = Q(level=Level.PORTAL)
        if place.directory:
            which |= Q(level=Level.DIRECTORY, directory=place.directory)
        rows = RoleSettings.objects.filter(which)
        return Layers(tuple(sorted(rows, key=lambda row: row.level == Level.PORTAL)))

    @cached_property
    def own(self) -> RoleSettings | None:
        """The row of this very place."""
        scope = self.place.scope.pk if self.place.scope else None
        rows = (row for row in self.layers.rows if row.level == self.place.level and row.scope_id == scope)
        return next(rows, None)

    @cached_property
    def above(self) -> Layers:
        """What would count here if this place said nothing."""
        return Layers(tuple(row for row in self.layers.rows if row is not self.own))

    @cached_property
    def document(self) -> Document:
        """What this place says itself."""
        return Document.of(self.place, self.own)

    @property
    def effective(self) -> EffectiveSettings:
        """The values that count here."""
        return self.layers.effective

    @property
    def inherited(self) -> EffectiveSettings:
        """The values that would count if this place said nothing."""
        return self.above.effective

    @cached_property
    def rule(self) -> Rule:
        """Who approves here."""
        return rule_of(self.layers)

    @cached_property
    def rule_above(self) -> Rule:
        """Who would approve if this place named nobody."""
        return self.rule if self.document.approvers is None else rule_of(self.above)

    def says(self, name: str) -> bool:
        """Whether this place itself says the value ``name``, or who approves."""
        if name == "approvers":
            return self.document.approvers is not None
        return name in self.document.values

    def source_of(self, name: str) -> str:
        """Whence the value ``name`` would come if this place said nothing, in words."""
        return self._words(self.above.source_of(name))

    def whence(self, name: str) -> str:
        """Whence the value ``name`` that counts here comes, in words."""
        return self._words(self.layers.source_of(name))

    def value_above(self, name: str) -> Any:
        """The value that would count, as columns have it."""
        value = getattr(self.inherited, name)
        return value.as_json() if name in CELLS else value

    def _words(self, row: RoleSettings | None) -> str:
        if row is None:
            return _("the portal’s own default")
        if row.level == Level.PORTAL:
            return _("the portal")
        directory = self.place.role.directory if self.place.role else self.place.directory
        if row.level == Level.DIRECTORY:
            return str(directory)
        return str(self.place.role) if row.level == Level.ROLE else str(row.scope)


def rule_of(layers: Layers) -> Rule:
    """Who approves where ``layers`` count."""
    lines = layers.approvers()
    return Rule.of(lines, layers.stages(lines))


@dataclass(frozen=True)
class LevelLink:
    """One of the levels above or below, for the way there."""

    place: Place
    label: str
    is_here: bool


def levels_of(place: Place) -> list[LevelLink]:
    """The portal, and the directory and role above ``place``, ``place`` itself the last."""
    directory = place.role.directory if place.role else place.directory
    line = [Place()]
    if directory:
        line.append(Place(directory=directory))
    if place.role:
        line.append(Place(role=place.role))
    if place.scope:
        line.append(place)
    names = [_("Portal"), str(directory), str(place.role), str(place.scope)]
    return [LevelLink(one, name, one == place) for one, name in zip(line, names, strict=False)]
