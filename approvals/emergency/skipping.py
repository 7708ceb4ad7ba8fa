"""Whom an activation in an emergency passes by, and who is told of it: the same answer for the page and for the verb."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.db.models import Q

from accounts.duties import ALERT_KEEPERS
from accounts.models import Absence, User
from approvals.models import AccessRequest, FrozenApprover
from approvals.permissions import named_for
from approvals.settings.places import Line
from roles.effective import Layers
from roles.models import Approver, EffectiveSettings, Factor
from roles.permissions import OWN, people_with, people_with_duty

SHORTEST_REASON = 10  # characters


@dataclass(frozen=True)
class Bypassed:
    """Who would have been asked, and who learns of it at once.

    Args:
        skipped: the approvers of all stages.
        told: they, the owners of the role, and the administrators, those among them who may only activate that duty.
    """

    skipped: list[User]
    told: list[User]


def under_emergency(role_settings: EffectiveSettings) -> EffectiveSettings:
    """What counts of ``role_settings`` in an emergency: no approval and no ticket, but always a passkey and a reason."""
    return replace(
        role_settings,
        approval_required=False,
        factor=Factor.PASSKEY,
        justification_required=True,
        justification_least=max(SHORTEST_REASON, role_settings.justification_least),
        ticket_required=False,
        ticket_pattern="",
        ticket_systems="",
    )


def bypassed(access_request: AccessRequest, layers: Layers) -> Bypassed:
    """Whom ``access_request``, which need not be saved, passes by. However the notification matrix is set.

    Args:
        layers: the role settings it would be filed under.
    """
    found: dict[int, User] = {}
    skipped = approvers_of_all_stages(access_request, layers)
    owners = people_with(OWN, access_request.role)
    for person in (*skipped, *owners, *people_with_duty(*ALERT_KEEPERS)):
        found.setdefault(person.pk, person)
    if access_request.holder is not None:  # they are told in words of their own
        found.pop(access_request.holder.pk, None)
    return Bypassed(skipped, list(found.values()))


def approvers_of_all_stages(access_request: AccessRequest, layers: Layers) -> list[User]:
    """The enabled people who would have been asked, sooner or later, and the deputies of those who are away; none of the holder's accounts."""
    if not layers.effective.approval_required:
        return []
    lines = layers.approvers() or [Approver(kind=FrozenApprover.ADMINISTRATORS)]
    named = User.objects.filter(named_for(access_request, map(Line.of, lines)))
    away = Absence.objects.in_force().filter(person__in=named.order_by().values("pk"))
    people = User.objects.enabled().filter(
        Q(pk__in=named.order_by().values("pk")) | Q(pk__in=away.values("deputy"))
    )
    asking = access_request.holder
    ordered = people.distinct().order_by("display_name", "pk")
    return [one for one in ordered if asking is None or not one.is_same_human_as(asking)]
