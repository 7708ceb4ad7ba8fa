"""The walk: ask, prove, approve, hold, lose, prove again. In a browser, on real parts."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import time_machine
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.notifications.models import Notification
from approvals.models import AccessRequest
from audit.journal.verifying import verify_journal
from pim_portal.demo.people import PASSWORD
from pim_portal.embedded.postgresql import PostgreSQL
from roles.models import Assignment, RoleSettings
from roles.sweeping import sweep
from tests.servers import Worker, wait_until
from tests.walks.conftest import Visitor

WHY = "=1+1 Rebuild the invoice index after the failed import"


def session_of(robin: str, server: PostgreSQL) -> psycopg.Connection[tuple[object, ...]]:
    """What the employee has open on their own machine: a session in the database, as themselves."""
    return psycopg.connect(server.url("billing", user=robin, password=PASSWORD), autocommit=True)


def invoices_seen_by(session: psycopg.Connection[tuple[object, ...]]) -> int:
    row = session.execute("SELECT count(*) FROM invoice").fetchone()
    return int(str(row[0])) if row else 0


def ask_for(page: Page, role: str, *, minutes: int, why: str) -> None:
    page.get_by_role("radio", name=role).check()
    form = page.get_by_role("form", name=f"Activate {role}")
    form.get_by_label("For how long").fill(str(minutes))
    form.get_by_label("Why").fill(why)
    form.get_by_role("button", name="Activate for").click()


def test_an_employee_asks_proves_holds_and_loses_a_role_and_the_auditor_can_prove_it(
    demo: PostgreSQL, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    # given an employee who may activate a role, and has a session open in the directory
    robin = visit("robin")
    home = robin.sign_in()
    expect(home.get_by_role("heading", level=1)).to_have_text("You hold no role right now")
    session = session_of("robin", demo)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        invoices_seen_by(session)

    # when they ask for it for four hours, the portal wants a fresh second factor for this very act
    ask_for(home, "Database administrator", minutes=240, why=WHY)
    expect(home.get_by_role("heading", name="Confirm it is you")).to_be_visible()
    expect(home.get_by_text("Activate Database administrator for 4 h")).to_be_visible()
    expect(home.get_by_text(WHY)).to_be_visible()
    robin.prove()

    # then nothing they typed is lost: the request waits, with the evidence on it
    expect(home.get_by_text("Waits for approval").first).to_be_visible()
    expect(home.get_by_text(WHY)).to_be_visible()
    expect(home.get_by_text("Second factor verified")).to_be_visible()
    access_request = AccessRequest.objects.latest("pk")
    assert access_request.factor_use is not None
    assert access_request.factor_use.act

    # when an approver, who has been told, opens it and approves
    assert Notification.objects.filter(person__email="kim@example.test", subject__contains="Robin").exists()
    kim = visit("kim")
    desk = kim.sign_in()
    desk.get_by_role("navigation", name="My access").get_by_role("link", name="To decide").click()
    desk.get_by_role("link", name=access_request.number).click()
    expect(desk.get_by_text("Never asked for it before.")).to_be_visible()
    desk.get_by_label("Your justification").fill("Fits the change window.")
    desk.get_by_role("button", name="Approve", exact=True).click()
    expect(desk.get_by_text("Kim Placeholder approved")).to_be_visible()
    sweep()

    # then the role works in the directory, and the page counts down
    assert invoices_seen_by(session) == 200
    home.reload()
    expect(home.get_by_text("Kim Placeholder approved")).to_be_visible()
    expect(home.get_by_role("status").get_by_text("Active")).to_be_visible()
    expect(home.locator("[data-countdown]").first).to_contain_text("left")

    # when they try to give it back too early, the portal says from when; after five minutes it takes it
    robin.go("/")
    expect(home.get_by_role("heading", level=1)).to_have_text("You hold 1 role right now")
    expect(home.get_by_role("button", name="Deactivate").first).to_be_disabled()
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=True):
        robin.go("/")
        home.get_by_role("button", name="Deactivate").first.click()
        expect(home.get_by_role("heading", level=1)).to_have_text("You hold no role right now")
        sweep()
        with pytest.raises(psycopg.OperationalError):
            invoices_seen_by(session)
        with session_of("robin", demo) as again, pytest.raises(psycopg.errors.InsufficientPrivilege):
            invoices_seen_by(again)
        assert Notification.objects.filter(person=robin.person, subject__contains="has ended").exists()

        # then the auditor finds it all, downloads it both ways, and the download is recorded too
        toni = visit("toni", accept_downloads=True)
        journal = toni.sign_in()
        journal.get_by_role("link", name="Journal").click()
        toni.go(f"/journal/?access_request={access_request.number}")
        expect(journal.get_by_text("Kim Placeholder").first).to_be_visible()
        rows = list(csv.DictReader(download(toni, "csv", tmp_path).open(encoding="utf-8-sig", newline="")))
        requested = next(
            row
            for row in rows
            if row["action"] == "activation.requested" and "Rebuild" in row["justification"]
        )
        assert requested["justification"] == f"'{WHY}"
        lines = [json.loads(line) for line in download(toni, "jsonl", tmp_path).read_text().splitlines()]
        assert any(line.get("action") == "journal.exported" for line in lines)
    assert verify_journal().holds


def download(auditor: Visitor, kind: str, folder: Path) -> Path:
    """Download the journal as an auditor does, through the page."""
    page = auditor.go("/journal/")
    with page.expect_download() as coming:
        page.evaluate(f"location.href = '/journal/download/?format={kind}'")
    path = folder / f"journal.{kind}"
    coming.value.save_as(path)
    return path


@pytest.mark.worker
def test_a_one_minute_assignment_really_ends_by_sweep_and_worker(
    demo: PostgreSQL,
    visit: Callable[..., Visitor],
    start_worker: Callable[..., Worker],
    settings: Any,
) -> None:
    # given a floor of one minute, a role without approval, and a running worker
    settings.MINIMUM_DURATION_MINUTES = 1
    for row in RoleSettings.objects.filter(role__name="Billing reader"):
        row.approval_required = False
        row.save()
    start_worker()
    robin = visit("robin")
    home = robin.sign_in()
    session = session_of("robin", demo)

    # when the employee activates it for one minute
    ask_for(home, "Billing reader", minutes=1, why="A look at one invoice")
    # (the demo's service principal holds the same role for longer)
    lent = Assignment.objects.filter(role__name="Billing reader", origin="activated")
    wait_until(lambda: lent.in_force().exists(), "the role")
    ends_at = lent.get().ends_at
    assert ends_at is not None
    assert invoices_seen_by(session) == 200
    session.execute("SET ROLE billing_reader")

    # then it is usable until its end, and over everywhere at the end, with nobody doing anything
    while (left := (ends_at - timezone.now()).total_seconds()) > 0.5:
        assert invoices_seen_by(session) == 200
        time.sleep(min(5, left - 0.4))
    wait_until(lambda: timezone.now() >= ends_at, "the end")
    assert not lent.in_force().exists()
    wait_until(lambda: session.broken or not _still_works(session), "the session to be ended", seconds=10)
    wait_until(lambda: lent.filter(status="ended").exists(), "the directory")
    robin.go("/")
    expect(home.get_by_role("heading", level=1)).to_have_text("You hold no role right now")


def _still_works(session: psycopg.Connection[tuple[object, ...]]) -> bool:
    try:
        return invoices_seen_by(session) > 0
    except psycopg.Error:
        return False
