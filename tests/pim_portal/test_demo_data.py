"""The demo: an organisation to try the portal with, made by the portal's own verbs."""

from __future__ import annotations

from contextlib import closing
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.duties import Duty, holds
from accounts.models import Authenticator, Group, User
from approvals.models import AccessRequest
from approvals.permissions import approvers_of
from audit.journal.models import AuditEvent
from audit.journal.verifying import verify_journal
from pim_portal.demo.billing import DATABASE, make_billing_database
from pim_portal.demo.people import PASSWORD
from pim_portal.embedded.postgresql import PostgreSQL
from roles.models import Assignment, Directory, Eligibility
from roles.sweeping import sweep
from tests.cast import code_for
from tests.factories.people import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(settings: Settings, tmp_path: Path) -> None:
    """The demo writes down who is who, and the service account's secret: not beside those of other tests."""
    settings.VAR = tmp_path
    settings.SECRET_FOLDERS = [str(tmp_path / "secrets")]


def person(login: str) -> User:
    return User.objects.get(email=f"{login}@example.test")


def make_demo(**options: str) -> str:
    out = StringIO()
    call_command("demo_data", stdout=out, **options)
    return out.getvalue()


def demo_client(login: str) -> Client:
    """A browser in which somebody of the demo has signed in."""
    client = Client()
    client.post(reverse("sign_in"), {"email": f"{login}@example.test", "password": PASSWORD})
    assert client.post(reverse("sign_in_code"), {"code": code_for(person(login))}).status_code == 302
    return client


def test_it_makes_the_organisation_and_says_who_is_who(tmp_path: Path) -> None:
    assert "The demo has" in make_demo()
    assert 38 <= User.objects.count() <= 45
    assert User.objects.filter(manager=None).count() < 5
    assert Group.objects.count() >= 3
    assert Authenticator.objects.filter(confirmed=True).count() == User.objects.count()
    told = (tmp_path / "demo.txt").read_text()
    for word in (
        "robin@example.test",
        "kim@example.test",
        "dana@example.test",
        "toni@example.test",
        PASSWORD,
    ):
        assert word in told


def test_duties_are_given_for_good_or_may_be_activated() -> None:
    make_demo()
    assert holds(person("val"), Duty.GLOBAL_ADMINISTRATOR)
    assert holds(person("toni"), Duty.SECURITY_READER)
    assert not holds(person("pat"), *Duty)
    assert not holds(person("sam"), *Duty), "a superuser by the flag alone"
    assert person("sam").is_superuser
    assert Eligibility.objects.in_force().filter(person=person("robin")).exists()
    assert sorted(Directory.objects.values_list("kind", flat=True)) == ["by_hand", "groups", "portal"]


def test_everybody_of_the_cast_can_sign_in_and_see_their_pages() -> None:
    make_demo()
    for login in ("robin", "kim", "dana", "toni", "pat"):
        client = demo_client(login)
        for name in ("home", "my_roles", "my_requests", "to_decide", "inbox", "my_audit"):
            assert client.get(reverse(name)).status_code == 200, (login, name)
    assert demo_client("toni").get(reverse("journal")).status_code == 200
    assert demo_client("dana").get("/admin/").status_code == 200


def test_all_of_it_is_in_the_journal_which_holds() -> None:
    make_demo()
    assert AuditEvent.objects.filter(action="demo.made").count() == 1
    assert AuditEvent.objects.filter(actor_name="the demo").count() > 100
    assert verify_journal().holds


def test_with_a_server_there_is_a_second_directory_that_works(
    postgresql_directory_server: PostgreSQL,
) -> None:
    make_demo(postgresql_url=postgresql_directory_server.url())
    billing = Directory.objects.get(kind="postgresql")
    assert billing.roles.count() == 3
    assert User.objects.services().get().assignments.get().role.name == "Billing reader"
    waiting = AccessRequest.objects.get()
    assert waiting.holder == person("alex")
    assert {"kim", "lou"} <= {one.email.split("@")[0] for one in approvers_of(waiting)}

    lou = demo_client("lou")
    assert lou.post(reverse("decide", args=[waiting.pk]), {"verdict": "approve"}).status_code == 302
    sweep()
    assignment = Assignment.objects.get(access_requests=waiting)
    assert assignment.status == Assignment.Status.ACTIVE
    url = postgresql_directory_server.url(DATABASE)
    as_alex = psycopg.conninfo.make_conninfo(url, user="alex", password=PASSWORD)
    with closing(psycopg.connect(as_alex)) as session:
        assert session.execute("SELECT count(*) FROM invoice").fetchone() == (200,)
    as_pat = psycopg.conninfo.make_conninfo(url, user="pat", password=PASSWORD)
    with closing(psycopg.connect(as_pat)) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("SELECT count(*) FROM invoice")


def test_I6_no_secret_of_the_directory_stands_in_the_portal(
    postgresql_directory_server: PostgreSQL, tmp_path: Path
) -> None:
    make_demo(postgresql_url=postgresql_directory_server.url())
    kept = tmp_path / "secrets" / "billing"
    secret = kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    billing = Directory.objects.get(kind="postgresql")
    assert secret not in str(billing.connection) + billing.secret
    assert not [one for one in AuditEvent.objects.all() if secret in str(one.detail)]


def test_begun_anew_the_server_is_begun_anew_too(postgresql_directory_server: PostgreSQL) -> None:
    for _ in range(2):
        connection, _secret = make_billing_database(postgresql_directory_server.url())
        assert connection["dbname"] == DATABASE


def test_where_there_are_people_it_refuses() -> None:
    make_person("robin", "Robin Sample")
    with pytest.raises(CommandError, match="people in this portal already"):
        make_demo()
    assert User.objects.count() == 1
    assert not Directory.objects.exists()


def test_in_production_it_refuses(settings: Settings) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="not in production"):
        make_demo()
    assert not User.objects.exists()
