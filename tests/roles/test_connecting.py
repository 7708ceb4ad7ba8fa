"""Connecting a directory in the browser, on a real PostgreSQL: address, secret, test, discovery, roles, observing."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.apps import apps
from django.core import serializers
from django.test import Client
from django.urls import reverse
from psycopg.conninfo import conninfo_to_dict
from pytest_django import Settings

from accounts.duties import Duty
from audit.journal.verifying import verify_journal
from roles.connecting import change_connection
from roles.connectors.base import Unavailable
from roles.exploring import inspect, inspect_what_waits
from roles.models import Directory, Inspection
from roles.permissions import OWN
from roles.reaching import connector_for, secret_of
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.databases import PASSWORD, LedgerDatabase, open_ledger
from tests.factories.pages import signed_in
from tests.factories.people import give_duty
from tests.factories.roles import acting, appoint, now

pytestmark = pytest.mark.django_db


@pytest.fixture
def database(
    postgresql_directory: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> LedgerDatabase:
    """A database that the portal may reach, and does not know."""
    ledger = open_ledger(postgresql_directory, "robin", "kim", "stranger", monkeypatch=monkeypatch)
    Directory.objects.filter(pk=ledger.row.pk).update(name="Another")
    settings.OUTBOUND_ALLOWED = [str(conninfo_to_dict(postgresql_directory)["host"])]
    return ledger


@pytest.fixture
def admin(cast: Cast) -> Client:
    give_duty(cast.administrator, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    return signed_in(cast.administrator)


def filled_in(database: LedgerDatabase, **more: str) -> dict[str, str]:
    address: dict[str, Any] = conninfo_to_dict(database.url)
    said = {f"setting_{name}": str(address[name]) for name in ("host", "port", "dbname")}
    said |= {"setting_user": "pim", "setting_sslmode": "", "setting_sslrootcert": ""}
    return (
        said
        | {
            "name": "Ledger",
            "description": "",
            "account_names": "local_part",
            "secret_text": PASSWORD,
            "reference": "",
        }
        | more
    )


def connect(admin: Client, database: LedgerDatabase, **more: str) -> Directory:
    """Fill in the form, and let the worker come by."""
    answer = admin.post(reverse("connect_kind", args=["postgresql"]), filled_in(database, **more))
    assert answer.status_code == 302, answer.context["form"].errors
    inspect_what_waits()
    return Directory.objects.get(name=more.get("name", "Ledger"))


def page_of(admin: Client, directory: Directory) -> str:
    return admin.get(reverse("connection", args=[directory.pk])).content.decode()


def test_from_the_address_to_roles_that_are_observed(admin: Client, database: LedgerDatabase) -> None:
    assert "PostgreSQL" in admin.get(reverse("connect_directory")).content.decode()
    directory = connect(admin, database)
    assert directory.is_observed

    page = page_of(admin, directory)
    assert "PostgreSQL 1" in page
    assert "pg_signal_backend" in page
    assert "Everything that is needed is there" in page

    admin.post(reverse("look_into", args=[directory.pk, "discovery"]))
    assert "A worker is looking around" in page_of(admin, directory)
    inspect_what_waits()
    page = page_of(admin, directory)
    assert "ledger_reader" in page
    assert "2 of 3 are of people here" in page
    assert "stranger" in page

    answer = admin.post(
        reverse("choose_roles", args=[directory.pk]), {"roles": ["ledger_reader"]}, follow=True
    )
    assert "1 role is managed here now." in answer.content.decode()
    assert [role.entitlement for role in directory.roles.all()] == ["ledger_reader"]
    assert verify_journal().holds


def test_a_wrong_password_is_said_in_words_and_never_shown(
    admin: Client, database: LedgerDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    directory = connect(admin, database, secret_text="a planted secret: 7f0c2a")

    page = page_of(admin, directory)
    assert "The service account is not accepted" in page
    change = admin.get(reverse("change_connection", args=[directory.pk])).content.decode()
    rows = [
        json.loads(serializers.serialize("json", model._base_manager.all())) for model in apps.get_models()
    ]
    for place in (page, change, json.dumps(rows), caplog.text):
        assert "7f0c2a" not in place
    assert secret_of(directory) == "a planted secret: 7f0c2a"


def test_a_secret_opens_for_its_own_directory_alone(admin: Client, database: LedgerDatabase) -> None:
    one, other = connect(admin, database), connect(admin, database, name="Second")
    Directory.objects.filter(pk=other.pk).update(sealed_secret=one.sealed_secret)

    inspect(Inspection.objects.get(directory=other).pk)
    admin.post(reverse("look_into", args=[other.pk, "check"]))
    inspect_what_waits()

    assert "changed" in Inspection.objects.get(directory=other).error


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    admin: Client, database: LedgerDatabase
) -> None:
    address = reverse("connect_kind", args=["postgresql"])
    for fields, field in (
        ({"setting_host": ""}, "setting_host"),
        ({"setting_host": "10.0.0.1"}, "setting_host"),
        ({"setting_host": "/etc"}, "setting_host"),
        ({"reference": "hunter2"}, "reference"),
        ({"reference": "env:DIRECTORY_X"}, "reference"),
        ({"name": "Another"}, "name"),
        ({"account_names": "anything"}, "account_names"),
    ):
        answer = admin.post(address, filled_in(database, **fields))
        assert answer.status_code in (409, 422), fields
        assert field in answer.context["form"].errors
        assert PASSWORD not in answer.content.decode()
    assert not Directory.objects.filter(name="Ledger").exists()


def test_another_address_asks_for_the_secret_again(
    admin: Client, cast: Cast, database: LedgerDatabase
) -> None:
    directory = connect(admin, database)
    appoint(cast.employee, OWN, directory)
    owner = signed_in(cast.employee)
    address = reverse("change_connection", args=[directory.pk])
    said = filled_in(database, secret_text="", setting_port="1")

    answer = owner.post(address, said)
    assert "secret_text" in answer.context["form"].errors
    answer = owner.post(address, said | {"reference": "env:DIRECTORY_LEDGER_SECRET"})
    assert answer.status_code == 403, "where secrets lie, role administrators alone say"
    assert now(directory).connection == directory.connection

    assert owner.post(address, said | {"secret_text": "another"}).status_code == 302
    assert now(directory).connection["port"] == "1"


def test_an_address_that_leads_inside_by_now_is_not_called_any_more(
    admin: Client, database: LedgerDatabase, settings: Settings
) -> None:
    directory = connect(admin, database)
    assert Inspection.objects.get(directory=directory).error == ""

    settings.OUTBOUND_ALLOWED = []
    with pytest.raises(Unavailable, match="OUTBOUND_ALLOWED"):
        connector_for(directory)
    admin.post(reverse("look_into", args=[directory.pk, "check"]))
    inspect_what_waits()
    assert "OUTBOUND_ALLOWED" in Inspection.objects.get(directory=directory).error


def test_what_was_not_found_cannot_be_taken(admin: Client, database: LedgerDatabase) -> None:
    directory = connect(admin, database)

    answer = admin.post(reverse("choose_roles", args=[directory.pk]), {"roles": ["postgres"]})

    assert answer.status_code == 422
    assert not directory.roles.exists()


def test_a_look_is_taken_once_and_one_that_was_asked_for_anew_is_the_one_that_answers(
    admin: Client, database: LedgerDatabase
) -> None:
    directory = connect(admin, database)
    look = Inspection.objects.get(directory=directory)
    assert look.found["usable"]
    Inspection.objects.filter(pk=look.pk).update(found={"usable": "as it was"})

    inspect(look.pk)

    assert now(look).found == {"usable": "as it was"}


def test_a_stranger_meets_none_of_it_and_a_reader_changes_nothing(cast: Cast, vault: Vault) -> None:
    for who, expected in ((cast.employee, 404), (cast.auditor, 403)):
        client = signed_in(who)
        assert client.get(reverse("connection", args=[vault.row.pk])).status_code == expected
        assert client.get(reverse("change_connection", args=[vault.row.pk])).status_code == expected
        for name in ("connect_directory", "connect_kind"):
            args = ["postgresql"] if name == "connect_kind" else []
            assert client.get(reverse(name, args=args)).status_code == 404
    with pytest.raises(Exception, match="duties"):
        change_connection(vault.row, actor=acting(cast.employee), connection={})
