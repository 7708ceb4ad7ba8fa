"""The last holders of a protected role: what a person reads before the database itself refuses (``roles.triggers``).

These questions give the sentence; what keeps the rule, races included, are the triggers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.duties import ROLE_ADMINISTRATORS, Duty, holds
from accounts.mfa.verifying import own_factors
from accounts.models import DutyHolding, People, User
from audit.journal.actor import Actor
from audit.journal.refusing import Refused
from roles.models import Assignment, Origin, Role
from roles.models.directory import PORTAL_KIND


class LastHolder(Refused):
    """A protected role would be left with fewer people who hold it for good than it must have."""

    default = gettext_lazy(
        "A protected role would be left without enough people who hold it without an end. Assign it to somebody else "
        "first, without an end."
    )
    code = "last_holder"


#: a role of the portal by its duty where it has no row, anything else by its row
Held = Role | Duty


def standing_assignments() -> Any:
    """The assignments that make somebody a standing holder: direct, for good, for the whole directory, in force."""
    return Assignment.objects.filter(
        status=Assignment.Status.ACTIVE,
        ends_at__isnull=True,
        eligibility__isnull=True,
        through__isnull=True,
        origin__in=[Origin.DIRECT, Origin.FOUND_OUTSIDE],
        scope__parent__isnull=True,
        person__is_active=True,
        person__kind=User.Kind.PERSON,
    )


def standing_holders(role: Role) -> People:
    """The enabled people who hold ``role`` directly, for good, in the whole directory."""
    people: People = User.objects.filter(pk__in=standing_assignments().filter(role=role).values("person"))
    return people


def least_of(role: Role) -> int:
    """How many standing holders ``role`` must keep; the two administrators' duties always one."""
    always = role.directory.is_portal and role.entitlement in ROLE_ADMINISTRATORS
    return max(role.least_holders, int(always))


def protected_roles() -> Any:
    """Every role that must keep holders."""
    always = Q(directory__kind=PORTAL_KIND, entitlement__in=ROLE_ADMINISTRATORS)
    return Role.objects.select_related("directory").filter(Q(least_holders__gt=0) | always)


def check_may_lose(assignment: Assignment) -> None:
    """Ask before an assignment is ended, or given an end.

    Raises:
        LastHolder: its holder is one of the last.
    """
    role, person = assignment.role, assignment.person
    standing = standing_assignments().filter(role=role)
    if not least_of(role) or not standing.filter(pk=assignment.pk).exists():
        return
    left = set(standing.exclude(pk=assignment.pk).values_list("person", flat=True))
    if len(left) < least_of(role):
        raise _refusal(person, role, least_of(role))
    if person.is_break_glass and person.pk not in left and _is_administrator(role):
        raise LastHolder(
            _("%(name)s is a break-glass account. Say first, under People, that they are one no more.")
            % {"name": person},
            code="break_glass",
        )


def check_may_leave(person: User) -> None:
    """Ask before a person is disabled, deleted or made something else.

    Raises:
        LastHolder: they are one of the last holders of a protected role.
    """
    for held, least, others in _protected_of(person):
        if others.count() < least:
            raise _refusal(person, held, least)


def check_may_lose_factors(person: User, *, actor: Actor) -> None:
    """Ask before the second factors of ``person`` are taken away (G13).

    Of those who hold a protected duty for good somebody must be able to sign in meanwhile, unless whoever helps holds the
    duty themselves at this moment: they can appoint another, and nobody gets a duty by helping that they do not have.

    Raises:
        LastHolder: nobody would be left.
    """
    for held, _least, others in _protected_of(person):
        duty = held if isinstance(held, Duty) else held.entitlement
        if isinstance(held, Role) and not held.directory.is_portal:
            continue  # signing in here is not what that role is used by
        if not holds(actor.person, duty) and not any(can_sign_in(other) for other in others):
            raise LastHolder(
                _(
                    "%(name)s is the last %(role)s without an end who can sign in. Only somebody who holds this role "
                    "right now can help them: activate it, or ask who can."
                )
                % {"name": person, "role": _name_of(held)}
            )


def can_sign_in(person: User) -> bool:
    """Whether ``person`` has a password and a second factor of their own."""
    return person.is_active and person.has_usable_password() and bool(own_factors(person))


def is_standing_administrator(person: User) -> bool:
    """Whether ``person`` is Global Administrator directly and for good."""
    role = Role.objects.filter(directory__kind=PORTAL_KIND, entitlement=Duty.GLOBAL_ADMINISTRATOR)
    return bool(standing_assignments().filter(role__in=role, person=person).exists())


# --- Answers to the questions of accounts ---


def answer_leaving(sender: Any, *, person: User, **_said: Any) -> None:
    """Receiver of ``accounts.signals.user_leaving``."""
    check_may_leave(person)


def answer_losing_factors(sender: Any, *, person: User, actor: Actor, **_said: Any) -> None:
    """Receiver of ``accounts.signals.user_losing_factors``."""
    check_may_lose_factors(person, actor=actor)


def answer_break_glass(sender: Any, *, person: User, **_said: Any) -> None:
    """Receiver of ``accounts.signals.user_named_break_glass``: it must be able to do everything, whenever it is used."""
    if not is_standing_administrator(person):
        raise Refused(
            _("%(name)s is not Global Administrator without an end. Assign the role first, without an end.")
            % {"name": person},
            code="not_standing",
        )


def _protected_of(person: User) -> Iterator[tuple[Held, int, People]]:
    """The protected roles ``person`` is a standing holder of; for each its least number, and the other holders."""
    if not person.is_active or person.is_service:
        return
    theirs = standing_assignments().filter(person=person)
    for role in protected_roles().filter(pk__in=theirs.values("role")):
        yield role, least_of(role), standing_holders(role).exclude(pk=person.pk)
    roles = {role.entitlement: role for role in protected_roles().filter(directory__kind=PORTAL_KIND)}
    for_good = DutyHolding.objects.filter(ends_at__isnull=True)
    for duty in for_good.filter(person=person).values_list("duty", flat=True):
        least = least_of(roles[duty]) if duty in roles else int(duty in ROLE_ADMINISTRATORS)
        if least:
            holders = for_good.filter(duty=duty).values("person")
            others = User.objects.enabled().humans().filter(pk__in=holders).exclude(pk=person.pk)
            yield Duty(duty), least, others


def _refusal(person: User, held: Held, least: int) -> LastHolder:
    said = {"name": person, "role": _name_of(held), "least": least}
    if least == 1:
        return LastHolder(
            _(
                "%(name)s is the last %(role)s without an end. Assign the role to somebody else first, without an end."
            )
            % said
        )
    return LastHolder(
        _(
            "%(name)s is one of the last who hold %(role)s without an end, and there must be %(least)s of them. Assign "
            "the role to somebody else first, without an end."
        )
        % said
    )


def _name_of(held: Held) -> str:
    return str(held.label) if isinstance(held, Duty) else held.name


def _is_administrator(role: Role) -> bool:
    return role.directory.is_portal and role.entitlement == Duty.GLOBAL_ADMINISTRATOR
