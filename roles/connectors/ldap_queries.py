"""What the LDAP connector asks a server: accounts, groups and members. Nothing here changes anything.

Whatever comes from outside is escaped before it becomes part of a filter. Distinguished names are compared in a form
of their own, because servers spell the same name in different ways.
"""

import json
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ldap
from ldap.controls import RequestControl
from ldap.filter import escape_filter_chars

from .base import Denied, FoundAccount, FoundRole, NotFound, Unsupported
from .ldap_line import Entry, Line
from .ldap_names import is_below, same_form

LINK_TTL = "1.2.840.113556.1.4.2309"  # MS-ADTS 3.1.1.3.4.1.36: show and take the time to live of a link
WITH_TIME = re.compile(r"<TTL=(\d+)>,(.*)|<TTL=(\d+),(.*)>", re.DOTALL)
MARK = "pim-portal:"
PORTION = 1500  # MaxValRange of Active Directory (MS-ADTS 3.1.1.3.4.6)
RANGE = re.compile(r"member;range=\d+-(\d+|\*)")

# MS-DTYP 2.4.2.4: groups of which it is enough to be a member to take over a domain, by the end of their SID.
OF_A_DOMAIN = {498, 512, 516, 517, 518, 519, 520, 521, 526, 527}
OF_EVERY_SERVER = {544, 548, 549, 550, 551, 552}


@dataclass(frozen=True, slots=True)
class Named:
    """An account or a group as the server knows it: its distinguished name, and what stays when it is renamed."""

    dn: str
    id: str


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a group, and until when, where the server keeps that."""

    dn: str
    not_after: datetime | None = None


def sayable(name: str) -> bool:
    """Whether it can be asked for at all: some text without NUL that is valid Unicode."""
    return bool(name.strip()) and "\x00" not in name and not any("\ud800" <= one <= "\udfff" for one in name)


def find_account(line: Line, account: str) -> Named:
    """Raises NotFound; Unsupported if two have the name; Denied if the accounts cannot be seen at all."""
    place, found = line.place, []
    if sayable(account):
        where = f"(&{place.flavour.is_account}({place.account_attribute}={escape_filter_chars(account)}))"
        try:
            found = line.search(place.people_base, ldap.SCOPE_SUBTREE, where, place.flavour.id_attribute)
        except ldap.NO_SUCH_OBJECT as error:
            raise _cannot_see(place.people_base) from error
    if len(found) > 1:
        raise Unsupported(f'More than one account below {place.people_base} is called "{account}".')
    if not found:
        _check_seen(line, place.people_base)
        raise NotFound(f'There is no account "{account}" below {place.people_base}.')
    return Named(found[0].dn, id_of(line, found[0]))


def find_group(line: Line, entitlement: str) -> Named:
    """Raises NotFound; Denied if the groups cannot be seen at all."""
    place, found = line.place, None
    if sayable(entitlement) and is_below(entitlement, place.groups_base):
        found = line.read(entitlement, place.flavour.id_attribute, where=place.flavour.is_group)
    if found is None:
        _check_seen(line, place.groups_base)
        raise NotFound(f'There is no group "{entitlement}" below {place.groups_base}.')
    return Named(found.dn, id_of(line, found))


def find_again(line: Line, base: str, kept: str) -> Named | None:
    """What had this lasting id and may have been renamed since."""
    try:
        number = uuid.UUID(kept)
    except ValueError:
        return None
    value = kept
    if line.place.is_active_directory:
        value = "".join(f"\\{byte:02x}" for byte in number.bytes_le)
    found = line.search(base, ldap.SCOPE_SUBTREE, f"({line.place.flavour.id_attribute}={value})")
    return Named(found[0].dn, kept) if found else None


def id_of(line: Line, entry: Entry) -> str:
    """Raises Denied if it may not be read: without it no mark would be anybody's own."""
    if line.place.is_active_directory:
        number = entry.attributes.get("objectguid", [b""])[0]
        known = str(uuid.UUID(bytes_le=number)) if number else ""
    else:
        known = entry.text(line.place.flavour.id_attribute)
    if not known:
        raise Denied(f"The service account may not read {line.place.flavour.id_attribute} of {entry.dn}.")
    return known


def _check_seen(line: Line, base: str) -> None:
    # Many servers say "no such object" of what one may not see. That is not the same as being gone.
    if line.read(base) is None:
        raise _cannot_see(base)


def _cannot_see(base: str) -> Denied:
    return Denied(f"There is no {base}, or the service account may not see it.")


def is_member(line: Line, group: str, account: str) -> bool:
    """Asked of the server itself: a group may have more members than it gives at once."""
    if line.place.dynamic_base:
        wanted = same_form(account)
        return any(same_form(member.dn) == wanted for member in members(line, group))
    return line.read(group, where=f"(member={escape_filter_chars(account)})") is not None


def members(line: Line, group: str) -> Iterator[Member]:
    """All direct members. Active Directory gives them in portions, and fewer at once if it likes."""
    if not line.place.is_active_directory:
        found = line.search(group, ldap.SCOPE_BASE, "(objectClass=*)", "member")
        yield from (_member(value) for entry in found for value in entry.texts("member"))
        return
    controls = [RequestControl(LINK_TTL, True)] if line.place.time_to_live else []
    start, more = 0, True
    while more:
        asked = f"member;range={start}-{start + PORTION - 1}"
        found = line.search(group, ldap.SCOPE_BASE, "(objectClass=*)", asked, controls=controls)
        more = False
        for name, values in found[0].attributes.items() if found else []:
            if portion := RANGE.fullmatch(name):
                yield from (_member(value.decode()) for value in values)
                more = portion.group(1) != "*"
                start += len(values)


def _member(value: str) -> Member:
    if not (timed := WITH_TIME.fullmatch(value)):
        return Member(value)
    seconds, dn = timed.group(1) or timed.group(3), timed.group(2) or timed.group(4)
    return Member(dn, datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=int(seconds)))


def account_names(line: Line, dns: Iterable[str]) -> dict[str, str]:
    """What each member is listed as: an account by its name, everything else by its distinguished name."""
    place, names = line.place, {dn: dn for dn in dns}
    people = [dn for dn in names if is_below(dn, place.people_base)]
    found = line.read_many(people, place.account_attribute, where=place.flavour.is_account)
    for dn, entry in zip(people, found, strict=True):
        if entry and (name := entry.text(place.account_attribute)):
            names[dn] = name
    return names


def found_roles(line: Line) -> Iterator[FoundRole]:
    place = line.place
    wanted = ("cn", "description", "objectSid", "adminCount")
    for entry in line.pages(place.groups_base, place.flavour.is_found_group, *wanted):
        said = [text for text in entry.texts("description") if not text.startswith(MARK)]
        yield FoundRole(
            entry.dn,
            entry.text("cn") or entry.dn,
            said[0] if said else "",
            privileged=place.is_active_directory and is_privileged(entry),
        )


def is_privileged(group: Entry) -> bool:
    """Whether Active Directory protects this group itself, or it is known to be as good as the whole domain."""
    if group.text("adminCount") not in ("", "0"):
        return True
    sid = next(iter(group.attributes.get("objectsid", [])), b"")
    if len(sid) < 12:
        return False
    first, last = int.from_bytes(sid[8:12], "little"), int.from_bytes(sid[-4:], "little")
    return last in (OF_EVERY_SERVER if first == 32 else OF_A_DOMAIN)


def found_accounts(line: Line) -> Iterator[FoundAccount]:
    place = line.place
    where = f"(&{place.flavour.is_account}({place.account_attribute}=*))"
    for entry in line.pages(place.people_base, where, place.account_attribute, "displayName", "cn", "mail"):
        name = entry.text("displayName") or entry.text("cn")
        yield FoundAccount(entry.text(place.account_attribute), name, entry.text("mail"))


def mark_of(account_id: str) -> str:
    """What is written beside a membership of ours: the lasting id of the account that has it."""
    return f"{MARK}{account_id}"


def is_marked(line: Line, group: str, account_id: str) -> bool:
    return line.read(group, where=f"({line.place.mark_attribute}={mark_of(account_id)})") is not None


def receipt_of(account: Named, group: Named) -> str:
    """By what a right is found again after somebody was renamed, moved or deleted."""
    return json.dumps({"account": account.id, "entitlement": group.id, "member": account.dn})


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it was read; empty texts for one that cannot be read."""

    account: str = ""
    entitlement: str = ""
    member: str = ""


def read_receipt(text: str) -> Receipt:
    try:
        kept = json.loads(text)
        return Receipt(str(kept["account"]), str(kept["entitlement"]), str(kept["member"]))
    except (ValueError, KeyError, TypeError):
        return Receipt()
