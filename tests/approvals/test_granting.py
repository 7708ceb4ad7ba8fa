"""Administrators' own acts: making eligible, assigning, removing. Each is a request, and none is for themselves."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.duties import Duty
from accounts.models import Membership, User
from approvals.granting import request_assignment, request_eligibility, request_removal, roles_managed_by
from approvals.models import AccessRequest
from audit.journal.actor import PORTAL
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from audit.journal.verifying import verify_journal
from roles.models import Assignment, Eligibility, EndCause, Role
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import give_duty, make_group
from tests.factories.roles import (
    acting,
    activate,
    acts_on,
    appoint,
    entries_on,
    make_eligibility,
    make_role,
    now,
    refusals_on,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
Act = Callable[..., object]


@pytest.fixture
def role(cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row)


def make_eligible(role: Role, actor: User, person: User, *, why: str = "On call") -> Eligibility:
    return request_eligibility(role, actor=acting(actor), principal=person, justification=why)


def assign(role: Role, actor: User, person: User, *, why: str = "On call") -> Assignment:
    end = timezone.now() + 30 * DAY
    return request_assignment(role, actor=acting(actor), person=person, justification=why, ends_at=end)


def remove(role: Role, actor: User, person: User, *, why: str = "On call") -> None:
    request_removal(make_eligibility(role, person), actor=acting(actor), justification=why)


@pytest.mark.parametrize("act", [make_eligible, assign, remove])
def test_each_act_is_open_to_administrators_and_to_owners_of_the_role_and_to_nobody_else(
    cast: Cast, role: Role, act: Act
) -> None:
    appoint(cast.approver, "own", role)
    appoint(make_group("Directory owners", cast.second_approver), "own", role.directory)
    appoint(cast.outsider, "review", role)
    give_duty(cast.auditor, Duty.SECURITY_ADMINISTRATOR)
    may = {cast.administrator, cast.approver, cast.second_approver}

    for actor in cast.everybody:
        target = User.objects.create(email=f"new{actor.pk}@example.test", display_name="Somebody New")
        assert (role in roles_managed_by(actor)) is (actor in may)
        if actor in may:
            act(role, actor, target)
        else:
            with pytest.raises(NotAllowed):
                act(role, actor, target)

    assert verify_journal().holds


def test_the_owner_of_one_role_has_no_say_in_another(cast: Cast, role: Role, vault: Vault) -> None:
    appoint(cast.approver, "own", make_role(vault.row, "Reader"))

    with pytest.raises(NotAllowed):
        make_eligible(role, cast.approver, cast.employee)

    assert refusals_on(role) == ["not_allowed"]
    assert not Eligibility.objects.exists()
    assert not AccessRequest.objects.exists()


def test_a_duty_that_ended_a_moment_ago_allows_nothing(cast: Cast, role: Role) -> None:
    give_duty(cast.outsider, Duty.PRIVILEGED_ROLE_ADMINISTRATOR, ends_at=timezone.now() + DAY)
    make_eligible(role, cast.outsider, cast.employee)
    cast.outsider.duty_holdings.update(starts_at=timezone.now() - DAY, ends_at=timezone.now())

    with pytest.raises(NotAllowed):
        assign(role, cast.outsider, cast.employee)


def test_an_owner_who_was_disabled_after_opening_the_page_changes_nothing(cast: Cast, role: Role) -> None:
    appoint(cast.approver, "own", role)
    as_signed_in = now(cast.approver)
    User.objects.filter(pk=cast.approver.pk).update(is_active=False)

    with pytest.raises(NotAllowed):
        make_eligible(role, as_signed_in, cast.employee)


# --- Not for oneself ---


@pytest.mark.parametrize("act", [make_eligible, assign])
def test_E4_nobody_assigns_a_role_to_themselves(cast: Cast, role: Role, act: Act) -> None:
    with pytest.raises(NotAllowed, match="to themselves") as refusal:
        act(role, cast.administrator, cast.administrator)

    assert refusal.value.code == "own_request"
    assert not Eligibility.objects.exists()
    assert not Assignment.objects.exists()


@pytest.mark.parametrize("act", [make_eligible, assign])
def test_A6_nor_to_a_second_account_of_theirs(cast: Cast, role: Role, act: Act) -> None:
    User.objects.filter(pk__in=[cast.administrator.pk, cast.outsider.pk]).update(person_key="E-1")

    with pytest.raises(NotAllowed, match="to themselves"):
        act(role, now(cast.administrator), now(cast.outsider))


@pytest.mark.parametrize("account", ["first", "second"])
def test_A2_nor_to_a_group_they_are_in(cast: Cast, role: Role, account: str) -> None:
    User.objects.filter(pk__in=[cast.administrator.pk, cast.outsider.pk]).update(person_key="E-1")
    member = cast.administrator if account == "first" else cast.outsider
    group = make_group("Operators", cast.employee, member)

    with pytest.raises(NotAllowed, match="You are in this group"):
        request_eligibility(
            role, actor=acting(now(cast.administrator)), principal=group, justification="On call"
        )

    Membership.objects.filter(person=member).delete()
    request_eligibility(role, actor=acting(now(cast.administrator)), principal=group, justification="On call")


# --- What comes of it ---


def test_making_eligible_is_a_request_that_is_decided_at_once(cast: Cast, role: Role) -> None:
    end = timezone.now() + 30 * DAY

    eligibility = request_eligibility(
        role, actor=acting(cast.administrator), principal=cast.employee, justification="On call", ends_at=end
    )

    assert eligibility.is_in_force()
    assert eligibility.ends_at == end
    access_request = AccessRequest.objects.get()
    assert (access_request.act, access_request.status) == ("assign", "approved")
    assert (access_request.requester, access_request.holder) == (cast.administrator, cast.employee)
    assert access_request.justification == "On call"
    assert acts_on(access_request) == ["assignment.requested", "eligibility.approved"]
    assert entries_on(eligibility).get().actor_name == "Dana Fictive"


def test_assigning_reaches_the_directory_and_names_its_request(cast: Cast, role: Role, vault: Vault) -> None:
    assignment = assign(role, cast.administrator, cast.employee)
    sweep()

    assert now(assignment).is_in_force()
    assert vault.holds(assignment)
    access_request = AccessRequest.objects.get()
    assert access_request.assignment == assignment
    assert assignment.request_number == access_request.number
    assert assignment.origin == "direct"


def test_removing_an_eligibility_takes_its_activations_along(cast: Cast, role: Role, vault: Vault) -> None:
    eligibility = make_eligibility(role, cast.employee)
    held = activate(eligibility, cast.employee)
    sweep()

    request_removal(eligibility, actor=acting(cast.administrator), justification="Moved on")

    assert now(eligibility).status == Eligibility.Status.REMOVED
    assert not held.is_in_force()
    assert now(held).end_cause == EndCause.ELIGIBILITY_ENDED
    sweep()
    assert not vault.holds(held)
    request = AccessRequest.objects.get(act="remove")
    assert (request.status, request.holder) == ("approved", cast.employee)


@pytest.mark.parametrize("what", ["eligibility", "assignment"])
@pytest.mark.parametrize("as_on_the_page", [True, False])
def test_A10_what_was_removed_is_not_removed_again(
    cast: Cast, role: Role, what: str, as_on_the_page: bool
) -> None:
    held: Eligibility | Assignment = (
        make_eligibility(role, cast.employee)
        if what == "eligibility"
        else assign(role, cast.administrator, cast.employee)
    )
    page = now(held)
    request_removal(held, actor=acting(cast.administrator), justification="Moved on")

    with pytest.raises(Overtaken):
        request_removal(
            page if as_on_the_page else now(held),
            actor=acting(cast.administrator),
            justification="Moved on",
        )

    assert AccessRequest.objects.filter(act="remove").count() == 1


def test_one_may_remove_ones_own(cast: Cast, role: Role) -> None:
    held = make_eligibility(role, cast.administrator)

    request_removal(held, actor=acting(cast.administrator), justification="No longer needed")

    assert not held.is_in_force()


def test_the_portal_itself_may(cast: Cast, role: Role) -> None:
    end = timezone.now() + DAY
    request_assignment(
        role, actor=PORTAL, person=cast.employee, justification="By the directory's import", ends_at=end
    )

    assert AccessRequest.objects.get().requester is None


# --- What is refused ---


@pytest.mark.parametrize("act", [make_eligible, assign, remove])
@pytest.mark.parametrize(("words", "message"), [("  ", "Say why"), ("x" * 10_000, "at most 2000")])
def test_without_a_readable_justification_nothing_happens(
    cast: Cast, role: Role, act: Act, words: str, message: str
) -> None:
    with pytest.raises(Refused, match=message) as refusal:
        act(role, cast.administrator, cast.employee, why=words)

    assert refusal.value.field == "justification"
    assert not Assignment.objects.exists()
    assert not AccessRequest.objects.exists()
    assert not Eligibility.objects.exclude(status=Eligibility.Status.IN_FORCE).exists(), "none was removed"
    assert Eligibility.objects.count() == (act is remove), "and none made"


def test_a_disabled_person_is_assigned_nothing_even_by_an_older_page(cast: Cast, role: Role) -> None:
    page = now(cast.employee)
    User.objects.filter(pk=cast.employee.pk).update(is_active=False)

    with pytest.raises(Refused, match="Robin Sample is disabled"):
        assign(role, cast.administrator, page)

    assert not Assignment.objects.exists()


@pytest.mark.parametrize("end", [-DAY, timedelta(0)])
def test_B2_an_end_that_is_over_already_is_refused(cast: Cast, role: Role, end: timedelta) -> None:
    actor = acting(cast.administrator)
    ends_at = timezone.now() + end
    for start in (None, timezone.now() - 2 * DAY):
        with pytest.raises(Refused, match=r"end|start lies in the past"):
            request_assignment(
                role, actor=actor, person=cast.employee, justification="x", starts_at=start, ends_at=ends_at
            )
        with pytest.raises(Refused, match=r"end|start lies in the past"):
            request_eligibility(
                role,
                actor=actor,
                principal=cast.employee,
                justification="x",
                starts_at=start,
                ends_at=ends_at,
            )

    assert not AccessRequest.objects.exists()
