"""Handing a series of reviews over to somebody else, with what runs of it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.models import User
from approvals.reviews.models import AccessReview, ReviewSeries
from approvals.reviews.permissions import check_may_lead, looks_after, may_review_roles
from approvals.reviews.telling import tell_handed_over
from audit.journal.actor import Actor
from audit.journal.lifecycle import amend
from audit.journal.recording import journaled, record, save_as
from audit.journal.refusing import Overtaken, Refused

Status = AccessReview.Status
#: runs of which something is left to lead; the others stay with whoever led them
LED = (Status.SCHEDULED, Status.OPEN, Status.CLOSED, Status.STOPPED)


@journaled
def hand_over_series(
    series: ReviewSeries, *, actor: Actor, to: User, owner: int | None = None
) -> ReviewSeries:
    """Let ``to`` own a series from now on, and every run of it that is not carried out yet.

    Who owns a series may change what it is about, and answers where nobody else can. So it goes to nobody who could not
    have planned it: they look after every role it is about, and that its runs were about when they began. Starts to come
    follow the clock of the new owner.

    Args:
        owner: key of the owner when the page was made, if there was one.

    Raises:
        NotAllowed: it is somebody else's to lead.
        Overtaken: it was deleted, or somebody has handed it over meanwhile.
        Refused: they cannot sign in, own it already, or do not look after all of its roles.
    """
    current = ReviewSeries.objects.select_related("owner").get(pk=series.pk)
    check_may_lead(actor, current)
    if current.deleted_at is not None or owner not in (None, current.owner_id):
        raise Overtaken
    runs = list(current.runs.filter(status__in=LED).select_related("owner", "directory", "series"))
    check_may_own(to, current, runs)
    before, current.owner = current.owner, to
    save_as(current, actor=actor)
    record(
        "review_series.handed_over",
        actor=actor,
        subject=current,
        about=to,
        detail={"from": str(before), "to": str(to), "runs": len(runs)},
    )
    for run in runs:
        owners = {"from": run.owner_id, "from_name": str(run.owner), "to": to.pk, "to_name": str(to)}
        amend(
            run,
            actor=actor,
            action="review.handed_over",
            unless_changed=["owner_id"],
            detail={"fields": {"owner": owners}, "to": str(to)},
            owner_id=to.pk,
        )
    tell_handed_over(current, before=before, actor=actor)
    return current


def check_may_own(person: User, series: ReviewSeries, runs: list[AccessReview]) -> None:
    """Refuse somebody who could not have planned the series.

    Raises:
        Refused: they cannot sign in, own it already, or one of the roles is somebody else's to look after.
    """
    said = {"who": person}
    if not User.objects.enabled().humans().filter(pk=person.pk).exists():
        raise Refused(_("%(who)s cannot sign in.") % said, field="to")
    if person.pk == series.owner_id:
        raise Refused(_("%(who)s owns it already.") % said, field="to")
    if not may_review_roles(person, series) or not all(looks_after(person, run) for run in runs):
        words = _(
            "%(who)s does not look after all roles of this review. Choose somebody who does, or a role administrator."
        )
        raise Refused(words % said, field="to", code="foreign_roles")
