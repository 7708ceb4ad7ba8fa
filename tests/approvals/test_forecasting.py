"""A dry run says what would come of an activation: the same to the form and to code, and then it comes so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from time_machine import TimeMachineFixture

from approvals.automatic.models import AutomaticRule
from approvals.forecasting import forecast
from approvals.hooks.models import Hook
from approvals.models import AccessRequest
from audit.journal.models import AuditEvent
from audit.journal.refusing import Refused
from roles.models import Assignment, Eligibility
from roles.requirements import Asked
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import signed_in
from tests.factories.roles import NOON, ask, asked, change_settings, make_eligibility, make_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def eligibility(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Eligibility:
    role = make_role(vault.row, approvers=[cast.approver], approval_required=False, ticket_systems="")
    return make_eligibility(role, cast.employee)


def rule(verdict: str, pattern: str) -> str:
    """An automatic rule about the ticket, as role settings name it."""
    conditions = [{"kind": "ticket", "pattern": pattern, "must_hold": True}]
    made = AutomaticRule.objects.create(key="tickets", name="Tickets", verdict=verdict, conditions=conditions)
    return made.reference


def what_came_of(eligibility: Eligibility, person: Any, wanted: Asked) -> str:
    """Ask in earnest, and say in the words of a forecast what came of it."""
    try:
        access_request = ask(
            eligibility,
            person,
            minutes=wanted.minutes,
            justification=wanted.justification,
            starts_at=wanted.starts_at,
            ticket=wanted.ticket,
        )
    except Refused:
        return "refused"
    if access_request.status == AccessRequest.Status.DENIED:
        return "denied"
    if access_request.is_open:
        return "waits_for_hook" if access_request.is_checking else "waits_for_approval"
    assignment = access_request.assignment
    assert assignment is not None
    return "scheduled" if assignment.status == Assignment.Status.SCHEDULED else "in_force"


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "nothing is asked": ({}, {}, "in_force"),
    "later": ({}, {"starts_at": NOON + timedelta(hours=3)}, "scheduled"),
    "a second factor": ({"factor": "every_time"}, {}, "in_force"),
    "approval": ({"approval_required": True}, {}, "waits_for_approval"),
    "too long": ({"max_minutes": 60}, {"minutes": 120}, "refused"),
    "no justification": ({}, {"justification": ""}, "refused"),
    "a ticket is missing": ({"ticket_required": True}, {}, "refused"),
    "a hook": ({"approval_required": True, "hook": "tickets"}, {}, "waits_for_hook"),
    "a rule approves": ({"approval_required": True, "automatic": ("approve", "CHG-1")}, {}, "in_force"),
    "a rule does not apply": (
        {"approval_required": True, "automatic": ("approve", "X")},
        {},
        "waits_for_approval",
    ),
    "a rule denies": ({"automatic": ("deny", "CHG-1")}, {}, "denied"),
    "a rule is gone": ({"automatic": "nothing.1"}, {}, "waits_for_approval"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_dry_run_says_is_what_then_happens(case: str, eligibility: Eligibility, cast: Cast) -> None:
    settings, said, outcome = CASES[case]
    Hook.objects.create(key="tickets", name="Ticket check", url="https://hooks.example.test/")
    if isinstance(settings.get("automatic"), tuple):
        settings = settings | {"automatic": rule(*settings["automatic"])}
    change_settings(eligibility.role, **settings)
    wanted = asked(**({"minutes": 60, "ticket": "CHG-1" if "a ticket" not in case else ""} | said))
    before = AuditEvent.objects.count()

    foreseen = forecast(eligibility, person=cast.employee, asked=wanted)

    assert foreseen.outcome == outcome
    assert AuditEvent.objects.count() == before, "a dry run writes nothing"
    assert not AccessRequest.objects.exists()
    assert what_came_of(eligibility, cast.employee, wanted) == outcome


def test_what_is_in_the_way_is_said_whatever_is_filled_in(eligibility: Eligibility, cast: Cast) -> None:
    ask(eligibility, cast.employee)
    assert forecast(eligibility, person=cast.employee, asked=asked()).why_not == "You hold this role already."


def test_who_would_decide_is_said_in_their_order(eligibility: Eligibility, cast: Cast) -> None:
    change_settings(eligibility.role, approval_required=True)
    foreseen = forecast(eligibility, person=cast.employee, asked=asked())
    assert [str(stage) for stage in foreseen.stages] == ["Kim Placeholder"]


def test_the_sentence_over_an_empty_form_says_that_somebody_decides(
    eligibility: Eligibility, cast: Cast
) -> None:
    change_settings(eligibility.role, approval_required=True)
    page = signed_in(cast.employee).get(reverse("activate", args=[eligibility.pk])).content.decode()
    assert "An approver decides." in page
    assert "Nobody has to approve" not in page


def test_code_is_told_the_same_as_the_form(eligibility: Eligibility, cast: Cast) -> None:
    change_settings(eligibility.role, approval_required=True, automatic=rule("approve", "CHG-.*"))
    client = signed_in(cast.employee)
    address, said = (
        reverse("activate", args=[eligibility.pk]),
        {"minutes": 60, "justification": "Why", "ticket": "CHG-1"},
    )

    told = client.get(address, said, headers={"accept": "application/json"})
    shown = client.get(address, said, headers={"hx-request": "true", "hx-target": "effect"})

    foreseen = forecast(
        eligibility, person=cast.employee, asked=asked(minutes=60, justification="Why", ticket="CHG-1")
    )
    assert told.json() == foreseen.as_json()
    assert (told.json()["outcome"], told.json()["rule"]) == ("in_force", "tickets.1")
    assert "Approved by the rule “Tickets”, as things stand." in shown.content.decode()


def test_code_is_told_what_cannot_be_read(eligibility: Eligibility, cast: Cast) -> None:
    client = signed_in(cast.employee)
    address = reverse("activate", args=[eligibility.pk])
    told = client.get(address, {"minutes": "long"}, headers={"accept": "application/json"})
    assert told.status_code == 422
    assert "minutes" in told.json()["errors"]


def test_a_stranger_learns_nothing(eligibility: Eligibility, cast: Cast) -> None:
    client = signed_in(cast.outsider)
    address = reverse("activate", args=[eligibility.pk])
    assert client.get(address, {"minutes": 60}, headers={"accept": "application/json"}).status_code == 404
