"""Who owns, reviews and reads which directory and role: guardian's object permissions on direct foreign keys.

Direct keys make the rows real: they go with their object and carry history. Ask ``roles.permissions``, never
``has_perm``: guardian lets superusers pass and knows no time for groups.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase
from simple_history.models import HistoricalRecords

from roles.models.directory import Directory
from roles.models.role import Role


class DirectoryPersonAppointment(UserObjectPermissionBase):
    """A person's part in a directory."""

    content_object = models.ForeignKey(
        Directory, on_delete=models.CASCADE, related_name="person_appointments"
    )
    history = HistoricalRecords()

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()

    def journal_context(self) -> dict[str, Any]:
        return {"about": self.user} | self.content_object.journal_context()


class DirectoryGroupAppointment(GroupObjectPermissionBase):
    """A group's part in a directory; its members have it while they are members."""

    content_object = models.ForeignKey(Directory, on_delete=models.CASCADE, related_name="group_appointments")
    history = HistoricalRecords()

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()

    def journal_context(self) -> dict[str, Any]:
        return self.content_object.journal_context()


class RolePersonAppointment(UserObjectPermissionBase):
    """A person's part in a role."""

    content_object = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="person_appointments")
    history = HistoricalRecords()

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()

    def journal_context(self) -> dict[str, Any]:
        return {"about": self.user} | self.content_object.journal_context()


class RoleGroupAppointment(GroupObjectPermissionBase):
    """A group's part in a role; its members have it while they are members."""

    content_object = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="group_appointments")
    history = HistoricalRecords()

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()

    def journal_context(self) -> dict[str, Any]:
        return self.content_object.journal_context()
