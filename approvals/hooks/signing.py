"""The secrets that sign what a web hook is asked: sealed beside it, two at most."""

from __future__ import annotations

from approvals.hooks.models import Hook
from roles.sealing import seal, unseal


def keep_secret(hook: Hook, secret: str) -> None:
    """Let a hook, not saved by this, have a new secret; the one before it goes on signing beside it.

    So whoever runs the hook can change over at leisure. Two at most: with the next one the oldest is gone.
    """
    before = secrets_of(hook)[:1] if hook.sealed_secret else []
    hook.sealed_secret = seal("\n".join([secret, *before]), bound_to=_place(hook))


def secrets_of(hook: Hook) -> list[str]:
    """Its secret, and the one before it.

    Raises:
        CannotOpen: the key it was sealed under is gone.
    """
    return unseal(hook.sealed_secret, bound_to=_place(hook)).split("\n")


def _place(hook: Hook) -> str:
    return f"hook:{hook.key}"
