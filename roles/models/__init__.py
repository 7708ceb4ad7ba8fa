"""What exists, who may hold it, who holds it now."""

from roles.models.appointment import (
    DirectoryGroupAppointment,
    DirectoryPersonAppointment,
    RoleGroupAppointment,
    RolePersonAppointment,
)
from roles.models.assignment import Assignment, EndCause, Origin
from roles.models.directory import Account, Directory, Heartbeat, Scope
from roles.models.eligibility import Eligibility
from roles.models.role import Risk, Role
from roles.models.settings import Approver, EffectiveSettings, RoleSettings

__all__ = [
    "Account",
    "Approver",
    "Assignment",
    "Directory",
    "DirectoryGroupAppointment",
    "DirectoryPersonAppointment",
    "EffectiveSettings",
    "Eligibility",
    "EndCause",
    "Heartbeat",
    "Origin",
    "Risk",
    "Role",
    "RoleGroupAppointment",
    "RolePersonAppointment",
    "RoleSettings",
    "Scope",
]
