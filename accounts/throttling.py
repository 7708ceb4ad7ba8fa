"""Slowing down those who guess passwords, without locking anybody out for ever.

Counted are a sign-in name from one address (strictly) and an address alone (loosely, many people may share it), so a
stranger's guesses slow the stranger, not the person. Every attempt is counted and committed before the password is
looked at; a right password takes its own mark back.
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.mfa.models import Attempts, pause_after
from audit.journal.refusing import Refused

FREE_FOR_A_NAME = 5
FREE_FOR_AN_ADDRESS = 50
#: failures are forgotten when none was added for so long; longer than the longest pause
FORGOTTEN_AFTER = timedelta(hours=1)


class TooManyAttempts(Refused):
    """Too many attempts from here; says until when."""

    code = "too_many_attempts"
    status_code = 429

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(_("Too many attempts. Try again in %(wait)s.") % {"wait": wait_words(until)})


def wait_words(until: datetime) -> str:
    """How long until ``until``, rounded up: "12 s", "4 min"."""
    seconds = max(math.ceil((until - timezone.now()).total_seconds()), 1)
    return _("%(n)s s") % {"n": seconds} if seconds < 90 else _("%(n)s min") % {"n": math.ceil(seconds / 60)}


def count_attempt(email: str, *, address: str) -> None:
    """Count an attempt to sign in, committed whatever comes of it.

    Args:
        email: the canonical sign-in name, whether or not it belongs to anybody.
        address: network address it comes from; "" when unknown, then only the name is counted.

    Raises:
        TooManyAttempts: a pause is still on; nothing is counted, so that waiting helps.
    """
    _count(_keys(email, address))


def _count(keys: list[tuple[str, int]]) -> None:
    with transaction.atomic(durable=True):
        for key, free in keys:
            attempts, _new = Attempts.objects.get_or_create(key=key)
            attempts = Attempts.objects.select_for_update().get(pk=attempts.pk)
            now = timezone.now()
            if now - attempts.last_at > FORGOTTEN_AFTER:
                attempts.failures = 0
            pause = pause_after(attempts.failures, free=free)
            if pause and now < attempts.last_at + pause:
                raise TooManyAttempts(attempts.last_at + pause)
            attempts.failures += 1
            attempts.last_at = now
            attempts.save()


def forgive_attempt(email: str, *, address: str) -> None:
    """Take back the mark of an attempt that was right. Other people's marks on the same address stay."""
    (name, _free), *rest = _keys(email, address)
    Attempts.objects.filter(key=name).update(failures=0)
    for key, _free in rest:
        Attempts.objects.filter(key=key, failures__gt=0).update(failures=F("failures") - 1)
    Attempts.objects.filter(last_at__lt=timezone.now() - 24 * FORGOTTEN_AFTER).delete()


def takes_turn_in_pause(email: str, *, address: str) -> bool:
    """Whether one more attempt may be looked at although a pause is on: one a second for a name from one network.

    For break-glass accounts, so that nobody beside them on the network keeps their pause alive.
    """
    now = timezone.now()
    turn, new = Attempts.objects.get_or_create(key=_digest("in a pause", email, network_of(address)))
    again = Attempts.objects.filter(pk=turn.pk, last_at__lte=now - timedelta(seconds=1))
    return new or bool(again.update(last_at=now))


def count_code(person: int, *, address: str) -> datetime | None:
    """Count six figures for a break-glass account from one network, before they are looked at.

    Args:
        person: the account's key.

    Returns:
        Until when none is looked at from there; None when this one may be.
    """
    try:
        _count([(_digest("code", str(person), network_of(address)), FREE_FOR_A_NAME)])
    except TooManyAttempts as refusal:
        return refusal.until
    return None


def forgive_code(person: int, *, address: str) -> None:
    """Take back the marks of a network from which a code was right."""
    Attempts.objects.filter(key=_digest("code", str(person), network_of(address))).update(failures=0)


def _keys(email: str, address: str) -> list[tuple[str, int]]:
    network = network_of(address)
    keys = [(_digest("name", email, network), FREE_FOR_A_NAME)]
    return [*keys, (_digest("address", network), FREE_FOR_AN_ADDRESS)] if network else keys


def network_of(address: str) -> str:
    """One home or office: an IPv4 address, or the /64 that an IPv6 address is in."""
    try:
        known = ip_address(address)
    except ValueError:
        return ""
    return str(known if known.version == 4 else ip_network((known, 64), strict=False))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
