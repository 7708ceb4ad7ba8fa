"""LDAP and Active Directory: the entitlement is a group, the account a login name, the right a membership.

The login name is looked up each time; what is written is the account's distinguished name. Who is in a group only
through another group holds the right in the eyes of many programs, but not here: direct members alone are given,
taken and listed.

Where the server can end a membership by itself, and the settings say to use it, it is told the end.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Self

import ldap

from . import ldap_dynamic, ldap_members
from . import ldap_queries as queries
from .base import (
    WHOLE,
    Busy,
    Capabilities,
    ConnectorError,
    Finding,
    FoundAccount,
    FoundRole,
    FoundScope,
    Grant,
    NotFound,
    Outcome,
    Unavailable,
    Unsupported,
    refuse_scopes,
)
from .ldap_line import Line, named
from .ldap_names import same_form
from .ldap_queries import Member, Named, Receipt
from .ldap_rights import check_ends_links, look_at_rights
from .ldap_settings import read_settings


class LDAPConnector:
    """Gives and takes memberships in groups.

    settings: as `ldap_settings.Place`; see docs/connectors/ldap.md.
    secret: the service account's password. It may not be empty when a connection is made.
    Raises Unsupported for settings it does not take.
    """

    def __init__(self, settings: Mapping[str, object], secret: str = "") -> None:
        self._place = read_settings(settings)
        self._secret = secret
        self._batch = False
        self._line: Line | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._place.bind_dn} on {self._place.url}>"

    @property
    def capabilities(self) -> Capabilities:
        ends = self._place.dynamic_base or self._place.time_to_live
        return Capabilities(
            native_expiry="optional" if ends else "none",
            tells_whose=True,
            ignores_case=True,
            discovers=("roles", "accounts"),
        )

    def check(self, entitlements: Iterable[str] = ()) -> Finding:
        """What the service account is, may do, and lacks. See `Connector.check`."""
        with self._talk() as line:
            return look_at_rights(line, entitlements)

    def grant(
        self,
        account: str,
        entitlement: str,
        *,
        not_after: datetime | None,
        operation: str,
        scope: str = WHOLE,
    ) -> Outcome:
        """Put the account into the group, until `not_after` where the server keeps that. See `Connector.grant`."""
        refuse_scopes(scope)
        with self._talk() as line:
            who, group = queries.find_account(line, account), queries.find_group(line, entitlement)
            if same_form(who.dn) == same_form(self._place.bind_dn):
                raise Unsupported(f'"{account}" is the portal\'s own service account: it is given nothing.')
            if self._place.dynamic_base:
                outcome = ldap_dynamic.give(line, who, group, not_after, operation)
            else:
                if self._place.time_to_live:
                    check_ends_links(line)
                outcome = ldap_members.give(line, who, group, not_after)
            return Outcome(
                outcome.changed, outcome.preexisting, outcome.not_after, queries.receipt_of(who, group)
            )

    def revoke(
        self, account: str, entitlement: str, *, operation: str, receipt: str = "", scope: str = WHOLE
    ) -> Outcome:
        """Take the account out of the group, also when either was renamed since. See `Connector.revoke`."""
        refuse_scopes(scope)
        kept = queries.read_receipt(receipt)
        with self._talk() as line:
            holders = self._holders(line, account, kept)
            groups = self._groups(line, entitlement, kept)
            take = ldap_dynamic.take if self._place.dynamic_base else ldap_members.take
            taken = [take(line, holder, group) for group in groups for holder in holders]
            return Outcome(changed=any(taken), receipt=receipt)

    def list_grants(self, entitlements: Iterable[str]) -> list[Grant]:
        """Direct members: accounts by their name, anything else by its distinguished name. See `Connector`."""
        with self._talk() as line:
            return [grant for entitlement in entitlements for grant in self._grants(line, entitlement)]

    def roles(self) -> Iterator[FoundRole]:
        """Every group that can be given. See `Discovers`."""
        with self._talk() as line:
            yield from queries.found_roles(line)

    def scopes(self) -> Iterator[FoundScope]:
        """None: a group counts for the whole directory."""
        yield from ()

    def accounts(self) -> Iterator[FoundAccount]:
        """Everybody below `people_base` who has a login name. See `Discovers`."""
        with self._talk() as line:
            yield from queries.found_accounts(line)

    def _holders(self, line: Line, account: str, kept: Receipt) -> list[Named]:
        """Whose membership is meant: the account of that name, and the one that had it when it was given."""
        before = queries.find_again(line, self._place.people_base, kept.account)
        if before is None and kept.member:
            before = Named(kept.member, kept.account)  # deleted: its name may have been left in the group
        try:
            now = queries.find_account(line, account)
        except NotFound:
            if before is None:
                raise
            return [before]
        return [now] if before is None or same_form(before.dn) == same_form(now.dn) else [before, now]

    def _groups(self, line: Line, entitlement: str, kept: Receipt) -> list[Named]:
        before = queries.find_again(line, self._place.groups_base, kept.entitlement)
        try:
            now = queries.find_group(line, entitlement)
        except NotFound:
            if before is None:
                raise
            return [before]
        return [now] if before is None or same_form(before.dn) == same_form(now.dn) else [before, now]

    def _grants(self, line: Line, entitlement: str) -> list[Grant]:
        try:
            group = queries.find_group(line, entitlement)
        except NotFound:
            return []
        own = same_form(self._place.bind_dn)
        found = [member for member in self._members(line, group) if same_form(member.dn) != own]
        names = queries.account_names(line, [member.dn for member in found])
        return [Grant(names[member.dn], entitlement, member.not_after) for member in found]

    def _members(self, line: Line, group: Named) -> list[Member]:
        held = list(queries.members(line, group.dn))
        if not self._place.dynamic_base:
            return held
        ends: dict[str, list[datetime | None]] = {}
        for lease in ldap_dynamic.leases(line, group):
            ends.setdefault(same_form(lease.account), []).append(lease.not_after)
        return [Member(member.dn, _last(ends.get(same_form(member.dn), []))) for member in held]

    def __enter__(self) -> Self:
        self._batch = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._batch = False
        if self._line:
            self._line.close()
            self._line = None

    @contextmanager
    def _talk(self) -> Iterator[Line]:
        """A connection for one call, or inside `with` the one that is kept. What python-ldap raises becomes ours."""
        line = self._line or Line(self._place, self._secret)
        self._line = line if self._batch else None
        sound = True
        try:
            yield line
        except ConnectorError:
            raise
        except ldap.LDAPError as error:
            ours = named(self._place, error)
            # After a lost or late answer the connection is in an unknown state.
            sound = isinstance(ours, Busy) or not isinstance(ours, Unavailable)
            raise ours from error
        except GeneratorExit:
            raise  # whoever read a list has read enough
        except BaseException:
            sound = False
            raise
        finally:
            if not (sound and self._batch):
                line.close()
                self._line = None


def _last(ends: list[datetime | None]) -> datetime | None:
    """Until when the right stands that several entries give; None where one of them has no end."""
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None
