"""What exists, who may hold it, who holds it now."""

from roles.models.appointment import (
    DirectoryGroupAppointment,
    DirectoryPersonAppointment,
    RoleGroupAppointment,
    RolePersonAppointment,
)
from roles.models.assignment import Assignment, EndCause, GroupAssignment, Intent, Origin
from roles.models.directory import Account, Directory, Heartbeat, Scope
from roles.models.eligibility import Eligibility
from roles.models.guard import HolderGuard
from roles.models.hand_task import HandTask
from roles.models.inspection import Inspection
from roles.models.reconciliation import Drift, Reconciliation
from roles.models.role import Risk, Role
from roles.models.separation import SeparatedRole, SeparationRule
from roles.models.settings import Approver, RoleSettings
from roles.models.values import EffectiveSettings, Factor

__all__ = [
    "Account",
    "Approver",
    "Assignment",
    "Directory",
    "DirectoryGroupAppointment",
    "DirectoryPersonAppointment",
    "Drift",
    "EffectiveSettings",
    "Eligibility",
    "EndCause",
    "Factor",
    "GroupAssignment",
    "HandTask",
    "Heartbeat",
    "HolderGuard",
    "Inspection",
    "Intent",
    "Origin",
    "Reconciliation",
    "Risk",
    "Role",
    "RoleGroupAppointment",
    "RolePersonAppointment",
    "RoleSettings",
    "Scope",
    "SeparatedRole",
    "SeparationRule",
]
