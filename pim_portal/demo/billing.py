"""The demo's second directory: a billing database with roles, a login for everybody, and the portal's service account."""

from __future__ import annotations

import secrets
from pathlib import Path

import psycopg
from django.conf import settings
from psycopg import sql

from pim_portal.demo.people import PASSWORD, PEOPLE

DATABASE = "billing"
SERVICE_ACCOUNT = "pim_portal"
SERVICE = "invoice-export"  # the login of a program
SCHEMA = """
CREATE TABLE invoice (number integer PRIMARY KEY, customer text NOT NULL, amount numeric(10, 2) NOT NULL,
                      paid boolean NOT NULL DEFAULT false);
INSERT INTO invoice SELECT n, 'Customer ' || n, (n * 37 % 900) + 100, n % 3 = 0 FROM generate_series(1, 200) n;
REVOKE ALL ON invoice FROM PUBLIC;
CREATE ROLE billing_reader NOLOGIN;
CREATE ROLE billing_operator NOLOGIN;
CREATE ROLE billing_administrator NOLOGIN;
GRANT SELECT ON invoice TO billing_reader, billing_operator, billing_administrator;
GRANT UPDATE ON invoice TO billing_operator, billing_administrator;
GRANT INSERT, DELETE, TRUNCATE ON invoice TO billing_administrator;
"""
LOGINS = [SERVICE, *(person.login for person in PEOPLE)]
ROLES = ["billing_reader", "billing_operator", "billing_administrator"]


def make_billing_database(superuser_url: str) -> tuple[dict[str, object], str]:
    """Make the database, its roles and logins.

    Returns:
        The connection of the directory, and the reference to the service account's secret.
    """
    password = secrets.token_urlsafe(24)
    with psycopg.connect(superuser_url, autocommit=True) as session:
        # The portal's data was lost and begun anew while the server's stayed: begin the database anew as well.
        session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
        for name in [*ROLES, SERVICE_ACCOUNT, *LOGINS]:
            session.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
        session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        info = session.info
        host, port, user, secret = info.host, info.port, info.user, info.password
    with psycopg.connect(
        host=host, port=port, user=user, password=secret, dbname=DATABASE, autocommit=True
    ) as session:
        session.execute(SCHEMA)
        for name in LOGINS:
            _make_login(session, name, PASSWORD)
        _make_login(session, SERVICE_ACCOUNT, password)
        account = sql.Identifier(SERVICE_ACCOUNT)
        session.execute(sql.SQL("GRANT pg_signal_backend TO {}").format(account))
        for name in ROLES:
            session.execute(
                sql.SQL("GRANT {} TO {} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE").format(
                    sql.Identifier(name), account
                )
            )
    kept = Path(settings.VAR) / "secrets" / "billing"
    kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept.touch(mode=0o600)
    kept.write_text(password, encoding="ascii")
    return {"host": host, "port": port, "dbname": DATABASE, "user": SERVICE_ACCOUNT}, f"file:{kept}"


def _make_login(session: psycopg.Connection[tuple[object, ...]], name: str, password: str) -> None:
    session.execute(
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
    )
