"""Before a request is sent its requester sees who can decide, in which order, and how long it usually takes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from time_machine import TimeMachineFixture

from approvals.foreseeing import stages_ahead, wait_in_words
from roles.effective import layers_at
from roles.models import Role
from roles.models.stages import ALL, Stage
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_group, make_person
from tests.factories.roles import approve, ask, make_eligibility, make_role, name_stages

pytestmark = pytest.mark.django_db


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row, approvers=[])


def told(role: Role, cast: Cast) -> list[str]:
    eligibility = make_eligibility(role, cast.employee)
    return [str(stage) for stage in stages_ahead(eligibility, cast.employee, layers_at(role))]


def test_it_names_the_stages_in_their_order_how_many_must_agree_and_who_comes_later(
    role: Role, cast: Cast
) -> None:
    group = make_group("Approvers", cast.employee, cast.second_approver, cast.auditor)
    name_stages(
        role,
        (Stage(1, escalate_after=90), [cast.approver], [cast.outsider]),
        (Stage(ALL), [group], []),
    )

    assert told(role, cast) == [
        "Kim Placeholder; after 1 h 30 min also Pat Ipsum",
        "Jo Mockup, Toni Testcase (all of them must approve)",
    ]


def test_an_empty_list_is_the_administrators(role: Role, cast: Cast) -> None:
    assert told(role, cast) == ["Dana Fictive"]


def test_it_says_how_long_answers_usually_take_once_there_are_enough(
    role: Role, cast: Cast, clock: TimeMachineFixture
) -> None:
    name_stages(role, (Stage(), [cast.approver], []))
    assert wait_in_words(role) == ""
    for minutes in (10, 20, 30):
        person = make_person(f"p{minutes}", f"Person {minutes}")
        waiting = ask(make_eligibility(role, person), person)
        clock.shift(timedelta(minutes=minutes))
        approve(waiting, cast.approver)

    assert wait_in_words(role) == "usually answered within 20 min"
