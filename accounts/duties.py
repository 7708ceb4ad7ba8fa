"""Responsibilities in the portal itself, and who holds them at this moment.

A duty is a role of the portal's own directory: one is eligible for it and activates it like any other. Here stands only
what is true right now; the holdings carry their own end, so a duty is over on time with no worker running.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import DutyHolding, People, User
from accounts.wording import worded
from audit.journal.actor import Actor
from audit.journal.refusing import NotAllowed


class Duty(models.TextChoices):
    """The duties, by the names Microsoft Entra gives the roles of the same reach."""

    GLOBAL_ADMINISTRATOR = "global_administrator", _("Global Administrator")
    PRIVILEGED_ROLE_ADMINISTRATOR = "privileged_role_administrator", _("Privileged Role Administrator")
    SECURITY_ADMINISTRATOR = "security_administrator", _("Security Administrator")
    GLOBAL_READER = "global_reader", _("Global Reader")
    SECURITY_READER = "security_reader", _("Security Reader")


#: may change who holds what, and role settings
ROLE_ADMINISTRATORS = (Duty.GLOBAL_ADMINISTRATOR, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
#: may invite people, disable them, and help them after losing a factor
PEOPLE_ADMINISTRATORS = (Duty.GLOBAL_ADMINISTRATOR, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
#: have the duty to look after alerts
ALERT_KEEPERS = (Duty.GLOBAL_ADMINISTRATOR, Duty.PRIVILEGED_ROLE_ADMINISTRATOR, Duty.SECURITY_ADMINISTRATOR)
#: may read the whole journal, and every assignment
READERS = tuple(Duty)


def duties_of(person: User, *, at: datetime | None = None) -> frozenset[str]:
    """The duties ``person`` holds at ``at`` (now when left out)."""
    if not person.is_active:
        return frozenset()
    return frozenset(worded(_duties_of, at or timezone.now(), person.pk))


def _duties_of(at: datetime, person: int) -> models.QuerySet[DutyHolding, str]:
    held: Any = DutyHolding.objects.in_force(at).filter(person=person).order_by()
    return held.values_list("duty", flat=True)  # type: ignore[no-any-return]


def holds(person: User | None, *duties: str, at: datetime | None = None) -> bool:
    """Whether ``person`` holds one of ``duties`` at ``at``. Superusers hold none by that flag."""
    if person is None or not person.pk or not person.is_active:
        return False
    return not duties_of(person, at=at).isdisjoint(duties)


def holders_of(*duties: str, at: datetime | None = None) -> People:
    """The enabled people who hold one of ``duties`` at ``at``."""
    held = DutyHolding.objects.in_force(at).filter(duty__in=duties)
    people: People = User.objects.filter(pk__in=held.values("person"))
    return people


def require(actor: Actor, *duties: str) -> None:
    """Refuse unless the actor is the portal itself or holds one of ``duties`` right now.

    Raises:
        NotAllowed: none of them is held.
    """
    if actor.person is not None and not holds(actor.person, *duties):
        raise NotAllowed(
            _("This needs one of these duties: %(names)s.")
            % {"names": ", ".join(str(Duty(duty).label) for duty in duties)}
        )
