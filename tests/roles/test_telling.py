"""Who is told: the notification matrix of the role settings, cell by cell."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Notification, User
from accounts.notifications.delivering import deliver
from approvals.models import AccessRequest
from audit.journal.actor import PORTAL, Actor
from roles.models import Role
from roles.models.values import Audience, Occasion, cell_name
from roles.sweeping import sweep
from roles.telling import tell
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.roles import (
    acting,
    appoint,
    ask,
    change_settings,
    make_eligibility,
    make_role,
    notices_of,
)

NOTICE = "approvals/activation_failed"


@pytest.fixture
def role(vault: Vault) -> Role:
    return make_role(vault.row)


def told(role: Role, cast: Cast, *, needed: Any = (), actor: Actor = PORTAL) -> None:
    """Something happens that all three audiences could be told of."""
    waiting = AccessRequest.objects.first() or ask(make_eligibility(role, cast.employee), cast.employee)
    Notification.objects.all().delete()
    tell(
        Occasion.ACTIVATION,
        role=role,
        scope=None,
        notices=dict.fromkeys(Audience, NOTICE),
        people={Audience.HOLDER: [cast.employee], Audience.APPROVERS: [cast.approver]},
        needed=needed,
        context={"access_request": waiting, "time": "1 h"},
        url="/my-roles/",
        actor=actor,
    )


def cell(audience: str, **said: Any) -> dict[str, Any]:
    return {cell_name(Occasion.ACTIVATION, audience): said}


def readers() -> set[User | None]:
    return {row.person for row in Notification.objects.all()}


def test_the_usual_people_are_told_and_administrators_of_an_activation_are_not(
    role: Role, cast: Cast
) -> None:
    told(role, cast)

    assert readers() == {cast.employee, cast.approver}


@pytest.mark.parametrize("audience", list(Audience))
def test_a_cell_that_is_off_tells_nobody(role: Role, cast: Cast, audience: str) -> None:
    change_settings(role, **{name: {"usual": True} for name in map(name_of, Audience)})
    change_settings(role, **cell(audience, usual=False))

    told(role, cast)

    everybody = {Audience.HOLDER: cast.employee, Audience.APPROVERS: cast.approver,
                 Audience.ADMINISTRATORS: cast.administrator}  # fmt: skip
    assert readers() == {person for who, person in everybody.items() if who != audience}


def test_only_what_is_needed_reaches_who_wants_no_more(role: Role, cast: Cast) -> None:
    change_settings(
        role, **cell(Audience.APPROVERS, only_needed=True), **cell(Audience.HOLDER, only_needed=True)
    )

    told(role, cast, needed=[Audience.APPROVERS])

    assert readers() == {cast.approver}


def test_further_addresses_get_a_mail_and_have_no_inbox(role: Role, cast: Cast, mailoutbox: Any) -> None:
    change_settings(role, **cell(Audience.HOLDER, usual=False, also=["desk@example.test"]))

    told(role, cast)
    row = Notification.objects.get(address="desk@example.test")

    assert deliver(row.pk) == "mailed"
    assert mailoutbox[0].to == ["desk@example.test"]
    assert row.person is None


def test_owners_are_told_in_place_of_the_role_administrators_and_not_of_their_own_acts(
    role: Role, cast: Cast
) -> None:
    change_settings(role, **cell(Audience.ADMINISTRATORS, usual=True))
    appoint(cast.outsider, "own", role)

    told(role, cast)
    assert cast.outsider in readers()
    assert cast.administrator not in readers()

    told(role, cast, actor=acting(cast.outsider))
    assert cast.outsider not in readers()


def name_of(audience: str) -> str:
    return cell_name(Occasion.ACTIVATION, audience)


def test_who_activates_is_told_and_administrators_where_the_settings_want_it(role: Role, cast: Cast) -> None:
    change_settings(role, **cell(Audience.ADMINISTRATORS, usual=True, also=["desk@example.test"]))

    ask(make_eligibility(role, cast.employee), cast.employee)
    sweep()

    assert "roles/assignment_active" in notices_of(cast.employee)
    assert "roles/others_assignment_active" in notices_of(cast.administrator)
    assert Notification.objects.filter(address="desk@example.test").count() == 1


def test_of_an_activation_only_who_activates_is_told_unless_the_settings_say_more(
    role: Role, cast: Cast
) -> None:
    change_settings(role, **cell(Audience.HOLDER, usual=False))

    ask(make_eligibility(role, cast.employee), cast.employee)
    sweep()

    assert notices_of(cast.employee) == []
    assert notices_of(cast.administrator) == []
