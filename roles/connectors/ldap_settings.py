"""What the LDAP connector is told about a directory: where it is, who it speaks as, and how things are called there."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import ldap.dn

from .base import Unsupported
from .ldap_names import is_below

NEEDED = ("url", "bind_dn", "people_base", "groups_base", "flavour")
OPTIONAL = ("account_attribute", "mark_attribute", "ca_file", "starttls", "dynamic_base", "time_to_live")
DNS = ("bind_dn", "people_base", "groups_base", "dynamic_base")
SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True, slots=True)
class Flavour:
    """How one kind of server names things.

    mark_attribute: of a group, text with several values; it says whom the portal has put in.
    id_attribute: of any entry; it survives renaming and is never used again.
    """

    name: str
    account_attribute: str
    mark_attribute: str
    id_attribute: str
    is_account: str
    is_group: str
    is_found_group: str


OPENLDAP = Flavour(
    name="OpenLDAP",
    account_attribute="uid",
    mark_attribute="description",
    id_attribute="entryUUID",
    is_account="(objectClass=*)",
    is_group="(|(objectClass=groupOfNames)(objectClass=groupOfURLs))",
    is_found_group="(|(objectClass=groupOfNames)(objectClass=groupOfURLs))",
)
ACTIVE_DIRECTORY = Flavour(
    name="Active Directory",
    account_attribute="sAMAccountName",
    mark_attribute="extensionName",
    id_attribute="objectGUID",
    is_account="(&(objectCategory=person)(objectClass=user))",
    is_group="(objectClass=group)",
    # Security groups alone: bit 31 of groupType. Distribution lists give no right to anything.
    is_found_group="(&(objectClass=group)(groupType:1.2.840.113556.1.4.803:=2147483648))",
)
FLAVOURS = {"openldap": OPENLDAP, "active_directory": ACTIVE_DIRECTORY}


@dataclass(frozen=True, slots=True)
class Place:
    """The settings, read and found in order.

    starttls: begin TLS on a plain connection. Neither this nor `ldaps` only where the server is this machine.
    dynamic_base: where OpenLDAP keeps one dynamic entry (RFC 2589) for each right; empty without.
    time_to_live: Active Directory lets a membership end by itself (Privileged Access Management feature).
    """

    url: str
    starttls: bool
    bind_dn: str
    people_base: str
    groups_base: str
    flavour: Flavour
    account_attribute: str
    mark_attribute: str
    ca_file: str
    dynamic_base: str
    time_to_live: bool

    @property
    def is_active_directory(self) -> bool:
        return self.flavour is ACTIVE_DIRECTORY

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    @property
    def encrypted(self) -> bool:
        return self.starttls or self.url.startswith("ldaps://")


def read_settings(settings: Mapping[str, object]) -> Place:
    """Raises Unsupported for settings that are missing, unknown or cannot be."""
    given = {name: str(value).strip() for name, value in settings.items() if value not in (None, "")}
    if unknown := sorted(set(settings).difference(NEEDED, OPTIONAL)):
        raise Unsupported(f"LDAP has no use for the setting {', '.join(unknown)}.")
    if missing := [name for name in NEEDED if not given.get(name)]:
        raise Unsupported(f"LDAP needs the setting {', '.join(missing)}.")
    for name in DNS:
        if not ldap.dn.is_dn(given.get(name, "")):
            raise Unsupported(f'The setting {name} has to be a distinguished name, not "{given[name]}".')
    flavour = FLAVOURS.get(given["flavour"])
    if flavour is None:
        raise Unsupported(f"The setting flavour is one of {', '.join(FLAVOURS)}.")
    if "dynamic_base" in given and flavour is not OPENLDAP:
        raise Unsupported("The setting dynamic_base is for OpenLDAP.")
    if is_below(given.get("dynamic_base", "cn=elsewhere"), given["groups_base"]):
        raise Unsupported(
            "The setting dynamic_base cannot be below groups_base: what lies there is no group to be given."
        )
    if "time_to_live" in given and flavour is not ACTIVE_DIRECTORY:
        raise Unsupported("The setting time_to_live is for Active Directory.")
    url, starttls = _address(given)
    return Place(
        url=url,
        starttls=starttls,
        bind_dn=given["bind_dn"],
        people_base=given["people_base"],
        groups_base=given["groups_base"],
        flavour=flavour,
        account_attribute=_attribute(given, "account_attribute", flavour.account_attribute),
        mark_attribute=_attribute(given, "mark_attribute", flavour.mark_attribute),
        ca_file=given.get("ca_file") or (SYSTEM_AUTHORITIES if Path(SYSTEM_AUTHORITIES).exists() else ""),
        dynamic_base=given.get("dynamic_base", ""),
        time_to_live=_yes_or_no(given, "time_to_live", default=False),
    )


def _address(given: Mapping[str, str]) -> tuple[str, bool]:
    try:
        parts = urlsplit(given["url"])
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Unsupported(f'The setting url cannot be "{given["url"]}".') from error
    if (
        parts.scheme not in ("ldap", "ldaps")
        or not host
        or parts.path.strip("/")
        or parts.query
        or "@" in parts.netloc
    ):
        raise Unsupported("The setting url is like ldaps://dc1.example.test or ldap://ldap.example.test:389.")
    shown = f"[{host}]" if ":" in host else host
    url = f"{parts.scheme}://{shown}:{port or (636 if parts.scheme == 'ldaps' else 389)}"
    if parts.scheme == "ldaps":
        if "starttls" in given:
            raise Unsupported(
                "The setting starttls is for ldap:// alone: ldaps:// is encrypted from the start."
            )
        return url, False
    starttls = _yes_or_no(given, "starttls", default=True)
    if not starttls and not _is_this_machine(host):
        raise Unsupported(
            "Without TLS the password would be sent in clear: starttls can be left out on this machine alone."
        )
    return url, starttls


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _attribute(given: Mapping[str, str], name: str, usual: str) -> str:
    value = given.get(name, usual)
    if not (value.isascii() and value.replace("-", "").isalnum()):
        raise Unsupported(f'The setting {name} has to be the name of an attribute, not "{value}".')
    return value


def _yes_or_no(given: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = given.get(name, "").lower()
    if value not in ("", "yes", "no", "true", "false"):
        raise Unsupported(f"The setting {name} is yes or no.")
    return value in ("yes", "true") if value else default
