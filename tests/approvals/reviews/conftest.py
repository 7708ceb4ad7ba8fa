"""A review to lead: about twelve people, answered by two."""

from __future__ import annotations

import pytest
from time_machine import TimeMachineFixture

from approvals.reviews.keeping import StageWish
from approvals.reviews.models import AccessReview
from roles.models import Role
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import make_person
from tests.factories.reviews import CHOSEN, make_series, open_run
from tests.factories.roles import make_eligibility, make_role


@pytest.fixture
def operator(clock: TimeMachineFixture, vault: Vault, cast: Cast) -> Role:
    """A role that twelve people may activate."""
    role = make_role(vault.row, "Vault operator")
    for n in range(12):
        make_eligibility(role, make_person(f"p{n}", f"Person {n:02d}"))
    return role


@pytest.fixture
def review(operator: Role, cast: Cast) -> AccessReview:
    """About these twelve, led by Dana, answered by Kim and Jo."""
    series = make_series(
        cast.administrator,
        cast.approver,
        cast.second_approver,
        roles=[operator],
        recommends=False,
        why_on_approval=False,
    )
    return open_run(series)


@pytest.fixture
def staged(operator: Role, cast: Cast) -> AccessReview:
    """In three stages of five days, each with one reviewer."""
    stages = [StageWish(CHOSEN, 5, (), [one]) for one in (cast.approver, cast.second_approver, cast.auditor)]
    return open_run(make_series(cast.administrator, roles=[operator], stages=stages, name="In stages"))


@pytest.fixture
def role(clock: TimeMachineFixture, vault: Vault) -> Role:
    """A role of a directory in memory, at noon."""
    return make_role(vault.row)
