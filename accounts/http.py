"""What a request says about who acts, from where, and which page they look at."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import User
from accounts.sessions import session_digest
from audit.journal.actor import Actor


class PortalRequest(HttpRequest):
    """A request as the views see it that only signed-in people reach; for the others there is ``is_signed_in``."""

    actor: Actor
    user: User


def is_signed_in(request: HttpRequest) -> bool:
    """Whether somebody is signed in, with both factors."""
    person: Any = request.user
    return bool(person.is_authenticated)


def actor_of(request: HttpRequest) -> Actor:
    """Who acts in ``request``.

    Of somebody who is not signed in the actor's person is an ``AnonymousUser``, never None: None is the portal itself.
    """
    person: Any = request.user
    actor = Actor.of(
        person,
        address=address_of(request),
        agent=request.headers.get("User-Agent", ""),
        session=session_digest(request),
    )
    return actor if is_signed_in(request) else actor.known_as("somebody not signed in")


def actor_for(request: PortalRequest, person: User) -> Actor:
    """The actor of ``request`` as ``person``, who has given a password or a link, but is not signed in yet."""
    return replace(request.actor, person=person, name=str(person))


def address_of(request: HttpRequest) -> str:
    """The network address of the person's end of the connection; "" when it is not known.

    ``X-Forwarded-For`` is believed only as far as our own proxies (``TRUSTED_PROXIES``) wrote it: the last of them wrote
    the last entry, so the person's address stands that many entries from the end, whatever somebody put before it.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if proxies := settings.TRUSTED_PROXIES:
        header = request.headers.get("X-Forwarded-For", "")
        forwarded = [entry.strip() for entry in header.split(",")] if header else []
        address = forwarded[-proxies] if len(forwarded) >= proxies else address
    try:
        return str(ip_address(address))
    except ValueError:
        return ""


def page_behind(request: HttpRequest) -> str:
    """Path of the page the person looks at: this one, or the one whose form or fragment was sent."""
    if request.method in ("GET", "HEAD") and not request.headers.get("HX-Request"):
        return request.get_full_path()
    shown = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer") or "")
    return safe_path(
        shown._replace(scheme="", netloc="", fragment="").geturl()
        if shown.netloc == request.get_host()
        else ""
    )


def safe_path(path: str) -> str:
    """``path`` when it is a path of this portal, the home page otherwise: nobody is led elsewhere (D6)."""
    return path if path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None) else "/"
