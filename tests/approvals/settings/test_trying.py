"""Trying settings before saving: the requests of the past, judged by the rules of today under the settings to try."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from approvals.settings.places import Document, Line, Place
from approvals.settings.trying import counted, try_settings
from audit.journal.models import AuditEvent
from roles.models import Role
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.roles import approve, ask, make_eligibility, make_role

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def role(vault: Vault, cast: Cast) -> Role:
    """A role that Robin activated twice in the last days, and Pat once long ago."""
    role = make_role(vault.row, "Reader", factor="every_time")
    for who, days, minutes, why in (
        (cast.outsider, 60, 60, "Long ago"),
        (cast.employee, 3, 60, "Short"),
        (cast.employee, 1, 240, "The nightly job is stuck since two"),
    ):
        with time_machine.travel(NOON - timedelta(days=days), tick=False):
            eligibility = role.eligibilities.filter(person=who).first() or make_eligibility(role, who)
            held = ask(eligibility, who, minutes=minutes, justification=why).assignment
            assert held is not None
            type(held).objects.filter(pk=held.pk).update(status="ended")
    return role


def tried(role: Role, *, days: int = 30, approvers: tuple[Line, ...] | None = None, **values: Any) -> Any:
    place = Place(role=role)
    before = Document.of(place, place.row())
    document = replace(before, values=before.values | values, approvers=approvers or before.approvers)
    with time_machine.travel(NOON, tick=False):
        return try_settings(place, document, days=days)


def test_the_same_settings_change_nothing(role: Role) -> None:
    assert [one.differs for one in tried(role)] == [False, False]


def test_what_would_have_been_refused_is_named_with_its_reason(role: Role) -> None:
    longer, short = tried(role, max_minutes=120, justification_least=10)

    assert [one.code for one in longer.unmet] == ["too_long"]
    assert [one.code for one in short.unmet] == ["justification_too_short"]
    assert counted([longer, short])["refused"] == 2


def test_what_would_have_waited_is_named_with_who_could_decide(role: Role, cast: Cast) -> None:
    lines = (Line("manager"), Line("person", person=cast.second_approver.pk))

    latest, _earlier = tried(role, approval_required=True, approvers=lines)

    assert latest.waits_for == ["Kim Placeholder", "Jo Mockup"]
    assert not latest.unmet


def test_nobody_is_said_to_decide_on_their_own_request(role: Role, cast: Cast) -> None:
    lines = (Line("person", person=cast.employee.pk), Line("person", person=cast.approver.pk))

    assert tried(role, approval_required=True, approvers=lines)[0].waits_for == ["Kim Placeholder"]


def test_what_waited_and_would_not_is_told_as_well(vault: Vault, cast: Cast) -> None:
    guarded = make_role(vault.row, "Owner", approvers=[cast.approver])
    with time_machine.travel(NOON - timedelta(days=2), tick=False):
        approve(ask(make_eligibility(guarded, cast.employee), cast.employee), cast.approver)

    assert [one.passes for one in tried(guarded, approval_required=False)] == [True]


def test_a_passkey_would_have_been_asked_where_a_code_was_given(role: Role) -> None:
    assert [one.proof for one in tried(role, factor="passkey")] == [True, True]
    assert [one.proof for one in tried(role, factor="recent", factor_minutes=15)] == [False, False]
    assert [one.proof for one in tried(role, factor="none")] == [False, False]


def test_only_the_asked_days_are_looked_at(role: Role) -> None:
    assert (len(tried(role, days=2)), len(tried(role, days=30)), len(tried(role, days=90))) == (1, 2, 3)


def test_trying_changes_nothing(role: Role) -> None:
    before = AuditEvent.objects.count()

    tried(role, max_minutes=30)

    assert AuditEvent.objects.count() == before


def test_what_was_held_before_counts_against_a_limit_within_24_hours(role: Role, cast: Cast) -> None:
    with time_machine.travel(NOON - timedelta(days=1, hours=-5), tick=False):
        again = ask(
            role.eligibilities.get(person=cast.employee), cast.employee, minutes=60, justification="Again"
        )
    type(again.assignment).objects.update(active_since=NOON)  # in force, all of them

    found = [[one.code for one in each.unmet] for each in tried(role, day_minutes=240)]

    assert found == [["day_used_up"], [], []]


def test_an_emergency_is_told_where_it_would_pass_over_somebody_and_a_rule_is_not_foretold(
    role: Role, cast: Cast
) -> None:
    kim = (Line("person", person=cast.approver.pk),)

    assert not tried(role, emergency_allowed=True)[0].may_skip
    found = tried(role, emergency_allowed=True, approval_required=True, approvers=kim, automatic="r.1")
    assert (counted(found)["skips"], counted(found)["unsure"]) == (2, 2)
