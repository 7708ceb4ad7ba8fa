"""What the portal's own address says: whether it is a number, whether others can reach it, how a browser names it."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_address(host: str) -> bool:
    """Say whether `host` is an IP address, not a name."""
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Say whether `host` can only be reached from this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return is_address(host) and ip_address(host).is_loopback


def origin_of(url: str, *, host: str) -> str:
    """The origin of `url` as a browser names it, at `host`: in lower case, and without the scheme's own port."""
    parts = urlsplit(url)
    port = "" if parts.port in (None, {"https": 443, "http": 80}.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"
