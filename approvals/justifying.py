"""Why somebody does what they do, in their own words: every act that changes who may do what asks for it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from audit.journal.plain import storable
from audit.journal.refusing import Refused
from roles.requirements import LONGEST_JUSTIFICATION


def justification_of(words: str) -> str:
    """The justification as it is kept.

    Args:
        words: as they were sent, of at most 2,000 characters.

    Raises:
        Refused: it says nothing, or too much.
    """
    why = storable(words.strip())
    if not why:
        raise Refused(_("Say why."), field="justification", code="justification_missing")
    if len(words) > LONGEST_JUSTIFICATION:
        said = _("A justification has at most %(n)s characters.") % {"n": LONGEST_JUSTIFICATION}
        raise Refused(said, field="justification")
    return why
