"""Clocks that differ are noticed by each process that decides, and nothing is decided by two of them (B12)."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler
from django.test import Client
from environ import Env

from accounts.duties import Duty
from audit import timekeeping
from audit.alerts.models import Alert
from audit.timekeeping import KIND, Offset, measure, watch_clock
from pim_portal.embedded.postgresql import PostgreSQL
from roles.sweeping import sweep
from tests.factories.people import give_duty, make_person
from tests.factories.roles import notices_of

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def never_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has not compared the clocks yet."""
    monkeypatch.setattr(timekeeping, "_looked_at", time.monotonic() - 3600)
    monkeypatch.setattr(timekeeping, "_seen", None)


@pytest.fixture
def server(postgresql_directory_server: PostgreSQL) -> Any:
    """A connection of ours to a real PostgreSQL server, whatever the portal itself is on."""
    options = Env.db_url_config(postgresql_directory_server.url())
    connection = ConnectionHandler({DEFAULT_DB_ALIAS: options})[DEFAULT_DB_ALIAS]
    yield connection
    connection.close()


def again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute goes by."""
    monkeypatch.setattr(timekeeping, "_looked_at", time.monotonic() - timekeeping.PACE)


@pytest.mark.parametrize(
    ("seconds", "too_much"), [(0, False), (3, True), (-3, True), (1.5, False), (-3600, True)]
)
def test_B12_the_database_servers_clock_is_compared_with_ours(
    server: BaseDatabaseWrapper, seconds: float, too_much: bool
) -> None:
    with time_machine.travel(datetime.now(UTC) + seconds * SECOND, tick=True):
        offset = measure(server)

    assert offset is not None
    assert abs(offset.ahead - seconds * SECOND) <= offset.unsure + 0.05 * SECOND
    assert offset.is_too_much is too_much


@pytest.mark.parametrize(
    ("ahead", "unsure", "too_much"),
    [(2, 0, False), (2.001, 0, True), (-2.001, 0, True), (3, 1, False), (3, 0.9, True), (-9, 8, False)],
)
def test_B12_an_answer_that_was_long_under_way_accuses_nobody(
    ahead: float, unsure: float, too_much: bool
) -> None:
    assert Offset(ahead * SECOND, unsure * SECOND).is_too_much is too_much


def test_B12_sqlite_runs_in_this_process_and_has_no_clock_of_its_own() -> None:
    options = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}

    assert measure(ConnectionHandler({DEFAULT_DB_ALIAS: options})[DEFAULT_DB_ALIAS]) is None


def test_B12_clocks_that_differ_are_one_alert_until_they_agree(
    server: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = make_person("dana")
    give_duty(keeper, Duty.SECURITY_ADMINISTRATOR)
    ask = measure
    monkeypatch.setattr(timekeeping, "measure", lambda: ask(server))
    with time_machine.travel(datetime.now(UTC) + 3 * SECOND, tick=True):
        watch_clock("worker")
        watch_clock("worker")
        assert Alert.objects.get().times_seen == 1, "at most once a minute"
        again(monkeypatch)
        watch_clock("worker")
    alert = Alert.objects.get()
    assert (alert.kind, alert.status, alert.severity, alert.times_seen) == (KIND, "open", "medium", 2)
    assert "is ahead of the database server" in alert.title
    assert "3.0 seconds" in alert.text
    assert "NTP" in alert.fix
    assert notices_of(keeper) == ["audit/alert_raised"]

    again(monkeypatch)
    watch_clock("worker")
    assert Alert.objects.get().status == "resolved"


def test_B12_a_web_server_that_is_late_says_so_in_its_health(
    server: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    ask = measure
    monkeypatch.setattr(timekeeping, "measure", lambda: ask(server))
    with time_machine.travel(datetime.now(UTC) - 3 * SECOND, tick=True):
        sweep()
        answer = client.get("/health")
    said = json.loads(answer.content)
    assert (answer.status_code, said["status"]) == (200, "clock")
    assert said["seconds_ahead_of_database"] == pytest.approx(-3, abs=0.1)
    assert "is behind the database server" in Alert.objects.get(kind=KIND).title


def test_B12_no_statement_lets_the_database_read_a_clock_of_its_own() -> None:
    words = (
        "current_timestamp",
        "clock_timestamp",
        "localtimestamp",
        "functions import now",
        "statement_timestamp",
    )
    found = {
        (path.relative_to(ROOT).as_posix(), word)
        for package in ("accounts", "approvals", "audit", "roles", "pim_portal")
        for path in (ROOT / package).rglob("*.py")
        for word in words
        if word in path.read_text(encoding="utf-8").lower()
    }

    assert found == {("audit/timekeeping.py", "clock_timestamp")}
