"""Rights that end by themselves on OpenLDAP: one dynamic entry (RFC 2589) for each, from which the group is computed.

The overlay dds takes an entry away when its time is over, with nobody asking; the overlay dynlist computes the
members of a group from the entries that name it. Such an entry is itself a group, of one: so dynlist need not
rename anything, and compares and filters see who is in. A right without an end is an entry that is not dynamic.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ldap
from ldap.filter import escape_filter_chars

from .base import Busy, Denied, Outcome, Unsupported
from .ldap_line import Entry, Line
from .ldap_names import is_below, same_form
from .ldap_queries import Named, is_member

EXPIRES = "entryExpireTimestamp"


@dataclass(frozen=True, slots=True)
class Lease:
    """An entry that puts an account into a group, and when the server takes it away."""

    dn: str
    account: str
    not_after: datetime | None


def check_offered(line: Line) -> None:
    """Raises Unsupported unless the server keeps dynamic entries there."""
    # RFC 2589, 6: the root names the trees. OpenLDAP leaves the refresh itself out of its extensions.
    root, base = line.read("", "dynamicSubtrees"), line.place.dynamic_base
    if not any(is_below(base, tree) for tree in (root.texts("dynamicSubtrees") if root else [])):
        raise Unsupported(
            f"{line.place.url} keeps no dynamic entries below {base}: it needs the overlay dds, or the setting "
            "dynamic_base is not for it."
        )


def give(line: Line, account: Named, group: Named, not_after: datetime | None, operation: str) -> Outcome:
    """Make the entry, or let it live until `not_after`. Raises Unsupported, Denied, Busy."""
    check_offered(line)
    held = leases(line, group, account)
    ours, other = (
        _name(line, account, group, not_after is not None),
        _name(line, account, group, not_after is None),
    )
    here = {same_form(lease.dn): lease for lease in held}
    if not here.keys() & {same_form(ours), same_form(other)} and is_member(line, group.dn, account.dn):
        return Outcome(changed=False, preexisting=True)
    lease = here.get(same_form(ours))
    if lease and lease.not_after == not_after and same_form(other) not in here:
        return Outcome(changed=False, not_after=not_after)
    if lease is None:
        _add(line, ours, account, group, not_after, operation)
    end = _live_until(line, ours, not_after, fresh=lease is None) if not_after else None
    if same_form(other) in here:
        line.delete(other)  # only now: the right has had no gap
    if not is_member(line, group.dn, account.dn):
        line.delete(ours)
        raise Unsupported(
            f"{group.dn} is not computed from the entries below {line.place.dynamic_base}: see its memberURL."
        )
    return Outcome(changed=True, not_after=end)


def take(line: Line, account: Named, group: Named) -> bool:
    """Delete every entry that puts the account into the group. Raises Denied, Busy."""
    held = leases(line, group, account)
    for lease in held:
        try:
            line.delete(lease.dn)
        except ldap.NO_SUCH_OBJECT:
            pass  # its time was over
        except ldap.INSUFFICIENT_ACCESS as error:
            raise Denied(f"The service account may not delete {lease.dn}.") from error
    if not is_member(line, group.dn, account.dn):
        return bool(held)
    if leases(line, group, account):
        raise Busy(f"{account.dn} was put into {group.dn} again at the same moment.")
    raise Denied(
        f"{account.dn} is still in {group.dn}, by something other than the entries below {line.place.dynamic_base}."
    )


def leases(line: Line, group: Named, account: Named | None = None) -> list[Lease]:
    """The entries that put anybody, or this account, into the group."""
    only = f"(member={escape_filter_chars(account.dn)})" if account else ""
    where = f"(&(objectClass=groupOfNames)(seeAlso={escape_filter_chars(group.dn)}){only})"
    wanted = ("member", EXPIRES)
    if account:
        found: Iterator[Entry] = iter(
            line.search(line.place.dynamic_base, ldap.SCOPE_ONELEVEL, where, *wanted)
        )
    else:
        found = line.pages(line.place.dynamic_base, where, *wanted)
    return [
        Lease(entry.dn, occupant, _end_of(entry)) for entry in found for occupant in entry.texts("member")
    ]


def _end_of(entry: Entry) -> datetime | None:
    said = entry.text(EXPIRES)
    return datetime.strptime(said[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC) if said else None


def _name(line: Line, account: Named, group: Named, ends: bool) -> str:
    digest = hashlib.sha256(f"{account.id} {group.id}".encode()).hexdigest()[:32]
    return f"cn=pim-{digest}{'' if ends else '-for-good'},{line.place.dynamic_base}"


def _add(
    line: Line, dn: str, account: Named, group: Named, not_after: datetime | None, operation: str
) -> None:
    classes = [b"groupOfNames"] + ([b"dynamicObject"] if not_after else [])
    told = "".join(one if " " <= one <= "~" else "?" for one in operation)[:200]
    attributes = [
        ("objectClass", classes),
        ("member", [account.dn.encode()]),
        ("seeAlso", [group.dn.encode()]),
        ("description", [f"pim-portal: {told}".encode()]),
    ]
    try:
        line.add(dn, attributes)
    except ldap.ALREADY_EXISTS:
        pass  # the portal itself, in the same moment
    except ldap.INSUFFICIENT_ACCESS as error:
        raise Denied(f"The service account may not add entries below {line.place.dynamic_base}.") from error


def _live_until(line: Line, dn: str, not_after: datetime, *, fresh: bool) -> datetime | None:
    """Set the time to live, by the server's own clock. Returns the end it now holds.

    Raises Unsupported if it would be longer than the server allows; a fresh entry is then taken back.
    """
    seconds = max(1, round((not_after - datetime.now(UTC)).total_seconds()))
    end = None
    for _ in range(3):
        try:
            line.refresh(dn, seconds)
        except (ldap.SIZELIMIT_EXCEEDED, ldap.INSUFFICIENT_ACCESS) as error:
            if fresh:
                line.delete(dn)
            if isinstance(error, ldap.INSUFFICIENT_ACCESS):
                raise Denied(
                    f"The service account may not refresh {dn}: it needs to manage entryTtl there."
                ) from error
            raise Unsupported(
                f"{line.place.url} lets no right live for {timedelta(seconds=seconds)}: raise its dds-max-ttl."
            ) from error
        entry = line.read(dn, EXPIRES)
        end = _end_of(entry) if entry else None
        # The server counts whole seconds on a clock of its own: what it is off by is asked for once more.
        off = (not_after - end).total_seconds() if end else 0
        if not off or seconds + off < 1:
            break
        seconds += round(off)
    if end is None:
        raise Busy(f"{dn} was gone again at once.")
    return end
