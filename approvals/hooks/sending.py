"""Sending what web hooks are to be asked: taken to work on by a lease, sent outside any transaction, written down after.

The row says what is still to send; a lost or doubled task changes nothing. A worker that dies with a call in its hands
leaves a lease that lapses, and the call is made again, under the same id.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from celery import shared_task
from django.db import close_old_connections, connection
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.hooks.answering import drop_call, take_answer, take_silence
from approvals.hooks.calling import call
from approvals.hooks.models import HookCall
from approvals.hooks.wording import NoAnswer, question_about

logger = logging.getLogger(__name__)

SPARE = timedelta(seconds=20)  # of a lease, beyond what the hook may take to answer
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(seconds=30)
AT_ONCE = 4  # calls of one hook that are out at the same time, so that a slow one keeps nobody else waiting
BATCH = 100
ABOUT = ("hook", "access_request__role__directory", "access_request__scope", "access_request__holder")
_pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="hook")
_in_hand: set[int] = set()  # what this process is at, or will be: a sweep does not queue it up again


@shared_task(ignore_result=True)
def send_hook_call(key: int) -> None:
    """Send one call, if it is still to be sent and nobody else is at it, in a thread: a slow hook holds up no task."""
    hand_over(key)


@shared_task(ignore_result=True)
def send_due_hook_calls() -> None:
    """Send every call whose turn it is: those no task was there for, and those to be made again."""
    for key in list(HookCall.objects.due().values_list("pk", flat=True).order_by("next_at")[:BATCH]):
        hand_over(key)


def hand_over(key: int) -> None:
    """Let a thread send a call, unless one of this process has it already."""
    if key not in _in_hand:
        _in_hand.add(key)
        _pool.submit(_send_in_thread, key)


def send(key: int) -> None:
    """Send one call and let its answer count. Never call it inside a transaction."""
    claimed = claim(key)
    if claimed is None:
        return
    hook = claimed.hook
    if hook is None:
        take_silence(claimed, why=_("This web hook does not exist any more."))
        return
    if claimed.attempts > hook.retries + 1:  # a worker died with the last one in its hands
        take_silence(claimed, why=claimed.fault or _("It did not answer in time."))
        return
    try:
        said = call(hook, claimed.sent, message_id=f"msg_{claimed.message_id.hex}")
    except NoAnswer as silence:
        if silence.again and claimed.attempts <= hook.retries:
            put_off(claimed, why=str(silence))
        else:
            take_silence(claimed, why=str(silence))
    else:
        take_answer(claimed, said=said)


def claim(key: int) -> HookCall | None:
    """Take a call to send it; None when it is not its turn, somebody else has it, or nothing waits for it any more.

    The number of the attempt is what is compared and set: of two who claim at once, one does.
    """
    now = timezone.now()
    found = HookCall.objects.due(now).select_related(*ABOUT).filter(pk=key).first()
    if found is None:
        return None
    access_request, hook = found.access_request, found.hook
    if not (access_request.is_open and access_request.is_checking):
        drop_call(found)
        return None
    out = HookCall.objects.unanswered().filter(hook=hook, leased_until__gt=now)
    if hook is not None and out.count() >= AT_ONCE:
        return None
    patience = timedelta(seconds=hook.timeout_seconds if hook else 0)
    changes = {"leased_until": now + patience + SPARE}
    if hook is not None and not found.sent:
        found.sent = question_about(access_request, hook)
    mine = HookCall.objects.due(now).filter(pk=key, attempts=found.attempts)
    if not mine.update(attempts=F("attempts") + 1, sent=found.sent, **changes):
        return None
    found.attempts += 1
    found.leased_until = changes["leased_until"]
    return found


def put_off(claimed: HookCall, *, why: str) -> None:
    """Give a call back after an attempt that brought no answer, to be made again after a pause."""
    pause = pause_after(claimed.attempts)
    HookCall.objects.unanswered().filter(pk=claimed.pk, attempts=claimed.attempts).update(
        leased_until=None, next_at=timezone.now() + pause, fault=why[:300]
    )
    logger.warning("%s did not answer, attempt %s: %s", claimed.hook, claimed.attempts, why)


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 2 s, 4 s, 8 s, and so on up to half a minute."""
    doubled: int = 2 ** min(max(attempts - 1, 0), 6)
    return min(FIRST_PAUSE * doubled, LONGEST_PAUSE)


def _send_in_thread(key: int) -> None:
    close_old_connections()
    try:
        send(key)
    except Exception:
        logger.exception("Web hook call %s came to nothing; it is made again once its lease is over", key)
    finally:
        _in_hand.discard(key)
        connection.close()
