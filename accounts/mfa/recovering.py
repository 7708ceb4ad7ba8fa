"""Help for somebody who has lost their second factor: by another person, in the open."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.duties import PEOPLE_ADMINISTRATORS, holders_of, require
from accounts.mfa.enrolling import GivenPass, give_pass
from accounts.mfa.freshness import act_digest, require_fresh_factor, use_factor
from accounts.models import Authenticator, EnrolmentPass, RecoveryCodes, User
from accounts.notifications.notifying import notify
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
        Refused: the person is disabled.
        StepUpRequired: the administrator did not just prove themselves for this very act.
    """
    require(actor, *PEOPLE_ADMINISTRATORS)
    if actor.person is None or actor.person.is_same_human_as(person):
        raise NotAllowed(_("Nobody helps themselves. Ask another administrator."))
    if not person.is_active:
        raise Refused(_("%(name)s is disabled. Enable them first.") % {"name": person}, code="disabled")
    act = act_digest(verb="help_person", person=person.pk, justification=justification)
    what_for = _("Helping %(name)s after a lost factor") % {"name": person}
    use_factor(require_fresh_factor(actor, act=act, minutes=0, what_for=what_for), act=act)

    lost = list(Authenticator.objects.filter(user=person, confirmed=True).values_list("name", flat=True))
    Authenticator.objects.filter(user=person).delete()
    RecoveryCodes.objects.filter(user=person).delete()
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
