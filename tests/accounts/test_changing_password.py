"""Changing one's own password."""

from __future__ import annotations

from datetime import timedelta

import time_machine
from django.test import Client
from django.utils import timezone

from accounts.notifications.models import Notification
from audit.journal.models import AuditEvent
from tests.cast import Cast, sign_in
from tests.factories.people import PASSWORD

NEW = "quite another sentence"
FORM = {"old": PASSWORD, "new": NEW, "again": NEW}


def test_D2_a_changed_password_ends_every_session_and_the_old_one_is_worth_nothing(cast: Cast) -> None:
    here, elsewhere = Client(), Client()
    sign_in(elsewhere, cast.employee)
    sign_in(here, cast.employee)
    answer = here.post("/password/", FORM)
    assert answer["Location"] == "/sign-in/"
    assert elsewhere.get("/").status_code == 302
    assert here.get("/").status_code == 302
    old = Client().post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    assert b"do not belong together" in old.content
    new = Client().post("/sign-in/", {"email": cast.employee.email, "password": NEW})
    assert new["Location"] == "/sign-in/code/"
    assert AuditEvent.objects.filter(action="password.changed", about=cast.employee).exists()
    assert Notification.objects.filter(person=cast.employee, notice="accounts/password_changed").exists()


def test_an_old_second_factor_is_asked_anew_before_the_form(cast: Cast) -> None:
    client = Client()
    sign_in(client, cast.employee)
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        answer = client.get("/password/")
        assert answer.status_code in (302, 303)
        assert "/step-up/" in answer["Location"]
        assert "/step-up/" in client.post("/password/", FORM)["Location"]
    cast.employee.refresh_from_db()
    assert cast.employee.check_password(PASSWORD)


def test_slips_are_said_beside_their_field_and_change_nothing(cast: Cast) -> None:
    client = Client()
    sign_in(client, cast.employee)
    for slip, words in (
        ({"old": "not it at all"}, "not your present password"),
        ({"again": "something else entirely"}, "differs from the new password"),
        ({"new": "short", "again": "short"}, "too short"),
    ):
        answer = client.post("/password/", FORM | slip)
        assert answer.status_code == 422
        assert words in answer.content.decode()
    cast.employee.refresh_from_db()
    assert cast.employee.check_password(PASSWORD)
