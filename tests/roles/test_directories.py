"""The pages of what there is: directories with their roles and scopes, and groups."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Membership
from audit.alerts.alerting import raise_alert
from audit.journal.actor import PORTAL
from roles.cataloguing import add_scope, manage_group
from roles.models import Scope
from roles.permissions import OWN
from roles.spreading import begin_group_assignment
from tests.cast import Cast
from tests.factories.connectors import Vault, open_vault
from tests.factories.pages import HOSTILE, signed_in
from tests.factories.people import make_group, make_person
from tests.factories.roles import HOUR, NOON, appoint, make_eligibility, make_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Vault:
    return open_vault(monkeypatch, "cloud", scopes=True)


def test_who_owns_one_directory_sees_that_one_only(cast: Cast, vault: Vault, cloud: Vault) -> None:
    appoint(cast.employee, OWN, cloud.row)
    client = signed_in(cast.employee)

    page = client.get(reverse("directories"))
    assert [one.pk for one in page.context["directories"]] == [cloud.row.pk]
    assert client.get(reverse("directory", args=[cloud.row.pk])).status_code == 200
    assert client.get(reverse("directory", args=[vault.row.pk])).status_code == 404
    assert client.get(reverse("add_scope", args=[vault.row.pk])).status_code == 404
    assert reverse("directories") in page.content.decode(), "it is in their menu"


def test_a_directory_tells_its_roles_its_tree_and_who_looks_after_it(
    cast: Cast, cloud: Vault, vault: Vault
) -> None:
    make_eligibility(make_role(cloud.row), cast.employee)
    appoint(make_group("Cloud owners"), OWN, cloud.row)
    estate = add_scope(cloud.row.root_scope(), actor=PORTAL, name="Estate", path="/estate")
    add_scope(estate, actor=PORTAL, name="House", path="/estate/house")
    raise_alert("test", key=f"directory:{cloud.row.pk}", severity="high", title="It is down", actor=PORTAL)
    client = signed_in(cast.auditor)

    answer = client.get(reverse("directory", args=[cloud.row.pk]))
    page = answer.content.decode()
    assert [(one.name, one.eligible_count) for one in answer.context["roles"]] == [("Operator", 1)]
    for words in ("Operator", "/estate/house", "Cloud owners", "It is down"):
        assert words in page
    assert "Add a scope" not in page, "an auditor reads"
    listed = client.get(reverse("directories"))
    assert listed.context["troubled"] == [cloud.row.pk]
    assert [(one.name, one.role_count, one.scope_count) for one in listed.context["directories"]] == [
        ("Cloud", 1, 2),
        ("Vault", 0, 0),
    ]


def test_a_scope_is_added_where_the_plus_stands_and_renamed(cast: Cast, cloud: Vault) -> None:
    client = signed_in(cast.administrator)
    root = cloud.row.root_scope()
    address = reverse("add_scope", args=[cloud.row.pk])
    assert client.get(address, {"below": root.pk}).context["form"]["parent"].value() == str(root.pk)

    wish = {"parent": root.pk, "name": "Estate", "path": "/estate"}
    assert client.post(address, wish).status_code == 302
    assert client.post(address, wish).status_code == 422
    estate = Scope.objects.get(path="/estate")
    renaming = reverse("rename_scope", args=[cloud.row.pk, estate.pk])
    assert client.post(renaming, {"name": HOSTILE[0]}).status_code == 302
    page = client.get(reverse("directory", args=[cloud.row.pk])).content.decode()
    assert HOSTILE[0] not in page
    assert client.get(reverse("rename_scope", args=[cloud.row.pk, root.pk])).status_code == 404


def test_a_scope_of_another_directory_is_not_below_this_one(cast: Cast, cloud: Vault, vault: Vault) -> None:
    client = signed_in(cast.administrator)
    wish = {"parent": vault.row.root_scope().pk, "name": "Estate", "path": "/estate"}
    assert client.post(reverse("add_scope", args=[cloud.row.pk]), wish).status_code == 422
    wish["parent"] = vault.row.root_scope().pk
    answer = client.post(reverse("add_scope", args=[vault.row.pk]), wish)
    assert answer.status_code == 422
    assert "has no scopes" in answer.content.decode()


def test_an_owner_sees_their_groups_and_makes_one_managed(cast: Cast, vault: Vault) -> None:
    mine = make_group("Mine", cast.approver, owners=(cast.employee,))
    other = make_group("Other")
    client = signed_in(cast.employee)

    rows = client.get(reverse("groups")).context["rows"]
    assert [(one.name, one.people) for one in rows] == [("Mine", 1)]
    assert client.get(reverse("group", args=[other.pk])).status_code == 404
    assert client.post(reverse("manage_group", args=[other.pk])).status_code == 404
    assert "Manage with PIM" in client.get(reverse("group", args=[mine.pk])).content.decode()
    assert client.post(reverse("manage_group", args=[mine.pk])).status_code == 302
    assert "Manage with PIM" not in client.get(reverse("group", args=[mine.pk])).content.decode()
    assert client.post(reverse("manage_group", args=[mine.pk])).status_code == 422
    assert signed_in(cast.approver).get(reverse("groups")).status_code == 404, "a member owns nothing"


def test_a_group_tells_who_is_in_it_and_what_that_brings(cast: Cast, vault: Vault) -> None:
    group = make_group("Operators", cast.employee, owners=(cast.outsider,))
    Membership.objects.create(group=group, person=cast.approver, starts_at=NOON, ends_at=NOON + HOUR)
    make_eligibility(make_role(vault.row), group)
    begin_group_assignment(
        make_role(vault.row, "Reader"),
        actor=PORTAL,
        group=group,
        scope=vault.row.root_scope(),
        starts_at=NOON,
        ends_at=None,
    )
    manage_group(group, actor=PORTAL)

    page = signed_in(cast.auditor).get(reverse("group", args=[group.pk]))
    assert [(one.person, one.kind) for one in page.context["page"]] == [
        (cast.outsider, "owner"),
        (cast.employee, "member"),
    ], "who has left is not in it"
    for words in ("Operator", "Reader", "Operators: member"):
        assert words in page.content.decode()


@pytest.mark.parametrize("name", ["directory", "groups"])
def test_a_page_asks_as_much_of_many_as_of_few(cast: Cast, vault: Vault, name: str) -> None:
    client = signed_in(cast.auditor)
    address = reverse(name, args=[vault.row.pk] if name == "directory" else None)

    def asked() -> int:
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        return len(queries)

    def more(number: int) -> None:
        make_eligibility(make_role(vault.row, f"Role {number}"), cast.employee)
        manage_group(make_group(f"Group {number}", make_person(f"member{number}")), actor=PORTAL)

    more(1)
    few = asked()
    for number in range(2, 8):
        more(number)
    assert asked() == few
