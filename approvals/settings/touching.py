"""Whom role settings touch: who may activate, what waits, and how long approvers took to answer lately."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from statistics import median

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Passkey, People, User
from approvals.models import AccessRequest, Decision
from approvals.settings.locking_out import human_of, people_named
from approvals.settings.places import ADMINISTRATORS, Line, Place
from roles.models import Approver, Eligibility, Role
from roles.permissions import people_eligible_by

LATELY = 20  # decisions that are looked at
ENOUGH = 3  # fewer of them say nothing
NAMED = 3  # people in one sentence


def eligible_for(place: Place) -> People:
    """The enabled people who may activate, now, what ``place`` can reach: alone or by a group."""
    held = Eligibility.objects.in_force().filter(role__in=place.roles().values("pk"))
    if place.scope:
        held = held.filter(scope__in=place.scope.line)
    return people_eligible_by(held)


def open_requests(place: Place) -> int:
    """How many requests wait now that were asked under the settings of before."""
    asked = AccessRequest.objects.open().filter(role__in=place.roles().values("pk"))
    return (asked.filter(scope=place.scope) if place.scope else asked).count()


def without_passkey(people: People) -> int:
    """How many of ``people`` could not give a passkey."""
    return people.exclude(pk__in=Passkey.objects.filter(confirmed=True).values("user")).count()


def usual_wait(place: Place) -> timedelta | None:
    """How long, in the middle, the last decisions took there; None when there are too few to say."""
    decided = Decision.objects.filter(access_request__role__in=place.roles().values("pk"), void_at=None)
    times = decided.order_by("-at").values_list("at", "access_request__created_at")[:LATELY]
    waits = [(at - asked).total_seconds() for at, asked in times]
    return timedelta(seconds=median(waits)) if len(waits) >= ENOUGH else None


def deciders_in_words(place: Place, lines: tuple[Line, ...]) -> str:
    """Who may approve there: "one of 4 approvers"."""
    lines = lines or (ADMINISTRATORS,)
    manager = any(line.kind == Approver.Kind.MANAGER for line in lines)
    role = place.role
    if role is None:
        return _("one of the approvers")
    people = people_named(role, lines)
    if len(people) == 1 and not manager:
        return str(people[0])
    if manager and not people:
        return _("their manager")
    words = (
        ngettext(
            "their manager or %(n)s other approver", "their manager or one of %(n)s approvers", len(people)
        )
        if manager
        else ngettext("one of %(n)s approver", "one of %(n)s approvers", len(people))
    )
    return words % {"n": len(people)}


def also_eligible(role: Role, lines: tuple[Line, ...], eligible: Iterable[User]) -> str:
    """That approvers are eligible too, and how many remain when they ask; "" when there are none."""
    people = people_named(role, lines or (ADMINISTRATORS,))
    approving = {human_of(person) for person in people}
    both = [person for person in eligible if human_of(person) in approving]
    if not both or len(approving) < 2:
        return ""
    names = ", ".join(map(str, both[:NAMED])) + ("…" if len(both) > NAMED else "")
    said = {"names": names, "n": len(approving) - 1}
    if len(both) == 1:
        return (
            ngettext(
                "%(names)s is also eligible. When they ask, %(n)s approver remains.",
                "%(names)s is also eligible. When they ask, %(n)s approvers remain.",
                len(approving) - 1,
            )
            % said
        )
    return (
        ngettext(
            "%(names)s are also eligible. When one of them asks, %(n)s approver remains.",
            "%(names)s are also eligible. When one of them asks, %(n)s approvers remain.",
            len(approving) - 1,
        )
        % said
    )
