"""What time and leaving do to the stages of requests, without anybody's answer. A second trigger: who may decide is asked of time itself."""

from __future__ import annotations

from contextlib import suppress

from celery import shared_task
from django.utils import timezone

from approvals.approvers import approvers_of_all
from approvals.closing import OCCASIONS
from approvals.deciding import NoLongerPossible, conclude, why_not_to_be_approved
from approvals.models import AccessRequest, Decision
from approvals.staging import can_be_decided, escalate_request, nobody_can_decide
from audit.journal.actor import PORTAL, Actor
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken, Refused
from roles.models.stages import ALL

BATCH = 200
ABOUT = ("role__directory", "scope", "holder", "requester", "eligibility", "assignment")


@shared_task(ignore_result=True)
def move_stages_on() -> None:
    """Tell further approvers of what was not decided in time, and see to requests for which nobody is left, or nobody is missing."""
    waiting = AccessRequest.objects.open().select_related(*ABOUT)
    late = waiting.filter(escalates_at__lte=timezone.now(), escalated_at=None)
    for access_request in late[:BATCH]:
        with suppress(Overtaken):
            escalate_request(access_request, actor=PORTAL)
    shown = list(waiting.filter(act__in=OCCASIONS, stage__gt=0)[:BATCH])
    able = approvers_of_all(shown)
    for access_request in shown:
        with suppress(Refused):
            if access_request.present_stage.quorum == ALL:
                conclude_agreed(access_request, actor=PORTAL)
            if not can_be_decided(access_request, able[access_request.pk]):
                nobody_can_decide(access_request, actor=PORTAL)


@journaled
def conclude_agreed(access_request: AccessRequest, *, actor: Actor) -> None:
    """Go on with a stage that asks all, where who was still missing is not asked any more: the others have agreed.

    Raises:
        Overtaken: it does not wait any more.
        NoLongerPossible: what it rests on has ended; the next sweep closes it.
    """
    current = AccessRequest.objects.locked(access_request)
    if not current.is_open:
        raise Overtaken
    last = current.decisions.filter(void_at=None, stage=current.stage).select_related("approver").last()
    if last is not None and last.verdict == Decision.Verdict.APPROVE:
        if why := why_not_to_be_approved(current):
            raise NoLongerPossible(why)
        conclude(current, last, actor=actor)
