"""Reviewing emergency activations, which is never their holder's, and ending one that goes on."""

from __future__ import annotations

from django.utils import timezone
from django.utils.dateformat import format as dated
from django.utils.translation import gettext as _

from approvals.emergency.models import EmergencyUse
from approvals.emergency.permissions import check_may_review
from approvals.emergency.telling import settle_alarm, tell_holder_of_review
from approvals.removing import request_removal
from audit.journal.actor import Actor
from audit.journal.lifecycle import move_to
from audit.journal.plain import storable
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken, Refused
from roles.models import Assignment
from roles.requirements import LONGEST_JUSTIFICATION

Status, Finding = EmergencyUse.Status, EmergencyUse.Finding


@journaled
def review_emergency(use: EmergencyUse, *, actor: Actor, finding: str, review: str) -> EmergencyUse:
    """Say of an emergency activation that is over whether it was justified. Its holder learns what was found.

    Args:
        finding: one of ``EmergencyUse.Finding``.
        review: what the reviewer says of it, in their own words.

    Raises:
        NotAllowed: it is one's own, under whatever account, or somebody else's to review.
        Refused: no finding or no words, or it is still in force: end it first, or wait.
        Overtaken: somebody else has reviewed it.
    """
    current = as_it_stands(use)
    check_may_review(actor.person, current)
    if current.status == Status.REVIEWED:
        raise Overtaken(
            _("%(who)s was faster and reviewed it: %(finding)s.")
            % {"who": current.reviewer, "finding": current.get_finding_display().lower()}
        )
    words = storable(review.strip())
    _check_answer(finding, words)
    if (going_on := still_in_force(current)) is not None:
        raise Refused(why_not_yet(going_on), code="still_in_force")
    move_to(
        current,
        Status.REVIEWED,
        actor=actor,
        action="emergency.reviewed",
        justification=words,
        detail={"finding": finding, "found": str(Finding(finding).label).lower()},
        reviewer=actor.person,
        reviewed_at=timezone.now(),
        finding=finding,
        review=words,
    )
    settle_alarm(current, actor=actor)
    tell_holder_of_review(current, actor=actor)
    return current


@journaled
def end_emergency(use: EmergencyUse, *, actor: Actor, justification: str) -> None:
    """End an emergency activation that goes on, so that it can be reviewed: as removing any other assignment, at once.

    Raises:
        NotAllowed: no duty for this role.
        Refused: no justification.
        Overtaken: it has ended already.
    """
    assignment = still_in_force(as_it_stands(use))
    if assignment is None:
        raise Overtaken(_("This has ended already."))
    request_removal(assignment, actor=actor, justification=justification)


def as_it_stands(use: EmergencyUse) -> EmergencyUse:
    """The row as it is now: the caller's copy may be as old as the page it was shown on."""
    related = ("role__directory", "scope", "holder", "requester", "assignment__role__directory")
    rows = EmergencyUse.objects.select_related(
        "person", "reviewer", *(f"access_request__{name}" for name in related)
    )
    return rows.get(pk=use.pk)


def still_in_force(use: EmergencyUse) -> Assignment | None:
    """What came of it, while its time is not over and nobody has ended it."""
    assignment = use.access_request.assignment
    if assignment is None or assignment.status not in Assignment.LIVE:
        return None
    is_over = assignment.ends_at is not None and assignment.ends_at <= timezone.now()
    return None if is_over else assignment


def why_not_yet(assignment: Assignment) -> str:
    """Why what goes on is not reviewed yet, and what to do."""
    if assignment.ends_at is None:
        return _("It is still in force. It is reviewed once it is over: end it now, or wait.")
    until = dated(timezone.localtime(assignment.ends_at), "j M Y, H:i")
    return _("It is in force until %(until)s. It is reviewed once it is over: end it now, or wait.") % {
        "until": until
    }


def _check_answer(finding: str, words: str) -> None:
    if finding not in Finding.values:
        raise Refused(_("Say whether it was justified."), field="finding")
    if not words:
        raise Refused(_("Say what you looked at and what you found."), field="review")
    if len(words) > LONGEST_JUSTIFICATION:
        raise Refused(
            _("A review has at most %(n)s characters.") % {"n": LONGEST_JUSTIFICATION}, field="review"
        )
