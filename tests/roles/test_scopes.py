"""Places within a directory: a role given at one counts there and beneath, and is told to the directory by its path."""

from __future__ import annotations

import pytest

from audit.journal.actor import PORTAL
from audit.journal.refusing import NotAllowed, Refused
from roles import cataloguing
from roles.cataloguing import add_scope, rename_scope
from roles.models import Assignment, Role, Scope
from roles.permissions import OWN, holders_at
from roles.provisioning import begin_assignment, end_assignment
from roles.reaching import capabilities_of, check_scope
from roles.scope_tree import tree_of
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault, open_vault
from tests.factories.roles import NOON, acting, appoint, make_portal_directory, make_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Vault:
    """A directory that knows scopes."""
    return open_vault(monkeypatch, "cloud", scopes=True)


@pytest.fixture
def estate(cloud: Vault) -> Scope:
    return add_scope(cloud.row.root_scope(), actor=PORTAL, name="Estate", path="/estate")


@pytest.fixture
def house(estate: Scope) -> Scope:
    return add_scope(estate, actor=PORTAL, name="House", path="/estate/house")


def give(role: Role, person: object, scope: Scope) -> Assignment:
    return begin_assignment(role, actor=PORTAL, person=person, scope=scope, starts_at=NOON, ends_at=None)


def test_access_flows_down_the_tree_and_not_up(cast: Cast, cloud: Vault, estate: Scope, house: Scope) -> None:
    role, garden = make_role(cloud.row), add_scope(estate, actor=PORTAL, name="Garden", path="/estate/garden")
    give(role, cast.employee, cloud.row.root_scope())
    give(role, cast.approver, estate)
    give(role, cast.outsider, house)
    sweep()

    def holders(scope: Scope) -> set[object]:
        return {one.person for one in holders_at(role, scope)}

    assert holders(cloud.row.root_scope()) == {cast.employee}
    assert holders(estate) == holders(garden) == {cast.employee, cast.approver}
    assert holders(house) == {cast.employee, cast.approver, cast.outsider}


def test_the_directory_is_told_the_path_and_one_place_at_a_time_is_taken_away(
    cast: Cast, cloud: Vault, estate: Scope
) -> None:
    role = make_role(cloud.row)
    whole, there = give(role, cast.employee, cloud.row.root_scope()), give(role, cast.employee, estate)
    sweep()
    assert cloud.rights.keys() == {("robin", "operator"), ("robin", "operator", "/estate")}

    there.refresh_from_db()
    end_assignment(there, actor=PORTAL, cause="removed")
    sweep()
    assert cloud.holds(whole)
    assert not cloud.holds(there)


def test_a_directory_without_scopes_has_its_roles_as_a_whole_only(
    cast: Cast, vault: Vault, cloud: Vault, estate: Scope
) -> None:
    role = make_role(vault.row)
    check_scope(role, vault.row.root_scope())
    with pytest.raises(Refused, match="has no scopes"):
        add_scope(vault.row.root_scope(), actor=PORTAL, name="Shelf", path="/shelf")
    shelf = Scope.objects.create(directory=vault.row, parent=vault.row.root_scope(), name="S", path="/s")
    with pytest.raises(Refused, match="has no scopes"):
        check_scope(role, shelf)
    with pytest.raises(Refused, match="does not belong"):
        check_scope(role, estate)
    check_scope(make_role(cloud.row), estate)


def test_what_a_directory_can_do_is_known_without_its_secret(vault: Vault) -> None:
    vault.row.secret = "env:NOT_HERE"
    assert not capabilities_of(vault.row).scopes
    assert not capabilities_of(make_portal_directory()).scopes
    vault.row.kind = "gone"
    assert not capabilities_of(vault.row).scopes


def test_a_path_is_there_once_and_a_name_may_change(cast: Cast, estate: Scope, house: Scope) -> None:
    with pytest.raises(Refused, match="called so there already"):
        add_scope(house, actor=PORTAL, name="Another", path="/estate")

    rename_scope(estate, actor=PORTAL, name="Manor")

    assert (Scope.objects.get(pk=estate.pk).name, estate.path) == ("Manor", "/estate")
    assert house.line == [house.pk, estate.pk, estate.parent_id]


def test_the_tree_ends_somewhere(estate: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cataloguing, "DEEPEST", len(estate.lineage_beneath) - 1)
    with pytest.raises(Refused, match="deep"):
        add_scope(estate, actor=PORTAL, name="Deeper", path="/estate/deeper")


def test_only_who_looks_after_the_directory_changes_its_tree(cast: Cast, cloud: Vault, estate: Scope) -> None:
    appoint(cast.employee, OWN, cloud.row)
    for person in (cast.employee, cast.administrator):
        add_scope(estate, actor=acting(person), name="By", path=f"/estate/{person.pk}")
    for person in (cast.approver, cast.auditor):
        with pytest.raises(NotAllowed):
            add_scope(estate, actor=acting(person), name="By", path="/estate/x")
        with pytest.raises(NotAllowed):
            rename_scope(estate, actor=acting(person), name="Mine")


def test_the_tree_is_read_in_one_query(cloud: Vault, house: Scope, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        root = tree_of(cloud.row)
    assert root.scope.is_root
    assert [[child.scope for child in node.children] for node in root.children] == [[house]]
