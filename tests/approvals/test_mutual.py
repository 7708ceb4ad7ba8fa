"""People who approve each other's requests: counted by human, shown to who reads the journal, and told in an alert (A6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from time_machine import TimeMachineFixture

from accounts.models import User
from approvals.models import AccessRequest, Decision
from approvals.mutual import mutual_pairs, shared_numbers
from approvals.watching import watch_mutual_approvals
from audit.alerts.alerting import dismiss
from audit.alerts.models import Alert
from roles.models import Role
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import HOSTILE, signed_in
from tests.factories.roles import NOON, acting, make_role

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def role(clock: TimeMachineFixture, vault: Vault) -> Role:
    return make_role(vault.row)


def approved(role: Role, giver: User, asker: User, times: int = 1, **more: Any) -> None:
    """Past requests of ``asker`` to which ``giver`` said yes, as rows: how they came to be is tested elsewhere."""
    at = more.pop("at", timezone.now() - DAY)
    about = {"requester": asker, "holder": asker} | more.pop("about", {})
    for _ in range(times):
        one = AccessRequest.objects.create(
            act="activate",
            status="approved",
            role=role,
            scope=role.directory.root_scope(),
            deadline=at,
            **about,
        )
        Decision.objects.create(access_request=one, approver=giver, at=at, **({"verdict": "approve"} | more))


def found(least: int = 1) -> list[tuple[str, int, str, int]]:
    return [
        (one.one.display_name, one.one_approved, one.other.display_name, one.other_approved)
        for one in mutual_pairs(least=least)
    ]


def test_A6_who_approves_whose_requests_is_counted_each_way(role: Role, cast: Cast) -> None:
    approved(role, cast.employee, cast.approver, 2)
    approved(role, cast.approver, cast.employee, 3)
    approved(role, cast.approver, cast.outsider, 9)

    assert found() == [("Robin Sample", 2, "Kim Placeholder", 3)] or found() == [
        ("Kim Placeholder", 3, "Robin Sample", 2)
    ]
    assert found(2) == found()
    assert found(3) == []
    assert mutual_pairs(least=1)[0].last == NOON - DAY


def test_A6_only_what_counts_is_counted(role: Role, cast: Cast) -> None:
    approved(role, cast.employee, cast.approver)
    approved(role, cast.approver, cast.employee, verdict="deny")
    approved(role, cast.approver, cast.employee, void_at=NOON)
    approved(role, cast.approver, cast.employee, at=NOON - 90 * DAY)
    assert found() == []

    approved(role, cast.approver, cast.employee, at=NOON - 89 * DAY)
    assert [(one, other) for _, one, _, other in found()] == [(1, 1)]


def test_A6_a_second_account_counts_as_the_human_behind_it(role: Role, cast: Cast) -> None:
    User.objects.filter(pk__in=[cast.employee.pk, cast.outsider.pk]).update(person_key="E-7")
    approved(role, cast.employee, cast.approver, 2)
    approved(role, cast.outsider, cast.approver, 2)
    approved(role, cast.approver, cast.outsider, 4)

    assert [sorted((one, other)) for _, one, _, other in found(4)] == [[4, 4]]
    assert [[person.display_name for person in human] for human in shared_numbers()] == [
        ["Robin Sample", "Pat Ipsum"]
    ]


def test_A6_what_a_group_shall_hold_is_the_request_of_who_asked(role: Role, cast: Cast) -> None:
    approved(role, cast.employee, cast.approver, about={"holder": None})
    approved(role, cast.approver, cast.employee, about={"requester": cast.outsider})

    assert len(found()) == 1


def test_A6_the_question_is_the_same_few_statements_however_many_pairs(
    role: Role, cast: Cast, django_assert_num_queries: Any
) -> None:
    people = cast.everybody
    for one in people:
        for other in people:
            if one != other:
                approved(role, one, other)
    with django_assert_num_queries(2):
        assert len(mutual_pairs(least=1)) == 21


def test_A6_a_pair_at_the_threshold_is_an_alert_until_it_falls_below(
    role: Role, cast: Cast, clock: TimeMachineFixture
) -> None:
    approved(role, cast.employee, cast.approver, 5)
    approved(role, cast.approver, cast.employee, 4)
    watch_mutual_approvals()
    assert not Alert.objects.exists()

    approved(role, cast.approver, cast.employee)
    watch_mutual_approvals()
    watch_mutual_approvals()
    alert = Alert.objects.get()
    assert (alert.status, alert.severity, alert.times_seen, alert.url) == (
        "open",
        "low",
        2,
        "/approvals/mutual/",
    )
    assert "Kim Placeholder" in alert.title
    assert "Robin Sample" in alert.title
    assert alert.fix

    clock.shift(90 * DAY)
    watch_mutual_approvals()
    assert [one.status for one in Alert.objects.all()] == ["resolved"]


def test_A6_a_dismissed_pair_stays_quiet_and_no_threshold_raises_none(
    role: Role, cast: Cast, settings: Any
) -> None:
    approved(role, cast.employee, cast.approver, 2)
    approved(role, cast.approver, cast.employee, 2)
    settings.MUTUAL_APPROVALS = 0
    watch_mutual_approvals()
    assert not Alert.objects.exists()

    settings.MUTUAL_APPROVALS = 2
    watch_mutual_approvals()
    keeper = acting(cast.administrator)
    dismiss(Alert.objects.get(), actor=keeper, justification="They are the two on call", days=90)
    watch_mutual_approvals()
    assert [one.status for one in Alert.objects.all()] == ["dismissed"]

    settings.MUTUAL_APPROVALS = 0
    watch_mutual_approvals()
    settings.MUTUAL_APPROVALS = 2
    watch_mutual_approvals()
    assert Alert.objects.open().count() == 1, "once below, it is a new finding"


@pytest.fixture
def toni(cast: Cast) -> Client:
    return signed_in(cast.auditor)


def test_A6_an_auditor_sees_the_pairs_and_the_accounts_of_one_human(
    role: Role, cast: Cast, toni: Client
) -> None:
    User.objects.filter(pk=cast.employee.pk).update(display_name=HOSTILE[0], person_key="E-7")
    User.objects.filter(pk=cast.outsider.pk).update(person_key="E-7", is_active=False)
    approved(role, cast.employee, cast.approver, 6)
    approved(role, cast.approver, cast.employee, 5)

    page = toni.get(reverse("mutual_approvals"))
    said = page.content.decode()
    assert [pair.each_way for pair in page.context["pairs"]] == [5]
    assert "kim@example.test" in said
    assert "pat@example.test" in said
    assert HOSTILE[0] not in said
    assert reverse("person", args=[cast.approver.pk]) not in said, "an auditor has no page of a person"
    assert reverse("mutual_approvals") in toni.get(reverse("journal")).content.decode()


@pytest.mark.parametrize(
    ("query", "status", "pairs"),
    [
        ({}, 200, 0),
        ({"least": "2"}, 200, 1),
        ({"least": "2", "days": "30"}, 200, 1),
        ({"least": "3"}, 200, 0),
        ({"least": "0"}, 422, 0),
        ({"least": "9" * 30}, 422, 0),
        ({"least": "2", "days": "31"}, 422, 0),
        ({"least": "\x00", "days": "\ud7ff'"}, 422, 0),
    ],
)
def test_the_pairs_are_filtered_and_nonsense_is_said_to_be_that(
    role: Role, cast: Cast, toni: Client, query: dict[str, str], status: int, pairs: int
) -> None:
    approved(role, cast.employee, cast.approver, 2)
    approved(role, cast.approver, cast.employee, 2)

    page = toni.get(reverse("mutual_approvals"), query)
    assert page.status_code == status
    assert len(page.context["pairs"]) == pairs


def test_E1_who_does_not_read_the_journal_finds_no_such_page(cast: Cast) -> None:
    for person in (cast.employee, cast.approver, cast.root):
        assert signed_in(person).get(reverse("mutual_approvals")).status_code == 404
