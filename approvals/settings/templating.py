"""Templates of role settings: kept under a name, held against a role, applied to many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from accounts.duties import ROLE_ADMINISTRATORS, require
from approvals.models import SettingsTemplate
from approvals.settings.changing import Wanted, version_of
from approvals.settings.naming import fault_in_names
from approvals.settings.places import Document, Place, canonical
from audit.journal.actor import Actor
from audit.journal.recording import delete_as, journaled, save_as
from audit.journal.refusing import Refused, refusing_what_is_invalid
from roles.effective import settings_at
from roles.models import Role
from roles.models.values import VALUES, plain

#: what a new portal begins with; figures as Microsoft advises for roles of such weight (Entra PIM deployment plan)
STARTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "High risk": (
        "Rules everything: a passkey, a ticket, somebody else's yes, and an hour or two.",
        {
            "max_minutes": 120,
            "factor": "passkey",
            "justification_required": True,
            "justification_least": 10,
            "ticket_required": True,
            "approval_required": True,
            "eligible_permanent": False,
            "eligible_days": 180,
            "active_permanent": False,
            "active_days": 15,
            "active_factor": True,
            "active_justification": True,
        },
    ),
    "Medium risk": (
        "Changes what others depend on: a second factor each time, and why.",
        {
            "max_minutes": 240,
            "factor": "every_time",
            "justification_required": True,
            "ticket_required": False,
            "approval_required": False,
            "eligible_permanent": False,
            "eligible_days": 365,
            "active_permanent": False,
            "active_days": 90,
        },
    ),
    "Low risk": (
        "Mostly reads: a second factor now and then.",
        {
            "max_minutes": 480,
            "factor": "recent",
            "factor_minutes": 60,
            "justification_required": True,
            "ticket_required": False,
            "approval_required": False,
            "eligible_days": 365,
        },
    ),
}


@journaled
def save_template(template: SettingsTemplate, *, actor: Actor, values: dict[str, Any]) -> SettingsTemplate:
    """Keep ``values`` under the template's name; roles it was applied to stay as they are.

    Raises:
        NotAllowed: no duty for this.
        Refused: a value is out of range or names what is not there, or the name is taken.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    if fault := fault_in_names(values, template.said()):
        raise Refused(fault[1], field=fault[0])
    for name in VALUES:
        setattr(template, name, values.get(name))
    with refusing_what_is_invalid():
        template.full_clean()
    save_as(template, actor=actor)
    return template


@journaled
def delete_template(template: SettingsTemplate, *, actor: Actor) -> None:
    """Forget a template; roles it was applied to stay as they are.

    Raises:
        NotAllowed: no duty for this.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    delete_as(template, actor=actor)


def make_starters(*, actor: Actor) -> None:
    """The three templates that a new portal begins with; what exists already stays as it is."""
    for name, (description, values) in STARTERS.items():
        if not SettingsTemplate.objects.filter(name=name).exists():
            save_template(SettingsTemplate(name=name, description=description), actor=actor, values=values)


def applied_to(values: dict[str, Any], roles: Iterable[Role]) -> list[Wanted]:
    """The changes that would let each of ``roles`` itself say ``values``, beside what else it says."""
    wanted = []
    for role in roles:
        place = Place(role=role)
        before = Document.of(place, place.row())
        document = replace(before, values=canonical(before.values | values))
        wanted.append(Wanted(place, document, seen=version_of(place)))
    return wanted


def departures(template: SettingsTemplate, role: Role) -> list[str]:
    """The names of the values in which ``role`` departs from ``template``; empty when it agrees."""
    effective = settings_at(role)
    return [name for name, value in template.said().items() if getattr(effective, name) != plain(name, value)]
