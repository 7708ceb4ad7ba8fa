"""Patterns that administrators write for justifications and tickets, held against what people write."""

from __future__ import annotations

import regex
from django.utils.translation import gettext as _

LONGEST_LOOK = 0.2  # seconds: a pattern that takes longer is badly made, and lets nothing pass


def matches(pattern: str, text: str) -> bool:
    """Whether ``pattern`` matches all of ``text``. A pattern that cannot be read or does not come to an end matches nothing."""
    return tried(pattern, text) is True


def tried(pattern: str, text: str) -> bool | None:
    """Whether ``pattern`` matches all of ``text``; None where it cannot be read or does not come to an end."""
    try:
        return regex.fullmatch(pattern, text, timeout=LONGEST_LOOK) is not None
    except (regex.error, TimeoutError, RecursionError, MemoryError):
        return None


def fault_in(pattern: str) -> str:
    """What is wrong with ``pattern``, in words; "" when it can be used."""
    try:
        regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        return _("This is not a regular expression: %(why)s.") % {"why": error}
    return ""
