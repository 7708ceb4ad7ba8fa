"""What it looks like when the portal says no."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


class Refused(Exception):
    """The portal refuses. The message is the sentence a person reads.

    Args:
        message: what is so and what to do, as one or two sentences. The class's ``default`` when left out.
        field: name of the form field the message belongs beside, or "" for the whole form.
        code: a short word for the journal, the same in every language.
    """

    default = _("This is not possible.")
    code = "refused"
    status_code = 422
    is_recorded = False  # in the journal

    def __init__(self, message: object = "", *, field: str = "", code: str = "") -> None:
        self.message = str(message or self.default)
        self.field = field
        self.code = code or self.code
        super().__init__(self.message)


#: what the database says when a trigger of ours refuses, and the refusal that this is
SAID_BY_DATABASE: dict[str, type[Refused]] = {}


@contextmanager
def refusing_what_is_invalid() -> Iterator[None]:
    """Say no beside the field where a model's own checks do.

    Raises:
        Refused: what they say first.
    """
    try:
        yield
    except ValidationError as error:
        field, said = next(iter(error.message_dict.items()))
        raise Refused(said[0], field=field) from error


def refusal_in(error: Exception) -> Refused | None:
    """The refusal that an error of the database stands for; None when it is not one of ours."""
    said = str(error)
    return next((refusal() for sentence, refusal in SAID_BY_DATABASE.items() if sentence in said), None)


class NotAllowed(Refused):
    """You have no duty or part in this that allows it."""

    default = _("You have no duty that allows this.")
    code = "not_allowed"
    status_code = 403


class Overtaken(Refused):
    """Somebody was faster, or time was: what you looked at has changed since."""

    default = _("Somebody was faster: this has changed since you opened the page.")
    code = "overtaken"
    status_code = 409
