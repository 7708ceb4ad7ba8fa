"""Durations and role settings in plain words."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from roles.models.values import EffectiveSettings, Factor


def in_words(minutes: int) -> str:
    """``270`` as "4 h 30 min"."""
    hours, rest = divmod(minutes, 60)
    return " ".join(
        part for part in (f"{hours} h" if hours else "", f"{rest} min" if rest or not hours else "") if part
    )


def in_days(days: int) -> str:
    """``365`` as "1 year", ``90`` as "3 months", ``45`` as "45 days"."""
    if days % 365 == 0:
        return ngettext("%(n)s year", "%(n)s years", days // 365) % {"n": days // 365}
    if days % 30 == 0:
        return ngettext("%(n)s month", "%(n)s months", days // 30) % {"n": days // 30}
    return ngettext("%(n)s day", "%(n)s days", days) % {"n": days}


def settings_in_words(settings: EffectiveSettings) -> list[tuple[str, str]]:
    """What the settings ask, each with the name of its icon."""
    words = [("clock", _("At most %(t)s") % {"t": in_words(settings.max_minutes)})]
    if settings.factor == Factor.PASSKEY:
        words.append(("passkey", _("Passkey, asked anew each time")))
    elif settings.factor == Factor.EVERY_TIME:
        words.append(("shield-check", _("Second factor, asked anew each time")))
    elif settings.factor == Factor.RECENT:
        words.append(
            (
                "shield-check",
                _("Second factor, not older than %(t)s") % {"t": in_words(settings.factor_minutes)},
            )
        )
    if settings.justification_required:
        words.append(("note", _("Justification")))
    if settings.ticket_required:
        words.append(("ticket", _("Ticket")))
    if settings.approval_required:
        hours = settings.approval_hours
        words.append(
            (
                "gavel",
                ngettext("Approval within %(n)s hour", "Approval within %(n)s hours", hours) % {"n": hours},
            )
        )
    return words
