"""What the LDAP connector's service account may do, as far as a server tells without anything being changed.

Active Directory says of each entry which attributes may be written. OpenLDAP says nothing of the kind, but can be
asked to try a change and leave it (the control "no operation"): it is asked so, as critical, and what it will not
answer is not claimed to be missing.
"""

from collections.abc import Callable, Iterable
from typing import Any

import ldap
from ldap.controls import RequestControl

from . import ldap_dynamic
from .base import Finding, NotFound, Right, Unsupported
from .ldap_line import Line
from .ldap_queries import LINK_TTL, Named, find_group, is_member

NO_OPERATION = "1.3.6.1.4.1.4203.666.5.2"  # draft-zeilenga-ldap-noop
WOULD_HAVE_DONE_IT = 0x410E
EFFECTIVE = "allowedAttributesEffective"  # MS-ADTS 3.1.1.4.5.21


def look_at_rights(line: Line, entitlements: Iterable[str]) -> Finding:
    """The finding of `Connector.check`."""
    place, asked = line.place, list(entitlements)
    rights: list[Right] = []
    administers: list[str] = []
    missing = [
        f"There is no {base}, or the service account may not see it: let it read there."
        for base in (place.people_base, place.groups_base)
        if line.read(base) is None
    ]
    excess: list[str] = []
    for entitlement in asked:
        try:
            group = find_group(line, entitlement)
        except NotFound as error:
            missing.append(str(error))
            continue
        needed, too_much = _rights_on(line, group)
        missing += [
            f"{right['right']} is missing: {right['remedy']}" for right in needed if not right["held"]
        ]
        missing += _unfit(line, group)
        rights, excess = rights + needed, excess + too_much
        if all(right["held"] for right in needed):
            administers.append(entitlement)
    missing += _features(line)
    return Finding(
        usable=not missing,
        version=_version(line),
        service_account=line.who_am_i(),
        rights=rights,
        administers=administers,
        missing=missing,
        excess=excess,
    )


def _rights_on(line: Line, group: Named) -> tuple[list[Right], list[str]]:
    place = line.place
    if place.dynamic_base:
        name = f"cn=pim-check,{place.dynamic_base}"
        attributes = [("objectClass", [b"groupOfNames"]), ("member", [group.dn.encode()])]
        held = _would_be_done(lambda controls: line.add(name, attributes, controls))
        return [_right(f"adding and deleting entries below {place.dynamic_base}", held, group)], []
    attributes_needed = ("member", place.mark_attribute)
    if place.is_active_directory:
        entry = line.read(group.dn, EFFECTIVE)
        writable = {name.lower(): name for name in (entry.texts(EFFECTIVE) if entry else [])}
        needed = {name.lower() for name in attributes_needed}
        rights = [
            _right(f"writing {name} of {group.dn}", name.lower() in writable, group)
            for name in attributes_needed
        ]
        more = sorted(name for key, name in writable.items() if key not in needed)
        too_much = f"The service account does not need to write {', '.join(more[:5])} of {group.dn}."
        return rights, [too_much] if more else []
    trial = {"member": place.people_base.encode(), place.mark_attribute: b"pim-portal:check"}
    return [
        _right(
            f"writing {name} of {group.dn}",
            _would_be_done(_trial(line, group, name, trial[name])),
            group,
        )
        for name in attributes_needed
    ], []


def _trial(line: Line, group: Named, name: str, value: bytes) -> Callable[[list[RequestControl]], None]:
    return lambda controls: line.modify(group.dn, [(ldap.MOD_ADD, name, [value])], controls)


def _would_be_done(change: Callable[[list[RequestControl]], None]) -> bool:
    """Whether the server says that it would do this. Where it does not say, nothing is known to be missing."""
    try:
        change([RequestControl(NO_OPERATION, True)])
    except ldap.INSUFFICIENT_ACCESS:
        return False
    except (ldap.SERVER_DOWN, ldap.TIMEOUT, ldap.CONNECT_ERROR):
        raise
    except ldap.LDAPError:
        return True  # "no operation", a control it does not know, or a fault of the trial itself
    return True


def _right(right: str, held: bool, group: Named) -> Right:
    return Right(
        right=f"The right of {right}" if not right.startswith("The") else right,
        held=held,
        needed_for=f"giving and taking membership in {group.dn}",
        remedy="an administrator of the directory has to delegate it to the service account.",
    )


def _unfit(line: Line, group: Named) -> list[str]:
    """What is wrong with a group that may be written."""
    place = line.place
    if place.is_active_directory or place.dynamic_base:
        return []
    entry: Any = line.read(group.dn, "objectClass")
    if "groupofnames" not in {name.lower() for name in entry.texts("objectClass")}:
        return [f"{group.dn} is computed, so nobody can be put into it: name dynamic_base, or another group."]
    if not is_member(line, group.dn, place.bind_dn):
        return [
            f"{group.dn} has no placeholder: put {place.bind_dn} into it, so that the last person can be taken out."
        ]
    return []


def _features(line: Line) -> list[str]:
    """What the settings count on and the server does not announce."""
    place, missing = line.place, []
    if place.dynamic_base:
        try:
            ldap_dynamic.check_offered(line)
        except Unsupported as error:
            missing.append(str(error))
    if place.time_to_live:
        try:
            check_ends_links(line)
        except Unsupported as error:
            missing.append(str(error))
    return missing


def check_ends_links(line: Line) -> None:
    """Raises Unsupported unless the server announces memberships with a time to live."""
    root = line.read("", "supportedControl")
    if root is None or LINK_TTL not in root.texts("supportedControl"):
        raise Unsupported(
            f"{line.place.url} does not let memberships end by themselves: it needs the feature Privileged Access "
            "Management (forest level 2016), or the setting time_to_live is not for it."
        )


def _version(line: Line) -> str:
    root = line.read(
        "", "vendorName", "vendorVersion", "domainControllerFunctionality", "structuralObjectClass"
    )
    said = (
        " ".join(root.text(name) for name in ("vendorName", "vendorVersion") if root.text(name))
        if root
        else ""
    )
    level = root.text("domainControllerFunctionality") if root else ""
    if line.place.is_active_directory:
        return " ".join(filter(None, [said or "Active Directory", level and f"functional level {level}"]))
    return said or line.place.flavour.name
