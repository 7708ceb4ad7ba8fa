"""Whether role settings would leave somebody with nobody to decide for them."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from accounts.models import User
from approvals.permissions import named_by
from approvals.settings.places import ADMINISTRATORS, Line
from roles.models import Approver, Eligibility, Role
from roles.permissions import people_eligible_by

Kind = Approver.Kind


def locked_out(role: Role, lines: tuple[Line, ...]) -> str:
    """Whom approval by ``lines`` would leave without anybody to decide, as a sentence; "" when there is nobody.

    Nobody decides for themselves under any account, so an approver who is eligible needs another one beside them.
    """
    lines = lines or (ADMINISTRATORS,)
    deciders = list(people_named(role, lines))
    humans = {human_of(person) for person in deciders}
    if len(humans) > 1:
        return ""
    eligible = people_eligible_by(Eligibility.objects.in_force().filter(role=role))
    if any(line.kind == Kind.MANAGER for line in lines):
        alone = [
            person
            for person in eligible.select_related("manager")
            if not (humans | _human_of_manager(person)) - {human_of(person)}
        ]
    elif not deciders:
        return _("Nobody could decide on a request for %(role)s: none of these approvers can sign in.") % {
            "role": role
        }
    else:
        alone = [person for person in eligible if human_of(person) in humans]
    if not alone:
        return ""
    return _(
        "%(who)s may activate %(role)s and would have nobody to decide: nobody decides for themselves. Name "
        "another approver."
    ) % {"who": ", ".join(str(person) for person in alone[:3]), "role": role}


def people_named(role: Role, lines: Iterable[Line]) -> list[User]:
    """The enabled people that ``lines`` name for ``role``, the managers of the holders apart."""
    return list(User.objects.enabled().filter(named_by(lines, role)).distinct())


def human_of(person: User) -> str:
    """The same for every account of one human."""
    return person.person_key or f"account {person.pk}"


def _human_of_manager(person: User) -> set[str]:
    manager = person.manager
    return {human_of(manager)} if manager is not None and manager.is_active else set()
