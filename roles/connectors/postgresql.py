"""PostgreSQL 15 and newer: the entitlement is a database role, the account a login, the right a membership.

A membership cannot end by itself there, so the end is the portal's to bring about. Taking it away does not stop a
session that has already done SET ROLE: such sessions are ended, and looked for until they are gone.

From version 16 on a membership belongs to its grantor: the service account can take away only what it, or a role
it speaks for, has given. Another's grant that stands is reported in words (`Denied`), not tried for ever.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Self

import psycopg
from psycopg.rows import namedtuple_row

from . import postgresql_discovery as discovery
from . import postgresql_queries as queries
from .base import (
    WHOLE,
    AuthenticationFailed,
    Busy,
    Capabilities,
    ConnectorError,
    Denied,
    Finding,
    FoundAccount,
    FoundRole,
    Grant,
    NotFound,
    Outcome,
    Right,
    Setting,
    Unavailable,
    Unsupported,
    refuse_scopes,
)
from .postgresql_queries import STATEMENT_SECONDS, Connection, quoted

CONNECT_SECONDS = 5
LOCK_SECONDS = 5
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

# A refused connection carries no error code, only words.
NOT_ACCEPTED = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "pg_hba.conf rejects",
    "is not permitted to log in",
)

SERVICE_ACCOUNT = """
    SELECT session_user::text AS name, current_setting('server_version') AS version,
           array_remove(ARRAY[
               CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
               CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolreplication THEN 'REPLICATION' END,
               CASE WHEN rolbypassrls THEN 'BYPASSRLS' END], NULL) AS attributes,
           pg_has_role('pg_signal_backend', 'USAGE') AS may_end_sessions, pg_is_in_recovery() AS is_standby
    FROM pg_roles WHERE rolname = session_user
"""
ROLES = """
    SELECT rolname::text AS name, pg_has_role(oid, 'MEMBER WITH ADMIN OPTION') AS administered
    FROM pg_roles WHERE NOT rolsuper AND rolname <> session_user ORDER BY 1
"""


class PostgreSQLConnector:
    """Gives and takes memberships in database roles.

    settings: host (name, address, or directory of a Unix socket), port (5432), dbname, user, sslmode, sslrootcert.
        sslmode is `verify-full` unless the host is this machine.
    secret: the service account's password; empty where the server asks for none.
    Raises Unsupported for settings it does not take.
    """

    TITLE: ClassVar[str] = "PostgreSQL"
    ASKS_FOR: ClassVar[str] = "Password of the service account"
    SETTINGS: ClassVar[tuple[Setting, ...]] = (
        Setting(
            "host", "Host", "Name or address of the server itself, not of a pooler.", True, is_address=True
        ),
        Setting("port", "Port", default="5432"),
        Setting("dbname", "Database", "Any that the service account may connect to.", required=True),
        Setting("user", "Service account", required=True),
        Setting(
            "sslmode",
            "Encryption",
            "Left out: verify-full, unless the host is this machine.",
            choices=tuple((mode, mode) for mode in SSL_MODES),
        ),
        Setting("sslrootcert", "Certificate authority", 'File on the worker\'s machine, or "system".'),
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        ends_sessions=True, tells_whose=True, discovers=("roles", "accounts")
    )

    def __init__(self, settings: Mapping[str, object], secret: str = "") -> None:
        given = {name: str(value).strip() for name, value in settings.items() if value not in (None, "")}
        if unknown := sorted(set(settings) - {"host", "port", "dbname", "user", "sslmode", "sslrootcert"}):
            raise Unsupported(f"PostgreSQL has no use for the setting {', '.join(unknown)}.")
        if missing := [name for name in ("host", "dbname", "user") if name not in given]:
            raise Unsupported(f"PostgreSQL needs the setting {', '.join(missing)}.")
        local = given["host"] in ("localhost", "127.0.0.1", "::1") or given["host"].startswith("/")
        self._settings: dict[str, Any] = {
            "port": "5432",
            "sslmode": "prefer" if local else "verify-full",
            **given,
        }
        if not (self._settings["port"].isascii() and self._settings["port"].isdecimal()):
            raise Unsupported("The setting port has to be a number.")
        if self._settings["sslmode"] not in SSL_MODES:
            raise Unsupported(f'The setting sslmode cannot be "{self._settings["sslmode"]}".')
        self._secret = secret
        self._server = f"PostgreSQL at {self._settings['host']}:{self._settings['port']}"
        self._batch = False
        self._connection: Connection | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._settings['user']} on {self._server}>"

    def check(self, entitlements: Iterable[str] = ()) -> Finding:
        """What the service account is, may do, and lacks. See `Connector.check`."""
        with self._talk() as talk:
            (me,) = talk.execute(SERVICE_ACCOUNT)
            roles = {row.name: row.administered for row in talk.execute(ROLES)}
            version = talk.info.server_version
        options = "ADMIN TRUE, INHERIT FALSE, SET FALSE" if version >= 160000 else "ADMIN OPTION"
        asked = list(entitlements)
        rights = [
            Right(
                right="pg_signal_backend",
                held=me.may_end_sessions,
                needed_for="ending sessions that may still use a right after it was taken away",
                remedy=quoted("GRANT pg_signal_backend TO {};", me.name).as_string(),
            )
        ]
        rights += [
            Right(
                right=f'ADMIN OPTION on the role "{name}"',
                held=roles[name],
                needed_for=f'giving and taking the role "{name}"',
                remedy=quoted("GRANT {} TO {}", name, me.name).as_string() + f" WITH {options};",
            )
            for name in asked
            if name in roles
        ]
        administers = [name for name, administered in roles.items() if administered]
        missing = [f"{right['right']} is missing: {right['remedy']}" for right in rights if not right["held"]]
        missing += [f'There is no role "{name}" that can be given.' for name in asked if name not in roles]
        if not asked and not administers:
            missing.append(f"The service account may not give any role: it needs each one WITH {options}.")
        if me.is_standby:
            missing.append("This server is a read-only standby: the primary is needed.")
        if version < 150000:
            missing.append(f"This server is version {me.version}: 15 or newer is needed.")
        return Finding(
            usable=not missing,
            version=f"PostgreSQL {me.version}",
            service_account=me.name,
            rights=rights,
            administers=administers,
            missing=missing,
            excess=[f"The service account does not need {attribute}." for attribute in me.attributes],
        )

    def grant(
        self,
        account: str,
        entitlement: str,
        *,
        not_after: datetime | None,
        operation: str,
        scope: str = WHOLE,
    ) -> Outcome:
        """Make the login a member of the role; `not_after` cannot be kept here. See `Connector.grant`."""
        refuse_scopes(scope)
        with self._talk() as talk:
            pair = queries.look(talk, account, entitlement, operation)
            queries.refuse_unfit(talk, pair)
            if pair.memberships:
                preexisting = not any(membership.ours for membership in pair.memberships)
                return Outcome(changed=False, preexisting=preexisting, receipt=queries.receipt_of(pair))
            queries.give(talk, pair)
            given = queries.look(talk, account, entitlement, operation)
            if not given.memberships:
                raise Busy(f'The role "{entitlement}" was given to "{account}" and was gone again at once.')
            return Outcome(changed=True, receipt=queries.receipt_of(given))

    def revoke(
        self, account: str, entitlement: str, *, operation: str, receipt: str = "", scope: str = WHOLE
    ) -> Outcome:
        """Take the login out of the role and end its sessions. See `Connector.revoke`."""
        refuse_scopes(scope)
        with self._talk() as talk:
            try:
                pair = queries.look(talk, account, entitlement, operation)
            except NotFound:
                queries.refuse_if_renamed(talk, receipt)
                raise
            taken = [membership for membership in pair.memberships if membership.revocable]
            for membership in taken:
                queries.take(talk, pair, membership)
            queries.refuse_if_held(queries.look(talk, account, entitlement, operation) if taken else pair)
            # Only now that it is taken for all to see: a session ended earlier could come back and use it again.
            queries.end_sessions(talk, pair)
            queries.refuse_if_renamed(talk, receipt, pair.numbers)
            return Outcome(changed=bool(taken), receipt=receipt)

    def list_grants(self, entitlements: Iterable[str]) -> list[Grant]:
        """Direct members of the roles, logins or not. See `Connector.list_grants`."""
        with self._talk() as talk:
            return queries.grants(talk, entitlements)

    def roles(self) -> list[FoundRole]:
        """Every role that could be given. See `Discovers.roles`."""
        with self._talk() as talk:
            return list(discovery.roles(talk))

    def accounts(self) -> list[FoundAccount]:
        """Every login that a role could be given to. See `Discovers.accounts`."""
        with self._talk() as talk:
            return list(discovery.accounts(talk))

    def __enter__(self) -> Self:
        self._batch = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._batch = False
        if self._connection:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _talk(self) -> Iterator[Connection]:
        """A connection for one call, or inside `with` the one that is kept. PostgreSQL's errors become ours."""
        connection = self._connection
        if connection is None or connection.closed:
            connection = self._connect()
        keep = self._batch
        try:
            yield connection
        except ConnectorError:
            raise
        except psycopg.Error as error:
            # After a lost or late answer the connection is in an unknown state.
            keep = keep and not isinstance(error, psycopg.OperationalError)
            raise self._named(error) from error
        except BaseException:
            keep = False
            raise
        finally:
            self._connection = connection if keep else None
            if not keep:
                connection.close()

    def _connect(self) -> Connection:
        try:
            return Connection.connect(
                **self._settings,
                password=self._secret,
                autocommit=True,
                row_factory=namedtuple_row,
                connect_timeout=CONNECT_SECONDS,
                client_encoding="utf8",
                application_name="pim",
                gssencmode="disable",
                keepalives_idle=STATEMENT_SECONDS,
                keepalives_interval=2,
                keepalives_count=3,
                tcp_user_timeout=STATEMENT_SECONDS * 1000,
                # Nobody who may create objects in that database shall slip a function of theirs into our queries.
                options=f"-c search_path=pg_catalog -c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={LOCK_SECONDS}s",
            )
        except psycopg.Error as error:
            words = _words(error)
            if any(sign in words for sign in NOT_ACCEPTED):
                raise AuthenticationFailed(
                    f'{self._server} does not accept the service account "{self._settings["user"]}": {words}.'
                ) from error
            raise Unavailable(f"{self._server} cannot be reached: {words}.") from error

    def _named(self, error: psycopg.Error) -> ConnectorError:
        said = "said" if error.sqlstate else "did not answer"
        words = f"{self._server} {said}: {_words(error)}."
        match error:
            case psycopg.errors.InsufficientPrivilege():
                return Denied(words)
            case psycopg.errors.UndefinedObject():
                return NotFound(words)  # dropped between looking and giving
            case psycopg.errors.LockNotAvailable():
                return Busy(words)  # somebody else is changing the members of this role
            case (
                psycopg.errors.InvalidGrantOperation()
                | psycopg.ProgrammingError()
                | psycopg.NotSupportedError()
            ):
                return Unsupported(words)
            case _:
                # A late, cut or refused answer, a standby, two writers at once: worth another try.
                return Unavailable(words)


def _words(error: psycopg.Error) -> str:
    said = error.diag.message_primary or str(error).strip().removeprefix("connection failed: ")
    return (said.splitlines() or [type(error).__name__])[0].rstrip(".")
