"""The servers that the connectors are tried on."""

import os
import socket
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pim_portal.embedded.postgresql import PostgreSQL
from tests.roles.connectors.database import DatabaseServer, Relay
from tests.roles.connectors.ldap_servers import OpenLDAP
from tests.roles.connectors.microsoft_server import Microsoft
from tests.roles.connectors.samba import SambaAD
from tests.servers import run_folder


@pytest.fixture(scope="module")
def database(postgresql_directory_server: PostgreSQL) -> Iterator[str]:
    """Superuser's address of one database for all tests here: making one takes longer than most of them."""
    with psycopg.connect(postgresql_directory_server.url(), autocommit=True) as session:
        session.execute("CREATE DATABASE connector")
        yield postgresql_directory_server.url("connector")
        session.execute("DROP DATABASE connector WITH (FORCE)")


@pytest.fixture
def server(database: str) -> Iterator[DatabaseServer]:
    with psycopg.connect(database, autocommit=True) as superuser:
        server = DatabaseServer(dict(conninfo_to_dict(database)), superuser)
        if server.names_grantors:
            server.run(
                "SET scram_iterations = 1"
            )  # passwords that are quick to check: everybody signs in often
        server.run("CREATE TABLE ledger (amount int)")
        for name in ("pim", "alice", "bob"):
            server.make_login(name)
        server.run("GRANT pg_signal_backend TO pim")
        server.make_role("reader")
        yield server
        server.erase()


@pytest.fixture
def relay(server: DatabaseServer) -> Iterator[Relay]:
    relay = Relay(server.address)
    yield relay
    relay.close()


@pytest.fixture
def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def microsoft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microsoft]:
    microsoft = Microsoft(tmp_path_factory.mktemp("microsoft"))
    yield microsoft
    microsoft.close()


@pytest.fixture(scope="session")
def openldap_server() -> Iterator[OpenLDAP]:
    server = OpenLDAP(run_folder() / f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-openldap")
    yield server
    server.stop()


@pytest.fixture
def openldap(openldap_server: OpenLDAP) -> OpenLDAP:
    """A running OpenLDAP with what every test begins with."""
    openldap_server.fill()
    return openldap_server


@pytest.fixture(scope="session")
def domain_controller() -> Iterator[SambaAD]:
    server = SambaAD(run_folder() / f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-samba")
    server.make_everything()
    yield server
    server.stop()


@pytest.fixture
def domain(domain_controller: SambaAD) -> Iterator[SambaAD]:
    """A running Active Directory in which nobody is in the group `staff`."""
    yield domain_controller
    domain_controller.clean()
