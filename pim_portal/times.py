"""Times and durations in words, in the reader's own zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.utils import timezone
from django.utils.dates import MONTHS, MONTHS_3
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MINUTE = timedelta(minutes=1)
HOURS_IN_WORDS = 48  # from two days on, hours say less than days


def duration_words(duration: timedelta | int | float) -> str:
    """``240`` -> "4 h".

    Args:
        duration: minutes, or a timedelta; cut to whole minutes.
    """
    length = duration if isinstance(duration, timedelta) else timedelta(minutes=duration)
    minutes = int(length / MINUTE)
    if minutes < 1:
        return _("under a minute")
    hours, rest = divmod(minutes, 60)
    days, hours_of_day = divmod(hours, 24)
    if hours < HOURS_IN_WORDS and not (hours == 24 and not rest):
        words = [_("%(n)s h") % {"n": hours} if hours else "", _("%(n)s min") % {"n": rest} if rest else ""]
    else:
        words = [ngettext("%(n)s day", "%(n)s days", days) % {"n": days}]
        words += [_("%(n)s h") % {"n": hours_of_day} if hours_of_day else ""]
    return " ".join(word for word in words if word)


def left_words(end: datetime, *, now: datetime | None = None) -> str:
    """How long until ``end``: "34 min left", "ended". The browser counts on in the same words (portal.js)."""
    left = end - (now or timezone.now())
    if left <= timedelta(0):
        return _("ended")
    if left < MINUTE:
        return _("under a minute left")
    minutes = -(-left // MINUTE)  # a bar that says 34 min has at least 33 and a bit
    if minutes >= HOURS_IN_WORDS * 60:
        days = minutes // (24 * 60)
        return ngettext("%(n)s day left", "%(n)s days left", days) % {"n": days}
    hours, rest = divmod(minutes, 60)
    words = [_("%(n)s h") % {"n": hours} if hours else "", _("%(n)s min") % {"n": rest} if rest else ""]
    return _("%(duration)s left") % {"duration": " ".join(word for word in words if word)}


def day_words(at: datetime) -> str:
    """The day alone: "today", "yesterday", "tomorrow", "2 Nov", "27 Nov 2026" when the year is another."""
    return _day(*_local(at))


def when_words(at: datetime) -> str:
    """Day, with the hour while the day is near: "today 12:58", "yesterday 17:03", "2 Nov"."""
    local, today = _local(at)
    is_near = abs((local.date() - today).days) <= 1
    return _with_time(local, today) if is_near else _day(local, today)


def clock_words(at: datetime) -> str:
    """The hour, with the day only where it is another: "14:54", "tomorrow 02:54", "27 Nov 09:00"."""
    local, today = _local(at)
    return f"{local:%H:%M}" if local.date() == today else _with_time(local, today)


def exact_words(at: datetime) -> str:
    """All of it: "18 November 2026, 14:54:09 (Europe/Vienna)"."""
    zone = timezone.get_current_timezone()
    local = at.astimezone(zone)
    return f"{local.day} {MONTHS[local.month]} {local.year}, {local:%H:%M:%S} ({zone})"


# Lists tell a hundred moments: what is asked about each is asked once, and strftime takes a tenth of what Django's own
# way of writing dates does.


def _local(at: datetime) -> tuple[datetime, date]:
    """A moment in the reader's zone, and their today."""
    zone = timezone.get_current_timezone()
    return at.astimezone(zone), timezone.now().astimezone(zone).date()


def _day(local: datetime, today: date) -> str:
    day = local.date()
    away = (day - today).days
    if -2 < away < 2:
        return (_("today"), _("tomorrow"), _("yesterday"))[away]
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day.day} {str(MONTHS_3[day.month]).title()}{year}"


def _with_time(local: datetime, today: date) -> str:
    return _("%(day)s %(time)s") % {"day": _day(local, today), "time": f"{local:%H:%M}"}
