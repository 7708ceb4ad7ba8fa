"""Servers and databases for every test. People and things to test with stand in `cast.py` and `factories/`."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.test import TransactionTestCase
from kombu import pools
from psycopg import sql

from audit.journal import triggers as journal_triggers
from pim_portal.celery import app as celery_app
from pim_portal.embedded.postgresql import PostgreSQL
from roles import triggers as holder_triggers
from tests.cast import cast  # noqa: F401
from tests.servers import RedisServer, SMTPServer, Worker, run_folder, start_postgresql


@pytest.fixture(scope="session")
def django_db_use_migrations() -> bool:
    """On SQLite the tables are made from the models, which takes a tenth of the time.

    The migrations are tried on PostgreSQL, and on SQLite by the tests that start the whole portal.
    """
    return os.environ.get("PORTAL_TEST_DATABASE", "sqlite") == "postgresql"


@pytest.fixture(scope="session", autouse=True)
def _database_can_be_flushed() -> Iterator[None]:
    """Let a transactional test empty its database: the triggers that refuse that step aside for it."""
    guards = (journal_triggers, holder_triggers)
    teardown = TransactionTestCase._fixture_teardown

    def teardown_without_triggers(self: TransactionTestCase) -> None:
        names = self._databases_names(include_mirrors=False)
        for name in names:
            for guard in guards:
                guard.remove_triggers(connections[name])
        try:
            teardown(self)
        finally:
            for name in names:
                for guard in guards:
                    guard.install_triggers(connections[name])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown_without_triggers)
        yield


@pytest.fixture(scope="session")
def postgresql_directory_server() -> Iterator[PostgreSQL]:
    """A PostgreSQL server that is not the portal's own: a directory to connect to, also when the portal is on SQLite."""
    server = start_postgresql(run_folder() / f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-postgresql")
    yield server
    server.erase()


@pytest.fixture(autouse=True)
def _directory_server_left_as_found(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever databases and roles a test makes on the directory server, the next one does not meet them."""
    if "postgresql_directory_server" not in request.fixturenames:
        yield
        return
    server: PostgreSQL = request.getfixturevalue("postgresql_directory_server")
    before = _databases_and_roles(server)
    yield
    if server.process is None:
        server.start()
    databases, roles = (now - then for now, then in zip(_databases_and_roles(server), before, strict=True))
    with psycopg.connect(server.url(), autocommit=True) as session:
        for database in databases:
            session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
        for verb in ("DROP OWNED BY {}", "DROP ROLE {}"):
            for role in roles:
                session.execute(sql.SQL(verb).format(sql.Identifier(role)))


def _databases_and_roles(server: PostgreSQL) -> tuple[set[str], set[str]]:
    with psycopg.connect(server.url()) as session:
        databases = session.execute("SELECT datname FROM pg_database").fetchall()
        roles = session.execute("SELECT rolname FROM pg_roles").fetchall()
    return {name for (name,) in databases}, {name for (name,) in roles}


@pytest.fixture
def postgresql_directory(postgresql_directory_server: PostgreSQL) -> str:
    """Superuser's address of a fresh, empty database; it is gone after the test, and so are roles made meanwhile."""
    with psycopg.connect(postgresql_directory_server.url(), autocommit=True) as session:
        session.execute("CREATE DATABASE directory")
    return postgresql_directory_server.url("directory")


@pytest.fixture(scope="session")
def _redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(_redis_server: RedisServer) -> RedisServer:
    """A running, empty server that speaks the Redis protocol; a test may stop and start it."""
    if _redis_server.process is None:
        _redis_server.start()
    _redis_server.empty()
    return _redis_server


@pytest.fixture
def smtp_server() -> Iterator[SMTPServer]:
    """A mail server on the loopback interface; what it was given stands in its `messages`."""
    server = SMTPServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["filesystem", "redis"])
def broker_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a real, empty broker, on which this process publishes too; such a test runs once on each kind."""
    if request.param == "filesystem":
        url, options = "filesystem://localhost", settings.CELERY_BROKER_TRANSPORT_OPTIONS
        for folder in (options["data_folder_in"], options["control_folder"]):
            for left in Path(folder).iterdir():
                left.unlink()
    else:
        url, options = request.getfixturevalue("redis_server").url, {"socket_timeout": 10}
    before = celery_app.conf.broker_url, celery_app.conf.broker_transport_options
    _publish_on(url, options)
    yield url
    _publish_on(*before)


def _publish_on(url: str, options: dict[str, Any]) -> None:
    celery_app.conf.broker_url, celery_app.conf.broker_transport_options = url, options
    pools.reset()
    celery_app._pool = celery_app.amqp._producer_pool = None


@pytest.fixture
def start_worker(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Start real Celery workers: `start_worker(broker_url, SWEEP_SECONDS="0", ...)` returns one that is ready.

    Each sees what the test has committed. All are stopped after the test.
    """
    workers: list[Worker] = []

    def start(broker_url: str = "filesystem://localhost", **env: str) -> Worker:
        worker = Worker(tmp_path, broker_url, env)
        workers.append(worker)
        worker.wait_until_ready()
        return worker

    yield start
    for worker in workers:
        worker.stop()
