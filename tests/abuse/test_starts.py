"""Between the asking and the start: what went away meanwhile, what lapsed meanwhile, and more time (B10, B14, B15)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.urls import reverse
from time_machine import TimeMachineFixture

from accounts.leaving import disable_person
from accounts.mfa.freshness import StepUpRequired
from accounts.models import FactorUse, Membership
from approvals.deciding import decide
from approvals.models import AccessRequest, Decision
from approvals.prolonging import request_longer
from approvals.removing import request_removal
from approvals.requesting import request_activation
from audit.journal.actor import PORTAL
from audit.journal.refusing import NotAllowed
from roles.assigning import end_eligibility
from roles.models import Assignment, Eligibility
from roles.sweeping import sweep
from tests.abuse.standing import standing
from tests.approvals.conftest import clock  # noqa: F401
from tests.cast import Cast
from tests.factories.connectors import Vault, vault  # noqa: F401
from tests.factories.pages import signed_in, wish
from tests.factories.people import make_group
from tests.factories.roles import (
    HOUR,
    MICROSECOND,
    NOON,
    acting,
    activate,
    acts_on,
    approve,
    ask,
    asked,
    change_settings,
    give_evidence,
    make_eligibility,
    make_role,
    name_approvers,
    now,
)

pytestmark = pytest.mark.django_db

# --- B15: a start that was approved, and what it rests on is gone before it comes ---


@pytest.fixture
def planned(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Assignment:  # noqa: F811
    """The employee, eligible as one of a group, is to hold a role in an hour; the approver has said yes."""
    role = make_role(vault.row, approvers=[cast.approver])
    eligibility = make_eligibility(role, make_group("On call", cast.employee))
    return approve(ask(eligibility, cast.employee, starts_at=NOON + HOUR), cast.approver)


def the_eligibility(planned: Assignment, cast: Cast) -> None:
    assert planned.eligibility
    end_eligibility(planned.eligibility, actor=PORTAL)


def its_end_was_moved(planned: Assignment, cast: Cast) -> None:
    Eligibility.objects.filter(role=planned.role).update(ends_at=NOON + HOUR)


def the_membership(planned: Assignment, cast: Cast) -> None:
    Membership.objects.filter(person=cast.employee).delete()


def the_user(planned: Assignment, cast: Cast) -> None:
    disable_person(now(cast.employee), actor=acting(cast.administrator), justification="Left")


def what_was_approved(planned: Assignment, cast: Cast) -> None:
    request_removal(planned, actor=acting(cast.administrator), justification="Not this time")


@pytest.mark.parametrize(
    "gone", [the_eligibility, its_end_was_moved, the_membership, the_user, what_was_approved]
)
def test_B15_an_approved_start_does_not_come_when_what_it_rests_on_is_gone(
    planned: Assignment,
    cast: Cast,
    vault: Vault,  # noqa: F811
    clock: TimeMachineFixture,  # noqa: F811
    gone: Callable[[Assignment, Cast], None],
) -> None:
    gone(planned, cast)
    clock.move_to(NOON + HOUR)
    assert not now(planned).is_in_force(), "with or without a sweep"
    assert not Assignment.objects.due().filter(pk=planned.pk).exists()
    for _round in range(2):
        sweep()
    assert vault.told == []
    assert now(planned).status == Assignment.Status.ENDED
    assert acts_on(planned)[-1].startswith("assignment.")


def test_B15_where_nothing_is_gone_it_comes(
    planned: Assignment,
    vault: Vault,  # noqa: F811
    clock: TimeMachineFixture,  # noqa: F811
) -> None:
    clock.move_to(NOON + HOUR)
    sweep()
    assert vault.holds(planned)


# --- B14: at the very end of a session, or of what a second factor proves ---


@pytest.fixture
def guarded(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Eligibility:  # noqa: F811
    """A role that asks for a second factor of the last 15 minutes."""
    role = make_role(vault.row, factor="recent", factor_minutes=15)
    return make_eligibility(role, cast.employee)


@pytest.mark.parametrize(("age", "is_fresh"), [(15 * 60 - 1, True), (15 * 60 + 1, False)])
def test_B14_a_proof_is_judged_in_the_moment_of_the_act(
    guarded: Eligibility, cast: Cast, age: int, is_fresh: bool
) -> None:
    robin = acting(cast.employee)
    give_evidence(robin, at=NOON - timedelta(seconds=age))
    if is_fresh:
        assert request_activation(guarded, actor=robin, asked=asked()).assignment
        return
    with pytest.raises(StepUpRequired):
        request_activation(guarded, actor=robin, asked=asked())
    assert not AccessRequest.objects.exists()


@pytest.mark.parametrize(
    "seconds", [settings.SESSION_IDLE_SECONDS + 1, settings.SESSION_ABSOLUTE_SECONDS + 1]
)
def test_B14_a_form_that_comes_after_the_end_of_its_session_does_nothing(
    guarded: Eligibility,
    cast: Cast,
    clock: TimeMachineFixture,  # noqa: F811
    seconds: int,
) -> None:
    client = signed_in(cast.employee)
    address = reverse("activate", args=[guarded.pk])
    assert client.get(address).status_code == 200
    clock.shift(seconds)
    before = standing()
    assert client.post(address, wish())["Location"].startswith(reverse("sign_in"))
    after = standing()
    kept = set(before) - {"accounts.StepUp"}
    assert {name for name in kept if before[name] != after[name]} == set()


def test_B14_an_act_at_the_end_of_the_eligibility_leaves_its_proof_unused(
    guarded: Eligibility,
    cast: Cast,
    clock: TimeMachineFixture,  # noqa: F811
) -> None:
    change_settings(guarded.role, factor="every_time")
    Eligibility.objects.filter(pk=guarded.pk).update(ends_at=NOON + HOUR)
    robin = acting(cast.employee)
    with pytest.raises(StepUpRequired) as question:
        request_activation(guarded, actor=robin, asked=asked())
    clock.move_to(NOON + HOUR - MICROSECOND)
    proof = give_evidence(robin, act=question.value.act)
    clock.move_to(NOON + HOUR)
    with pytest.raises(Exception, match="not eligible"):
        request_activation(guarded, actor=robin, asked=asked())
    assert FactorUse.objects.get(pk=proof.pk).used_at is None


# --- B10: more time asks for what the activation asked for ---


def test_B10_more_time_waits_for_approval_where_the_role_asks_for_it_and_never_for_ones_own(
    clock: TimeMachineFixture,  # noqa: F811
    cast: Cast,
    vault: Vault,  # noqa: F811
) -> None:
    eligibility = make_eligibility(make_role(vault.row), cast.employee)
    held = activate(eligibility, cast.employee, minutes=60)
    sweep()
    change_settings(eligibility.role, approval_required=True, names_approvers=True)
    name_approvers(eligibility.role, cast.approver, cast.employee)

    filed = request_longer(now(held), actor=acting(cast.employee), asked=asked(minutes=60))
    assert filed.is_open
    with pytest.raises(NotAllowed):
        decide(filed, actor=acting(cast.employee), verdict=Decision.Verdict.APPROVE)
    assert now(held).ends_at == NOON + HOUR
    decide(filed, actor=acting(cast.approver), verdict=Decision.Verdict.APPROVE)
    assert now(held).ends_at == NOON + 2 * HOUR
