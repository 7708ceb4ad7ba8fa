"""Fixtures for asking and answering."""

import pytest
from time_machine import TimeMachineFixture

from tests.factories.connectors import vault  # noqa: F401
from tests.factories.roles import NOON


@pytest.fixture
def clock(time_machine: TimeMachineFixture) -> TimeMachineFixture:
    """It is noon, and time stands still until a test moves it."""
    time_machine.move_to(NOON, tick=False)
    return time_machine
