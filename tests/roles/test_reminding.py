"""People are told two weeks and one day before something of theirs ends, once each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from audit.journal.actor import PORTAL
from roles.models import Role
from roles.provisioning import begin_assignment
from roles.reminding import remind_of_ends
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_group
from tests.factories.roles import activate, change_settings, make_eligibility, make_role, notices_of, now

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
ENDS = NOON + 90 * DAY


@pytest.fixture
def role(vault: Vault) -> Role:
    return make_role(vault.row)


def reminders(cast: Cast, *moments: datetime) -> list[int]:
    """How many Robin has been sent after each of ``moments``, at which the reminders went out."""
    sent = []
    for moment in moments:
        with time_machine.travel(moment, tick=False):
            remind_of_ends()
        sent.append(notices_of(cast.employee).count("roles/ends_soon"))
    return sent


def test_twice_and_not_before_the_time(role: Role, cast: Cast) -> None:
    with time_machine.travel(NOON, tick=False):
        make_eligibility(role, cast.employee, ends_at=ENDS)
    fortnight, eve = ENDS - 14 * DAY, ENDS - DAY

    at = [fortnight - SECOND, fortnight, fortnight + DAY, eve - SECOND, eve, eve + SECOND, ENDS]

    assert reminders(cast, *at) == [0, 1, 1, 1, 2, 2, 2]


def test_of_an_end_that_was_moved_anew(role: Role, cast: Cast) -> None:
    with time_machine.travel(NOON, tick=False):
        eligibility = make_eligibility(role, cast.employee, ends_at=ENDS)
    assert reminders(cast, ENDS - 10 * DAY) == [1]
    eligibility = now(eligibility)
    eligibility.ends_at = ENDS + 30 * DAY
    eligibility.save()

    assert reminders(cast, ENDS - 9 * DAY, ENDS + 17 * DAY) == [1, 2]


def test_of_a_standing_assignment_and_not_of_an_activation(role: Role, cast: Cast) -> None:
    with time_machine.travel(NOON, tick=False):
        scope = role.directory.root_scope()
        begin_assignment(role, actor=PORTAL, person=cast.employee, scope=scope, starts_at=NOON, ends_at=ENDS)
        activate(make_eligibility(role, cast.approver), cast.approver)
        sweep()

    assert reminders(cast, NOON + DAY, ENDS - DAY) == [0, 1]
    assert "roles/ends_soon" not in notices_of(cast.approver)


def test_not_of_what_lasts_no_longer_than_the_warning(role: Role, cast: Cast) -> None:
    with time_machine.travel(NOON, tick=False):
        make_eligibility(role, cast.employee, ends_at=NOON + 12 * timedelta(hours=1))

    assert reminders(cast, NOON, NOON + timedelta(hours=11)) == [0, 0]


def test_not_of_what_a_group_gives_nor_where_nobody_wants_to_hear_it(role: Role, cast: Cast) -> None:
    with time_machine.travel(NOON, tick=False):
        group = make_group("Night watch", cast.employee)
        make_eligibility(role, group, ends_at=ENDS)
        make_eligibility(role, cast.employee, ends_at=ENDS)
    change_settings(role, tell_eligible_holder={"only_needed": True})

    assert reminders(cast, ENDS - DAY) == [0]
