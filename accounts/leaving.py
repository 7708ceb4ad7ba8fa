"""When somebody leaves: from the same moment on they are nobody here. And coming back."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.duties import PEOPLE_ADMINISTRATORS, require
from accounts.mfa.enrolling import void_passes
from accounts.models import StepUp, User
from accounts.signals import user_leaving, user_left
from accounts.signing_in import end_sessions
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record, save_as
from audit.journal.refusing import NotAllowed, Overtaken, Refused


@journaled
def disable_person(person: User, *, justification: str, actor: Actor) -> None:
    """Disable ``person``: their sessions and links end with this transaction, and what they hold ends by ``user_left``.

    Raises:
        NotAllowed: no duty for this, or one's own account.
        Refused: they are one of the last holders of a protected role, or a break-glass account.
        Overtaken: they are disabled already.
    """
    require(actor, *PEOPLE_ADMINISTRATORS)
    if actor.person is not None and actor.person.pk == person.pk:
        raise NotAllowed(_("Nobody disables themselves. Ask another administrator."))
    person.refresh_from_db()
    if not person.is_active:
        raise Overtaken
    if person.is_break_glass:
        raise Refused(
            _("%(name)s is a break-glass account. Say first that they are one no more.") % {"name": person},
            code="break_glass",
        )
    user_leaving.send(sender=User, person=person, actor=actor)
    person.is_active = False
    save_as(person, actor=actor, reason=justification)
    ended = end_sessions(person)
    void_passes(person)
    StepUp.objects.filter(person=person).delete()
    record(
        "person.disabled",
        actor=actor,
        subject=person,
        about=person,
        justification=justification,
        detail={"sessions_ended": ended},
    )
    user_left.send(sender=User, person=person, actor=actor)


@journaled
def enable_person(person: User, *, justification: str, actor: Actor) -> None:
    """Let ``person`` sign in again, with the password and factors they had. Roles that ended stay ended.

    Raises:
        NotAllowed: no duty for this.
        Overtaken: they are enabled already.
    """
    require(actor, *PEOPLE_ADMINISTRATORS)
    person.refresh_from_db()
    if person.is_active:
        raise Overtaken
    person.is_active = True
    save_as(person, actor=actor, reason=justification)
    end_sessions(person)
    record("person.enabled", actor=actor, subject=person, about=person, justification=justification)
