"""Trying a web hook: one call about nothing, marked as a test, of which nothing comes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from time import monotonic

from accounts.duties import ROLE_ADMINISTRATORS, require
from approvals.hooks.calling import post
from approvals.hooks.models import Hook
from approvals.hooks.wording import NoAnswer, Said, as_body, question_for_trial, understood
from audit.journal.actor import Actor
from audit.journal.plain import one_line
from audit.journal.recording import journaled, record

SHOWN = 2000  # characters of an answer


@dataclass(frozen=True)
class Trial:
    """What came of a try.

    Args:
        sent: what it was asked, as it went over the wire.
        seconds: how long it took.
        status: the HTTP status; 0 where there was no answer at all.
        body: the beginning of the answer.
        said: what the portal has understood; None where it is no answer.
        fault: why it is none.
    """

    sent: str
    seconds: float
    status: int = 0
    body: str = ""
    said: Said | None = None
    fault: str = ""

    @property
    def came(self) -> str:
        """In one line, for the journal."""
        return str(self.said.outcome.label) if self.said else self.fault


def try_hook(hook: Hook, *, actor: Actor) -> Trial:
    """Call a hook once, in its own time and no longer, and tell what it answered. Never call it inside a transaction.

    Raises:
        NotAllowed: no duty for this.
    """
    _check_may_try(hook, actor=actor)
    question = question_for_trial(hook, actor.person)
    sent, began = as_body(question).decode(), monotonic()
    status, body, said, fault = 0, "", None, ""
    try:
        answer = post(hook, question, message_id=f"msg_{uuid.uuid4().hex}")
        status, body = answer.status, answer.body[:SHOWN].decode("utf-8", "replace")
        said = understood(answer)
    except NoAnswer as silence:
        fault = str(silence)
    trial = Trial(sent, monotonic() - began, status, body, said, fault)
    detail = {"came": one_line(trial.came, most=300), "status": status}
    record("hook.tried", actor=actor, subject=hook, detail=detail, outcome="done" if said else "failed")
    return trial


@journaled
def _check_may_try(hook: Hook, *, actor: Actor) -> None:
    require(actor, *ROLE_ADMINISTRATORS)
