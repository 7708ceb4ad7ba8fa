"""Letting the portal manage a directory, or only observe it, and what comes by itself of differences."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from time_machine import TimeMachineFixture

from approvals.requesting import request_activation
from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from audit.journal.verifying import verify_journal
from roles.connectors.base import Unavailable
from roles.managing import ANSWERS, answer_differences, ask_to_compare, manage_directory, observe_directory
from roles.models import Assignment, Directory, Drift, EndCause, Reconciliation
from roles.provisioning import begin_assignment, end_assignment
from roles.reconciling import directories_to_reconcile, reconcile
from roles.requirements import Asked
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import signed_in, wish
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    activate,
    appoint,
    make_eligibility,
    make_portal_directory,
    make_role,
    now,
)

pytestmark = pytest.mark.django_db
Answer = Directory.Answer
ASKED = Asked(minutes=60, justification="The nightly job is stuck")


@pytest.fixture
def observed(clock: TimeMachineFixture, vault: Vault) -> Vault:
    """The vault, only looked at so far."""
    make_role(vault.row)
    Directory.objects.filter(pk=vault.row.pk).update(mode=Directory.Mode.OBSERVE)
    vault.row.refresh_from_db()
    return vault


def wait_for_it(vault: Vault, cast: Cast) -> Assignment:
    """The employee is to get the role for an hour."""
    held = begin_assignment(
        vault.row.roles.get(),
        actor=PORTAL,
        person=cast.employee,
        scope=vault.row.root_scope(),
        starts_at=NOON,
        ends_at=NOON + HOUR,
    )
    sweep()
    return held


def page(cast: Cast, name: str, vault: Vault) -> str:
    answer = signed_in(cast.administrator).get(reverse(name, args=[vault.row.pk]))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_directory_that_was_never_compared_is_not_managed_yet(observed: Vault, cast: Cast) -> None:
    with pytest.raises(Refused, match="compare it first"):
        manage_directory(observed.row, actor=acting(cast.administrator))

    observed.trouble = Unavailable("Nobody there.")
    reconcile(observed.row.pk)
    observed.trouble = None
    with pytest.raises(Refused, match="compare it first"):
        manage_directory(observed.row, actor=acting(cast.administrator))
    assert now(observed.row).is_observed


def test_a_directory_whose_last_comparison_failed_is_not_managed_either(
    observed: Vault, cast: Cast, clock: TimeMachineFixture
) -> None:
    reconcile(observed.row.pk)
    observed.trouble = Unavailable("Nobody there.")
    clock.shift(60)
    reconcile(observed.row.pk)

    with pytest.raises(Refused, match="the last time"):
        manage_directory(observed.row, actor=acting(cast.administrator))


def test_what_waited_is_given_once_the_directory_is_managed(
    observed: Vault, cast: Cast, clock: TimeMachineFixture
) -> None:
    held = wait_for_it(observed, cast)
    reconcile(observed.row.pk)
    assert not observed.holds(held)
    said = page(cast, "directory_dry_run", observed)
    assert "1 act<" in said
    assert "<code>robin</code>" in said
    assert "Manage it" in said

    manage_directory(observed.row, actor=acting(cast.administrator))
    sweep()

    assert observed.holds(held)
    entry = AuditEvent.objects.get(action="directory.managed")
    assert entry.directory == observed.row.name
    assert Directory.history.filter(id=observed.row.pk).latest().history_user == cast.administrator
    assert verify_journal().holds
    with pytest.raises(Overtaken):
        manage_directory(observed.row, actor=acting(cast.administrator))


def test_one_goes_back_to_observing_only_when_no_right_of_the_portal_stands_there(
    given: Assignment, vault: Vault, cast: Cast
) -> None:
    with pytest.raises(Refused, match=r"^1 right of the portal stands"):
        observe_directory(vault.row, actor=acting(cast.administrator))
    vault.trouble = Unavailable("Nobody there.")
    end_assignment(now(given), actor=PORTAL, cause=EndCause.REMOVED)
    assert now(given).status == Assignment.Status.ENDING
    with pytest.raises(Refused, match="or is being given or taken away"):
        observe_directory(vault.row, actor=acting(cast.administrator))
    vault.trouble = None
    sweep()

    observe_directory(vault.row, actor=acting(cast.administrator))
    assert now(vault.row).is_observed
    assert AuditEvent.objects.filter(action="directory.observed").count() == 1


def test_nobody_but_who_looks_after_it_says_any_of_this(observed: Vault, cast: Cast) -> None:
    answers: dict[str, Any] = {name: getattr(observed.row, name) for name in ANSWERS}
    for who in map(acting, (cast.employee, cast.approver, cast.auditor, cast.outsider)):
        for verb in (manage_directory, observe_directory, ask_to_compare):
            with pytest.raises(NotAllowed):
                verb(observed.row, actor=who)
        with pytest.raises(NotAllowed):
            answer_differences(observed.row, actor=who, **answers)


def test_nothing_can_be_activated_where_the_portal_only_looks(observed: Vault, cast: Cast) -> None:
    eligibility = make_eligibility(observed.row.roles.get(), cast.employee)

    with pytest.raises(Refused, match="only observed so far"):
        request_activation(eligibility, actor=acting(cast.employee), asked=ASKED)

    client = signed_in(cast.employee)
    address = reverse("activate", args=[eligibility.pk])
    assert "only observed so far" in client.get(address).content.decode(), "before anything is sent"
    answer = client.post(address, wish(minutes="60"))
    assert answer.status_code == 422
    assert "only observed so far" in answer.content.decode()
    listed = client.get(reverse("my_roles")).content.decode()
    assert "Only observed" in listed
    assert address not in listed, "there is no button that can only refuse"
    assert not Assignment.objects.exists()


def test_what_is_activated_in_a_managed_one_is_not_touched_by_that(vault: Vault, cast: Cast) -> None:
    assert activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee).pk


def test_compare_now_makes_it_its_turn_and_the_page_says_that_it_was_asked_for(
    given: Assignment, vault: Vault, cast: Cast, clock: TimeMachineFixture
) -> None:
    clock.shift(1)
    reconcile(vault.row.pk)
    assert directories_to_reconcile() == []
    assert "waits for a worker" not in page(cast, "directory", vault)

    answer = signed_in(cast.administrator).post(
        reverse("compare_directory", args=[vault.row.pk]), follow=True
    )

    assert directories_to_reconcile() == [vault.row.pk]
    said = " ".join(answer.content.decode().split())
    assert "Asked for." in said
    assert "waits for a worker" in said
    assert "every 2s" in said
    assert AuditEvent.objects.filter(action="directory.comparison_asked").count() == 1


def test_the_card_is_sent_again_only_when_something_has_changed(
    given: Assignment, vault: Vault, cast: Cast, clock: TimeMachineFixture
) -> None:
    clock.shift(1)
    reconcile(vault.row.pk)
    client, address = signed_in(cast.administrator), reverse("directory_health", args=[vault.row.pk])
    seen = client.get(reverse("directory", args=[vault.row.pk])).context["health"].seen
    card = {"HX-Target": "health"}

    assert client.get(address, {"seen": seen}, headers=card).status_code == 204
    clock.shift(60)
    reconcile(vault.row.pk)
    assert 'id="health"' in client.get(address, {"seen": seen}, headers=card).content.decode()
    assert client.get(address)["Location"] == reverse("directory", args=[vault.row.pk])


def test_the_page_of_a_directory_tells_how_it_fares(
    begun: Assignment, vault: Vault, cast: Cast, clock: TimeMachineFixture
) -> None:
    vault.trouble = Unavailable("Nobody there.")
    sweep()
    reconcile(vault.row.pk)
    clock.shift(timedelta(minutes=2))

    answer = signed_in(cast.auditor).get(reverse("directory", args=[vault.row.pk]))
    health, said = answer.context["health"], " ".join(answer.content.decode().split())
    assert (health.to_give.count, health.to_give.since) == (1, NOON)
    assert answer.context["failing_since"] == NOON
    for words in ("Nobody there.", "The portal tries again at", "never to its end", "is to get Operator"):
        assert words in said
    assert "Compare now" not in said, "an auditor reads"


def test_an_owner_without_a_duty_reads_what_was_done_and_no_link_to_a_journal_that_is_not_theirs(
    given: Assignment, vault: Vault, cast: Cast
) -> None:
    appoint(cast.outsider, "own", vault.row)

    said = signed_in(cast.outsider).get(reverse("directory", args=[vault.row.pk])).content.decode()
    assert "holds Operator" in said
    assert "/journal/" not in said
    assert "Compare now" in said


def test_answers_say_what_they_would_do_to_what_is_open_now_and_are_written_down(
    given: Assignment, vault: Vault, cast: Cast, clock: TimeMachineFixture
) -> None:
    vault.rights["kim", "operator"] = "somebody else"
    clock.shift(60)
    reconcile(vault.row.pk)
    client, address = signed_in(cast.administrator), reverse("directory_answers", args=[vault.row.pk])
    assert "1 open difference" in " ".join(client.get(address).content.decode().split())

    said = {"on_found_outside": "correct", "on_missing": "report", "on_other_end": "correct", "adopt_days": 3}
    assert client.post(address, said).status_code == 302
    reconcile(vault.row.pk)

    assert Drift.objects.get().settled_as == "removed"
    assert (now(vault.row).on_found_outside, now(vault.row).adopt_days) == (Answer.CORRECT, 3)
    assert Directory.history.filter(id=vault.row.pk).latest().history_user == cast.administrator
    assert client.post(address, said | {"on_missing": "explode"}).status_code == 422
    assert client.post(address, said | {"adopt_days": 0}).status_code == 422


def test_the_portals_own_directory_has_none_of_these_pages(cast: Cast) -> None:
    own = make_portal_directory()
    client = signed_in(cast.administrator)
    for name in ("directory_drift", "directory_dry_run", "directory_answers"):
        assert client.get(reverse(name, args=[own.pk])).status_code == 404
    assert client.get(reverse("directory", args=[own.pk])).status_code == 200
    assert not Reconciliation.objects.filter(directory=own).exists()
