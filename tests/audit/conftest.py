"""What the tests of the journal and its readers share."""

from collections.abc import Iterator

import pytest
from django.db import connection

from audit.journal.triggers import install_triggers, remove_triggers


@pytest.fixture
def intruder(db: None) -> Iterator[None]:
    """Somebody with all rights on the database has taken the journal's triggers away."""
    remove_triggers(connection)
    yield
    install_triggers(connection)


@pytest.fixture
def broken_journal(db: None) -> Iterator[None]:
    """The journal takes no entry: every INSERT fails in the database."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "CREATE FUNCTION no_space_left() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'no space left'; END $$;"
                "CREATE TRIGGER no_space_left BEFORE INSERT ON journal_auditevent "
                "FOR EACH ROW EXECUTE FUNCTION no_space_left()"
            )
        else:
            cursor.execute(
                "CREATE TRIGGER no_space_left BEFORE INSERT ON journal_auditevent "
                "BEGIN SELECT RAISE(ABORT, 'no space left'); END"
            )
    yield
    with connection.cursor() as cursor:
        on = " ON journal_auditevent" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER no_space_left{on}")
        if connection.vendor == "postgresql":
            cursor.execute("DROP FUNCTION no_space_left()")
