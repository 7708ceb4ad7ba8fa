"""What can be done about a difference between the book and a directory, in plain words. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from roles.models import Drift
from roles.settling import is_held_through_portal

Kind, Status = Drift.Kind, Drift.Status

#: what each kind means, for whoever has never heard of it
MEANS = {
    Kind.FOUND_OUTSIDE: gettext_lazy(
        "Somebody gave this right past the portal. Nobody asked for it here, nobody approved it, and it does not end "
        "by itself."
    ),
    Kind.MISSING: gettext_lazy("The portal says they hold it. In the directory somebody has taken it away."),
    Kind.OTHER_END: gettext_lazy("They hold it, and the directory has another end than the portal."),
}


class Remedy(models.TextChoices):
    """Whose word counts: the portal's, the directory's, or both stay as they are."""

    CORRECT = "correct", gettext_lazy("Make the directory as the portal says")
    ADOPT = "adopt", gettext_lazy("Make the portal as the directory says")
    ACCEPT = "accept", gettext_lazy("Leave it as it is")


TOWARDS = {Remedy.CORRECT: Status.CORRECTING, Remedy.ADOPT: Status.RESOLVED, Remedy.ACCEPT: Status.ACCEPTED}
LABELS = {
    (Kind.FOUND_OUTSIDE, Remedy.CORRECT): gettext_lazy("Take it away"),
    (Kind.FOUND_OUTSIDE, Remedy.ADOPT): gettext_lazy("Take it over until a day"),
    (Kind.MISSING, Remedy.CORRECT): gettext_lazy("Give it again"),
    (Kind.MISSING, Remedy.ADOPT): gettext_lazy("End it in the portal"),
    (Kind.OTHER_END, Remedy.CORRECT): gettext_lazy("Set the portal’s end"),
    (Kind.OTHER_END, Remedy.ADOPT): gettext_lazy("Take over its end"),
}
EFFECTS = {
    (Kind.FOUND_OUTSIDE, Remedy.CORRECT): gettext_lazy(
        "The right is taken away in the directory, and tried again until it is gone."
    ),
    (Kind.FOUND_OUTSIDE, Remedy.ADOPT): gettext_lazy(
        "It becomes an assignment of the portal and is taken away when the day you name is over. It is never taken over "
        "for good."
    ),
    (Kind.MISSING, Remedy.CORRECT): gettext_lazy(
        "The directory is told again that they hold it. The end stays what it was."
    ),
    (Kind.MISSING, Remedy.ADOPT): gettext_lazy("The assignment ends now, and its holder is told."),
    (Kind.OTHER_END, Remedy.CORRECT): gettext_lazy("The directory is told the end that the portal knows."),
    (Kind.OTHER_END, Remedy.ADOPT): gettext_lazy(
        "The assignment ends when the directory says. Only an end that comes sooner can be taken over."
    ),
}
NOT_YET = gettext_lazy("As long as the directory is only observed, the portal does not take it away.")
LEFT = gettext_lazy("Nothing changes on either side, and nobody is told of it again until it is gone.")


@dataclass(frozen=True)
class Choice:
    """One remedy for one difference, in words.

    Args:
        effect: what will happen.
        why_not: why it cannot be chosen; "" when it can.
    """

    remedy: str
    label: str
    effect: str
    why_not: str = ""


def choices_for(drift: Drift) -> list[Choice]:
    """What can be done about ``drift`` as it stands, and what cannot be done with the reason."""
    return [choice_of(drift, remedy) for remedy in Remedy]


def choice_of(drift: Drift, remedy: str) -> Choice:
    """``remedy`` as it would be for ``drift``."""
    key = (Kind(drift.kind), Remedy(remedy))
    effect = str(EFFECTS.get(key, LEFT))
    if drift.directory.is_observed and key == (Kind.FOUND_OUTSIDE, Remedy.ADOPT):
        effect = f"{effect} {NOT_YET}"
    return Choice(remedy, str(LABELS.get(key, Remedy.ACCEPT.label)), effect, why_not(drift, remedy))


def why_not(drift: Drift, remedy: str) -> str:
    """Why ``remedy`` cannot be chosen for ``drift``; "" when it can. The verbs of ``settling`` have the last word."""
    if TOWARDS[Remedy(remedy)] not in Drift.NEXT.get(drift.status, frozenset()):
        return _("That is so already.") if drift.status != Status.RESOLVED else _("It is settled.")
    if remedy == Remedy.CORRECT:
        return _why_not_corrected(drift)
    return _why_not_adopted(drift) if remedy == Remedy.ADOPT else ""


def _why_not_corrected(drift: Drift) -> str:
    if drift.directory.is_observed:
        return _("The portal only observes this directory: nothing is changed there.")
    if drift.kind == Kind.FOUND_OUTSIDE and is_held_through_portal(drift):
        return _("They hold the same right through the portal now: end that first.")
    return ""


def _why_not_adopted(drift: Drift) -> str:
    if drift.kind == Kind.FOUND_OUTSIDE:
        if drift.person is None:
            return _(
                "Nobody the portal knows has this account: list it under the directory’s accounts first."
            )
        if drift.scope is None:
            return _("The portal does not know this place: add it to the scopes first.")
    if drift.kind == Kind.OTHER_END:
        held, end = drift.assignment, drift.ends_there
        if end is None or end <= timezone.now() or (held and held.ends_at and held.ends_at < end):
            return _("It ends later there: a longer time has to be asked for.")
    return ""
