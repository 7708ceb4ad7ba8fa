"""The first administrator of a new portal, and the way in they are given."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.duties import Duty, holders_of, holds
from accounts.models import Authenticator, User
from audit.journal.models import AuditEvent
from audit.journal.verifying import verify_journal
from roles.models import Directory, Role
from tests.cast import sign_in
from tests.factories.people import PASSWORD, make_person

pytestmark = pytest.mark.django_db


def bootstrap(email: str = "dana@example.test", name: str = "Dana Fictive") -> str:
    """Run the command; the path of the link it prints."""
    out = StringIO()
    call_command("bootstrap", email, name, stdout=out)
    return out.getvalue().split("http://localhost:8000")[1].strip()


def test_it_makes_the_duties_an_administrator_and_their_link(client: Client) -> None:
    link = bootstrap()
    dana = User.objects.get()
    assert (dana.email, dana.display_name, dana.is_superuser) == ("dana@example.test", "Dana Fictive", False)
    assert holds(dana, Duty.GLOBAL_ADMINISTRATOR)
    assert set(Role.objects.values_list("entitlement", flat=True)) == set(Duty.values)
    assert client.get(link).status_code == 200
    told = AuditEvent.objects.get(action="portal.bootstrapped")
    assert "console" in told.actor_name


def test_with_the_link_they_come_in(client: Client) -> None:
    link = bootstrap()
    password = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    assert client.post(link, password)["Location"] == "/enrol/"
    client.get("/enrol/")
    device = Authenticator.objects.get()
    code = device.code_at(device.present_step)
    assert client.post("/enrol/", {"code": code, "name": "Phone"}).status_code == 200
    assert client.get("/people/").status_code == 200
    other = Client()
    sign_in(other, User.objects.get())
    assert other.get("/admin/").status_code == 200


def test_until_they_have_come_it_renews_their_link(client: Client) -> None:
    first, second = bootstrap(), bootstrap("DANA@example.test")
    assert client.get(first).status_code == 404
    assert client.get(second).status_code == 200
    assert User.objects.count() == 1
    assert Directory.objects.count() == 1
    assert holders_of(Duty.GLOBAL_ADMINISTRATOR).count() == 1


def test_E4_once_somebody_has_a_factor_it_makes_nobody(client: Client) -> None:
    bootstrap()
    Authenticator.objects.create(user=User.objects.get(), name="Phone", confirmed=True)
    for email in ("dana@example.test", "pat@example.test"):
        with pytest.raises(CommandError, match="has a Global Administrator already"):
            bootstrap(email)
    assert User.objects.count() == 1


def test_somebody_who_is_there_already_keeps_what_they_have() -> None:
    person = make_person("dana", "Dana Fictive", department="Identity")
    bootstrap(name="Somebody Else")
    person.refresh_from_db()
    assert (person.display_name, person.department) == ("Dana Fictive", "Identity")
    assert holds(person, Duty.GLOBAL_ADMINISTRATOR)


def test_what_is_no_email_is_refused() -> None:
    for email in ("", "dana", "dana@", "dana@example.test\nBcc: x@example.test", "a b@example.test"):
        with pytest.raises(CommandError, match="email address"):
            bootstrap(email)
    assert not User.objects.exists()
    assert not Directory.objects.exists()


def test_all_of_it_is_in_the_journal() -> None:
    bootstrap()
    assert verify_journal().holds
