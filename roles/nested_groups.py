"""Groups as roles: which groups a role lets one into, and what must not be held by whom because of it."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import Group, Membership, User
from audit.journal.refusing import Refused
from roles.connectors.groups import entitlement_of, group_of
from roles.models import Eligibility, Role
from roles.models.directory import GROUPS_KIND

MEMBER, OWNER = Membership.Kind.MEMBER, Membership.Kind.OWNER


def roles_of_group(group: Group) -> QuerySet[Role]:
    """The roles that its membership and its ownership are; none while it is not managed."""
    names = [entitlement_of(kind, group.pk) for kind in (MEMBER, OWNER)]
    return Role.objects.filter(directory__kind=GROUPS_KIND, entitlement__in=names)


def group_key_of(role: Role) -> int | None:
    """The key of the group that ``role`` is the membership or the ownership of; None for any other role."""
    about = group_of(role.entitlement) if role.directory.kind == GROUPS_KIND else None
    return about[1] if about else None


def check_may_hold(role: Role, principal: User | Group) -> None:
    """Refuse an active assignment that would make one group stand in another, or a program stand among people.

    Raises:
        Refused: a group would be in a group for good, which nothing would end; a service principal would be in a
            group or hold a duty of the portal.
    """
    if not role.directory.is_inside:
        return
    if isinstance(principal, User) and principal.is_service:
        raise Refused(
            _("%(who)s is a service principal: it is in no group and holds no duty of the portal.")
            % {"who": principal},
            field="principal",
        )
    if isinstance(principal, Group) and group_key_of(role) is not None:
        raise Refused(
            _(
                "A group is not put into another one. Make it eligible: then each member activates for themselves."
            ),
            field="principal",
        )


def check_no_circle(wanted: Iterable[Eligibility]) -> None:
    """Refuse eligibilities by which the members of a group could, in the end, stay in it by being in it.

    Raises:
        Refused: one of them closes a circle, alone or with others that stand or are wanted.
    """
    nested = [(one, group_key_of(one.role)) for one in wanted if one.group_id is not None]
    if not any(key for _one, key in nested):
        return
    leads_to: dict[int, set[int]] = {}
    live = Eligibility.objects.filter(
        role__directory__kind=GROUPS_KIND,
        group__isnull=False,
        status__in=[Eligibility.Status.SCHEDULED, Eligibility.Status.IN_FORCE],
    )
    for group, entitlement in live.values_list("group", "role__entitlement"):
        about = group_of(entitlement)
        if about is not None and about[0] == MEMBER:
            leads_to.setdefault(group, set()).add(about[1])
    for one, key in nested:
        if key is None or one.role.entitlement != entitlement_of(MEMBER, key):
            continue
        if one.group_id in _reached_from(key, leads_to):
            raise Refused(
                _("Whoever is in %(group)s could then stay in it by being in it.") % {"group": one.group},
                field="principal",
                code="circle",
            )
        leads_to.setdefault(int(one.group_id or 0), set()).add(key)


def _reached_from(group: int, leads_to: dict[int, set[int]]) -> set[int]:
    reached, waiting = {group}, [group]
    while waiting:
        for following in leads_to.get(waiting.pop(), set()) - reached:
            reached.add(following)
            waiting.append(following)
    return reached
