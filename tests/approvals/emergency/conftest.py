"""A role that may be activated in an emergency."""

import pytest
from time_machine import TimeMachineFixture

from roles.models import Eligibility, Role
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.roles import make_eligibility, make_role


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    """Kim approves it; in an emergency nobody has to."""
    return make_role(vault.row, approvers=[cast.approver], emergency_allowed=True, max_minutes=480)


@pytest.fixture
def eligibility(role: Role, cast: Cast) -> Eligibility:
    return make_eligibility(role, cast.employee)
