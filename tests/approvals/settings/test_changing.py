"""Changing role settings: inheritance, lock-outs, four eyes, and what happens to requests in flight."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from accounts.duties import Duty
from accounts.mfa.freshness import StepUpRequired
from accounts.models import User
from approvals.models import SettingsChange, SettingsTemplate
from approvals.permissions import may_decide
from approvals.settings.changing import (
    LockedOut,
    Wanted,
    change_settings,
    changes_decidable_by,
    confirm_change,
    may_change,
    refuse_change,
    version_of,
    withdraw_change,
)
from approvals.settings.places import Document, Line, Place
from approvals.settings.templating import applied_to, departures, make_starters
from audit.journal.actor import PORTAL
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.effective import layers_at, settings_at
from roles.models import Risk, Role, RoleSettings
from roles.provisioning import begin_assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import give_duty, make_group
from tests.factories.roles import (
    acting,
    acts_on,
    appoint,
    ask,
    give_evidence,
    make_eligibility,
    make_role,
    notices_of,
    now,
    open_alerts,
)
from tests.factories.roles import change_settings as change_directly

Status = SettingsChange.Status


@pytest.fixture
def role(vault: Vault, cast: Cast) -> Role:
    """A role of high risk that Kim approves."""
    role = make_role(vault.row, "Owner", approvers=[cast.approver], max_minutes=60)
    role.risk = Risk.HIGH
    role.save()
    return role


@pytest.fixture
def second_administrator(cast: Cast) -> User:
    """A second administrator."""
    give_duty(cast.outsider, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    return cast.outsider


def change(
    place: Place | Role, who: User, *, why: str = "As agreed", approvers: Any = "as they are", **values: Any
) -> SettingsChange:
    """Let one place say some values, proving oneself when asked to."""
    place = Place(role=place) if isinstance(place, Role) else place
    before = Document.of(place, place.row())
    said = {name: value for name, value in (before.values | values).items() if value is not None}
    document = replace(before, values=said)
    if approvers != "as they are":
        document = replace(document, approvers=approvers)
    return send([Wanted(place, document)], who, why=why)[0]


def send(wanted: list[Wanted], who: User, *, why: str = "As agreed") -> list[SettingsChange]:
    actor = acting(who)
    try:
        return change_settings(wanted, actor=actor, justification=why)
    except StepUpRequired as question:
        give_evidence(actor, act=question.act)
        return change_settings(wanted, actor=actor, justification=why)


def confirm(proposed: SettingsChange, who: User) -> None:
    actor = acting(who)
    try:
        confirm_change(proposed, actor=actor)
    except StepUpRequired as question:
        give_evidence(actor, act=question.act)
        confirm_change(proposed, actor=actor)


def naming(*people: User) -> tuple[Line, ...]:
    return tuple(sorted(Line("person", person=person.pk) for person in people))


def test_what_makes_a_role_stricter_counts_at_once_and_is_written_down(role: Role, cast: Cast) -> None:
    made = change(role, cast.administrator, max_minutes=30)

    assert settings_at(role).max_minutes == 30
    assert (made.status, acts_on(made)) == (
        "applied",
        ["settings_change.proposed", "settings_change.applied"],
    )


def test_it_is_proved_for_exactly_these_values(role: Role, cast: Cast) -> None:
    actor = acting(cast.administrator)
    wanted = Wanted(Place(role=role), Document(values={"max_minutes": 30}))
    with pytest.raises(StepUpRequired) as question:
        change_settings([wanted], actor=actor, justification="As agreed")
    give_evidence(actor, act=question.value.act)

    other = Wanted(Place(role=role), Document(values={"max_minutes": 45}))
    with pytest.raises(StepUpRequired):
        change_settings([other], actor=actor, justification="As agreed")

    assert settings_at(role).max_minutes == 60


def test_E5_what_weakens_a_privileged_role_waits_for_a_second_administrator(
    role: Role, cast: Cast, second_administrator: User
) -> None:
    proposed = change(role, cast.administrator, max_minutes=480)
    assert (proposed.status, settings_at(role).max_minutes) == ("proposed", 60)
    assert "approvals/settings_change_proposed" in notices_of(second_administrator)
    assert changes_decidable_by(second_administrator) == [proposed]
    assert changes_decidable_by(cast.administrator) == []

    confirm(proposed, second_administrator)

    assert settings_at(role).max_minutes == 480
    assert now(proposed).decider == second_administrator
    assert "role_settings_weakened" in open_alerts()
    assert "approvals/settings_change_decided" in notices_of(cast.administrator)


def test_E5_nobody_confirms_their_own_change_not_even_under_a_second_account(
    role: Role, cast: Cast, second_administrator: User
) -> None:
    proposed = change(role, cast.administrator, max_minutes=480)
    User.objects.filter(pk__in=[cast.administrator.pk, second_administrator.pk]).update(person_key="4711")

    for who in (now(cast.administrator), now(second_administrator)):
        with pytest.raises(NotAllowed):
            confirm(proposed, who)

    assert settings_at(role).max_minutes == 60


def test_E5_a_role_that_is_not_privileged_needs_one_pair_of_eyes(role: Role, cast: Cast) -> None:
    role.risk = Risk.LOW
    role.save()

    assert change(role, cast.administrator, max_minutes=480).status == "applied"


def test_E5_four_eyes_can_be_switched_off_and_the_alert_stays(role: Role, cast: Cast, settings: Any) -> None:
    settings.FOUR_EYES = False

    assert change(role, cast.administrator, max_minutes=480).status == "applied"
    assert "role_settings_weakened" in open_alerts()


def test_E5_without_a_second_administrator_it_is_refused_rather_than_left_for_ever(
    role: Role, cast: Cast
) -> None:
    with pytest.raises(Refused, match="second administrator"):
        change(role, cast.administrator, max_minutes=480)

    assert not SettingsChange.objects.exists()


def test_weakening_asks_for_a_justification(role: Role, cast: Cast, second_administrator: User) -> None:
    with pytest.raises(Refused) as refused:
        change(role, cast.administrator, why=" ", max_minutes=480)

    assert refused.value.field == "justification"


def test_a_directory_that_weakens_one_of_its_privileged_roles_waits_too(
    role: Role, cast: Cast, second_administrator: User
) -> None:
    change(Place(directory=role.directory), cast.administrator, ticket_required=True)
    proposed = change(Place(directory=role.directory), cast.administrator, ticket_required=False)

    assert proposed.status == "proposed"
    assert proposed.weakens == ["Owner: no ticket."]


def test_what_was_changed_since_it_was_proposed_is_not_confirmed(
    role: Role, cast: Cast, second_administrator: User
) -> None:
    proposed = change(role, cast.administrator, max_minutes=480)
    RoleSettings.objects.filter(role=role).update(max_minutes=15)

    with pytest.raises(Overtaken):
        confirm(proposed, second_administrator)


def test_two_changes_of_one_place_do_not_wait_side_by_side(
    role: Role, cast: Cast, second_administrator: User
) -> None:
    change(role, cast.administrator, max_minutes=480)

    with pytest.raises(Refused, match="waits already"):
        change(role, second_administrator, max_minutes=240)


def test_a_proposal_is_refused_with_a_reason_or_withdrawn_by_who_made_it(
    role: Role, cast: Cast, second_administrator: User
) -> None:
    first = change(role, cast.administrator, max_minutes=480)
    with pytest.raises(Refused):
        refuse_change(first, actor=acting(second_administrator), decision=" ")
    refuse_change(first, actor=acting(second_administrator), decision="Too long")
    second = change(role, cast.administrator, max_minutes=480)
    with pytest.raises(NotAllowed):
        withdraw_change(second, actor=acting(second_administrator))
    withdraw_change(second, actor=acting(cast.administrator))

    assert (now(first).status, now(second).status) == ("refused", "withdrawn")
    with pytest.raises(Overtaken):
        confirm(first, second_administrator)


def test_who_changed_it_meanwhile_wins_and_the_other_is_told(role: Role, cast: Cast) -> None:
    place = Place(role=role)
    seen = version_of(place)
    change(role, cast.administrator, max_minutes=30)

    with pytest.raises(Overtaken, match="Somebody has changed"):
        change_settings(
            [Wanted(place, Document(), seen=seen)], actor=acting(cast.administrator), justification=""
        )


@pytest.mark.parametrize("who", ["employee", "approver", "auditor", "outsider", "root"])
def test_nobody_without_a_duty_or_a_part_changes_anything(role: Role, cast: Cast, who: str) -> None:
    with pytest.raises(NotAllowed):
        change(role, getattr(cast, who), max_minutes=30)


def test_the_owner_of_one_directory_changes_that_one_only(role: Role, vault: Vault, cast: Cast) -> None:
    appoint(cast.outsider, "own", vault.row)

    assert may_change(cast.outsider, Place(role=role))
    assert may_change(cast.outsider, Place(directory=vault.row))
    assert not may_change(cast.outsider, Place())
    assert change(role, cast.outsider, max_minutes=30).status == "applied"


# Lock-outs ------------------------------------------------------------------------------------------------------------


def test_a_list_that_holds_only_who_may_ask_is_not_saved(role: Role, cast: Cast) -> None:
    make_eligibility(role, cast.approver)

    with pytest.raises(LockedOut, match="Kim Placeholder may activate Owner"):
        change(role, cast.administrator, approvers=naming(cast.approver), max_minutes=30)


def test_a_list_in_which_nobody_can_sign_in_is_not_saved(role: Role, cast: Cast) -> None:
    empty = make_group("Nobody home")

    with pytest.raises(LockedOut, match="Nobody could decide"):
        change(role, cast.administrator, approvers=(Line("group", group=empty.pk),))


def test_managers_are_enough_for_those_who_have_one_and_no_more(role: Role, cast: Cast) -> None:
    managers = (Line("manager"),)
    make_eligibility(role, cast.employee)  # whose manager is Kim
    make_eligibility(role, cast.outsider)  # who has none

    with pytest.raises(LockedOut, match="Pat Ipsum") as refused:
        change(role, cast.administrator, approvers=managers)

    assert "Robin" not in refused.value.message


def test_turning_approval_on_is_checked_as_well(role: Role, cast: Cast, vault: Vault) -> None:
    alone = make_role(vault.row, "Alone", names_approvers=True)
    RoleSettings.objects.get(role=alone).approvers.create(person=cast.approver)
    make_eligibility(alone, cast.approver)

    with pytest.raises(LockedOut):
        change(alone, cast.administrator, approval_required=True)


# Requests in flight ---------------------------------------------------------------------------------------------------


def test_a_request_in_flight_keeps_the_settings_it_was_made_under(role: Role, cast: Cast) -> None:
    waiting = ask(make_eligibility(role, cast.employee), cast.employee, minutes=60)

    change(role, cast.administrator, max_minutes=30, ticket_required=True)

    assert now(waiting).asked_under.max_minutes == 60
    assert may_decide(cast.approver, waiting)


def test_who_is_taken_off_the_list_decides_nothing_from_that_moment(
    role: Role, cast: Cast, second_administrator: User
) -> None:
    both = naming(cast.approver, cast.second_approver)
    confirm(change(role, cast.administrator, approvers=both), second_administrator)
    waiting = ask(make_eligibility(role, cast.employee), cast.employee, minutes=30)

    change(role, cast.administrator, approvers=naming(cast.second_approver))

    assert not may_decide(cast.approver, waiting)
    assert may_decide(cast.second_approver, waiting)


def test_a_list_nearer_by_takes_the_place_of_an_inherited_one_for_what_waits_too(
    vault: Vault, cast: Cast
) -> None:
    role = make_role(vault.row, "Reader", approval_required=True, names_approvers=False)
    directory = Place(directory=vault.row)
    change(directory, cast.administrator, approvers=naming(cast.approver, cast.second_approver))
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    assert may_decide(cast.approver, waiting)

    change(role, cast.administrator, approvers=naming(cast.second_approver))

    assert not may_decide(cast.approver, waiting)
    assert may_decide(cast.second_approver, waiting)


@pytest.mark.parametrize(
    ("if_nobody", "status"), [("refuse", "failed"), ("administrators", "pending"), ("wait", "pending")]
)
def test_what_nobody_is_left_to_decide_goes_the_way_that_settings_say(
    role: Role, cast: Cast, if_nobody: str, status: str
) -> None:
    role.risk = Risk.LOW
    role.save()
    change_directly(role, if_nobody=if_nobody)
    waiting = ask(make_eligibility(role, cast.second_approver), cast.second_approver, minutes=30)

    # Jo may not decide Jo's own, and nobody else is named for it now; for who is not eligible any more that is no lock-out.
    waiting.eligibility.status = "removed"
    waiting.eligibility.save()
    change(role, cast.administrator, approvers=naming(cast.second_approver))

    assert now(waiting).status == status
    assert ("approvals/activation_failed" in notices_of(cast.second_approver)) == (status == "failed")
    assert may_decide(cast.administrator, waiting) == (if_nobody == "administrators")


def test_a_new_request_is_made_under_the_new_settings(role: Role, cast: Cast) -> None:
    change(role, cast.administrator, ticket_required=True)

    with pytest.raises(Refused, match="ticket"):
        ask(make_eligibility(role, cast.employee), cast.employee, minutes=30)


# Bounds, templates ----------------------------------------------------------------------------------------------------


def test_a_value_out_of_range_is_refused_beside_its_field(role: Role, cast: Cast) -> None:
    for field, value in (
        ("max_minutes", 3),
        ("max_minutes", 2000),
        ("approval_hours", 0),
        ("factor", "vibes"),
    ):
        with pytest.raises(Refused) as refused:
            change(role, cast.administrator, **{field: value})
        assert refused.value.field == field


def test_saying_the_same_again_is_no_change(role: Role, cast: Cast) -> None:
    with pytest.raises(Refused, match="Nothing would change"):
        change(role, cast.administrator)


def test_a_template_changes_many_roles_in_one_go_or_none(role: Role, vault: Vault, cast: Cast) -> None:
    make_starters(actor=PORTAL)
    template = SettingsTemplate.objects.get(name="Medium risk")
    others = [make_role(vault.row, f"Role {n}") for n in range(3)]

    made = send(applied_to(template.said(), others), cast.administrator)

    assert {one.status for one in made} == {"applied"}
    assert len({one.batch for one in made}) == 1
    assert all(departures(template, one) == [] for one in others)
    make_eligibility(role, cast.approver)
    with pytest.raises(LockedOut):
        send(
            [
                Wanted(Place(role=others[0]), Document(values={"max_minutes": 30})),
                Wanted(
                    Place(role=role),
                    Document(values={"approval_required": True}, approvers=naming(cast.approver)),
                ),
            ],
            cast.administrator,
        )
    assert settings_at(others[0]).max_minutes == 240


def test_a_template_leaves_alone_what_it_does_not_say(role: Role, cast: Cast) -> None:
    [wanted] = applied_to({"ticket_required": True}, [role])
    send([wanted], cast.administrator)

    assert (settings_at(role).max_minutes, settings_at(role).ticket_required) == (60, True)
    assert [line.person for line in layers_at(role).approvers()] == [cast.approver]


def test_the_least_number_of_holders_is_a_setting_of_the_role(
    role: Role, cast: Cast, second_administrator: User
) -> None:
    place = Place(role=role)
    document = replace(Document.of(place, place.row()), least_holders=0)
    for_good = {"starts_at": timezone.now(), "ends_at": None, "scope": role.directory.root_scope()}
    begin_assignment(role, actor=PORTAL, person=cast.employee, **for_good)
    sweep()
    Role.objects.filter(pk=role.pk).update(least_holders=1)

    place = Place(role=now(role))
    [made] = send([Wanted(place, document)], cast.administrator)

    assert made.status == "proposed"
    assert "must always hold it" in made.weakens[0]
