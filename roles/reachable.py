"""Which addresses the portal may call: public ones by https, and what the operator names in OUTBOUND_ALLOWED."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

Address = IPv4Address | IPv6Address

LONGEST = 500  # characters of an address
NAT64 = IPv6Network("64:ff9b::/96")
OF_CLOUDS = {ip_address("168.63.129.16")}  # public by its number, but answers only machines of one's own
TUNNELS = [IPv6Network(one) for one in ("2001::/32", "2002::/16", "64:ff9b:1::/48", "::/96")]


class Unreachable(Exception):
    """There was no answer. The message says why, for people."""


class AddressRefused(Unreachable):
    """The portal does not call this address. The message says why, for people."""


def parsed(url: str) -> httpx.URL:
    """An address in its parts; the same parts are looked at and called.

    Raises:
        AddressRefused: it is none, or none of the kind that is called.
    """
    try:
        target = httpx.URL(url)
        port = target.port
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise AddressRefused(_("This is not an address.")) from error
    if target.scheme not in ("http", "https"):
        raise AddressRefused(_("The address must begin with https://."))
    if (
        not target.host
        or "%" in target.host
        or len(url) > LONGEST
        or (port is not None and not 0 < port < 65536)
    ):
        raise AddressRefused(_("This is not an address."))
    if target.userinfo:
        raise AddressRefused(_("The address must not contain a user name or password."))
    return target


def addresses_of(target: httpx.URL) -> list[str]:
    """Every address of a target's name, as the machine's own look-up finds them.

    Raises:
        Unreachable: it has none.
    """
    port = target.port or (443 if target.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(target.raw_host.decode(), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(_("The name %(host)s has no address.") % {"host": target.host}) from error
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def checked(target: httpx.URL, addresses: list[str]) -> list[str]:
    """The addresses of a target once more, every one of which may be called.

    Raises:
        AddressRefused: one of them may not, or only by https.
        Unreachable: there is none.
    """
    if not addresses:
        raise Unreachable(_("The name %(host)s has no address.") % {"host": target.host})
    named = _names_it(target.host)
    for address in map(ip_address, addresses):
        allowed = _in_allowed_network(address) or (named and not _is_nobodys(address))
        if not allowed and not is_public(address):
            raise AddressRefused(
                _(
                    "%(host)s is inside a private network, where the portal calls nothing. "
                    "Whoever runs the portal can allow it (OUTBOUND_ALLOWED)."
                )
                % {"host": target.host}
            )
        if not allowed and target.scheme != "https":
            raise AddressRefused(_("The address must begin with https://."))
    return addresses


def check_machine(name: str) -> None:
    """Look at every address of a machine that is to be called otherwise than by HTTP.

    Args:
        name: a host, an address with its scheme (``ldaps://host:636``), or the path of a socket on this machine, which
            is called only where ``OUTBOUND_ALLOWED`` names it or a folder above it.

    Raises:
        AddressRefused: it may not be called.
        Unreachable: its name has no address.
    """
    if name.startswith("/"):
        folders = [str(one) for one in settings.OUTBOUND_ALLOWED if str(one).startswith("/")]
        if not any(PurePosixPath(name).is_relative_to(one) for one in folders) or ".." in name:
            raise AddressRefused(
                _(
                    "%(path)s is a socket on the portal’s own machine. Whoever runs the portal can allow it (OUTBOUND_ALLOWED)."
                )
                % {"path": name}
            )
        return
    host = urlsplit(name).hostname if "://" in name else name
    try:
        target = httpx.URL(scheme="https", host=host or "")
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise AddressRefused(_("This is not an address.")) from error
    if not target.host or "%" in target.host or len(name) > LONGEST:
        raise AddressRefused(_("This is not an address."))
    checked(target, addresses_of(target))


def is_public(address: Address) -> bool:
    """Whether anybody on the internet would reach the same machine by it."""
    address = _meant(address)
    if isinstance(address, IPv6Address) and any(address in tunnel for tunnel in TUNNELS):
        return False
    if address in OF_CLOUDS or address.is_multicast or address.is_reserved or address.is_private:
        return False
    return address.is_global and not address.is_link_local


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for; other addresses as they are."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_nobodys(address: Address) -> bool:
    """No machine of a network: this link only (where clouds keep their metadata), many at once, or none."""
    meant = _meant(address)
    return meant.is_link_local or meant.is_multicast or meant.is_unspecified or meant in OF_CLOUDS


def _names_it(host: str) -> bool:
    return host.lower().rstrip(".") in {str(one).lower().rstrip(".") for one in settings.OUTBOUND_ALLOWED}


def _in_allowed_network(address: Address) -> bool:
    meant = _meant(address)
    for one in settings.OUTBOUND_ALLOWED:
        try:
            network = ip_network(one, strict=False)
        except ValueError:
            continue  # a host name
        if meant.version == network.version and meant in network:
            return True
    return False
