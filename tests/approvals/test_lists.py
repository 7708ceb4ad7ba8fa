"""Lists of any length: a page costs the same queries, shows what its filters mean, and nothing that one may not read."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from time_machine import TimeMachineFixture

from accounts.models import Notification, User
from approvals.approvers import approvers_of_all
from approvals.import_plan import plan_of
from approvals.models import AccessRequest, Decision, FrozenApprover
from approvals.permissions import approvers_of
from audit.alerts.models import Alert
from audit.journal.models import AuditEvent
from benchmarks.bulk import insert
from roles.models import Assignment, Eligibility, GroupAssignment, Role, Scope
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import signed_in
from tests.factories.people import make_group, make_person
from tests.factories.roles import HOUR, acting, appoint, ask, make_eligibility, make_role

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)

#: every list of the portal, and who looks at it
LISTS = {
    "assignments, eligible": ("administrator", "/assignments/?tab=eligible"),
    "assignments, active": ("administrator", "/assignments/?tab=active"),
    "assignments, expired": ("administrator", "/assignments/?tab=expired"),
    "assignments, ends first": ("administrator", "/assignments/?tab=active&sort=ends"),
    "assignments, filtered": (
        "administrator",
        "/assignments/?tab=active&q=person&directory=Vault&risk=medium",
    ),
    "assignments, of an owner": ("second_approver", "/assignments/?tab=eligible"),
    "people": ("administrator", "/people/"),
    "my requests": ("employee", "/my-requests/"),
    "to decide": ("approver", "/to-decide/"),
    "decided": ("approver", "/to-decide/?tab=decided"),
    "alerts": ("administrator", "/alerts/"),
    "alerts, settled": ("administrator", "/alerts/?tab=closed"),
    "notifications": ("employee", "/inbox/"),
    "journal": ("auditor", "/journal/"),
}


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row, approvers=[cast.approver, cast.second_approver])


@pytest.fixture
def dana(role: Role, cast: Cast) -> Client:
    return signed_in(cast.administrator)


def fill(role: Role, cast: Cast, numbers: range) -> None:
    """Some of everything that a list shows, for each number."""
    now, scope = timezone.now(), role.directory.root_scope()
    groups = [make_group(f"Group {n}") for n in numbers]
    insert(User, ("email", "display_name"), ((f"p{n}@example.test", f"Person {n:03d}") for n in numbers))
    keys = list(
        User.objects.filter(email__in=[f"p{n}@example.test" for n in numbers]).values_list("pk", flat=True)
    )
    place: dict[str, Any] = {"role": role, "scope": scope}
    later = [(key, now - n * HOUR, now + n * HOUR + DAY) for n, key in enumerate(keys)]
    over = [
        (key, now - n * HOUR - DAY, now - n * HOUR - HOUR, now - n * HOUR - HOUR)
        for n, key in enumerate(keys)
    ]
    times = ("person_id", "starts_at", "ends_at")
    insert(Eligibility, times, later, place | {"status": "in_force"})
    insert(Eligibility, times, [one[:3] for one in over], place | {"status": "expired"})
    insert(Assignment, times, later, place | {"status": "active", "told": "active"})
    insert(Assignment, (*times, "ended_at"), over, place | {"status": "ended", "told": "ended"})
    of_group = [(group.pk, now - n * HOUR, now + n * HOUR + DAY) for n, group in enumerate(groups)]
    insert(GroupAssignment, ("group_id", "starts_at", "ends_at"), of_group, place | {"status": "in_force"})
    asked = {"act": "activate", "minutes": 60, "deadline": now + DAY} | place
    insert(AccessRequest, ("holder_id", "requester_id"), [(key, key) for key in keys], asked)
    mine = {"holder": cast.employee, "requester": cast.employee, "status": "denied"}
    insert(AccessRequest, ("justification",), [(str(n),) for n in numbers], asked | mine)
    line = role.settings_rows.get().approvers.get(person=cast.approver)
    common = {"kind": "person", "person": cast.approver, "source": line}
    waiting = AccessRequest.objects.filter(holder__in=keys).values_list("pk")
    insert(FrozenApprover, ("access_request_id",), list(waiting), common)
    denied = AccessRequest.objects.filter(status="denied").exclude(decisions__approver=cast.approver)
    said = {"approver": cast.approver, "verdict": "deny"}
    insert(Decision, ("access_request_id",), list(denied.values_list("pk")), said)
    insert(Alert, ("key",), [(str(n),) for n in numbers], {"kind": "test", "title": "An alert"})
    settled = {"kind": "test", "title": "An alert", "status": "resolved", "settled_at": now}
    insert(Alert, ("key",), [(f"old {n}",) for n in numbers], settled)
    insert(Notification, ("subject",), [(str(n),) for n in numbers], {"person": cast.employee, "text": "x"})


def test_a_page_asks_as_many_queries_with_a_hundred_rows_as_with_ten(role: Role, cast: Cast) -> None:
    appoint(cast.second_approver, "own", role.directory)
    clients = {who: signed_in(getattr(cast, who)) for who in {who for who, _path in LISTS.values()}}

    def queries() -> dict[str, int]:
        counts = {}
        for name, (who, path) in LISTS.items():
            with CaptureQueriesContext(connection) as asked:
                answer = clients[who].get(path)
            assert answer.status_code == 200, name
            assert len(answer.context["page"]) >= 10, name
            counts[name] = len(asked)
        return counts

    fill(role, cast, range(10))
    queries()
    with_ten = queries()
    fill(role, cast, range(10, 100))

    assert queries() == with_ten
    assert max(with_ten.values()) < 40


@pytest.mark.parametrize("name", [name for name in LISTS if name != "journal"])
def test_a_list_is_paged_through_and_back(role: Role, cast: Cast, name: str) -> None:
    appoint(cast.second_approver, "own", role.directory)
    fill(role, cast, range(60))
    who, path = LISTS[name]
    client = signed_in(getattr(cast, who))
    joined = "&" if "?" in path else "?"

    first = client.get(path)
    assert 'rel="next"' in first.content.decode()
    second = client.get(f"{path}{joined}after={first.context['page'].after}")
    again = client.get(f"{path}{joined}before={second.context['page'].before}")

    assert set(second.context["page"]).isdisjoint(first.context["page"])
    assert list(again.context["page"]) == list(first.context["page"])
    for made_up in ("x", "A" * 300, "WzAsMV0"):
        assert list(client.get(f"{path}{joined}after={made_up}").context["page"]) == list(
            first.context["page"]
        )


def test_the_approvers_of_a_page_are_those_of_each_request(role: Role, cast: Cast, vault: Vault) -> None:
    appoint(cast.auditor, "own", vault.row)
    appoint(make_group("Role owners", cast.root), "own", role)
    group = make_group("Deciders", cast.approver, cast.outsider, owners=(cast.auditor,))
    rules: list[Any] = [
        [cast.approver],
        [group],
        ["manager"],
        ["owners"],
        [],
        [cast.employee, group, "owners"],
    ]
    roles = [make_role(vault.row, f"Role {n}", approvers=rule) for n, rule in enumerate(rules)]
    requests = [ask(make_eligibility(one, cast.employee), cast.employee) for one in roles]
    for one in requests[:2]:
        FrozenApprover.objects.create(access_request=one, kind=FrozenApprover.MANAGERS)
    User.objects.filter(pk=cast.outsider.pk).update(person_key="E-1")
    User.objects.filter(pk=cast.employee.pk).update(person_key="E-1")
    shown = list(AccessRequest.objects.select_related("holder", "requester", "role__directory"))

    with CaptureQueriesContext(connection) as asked:
        found = approvers_of_all(shown)

    assert found == {one.pk: list(approvers_of(one)) for one in shown}
    assert any(found.values())
    assert len(asked) <= 14


# What a page of assignments shows -------------------------------------------------------------------------------------


def hold(role: Role, person: User, **fields: Any) -> Assignment:
    """An assignment in force, as the portal would have left it."""
    given = {"scope": role.directory.root_scope(), "status": "active", "told": "active"} | fields
    return Assignment.objects.create(role=role, person=person, **given)


def shown(client: Client, **query: Any) -> list[str]:
    page = client.get(reverse("assignments"), query)
    assert page.status_code == 200
    return sorted(str(line.held.principal) for line in page.context["lines"])


def states(client: Client, **query: Any) -> dict[str, str]:
    lines = client.get(reverse("assignments"), query).context["lines"]
    return {str(line.held.principal): line.look[2] for line in lines}


def test_each_assignment_says_how_it_stands(role: Role, cast: Cast, dana: Client) -> None:
    end = timezone.now() + DAY
    hold(role, cast.employee, ends_at=end)
    hold(role, cast.approver)
    hold(role, cast.second_approver, origin="found_outside")
    hold(role, cast.outsider, status="ending", ends_at=end)
    hold(role, cast.auditor, status="ending", ends_at=end, last_error="Last holder")
    hold(role, cast.root, status="scheduled", starts_at=end)
    group = make_group("Cloud owners")
    GroupAssignment.objects.create(
        role=role, scope=role.directory.root_scope(), group=group, status="in_force", ends_at=end
    )

    assert states(dana, tab="active") == {
        "Robin Sample": "In force",
        "Kim Placeholder": "Standing",
        "Jo Mockup": "Found outside",
        "Pat Ipsum": "Being removed",
        "Toni Testcase": "Removal failed",
        "Sam Specimen": "Starts later",
        "Cloud owners": "In force",
    }
    assert "Last holder" in dana.get("/assignments/").content.decode()


def test_the_last_holders_of_a_protected_role_say_why_they_stay(role: Role, cast: Cast, dana: Client) -> None:
    Role.objects.filter(pk=role.pk).update(least_holders=0)
    held = hold(role, cast.employee)
    Role.objects.filter(pk=role.pk).update(least_holders=1)

    [line] = dana.get("/assignments/").context["lines"]
    assert (line.look[2], line.acts) == ("Protected", ())
    assert line.how == "Last holder: Operator keeps at least 1 for good"

    hold(role, cast.approver)
    assert set(states(dana).values()) == {"Standing"}
    assert str(held.pk) in str(dana.get("/assignments/").content)


def test_chips_name_what_is_looked_for(role: Role, cast: Cast, dana: Client) -> None:
    now = timezone.now()
    hold(role, cast.employee, ends_at=now + 30 * DAY)
    hold(role, cast.approver)
    hold(role, cast.second_approver, origin="found_outside", ends_at=now + 13 * DAY)
    hold(role, make_person("runner", "build-runner", kind="service", password="!"), ends_at=now + 99 * DAY)
    group = make_group("Cloud owners", cast.outsider)
    given = GroupAssignment.objects.create(
        role=role, scope=role.directory.root_scope(), group=group, status="in_force"
    )
    hold(role, cast.outsider, through=given)

    for kinds, expected in (
        (["standing"], ["Cloud owners", "Kim Placeholder", "Pat Ipsum"]),
        (["ending"], ["Jo Mockup"]),
        (["through"], ["Pat Ipsum"]),
        (["groups"], ["Cloud owners"]),
        (["service"], ["build-runner"]),
        (["outside"], ["Jo Mockup"]),
        (["outside", "standing"], []),
        (["ending", "nonsense"], ["Jo Mockup"]),
    ):
        assert shown(dana, kind=kinds) == expected, kinds
    assert shown(dana, q="cloud") == ["Cloud owners", "Pat Ipsum"]
    assert shown(dana, group=group.pk, kind=["through"]) == ["Pat Ipsum"]
    assert shown(dana, person=cast.employee.pk) == ["Robin Sample"]


def test_a_scope_is_meant_with_everything_beneath_it(role: Role, cast: Cast, dana: Client) -> None:
    root = role.directory.root_scope()
    north = Scope.objects.create(directory=role.directory, parent=root, name="North", path="/north")
    harbour = Scope.objects.create(
        directory=role.directory, parent=north, name="Harbour", path="/north/harbour"
    )
    for person, scope in ((cast.employee, root), (cast.approver, north), (cast.outsider, harbour)):
        Eligibility.objects.create(role=role, scope=scope, person=person, status="in_force")

    assert shown(dana, tab="eligible", scope=north.pk) == ["Kim Placeholder", "Pat Ipsum"]
    assert shown(dana, tab="eligible", scope=root.pk) == ["Kim Placeholder", "Pat Ipsum", "Robin Sample"]
    assert shown(dana, tab="eligible", scope=999_999) == shown(dana, tab="eligible", role=999_999) == []
    page = dana.get("/assignments/", {"tab": "eligible", "directory": "Vault", "risk": "low"})
    assert [scope.name for scope in page.context["scopes"]] == ["North", "Harbour"]
    assert page.context["lines"] == []


def test_expired_is_what_ended_in_the_last_thirty_days_newest_first(
    role: Role, cast: Cast, dana: Client
) -> None:
    now, scope = timezone.now(), role.directory.root_scope()
    for person, days, status in (
        (cast.employee, 2, "expired"),
        (cast.approver, 4, "in_force"),  # over, and not swept up yet
        (cast.second_approver, 3, "removed"),
        (cast.outsider, 31, "expired"),
    ):
        Eligibility.objects.create(
            role=role,
            scope=scope,
            person=person,
            status=status,
            starts_at=now - 90 * DAY,
            ends_at=now - days * DAY,
        )
    hold(role, cast.root, status="ended", ended_at=now - 3 * DAY, end_cause="removed")

    page = dana.get("/assignments/", {"tab": "expired"})
    assert [str(line.held.principal) for line in page.context["lines"]] == [
        "Robin Sample",
        "Sam Specimen",
        "Kim Placeholder",
    ]
    assert shown(dana, tab="eligible") == []


@pytest.mark.parametrize(
    "query",
    [
        {"tab": "nonsense", "sort": "x", "risk": "x", "scope": "x", "role": "-1", "person": "9" * 40},
        {"q": "\x00", "directory": "\x00"},
        {"q": "%_'\"\\", "kind": ["'", "standing"]},
        {"q": "x" * 5000},
    ],
)
def test_B3_an_address_with_nonsense_is_no_fault(dana: Client, query: dict[str, Any]) -> None:
    assert dana.get(reverse("assignments"), query).status_code == 200
    assert dana.get(reverse("download_assignments"), query).status_code == 200


# The download -------------------------------------------------------------------------------------------------------


def lines_of(client: Client, **query: Any) -> list[dict[str, str]]:
    answer = client.get(reverse("download_assignments"), query)
    assert answer.status_code == 200
    return list(csv.DictReader(StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]


def test_a_download_has_every_row_of_the_filter_and_is_recorded(role: Role, cast: Cast, dana: Client) -> None:
    end = timezone.now() + DAY
    held = make_eligibility(role, cast.employee, ends_at=end)
    make_eligibility(role, make_group("=cmd|' /C calc'!A0", cast.approver))

    rows = lines_of(dana, tab="eligible")

    assert {row["principal"]: row["principal_kind"] for row in rows} == {
        "robin@example.test": "person",
        "'=cmd|' /C calc'!A0": "group",
    }
    [mine] = [row for row in rows if row["principal_kind"] == "person"]
    assert (mine["directory"], mine["role"], mine["scope"], mine["kind"]) == (
        "Vault",
        "Operator",
        "/",
        "eligible",
    )
    assert (mine["starts_at"], mine["ends_at"]) == (
        held.starts_at.isoformat(timespec="seconds"),
        end.isoformat(timespec="seconds"),
    )
    assert [row["principal"] for row in lines_of(dana, tab="eligible", q="robin")] == ["robin@example.test"]
    entries = AuditEvent.objects.filter(action="assignments.exported").order_by("number")
    assert [(one.actor, one.detail["count"]) for one in entries] == [
        (cast.administrator, 2),
        (cast.administrator, 1),
    ]
    assert entries[1].detail["filter"] == {"tab": "eligible", "words": "robin"}


def test_a_download_read_again_changes_nothing(role: Role, cast: Cast, dana: Client) -> None:
    end = timezone.now() + 30 * DAY
    make_eligibility(role, cast.employee, ends_at=end)
    make_eligibility(role, make_group("=Deciders", cast.outsider), ends_at=end)
    hold(role, cast.approver, ends_at=end)
    for tab in ("eligible", "active"):
        answer = dana.get(reverse("download_assignments"), {"tab": tab})
        text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
        for named in ("", "assign", "update"):
            asked = text.replace('\r\n"","Vault"', f'\r\n"{named}","Vault"')
            plan = plan_of(asked, actor=acting(cast.administrator))
            assert plan.counts["unchanged"] == len(plan.rows) > 0, (tab, named)


def test_E1_an_owner_sees_and_downloads_their_directory_and_no_other(
    role: Role, cast: Cast, vault: Vault
) -> None:
    elsewhere = make_role(type(vault.row).objects.create(name="Elsewhere", kind="postgresql"), "Reader")
    for one in (role, elsewhere):
        make_eligibility(one, cast.employee)
        hold(one, cast.outsider)
    appoint(cast.second_approver, "own", vault.row)
    jo = signed_in(cast.second_approver)

    for tab in ("eligible", "active"):
        page = jo.get("/assignments/", {"tab": tab})
        assert {line.held.role for line in page.context["lines"]} == {role}
        assert [count for _tab, _label, count in page.context["tabs"]] == [1, 1, 0]
        assert [row["directory"] for row in lines_of(jo, tab=tab)] == ["Vault"]
    assert [str(one) for one in page.context["directories"]] == ["Vault"]
    assert shown(jo, directory="Elsewhere") == shown(jo, role=elsewhere.pk) == []
    for person in (cast.employee, cast.outsider, cast.root):
        assert signed_in(person).get(reverse("download_assignments")).status_code == 404
    assert AuditEvent.objects.filter(action="assignments.exported").count() == 2
