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
from approvals.settings.places import Place, Rule
from roles.models import Approver, Eligibility, Role
from roles.models.stages import ALL
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


def deciders_in_words(place: Place, rule: Rule) -> str:
    """Who may approve there: "one of 4 approvers", "approval in 2 stages"."""
    if len(rule.stages) > 1:
        return ngettext("approval in %(n)s stage", "approval in %(n)s stages", len(rule.stages)) % {
            "n": len(rule.stages)
        }
    lines, quorum = rule.asked(1), rule.stage(1).quorum
    manager = any(line.kind == Approver.Kind.MANAGER for line in lines)
    role = place.role
    if quorum != 1:
        return _several_in_words(len(people_named(role, lines)) + manager if role else 0, quorum)
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


def _several_in_words(people: int, quorum: int) -> str:
    """How many of so many must agree; 0 where that is not known."""
    if not people:
        return _("all of the approvers") if quorum == ALL else _("%(m)s of the approvers") % {"m": quorum}
    if quorum == ALL:
        return ngettext("%(n)s approver", "all of %(n)s approvers", people) % {"n": people}
    return ngettext("%(m)s of %(n)s approver", "%(m)s of %(n)s approvers", people) % {
        "m": quorum,
        "n": people,
    }


def also_eligible(role: Role, rule: Rule, eligible: Iterable[User]) -> str:
    """That approvers are eligible too, and how many remain when they ask; "" when there are none, or several stages."""
    people = people_named(role, rule.asked(1)) if len(rule.stages) == 1 else []
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
