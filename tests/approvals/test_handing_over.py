"""Joiners get what a colleague may activate, leavers lose everything: one act each, all of it or nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from time_machine import TimeMachineFixture

from accounts.duties import Duty
from accounts.models import DutyHolding, User
from approvals.granting import request_assignment
from approvals.handing_over import copies, copy_eligibilities, end_everything, everything_of
from approvals.models import AccessRequest
from audit.journal.actor import PORTAL
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.guarding import LastHolder
from roles.models import Assignment, Eligibility, Role
from roles.provisioning import begin_assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import signed_in
from tests.factories.people import make_group
from tests.factories.roles import (
    NOON,
    acting,
    activate,
    appoint,
    ask,
    change_settings,
    make_eligibility,
    make_portal_directory,
    make_role,
    now,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row)


def test_a_joiner_gets_exactly_what_was_listed_and_what_cannot_be_copied_says_why(
    role: Role, cast: Cast, vault: Vault
) -> None:
    make_eligibility(role, cast.employee, ends_at=NOON + 30 * DAY)
    capped, other, theirs = (make_role(vault.row, name) for name in ("Capped", "Reader", "Writer"))
    make_eligibility(capped, cast.employee)
    change_settings(capped, eligible_permanent=False, eligible_days=90)
    make_eligibility(other, make_group("Operators", cast.employee))
    for person in (cast.employee, cast.outsider):
        make_eligibility(theirs, person)

    shown = copies(cast.employee, joiner=cast.outsider, manager=cast.administrator)

    assert [(one.eligibility.role.name, one.ends_at, bool(one.why_not)) for one in shown] == [
        ("Capped", NOON + 90 * DAY, False),
        ("Operator", NOON + 30 * DAY, False),
        ("Reader", None, True),
        ("Writer", None, True),
    ]
    keys = [one.eligibility.pk for one in shown if not one.why_not]
    copy_eligibilities(
        cast.employee,
        actor=acting(cast.administrator),
        joiner=cast.outsider,
        keys=keys,
        justification="Joins",
    )
    mine = Eligibility.objects.filter(person=cast.outsider)
    assert {one.role.name: one.ends_at for one in mine} == {
        "Capped": NOON + 90 * DAY,
        "Operator": NOON + 30 * DAY,
        "Writer": None,
    }
    assert AccessRequest.objects.filter(holder=cast.outsider, status="approved").count() == 2


def test_only_of_roles_one_manages_never_to_oneself_and_nothing_that_is_not_listed(
    role: Role, cast: Cast, vault: Vault
) -> None:
    mine, theirs = make_eligibility(role, cast.employee), make_eligibility(
        make_role(vault.row, "Reader"), cast.employee
    )  # fmt: skip
    appoint(cast.approver, "own", role)

    assert [one.eligibility for one in copies(cast.employee, joiner=None, manager=cast.approver)] == [mine]
    for joiner, keys, refusal in (
        (cast.outsider, [theirs.pk], Refused),
        (cast.outsider, [mine.pk, theirs.pk], Refused),
        (cast.outsider, [], Refused),
        (cast.approver, [mine.pk], NotAllowed),
    ):
        with pytest.raises(refusal):
            copy_eligibilities(
                cast.employee, actor=acting(cast.approver), joiner=joiner, keys=keys, justification="Joins"
            )
    assert Eligibility.objects.count() == 2


def test_the_page_asks_to_whom_then_lists_then_copies_and_notices_a_change(role: Role, cast: Cast) -> None:
    held = make_eligibility(role, cast.employee)
    dana, address = signed_in(cast.administrator), reverse("copy_eligibilities", args=[cast.employee.pk])
    assert "To whom" in dana.get(address).content.decode()
    page = dana.get(address, {"to": "pat@example.test"})
    assert "Copy from Robin Sample to Pat Ipsum" in page.content.decode()
    form = {"to": "pat@example.test", "confirmed": "1", "pick": held.pk, "seen": page.context["seen"]}
    Eligibility.objects.filter(pk=held.pk).update(ends_at=NOON + DAY)

    assert dana.post(address, form | {"justification": "Joins"}).status_code == 409
    form["seen"] = dana.get(address, {"to": "pat@example.test"}).context["seen"]
    assert dana.post(address, form).status_code == 422, "no justification"
    assert dana.post(address, form | {"justification": "Joins"}).status_code == 302

    assert Eligibility.objects.get(person=cast.outsider).ends_at == NOON + DAY


def test_everything_a_leaver_holds_ends_at_once_and_they_stay_enabled(
    role: Role, cast: Cast, vault: Vault
) -> None:
    actor = acting(cast.administrator)
    held = activate(make_eligibility(role, cast.employee), cast.employee)
    reader = make_role(vault.row, "Reader")
    request_assignment(reader, actor=actor, person=cast.employee, justification="On call", ends_at=NOON + DAY)
    group = make_group("Operators", cast.employee)
    through = activate(make_eligibility(make_role(vault.row, "Writer"), group), cast.employee)
    waiting = ask(
        make_eligibility(make_role(vault.row, "Owner", approvers=[cast.approver]), cast.employee),
        cast.employee,
    )
    sweep()
    assert len(vault.rights) == 3

    end_everything(
        cast.employee, actor=actor, justification="Leaves", seen=everything_of(cast.employee).digest
    )
    sweep()

    assert not vault.rights
    assert not everything_of(cast.employee)
    assert not any(now(one).is_in_force() for one in (held, through))
    assert now(waiting).status == "failed"
    assert not group.memberships.exists()
    assert now(cast.employee).is_active
    assert not Assignment.objects.exclude(status="ended").exists()
    with pytest.raises(Refused, match="holds nothing"):
        end_everything(cast.employee, actor=actor, justification="Leaves")


def test_somebody_who_cannot_be_spared_keeps_all_of_it(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    duty = make_portal_directory().roles.get(entitlement=Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    begin_assignment(
        duty,
        actor=PORTAL,
        person=cast.employee,
        scope=duty.directory.root_scope(),
        starts_at=NOON,
        ends_at=None,
    )
    kept = make_eligibility(make_role(vault.row), cast.employee)

    with pytest.raises(LastHolder):
        end_everything(cast.employee, actor=acting(cast.administrator), justification="Leaves")

    assert now(kept).is_in_force()
    assert DutyHolding.objects.filter(person=cast.employee).exists()


def test_who_may_end_everything_and_whose(role: Role, cast: Cast) -> None:
    appoint(cast.approver, "own", role.directory)
    make_eligibility(role, cast.employee)
    User.objects.filter(pk__in=[cast.administrator.pk, cast.outsider.pk]).update(person_key="E-1")
    for actor, person in (
        (cast.approver, cast.employee),
        (cast.auditor, cast.employee),
        (now(cast.administrator), cast.administrator),
        (now(cast.administrator), now(cast.outsider)),
    ):
        with pytest.raises(NotAllowed):
            end_everything(person, actor=acting(actor), justification="Leaves")
    with pytest.raises(Overtaken):
        end_everything(cast.employee, actor=acting(now(cast.administrator)), justification="Leaves", seen="x")

    assert Eligibility.objects.in_force().exists()
