"""I1: what is written in the journal is neither changed nor taken out, whatever way one takes."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, transaction

from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent
from audit.journal.recording import record
from audit.journal.triggers import check_triggers, install_triggers, remove_triggers

pytestmark = pytest.mark.django_db


def save(event: AuditEvent) -> None:
    event.justification = "another story"
    event.save()


def update(event: AuditEvent) -> None:
    AuditEvent.objects.update(justification="another story")


def bulk_update(event: AuditEvent) -> None:
    event.justification = "another story"
    AuditEvent.objects.bulk_update([event], ["justification"])


def upsert(event: AuditEvent) -> None:
    event.justification = "another story"
    AuditEvent.objects.bulk_create(
        [event], update_conflicts=True, unique_fields=["number"], update_fields=["justification"]
    )


def delete(event: AuditEvent) -> None:
    event.delete()


def delete_all(event: AuditEvent) -> None:
    AuditEvent.objects.all().delete()


def raw_delete(event: AuditEvent) -> None:
    AuditEvent.objects.all()._raw_delete("default")


def raw_sql_update(event: AuditEvent) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE journal_auditevent SET justification = 'another story'")


def raw_sql_delete(event: AuditEvent) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM journal_auditevent WHERE number = 1")


@pytest.mark.parametrize(
    "way",
    [save, update, bulk_update, upsert, delete, delete_all, raw_delete, raw_sql_update, raw_sql_delete],
    ids=lambda way: way.__name__,
)
def test_I1_an_entry_can_neither_be_changed_nor_removed(way: Callable[[AuditEvent], None]) -> None:
    event = record("thing.happened", actor=PORTAL, justification="the story")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        way(event)
    assert AuditEvent.objects.get().justification == "the story"


@pytest.mark.parametrize("way", [save, delete], ids=lambda way: way.__name__)
def test_I1_without_the_triggers_it_could(way: Callable[[AuditEvent], None], intruder: None) -> None:
    """The guard's own test: it is the trigger that refuses, and nothing else."""
    event = record("thing.happened", actor=PORTAL, justification="the story")
    way(event)
    assert not AuditEvent.objects.filter(justification="the story").exists()


def test_I3_the_portal_does_not_start_on_a_database_without_the_triggers() -> None:
    assert check_triggers(databases=["default"]) == []
    remove_triggers(connection)
    [found] = check_triggers(databases=["default"])
    assert found.id == "journal.E001"
    install_triggers(connection)
    assert check_triggers(databases=["default"]) == []
