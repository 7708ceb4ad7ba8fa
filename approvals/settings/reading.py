"""Role settings for those who only read them: every value that counts, and whence it comes."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from approvals.settings.standing import Standing
from approvals.settings.words import ACTIVATION, APPROVERS, ASSIGNMENT, label_of, value_in_words
from roles.models.values import CELLS


@dataclass(frozen=True)
class Shown:
    """One value.

    Args:
        words: what counts; source: whence; is_own: whether it is said at the very place.
    """

    name: str
    label: str
    words: str
    source: str
    is_own: bool


def groups_of(standing: Standing) -> list[tuple[str, str, list[Shown]]]:
    """The three parts of the page: key, title, values."""
    parts = (
        ("activation", _("Activation"), ACTIVATION),
        ("assignment", _("Assignment"), ASSIGNMENT),
        ("notification", _("Notification"), CELLS),
    )
    return [(key, title, [shown(standing, name) for name in names]) for key, title, names in parts]


def shown(standing: Standing, name: str) -> Shown:
    """One value that counts."""
    value = standing.rule if name == APPROVERS else getattr(standing.effective, name)
    return Shown(
        name, label_of(name), value_in_words(name, value), standing.whence(name), standing.says(name)
    )
