"""What the PostgreSQL connector asks and tells the server, on a connection that is open.

Names are only ever bound as values or quoted as identifiers. They are compared as text: as the type `name` they
would be cut to 63 bytes, and could then match somebody else's.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from .base import Busy, Denied, Grant, NotFound, Unsupported

STATEMENT_SECONDS = 10
SESSION_END_SECONDS = 5

# Predefined roles that do not open a way to the server's files and programs, and so not to superuser. It lists
# what is let through, because a newer PostgreSQL may add roles that nobody here has thought about.
HARMLESS_PREDEFINED = [
    "pg_checkpoint",
    "pg_maintain",
    "pg_monitor",
    "pg_read_all_data",
    "pg_read_all_settings",
    "pg_read_all_stats",
    "pg_signal_autovacuum_worker",
    "pg_signal_backend",
    "pg_stat_scan_tables",
    "pg_use_reserved_connections",
    "pg_write_all_data",
]

# From 16 on a membership stands once for each grantor, and may be there without being of use (only ADMIN OPTION).
# "ours": given by the service account or a role it speaks for. What superusers give is entered under the first
# superuser (10): if the service account is one, its own grants cannot be told from another superuser's.
MEMBERSHIPS: LiteralString = """
    SELECT pg_get_userbyid(m.grantor)::text AS grantor, pg_has_role(m.grantor, 'USAGE') AS revocable,
           CASE WHEN me.rolsuper THEN m.grantor IN (10, me.oid) ELSE pg_has_role(m.grantor, 'USAGE') END AS ours
    FROM pg_auth_members m, pg_roles me
    WHERE m.roleid = e.oid AND m.member = a.oid AND me.rolname = session_user
      AND (m.inherit_option OR m.set_option)
    ORDER BY m.grantor
"""
MEMBERSHIPS_BEFORE_16: LiteralString = """
    SELECT pg_get_userbyid(m.grantor)::text AS grantor, true AS revocable, m.grantor = me.oid AS ours
    FROM pg_auth_members m, pg_roles me
    WHERE m.roleid = e.oid AND m.member = a.oid AND me.rolname = session_user
"""

LOOK: LiteralString = """
    SELECT set_config('application_name', %(operation)s::text, false),
           a.oid AS account, a.rolcanlogin AS can_login, a.rolsuper AS is_superuser,
           a.rolname = session_user AS is_service_account, e.oid AS entitlement,
           (SELECT coalesce(json_agg(h), '[]') FROM ({memberships}) h) AS memberships
    FROM (SELECT) AS nothing
    LEFT JOIN pg_roles a ON a.rolname = %(account)s::text
    LEFT JOIN pg_roles e ON e.rolname = %(entitlement)s::text
"""
LOOK_BEFORE_16 = LOOK.replace("{memberships}", MEMBERSHIPS_BEFORE_16)
LOOK = LOOK.replace("{memberships}", MEMBERSHIPS)

# What a holder of the entitlement can become, where that is more than this connector hands out.
TOO_MUCH = """
    WITH RECURSIVE reached(oid) AS (
        SELECT %(entitlement)s::oid
        UNION SELECT m.roleid FROM pg_auth_members m JOIN reached ON m.member = reached.oid
    )
    SELECT r.rolname FROM reached JOIN pg_roles r USING (oid)
    WHERE r.rolsuper OR r.rolname = session_user
       OR (starts_with(r.rolname::text, 'pg_') AND r.rolname::text <> ALL (%(harmless)s::text[]))
    LIMIT 1
"""

MEMBERSHIP_BY_NUMBERS = """
    SELECT pg_get_userbyid(member)::text AS account, pg_get_userbyid(roleid)::text AS entitlement
    FROM pg_auth_members WHERE member = %(account)s AND roleid = %(entitlement)s LIMIT 1
"""

# Sessions of the login itself, and of logins that can become it by SET ROLE and through it have had the right.
END_SESSIONS = """
    WITH RECURSIVE through(oid) AS (
        SELECT %(account)s::oid
        UNION SELECT m.member FROM pg_auth_members m JOIN through ON m.roleid = through.oid {usable}
    ), alive AS MATERIALIZED (
        SELECT s.pid FROM pg_stat_get_activity(NULL) s JOIN through ON s.usesysid = through.oid
        JOIN pg_roles r ON r.oid = s.usesysid
        WHERE s.pid <> pg_backend_pid() AND NOT r.rolsuper AND r.rolname <> session_user
    )
    SELECT pid, pg_terminate_backend(pid) FROM alive
"""
STILL_ALIVE = (
    "SELECT pid FROM pg_stat_get_activity(NULL) WHERE pid = ANY (%(pids)s::int[]) AND usesysid IS NOT NULL"
)

GRANTS = """
    SELECT a.rolname::text AS account, e.rolname::text AS entitlement,
           string_agg(DISTINCT pg_get_userbyid(m.grantor)::text, ', ') AS granted_by
    FROM pg_auth_members m
    JOIN pg_roles e ON e.oid = m.roleid
    JOIN pg_roles a ON a.oid = m.member
    WHERE e.rolname = ANY (%(entitlements)s::text[]) AND a.rolname <> session_user {usable}
    GROUP BY 1, 2 ORDER BY 2, 1
"""

# Filled in for {usable}; before 16 every membership is of use.
MAY_SET_ROLE: LiteralString = "AND m.set_option"
MAY_USE: LiteralString = "AND (m.inherit_option OR m.set_option)"


class Connection(psycopg.Connection[Any]):
    """Waits only so long for an answer.

    The server's own time-outs do not help when the server itself is stopped, nor do TCP's: its kernel goes on
    acknowledging packets.
    """

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        return super().wait(gen, interval, STATEMENT_SECONDS + 1 if timeout is None else timeout)

    @property
    def names_grantors(self) -> bool:
        """From version 16 on a membership belongs to its grantor and has options of its own."""
        return self.info.server_version >= 160000

    def only(self, condition: LiteralString) -> sql.SQL:
        return sql.SQL(condition if self.names_grantors else "")


@dataclass(frozen=True, slots=True)
class Membership:
    """One membership of the account in the role, of use to it, as one grantor gave it."""

    grantor: str
    revocable: bool
    ours: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """An account and an entitlement that both exist, the server's numbers for them, and what joins them now."""

    account: str
    entitlement: str
    numbers: dict[str, int]
    can_login: bool
    is_superuser: bool
    is_service_account: bool
    memberships: list[Membership]

    def statement(self, text: LiteralString, *more: str) -> sql.Composed:
        return quoted(text, self.entitlement, self.account, *more)


def quoted(text: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*(sql.Identifier(name) for name in names))


def possible_name(name: str) -> bool:
    """Whether a role can have this name at all: text without NUL that is valid Unicode."""
    return bool(name) and "\x00" not in name and not any("\ud800" <= char <= "\udfff" for char in name)


def look(talk: Connection, account: str, entitlement: str, operation: str) -> Pair:
    """Find both, and leave the operation's id where the server's log shows it. Raises NotFound."""
    row = None
    if possible_name(account) and possible_name(entitlement):
        # "?" for what is not plain ASCII, as the server itself would do.
        name = "pim:" + "".join(char if " " < char <= "~" else "?" for char in operation)[:59]
        asked = {"operation": name, "account": account, "entitlement": entitlement}
        row = talk.execute(LOOK if talk.names_grantors else LOOK_BEFORE_16, asked).fetchone()
    if row is None or row.account is None:
        raise NotFound(f'There is no login "{account}".')
    if row.entitlement is None:
        raise NotFound(f'There is no role "{entitlement}".')
    return Pair(
        account=account,
        entitlement=entitlement,
        numbers={"account": row.account, "entitlement": row.entitlement},
        can_login=row.can_login,
        is_superuser=row.is_superuser,
        is_service_account=row.is_service_account,
        memberships=[Membership(**membership) for membership in row.memberships],
    )


def refuse_unfit(talk: Connection, pair: Pair) -> None:
    """Raise Unsupported for what this connector does not give, or not to this account."""
    if pair.is_service_account:
        raise Unsupported(f'"{pair.account}" is the portal\'s own service account: it is given nothing.')
    if pair.is_superuser:
        raise Unsupported(f'"{pair.account}" is a superuser and can do everything already.')
    if not pair.can_login:
        raise Unsupported(f'"{pair.account}" is not a login: nobody can sign in as it.')
    harmful = talk.execute(TOO_MUCH, pair.numbers | {"harmless": HARMLESS_PREDEFINED}).fetchone()
    if harmful and harmful.rolname == pair.entitlement:
        raise Unsupported(
            f'The role "{pair.entitlement}" is as good as superuser: this connector does not give it.'
        )
    if harmful:
        raise Unsupported(
            f'The role "{pair.entitlement}" is a member of "{harmful.rolname}", which is as good as superuser: '
            "this connector does not give it."
        )


def give(talk: Connection, pair: Pair) -> None:
    """Raises Denied if the service account may not."""
    # A membership of ours that somebody has made useless is made useful again by SET TRUE.
    text: LiteralString = "GRANT {} TO {} WITH SET TRUE" if talk.names_grantors else "GRANT {} TO {}"
    try:
        talk.execute(pair.statement(text))
    except psycopg.errors.InsufficientPrivilege as error:
        raise Denied(
            f'The service account may not give the role "{pair.entitlement}": it needs ADMIN OPTION on it.'
        ) from error


def take(talk: Connection, pair: Pair, membership: Membership) -> None:
    """Raises Denied if the service account may not, or if the account has passed the role on."""
    try:
        if talk.names_grantors:
            talk.execute(pair.statement("REVOKE {} FROM {} GRANTED BY {}", membership.grantor))
        else:
            talk.execute(pair.statement("REVOKE {} FROM {}"))
    except psycopg.errors.InsufficientPrivilege as error:
        raise Denied(
            f'The service account may not take the role "{pair.entitlement}" from "{pair.account}": '
            "it needs ADMIN OPTION on it."
        ) from error
    except psycopg.errors.DependentObjectsStillExist as error:
        raise Denied(
            f'"{pair.account}" has passed the role "{pair.entitlement}" on to others: '
            f"those memberships have to be taken away first ({error.diag.message_detail})."
        ) from error


def refuse_if_held(pair: Pair) -> None:
    """After taking and looking again: raise if the account still has the role."""
    if any(membership.revocable for membership in pair.memberships):
        raise Busy(f'The role "{pair.entitlement}" was given to "{pair.account}" again at the same moment.')
    if pair.memberships:
        names = ", ".join(f'"{membership.grantor}"' for membership in pair.memberships)
        remedy = " ".join(
            pair.statement("REVOKE {} FROM {} GRANTED BY {};", membership.grantor).as_string()
            for membership in pair.memberships
        )
        raise Denied(
            f'"{pair.account}" still holds the role "{pair.entitlement}", given by {names}. The service account '
            f"can take away only what it has given itself. A superuser, or the one who gave it, can: {remedy}"
        )


def receipt_of(pair: Pair) -> str:
    """The server's numbers, by which a right is found again after a role was renamed; and who gave it."""
    return json.dumps(pair.numbers | {"granted_by": [membership.grantor for membership in pair.memberships]})


def refuse_if_renamed(talk: Connection, receipt: str, numbers: dict[str, int] | None = None) -> None:
    """Raise Denied if the membership of the receipt stands, but under other names than were asked for."""
    try:
        kept = json.loads(receipt)
        given = {key: int(kept[key]) for key in ("account", "entitlement")}
    except (ValueError, KeyError, TypeError):
        return
    if given != numbers and (row := talk.execute(MEMBERSHIP_BY_NUMBERS, given).fetchone()):
        # The names are reported, nothing is taken: after a restore the same numbers may mean others.
        raise Denied(
            f'A login or role was renamed: what was given stands as the role "{row.entitlement}" held by '
            f'"{row.account}". To be taken away there: '
            + quoted("REVOKE {} FROM {};", row.entitlement, row.account).as_string()
        )


def end_sessions(talk: Connection, pair: Pair) -> int:
    """End what could still use the right and wait until it is gone. Returns how many sessions there were.

    Raises Denied without the right to end them, Busy if one does not end in time.
    """
    statement = sql.SQL(END_SESSIONS).format(usable=talk.only(MAY_SET_ROLE))
    try:
        pids = [row.pid for row in talk.execute(statement, pair.numbers)]
    except psycopg.errors.InsufficientPrivilege as error:
        raise Denied(
            f'The role "{pair.entitlement}" is taken from "{pair.account}", but sessions that may still use it '
            "could not be ended: the service account needs pg_signal_backend."
        ) from error
    alive, pause, deadline = pids, 0.002, time.monotonic() + SESSION_END_SECONDS
    while alive and (alive := [row.pid for row in talk.execute(STILL_ALIVE, {"pids": alive})]):
        if time.monotonic() > deadline:
            raise Busy(
                f'The role "{pair.entitlement}" is taken from "{pair.account}", but {len(alive)} of its sessions '
                f"did not end within {SESSION_END_SECONDS} seconds."
            )
        time.sleep(pause)
        pause = min(pause * 2, 0.1)
    return len(pids)


def grants(talk: Connection, entitlements: Iterable[str]) -> list[Grant]:
    names = [name for name in entitlements if possible_name(name)]
    statement = sql.SQL(GRANTS).format(usable=talk.only(MAY_USE))
    return [
        Grant(row.account, row.entitlement, None, row.granted_by)
        for row in talk.execute(statement, {"entitlements": names})
    ]
