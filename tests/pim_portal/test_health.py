"""Whether the portal is well: asked without signing in, answered without the worker."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from time_machine import TimeMachineFixture

from audit import timekeeping
from audit.alerts.models import Alert
from roles import inspecting
from roles.models import Heartbeat
from roles.sweeping import SWEEP, sweep
from tests.cast import Cast
from tests.factories.connectors import Vault, vault  # noqa: F401
from tests.factories.roles import NOON, activate, make_eligibility, make_role, notices_of, open_alerts

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(time_machine: TimeMachineFixture) -> TimeMachineFixture:
    """It is noon, and time stands still until a test moves it."""
    time_machine.move_to(NOON, tick=False)
    return time_machine


@pytest.fixture(autouse=True)
def _running_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process was started an hour ago, has never spoken of a standstill, and has just compared the clocks."""
    monkeypatch.setattr(inspecting, "_started_at", time.monotonic() - 3600)
    monkeypatch.setattr(inspecting, "_spoken_at", time.monotonic() - 3600)
    monkeypatch.setattr(timekeeping, "_looked_at", time.monotonic() + 3600)
    monkeypatch.setattr(timekeeping, "_seen", None)


def health(client: Client, status: int) -> dict[str, Any]:
    answer = client.get("/health")
    assert answer.status_code == status
    said: dict[str, Any] = json.loads(answer.content)
    return said


def test_it_is_well_while_the_sweep_is_seen(client: Client, clock: TimeMachineFixture) -> None:
    sweep()
    said = health(client, 200)
    assert (said["status"], said["not_yet_revoked"]) == ("ok", 0)
    assert said["sweep_last_seen"].startswith("2026-05-04T12:00:00")
    clock.shift(59)
    health(client, 200)
    assert open_alerts() == []


def test_G_H_when_the_sweep_has_stopped_it_says_so_raises_one_alert_and_resolves_it(
    client: Client, clock: TimeMachineFixture, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep()
    clock.shift(60)
    assert health(client, 503)["status"] == "stalled"
    assert open_alerts() == [inspecting.STALLED]
    assert notices_of(cast.administrator) != []
    told = len(notices_of(cast.administrator))

    monkeypatch.setattr(inspecting, "_spoken_at", time.monotonic() - 61)
    health(client, 503)
    assert Alert.objects.count() == 1
    assert len(notices_of(cast.administrator)) == told, "told once"

    sweep()
    health(client, 200)
    assert open_alerts() == []
    assert Alert.objects.get().status == Alert.Status.RESOLVED


def test_where_it_was_never_seen_it_is_not_well(client: Client, clock: TimeMachineFixture) -> None:
    assert health(client, 503)["sweep_last_seen"] is None
    assert open_alerts() == [inspecting.STALLED]


def test_a_portal_that_was_just_started_gives_its_worker_time(
    client: Client, clock: TimeMachineFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspecting, "_started_at", time.monotonic())
    health(client, 503)
    assert open_alerts() == []


def test_it_speaks_of_a_standstill_at_most_once_a_minute(client: Client, clock: TimeMachineFixture) -> None:
    health(client, 503)
    Alert.objects.all().delete()
    health(client, 503)
    assert open_alerts() == []


def test_B11_a_sign_from_the_future_is_no_sign(client: Client, clock: TimeMachineFixture) -> None:
    sweep()
    Heartbeat.objects.filter(pk=SWEEP).update(at=timezone.now() + timedelta(hours=1))
    health(client, 503)


def test_what_is_not_yet_revoked_is_counted_and_nobody_is_named(
    client: Client,
    clock: TimeMachineFixture,
    cast: Cast,
    vault: Vault,  # noqa: F811
) -> None:
    activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee, minutes=30)
    sweep()
    vault.trouble = OSError("unreachable")
    clock.shift(30 * 60)
    sweep()
    said = health(client, 200)
    assert said["not_yet_revoked"] == 1
    assert set(said) == {"status", "sweep_last_seen", "not_yet_revoked", "seconds_ahead_of_database"}


def test_D9_it_is_only_looked_at(client: Client) -> None:
    for method in (client.post, client.put, client.patch, client.delete):
        assert method("/health").status_code == 405
