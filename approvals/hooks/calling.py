"""The call itself: one signed POST to a web hook, and what it says to it."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.hooks.models import Hook
from approvals.hooks.signing import secrets_of
from approvals.hooks.wording import MOST_BYTES, NoAnswer, Said, as_body, understood
from roles.connectors.signing import signed_headers
from roles.outbound import AddressRefused, Answer, Unreachable, fetch
from roles.sealing import CannotOpen


def call(hook: Hook, question: dict[str, Any], *, message_id: str) -> Said:
    """Ask a hook and wait for its answer, ``hook.timeout_seconds`` at most. Never call it inside a transaction.

    Args:
        message_id: the same for every attempt to ask the same.

    Raises:
        NoAnswer: there was none; it says why, and whether to ask again.
    """
    return understood(post(hook, question, message_id=message_id))


def post(hook: Hook, question: dict[str, Any], *, message_id: str) -> Answer:
    """Send a question, signed, and give the answer as it came.

    Raises:
        NoAnswer: none came.
    """
    body = as_body(question)
    try:
        signed = signed_headers(
            secrets_of(hook),
            message_id=message_id,
            timestamp=int(timezone.now().timestamp()),
            body=body,
        )
        return fetch(
            hook.url,
            method="POST",
            content=body,
            headers=signed | {"Content-Type": "application/json", "Accept": "application/json"},
            timeout=hook.timeout_seconds,
            most_bytes=MOST_BYTES,
        )
    except CannotOpen as lost:
        why = _("Its secret cannot be read any more. An administrator must make a new one.")
        raise NoAnswer(why, again=False) from lost
    except AddressRefused as refused:
        raise NoAnswer(str(refused), again=False) from refused
    except Unreachable as silent:
        raise NoAnswer(str(silent)) from silent
