"""Words for notices. Every notice template has these without loading them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.dateformat import format as dated
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.journal import plain

register = template.Library()


@register.filter
def one_line(text: object, most: int = 300) -> str:
    """What a person typed, on one line and cut: it cannot pass for a paragraph of the portal's own."""
    return plain.one_line(str(text), most=most)


@register.filter
def moment(at: datetime | None) -> str:
    """``18 Nov 2026, 14:58 (Europe/Vienna)``: whole, because nobody knows on which day a mail is read."""
    if at is None:
        return _("no set end")
    return f"{dated(timezone.localtime(at), 'j M Y, H:i')} ({timezone.get_current_timezone()})"


@register.filter
def duration(length: timedelta | float | None) -> str:
    """``4 h``, ``2 h 30 min``, ``14 days``; a number counts minutes."""
    if length is None:
        return _("no set end")
    minutes = int(
        (length if isinstance(length, timedelta) else timedelta(minutes=length)).total_seconds() // 60
    )
    if minutes >= 48 * 60 and minutes % (24 * 60) == 0:
        days = minutes // (24 * 60)
        return ngettext("%(n)s day", "%(n)s days", days) % {"n": days}
    hours, rest = divmod(minutes, 60)
    words = [
        _("%(n)s h") % {"n": hours} if hours else "",
        _("%(n)s min") % {"n": rest} if rest or not hours else "",
    ]
    return " ".join(word for word in words if word)
