"""People come by invitation: a one-time link, with which they set a password and their first factor."""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Iterable
from email.utils import make_msgid

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.duties import PEOPLE_ADMINISTRATORS, require
from accounts.mfa.enrolling import GivenPass, give_pass, has_factor
from accounts.models import EnrolmentPass, Group, Membership, User, canonical_email
from accounts.notifications.channels.mail import mail_for
from accounts.notifications.notifying import worded
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record, save_as
from audit.journal.refusing import Refused

logger = logging.getLogger(__name__)


@journaled
def invite_person(
    email: str,
    *,
    display_name: str,
    manager: User | None,
    department: str,
    groups: Iterable[Group],
    actor: Actor,
) -> GivenPass:
    """Add a person and give them a link. Until they have used it nobody can sign in as them.

    Raises:
        NotAllowed: no duty for this.
        Refused: somebody has this email already.
    """
    require(actor, *PEOPLE_ADMINISTRATORS)
    email = canonical_email(email)
    if known := User.objects.filter(email=email).first():
        raise Refused(
            _("%(name)s has this email already.") % {"name": known}, field="email", code="email_taken"
        )
    person = User(email=email, display_name=display_name, manager=manager, department=department)
    person.set_unusable_password()
    save_as(person, actor=actor, reason="invited", force_insert=True)
    joined = list(groups)
    for group in joined:
        save_as(Membership(group=group, person=person), actor=actor, reason="invited")
    return _give_invitation(person, actor=actor, detail={"groups": [group.name for group in joined]})


@journaled
def invite_again(person: User, *, actor: Actor) -> GivenPass:
    """Give a person who has not come yet a new link; the earlier one stops working.

    Raises:
        NotAllowed: no duty for this.
        Refused: they have come already, or are disabled.
    """
    require(actor, *PEOPLE_ADMINISTRATORS)
    if not may_be_invited_again(person):
        raise Refused(_("%(name)s needs no invitation.") % {"name": person}, code="not_invited")
    return _give_invitation(person, actor=actor, detail={"again": True})


def may_be_invited_again(person: User) -> bool:
    """Whether ``person`` has never come. Who has, and lost their factor, is helped, which asks more of the helper."""
    came = has_factor(person) or person.factor_uses.exists()
    return person.is_active and not person.is_service and not came


def _give_invitation(person: User, *, actor: Actor, detail: dict[str, object]) -> GivenPass:
    given = give_pass(person, kind=EnrolmentPass.Kind.INVITATION)
    said = detail | {"until": given.enrolment_pass.expires_at}
    record("person.invited", actor=actor, subject=person, about=person, detail=said)
    transaction.on_commit(lambda: _mail_invitation(given, actor=actor), robust=True)
    return given


def _mail_invitation(given: GivenPass, *, actor: Actor) -> None:
    """Send the link by mail, now or never: it must not lie in the outbox, where only its digest may be known.

    The administrator is shown the link as well, so nothing is lost when mail does not work.
    """
    said = {"until": given.enrolment_pass.expires_at, "actor": actor, "portal": settings.PORTAL_NAME}
    path = given.url.removeprefix(settings.BASE_URL)
    mail = mail_for(worded(given.enrolment_pass.person, notice="accounts/invitation", context=said, url=path))
    mail.extra_headers["Message-ID"] = make_msgid(domain=settings.BASE_HOST)
    try:
        mail.send()
    except (OSError, smtplib.SMTPException) as error:
        logger.warning(
            "The invitation of person %s could not be mailed (%s)", given.enrolment_pass.person_id, error
        )
