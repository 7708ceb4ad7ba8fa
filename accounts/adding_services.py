"""Service principals: programs that hold roles. They never sign in; a person answers for each of them."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.duties import PEOPLE_ADMINISTRATORS, require
from accounts.models import User, canonical_email
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record, save_as
from audit.journal.refusing import Refused


@journaled
def add_service(login: str, *, display_name: str, manager: User, description: str, actor: Actor) -> User:
    """Write down a service principal. It holds nothing yet, and nobody can ever sign in as it.

    It is disabled and enabled like a person (``accounts.leaving``): then what it holds ends in the same transaction.

    Args:
        login: its unique name, written like an address. No mail goes there.
        manager: who answers for it, and is told what becomes of its roles.
        description: what it does, in a few words.

    Raises:
        NotAllowed: no duty for this.
        Refused: the name is taken, or the manager is disabled or no person.
    """
    require(actor, *PEOPLE_ADMINISTRATORS)
    email = canonical_email(login)
    if known := User.objects.filter(email=email).first():
        raise Refused(
            _("%(name)s is called so already.") % {"name": known}, field="login", code="email_taken"
        )
    if not User.objects.enabled().humans().filter(pk=manager.pk).exists():
        raise Refused(_("An enabled person has to answer for it."), field="manager")
    service = User(
        email=email,
        display_name=display_name,
        manager=manager,
        job_title=description,
        kind=User.Kind.SERVICE,
    )
    service.set_unusable_password()
    save_as(service, actor=actor, reason="service principal added", force_insert=True)
    detail = {"answers_for_it": str(manager)}
    record("service.added", actor=actor, subject=service, about=service, detail=detail)
    return service
