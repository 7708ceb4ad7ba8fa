"""What a web hook is asked and what it may answer, in the shape of Microsoft Entra's custom extensions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from approvals.hooks.models import Hook, HookCall
from approvals.models import AccessRequest
from audit.journal.plain import one_line
from roles.outbound import Answer

Outcome = HookCall.Outcome
OUTCOMES = {
    "approved": Outcome.APPROVED,
    "autoapproved": Outcome.AUTO_APPROVED,
    "denied": Outcome.DENIED,
}
ACTIONS = {AccessRequest.Act.ACTIVATE: "selfActivate", AccessRequest.Act.PROLONG: "selfExtend"}
MOST_BYTES = 64 * 1024  # of an answer
MOST_REASONS, LONGEST_REASON, LONGEST_ID = 10, 300, 200
WORTH_ASKING_AGAIN = (408, 429)  # of the answers that begin with a 4


@dataclass(frozen=True)
class Said:
    """What a hook has answered.

    Args:
        outcome: approved, auto-approved or denied.
        evaluation_id: what the hook itself calls its answer.
        reasons: for who asked, each on one line.
    """

    outcome: Outcome
    evaluation_id: str = ""
    reasons: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For storing with a decision."""
        return {
            "evaluationId": self.evaluation_id,
            "evaluationOutcome": str(self.outcome),
            "reason": self.reasons,
        }


class NoAnswer(Exception):
    """What came back is no answer. The message says why, for people.

    Args:
        again: whether the next attempt may fare better.
    """

    def __init__(self, why: str, *, again: bool = True) -> None:
        super().__init__(why)
        self.again = again


def question_about(access_request: AccessRequest, hook: Hook) -> dict[str, Any]:
    """What is asked about a request: the same for every attempt."""
    scope, role = access_request.scope, access_request.role
    return {
        "id": access_request.number,
        "action": ACTIONS[AccessRequest.Act(access_request.act)],
        "status": "PendingEvaluation",
        "createdDateTime": _moment(access_request.created_at),
        "principal": _principal(access_request.holder),
        "role": {
            "id": role.entitlement,
            "displayName": role.name,
            "directory": role.directory.name,
            "risk": role.risk,
        },
        "scope": {"id": scope.path, "displayName": str(scope)},
        "justification": access_request.justification,
        "schedule": {
            "startDateTime": _moment(access_request.asked_start),
            "expiration": {"type": "afterDuration", "duration": f"PT{access_request.minutes or 0}M"},
        },
        "ticket": {"ticketNumber": access_request.ticket, "ticketSystem": access_request.ticket_system},
        "hook": {"key": hook.key, "name": hook.name},
        "test": False,
    }


def question_for_trial(hook: Hook, person: User | None) -> dict[str, Any]:
    """What is asked to see whether a hook answers: an invented request of whoever tries it, marked as a test."""
    return {
        "id": "R-0000-00000",
        "action": "selfActivate",
        "status": "PendingEvaluation",
        "createdDateTime": _moment(timezone.now()),
        "principal": _principal(person),
        "role": {"id": "test", "displayName": "Test", "directory": "Test", "risk": "low"},
        "scope": {"id": "/", "displayName": "Whole directory"},
        "justification": "A test of this web hook",
        "schedule": {"startDateTime": None, "expiration": {"type": "afterDuration", "duration": "PT60M"}},
        "ticket": {"ticketNumber": "TEST-1", "ticketSystem": ""},
        "hook": {"key": hook.key, "name": hook.name},
        "test": True,
    }


def as_body(question: dict[str, Any]) -> bytes:
    """The bytes that are sent and signed."""
    return json.dumps(question, sort_keys=True, separators=(",", ":")).encode()


def understood(answer: Answer) -> Said:
    """What a hook has said.

    Raises:
        NoAnswer: it has said nothing that can be understood.
    """
    status = answer.status
    if not 200 <= status < 300:
        again = status >= 500 or status in WORTH_ASKING_AGAIN
        why = _("It answered with HTTP status %(status)s.") % {"status": status}
        if 300 <= status < 400:
            why = _(
                "It sent the portal elsewhere (HTTP status %(status)s), which the portal does not follow."
            ) % {"status": status}
        raise NoAnswer(why, again=again)
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise NoAnswer(_("What it answered is not JSON.")) from error
    if not isinstance(said, dict):
        raise NoAnswer(_("What it answered is not a JSON object."))
    told = str(said.get("evaluationOutcome", ""))
    outcome = OUTCOMES.get(told.casefold())
    if outcome is None:
        raise NoAnswer(
            _("Its evaluationOutcome is “%(told)s”; it must be Approved, AutoApproved or Denied.")
            % {"told": one_line(told, most=60)}
        )
    return Said(
        outcome, one_line(_text(said.get("evaluationId")), most=LONGEST_ID), _reasons(said.get("reason"))
    )


def _reasons(said: Any) -> list[str]:
    some = said if isinstance(said, list) else [said]
    lines = [one_line(_text(one), most=LONGEST_REASON) for one in some[:MOST_REASONS]]
    return [line for line in lines if line]


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _principal(person: User | None) -> dict[str, Any]:
    if person is None:
        return {"id": "", "displayName": "", "userPrincipalName": "", "department": ""}
    return {
        "id": str(person.pk),
        "displayName": person.display_name,
        "userPrincipalName": person.email,
        "department": person.department,
    }


def _moment(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None
