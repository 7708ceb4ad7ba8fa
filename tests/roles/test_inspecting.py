"""The dead-man check: somebody is told when the sweep has stopped, and when it runs again."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from time_machine import TimeMachineFixture

from audit.alerts.models import Alert
from roles import inspecting
from roles.connectors.base import Unavailable
from roles.inspecting import not_yet_revoked, pulse, watch_the_sweep
from roles.models import Assignment
from roles.sweeping import beat_heart, sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.roles import HOUR, NOON, notices_of, now, open_alerts

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


def test_a_sweep_that_was_never_seen_does_not_run() -> None:
    assert not pulse().beats
    assert pulse().last_seen is None


def test_a_sweep_counts_as_stopped_after_a_minute(clock: TimeMachineFixture) -> None:
    beat_heart()

    clock.move_to(NOON + 59 * SECOND)
    assert pulse().beats
    clock.move_to(NOON + 60 * SECOND)
    assert not pulse().beats


def test_B11_a_clock_that_was_set_back_does_not_make_a_dead_sweep_alive(clock: TimeMachineFixture) -> None:
    beat_heart()

    clock.move_to(NOON - HOUR)

    assert not pulse().beats


@pytest.fixture
def uptime(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Say how many seconds ago this portal was started."""
    running = [0.0]
    monkeypatch.setattr(inspecting, "_started_at", 0.0)
    monkeypatch.setattr(inspecting, "_spoken_at", -60.0)
    monkeypatch.setattr(inspecting, "time", SimpleNamespace(monotonic=lambda: running[0]))

    def uptime(seconds: float) -> None:
        running[0] = seconds

    return uptime


def test_a_portal_that_was_just_started_gives_its_worker_a_minute(
    clock: TimeMachineFixture, cast: Cast, uptime: Callable[[float], None]
) -> None:
    uptime(59)
    assert not watch_the_sweep().beats, "it says so to whoever asks"
    assert open_alerts() == [], "and alarms nobody yet"

    uptime(60)
    watch_the_sweep()
    assert open_alerts() == ["sweep_stalled"]


def test_the_alert_comes_as_soon_as_the_sweep_counts_as_stopped_however_often_somebody_looked(
    clock: TimeMachineFixture, cast: Cast, uptime: Callable[[float], None]
) -> None:
    beat_heart()
    for seconds in range(0, 60, 5):
        uptime(1000 + seconds)
        clock.move_to(NOON + seconds * SECOND)
        assert watch_the_sweep().beats
    assert open_alerts() == []

    uptime(1060)
    clock.move_to(NOON + 60 * SECOND)
    watch_the_sweep()

    assert open_alerts() == ["sweep_stalled"]


def test_those_with_the_duty_are_told_once_and_the_alert_goes_with_its_cause(
    clock: TimeMachineFixture, cast: Cast, uptime: Callable[[float], None]
) -> None:
    for minute in range(1, 4):
        uptime(60 * minute)
        watch_the_sweep()
    assert open_alerts() == ["sweep_stalled"]
    assert Alert.objects.get().severity == Alert.Severity.HIGH
    assert notices_of(cast.administrator) == ["audit/alert_raised"]
    assert notices_of(cast.outsider) == []

    sweep()
    watch_the_sweep()

    assert open_alerts() == []


def test_what_is_not_yet_revoked_is_counted_until_the_directory_confirms_it(
    given: Assignment, vault: Vault, clock: TimeMachineFixture
) -> None:
    assert not_yet_revoked() == 0
    vault.trouble = Unavailable("Nobody there.")
    clock.move_to(NOON + 4 * HOUR)
    sweep()
    assert not_yet_revoked() == 1

    vault.trouble = None
    clock.move_to(now(given).next_try_at)
    sweep()
    assert not_yet_revoked() == 0
