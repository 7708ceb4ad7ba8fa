"""Asking a web hook about a request that was just filed: noting it down, so that a worker does it."""

from __future__ import annotations

from functools import partial

from celery import current_app
from django.db import transaction

from approvals.closing import noun_of
from approvals.hooks.models import Hook, HookCall
from approvals.models import AccessRequest
from audit.journal.actor import PORTAL, Actor
from audit.journal.recording import record

SENDING = "approvals.hooks.sending.send_hook_call"


def ask_hook(access_request: AccessRequest, *, key: str, actor: Actor) -> HookCall:
    """Note that the hook ``key`` is to be asked about a request; a worker does it right after the commit.

    A hook that does not exist any more is one that does not answer.
    """
    hook = Hook.objects.filter(key=key).first()
    call = HookCall.objects.create(access_request=access_request, hook=hook)
    record(
        f"{noun_of(access_request)}.hook_asked",
        actor=PORTAL,
        subject=access_request,
        detail={"hook": hook.name if hook else key, "message": str(call.message_id)},
    )
    transaction.on_commit(partial(hurry, call.pk), robust=True)
    return call


def hurry(key: int) -> None:
    """Ask the worker to send a call now. Where the broker does not answer, the sweep finds it."""
    # By name: sending ends with carrying out the request, whose filing begins here, and stands above this module.
    current_app.send_task(SENDING, [key], ignore_result=True)
