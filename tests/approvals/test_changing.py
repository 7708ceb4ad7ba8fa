"""Changing what was given: another end, another start, another kind, once more after its end. One winner of two."""

from __future__ import annotations

from datetime import timedelta

import pytest
from time_machine import TimeMachineFixture

from accounts.duties import Duty, holds
from accounts.models import DutyHolding
from approvals.changing import Change, change, turned
from approvals.filing import Act, Held, version_of
from approvals.granting import assign, request_assignment, request_eligibility
from approvals.models import AccessRequest
from audit.journal.actor import PORTAL
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.guarding import LastHolder
from roles.models import Assignment, Eligibility, EndCause, GroupAssignment, Role
from roles.planning import GRACE
from roles.provisioning import begin_assignment
from roles.requirements import ACTIVE, ELIGIBLE, AskedAssignment
from roles.sweeping import sweep
from tests.approvals.test_assigning_several import wish
from tests.cast import Cast
from tests.factories.connectors import Vault, open_vault
from tests.factories.people import make_group
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    activate,
    acts_on,
    entries_on,
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


def give(role: Role, cast: Cast, kind: str = ACTIVE, *, days: int = 30) -> Assignment | Eligibility:
    said = {"actor": acting(cast.administrator), "justification": "On call", "ends_at": NOON + days * DAY}
    if kind == ELIGIBLE:
        return request_eligibility(role, principal=cast.employee, **said)  # type: ignore[arg-type]
    return request_assignment(role, person=cast.employee, **said)  # type: ignore[arg-type]


def changed(held: Held, end: timedelta | None, *, act: str = Act.UPDATE, **more: object) -> Change:
    kind = ELIGIBLE if isinstance(held, Eligibility) else ACTIVE
    asked = AskedAssignment(str(more.pop("kind", kind)), None, NOON + end if end else None, "Longer project")
    return Change(held, asked, act, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [ELIGIBLE, ACTIVE])
def test_another_end_counts_at_once_and_is_a_request_of_its_own(role: Role, cast: Cast, kind: str) -> None:
    held = give(role, cast, kind)
    sweep()

    change([changed(now(held), 60 * DAY)], actor=acting(cast.administrator))

    assert now(held).ends_at == NOON + 60 * DAY
    filed = AccessRequest.objects.get(act="update")
    assert (filed.status, filed.holder, filed.asked_end) == ("approved", cast.employee, NOON + 60 * DAY)
    noun = "eligibility" if kind == ELIGIBLE else "assignment"
    entry = entries_on(held).get(action=f"{noun}.changed")
    assert list(entry.detail["fields"]) == ["ends_at"]
    assert now(held).history.first().history_change_reason == f"{noun}.changed"


def test_B9_an_earlier_end_of_an_eligibility_cuts_what_runs_and_a_later_one_lengthens_nothing(
    role: Role, cast: Cast, vault: Vault, clock: TimeMachineFixture
) -> None:
    eligibility = give(role, cast, ELIGIBLE)
    held = activate(eligibility, cast.employee, minutes=240)  # type: ignore[arg-type]
    sweep()

    change([changed(now(eligibility), HOUR)], actor=acting(cast.administrator))
    assert now(held).ends_at == NOON + HOUR
    change([changed(now(eligibility), 60 * DAY)], actor=acting(cast.administrator))
    assert now(held).ends_at == NOON + HOUR

    clock.shift(3600)
    assert not now(held).is_in_force()
    sweep()
    assert not vault.holds(held)


def test_a_directory_that_lets_rights_end_is_told_of_the_other_end(
    clock: TimeMachineFixture, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = open_vault(monkeypatch, "ticker", native_expiry="optional")
    held = give(make_role(vault.row), cast)
    sweep()
    since = now(held).active_since  # type: ignore[union-attr]
    clock.shift(60)

    change([changed(now(held), 60 * DAY)], actor=acting(cast.administrator))
    sweep()

    assert list(vault.ends.values()) == [NOON + 60 * DAY + GRACE]
    assert (now(held).status, now(held).active_since) == ("active", since)  # type: ignore[union-attr]
    assert acts_on(held)[-2:] == ["assignment.changed", "assignment.adjusted"]


def test_a_duty_follows_its_assignment_in_the_same_act(clock: TimeMachineFixture, cast: Cast) -> None:
    duty = make_portal_directory().roles.get(entitlement=Duty.SECURITY_ADMINISTRATOR)
    held = give(duty, cast)
    assert holds(cast.employee, Duty.SECURITY_ADMINISTRATOR)

    change([changed(now(held), HOUR)], actor=acting(cast.administrator))

    assert (
        DutyHolding.objects.get(duty=Duty.SECURITY_ADMINISTRATOR, person=cast.employee).ends_at == NOON + HOUR
    )
    assert now(held).is_in_force()
    clock.shift(3600)
    assert not holds(cast.employee, Duty.SECURITY_ADMINISTRATOR)


def test_a_start_can_be_moved_until_it_has_come(role: Role, cast: Cast, clock: TimeMachineFixture) -> None:
    [held] = assign([wish(role, cast.employee, ACTIVE, start=DAY)], actor=acting(cast.administrator))
    asked = AskedAssignment(ACTIVE, NOON + 2 * HOUR, NOON + 5 * DAY, "Earlier")

    change([Change(held, asked)], actor=acting(cast.administrator))
    clock.shift(2 * 3600)
    sweep()
    change([Change(now(held), AskedAssignment(ACTIVE, NOON + DAY, NOON + 6 * DAY, "Later"))],
           actor=acting(cast.administrator))  # fmt: skip

    assert (now(held).status, now(held).starts_at, now(held).ends_at) == (
        "active",
        NOON + 2 * HOUR,
        NOON + 6 * DAY,
    )


def test_a_group_s_end_is_that_of_each_member(role: Role, cast: Cast) -> None:
    group = make_group("Operators", cast.employee)
    [held] = assign([wish(role, group, ACTIVE)], actor=acting(cast.administrator))

    change([changed(held, 2 * DAY)], actor=acting(cast.administrator))

    assert GroupAssignment.objects.get().ends_at == Assignment.objects.get().ends_at == NOON + 2 * DAY
    with pytest.raises(Refused, match="through the group Operators"):
        change([changed(Assignment.objects.get(), DAY)], actor=acting(cast.administrator))


@pytest.mark.parametrize("kind", [ELIGIBLE, ACTIVE])
def test_A10_of_two_who_change_the_same_page_one_is_overtaken(role: Role, cast: Cast, kind: str) -> None:
    held = give(role, cast, kind)
    seen = version_of(now(held))
    change([changed(now(held), 20 * DAY, seen=seen)], actor=acting(cast.administrator))

    with pytest.raises(Overtaken):
        change([changed(now(held), 10 * DAY, seen=seen)], actor=acting(cast.administrator))

    assert now(held).ends_at == NOON + 20 * DAY


@pytest.mark.parametrize("kind", [ELIGIBLE, ACTIVE])
def test_extending_needs_a_later_end_within_the_cap(role: Role, cast: Cast, kind: str) -> None:
    held = give(role, cast, kind)
    for end in (29 * DAY, 30 * DAY):
        with pytest.raises(Refused, match="later than the present one") as refusal:
            change([changed(now(held), end, act=Act.EXTEND)], actor=acting(cast.administrator))
        assert refusal.value.field == "ends_at"
    if kind == ACTIVE:
        with pytest.raises(Refused, match="at most 6 months"):
            change([changed(now(held), 300 * DAY, act=Act.EXTEND)], actor=acting(cast.administrator))

    change([changed(now(held), 90 * DAY, act=Act.EXTEND)], actor=acting(cast.administrator))

    assert now(held).ends_at == NOON + 90 * DAY
    assert AccessRequest.objects.get(act="extend").status == "approved"


@pytest.mark.parametrize("swept", [True, False])
@pytest.mark.parametrize("kind", [ELIGIBLE, ACTIVE])
def test_what_expired_is_renewed_and_what_was_removed_is_not(
    role: Role, cast: Cast, clock: TimeMachineFixture, kind: str, swept: bool
) -> None:
    held = give(role, cast, kind, days=1)
    sweep()
    with pytest.raises(Overtaken, match="has not ended"):
        change([changed(now(held), 5 * DAY, act=Act.RENEW)], actor=acting(cast.administrator))
    clock.shift(2 * 86400)
    if swept:
        sweep()

    [again] = change([changed(now(held), 5 * DAY, act=Act.RENEW)], actor=acting(cast.administrator))
    sweep()

    assert now(again).is_in_force()
    assert (again.pk == held.pk) is (kind == ELIGIBLE), "what was held once stays ended; it is held anew"
    with pytest.raises((Overtaken, Refused)):
        change([changed(now(held), 5 * DAY, act=Act.RENEW)], actor=acting(cast.administrator))


def test_making_eligible_ends_the_standing_right_in_the_same_act(
    role: Role, cast: Cast, vault: Vault
) -> None:
    held = give(role, cast)
    sweep()

    change([turned(now(held), justification="Rarely used")], actor=acting(cast.administrator))
    sweep()

    assert not vault.holds(held)  # type: ignore[arg-type]
    assert now(held).end_cause == EndCause.REMOVED  # type: ignore[union-attr]
    made = Eligibility.objects.get()
    assert (made.person, made.scope, made.is_in_force()) == (cast.employee, held.scope, True)


def test_making_active_never_lets_the_right_lapse(role: Role, cast: Cast, vault: Vault) -> None:
    eligibility = give(role, cast, ELIGIBLE)
    activate(eligibility, cast.employee)  # type: ignore[arg-type]
    sweep()

    change(
        [turned(now(eligibility), ends_at=NOON + DAY, justification="On call")],
        actor=acting(cast.administrator),
    )
    sweep()

    assert now(eligibility).status == "removed"
    assert Assignment.objects.in_force().get().origin == "direct"
    assert [verb for verb, *_ in vault.told].count("revoke") == 0


def test_A1_nobody_changes_what_they_hold_themselves(role: Role, cast: Cast) -> None:
    held = make_eligibility(role, cast.administrator, ends_at=NOON + DAY)

    with pytest.raises(NotAllowed):
        change([changed(held, 60 * DAY, act=Act.EXTEND)], actor=acting(cast.administrator))

    assert now(held).ends_at == NOON + DAY


@pytest.mark.parametrize("way", ["end", "turn"])
def test_G_the_last_holder_keeps_it(clock: TimeMachineFixture, cast: Cast, way: str) -> None:
    duty = make_portal_directory().roles.get(entitlement=Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    DutyHolding.objects.filter(duty=duty.entitlement).delete()
    last = begin_assignment(
        duty,
        actor=PORTAL,
        person=cast.employee,
        scope=duty.directory.root_scope(),
        starts_at=NOON,
        ends_at=None,
    )
    wanted = changed(now(last), DAY) if way == "end" else turned(now(last), justification="Rarely used")

    with pytest.raises(LastHolder, match="Robin Sample is the last"):
        change([wanted], actor=acting(cast.administrator))

    assert now(last).ends_at is None
    assert holds(cast.employee, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    assert not Eligibility.objects.exists()
