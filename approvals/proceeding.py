"""What follows the filing of a request for an activation: the web hook, the automatic rules, the approvers, or at once its effect."""

from __future__ import annotations

from typing import Any, Protocol

from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.automatic.deciding import decided_by_rule
from approvals.automatic.models import AutomaticDecision, AutomaticRule
from approvals.closing import notice_of, noun_of, tell_requester
from approvals.hooks.asking import ask_hook
from approvals.models import AccessRequest, FrozenApprover
from approvals.permissions import approvers_of
from approvals.staging import (
    begin_stage,
    can_be_decided,
    frozen_lines,
    let_administrators_decide,
    save_quietly,
)
from approvals.within_a_day import end_within_a_day
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import move_to
from audit.journal.refusing import Refused
from roles.effective import Layers
from roles.models import Assignment, Eligibility, Origin
from roles.models.stages import as_stored
from roles.models.values import IfNobody
from roles.provisioning import begin_assignment
from roles.requirements import Asked, window

Status = AccessRequest.Status
CHECKING = 0  # the stage of a request whose web hook has not answered


class Carry(Protocol):
    """Approves a request and makes its effect, in one transaction: ``carry_out`` or ``carry_out_longer``."""

    def __call__(self, access_request: AccessRequest, *, actor: Actor, action: str, **more: Any) -> None: ...


def begin_deciding(access_request: AccessRequest, layers: Layers, *, carry: Carry, actor: Actor) -> None:
    """Let a request that was just filed be decided: by its web hook first, where role settings name one.

    Raises:
        Refused: nobody could decide, and role settings say that it is refused then.
    """
    role_settings = access_request.asked_under
    if role_settings.approval_required:
        freeze_approvers(access_request, layers)
    if role_settings.hook:
        access_request.stage = CHECKING
        save_quietly(access_request, "stage")
        ask_hook(access_request, key=role_settings.hook, actor=actor)
    else:
        proceed(access_request, carry=carry, actor=actor)


def proceed(
    access_request: AccessRequest, *, carry: Carry, actor: Actor, instead: AutomaticDecision | None = None
) -> None:
    """Go on with a request that waits for no web hook: by an automatic rule, by people, or at once where none is needed.

    Args:
        instead: what a web hook has decided in place of the approvers; saved and carried out unless a rule decides.

    Raises:
        Refused: nobody could decide, and role settings say that it is refused then.
    """
    noun = noun_of(access_request)
    found = decided_by_rule(access_request)
    if found is None and instead is not None:
        instead.save()
        found = instead
    if found is not None and found.verdict == AutomaticRule.Verdict.DENY:
        deny_by(access_request, _("Denied by the rule “%(rule)s”.") % {"rule": found.rule}, by="rule")
    elif found is not None:
        by = {"by": "rule", "rule": found.rule.reference} if found.rule else {"by": "hook"} | found.says
        carry(access_request, actor=PORTAL, action=f"{noun}.approved", detail=by)
    elif access_request.asked_under.approval_required or access_request.stages:
        # there are stages without approval where a rule that may deny could not be judged: the administrators are asked
        ask_for_approval(access_request, actor=actor)
    else:
        carry(access_request, actor=PORTAL, action=f"{noun}.approved", detail={"by": "role settings"})


def deny_by(access_request: AccessRequest, why: str, *, by: str) -> None:
    """Deny a request without a person, and tell who asked why.

    Args:
        by: what has decided, for the journal: ``rule`` or ``hook``.

    Raises:
        Overtaken: it does not wait any more.
    """
    move_to(
        access_request,
        Status.DENIED,
        actor=PORTAL,
        action=f"{noun_of(access_request)}.denied",
        detail={"by": by, "why": why},
        closed_at=timezone.now(),
        outcome_note=why[:300],
    )
    tell_requester(access_request, notice=notice_of(access_request, "denied"), actor=PORTAL)


def freeze_approvers(access_request: AccessRequest, layers: Layers) -> None:
    """Freeze the approver rule that counts now onto the request."""
    lines = layers.approvers()
    access_request.stages = as_stored(layers.stages(lines))
    save_quietly(access_request, "stages")
    FrozenApprover.objects.bulk_create(frozen_lines(access_request, lines))


def ask_for_approval(access_request: AccessRequest, *, actor: Actor) -> None:
    """Ask those of the first stage of a request whose approver rule is frozen.

    Raises:
        Refused: nobody could decide, and role settings say that it is refused then, or there is no administrator either.
    """
    begin_stage(access_request, 1, actor=actor)
    wanted = access_request.asked_under.if_nobody
    if not can_be_decided(access_request, list(approvers_of(access_request))):
        names_somebody = access_request.approver_rule.exclude(kind=FrozenApprover.ADMINISTRATORS).exists()
        if wanted == IfNobody.ADMINISTRATORS and names_somebody:
            let_administrators_decide(access_request, actor=PORTAL)
        if wanted != IfNobody.WAIT and not approvers_of(access_request).exists():
            raise Refused(
                _(
                    "Nobody could decide on this request. An administrator must name an approver for this role."
                ),
                code="no_approver",
            )


def carry_out(
    access_request: AccessRequest,
    *,
    actor: Actor,
    action: str,
    minutes: int | None = None,
    justification: str = "",
    **more: Any,
) -> None:
    """Approve an activation and begin its assignment. For verbs that file and decide, in their transaction.

    Args:
        minutes: for how long, where an approver has shortened it.

    Raises:
        Overtaken: it does not wait any more.
        Refused: less than the shortest activation is left of what role settings allow within 24 hours.
    """
    eligibility, holder = access_request.eligibility, access_request.holder
    if eligibility is None or holder is None or access_request.minutes is None:
        raise TypeError("only an activation is carried out here")
    asked = Asked(minutes=minutes or access_request.minutes, starts_at=access_request.asked_start)
    now = timezone.now()
    starts_at, ends_at = window(asked, decided_at=now, eligible_until=eligibility.ends_for(holder))
    ends_at = end_within_a_day(access_request, starts_at=starts_at, ends_at=ends_at)
    move_to(access_request, Status.APPROVED, actor=actor, action=action, justification=justification,
            closed_at=now, **more)  # fmt: skip
    assignment = begin_assignment(
        access_request.role,
        actor=actor,
        person=holder,
        scope=access_request.scope,
        starts_at=starts_at,
        ends_at=ends_at,
        origin=Origin.ACTIVATED,
        eligibility=eligibility,
        request_number=access_request.number,
    )
    bind(access_request, assignment)


def bind(access_request: AccessRequest, came: Assignment | Eligibility) -> None:
    """Note on the request which assignment or eligibility came of it."""
    column = "assignment" if isinstance(came, Assignment) else "eligibility"
    setattr(access_request, column, came)
    save_quietly(access_request, column)
