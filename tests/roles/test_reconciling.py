"""Finding out what nobody told the portal: rights given past it, taken away, ending at another time."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from time_machine import TimeMachineFixture

from audit.alerts.models import Alert
from audit.journal.actor import PORTAL
from audit.journal.recording import save_as
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from audit.journal.verifying import verify_journal
from roles import drifting
from roles.connectors.base import Denied, Grant, Unavailable
from roles.models import Account, Assignment, Directory, Drift, EndCause, Origin, Reconciliation
from roles.planning import GRACE
from roles.provisioning import begin_assignment, end_assignment
from roles.reconciling import LEASE, SILENT, directories_to_reconcile, reconcile
from roles.settling import accept_drift, adopt_drift, correct_drift
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import PORTALS_OWN, Vault, VaultConnector, open_vault
from tests.factories.people import make_person
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    activate,
    acts_on,
    appoint,
    make_eligibility,
    make_role,
    now,
    open_alerts,
)

pytestmark = pytest.mark.django_db
Kind, Status, Answer = Drift.Kind, Drift.Status, Directory.Answer
MINUTE = timedelta(minutes=1)


def say(vault: Vault, **settings: Any) -> None:
    """Change what comes of differences in the vault."""
    for name, value in settings.items():
        setattr(vault.row, name, value)
    save_as(vault.row, actor=PORTAL)


def compare(vault: Vault) -> list[tuple[str, str, str]]:
    """Compare once more; what differs then, as kind, account and status."""
    reconcile(vault.row.pk)
    standing = Drift.objects.standing().order_by("kind", "account")
    return list(standing.values_list("kind", "account", "status"))


@pytest.fixture(autouse=True)
def _owner(vault: Vault, cast: Cast) -> None:
    appoint(cast.administrator, "own", vault.row)


@pytest.fixture
def outside(given: Assignment, vault: Vault, clock: TimeMachineFixture) -> Drift:
    """Kim was given the role by somebody, past the portal."""
    clock.shift(MINUTE)
    vault.rights["kim", "operator"] = "somebody else"
    assert compare(vault) == [(Kind.FOUND_OUTSIDE, "kim", Status.OPEN)]
    return Drift.objects.get()


def test_where_both_agree_nothing_is_found_and_the_directory_page_can_say_so(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    clock.shift(MINUTE)

    assert compare(vault) == []
    state = Reconciliation.objects.get()
    assert (state.done_at, state.rights, state.error) == (NOON + MINUTE, 1, "")
    assert open_alerts() == []
    assert directories_to_reconcile() == []
    clock.shift(MINUTE)
    assert directories_to_reconcile() == [vault.row.pk]


def test_what_is_being_given_or_taken_in_this_moment_is_no_difference(
    begun: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    assert compare(vault) == [], "asked for, and not given yet"
    sweep()
    assert compare(vault) == [], "given in the very moment it was listed"
    clock.shift(4 * HOUR)
    assert compare(vault) == [], "over, and not taken away yet"
    vault.trouble_with["robin"] = Unavailable("Nobody there.")
    sweep()
    assert compare(vault) == [], "being taken away"


def test_a_right_that_was_given_outside_is_found_once_told_once_and_left_alone(
    outside: Drift, vault: Vault, cast: Cast, clock: TimeMachineFixture
) -> None:
    told = len(vault.told)
    clock.shift(MINUTE)
    compare(vault)

    assert outside.person == cast.approver
    assert outside.role.name == "Operator"
    assert len(vault.told) == told
    assert open_alerts() == ["assigned_outside"]
    assert acts_on(outside) == ["drift.found"]
    assert verify_journal().holds


def test_a_right_that_is_gone_again_is_settled_by_itself(
    outside: Drift, vault: Vault, clock: TimeMachineFixture
) -> None:
    del vault.rights["kim", "operator"]
    clock.shift(MINUTE)

    assert compare(vault) == []
    assert (now(outside).status, now(outside).settled_as) == (Status.RESOLVED, "gone")
    assert open_alerts() == []


def test_where_the_settings_say_so_it_is_taken_away_and_tried_until_it_is_gone(
    outside: Drift, vault: Vault, clock: TimeMachineFixture
) -> None:
    say(vault, on_found_outside=Answer.CORRECT)
    vault.trouble_with["kim"] = Denied("Somebody else gave it.")
    clock.shift(MINUTE)
    assert compare(vault) == [(Kind.FOUND_OUTSIDE, "kim", Status.CORRECTING)]
    assert now(outside).last_error == "Somebody else gave it."

    del vault.trouble_with["kim"]
    clock.shift(2 * MINUTE)
    assert compare(vault) == []
    assert ("kim", "operator") not in vault.rights
    assert now(outside).settled_as == "removed"
    assert vault.rights == {("robin", "operator"): PORTALS_OWN}, "nobody else lost anything"


def test_where_the_settings_say_so_it_is_taken_over_with_an_end_and_goes_with_it(
    outside: Drift, vault: Vault, cast: Cast, clock: TimeMachineFixture
) -> None:
    say(vault, on_found_outside=Answer.ADOPT, adopt_days=3)
    clock.shift(MINUTE)
    compare(vault)
    sweep()

    held = Assignment.objects.get(person=cast.approver)
    assert (held.origin, held.status) == (Origin.FOUND_OUTSIDE, Assignment.Status.ACTIVE)
    assert held.ends_at == NOON + 2 * MINUTE + timedelta(days=3)
    assert now(outside).settled_as == "adopted"
    clock.shift(timedelta(days=3))
    sweep()
    assert ("kim", "operator") not in vault.rights
    assert compare(vault) == []


def test_the_right_of_somebody_unknown_cannot_be_taken_over_and_says_why(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    vault.rights["svc-backup", "operator"] = "somebody else"
    say(vault, on_found_outside=Answer.ADOPT)
    clock.shift(MINUTE)

    assert compare(vault) == [(Kind.FOUND_OUTSIDE, "svc-backup", Status.OPEN)]
    drift = Drift.objects.get()
    assert drift.person is None
    assert "svc-backup" in drift.last_error


def test_what_stood_there_before_is_found_outside_and_stays_while_it_is_held_through_the_portal(
    begun: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    vault.rights["robin", "operator"] = "somebody else"
    say(vault, on_found_outside=Answer.CORRECT)
    sweep()
    clock.shift(MINUTE)

    assert compare(vault) == [(Kind.FOUND_OUTSIDE, "robin", Status.OPEN)]
    assert vault.holds(begun)
    clock.move_to(NOON + 4 * HOUR)
    sweep()
    assert vault.holds(begun), "it is not the portal's to take"
    clock.shift(MINUTE)
    assert compare(vault) == []
    assert not vault.holds(begun), "but the settings say that it goes"


def test_where_the_directory_ignores_case_what_is_held_through_the_portal_stays_under_any_spelling(
    clock: TimeMachineFixture, vault: Vault, cast: Cast
) -> None:
    vault.capabilities = replace(vault.capabilities, ignores_case=True)
    Account.objects.create(directory=vault.row, person=cast.employee, name="Robin.S")
    held = activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee)
    vault.rights["Robin.S", "operator"] = "somebody else"
    say(vault, on_found_outside=Answer.CORRECT)
    sweep()
    clock.shift(MINUTE)

    assert compare(vault) == [(Kind.FOUND_OUTSIDE, "robin.s", Status.OPEN)]
    assert vault.holds(held)


def test_a_right_that_was_taken_away_is_reported_and_given_again_when_somebody_says_so(
    given: Assignment, vault: Vault, cast: Cast, clock: TimeMachineFixture
) -> None:
    vault.rights.clear()
    clock.shift(MINUTE)
    assert compare(vault) == [(Kind.MISSING, "robin", Status.OPEN)]
    assert open_alerts() == ["taken_outside"]

    drift = Drift.objects.get()
    correct_drift(drift, actor=acting(cast.administrator), justification="The restore forgot it")
    sweep()
    assert vault.holds(given)
    clock.shift(MINUTE)
    assert compare(vault) == []
    assert now(drift).settled_as == "restored"
    assert acts_on(given)[-2:] == ["assignment.given_again", "assignment.adjusted"]
    clock.move_to(NOON + 4 * HOUR)
    sweep()
    assert vault.rights == {}


def test_where_the_settings_say_so_what_was_taken_away_ends_in_the_portal_too(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    say(vault, on_missing=Answer.ADOPT)
    vault.rights.clear()
    clock.shift(MINUTE)

    assert compare(vault) == []
    assert now(given).end_cause == EndCause.TAKEN_OUTSIDE


def test_so_many_at_once_are_more_likely_a_fault_and_wait_for_a_person(
    clock: TimeMachineFixture, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drifting, "MANY", 2)
    role = make_role(vault.row)
    held = [activate(make_eligibility(role, one), one) for one in map(make_person, ["ann", "ben", "cas"])]
    sweep()
    say(vault, on_missing=Answer.ADOPT)
    vault.rights.clear()  # an empty answer, after somebody moved the tree of groups
    clock.shift(MINUTE)

    assert [status for _kind, _who, status in compare(vault)] == [Status.OPEN] * 3
    assert all(now(one).status == Assignment.Status.ACTIVE for one in held)
    assert open_alerts() == ["taken_outside"]


def test_another_end_there_is_set_right_by_itself(
    clock: TimeMachineFixture, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = open_vault(monkeypatch, "expiring", native_expiry="optional")
    activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee)
    sweep()
    assert vault.ends["robin", "operator"] == NOON + 4 * HOUR + GRACE, "it dies even if the portal is dead"

    vault.ends["robin", "operator"] = None
    clock.shift(MINUTE)
    assert compare(vault) == [(Kind.OTHER_END, "robin", Status.CORRECTING)]
    sweep()
    clock.shift(MINUTE)

    assert compare(vault) == []
    assert vault.ends["robin", "operator"] == NOON + 4 * HOUR + GRACE


def test_an_earlier_end_there_may_be_taken_over_and_a_later_one_may_not(
    clock: TimeMachineFixture, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = open_vault(monkeypatch, "expiring", native_expiry="optional")
    held = activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee)
    sweep()
    say(vault, on_other_end=Answer.ADOPT)
    vault.ends["robin", "operator"] = NOON + 9 * HOUR
    clock.shift(MINUTE)
    assert compare(vault) == [(Kind.OTHER_END, "robin", Status.OPEN)]
    assert now(held).ends_at == NOON + 4 * HOUR

    vault.ends["robin", "operator"] = NOON + HOUR
    clock.shift(MINUTE)
    compare(vault)
    assert now(held).ends_at == NOON + HOUR


def test_what_somebody_left_as_it_is_is_not_told_again(
    outside: Drift, vault: Vault, cast: Cast, clock: TimeMachineFixture
) -> None:
    accept_drift(outside, actor=acting(cast.administrator), justification="The backup account")
    say(vault, on_found_outside=Answer.CORRECT)
    clock.shift(MINUTE)

    assert compare(vault) == [(Kind.FOUND_OUTSIDE, "kim", Status.ACCEPTED)]
    assert ("kim", "operator") in vault.rights
    assert open_alerts() == []


def test_nobody_but_who_looks_after_the_directory_says_what_comes_of_it(outside: Drift, cast: Cast) -> None:
    for who in (cast.employee, cast.approver, cast.auditor, cast.outsider):
        for verb in (accept_drift, correct_drift, adopt_drift):
            with pytest.raises(NotAllowed):
                verb(outside, actor=acting(who))
    assert now(outside).status == Status.OPEN


def test_what_was_found_is_never_taken_over_without_an_end(outside: Drift, cast: Cast) -> None:
    for until in (None, NOON):
        with pytest.raises(Refused) as refusal:
            adopt_drift(outside, actor=acting(cast.administrator), until=until)
        assert refusal.value.field == "until"
    assert not Assignment.objects.filter(person=cast.approver).exists()


def test_what_somebody_else_settled_meanwhile_is_said(outside: Drift, cast: Cast) -> None:
    seen = now(outside)
    accept_drift(outside, actor=acting(cast.administrator))

    with pytest.raises(Overtaken):
        correct_drift(seen, actor=acting(cast.administrator))


def test_a_directory_that_does_not_answer_is_alarmed_about_and_tried_again(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    vault.trouble = Unavailable("Nobody there.")
    compare(vault)
    compare(vault)
    state = Reconciliation.objects.get()
    assert (state.failures, state.error, state.done_at) == (2, "Nobody there.", None)
    assert state.next_at > NOON + MINUTE, "with growing pauses"
    assert open_alerts() == [SILENT]
    assert Drift.objects.count() == 0, "nothing was seen: nothing is missing"

    vault.trouble = None
    clock.move_to(state.next_at)
    compare(vault)
    assert open_alerts() == []
    assert Alert.objects.get(kind=SILENT).status == Alert.Status.RESOLVED


def test_two_at_once_compare_it_once(given: Assignment, vault: Vault, clock: TimeMachineFixture) -> None:
    Reconciliation.objects.create(directory=vault.row, lease_until=NOON + LEASE, lease_token="another")
    vault.rights["kim", "operator"] = "somebody else"
    clock.shift(LEASE - MINUTE)
    assert compare(vault) == []
    assert directories_to_reconcile() == []

    clock.shift(MINUTE)
    assert compare(vault) == [(Kind.FOUND_OUTSIDE, "kim", Status.OPEN)]


def test_what_was_listed_so_slowly_that_somebody_else_has_looked_since_is_not_written_down(
    given: Assignment, vault: Vault, clock: TimeMachineFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.rights["kim", "operator"] = "somebody else"
    list_grants = VaultConnector.list_grants

    def slowly(connector: VaultConnector, entitlements: Iterable[str]) -> list[Grant]:
        seen = list_grants(connector, entitlements)
        monkeypatch.setattr(VaultConnector, "list_grants", list_grants)
        del vault.rights["kim", "operator"]
        clock.shift(LEASE)
        reconcile(vault.row.pk)  # by another worker
        return seen

    clock.shift(MINUTE)
    monkeypatch.setattr(VaultConnector, "list_grants", slowly)
    reconcile(vault.row.pk)

    assert Drift.objects.count() == 0, "what the newer sight did not find"
    assert Reconciliation.objects.get().rights == 1


def test_an_observed_directory_is_looked_at_and_nothing_in_it_changes(
    clock: TimeMachineFixture, vault: Vault, cast: Cast
) -> None:
    Directory.objects.filter(pk=vault.row.pk).update(mode=Directory.Mode.OBSERVE)
    vault.row.refresh_from_db()
    say(vault, on_found_outside=Answer.CORRECT)
    vault.rights["kim", "operator"] = "somebody else"
    role = make_role(vault.row)
    begin_assignment(
        role,
        actor=PORTAL,
        person=cast.employee,
        scope=vault.row.root_scope(),
        starts_at=NOON,
        ends_at=NOON + HOUR,
    )
    sweep()
    clock.shift(MINUTE)

    assert compare(vault) == [(Kind.FOUND_OUTSIDE, "kim", Status.OPEN)]
    assert vault.told == []
    end = (NOON + HOUR + GRACE).isoformat()
    assert Reconciliation.objects.get().planned == [["grant", "robin", "operator", "/", end]]
    assert open_alerts() == []
    with pytest.raises(Refused):
        correct_drift(Drift.objects.get(), actor=acting(cast.administrator))


def test_after_a_restore_of_the_book_what_it_says_is_over_goes_and_what_it_does_not_know_is_flagged(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    vault.rights["kim", "operator"] = PORTALS_OWN  # given after the backup was made
    clock.shift(9 * HOUR)

    sweep()
    clock.shift(MINUTE)

    assert compare(vault) == [(Kind.FOUND_OUTSIDE, "kim", Status.OPEN)]
    assert not vault.holds(given)
    assert not Drift.objects.get().was_the_portals


def test_after_a_restore_of_the_directory_what_stands_again_is_flagged_as_once_given_by_the_portal(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    end_assignment(now(given), actor=PORTAL, cause=EndCause.REMOVED)
    sweep()
    vault.rights["robin", "operator"] = PORTALS_OWN
    clock.shift(MINUTE)

    assert compare(vault) == [(Kind.FOUND_OUTSIDE, "robin", Status.OPEN)]
    assert Drift.objects.get().was_the_portals
