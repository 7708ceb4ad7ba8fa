"""Activating at a narrower scope than one is eligible at: nobody has to hold more than the work needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest
from django.urls import reverse
from time_machine import TimeMachineFixture

from accounts.mfa.freshness import StepUpRequired
from approvals.deciding import NoLongerPossible
from approvals.forecasting import forecast
from approvals.models import AccessRequest
from approvals.narrowing import places_beneath
from approvals.prolonging import request_longer
from approvals.requesting import RequirementsUnmet, act_of, request_activation
from approvals.settings.places import Document, Place
from approvals.settings.trying import try_settings
from audit.journal.actor import PORTAL
from audit.journal.recording import save_as
from audit.journal.refusing import Refused
from roles.assigning import make_eligible
from roles.cataloguing import add_scope
from roles.models import Assignment, Eligibility, Role, RoleSettings, Scope
from roles.permissions import holders_at
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault, open_vault
from tests.factories.pages import signed_in
from tests.factories.people import make_person
from tests.factories.roles import (
    HOUR,
    acting,
    activate,
    approve,
    ask,
    asked,
    change_settings,
    entries_on,
    give_evidence,
    make_eligibility,
    make_role,
    now,
)
from tests.races import ROUNDS, lost, racing, won

pytestmark = pytest.mark.django_db


@dataclass
class Estate:
    """A directory with a tree: the whole, an estate in it with a house and a garden, and a field beside the estate."""

    vault: Vault
    role: Role
    estate: Scope
    house: Scope
    garden: Scope
    field: Scope
    eligibility: Eligibility


@pytest.fixture
def place(clock: TimeMachineFixture, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """The employee is eligible at the estate; nobody has to approve."""
    vault = open_vault(monkeypatch, "cloud", scopes=True)
    root = vault.row.root_scope()
    estate = add_scope(root, actor=PORTAL, name="Estate", path="/estate")
    house = add_scope(estate, actor=PORTAL, name="House", path="/estate/house")
    garden = add_scope(estate, actor=PORTAL, name="Garden", path="/estate/garden")
    field = add_scope(root, actor=PORTAL, name="Field", path="/field")
    role = make_role(vault.row)
    eligibility = make_eligible(role, actor=PORTAL, principal=cast.employee, scope=estate)
    return Estate(vault, role, estate, house, garden, field, eligibility)


def say_at(scope: Scope, role: Role, **values: object) -> None:
    """What the role's settings say at one scope."""
    save_as(RoleSettings(level=RoleSettings.Level.SCOPE, role=role, scope=scope, **values), actor=PORTAL)


def test_a_role_is_activated_at_one_part_of_what_one_is_eligible_for(place: Estate, cast: Cast) -> None:
    # given somebody who is eligible at the estate; when they ask for the house alone
    access_request = ask(place.eligibility, cast.employee, scope=place.house)
    sweep()
    # then they hold it there, and nowhere else, and the directory was told so
    held = now(access_request).assignment
    assert held is not None
    assert (held.scope, access_request.scope) == (place.house, place.house)
    assert place.vault.rights.keys() == {("robin", "operator", "/estate/house")}
    assert [one.person for one in holders_at(place.role, place.house)] == [cast.employee]
    assert not holders_at(place.role, place.garden)
    assert not holders_at(place.role, place.estate)
    # and the journal says where
    assert entries_on(access_request)[0].detail["scope"] == "/estate/house"


@pytest.mark.parametrize("where", ["above", "beside"])
def test_nobody_activates_where_they_are_not_eligible(place: Estate, cast: Cast, where: str) -> None:
    wider = place.vault.row.root_scope() if where == "above" else place.field
    with pytest.raises(Refused, match="no part of it") as refused:
        ask(place.eligibility, cast.employee, scope=wider)
    assert refused.value.field == "scope"
    assert not AccessRequest.objects.exists()
    assert not Assignment.objects.exists()


def test_a_scope_of_another_directory_is_none(place: Estate, cast: Cast, vault: Vault) -> None:
    elsewhere = make_eligibility(make_role(vault.row), cast.employee)
    with pytest.raises(Refused, match="does not belong to"):
        ask(elsewhere, cast.employee, scope=place.house)


def test_the_settings_of_the_narrower_scope_count(place: Estate, cast: Cast) -> None:
    say_at(place.house, place.role, max_minutes=60)
    with pytest.raises(RequirementsUnmet, match="1 h"):
        ask(place.eligibility, cast.employee, minutes=120, scope=place.house)
    assert ask(place.eligibility, cast.employee, minutes=120, scope=place.garden).assignment is not None


def test_one_at_a_time_by_one_eligibility(place: Estate, cast: Cast) -> None:
    # given a request for the house that waits
    change_settings(place.role, approval_required=True)
    waiting = ask(place.eligibility, cast.employee, scope=place.house)
    # when the garden or all of it is asked for meanwhile, it is refused with the number of the one that waits
    for other in (place.garden, None):
        with pytest.raises(Refused, match=waiting.number):
            ask(place.eligibility, cast.employee, scope=other)
        wanted = asked(scope=other)
        assert waiting.number in forecast(place.eligibility, person=cast.employee, asked=wanted).why_not


def test_a_factor_given_for_one_place_does_for_no_other(place: Estate, cast: Cast) -> None:
    change_settings(place.role, factor="every_time")
    robin, wanted = acting(cast.employee), asked(scope=place.house)
    give_evidence(robin, act=act_of(place.eligibility, wanted, cast.employee))
    for other in (place.garden, None):
        with pytest.raises(StepUpRequired):
            request_activation(place.eligibility, actor=robin, asked=asked(scope=other))
    assert request_activation(place.eligibility, actor=robin, asked=wanted).scope == place.house


def test_E8_a_scope_that_was_widened_after_filing_is_not_approved(place: Estate, cast: Cast) -> None:
    # given a request for the house that waits, and somebody who widens its row
    change_settings(place.role, approval_required=True)
    waiting = ask(place.eligibility, cast.employee, scope=place.house)
    AccessRequest.objects.filter(pk=waiting.pk).update(scope=place.estate)
    # when it is approved, then it ends instead, and nobody holds anything
    with pytest.raises(NoLongerPossible, match="changed after it was filed"):
        approve(waiting, cast.administrator)
    assert now(waiting).status == AccessRequest.Status.FAILED
    assert not Assignment.objects.exists()


def test_E8_whoever_holds_a_part_has_not_the_whole_when_they_ask_for_longer(
    place: Estate, cast: Cast, clock: TimeMachineFixture
) -> None:
    held = activate(place.eligibility, cast.employee, minutes=60, scope=place.house)
    sweep()
    clock.shift(timedelta(minutes=30))
    request_longer(now(held), actor=acting(cast.employee), asked=asked(minutes=60))
    sweep()
    assert place.vault.rights.keys() == {("robin", "operator", "/estate/house")}
    assert now(held).scope == place.house


def test_a_part_counts_against_the_day_of_the_whole_and_not_of_another_part(
    place: Estate, cast: Cast, clock: TimeMachineFixture
) -> None:
    # given four of six hours at the house that are over
    change_settings(place.role, max_minutes=240, day_minutes=360)
    held = activate(place.eligibility, cast.employee, minutes=240, scope=place.house)
    sweep()
    clock.move_to(held.starts_at + 4 * HOUR)
    sweep()

    def left(scope: Scope | None) -> list[str]:
        wanted = asked(minutes=240, scope=scope)
        return [one.code for one in forecast(place.eligibility, person=cast.employee, asked=wanted).unmet]

    # when it is asked for again, then two hours are left there and for the whole, and all of it elsewhere
    assert left(place.house) == left(None) == ["day_used_up"]
    assert left(place.garden) == []


def test_settings_are_tried_against_what_was_asked_beneath_their_scope(place: Estate, cast: Cast) -> None:
    ask(place.eligibility, cast.employee, minutes=240, scope=place.house)
    document = Document(values={"max_minutes": 60})
    tried = try_settings(Place(role=place.role, scope=place.estate), document, days=7)
    assert [one.access_request.scope for one in tried if one.differs] == [place.house]


# In the browser ------------------------------------------------------------------------------------------------------


def test_the_form_offers_the_parts_and_nothing_else(place: Estate, cast: Cast) -> None:
    page = signed_in(cast.employee).get(reverse("activate", args=[place.eligibility.pk])).content.decode()
    assert "All of Estate" in page
    assert "House · /estate/house" in page
    assert "Field" not in page
    assert [one.name for one in places_beneath(place.eligibility)] == ["Garden", "House"]


def test_a_directory_without_scopes_asks_nothing_about_where(place: Estate, cast: Cast, vault: Vault) -> None:
    flat = make_eligibility(make_role(vault.row), cast.employee)
    robin = signed_in(cast.employee)
    address = reverse("activate", args=[flat.pk])
    assert 'name="scope"' not in robin.get(address).content.decode()
    forged = {"minutes": "60", "justification": "Why", "scope": str(place.house.pk)}
    assert robin.post(address, forged).status_code == 400
    assert not AccessRequest.objects.exists()


def test_what_is_chosen_is_what_is_asked(place: Estate, cast: Cast) -> None:
    robin = signed_in(cast.employee)
    said = {"minutes": "60", "justification": "Why", "scope": str(place.house.pk)}
    answer = robin.post(reverse("activate", args=[place.eligibility.pk]), said, follow=True)
    assert AccessRequest.objects.get().scope == place.house
    assert "House" in answer.content.decode()


@pytest.mark.parametrize("where", ["field", "nowhere", "words"])
def test_a_forged_place_is_refused_beside_its_field_and_nothing_typed_is_lost(
    place: Estate, cast: Cast, where: str
) -> None:
    forged = {"field": str(place.field.pk), "nowhere": "999999", "words": "/estate"}[where]
    said = {"minutes": "60", "justification": "Mend the roof", "scope": forged}
    answer = signed_in(cast.employee).post(reverse("activate", args=[place.eligibility.pk]), said)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "activate_scope_error" in page
    assert "Mend the roof" in page
    assert not AccessRequest.objects.exists()


def test_choosing_a_place_draws_the_form_anew_with_what_counts_there(place: Estate, cast: Cast) -> None:
    say_at(place.house, place.role, max_minutes=60, ticket_required=True)
    robin, address = signed_in(cast.employee), reverse("activate", args=[place.eligibility.pk])
    said = {"minutes": "240", "scope": str(place.house.pk)}
    headers = {"hx-request": "true", "hx-target": "activation"}
    drawn = robin.get(address, said, headers=headers).content.decode()
    assert 'max="60"' in drawn
    assert 'name="ticket"' in drawn
    assert "at <b>House</b>" in drawn
    assert "<html" not in drawn
    assert 'name="ticket"' not in robin.get(address, {"scope": ""}, headers=headers).content.decode()


def test_a_dry_run_for_code_tells_of_the_place(place: Estate, cast: Cast) -> None:
    say_at(place.house, place.role, approval_required=True)
    robin, address = signed_in(cast.employee), reverse("activate", args=[place.eligibility.pk])
    said = {"minutes": "60", "justification": "Why"}
    headers = {"accept": "application/json"}
    there = robin.get(address, said | {"scope": str(place.house.pk)}, headers=headers).json()
    whole = robin.get(address, said, headers=headers).json()
    assert (there["outcome"], whole["outcome"]) == ("waits_for_approval", "in_force")


def test_again_like_last_time_is_the_same_place(place: Estate, cast: Cast, clock: TimeMachineFixture) -> None:
    last = ask(place.eligibility, cast.employee, minutes=60, scope=place.house)
    clock.shift(timedelta(hours=2))
    sweep()
    address = f"{reverse('activate', args=[place.eligibility.pk])}?again={last.pk}"
    page = signed_in(cast.employee).get(address).content.decode()
    assert f'value="{place.house.pk}" selected' in page


def test_the_approver_sees_where_and_decides_on_that(place: Estate, cast: Cast) -> None:
    change_settings(place.role, approval_required=True)
    say_at(place.house, place.role, names_approvers=True)
    waiting = ask(place.eligibility, cast.employee, scope=place.house)
    page = signed_in(cast.administrator).get(reverse("to_decide")).content.decode()
    assert waiting.number in page
    assert f"{place.vault.row} · House" in page
    assert approve(waiting, cast.administrator).scope == place.house


# At once -------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_several_places_asked_for_at_once_one_request_waits(place: Estate, cast: Cast) -> None:
    change_settings(place.role, approval_required=True)
    wanted = [asked(scope=one) for one in (place.house, place.garden, place.estate, None)]
    with racing(4) as race:
        for n in range(ROUNDS):
            person = make_person(f"person{n}")
            mine = make_eligible(place.role, actor=PORTAL, principal=person, scope=place.estate)

            outcomes = race(
                [partial(request_activation, mine, actor=acting(person), asked=one) for one in wanted]
            )

            (access_request,) = won(outcomes)
            assert len(lost(outcomes)) == 3
            assert AccessRequest.objects.open().filter(holder=person).get() == access_request
