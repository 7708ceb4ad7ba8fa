"""Who may review an emergency activation: one rule, asked in two directions. And who may see it.

Which of them: ``uses_open_to``. Which people: ``reviewers_of``; a test over the whole cast keeps it in step.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from accounts.duties import ALERT_KEEPERS, READERS, ROLE_ADMINISTRATORS, duties_of, holders_of
from accounts.models import Absence, People, User
from approvals.emergency.models import EmergencyUse
from approvals.models import FrozenApprover
from approvals.permissions import Part, asked_by, by_human, named_for, naming, represented_by
from approvals.settings.places import Line
from audit.journal.refusing import NotAllowed
from roles.parts import Parts, parts_of
from roles.permissions import OWN, could_activate, people_with


def uses_open_to(
    person: User, *, parts: Parts | None = None, duties: Collection[str] | None = None
) -> QuerySet[EmergencyUse]:
    """Those that ``person`` may review by what they are at this moment, whether or not somebody has.

    By duty all, else of the roles they own, and those in which they would have been asked. Never their own, under
    whatever account.

    Args:
        parts, duties: what they have a part in and which duties they hold, where that was just asked already.
    """
    if not person.is_active:
        return EmergencyUse.objects.none()
    others = EmergencyUse.objects.exclude(by_human(person, of="person"))
    if not set(ROLE_ADMINISTRATORS).isdisjoint(duties_of(person) if duties is None else duties):
        return others
    parts = parts or parts_of(person)
    named = naming(Part.of(person, parts))
    for absent in represented_by(person):
        named |= naming(Part.of(absent, parts_of(absent))) & ~asked_by(absent, of="access_request")
    if could_activate(person, *ROLE_ADMINISTRATORS, parts=parts):
        named |= Q(kind=FrozenApprover.ADMINISTRATORS)
    rule = FrozenApprover.objects.standing().filter(named, access_request=OuterRef("access_request"))
    may = Q(Exists(rule))
    if owned := parts.roles(OWN, of="access_request__role"):
        may |= owned
    return others.filter(may)


def uses_to_review(
    person: User, *, parts: Parts | None = None, duties: Collection[str] | None = None
) -> QuerySet[EmergencyUse]:
    """Those that wait for a review that ``person`` may give."""
    return uses_open_to(person, parts=parts, duties=duties).filter(status=EmergencyUse.Status.OPEN)


def reviewers_of(use: EmergencyUse) -> People:
    """The enabled people who may review ``use``: the other direction of ``uses_open_to``."""
    access_request = use.access_request
    lines = [Line.of(line) for line in access_request.approver_rule.standing()]
    in_person = [line for line in lines if line.kind != FrozenApprover.ADMINISTRATORS]
    holder = User.objects.all().same_human_as(use.person).values("pk")
    away = User.objects.filter(named_for(access_request, in_person)).exclude(pk__in=holder)
    deputies = Absence.objects.in_force().filter(person__in=away.order_by().values("pk"))
    people: People = (
        User.objects.enabled()
        .filter(
            named_for(access_request, lines)
            | Q(pk__in=holders_of(*ROLE_ADMINISTRATORS).values("pk"))
            | Q(pk__in=people_with(OWN, access_request.role).values("pk"))
            | Q(pk__in=deputies.values("deputy"))
        )
        .exclude(pk__in=holder)
        .order_by("display_name", "pk")
        .distinct()
    )
    return people


def check_may_review(person: User | None, use: EmergencyUse) -> None:
    """Refuse unless ``person`` may review ``use`` at this moment.

    Raises:
        NotAllowed: it is their own, they were not among those who were skipped, or they were disabled since.
    """
    person = User.objects.enabled().filter(pk=person.pk).first() if person is not None else None
    if person is None:
        raise NotAllowed
    if person.is_same_human_as(use.person):
        raise NotAllowed(_("Nobody reviews their own emergency activation."), code="own_emergency")
    if not uses_open_to(person).filter(pk=use.pk).exists():
        raise NotAllowed(
            _("Who was skipped, owns the role or is an administrator reviews it; you are none of them."),
            code="not_a_reviewer",
        )


def uses_visible_to(person: User) -> QuerySet[EmergencyUse]:
    """Those that ``person`` may look at: their own, what they may review or have reviewed, and all for whoever was told by duty.

    Who may only activate the duty to look after them was told as well, and need not activate it to see of what.
    """
    if not person.is_active:
        return EmergencyUse.objects.none()
    parts, duties = parts_of(person), duties_of(person)
    if not duties.isdisjoint(READERS) or could_activate(person, *ALERT_KEEPERS, parts=parts):
        return EmergencyUse.objects.all()
    theirs = uses_open_to(person, parts=parts, duties=duties)
    return EmergencyUse.objects.filter(Q(person=person) | Q(reviewer=person) | Q(pk__in=theirs.values("pk")))
