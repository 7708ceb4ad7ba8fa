"""Keeping an activated role for longer: without a gap, within its longest time, through approval where it applies."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from time_machine import TimeMachineFixture

from accounts.mfa.freshness import StepUpRequired
from approvals.deciding import decide
from approvals.models import AccessRequest, Decision
from approvals.prolonging import carry_out_longer, longer_act_of, request_longer, room_of
from approvals.requesting import RequirementsUnmet
from audit.journal.actor import PORTAL, Actor
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.assigning import change_eligibility, end_eligibility
from roles.effective import settings_at
from roles.models import Assignment, Eligibility, EndCause, Origin
from roles.provisioning import begin_assignment, end_assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import signed_in
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    activate,
    acts_on,
    asked,
    change_settings,
    give_evidence,
    make_eligibility,
    make_role,
    name_approvers,
    now,
)

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def robin(cast: Cast) -> Actor:
    return acting(cast.employee)


@pytest.fixture
def eligibility(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Eligibility:
    """The employee may activate a role for at most four hours."""
    return make_eligibility(make_role(vault.row, max_minutes=240), cast.employee)


@pytest.fixture
def held(eligibility: Eligibility, cast: Cast) -> Assignment:
    """They hold it from noon to one, and the directory has confirmed it."""
    assignment = activate(eligibility, cast.employee, minutes=60)
    sweep()
    return now(assignment)


def guard(held: Assignment, cast: Cast) -> None:
    """From now on somebody must approve."""
    change_settings(held.role, approval_required=True, names_approvers=True)
    name_approvers(held.role, cast.approver)


def longer(held: Assignment, actor: Actor, **what: Any) -> AccessRequest:
    return request_longer(held, actor=actor, asked=asked(**({"minutes": 60} | what)))


def end_of(held: Assignment) -> datetime | None:
    return now(held).ends_at


def test_its_end_moves_and_nothing_is_taken_away_in_between(
    held: Assignment, robin: Actor, vault: Vault, clock: TimeMachineFixture
) -> None:
    assert held.is_in_force()
    filed = longer(held, robin)

    assert (filed.act, filed.status, filed.minutes) == ("prolong", "approved", 60)
    assert end_of(held) == NOON + 2 * HOUR
    sweep()
    clock.move_to(NOON + HOUR + MINUTE, tick=False)
    sweep()
    assert now(held).is_in_force()
    assert "assignment.ended" not in acts_on(held)
    assert acts_on(filed) == ["prolongation.requested", "prolongation.approved"]
    clock.move_to(NOON + 2 * HOUR, tick=False)
    assert not now(held).is_in_force()


def test_it_may_be_done_again_up_to_the_longest_time_and_no_further(held: Assignment, robin: Actor) -> None:
    longer(held, robin, minutes=120)
    assert end_of(held) == NOON + 3 * HOUR

    with pytest.raises(RequirementsUnmet) as refusal:
        longer(held, robin, minutes=61)

    assert refusal.value.message == (
        "This role may be activated for at most 4 h. Counted from its start, this one may go on until 16:00 at the latest."
    )
    longer(held, robin, minutes=60)
    with pytest.raises(RequirementsUnmet) as refusal:
        longer(held, robin, minutes=1)
    assert (
        refusal.value.message
        == "This role may be activated for at most 4 h, and this activation is that long."
    )
    assert end_of(held) == NOON + 4 * HOUR


@pytest.mark.parametrize("minutes", [0, -60, 10**9])
def test_B4_no_other_number_of_minutes_is_taken(held: Assignment, robin: Actor, minutes: int) -> None:
    with pytest.raises(RequirementsUnmet):
        longer(held, robin, minutes=minutes)
    assert end_of(held) == NOON + HOUR


def test_it_never_goes_beyond_the_end_of_the_eligibility(
    held: Assignment, eligibility: Eligibility, robin: Actor
) -> None:
    until = NOON + 90 * MINUTE
    change_eligibility(eligibility, actor=PORTAL, starts_at=eligibility.starts_at, ends_at=until)

    longer(held, robin, minutes=120)

    assert end_of(held) == until
    with pytest.raises(RequirementsUnmet, match="Your eligibility ends with it"):
        longer(held, robin)


def test_it_is_judged_as_an_activation_is(held: Assignment, robin: Actor) -> None:
    change_settings(held.role, ticket_required=True, ticket_pattern="CHG-[0-9]+")

    for what, code in (
        ({"justification": ""}, "justification_missing"),
        ({}, "ticket_missing"),
        ({"ticket": "INC-1"}, "ticket_not_as_asked"),
    ):
        with pytest.raises(RequirementsUnmet) as refusal:
            longer(held, robin, **what)
        assert code in [one.code for one in refusal.value.unmet]
    assert longer(held, robin, ticket="CHG-1").ticket == "CHG-1"


def test_C5_a_second_factor_is_asked_for_this_very_wish_and_used_once(held: Assignment, robin: Actor) -> None:
    change_settings(held.role, factor="every_time")
    with pytest.raises(StepUpRequired) as question:
        longer(held, robin)
    assert question.value.what_for == "Keep Operator for 1 h longer"
    assert question.value.act == longer_act_of(held, asked(minutes=60), robin.person)
    evidence = give_evidence(robin, act=question.value.act)

    with pytest.raises(StepUpRequired):
        longer(held, robin, minutes=90)
    assert longer(held, robin).factor_use == evidence

    assert now(evidence).used_at == NOON
    with pytest.raises(StepUpRequired):
        longer(now(held), robin)


def test_S7_a_form_sent_twice_adds_its_time_once(held: Assignment, robin: Actor) -> None:
    first, second = (
        request_longer(held, actor=robin, asked=asked(minutes=30), idempotency_key="a form") for _ in range(2)
    )
    assert first == second
    assert end_of(held) == NOON + 90 * MINUTE


# --- Who may, and of what ---


def test_E1_nobody_asks_for_what_somebody_else_holds(held: Assignment, cast: Cast) -> None:
    for person in (cast.outsider, cast.approver, cast.administrator):
        with pytest.raises(NotAllowed):
            longer(held, acting(person))


def test_what_was_given_by_an_administrator_is_not_ones_own_to_prolong(
    held: Assignment, robin: Actor, vault: Vault
) -> None:
    given = begin_assignment(
        make_role(vault.row, "Reader"),
        actor=PORTAL,
        person=robin.person,
        scope=held.scope,
        starts_at=NOON,
        ends_at=NOON + HOUR,
        origin=Origin.DIRECT,
    )
    with pytest.raises(Refused) as refusal:
        longer(given, robin)
    assert refusal.value.code == "not_activated"


def test_B1_what_has_ended_does_not_come_back(
    held: Assignment, robin: Actor, clock: TimeMachineFixture
) -> None:
    clock.move_to(NOON + HOUR, tick=False)  # to the moment; no sweep has run
    with pytest.raises(Overtaken):
        longer(held, robin)


def test_what_was_given_back_does_not_come_back(held: Assignment, robin: Actor) -> None:
    end_assignment(held, actor=PORTAL, cause=EndCause.DEACTIVATED)
    with pytest.raises(Overtaken):
        longer(held, robin)


def test_who_is_not_eligible_any_more_gets_no_more_time(
    held: Assignment, eligibility: Eligibility, robin: Actor
) -> None:
    end_eligibility(eligibility, actor=PORTAL)
    with pytest.raises(Refused):
        longer(held, robin)


# --- Through approval ---


def test_while_it_waits_the_running_one_goes_on_to_its_old_end(
    held: Assignment, robin: Actor, cast: Cast, clock: TimeMachineFixture
) -> None:
    guard(held, cast)
    filed = longer(held, robin)

    assert filed.is_open
    assert filed.deadline == NOON + HOUR, "later there is nothing to prolong"
    assert end_of(held) == NOON + HOUR
    with pytest.raises(Refused) as refusal:
        longer(held, robin)
    assert refusal.value.code == "already_waits"
    clock.move_to(NOON + HOUR, tick=False)
    assert not now(held).is_in_force()
    assert not now(filed).is_open


def test_approved_it_goes_on_without_a_gap(held: Assignment, robin: Actor, cast: Cast) -> None:
    guard(held, cast)
    filed = longer(held, robin)

    carry_out_longer(
        filed, actor=acting(cast.approver), action="prolongation.approved", justification="Go on"
    )

    assert (now(filed).status, end_of(held)) == ("approved", NOON + 2 * HOUR)
    assert now(held).status != "ending"


def test_shortened_by_its_approver_it_ends_sooner(held: Assignment, robin: Actor, cast: Cast) -> None:
    guard(held, cast)
    filed = longer(held, robin)
    carry_out_longer(filed, actor=acting(cast.approver), action="prolongation.approved", minutes=30)
    assert end_of(held) == NOON + 90 * MINUTE


@pytest.mark.parametrize("ends", ["deactivated", "eligibility"])
def test_what_has_ended_meanwhile_is_not_prolonged_by_an_approval(
    held: Assignment, eligibility: Eligibility, robin: Actor, cast: Cast, ends: str
) -> None:
    guard(held, cast)
    filed = longer(held, robin)
    if ends == "deactivated":
        end_assignment(now(held), actor=PORTAL, cause=EndCause.DEACTIVATED)
    else:
        end_eligibility(eligibility, actor=PORTAL)

    with pytest.raises(Overtaken):
        carry_out_longer(filed, actor=acting(cast.approver), action="prolongation.approved")

    assert now(held).ends_at == NOON + HOUR
    assert not now(held).is_in_force()


def test_an_approval_by_the_engine_moves_the_end(held: Assignment, robin: Actor, cast: Cast) -> None:
    guard(held, cast)
    filed = longer(held, robin)
    decide(filed, actor=acting(cast.approver), verdict=Decision.Verdict.APPROVE)
    assert end_of(held) == NOON + 2 * HOUR
    assert Assignment.objects.count() == 1, "it is the same one, not another"


def test_room_counts_from_the_start(held: Assignment) -> None:
    room = room_of(held, settings_at(held.role, held.scope))
    assert (room.minutes, room.until, room.by_eligibility) == (180, NOON + 4 * HOUR, False)
    assert room.end_after(10_000) == room.until


# --- The pages ---


def row_of(client: Client) -> str:
    return client.get(reverse("home")).content.decode()


def test_the_page_says_what_will_happen_and_does_it(held: Assignment, cast: Cast) -> None:
    client = signed_in(cast.employee)
    address = reverse("longer", args=[held.pk])
    assert address in row_of(client)
    assert address in client.get(reverse("my_roles"), {"tab": "active"}).content.decode()

    page = client.get(address)
    assert str(page.context["form"].effect()) == (
        "<b>Operator</b> goes on without a gap and ends by itself at <b>14:00</b> instead of 13:00. Nobody has to approve."
    )
    assert page.context["form"]["justification"].value() == "The nightly job is stuck"
    answer = client.post(address, {"minutes": "60", "justification": "Still stuck"})

    filed = AccessRequest.objects.get(act="prolong")
    assert answer["Location"] == reverse("request_page", args=[filed.pk])
    assert client.get(answer["Location"]).status_code == 200
    assert end_of(held) == NOON + 2 * HOUR


def test_too_much_comes_back_with_until_when_it_is_possible(held: Assignment, cast: Cast) -> None:
    client = signed_in(cast.employee)
    form = {"minutes": "181", "justification": "Still stuck"}
    answer = client.post(reverse("longer", args=[held.pk]), form)
    assert answer.status_code == 422
    assert "until 16:00 at the latest" in answer.content.decode()
    for minutes in ("", "x", "1e308", "9" * 5000):
        assert client.post(reverse("longer", args=[held.pk]), form | {"minutes": minutes}).status_code == 422
    assert end_of(held) == NOON + HOUR


def test_a_request_that_waits_is_shown_instead_of_the_button(
    held: Assignment, robin: Actor, cast: Cast
) -> None:
    guard(held, cast)
    filed = longer(held, robin)
    client = signed_in(cast.employee)
    page = row_of(client)
    assert "Longer asked" in page
    assert reverse("longer", args=[held.pk]) not in page
    assert client.get(reverse("longer", args=[held.pk])).context["waiting"] == filed
    assert client.get(reverse("request_page", args=[filed.pk])).status_code == 200
    assert signed_in(cast.approver).get(reverse("to_decide")).status_code == 200


def test_E1_somebody_elses_is_not_found(held: Assignment, cast: Cast) -> None:
    for person in (cast.outsider, cast.approver):
        assert signed_in(person).get(reverse("longer", args=[held.pk])).status_code == 404
