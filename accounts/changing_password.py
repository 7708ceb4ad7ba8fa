"""A person changes their own password: a recent second factor, the old password, and every session ends."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.mfa.freshness import require_fresh_factor
from accounts.models import User
from accounts.notifications.notifying import notify
from accounts.signing_in import end_sessions
from accounts.throttling import count_attempt, forgive_attempt
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record, save_as
from audit.journal.refusing import Refused

#: how old the second factor may be; the page itself asks for it, so that no password has to be typed twice
FACTOR_COUNTS = timedelta(minutes=5)


class WrongOldPassword(Refused):
    """The old password is not right."""

    code = "wrong_password"


def check_may_change_password(actor: Actor) -> None:
    """Ask for a second factor before the form is shown.

    Raises:
        StepUpRequired: the last one is too old.
    """
    minutes = int(FACTOR_COUNTS.total_seconds() // 60)
    require_fresh_factor(actor, act="", minutes=minutes, what_for=_("Changing your password"))


@sensitive_variables("old", "new")
def change_password(person: User, *, actor: Actor, old: str, new: str) -> None:
    """Set a new password and end every session of ``person``, this one included.

    Args:
        new: has passed Django's validators.

    Raises:
        StepUpRequired: the last second factor is too old.
        WrongOldPassword: ``old`` is not right. It counts as a wrong attempt to sign in.
        TooManyAttempts: a pause is on; nothing was looked at.
    """
    check_may_change_password(actor)
    # Outside the verb's transaction: a wrong attempt stays counted.
    count_attempt(person.email, address=actor.address)
    if not person.check_password(old):
        raise WrongOldPassword(_("This is not your present password."), field="old")
    forgive_attempt(person.email, address=actor.address)
    _set(person, actor=actor, new=new)


@journaled
def _set(person: User, *, actor: Actor, new: str) -> None:
    person.set_password(new)
    save_as(person, actor=actor, reason="password changed")
    record("password.changed", actor=actor, subject=person, about=person)
    end_sessions(person)
    notify([person], notice="accounts/password_changed", context={}, url="/second-factors/", actor=actor)
