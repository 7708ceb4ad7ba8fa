"""Mail, broker and identity provider are down: an emergency is exactly then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.mail.backends.locmem import EmailBackend
from kombu import pools

from accounts.duties import Duty, holds
from accounts.models import Notification
from accounts.notifications.delivering import deliver_due_notifications
from pim_portal.celery import app as celery_app
from roles.models import Assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.emergencies import rush
from tests.factories.roles import change_settings, make_eligibility, make_portal_directory, make_role, now

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dead_broker() -> Iterator[None]:
    """A broker at whose address nothing listens."""

    def publish_on(url: str, options: dict[str, object]) -> None:
        app.conf.broker_url, app.conf.broker_transport_options = url, options
        pools.reset()
        app._pool = app.amqp._producer_pool = None

    app: Any = celery_app
    before = app.conf.broker_url, app.conf.broker_transport_options
    publish_on("redis://127.0.0.1:9/0", {"socket_timeout": 1, "socket_connect_timeout": 1})
    yield
    publish_on(*before)


@pytest.fixture
def mail_down(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A mail server that does not answer."""

    def refuse(self: EmailBackend, messages: object) -> int:
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    return monkeypatch


def test_it_works_with_mail_and_broker_down_and_is_told_once_they_are_back(
    dead_broker: None, mail_down: pytest.MonkeyPatch, cast: Cast, vault: Vault, mailoutbox: list[object]
) -> None:
    role = make_role(vault.row, approvers=[cast.approver], emergency_allowed=True)
    eligibility = make_eligibility(role, cast.employee)
    Notification.objects.all().delete()

    began = time.monotonic()
    use = rush(eligibility, cast.employee)
    assert time.monotonic() - began < 20, "nobody waits long for who does not answer"

    assignment = now(use).access_request.assignment
    assert assignment is not None
    assert assignment.status == Assignment.Status.PROVISIONING
    sweep()
    assert now(assignment).status == Assignment.Status.ACTIVE, "the sweep needs no message"
    assert vault.rights, "the directory has it"
    notices = Notification.objects.filter(notice__startswith="approvals/emergency_")
    assert {str(one.person) for one in notices} == {"Robin Sample", "Kim Placeholder", "Dana Fictive"}
    deliver_due_notifications()
    assert notices.to_mail().count() == 3, "the mails wait"

    mail_down.undo()
    Notification.objects.to_mail().update(next_try_at=now(use).opened_at, lease_until=None)
    deliver_due_notifications()
    assert notices.to_mail().count() == 0
    assert len(mailoutbox) >= 3


def test_a_duty_of_the_portal_itself_is_in_force_at_once(
    dead_broker: None, mail_down: pytest.MonkeyPatch, cast: Cast
) -> None:
    duty = make_portal_directory().roles.get(entitlement=Duty.GLOBAL_ADMINISTRATOR)
    change_settings(duty, emergency_allowed=True, approval_required=True)

    rush(make_eligibility(duty, cast.employee), cast.employee, minutes=60)

    assert holds(cast.employee, Duty.GLOBAL_ADMINISTRATOR)
