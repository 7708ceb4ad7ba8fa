"""Rules about what may not be held together."""

from __future__ import annotations

from audit.journal.actor import PORTAL
from roles.models import Role, SeparationRule
from roles.separating import save_rule

REASON = "Whoever enters payments must not release them."


def make_rule(
    *roles: Role, name: str = "Payments", reason: str = REASON, is_on: bool = True
) -> SeparationRule:
    """A rule that keeps ``roles`` apart."""
    return save_rule(SeparationRule(name=name, reason=reason, is_on=is_on), actor=PORTAL, roles=roles)
