"""Tags and filters for what the pages say often: icons, times, bars of time, states, people, fields."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django import template
from django.forms import BaseForm, BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.dateformat import format as dated
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from audit.journal.models import AuditEvent
from pim_portal.badges import Look, look_of, look_of_entry
from pim_portal.fields import field_parts, problem_parts, slider_parts
from pim_portal.times import clock_words, day_words, duration_words, exact_words, left_words, when_words

register = template.Library()

EM_DASH = "\N{EM DASH}"
THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"
WARN_MINUTES = 30
GLYPHS = {
    "postgresql": "database",
    "portal": "shield",
    "groups": "group",
    "ldap": "terminal",
    "entra": "mail",
    "azure": "cloud",
    "webhook": "link",
    "by_hand": "users",
}


# Icons and marks -----------------------------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, size: str = "", *, label: str = "") -> SafeString:
    """An icon from the sprite. Decorative unless ``label`` says what it means.

    Args:
        name: as in ``static/portal/icons.svg``, without its ``i-``.
        size: ``lg`` for the larger one.
    """
    if not label:
        return decorative(name, size)
    href = f"{static('portal/icons.svg')}#i-{name}"
    return format_html(
        '<svg class="{}" role="img" aria-label="{}"><use href="{}"/></svg>',
        f"icon {size}".strip(),
        label,
        href,
    )


@cache
def decorative(name: str, size: str) -> SafeString:
    """An icon that says nothing. Pages have a hundred of them, always the same few."""
    href = f"{static('portal/icons.svg')}#i-{name}"
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}"/></svg>', f"icon {size}".strip(), href
    )


@register.simple_tag
def badge(thing: object, text: object = "") -> SafeString:
    """The state of ``thing`` (or of a key such as ``"person.disabled"``); ``text`` replaces the usual word."""
    look = look_of(thing)
    return mark(look.tone, look.icon, text or look.word)


@register.simple_tag
def mark(tone: str, name: str, text: object) -> SafeString:
    """A badge of your own: tone, icon and word."""
    return SafeString(f"{_badge_before(tone, name)}{conditional_escape(str(text))}</span>")


@cache
def _badge_before(tone: str, name: str) -> SafeString:
    """What stands before the word: the same few on every row of every list."""
    return format_html('<span class="badge" data-tone="{}">{}', tone, decorative(name, ""))


@register.filter
def look(thing: object) -> Look:
    """Tone, icon and word of a state, for a template that draws it otherwise than as a badge."""
    return look_of(thing)


@register.filter
def entry_look(entry: AuditEvent) -> Look:
    """Tone and icon of a journal entry."""
    return look_of_entry(entry)


@register.simple_tag
def risk(level: str) -> SafeString:
    """Three steps and the word; nothing when ``level`` is empty."""
    return _risk(level, get_language())


@cache
def _risk(level: str, language: str | None) -> SafeString:
    words = {"low": _("Low"), "medium": _("Medium"), "high": _("High")}
    if level not in words:
        return SafeString("")
    return format_html(
        '<span class="risk" data-risk="{}"><i aria-hidden="true"><b></b></i>{}<span class="sr"> {}</span></span>',
        level,
        words[level],
        _("risk"),
    )


@register.filter
def glyph(kind: str) -> str:
    """The icon that stands for a kind of directory."""
    return GLYPHS.get(str(kind), "directory")


@register.filter
def initials(name: object) -> str:
    """ "Robin Sample" -> "RS"; empty for a name without letters."""
    words = [word for word in str(name or "").split() if word[0].isalnum()]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper() if words else ""


# Times ---------------------------------------------------------------------------------------------------------------


@register.filter
def duration(value: timedelta | int | float | None) -> str:
    """``240`` or a timedelta -> "4 h"."""
    return EM_DASH if value is None else duration_words(value)


def timed(at: datetime, words: str) -> SafeString:
    """A moment in words of ``pim_portal.times``, in which there is nothing to escape."""
    return SafeString(f'<time datetime="{at.isoformat()}" title="{exact_words(at)}">{words}</time>')


@register.filter
def when(at: datetime | None) -> str:
    """ "today 12:58", "yesterday 17:03", "2 Nov", as a ``<time>`` that knows the exact moment."""
    return EM_DASH if at is None else timed(at, when_words(at))


@register.filter
def day(at: datetime | None) -> str:
    """ "today", "2 Nov", "27 Nov 2026"."""
    return EM_DASH if at is None else timed(at, day_words(at))


@register.filter
def clock(at: datetime | None) -> str:
    """ "14:54", with the day where it is not today."""
    return EM_DASH if at is None else timed(at, clock_words(at))


@register.filter
def clock_text(at: datetime | None) -> str:
    """As ``clock``, plain text."""
    return EM_DASH if at is None else clock_words(at)


@register.filter
def whole_day(at: datetime) -> str:
    """ "Today, Wednesday 18 November", the heading over a day's rows; plain text."""
    local, today = timezone.localtime(at), timezone.localdate()
    words = dated(local, "l j F" if local.year == today.year else "l j F Y")
    return _("Today, %(day)s") % {"day": words} if local.date() == today else words


@register.filter
def second(at: datetime | None) -> str:
    """ "14:17:31", for the dense rows of the journal, which stand under their day."""
    return EM_DASH if at is None else timed(at, f"{timezone.localtime(at):%H:%M:%S}")


@register.filter
def exact(at: datetime | None) -> str:
    """ "18 November 2026, 14:54:09 (Europe/Vienna)", plain text."""
    return EM_DASH if at is None else exact_words(at)


@register.filter
def utc(at: datetime | None) -> str:
    """ "2026-11-18 13:54:09.204 UTC", plain text."""
    return (
        EM_DASH if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC"
    )


@register.filter
def is_ahead(at: datetime | None) -> bool:
    """Whether a moment is still to come."""
    return at is not None and at > timezone.now()


@register.simple_tag
def left(end: datetime) -> SafeString:
    """ "34 min left"; the browser counts on."""
    return SafeString(
        f'<time class="left" datetime="{end.isoformat()}" title="{exact_words(end)}" data-countdown>'
        f"{left_words(end)}</time>"
    )


@register.simple_tag
def fuse(start: datetime, end: datetime, label: str, *, warn: int = WARN_MINUTES) -> SafeString:
    """A bar that burns down from ``start`` to ``end``: amber under ``warn`` minutes, red under a sixth of that."""
    now = timezone.now()
    whole = max(1, int((end - start).total_seconds()))
    rest = min(whole, max(0, int((end - now).total_seconds())))
    tone = "bad" if rest < warn * 10 else "wait" if rest < warn * 60 else "ok"
    return SafeString(
        f'<progress class="fuse" data-starts="{start.isoformat()}" data-ends="{end.isoformat()}" data-warn="{warn:d}"'
        f' data-tone="{tone}" max="{whole}" value="{rest}" aria-label="{conditional_escape(label)}"></progress>'
    )


@register.simple_tag
def portal_now() -> str:
    """The server's time; the browser only counts on from it."""
    return timezone.now().isoformat()


@register.simple_tag
def portal_words() -> str:
    """The words the browser's script needs, as JSON for an attribute."""
    return json.dumps(
        {
            "ended": _("ended"),
            "underAMinute": _("under a minute left"),
            "left": _("{} left"),
            "days": _("{} days left"),
            "h": _("{} h"),
            "min": _("{} min"),
            "tomorrow": _("tomorrow {}"),
            "offline": _("The portal did not answer. Nothing was sent; try again."),
        }
    )


# Numbers and digests -------------------------------------------------------------------------------------------------


@register.filter
def spaced(number: int | None) -> str:
    """``88412`` -> "88 412"."""
    return EM_DASH if number is None else f"{int(number):,}".replace(",", THIN_SPACE)


@register.filter
def short_digest(digest: str) -> str:
    """The first and last four figures of a digest."""
    return f"{digest[:4]}…{digest[-4:]}" if len(digest or "") > 10 else digest


# Fields --------------------------------------------------------------------------------------------------------------


@register.inclusion_tag("parts/field.html")
def field(bound: BoundField, **said: Any) -> dict[str, Any]:
    """One field with label, hint and error.

    Args:
        bound: the form's field.
        said: ``label``, ``hint`` instead of the form's own; ``note`` beside the label instead of "optional" ("" for
            nothing); every further name is an attribute of the control (``rows``, ``hx_get``), hyphens as underscores.
    """
    return field_parts(bound, said)


@register.inclusion_tag("parts/fields.html")
def fields(form: BaseForm) -> dict[str, Any]:
    """All fields of a form, one under the other, hidden ones included."""
    return {"form": form}


@register.inclusion_tag("parts/slider.html")
def slider(
    bound: BoundField, least: int, most: int, step: int, *, label: str = "", preview: str = ""
) -> dict[str, Any]:
    """A duration between ``least`` and ``most`` minutes, with the hour it ends.

    Args:
        bound: a field whose value is a number of minutes.
        step: of the thumb, in minutes.
        preview: address that answers with the sentence of the form (``#effect``) when the thumb is let go.
    """
    return slider_parts(bound, least, most, step) | {"label": label or bound.label, "preview": preview}


@register.inclusion_tag("parts/problems.html")
def problems(form: BaseForm | None) -> dict[str, Any]:
    """What is wrong with the form, above it: the general errors, and a link to each field when there are several."""
    return problem_parts(form)


# Blocks --------------------------------------------------------------------------------------------------------------


@register.simple_block_tag
def effect(content: str, name: str = "arrow") -> SafeString:
    """The sentence that closes a form: what will happen, in plain words."""
    return format_html('<p class="effect">{}<span>{}</span></p>', icon(name), content)


@register.simple_block_tag
def notice(content: str, tone: str = "info", name: str = "info") -> SafeString:
    """A notice in the page, about the page."""
    role = SafeString(' role="alert"') if tone == "bad" else ""
    return format_html(
        '<div class="notice" data-tone="{}"{}>{}<span>{}</span></div>', tone, role, icon(name), content
    )


@register.simple_block_tag
def nothing(content: str, name: str, title: str, tone: str = "", *, level: int = 2) -> SafeString:
    """What is so when a list holds nothing or a page cannot be: a mark, a title, then why, and one way on.

    Args:
        level: of the heading; 1 where this is the whole page.
    """
    heading = format_html("<h1>{}</h1>" if level == 1 else "<h2>{}</h2>", title)
    return format_html(
        '<div class="empty"><span class="mark" data-tone="{}">{}</span>{}{}</div>',
        tone,
        icon(name),
        heading,
        content,
    )
