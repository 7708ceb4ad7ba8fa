"""Who has which part in a directory or a role, and who may be told or asked because of it.

One question over guardian's rows and the memberships in force: never ``has_perm``, which lets superusers pass.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from accounts.duties import READERS, holders_of, holds
from accounts.models import Membership, People, User
from roles.models import (
    Directory,
    DirectoryGroupAppointment,
    DirectoryPersonAppointment,
    Eligibility,
    Role,
    RoleGroupAppointment,
    RolePersonAppointment,
)
from roles.models.directory import PORTAL_KIND

OWN, REVIEW, READ = "own", "review", "read"


def directories_of(person: User, part: str) -> QuerySet[Directory]:
    """The directories in which ``person`` has ``part`` (own, review or read) at this moment, alone or through a group."""
    mine = {"permission__codename": f"{part}_directory"}
    own = DirectoryPersonAppointment.objects.filter(user=person, user__is_active=True, **mine)
    return Directory.objects.filter(
        Q(pk__in=own.values("content_object"))
        | Q(
            pk__in=DirectoryGroupAppointment.objects.filter(group__in=_groups_of(person), **mine).values(
                "content_object"
            )
        )
    )


def roles_of(person: User, part: str) -> QuerySet[Role]:
    """The roles in which ``person`` has ``part``, by the role itself or by its directory."""
    mine = {"permission__codename": f"{part}_role"}
    own = RolePersonAppointment.objects.filter(user=person, user__is_active=True, **mine)
    return Role.objects.filter(
        Q(directory__in=directories_of(person, part))
        | Q(pk__in=own.values("content_object"))
        | Q(
            pk__in=RoleGroupAppointment.objects.filter(group__in=_groups_of(person), **mine).values(
                "content_object"
            )
        )
    )


def people_with(part: str, role: Role) -> People:
    """The enabled people who have ``part`` in ``role`` or in its directory: the other direction of ``roles_of``."""
    of_role, of_directory = (
        {"permission__codename": f"{part}_role"},
        {"permission__codename": f"{part}_directory"},
    )
    groups = Q(
        group__in=RoleGroupAppointment.objects.filter(content_object=role, **of_role).values("group")
    ) | Q(
        group__in=DirectoryGroupAppointment.objects.filter(
            content_object=role.directory_id, **of_directory
        ).values("group")
    )
    members = Membership.objects.in_force().filter(groups, kind=Membership.Kind.MEMBER).values("person")
    people: People = User.objects.filter(is_active=True).filter(
        Q(pk__in=RolePersonAppointment.objects.filter(content_object=role, **of_role).values("user"))
        | Q(
            pk__in=DirectoryPersonAppointment.objects.filter(
                content_object=role.directory_id, **of_directory
            ).values("user")
        )
        | Q(pk__in=members)
    )
    return people


def may_read(person: User, role: Role) -> bool:
    """Whether ``person`` may see who holds ``role``: by a duty, or by a part in it."""
    return holds(person, *READERS) or any(
        roles_of(person, part).filter(pk=role.pk).exists() for part in (OWN, REVIEW, READ)
    )


def people_with_duty(*duties: str) -> People:
    """The enabled people who hold one of ``duties`` or may activate it: nobody need have activated it to be told."""
    eligible = Eligibility.objects.in_force().filter(
        role__directory__kind=PORTAL_KIND, role__entitlement__in=duties
    )
    members = Membership.objects.in_force().filter(
        group__in=eligible.exclude(group=None).values("group"), kind=Membership.Kind.MEMBER
    )
    people: People = User.objects.filter(is_active=True).filter(
        Q(pk__in=holders_of(*duties).values("pk"))
        | Q(pk__in=eligible.exclude(person=None).values("person"))
        | Q(pk__in=members.values("person"))
    )
    return people


def _groups_of(person: User) -> QuerySet[Any, Any]:
    return Membership.objects.in_force().filter(person=person, kind=Membership.Kind.MEMBER).values("group")
