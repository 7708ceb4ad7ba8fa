"""Who has which part in a directory or a role, and who may be told or asked because of it.

One question over guardian's rows and the memberships in force: never ``has_perm``, which lets superusers pass.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.duties import READERS, ROLE_ADMINISTRATORS, holders_of, holds, require
from accounts.models import Group, Membership, People, User
from accounts.wording import worded
from audit.journal.actor import Actor
from roles.models import (
    Assignment,
    Directory,
    DirectoryGroupAppointment,
    DirectoryPersonAppointment,
    Eligibility,
    Role,
    RoleGroupAppointment,
    RolePersonAppointment,
    Scope,
)
from roles.models.assignment import Assignments
from roles.models.directory import PORTAL_KIND
from roles.models.eligibility import Eligibilities
from roles.nested_groups import group_key_of
from roles.parts import Parts, parts_of

OWN, REVIEW, READ = "own", "review", "read"


def directories_of(person: User, part: str) -> QuerySet[Directory]:
    """The directories in which ``person`` has ``part`` (own, review or read) at this moment, alone or through a group."""
    return Directory.objects.filter(pk__in=parts_of(person).directories(part))


def directories_read_by(person: User) -> QuerySet[Directory]:
    """The directories ``person`` may look into: all by a duty, else those they have a part in."""
    if holds(person, *READERS):
        return Directory.objects.all()
    return Directory.objects.filter(pk__in=parts_of(person).directories(OWN, REVIEW, READ))


def roles_of(person: User, *parts: str) -> QuerySet[Role]:
    """The roles in which ``person`` has one of ``parts``: by the role, by its directory, or by the group that it is."""
    return Role.objects.filter(parts_of(person).roles(*parts) or Q(pk__in=[]))


class RoleKeys(NamedTuple):
    """A role in plain values; see ``accounts.wording``.

    Args:
        pk, directory: keys.
        group: key of the group that it is the membership or the ownership of; None for any other role.
    """

    pk: int
    directory: int
    group: int | None

    @classmethod
    def of(cls, role: Role) -> RoleKeys:
        """Those of ``role``."""
        return cls(role.pk, role.directory_id, group_key_of(role))


def people_with(part: str, role: Role) -> People:
    """The enabled people who have ``part`` in ``role`` or in its directory: the other direction of ``roles_of``."""
    people: People = User.objects.filter(having_part(part, RoleKeys.of(role), timezone.now()))
    return people


def having_part(part: str, role: RoleKeys, at: datetime) -> Q:
    """The same at a moment, to be asked of people with something else.

    Whoever has the part is looked for by keys: a choice between several questions would be put to everybody there is.
    """
    of_role = {"content_object": role.pk, "permission__codename": f"{part}_role"}
    of_directory = {"content_object": role.directory, "permission__codename": f"{part}_directory"}
    groups = RoleGroupAppointment.objects.filter(**of_role).values("group")
    groups = groups.union(DirectoryGroupAppointment.objects.filter(**of_directory).values("group"))
    held = Membership.objects.in_force(at).order_by()
    who = [
        RolePersonAppointment.objects.filter(**of_role).values("user"),
        DirectoryPersonAppointment.objects.filter(**of_directory).values("user"),
        held.filter(group__in=groups, kind=Membership.Kind.MEMBER).values("person"),
    ]
    if part == OWN and role.group is not None:
        who.append(held.filter(group=role.group, kind=Membership.Kind.OWNER).values("person"))
    return Q(pk__in=who[0].union(*who[1:]), is_active=True, kind=User.Kind.PERSON)


def holders_at(role: Role, scope: Scope) -> Assignments:
    """What counts for ``role`` at ``scope`` at this moment: given there or above, as access flows down."""
    held: Assignments = Assignment.objects.in_force().filter(role=role).covering(scope)
    return held


def may_manage(person: User, directory: Directory) -> bool:
    """Whether ``person`` may change what there is in ``directory``: by a duty, or as its owner."""
    if holds(person, *ROLE_ADMINISTRATORS):
        return True
    return directories_of(person, OWN).filter(pk=directory.pk).exists()


def check_may_manage(directory: Directory, actor: Actor) -> None:
    """Refuse unless the actor is the portal itself or may change what there is in ``directory``.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs.
    """
    if actor.person is None or not directories_of(actor.person, OWN).filter(pk=directory.pk).exists():
        require(actor, *ROLE_ADMINISTRATORS)


def may_read(person: User, role: Role) -> bool:
    """Whether ``person`` may see who holds ``role``: by a duty, or by a part in it."""
    return holds(person, *READERS) or any(
        roles_of(person, part).filter(pk=role.pk).exists() for part in (OWN, REVIEW, READ)
    )


def people_with_duty(*duties: str, at: datetime | None = None) -> People:
    """The enabled people who hold one of ``duties`` or may activate it: nobody need have activated it to be told."""
    eligible = Eligibility.objects.in_force(at).filter(
        role__directory__kind=PORTAL_KIND, role__entitlement__in=duties
    )
    eligible_too = people_eligible_by(eligible, at=at)
    who = Q(pk__in=holders_of(*duties, at=at).values("pk")) | Q(pk__in=eligible_too.values("pk"))
    people: People = User.objects.enabled().humans().filter(who)
    return people


def people_eligible_by(held: Eligibilities, *, at: datetime | None = None) -> People:
    """The enabled people who may activate one of ``held``, alone or as a member of a group."""
    members = Membership.objects.in_force(at).filter(
        group__in=held.exclude(group=None).values("group"), kind=Membership.Kind.MEMBER
    )
    own = Q(pk__in=held.exclude(person=None).values("person"))
    people: People = User.objects.enabled().filter(own | Q(pk__in=members.values("person")))
    return people


def could_activate(person: User, *duties: str, parts: Parts) -> bool:
    """Whether ``person``, whose parts these are, may activate one of ``duties``, be it as a member of a group."""
    groups = tuple(sorted(parts.member_of))
    return person.is_active and bool(
        worded(_eligible_for, timezone.now(), person.pk, groups, tuple(map(str, duties)))
    )


def _eligible_for(
    now: datetime, person: int, groups: tuple[int, ...], duties: tuple[str, ...]
) -> QuerySet[Eligibility, tuple[int]]:
    theirs = Q(person=person) | Q(group__in=groups) if groups else Q(person=person)
    eligible: Any = Eligibility.objects.in_force(now).filter(
        theirs, role__directory__kind=PORTAL_KIND, role__entitlement__in=duties
    )
    return eligible.order_by().values_list("pk")[:1]  # type: ignore[no-any-return]


def groups_owned_by(person: User) -> QuerySet[Group]:
    """The groups that ``person`` owns at this moment."""
    groups: Any = Group.objects.filter(pk__in=_owned_by(person).values("group"))
    return groups  # type: ignore[no-any-return]


def _owned_by(person: User) -> QuerySet[Membership]:
    owned: QuerySet[Membership] = Membership.objects.in_force().filter(
        person=person, kind=Membership.Kind.OWNER
    )
    return owned
