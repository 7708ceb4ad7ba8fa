"""News from below: a person left."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from approvals.closing import fail_request
from approvals.models import AccessRequest
from audit.journal.actor import Actor


def close_what_they_asked(sender: Any, *, person: User, actor: Actor, **_more: Any) -> None:
    """Receiver of ``accounts.signals.user_left``: what a disabled person asked for is not decided any more."""
    for access_request in AccessRequest.objects.open().filter(holder=person):
        fail_request(access_request, actor=actor, why=_("The person was disabled."))
