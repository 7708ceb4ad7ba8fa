"""What a PostgreSQL server says of its own roles and logins."""

from collections.abc import Iterator
from typing import LiteralString

from .base import FoundAccount, FoundRole
from .postgresql_queries import HARMLESS_PREDEFINED, Connection

# Groups are what nobody signs in as; of the predefined ones only those that are given at all.
ROLES: LiteralString = """
    SELECT r.rolname::text AS name, coalesce(shobj_description(r.oid, 'pg_authid'), '') AS description,
           r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
           OR starts_with(r.rolname::text, 'pg_') AS privileged
    FROM pg_roles r
    WHERE NOT r.rolcanlogin AND NOT r.rolsuper
      AND (NOT starts_with(r.rolname::text, 'pg_') OR r.rolname::text = ANY (%(harmless)s::text[]))
    ORDER BY starts_with(r.rolname::text, 'pg_'), 1
"""
LOGINS: LiteralString = """
    SELECT rolname::text AS name FROM pg_roles
    WHERE rolcanlogin AND NOT rolsuper AND rolname <> session_user ORDER BY 1
"""


def roles(talk: Connection) -> Iterator[FoundRole]:
    """Every role that could be given."""
    for row in talk.execute(ROLES, {"harmless": HARMLESS_PREDEFINED}):
        yield FoundRole(row.name, row.name, row.description, row.privileged)


def accounts(talk: Connection) -> Iterator[FoundAccount]:
    """Every login that a role could be given to."""
    for row in talk.execute(LOGINS):
        yield FoundAccount(row.name)
