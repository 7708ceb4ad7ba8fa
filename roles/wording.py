"""Durations and role settings in plain words."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from roles.models.directory import Directory
from roles.models.values import DAY, EffectiveSettings, Factor


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


def only_observed(directory: Directory) -> str:
    """That nothing can be activated in a directory which the portal only looks at."""
    return _("%(directory)s is only observed so far: nothing can be activated there yet.") % {
        "directory": directory
    }


#: what role settings ask, by the icon of ``settings_in_words``
IN_ONE_WORD = {
    "shield-check": gettext_lazy("MFA"),
    "note": gettext_lazy("Justification"),
    "ticket": gettext_lazy("Ticket"),
    "gavel": gettext_lazy("Approval"),
    "hourglass": gettext_lazy("Limit a day"),
    "send": gettext_lazy("Web hook"),
    "sliders": gettext_lazy("Rules"),
    "zap": gettext_lazy("Emergency"),
}


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
    if 0 < settings.day_minutes < DAY:
        words.append(
            ("hourglass", _("At most %(t)s within 24 hours") % {"t": in_words(settings.day_minutes)})
        )
    if settings.hook:
        words.append(("send", _("A web hook is asked first")))
    if settings.automatic_rules:
        words.append(("sliders", _("Rules may decide")))
    if settings.emergency_allowed:
        words.append(("zap", _("Emergency activation allowed")))
    return words
