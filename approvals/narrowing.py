"""Activating at a narrower scope than the one a person is eligible at, so that nobody holds more than they need."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from approvals.models import AccessRequest
from audit.journal.refusing import Refused
from roles.models import Eligibility, Scope
from roles.reaching import capabilities_of, check_scope
from roles.requirements import Asked

SHOWN = 500  # scopes in one list


def places_beneath(eligibility: Eligibility) -> list[Scope]:
    """The narrower scopes at which it can be activated, by their paths; none where its directory knows none.

    One query at most.
    """
    if not capabilities_of(eligibility.role.directory).scopes:
        return []
    beneath = Scope.objects.within(eligibility.scope).exclude(pk=eligibility.scope_id)
    return list(beneath.order_by("path")[:SHOWN])


def place_of(eligibility: Eligibility, asked: Asked) -> Scope:
    """Where the role counts that is asked for: the scope that is named, or all that one is eligible at.

    Raises:
        Refused: it is no part of what one is eligible at.
    """
    place = asked.scope
    if place is None or place.pk == eligibility.scope_id:
        return eligibility.scope
    check_scope(eligibility.role, place)
    if not place.is_within(eligibility.scope):
        said = {"place": place, "scope": eligibility.scope}
        raise Refused(
            _("You are eligible at %(scope)s; %(place)s is no part of it.") % said,
            field="scope",
            code="not_eligible",
        )
    return place


def in_the_way(
    requests: QuerySet[AccessRequest], eligibility: Eligibility, person: User, asked: Asked
) -> QuerySet[AccessRequest]:
    """Those of ``requests`` beside which ``person`` cannot ask: an activation by the same eligibility, or of the same there.

    Raises:
        Refused: as ``place_of``.
    """
    same = Q(role=eligibility.role, scope=place_of(eligibility, asked))
    activations = requests.filter(act=AccessRequest.Act.ACTIVATE, holder=person)
    return activations.filter(Q(eligibility=eligibility) | same)
