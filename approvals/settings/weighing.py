"""Whether a change of role settings takes away a safeguard. Pure: nothing here reads the database or the clock."""

from __future__ import annotations

from django.utils.translation import gettext as _

from approvals.settings.places import ADMINISTRATORS, Line
from roles.models import EffectiveSettings, Factor
from roles.models.values import Audience, Occasion
from roles.wording import in_days, in_words

#: from none to the strongest
STRENGTH = {Factor.NONE: 0, Factor.RECENT: 1, Factor.EVERY_TIME: 2, Factor.PASSKEY: 3}


def safeguards_lost(before: EffectiveSettings, after: EffectiveSettings) -> list[str]:
    """What ``after`` asks less of than ``before``, each as a clause; empty when it is as strict or stricter."""
    lost: list[str] = []

    def lose(is_lost: bool, words: str) -> None:
        if is_lost:
            lost.append(words)

    lose(
        after.max_minutes > before.max_minutes,
        _("activation for up to %(t)s") % {"t": in_words(after.max_minutes)},
    )
    weaker = STRENGTH[Factor(after.factor)] < STRENGTH[Factor(before.factor)]
    both_recent = after.factor == before.factor == Factor.RECENT
    lose(weaker, _("a weaker proof of identity"))
    lose(
        both_recent and after.factor_minutes > before.factor_minutes,
        _("an older second factor"),
    )
    lose(before.justification_required and not after.justification_required, _("no justification"))
    lose(after.justification_least < before.justification_least, _("a shorter justification"))
    lose(
        _loosened(before.justification_pattern, after.justification_pattern),
        _("another form of justification"),
    )
    lose(before.ticket_required and not after.ticket_required, _("no ticket"))
    lose(_loosened(before.ticket_pattern, after.ticket_pattern), _("another form of ticket"))
    more_systems = bool(before.systems) and (
        not after.systems or bool(set(after.systems) - set(before.systems))
    )
    lose(more_systems, _("tickets of other systems"))
    lose(before.approval_required and not after.approval_required, _("no approval"))
    lose(after.eligible_permanent and not before.eligible_permanent, _("eligible without an end"))
    lose(
        not after.eligible_permanent
        and not before.eligible_permanent
        and after.eligible_days > before.eligible_days,
        _("eligible for up to %(t)s") % {"t": in_days(after.eligible_days)},
    )
    lose(after.active_permanent and not before.active_permanent, _("active without an end"))
    lose(
        not after.active_permanent and not before.active_permanent and after.active_days > before.active_days,
        _("active for up to %(t)s") % {"t": in_days(after.active_days)},
    )
    lose(before.active_factor and not after.active_factor, _("no second factor to make active"))
    lose(before.active_justification and not after.active_justification, _("no justification to make active"))
    lose(before.active_ticket and not after.active_ticket, _("no ticket to make active"))
    lose(_told_less(before, after), _("fewer people told"))
    return lost


def approvers_gained(before: tuple[Line, ...], after: tuple[Line, ...]) -> list[Line]:
    """Who may approve that could not before. An empty list is the role administrators."""
    return [line for line in after or (ADMINISTRATORS,) if line not in (before or (ADMINISTRATORS,))]


def _loosened(before: str, after: str) -> bool:
    """Whether a pattern is gone or says something else: which of two is the stricter, nobody can tell in general."""
    return bool(before) and before != after


def _told_less(before: EffectiveSettings, after: EffectiveSettings) -> bool:
    """Whether somebody besides the holder and the approvers learns less of what happens."""
    for occasion in Occasion:
        was, is_now = (one.telling(occasion, Audience.ADMINISTRATORS) for one in (before, after))
        if was.usual and (not is_now.usual or (is_now.only_needed and not was.only_needed)):
            return True
        if set(was.also) - set(is_now.also):
            return True
    return False
