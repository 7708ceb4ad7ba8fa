"""What a reviewer is advised, and why, from plain facts. Pure.

Microsoft Entra looks at the sign-in alone; here it counts whether this very access was used, whether the account lives,
how those beside the person hold the role, and what was denied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from approvals.reviews.series_models import Verdict

FEW = 3  # peers; of fewer it says nothing that hardly one of them has a role
RARE = 0.1  # share of the peers


@dataclass(frozen=True)
class Facts:
    """What is known of an access at the start of a review.

    Args:
        now: that start. look_back: how long ago use and sign-in may lie to speak for the access.
        since: when it began; None is long ago.
        used_at: when it was last activated; None is never, or not known of what is held.
        signed_in_at: when the person last signed in to the portal; None is never, or unknown.
        peers: others with the same manager, or else department. peers_with: of those, who may or do hold the role.
        denied: requests for it that were denied within twelve months.
        is_held: whether it is held, so that its use cannot be seen here.
        is_person: whether a person has it; a group or a program does not sign in.
        is_enabled: whether they may sign in at all.
    """

    now: datetime
    look_back: timedelta
    since: datetime | None = None
    used_at: datetime | None = None
    signed_in_at: datetime | None = None
    peers: int = 0
    peers_with: int = 0
    denied: int = 0
    is_held: bool = False
    is_person: bool = True
    is_enabled: bool = True

    @property
    def is_used(self) -> bool:
        """Whether it was activated of late."""
        return self.used_at is not None and self.now - self.used_at <= self.look_back

    @property
    def is_new(self) -> bool:
        """Whether it was given so lately that it says nothing that it was not activated yet."""
        return self.used_at is None and self.since is not None and self.now - self.since <= self.look_back

    @property
    def is_signed_in(self) -> bool:
        """Whether the person signed in of late."""
        return self.signed_in_at is not None and self.now - self.signed_in_at <= self.look_back

    @property
    def is_away(self) -> bool:
        """Whether a person who is known to sign in has not done so of late."""
        return self.is_person and self.signed_in_at is not None and not self.is_signed_in

    @property
    def is_rare(self) -> bool:
        """Whether hardly anybody beside the person has the role."""
        return self.peers >= FEW and self.peers_with <= self.peers * RARE


def recommended(facts: Facts) -> str:
    """The advice: to keep, to remove, or "" where nothing speaks for either."""
    if not facts.is_enabled:
        return str(Verdict.DENY)
    if facts.is_held:
        if facts.is_away:
            return str(Verdict.DENY)
        return str(Verdict.APPROVE) if facts.is_person and facts.is_signed_in else ""
    if facts.is_new:
        return ""
    return str(Verdict.APPROVE if facts.is_used else Verdict.DENY)


def reasons(facts: Facts) -> list[str]:
    """Why, in words: first what decided, then what else is known."""
    return [*_deciding(facts), *_beside(facts)]


def _deciding(facts: Facts) -> Iterator[str]:
    if not facts.is_enabled:
        yield _("The account is disabled.")
    if not facts.is_held:
        if facts.is_new and facts.since is not None:
            days = (facts.now - facts.since).days
            yield (
                ngettext(
                    "Given %(n)s day ago, not activated yet.",
                    "Given %(n)s days ago, not activated yet.",
                    days,
                )
                % {"n": days}
                if days
                else _("Given within the last day, not activated yet.")
            )
        elif facts.used_at is None:
            yield _("Never activated.")
        elif facts.is_used and (facts.now - facts.used_at).days == 0:
            yield _("Activated within the last day.")
        else:
            days = (facts.now - facts.used_at).days
            yield (
                ngettext("Last activated %(n)s day ago.", "Last activated %(n)s days ago.", days)
                % {"n": days}
            )
    if facts.is_away and facts.signed_in_at is not None:
        days = (facts.now - facts.signed_in_at).days
        yield ngettext("Not signed in for %(n)s day.", "Not signed in for %(n)s days.", days) % {"n": days}
    elif facts.is_person and facts.is_signed_in and facts.is_enabled:
        yield _("The account is in use.")


def _beside(facts: Facts) -> Iterator[str]:
    if facts.peers:
        said = {"with": facts.peers_with, "n": facts.peers}
        if facts.is_rare:
            yield _("Hardly anybody beside them has this role: %(with)s of %(n)s.") % said
        else:
            yield _("%(with)s of %(n)s people beside them have this role too.") % said
    if facts.denied:
        yield (
            ngettext(
                "%(n)s request for it was denied in twelve months.",
                "%(n)s requests for it were denied in twelve months.",
                facts.denied,
            )
            % {"n": facts.denied}
        )
