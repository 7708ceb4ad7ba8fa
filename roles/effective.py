"""Which role settings count: the nearest level that says something wins, value by value, and every value knows whence it is.

From near to far: the role at the scope, at the scopes above it, the role, its directory, the portal, the portal's own
defaults. One query, however many levels there are and however many roles are asked about.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet

from accounts.wording import worded
from roles.models import Approver, EffectiveSettings, Role, RoleSettings, Scope
from roles.models.stages import Stage, stages_of
from roles.models.values import VALUES, plain

Level = RoleSettings.Level


@dataclass(frozen=True)
class Layers:
    """What every level says that counts at one place, the nearest first."""

    rows: tuple[RoleSettings, ...] = ()

    @cached_property
    def effective(self) -> EffectiveSettings:
        """The values that count here."""
        said: dict[str, Any] = {}
        for row in reversed(self.rows):
            said |= row.said()
        return EffectiveSettings(**{name: plain(name, value) for name, value in said.items()})

    def source_of(self, name: str) -> RoleSettings | None:
        """The level that says the value ``name``; None where it is the portal's own default.

        Args:
            name: one of ``VALUES``, or ``approvers``.
        """
        if name == "approvers":
            return next((row for row in self.rows if row.names_approvers), None)
        return next((row for row in self.rows if getattr(row, name) is not None), None)

    def own(self, level: str) -> RoleSettings | None:
        """What one level says here; of several scopes the nearest."""
        return next((row for row in self.rows if row.level == level), None)

    def approvers(self) -> list[Approver]:
        """The lines that say who approves here; none means the role administrators. Costs a query of its own."""
        source = self.source_of("approvers")
        return worded(_approvers_of, source.pk) if source else []

    def stages(self, lines: Iterable[Approver]) -> tuple[Stage, ...]:
        """The stages in which ``lines``, the approvers here, are asked."""
        source = self.source_of("approvers")
        return stages_of(source.stages if source else None, (line.stage for line in lines))


def layers_at(role: Role, scope: Scope | None = None) -> Layers:
    """What counts for ``role`` at ``scope`` (its whole directory when left out)."""
    return layers_for([(role, scope)])[role.pk, scope.pk if scope else None]


def settings_at(role: Role, scope: Scope | None = None) -> EffectiveSettings:
    """The settings that count for ``role`` at ``scope`` (its whole directory when left out)."""
    return layers_at(role, scope).effective


def layers_for(
    places: Iterable[tuple[Role, Scope | None]], *, instead: RoleSettings | None = None
) -> dict[tuple[int, int | None], Layers]:
    """What counts at each of ``places``, by the keys of role and scope. One query.

    Args:
        instead: taken for what its level says, saved or not: what would count if it said that.
    """
    wanted = list(places)
    roles = {role.pk for role, _scope in wanted}
    directories = {role.directory_id for role, _scope in wanted}
    rows = worded(_settings_of, tuple(sorted(roles)), tuple(sorted(directories)))
    by_place: dict[Any, RoleSettings] = {(row.directory_id, row.role_id, row.scope_id): row for row in rows}
    if instead is not None:
        by_place[instead.directory_id, instead.role_id, instead.scope_id] = instead
    found = {}
    for role, scope in wanted:
        nearest = [(None, role.pk, key) for key in (scope.line if scope else ())]
        line = [*nearest, (None, role.pk, None), (role.directory_id, None, None), (None, None, None)]
        found[role.pk, scope.pk if scope else None] = Layers(
            tuple(by_place[key] for key in line if key in by_place)
        )
    return found


def _settings_of(roles: tuple[int, ...], directories: tuple[int, ...]) -> QuerySet[RoleSettings]:
    return RoleSettings.objects.filter(
        Q(level=Level.PORTAL)
        | Q(level=Level.DIRECTORY, directory__in=directories)
        | Q(level__in=[Level.ROLE, Level.SCOPE], role__in=roles)
    )


def _approvers_of(role_settings: int) -> QuerySet[Approver]:
    return Approver.objects.filter(role_settings=role_settings).select_related("person", "group")


def changed(settings: EffectiveSettings, **values: Any) -> EffectiveSettings:
    """``settings`` with some values replaced, as columns or documents have them."""
    return replace(settings, **{name: plain(name, value) for name, value in values.items()})


__all__ = ["VALUES", "Layers", "changed", "layers_at", "layers_for", "settings_at"]
