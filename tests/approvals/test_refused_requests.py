"""What a wish to activate a role is refused for: nothing comes of it but an entry in the journal."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from time_machine import TimeMachineFixture

from accounts.models import Membership, User
from approvals.models import AccessRequest
from approvals.requesting import RequirementsUnmet
from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent
from audit.journal.refusing import Refused
from roles.assigning import end_eligibility
from roles.models import Assignment, Eligibility
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_group
from tests.factories.roles import (
    HOUR,
    MICROSECOND,
    NOON,
    activate,
    ask,
    make_eligibility,
    make_role,
    name_approvers,
    notices_of,
    now,
    refusals_on,
    save_again,
)

pytestmark = pytest.mark.django_db

Status = AccessRequest.Status


@pytest.fixture
def eligibility(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Eligibility:
    """The employee may activate a role for which nobody has to approve."""
    return make_eligibility(make_role(vault.row), cast.employee)


@dataclass
class Scene:
    """Where a refusal is looked for."""

    cast: Cast
    vault: Vault
    eligibility: Eligibility
    clock: TimeMachineFixture


def somebody_elses(scene: Scene) -> None:
    Eligibility.objects.filter(pk=scene.eligibility.pk).update(person=scene.cast.outsider)


def removed(scene: Scene) -> None:
    end_eligibility(now(scene.eligibility), actor=PORTAL)


def ended_this_very_moment(scene: Scene) -> None:
    Eligibility.objects.filter(pk=scene.eligibility.pk).update(starts_at=NOON - HOUR, ends_at=NOON)


def not_begun_yet(scene: Scene) -> None:
    Eligibility.objects.filter(pk=scene.eligibility.pk).update(starts_at=NOON + MICROSECOND)


def of_a_group_they_have_left(scene: Scene) -> None:
    group = make_group("Operators", scene.cast.outsider)
    Membership.objects.create(
        group=group, person=scene.cast.employee, starts_at=NOON - 2 * HOUR, ends_at=NOON - HOUR
    )
    Eligibility.objects.filter(pk=scene.eligibility.pk).update(person=None, group=group)


def disabled(scene: Scene) -> None:
    User.objects.filter(pk=scene.cast.employee.pk).update(is_active=False)


@pytest.mark.parametrize(
    "happens",
    [somebody_elses, removed, ended_this_very_moment, not_begun_yet, of_a_group_they_have_left, disabled],
)
def test_B14_who_is_not_eligible_in_this_moment_is_refused(
    eligibility: Eligibility,
    cast: Cast,
    vault: Vault,
    clock: TimeMachineFixture,
    happens: Callable[[Scene], None],
) -> None:
    happens(Scene(cast, vault, eligibility, clock))

    with pytest.raises(Refused, match="not eligible"):
        ask(eligibility, cast.employee)

    assert not AccessRequest.objects.exists()
    assert refusals_on(eligibility) == ["not_eligible"]


@pytest.mark.parametrize(
    ("what", "field", "code"),
    [
        ({"minutes": 0}, "minutes", "too_short"),
        ({"minutes": -240}, "minutes", "too_short"),
        ({"minutes": 481}, "minutes", "too_long"),
        ({"starts_at": NOON - HOUR}, "starts_at", "start_in_the_past"),
        ({"starts_at": NOON + timedelta(days=400)}, "starts_at", "start_too_far"),
        ({"justification": ""}, "justification", "justification_missing"),
        ({"justification": "=" * 10_000}, "justification", "justification_too_long"),
        ({"ticket": "x" * 61}, "ticket", "ticket_too_long"),
    ],
)
def test_B4_what_the_settings_do_not_allow_is_refused_beside_its_field_and_leaves_nothing(
    eligibility: Eligibility, cast: Cast, what: dict[str, object], field: str, code: str
) -> None:
    with pytest.raises(RequirementsUnmet) as refusal:
        ask(eligibility, cast.employee, **what)

    assert (refusal.value.field, refusal.value.code) == (field, code)
    assert not AccessRequest.objects.exists()
    assert not Assignment.objects.exists()
    assert refusals_on(eligibility) == [code]


def test_a_ticket_is_needed_where_the_settings_say_so(cast: Cast, vault: Vault) -> None:
    eligibility = make_eligibility(make_role(vault.row, ticket_required=True), cast.employee)

    with pytest.raises(RequirementsUnmet, match="ticket"):
        ask(eligibility, cast.employee)

    assert ask(eligibility, cast.employee, ticket="INC-1").ticket == "INC-1"


def test_while_one_waits_there_is_no_second(cast: Cast, vault: Vault) -> None:
    role = make_role(vault.row, approvers=[cast.approver])
    mine = make_eligibility(role, cast.employee)
    first = ask(mine, cast.employee)

    with pytest.raises(Refused, match=f"{first.number} for this role already waits"):
        ask(mine, cast.employee, justification="Once more")
    with pytest.raises(Refused, match="already waits"):
        ask(make_eligibility(role, make_group("Operators", cast.employee)), cast.employee)

    assert AccessRequest.objects.count() == 1


def test_the_database_itself_keeps_one_waiting_request(cast: Cast, vault: Vault) -> None:
    role = make_role(vault.row, approvers=[cast.approver])
    first = ask(make_eligibility(role, cast.employee), cast.employee)

    with pytest.raises(IntegrityError), transaction.atomic():
        save_again(first)

    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_pending_request_per_holder")
    with pytest.raises(IntegrityError), transaction.atomic():
        save_again(first)  # by the same eligibility, wherever it is for
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_pending_activation")
    save_again(first)
    assert AccessRequest.objects.open().count() == 2, "without the indexes nothing would have kept it out"


def test_what_is_held_is_not_activated_again(eligibility: Eligibility, cast: Cast) -> None:
    activate(eligibility, cast.employee)

    with pytest.raises(Refused) as refusal:
        activate(eligibility, cast.employee)

    assert refusal.value.code == "already_held"
    assert Assignment.objects.count() == 1


def test_a_start_that_lies_ahead_counts_as_held_too(eligibility: Eligibility, cast: Cast) -> None:
    later = activate(eligibility, cast.employee, starts_at=NOON + HOUR)
    assert later.status == Assignment.Status.SCHEDULED

    with pytest.raises(Refused):
        activate(eligibility, cast.employee)


def test_B5_what_is_over_may_be_activated_again_though_no_sweep_has_noticed(
    eligibility: Eligibility, cast: Cast, clock: TimeMachineFixture
) -> None:
    first = activate(eligibility, cast.employee, minutes=60)
    sweep()

    clock.move_to(NOON + HOUR - MICROSECOND)
    with pytest.raises(Refused):
        activate(eligibility, cast.employee)
    clock.move_to(NOON + HOUR)
    second = activate(eligibility, cast.employee, minutes=60)

    assert now(first).status == Assignment.Status.ENDING
    assert second.ends_at == NOON + 2 * HOUR


def test_a_request_that_lapsed_unnoticed_stands_in_nobodys_way(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    eligibility = make_eligibility(make_role(vault.row, approvers=[cast.approver]), cast.employee)
    first = ask(eligibility, cast.employee)

    clock.shift(24 * HOUR)
    second = ask(eligibility, cast.employee)

    assert now(first).status == Status.TIMED_OUT
    assert second.status == Status.PENDING


def test_A7_where_nobody_is_named_the_administrators_are_asked(cast: Cast, vault: Vault) -> None:
    eligibility = make_eligibility(make_role(vault.row, approvers=[]), cast.employee)

    access_request = ask(eligibility, cast.employee)

    assert access_request.status == Status.PENDING
    assert notices_of(cast.administrator) == ["approvals/approval_asked"]


@pytest.mark.parametrize("named", ["themselves", "an empty group", "a disabled person", "a second account"])
@pytest.mark.parametrize("if_nobody", ["refuse", "administrators"])
def test_A7_where_nobody_named_could_decide_it_is_refused_or_the_administrators_are_asked(
    cast: Cast, vault: Vault, named: str, if_nobody: str
) -> None:
    role = make_role(vault.row, approvers=[], if_nobody=if_nobody)
    if named == "themselves":
        name_approvers(role, cast.employee, make_group("Approvers", cast.employee))
    elif named == "an empty group":
        name_approvers(role, make_group("Approvers", owners=(cast.approver,)))
    elif named == "a disabled person":
        User.objects.filter(pk=cast.approver.pk).update(is_active=False)
        name_approvers(role, cast.approver)
    else:
        User.objects.filter(pk__in=[cast.employee.pk, cast.outsider.pk]).update(person_key="E-1")
        name_approvers(role, cast.outsider)
    employee = now(cast.employee)
    eligibility = make_eligibility(role, employee)

    if if_nobody == "administrators":
        assert ask(eligibility, employee).status == Status.PENDING
        assert notices_of(cast.administrator) == ["approvals/approval_asked"]
        assert not Assignment.objects.exists()
        return
    with pytest.raises(Refused, match="Nobody could decide") as refusal:
        ask(eligibility, employee)

    assert refusal.value.code == "no_approver"
    assert not AccessRequest.objects.exists()
    assert not Assignment.objects.exists()
    assert refusals_on(eligibility) == ["no_approver"]


def test_A7_an_administrator_who_asks_is_not_the_one_who_answers(cast: Cast, vault: Vault) -> None:
    eligibility = make_eligibility(make_role(vault.row, approvers=[]), cast.administrator)

    with pytest.raises(Refused, match="Nobody could decide"):
        ask(eligibility, cast.administrator)


def test_every_refusal_is_one_entry_that_says_who_and_why(eligibility: Eligibility, cast: Cast) -> None:
    before = AuditEvent.objects.count()

    with pytest.raises(Refused):
        ask(eligibility, cast.employee, minutes=0)

    (entry,) = AuditEvent.objects.order_by("number")[before:]
    assert (entry.action, entry.outcome, entry.actor_name) == ("portal.refused", "refused", "Robin Sample")
    assert entry.detail == {
        "verb": "request_activation",
        "code": "too_short",
        "why": "The shortest activation is 30 min.",
    }
