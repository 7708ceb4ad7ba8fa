"""Fixtures for everything about roles."""

import pytest
from time_machine import TimeMachineFixture

from roles.models import Assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault, vault  # noqa: F401
from tests.factories.roles import NOON, activate, make_eligibility, make_role, now


@pytest.fixture
def clock(time_machine: TimeMachineFixture) -> TimeMachineFixture:
    """It is noon, and time stands still until a test moves it."""
    time_machine.move_to(NOON, tick=False)
    return time_machine


@pytest.fixture
def begun(
    clock: TimeMachineFixture,
    cast: Cast,
    vault: Vault,  # noqa: F811
) -> Assignment:
    """Four hours of a role, written down and not yet given."""
    return activate(make_eligibility(make_role(vault.row), cast.employee), cast.employee)


@pytest.fixture
def given(begun: Assignment) -> Assignment:
    """Four hours of a role, given by the directory at noon."""
    sweep()
    return now(begun)
