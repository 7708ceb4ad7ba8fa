"""Emergency activations that nobody has reviewed: they keep their person from another, under whatever account."""

from __future__ import annotations

from django.utils import timezone
from django.utils.dateformat import format as dated
from django.utils.translation import gettext as _

from accounts.models import User
from approvals.emergency.models import EmergencyUse
from approvals.emergency.permissions import reviewers_of
from audit.journal.refusing import Refused

NAMED = 3  # of those who can review


class StillOpen(Refused):
    """An earlier emergency activation of the same person waits for its review."""

    code = "emergency_not_reviewed"


def open_use_of(person: User) -> EmergencyUse | None:
    """The emergency activation of ``person``, under whatever account, that nobody has reviewed."""
    mine = User.objects.all().same_human_as(person)
    waiting = EmergencyUse.objects.filter(status=EmergencyUse.Status.OPEN, person__in=mine.values("pk"))
    related = ("person", "access_request__role__directory", "access_request__scope", "access_request__holder")
    return waiting.select_related(*related).first()


def why_blocked(use: EmergencyUse, person: User) -> str:
    """Which emergency activation keeps ``person`` from another, and who can review it."""
    said = {
        "role": use.access_request.role,
        "number": use.access_request.number,
        "who": use.person,
        "at": dated(timezone.localtime(use.opened_at), "j M Y, H:i"),
    }
    if use.person_id == person.pk:
        words = _("Your emergency activation of %(role)s of %(at)s (%(number)s) has not been reviewed yet.")
    else:
        words = _(
            "The emergency activation of %(role)s of %(at)s (%(number)s) under your other account %(who)s has not "
            "been reviewed yet."
        )
    return f"{words % said} {who_can_review(use)}"


def who_can_review(use: EmergencyUse) -> str:
    """The same as a sentence."""
    names = [str(one) for one in reviewers_of(use)]
    if not names:
        return _(
            "Nobody else can review it at this moment: another person must become an owner or administrator."
        )
    said = {"names": ", ".join(names[:NAMED]), "n": len(names) - NAMED}
    if len(names) > NAMED:
        return _("It can be reviewed by %(names)s and %(n)s others.") % said
    return _("It can be reviewed by %(names)s.") % said
