"""``manage.py demo_code``: a phone for those who try the portal."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from tests.cast import Cast
from tests.factories.people import PASSWORD

pytestmark = pytest.mark.django_db


def printed(person: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("demo_code", person, stdout=out, stderr=err)
    return out.getvalue().strip(), err.getvalue()


@pytest.mark.parametrize("known_as", ["robin", "robin@example.test", "ROBIN"])
def test_the_code_signs_in(cast: Cast, client: Client, known_as: str) -> None:
    client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    assert client.post("/sign-in/code/", {"code": printed(known_as)[0]}).status_code == 302


def test_it_says_when_one_has_to_wait_for_the_next(cast: Cast, client: Client) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _time in range(2):
            client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
            code, warning = printed("robin")
            assert warning == ""
            assert client.post("/sign-in/code/", {"code": code}).status_code == 302
            client.post("/sign-out/")
        code, warning = printed("robin")
        assert "works in" in warning
        wait = int(warning.split(" s:")[0].rpartition(" ")[2])
        clock.shift(timedelta(seconds=wait))
        client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
        assert client.post("/sign-in/code/", {"code": code}).status_code == 302


def test_it_refuses_in_production(cast: Cast, settings: Any) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        printed("robin")


def test_it_says_when_nobody_is_known(cast: Cast) -> None:
    with pytest.raises(CommandError, match="Nobody"):
        printed("nobody")
