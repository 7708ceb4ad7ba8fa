"""Help for somebody who has lost their second factor: by another person, in the open."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.duties import PEOPLE_ADMINISTRATORS, Duty, holders_of, require
from accounts.mfa.changing_factors import prove_for_factors
from accounts.mfa.enrolling import GivenPass, give_pass
from accounts.mfa.freshness import act_digest
from accounts.mfa.verifying import own_factors
from accounts.models import Authenticator, EnrolmentPass, Passkey, PasskeyChallenge, RecoveryCodes, User
from accounts.notifications.notifying import notify
from accounts.signals import user_losing_factors
from accounts.signing_in import end_sessions
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record
from audit.journal.refusing import NotAllowed, Refused


@journaled
def help_person(person: User, *, justification: str, actor: Actor) -> GivenPass:
    """Take the lost factors of ``person`` away and make a link to set up new ones.

    The link goes to the administrator alone, who hands it over to somebody they know or see: mail is no proof of who
    reads it. The person, their manager and everybody with the same duty are told.

    Args:
        justification: how the administrator made sure who asked.

    Raises:
        NotAllowed: no duty for this, or one's own account or that of the same human.
        Refused: the person is disabled, or the last one who can sign in with a protected duty.
        StepUpRequired: the administrator did not just prove themselves for this very act.
    """
    require(actor, *PEOPLE_ADMINISTRATORS)
    if actor.person is None or actor.person.is_same_human_as(person):
        raise NotAllowed(_("Nobody helps themselves. Ask another administrator."))
    if not person.is_active:
        raise Refused(_("%(name)s is disabled. Enable them first.") % {"name": person}, code="disabled")
    if person.is_break_glass:
        require(actor, Duty.GLOBAL_ADMINISTRATOR)  # or helping them would be a way to become one
    user_losing_factors.send(sender=User, person=person, actor=actor)
    act = act_digest(verb="help_person", person=person.pk, justification=justification)
    what_for = _("Helping %(name)s after a lost factor") % {"name": person}
    prove_for_factors(actor.person, act=act, what_for=what_for, actor=actor)

    lost = [device.name for device in own_factors(person)]
    for devices in (Authenticator, Passkey, RecoveryCodes):
        devices.objects.filter(user=person).delete()
    PasskeyChallenge.objects.filter(person=person).delete()
    ended = end_sessions(person)
    given = give_pass(person, kind=EnrolmentPass.Kind.HELP)
    detail = {"removed": lost, "sessions_ended": ended, "until": given.enrolment_pass.expires_at}
    record(
        "person.helped", actor=actor, subject=person, about=person, justification=justification, detail=detail
    )
    told = [person, *([person.manager] if person.manager else []), *holders_of(*PEOPLE_ADMINISTRATORS)]
    context = {"helped": person, "justification": justification, "until": given.enrolment_pass.expires_at}
    notify(told, notice="accounts/help_given", context=context, url=reverse("my_audit"), actor=actor)
    return given
