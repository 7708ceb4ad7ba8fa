"""Which role settings count: the nearest level that says something, value by value, in one query."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from audit.journal.actor import PORTAL
from audit.journal.recording import save_as
from roles.effective import layers_at, layers_for, settings_at
from roles.models import Approver, Role, RoleSettings, Scope
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.roles import make_role, name_approvers

Level = RoleSettings.Level


def say(
    level: str, *, directory: Any = None, role: Any = None, scope: Any = None, **values: Any
) -> RoleSettings:
    """Let one level say something."""
    row = RoleSettings(level=level, directory=directory, role=role, scope=scope, **values)
    row.full_clean()
    save_as(row, actor=PORTAL)
    return row


@pytest.fixture
def role(vault: Vault) -> Role:
    """A role that says nothing itself about how long it may be activated."""
    return make_role(vault.row)


def grow(role: Role, name: str, parent: Scope | None = None) -> Scope:
    """A scope of the role's directory."""
    parent = parent or role.directory.root_scope()
    scope = Scope(directory=role.directory, parent=parent, name=name, path=f"{parent.path}{name}/")
    save_as(scope, actor=PORTAL)
    return scope


def test_where_nobody_says_anything_the_portals_own_values_count(role: Role) -> None:
    assert (settings_at(role).max_minutes, settings_at(role).approval_hours) == (480, 24)
    assert layers_at(role).source_of("max_minutes") is None


def test_the_nearest_level_wins_value_by_value(role: Role) -> None:
    production = grow(role, "production")
    billing = grow(role, "billing", production)
    say(Level.PORTAL, max_minutes=60, approval_hours=1, ticket_required=True)
    of_directory = say(Level.DIRECTORY, directory=role.directory, max_minutes=120, approval_hours=2)
    at_production = say(Level.SCOPE, role=role, scope=production, max_minutes=180)

    at = settings_at(role, billing)

    assert (at.max_minutes, at.approval_hours, at.ticket_required) == (180, 2, True)
    assert settings_at(role, role.directory.root_scope()).max_minutes == 120
    assert layers_at(role, billing).source_of("max_minutes") == at_production
    assert layers_at(role, billing).source_of("approval_hours") == of_directory


def test_a_level_that_resets_a_value_lets_the_one_above_through(role: Role) -> None:
    say(Level.DIRECTORY, directory=role.directory, max_minutes=120)
    own = RoleSettings.objects.get(role=role)
    own.max_minutes = 30
    save_as(own, actor=PORTAL)
    assert settings_at(role).max_minutes == 30

    own.max_minutes = None
    save_as(own, actor=PORTAL)

    assert settings_at(role).max_minutes == 120


def test_another_directory_or_role_or_scope_has_no_say(role: Role, vault: Vault) -> None:
    other = make_role(vault.row, "Other", max_minutes=30)
    aside = grow(role, "aside")
    say(Level.SCOPE, role=role, scope=aside, max_minutes=45)

    assert settings_at(role, grow(role, "production")).max_minutes == 480
    assert settings_at(other, aside).max_minutes == 30


def test_an_empty_list_of_approvers_counts_where_it_is_said(role: Role, cast: Cast) -> None:
    of_directory = say(Level.DIRECTORY, directory=role.directory, names_approvers=True)
    save_as(Approver(role_settings=of_directory, person=cast.approver), actor=PORTAL)
    assert [line.person for line in layers_at(role).approvers()] == [cast.approver]

    own = RoleSettings.objects.get(role=role)
    own.names_approvers = True
    save_as(own, actor=PORTAL)
    assert layers_at(role).approvers() == []

    name_approvers(role, cast.second_approver)
    assert [line.person for line in layers_at(role).approvers()] == [cast.second_approver]


def test_it_costs_one_query_for_one_role_and_for_many(
    role: Role, vault: Vault, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    scope = grow(role, "production")
    roles = [role, *(make_role(vault.row, f"Role {n}") for n in range(10))]

    with django_assert_num_queries(1):
        settings_at(role, scope)
    with django_assert_num_queries(1):
        layers_for((one, scope) for one in roles)


@pytest.mark.parametrize("level", ["portal", "directory", "role", "scope"])
def test_each_level_says_its_settings_once(role: Role, level: str) -> None:
    what: dict[str, Any] = {
        "portal": {},
        "directory": {"directory": role.directory},
        "role": {"role": make_role(role.directory, "Fresh", names_approvers=False)},
        "scope": {"role": role, "scope": role.directory.root_scope()},
    }[level]
    RoleSettings.objects.get_or_create(level=level, **what)

    with pytest.raises(IntegrityError), transaction.atomic():
        RoleSettings.objects.create(level=level, **what)


def test_settings_are_of_the_level_they_say(role: Role) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        RoleSettings.objects.create(level="portal", role=role)


def test_access_flows_down_the_tree(role: Role) -> None:
    production = grow(role, "production")
    billing = grow(role, "billing", production)

    assert billing.line == [billing.pk, production.pk, role.directory.root_scope().pk]
    assert billing.lineage.startswith(production.lineage_beneath)
