"""What stands on every row of a long list, drawn in one go: a loop in a template costs more than all the rest of the row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from pim_portal.templatetags.portal import decorative
from pim_portal.times import duration_words
from roles.wording import IN_ONE_WORD

register = template.Library()


@register.simple_tag
def row_links(links: Iterable[Mapping[str, str]], about: object) -> SafeString:
    """What can be done with a row, each an icon that says to a screen reader what it does and to what.

    Args:
        links: each with ``url`` (of ``address_of``, in which there is nothing to escape), ``icon`` and ``label``.
        about: what the row is of.
    """
    what = conditional_escape(str(about))
    return SafeString(
        "".join(
            f'<a class="btn quiet only sm" href="{link["url"]}" '
            f"{_icon_and_word(link['icon'], link['label'])} {what}</span></a>"
            for link in links
        )
    )


@cache
def _icon_and_word(icon: str, label: str) -> SafeString:
    return format_html('title="{}">{}<span class="sr">{}', label, decorative(icon, ""), label)


@register.simple_tag
def attributes(said: Mapping[str, object]) -> SafeString:
    """What Django's own template says in a loop: the attributes of a form's control.

    Args:
        said: by name; True is the name alone, False is nothing.
    """
    return SafeString(
        "".join(
            f" {conditional_escape(name)}"
            if value is True
            else f' {conditional_escape(name)}="{conditional_escape(str(value))}"'
            for name, value in said.items()
            if value is not False
        )
    )


@register.simple_tag
def needs(asked: Iterable[tuple[str, str]]) -> SafeString:
    """What a role asks of those who activate it: icon and one word each, all the words under the pointer.

    Args:
        asked: icons and words, of ``roles.wording.settings_in_words``.
    """
    return SafeString(
        "".join(
            f'<span title="{conditional_escape(words)}">{_icon_and(icon, str(IN_ONE_WORD.get(icon, "")))}</span>'
            for icon, words in asked
        )
    )


@cache
def _icon_and(icon: str, word: str) -> SafeString:
    return format_html("{}{}", decorative(icon, ""), word)


@register.simple_tag
def lengths(minutes: Iterable[int], note: str) -> SafeString:
    """Durations to choose from, as the options of a field.

    Args:
        minutes: how long each is.
        note: what is said of the first one.
    """
    return _options(tuple(minutes), note, get_language())


@lru_cache(maxsize=256)
def _options(minutes: tuple[int, ...], note: str, language: str | None) -> SafeString:
    first, *others = (
        f'<option value="{length:d}">{conditional_escape(duration_words(length))}' for length in minutes
    )
    return SafeString("</option>".join([f"{first} {conditional_escape(note)}", *others, ""]))


@register.filter
def short(text: str, most: int) -> str:
    """``text``, or the beginning of it where it has more than ``most`` characters."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


@register.simple_tag
def spark(bars: Iterable[Mapping[str, object]], label: str) -> SafeString:
    """A small drawing of bars, 120 wide and 24 high.

    Args:
        bars: each with ``x``, ``y``, ``height`` and ``kind`` (``""``, ``no`` or ``none``).
        label: what it shows, in words.
    """
    drawn = "".join(
        f'<rect x="{bar["x"]}" y="{bar["y"]}" width="7" height="{bar["height"]}" rx="1" class="{bar["kind"]}"/>'
        for bar in bars
    )
    return SafeString(
        f'<svg class="spark" viewBox="0 0 120 24" role="img" aria-label="{conditional_escape(label)}">{drawn}</svg>'
    )
