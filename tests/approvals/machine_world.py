"""What every walk of the state machine begins with: people, roles of three directories, and who may activate what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from accounts.duties import Duty
from accounts.models import Group, User
from approvals.granting import request_eligibility
from approvals.hooks.models import Hook
from audit.journal.actor import PORTAL
from audit.journal.recording import save_as
from roles.cataloguing import manage_group
from roles.models import Role
from roles.models.stages import Stage
from tests.cast import Cast
from tests.factories.automatic import DENY, make_automatic_rule, ticket
from tests.factories.connectors import Vault, open_vault
from tests.factories.people import give_duty, make_group, make_person
from tests.factories.roles import (
    NOON,
    acting,
    change_settings,
    make_portal_directory,
    make_role,
    name_approvers,
    name_stages,
)

DAY = timedelta(days=1)
WHY = "The nightly job is stuck"
#: what role settings name: the hook by its key, the rules by their references
HOOK, RULES = "check", "incidents.1\nknown-bad.1"


@dataclass(frozen=True)
class World:
    """What every walk begins with.

    Args:
        people: by their short names; ``robin`` and ``robin.admin`` are one human.
        roles: of the portal's own two directories, and one of a directory that is outside.
        operators: a group that is eligible; alex is in it.
    """

    people: dict[str, User]
    roles: dict[str, Role]
    operators: Group
    vault: Vault


def make_world(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> World:
    """People, roles of three directories, and who may activate what; made with the verbs, by an administrator."""
    cast.employee.person_key = "one human"
    cast.employee.save()
    people = {one.email.partition("@")[0]: one for one in cast.everybody}
    people["robin.admin"] = make_person("robin.admin", person_key="one human")
    people["alex"] = make_person("alex", manager=people["jo"])
    people["lee"] = make_person("lee")
    people["dag"] = make_person("dag")
    give_duty(people["dag"], Duty.GLOBAL_ADMINISTRATOR)
    operators = make_group("Operators", people["alex"])
    vault = open_vault(monkeypatch)
    reader = make_portal_directory().roles.get(entitlement=Duty.SECURITY_READER)
    names = ("entry", "release", "ledger", "payroll")
    groups = {name: manage_group(make_group(name.title()), actor=PORTAL)[0] for name in names}
    roles = {"reader": reader, **groups, "operator": make_role(vault.row)}
    settle_roles(roles, people)
    dana, robin, alex = acting(people["dana"]), people["robin"], people["alex"]
    given: list[tuple[str, User | Group, timedelta | None]] = [
        ("reader", robin, None),
        ("entry", robin, 2 * DAY),
        ("release", robin, 10 * DAY),
        ("operator", robin, None),
        ("ledger", robin, 10 * DAY),
        ("payroll", robin, 20 * DAY),
        ("entry", people["robin.admin"], 20 * DAY),
        ("entry", alex, 30 * DAY),
        ("release", alex, 1 * DAY),
        ("ledger", alex, 20 * DAY),
        ("payroll", alex, 5 * DAY),
        ("reader", operators, None),
        ("operator", operators, 5 * DAY),
    ]
    for name, principal, lasts in given:
        ends_at = NOON + lasts if lasts else None
        request_eligibility(roles[name], actor=dana, principal=principal, justification=WHY, ends_at=ends_at)
    return World(people, roles, operators, vault)


def settle_roles(roles: dict[str, Role], people: dict[str, User]) -> None:
    """Who decides on what: nobody, people in one stage or two, a rule first, a web hook first."""
    kim, jo, admin = people["kim"], people["jo"], people["robin.admin"]
    change_settings(roles["reader"], factor="none", approval_required=False)
    change_settings(roles["entry"], factor="none", approval_required=True, emergency_allowed=True)
    name_approvers(roles["entry"], kim, admin, people["alex"])
    change_settings(roles["release"], factor="every_time", approval_required=False)
    change_settings(roles["operator"], factor="none", approval_factor=True, emergency_allowed=True)
    second = (Stage(1, 60), ["manager"], [people["lee"]])
    name_stages(roles["operator"], (Stage(2), [kim, jo, admin], []), second)
    make_automatic_rule(ticket(r"INC-\d"), key="incidents")
    make_automatic_rule(ticket(r"BAD-\d"), key="known-bad", verdict=DENY)
    change_settings(roles["ledger"], factor="none", approval_required=True, automatic=RULES)
    name_stages(roles["ledger"], (Stage(2), [kim, jo, people["lee"]], []))
    # No secret: nothing is ever sent to it.
    save_as(Hook(key=HOOK, name="Check", url="https://check.example.test/", retries=1), actor=PORTAL)
    hooked = {"hook": HOOK, "hook_may_approve": True, "emergency_allowed": True, "automatic": RULES}
    change_settings(roles["payroll"], factor="none", approval_required=True, **hooked)
    name_approvers(roles["payroll"], kim, jo)
