"""Giving and taking a membership that is a value of the group's own attribute `member`.

Beside each member that the portal puts in stands a mark with the account's lasting id, written and taken away in the
same modification. A membership without a mark is somebody else's. Without marks an answer lost on the way could not
be told from somebody else's membership, and the right would be left standing, or theirs be taken.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import ldap
from ldap.controls import RequestControl

from .base import Busy, Denied, Outcome
from .ldap_line import Line, words_of
from .ldap_names import same_form
from .ldap_queries import LINK_TTL, Named, is_marked, is_member, mark_of, members

Change = tuple[int, str, list[bytes]]

# How servers say that a value is there already, or is not there.
ALREADY = (ldap.TYPE_OR_VALUE_EXISTS, ldap.ALREADY_EXISTS)
NOT_THERE = (ldap.NO_SUCH_ATTRIBUTE, ldap.UNWILLING_TO_PERFORM)


def give(line: Line, account: Named, group: Named, not_after: datetime | None) -> Outcome:
    """Put the account into the group. Raises Denied, Busy."""
    timed = line.place.time_to_live
    held, end = _held(line, account, group)
    marked = is_marked(line, group.dn, account.id)
    if held and not (marked or end):
        return Outcome(changed=False, preexisting=True)
    if held and (not timed or _as_good_as(end, not_after)):
        return Outcome(changed=False, not_after=end)
    changes: list[Change] = [(ldap.MOD_DELETE, "member", [account.dn.encode()])] if held else []
    changes.append((ldap.MOD_ADD, "member", [_value(account.dn, not_after if timed else None)]))
    if not marked:
        changes.append((ldap.MOD_ADD, line.place.mark_attribute, [mark_of(account.id).encode()]))
    try:
        line.modify(group.dn, changes, [RequestControl(LINK_TTL, True)] if timed else [])
    except ALREADY as error:
        if is_member(line, group.dn, account.dn) and is_marked(line, group.dn, account.id):
            return Outcome(changed=False, not_after=end)  # the portal itself, in the same moment
        raise Busy(f"{group.dn} was changed by somebody else in the same moment.") from error
    except ldap.INSUFFICIENT_ACCESS as error:
        raise _denied(line, group) from error
    held, end = _held(line, account, group)
    if not held:
        raise Busy(f"{account.dn} was put into {group.dn} and was gone again at once.")
    return Outcome(changed=True, not_after=end)


def take(line: Line, account: Named, group: Named) -> bool:
    """Take the account out of the group; returns whether it was in it. Raises Denied, Busy."""
    held = is_member(line, group.dn, account.dn)
    changes: list[Change] = [(ldap.MOD_DELETE, "member", [account.dn.encode()])] if held else []
    if account.id and is_marked(line, group.dn, account.id):
        changes.append((ldap.MOD_DELETE, line.place.mark_attribute, [mark_of(account.id).encode()]))
    if not changes:
        return False
    try:
        _modify_or_hold_the_place(line, group, changes)
    except NOT_THERE as error:
        if not is_member(line, group.dn, account.dn):
            return False  # somebody else was faster
        raise Denied(
            f"{line.place.url} does not let {account.dn} be taken out of {group.dn}: {words_of(error)}."
        ) from error
    except ldap.INSUFFICIENT_ACCESS as error:
        raise _denied(line, group) from error
    if is_member(line, group.dn, account.dn):
        raise Busy(f"{account.dn} was put into {group.dn} again at the same moment.")
    return held


def _modify_or_hold_the_place(line: Line, group: Named, changes: Sequence[Change]) -> None:
    """A groupOfNames keeps at least one member (RFC 4519, 3.5): the service account, when nobody else is left."""
    try:
        line.modify(group.dn, changes)
    except ldap.OBJECT_CLASS_VIOLATION:
        line.modify(group.dn, [(ldap.MOD_ADD, "member", [line.place.bind_dn.encode()]), *changes])


def _held(line: Line, account: Named, group: Named) -> tuple[bool, datetime | None]:
    """Whether it is a member, and until when, where the server keeps that."""
    if not line.place.time_to_live:
        return is_member(line, group.dn, account.dn), None
    wanted = same_form(account.dn)
    found = [member for member in members(line, group.dn) if same_form(member.dn) == wanted]
    return (True, found[0].not_after) if found else (False, None)


def _as_good_as(end: datetime | None, not_after: datetime | None) -> bool:
    """What is kept is a number of seconds, counted down: one more or less is no other end."""
    if end is None or not_after is None:
        return end == not_after
    return abs((end - not_after).total_seconds()) <= 2


def _value(dn: str, not_after: datetime | None) -> bytes:
    if not_after is None:
        return dn.encode()
    seconds = max(1, round((not_after - datetime.now(UTC)).total_seconds()))
    return f"<TTL={seconds},{dn}>".encode()


def _denied(line: Line, group: Named) -> Denied:
    return Denied(
        f"The service account may not change {group.dn}: it needs to write member and {line.place.mark_attribute} there."
    )
