"""A directory of the kind `webhook`, from the activation to the read-back, with real messages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings
from time_machine import TimeMachineFixture

from audit.journal.actor import PORTAL
from roles.cataloguing import open_directory
from roles.connectors.signing import new_secret
from roles.models import Assignment, Directory, EndCause
from roles.provisioning import end_assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.hooks import serving
from tests.factories.receivers import answers
from tests.factories.roles import activate, make_eligibility, make_role, now, open_alerts

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _secret_and_loopback(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OUTBOUND_ALLOWED = ["127.0.0.1"]
    monkeypatch.setenv("DIRECTORY_ARCHIVE_SECRET", new_secret())


def open_archive(url: str) -> Directory:
    return open_directory(
        "Archive",
        actor=PORTAL,
        kind="webhook",
        connection={"url": url},
        secret="env:DIRECTORY_ARCHIVE_SECRET",
    )


def test_a_receiver_that_takes_its_time_is_asked_again_with_one_id_until_it_is_done(
    clock: TimeMachineFixture, cast: Cast
) -> None:
    with serving(answers(202), answers(202), answers(receipt="R-1"), answers(202), answers()) as server:
        role = make_role(open_archive(server.url))
        held = activate(make_eligibility(role, cast.employee), cast.employee)
        for _ in range(3):
            assert now(held).status == Assignment.Status.PROVISIONING
            sweep()
            clock.shift(timedelta(minutes=5))
        assert now(held).status == Assignment.Status.ACTIVE
        end_assignment(now(held), actor=PORTAL, cause=EndCause.REMOVED)
        sweep()
        assert now(held).status == Assignment.Status.ENDING
        assert open_alerts() != []
        clock.shift(timedelta(minutes=1))
        sweep()

    assert now(held).status == Assignment.Status.ENDED
    ids = [headers["webhook-id"] for headers, _ in server.asked]
    assert (len(set(ids[:3])), len(set(ids[3:])), len(set(ids))) == (1, 1, 2)
    assert server.questions[-1]["data"]["receipt"] == "R-1"
