"""Who may do what: every verb about roles, people and settings, for everybody, in one table.

Rows follow the table of Microsoft Entra PIM (duties) and of Azure PIM (an owner manages their own directory and nothing
beside it); where this portal differs, the row says so. What a page answers is in ``test_permissions_matrix``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.adding_services import add_service
from accounts.breaking_glass import name_break_glass
from accounts.duties import Duty
from accounts.inviting import invite_person
from accounts.leaving import disable_person
from accounts.mfa.freshness import StepUpRequired
from accounts.mfa.recovering import help_person
from accounts.models import User
from approvals.changing import Change, change
from approvals.closing import cancel_request
from approvals.deciding import decide
from approvals.extending import request_extension
from approvals.granting import request_assignment, request_eligibility, request_removal
from approvals.models import AccessRequest, SettingsTemplate
from approvals.settings.changing import Wanted, change_settings
from approvals.settings.places import Document, Place
from approvals.settings.templating import save_template
from audit.alerts.alerting import acknowledge, raise_alert
from audit.journal.actor import PORTAL, Actor
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from audit.permissions import may_read_journal
from roles.cataloguing import add_scope, manage_group, open_groups_directory
from roles.models import Directory, Eligibility, Role
from roles.permissions import may_read
from roles.requirements import ACTIVE, ELIGIBLE, AskedAssignment
from tests.cast import Cast
from tests.factories.connectors import Vault, vault  # noqa: F401
from tests.factories.people import give_duty, make_group, make_person
from tests.factories.roles import acting, appoint, ask, make_eligibility, make_role

ADMINISTRATORS = {"global_administrator", "privileged_role_administrator"}
DUTIES = {str(duty) for duty in Duty}
OWNERS = {"owner_of_directory", "owner_of_role"}
PARTS = OWNERS | {"reviewer", "reader"}
EVERYBODY = DUTIES | PARTS | {
    "owner_elsewhere",
    "approver",
    "holder",
    "group_owner",
    "stranger",
    "superuser",
    "disabled_administrator",
}  # fmt: skip
WHY = "As agreed"
SOON = timedelta(days=10)


@dataclass
class World:
    """A role with a holder and what is known of it; the people are made as they are asked for."""

    directory: Directory
    role: Role
    eligibility: Eligibility
    waiting: AccessRequest
    extension: AccessRequest
    cast: Cast
    people: dict[str, User] = field(default_factory=dict)


@pytest.fixture
def world(vault: Vault, cast: Cast) -> World:  # noqa: F811
    """Robin may activate a role that Kim approves, waits for that, and asks to keep another eligibility."""
    role = make_role(vault.row, "Owner", approvers=[cast.approver], max_minutes=60)
    eligibility = make_eligibility(role, cast.employee, ends_at=timezone.now() + SOON)
    other = make_eligibility(make_role(vault.row, "Reader"), cast.employee, ends_at=timezone.now() + SOON)
    elsewhere = Directory.objects.create(name="Elsewhere", kind="vault")
    elsewhere.root_scope()
    people = {str(duty): make_person(str(duty)) for duty in Duty}
    for duty, person in people.items():
        give_duty(person, duty)
    for name, part, thing in (
        ("owner_of_directory", "own", vault.row),
        ("owner_of_role", "own", role),
        ("reviewer", "review", role),
        ("reader", "read", vault.row),
        ("owner_elsewhere", "own", elsewhere),
    ):
        people[name] = make_person(name)
        appoint(people[name], part, thing)
    people |= {
        "approver": cast.approver,
        "holder": cast.employee,
        "group_owner": make_person("group_owner"),
        "stranger": cast.outsider,
        "superuser": cast.root,
        "disabled_administrator": make_person("disabled_administrator"),
    }
    make_group("Night watch", owners=(people["group_owner"],))
    give_duty(people["disabled_administrator"], Duty.GLOBAL_ADMINISTRATOR)
    people["disabled_administrator"].is_active = False
    people["disabled_administrator"].save()
    open_groups_directory("Groups", actor=PORTAL)
    extension = request_extension(other, actor=acting(cast.employee), justification=WHY)
    return World(
        directory=vault.row,
        role=role,
        eligibility=eligibility,
        waiting=ask(eligibility, cast.employee, minutes=60),
        extension=extension,
        cast=cast,
        people=people,
    )


def give(world: World, who: Actor) -> Any:
    return request_eligibility(world.role, actor=who, principal=world.cast.auditor, justification=WHY)


def give_active(world: World, who: Actor) -> Any:
    ends_at = timezone.now() + SOON
    return request_assignment(
        world.role, actor=who, person=world.cast.auditor, justification=WHY, ends_at=ends_at
    )


def move_end(world: World, who: Actor) -> Any:
    later = AskedAssignment(ELIGIBLE, ends_at=timezone.now() + 2 * SOON, justification=WHY)
    return change([Change(world.eligibility, later)], actor=who)


def turn_active(world: World, who: Actor) -> Any:
    active = AskedAssignment(ACTIVE, ends_at=timezone.now() + SOON, justification=WHY)
    return change([Change(world.eligibility, active)], actor=who)


def remove(world: World, who: Actor) -> Any:
    return request_removal(world.eligibility, actor=who, justification=WHY)


def set_settings(place: Callable[[World], Place]) -> Callable[[World, Actor], Any]:
    def act(world: World, who: Actor) -> Any:
        there = place(world)
        before = Document.of(there, there.row())
        stricter = Document(before.values | {"ticket_required": True}, before.approvers, before.least_holders)
        return change_settings([Wanted(there, stricter)], actor=who, justification=WHY)

    return act


def see(world: World, who: Actor) -> Any:
    if who.person is None or not may_read(who.person, world.role):
        raise NotAllowed


def read_journal(world: World, who: Actor) -> Any:
    if not may_read_journal(who.person):
        raise NotAllowed


def take_up_alert(world: World, who: Actor) -> Any:
    acknowledge(raise_alert("test", key="one", severity="low", title="One", actor=PORTAL), actor=who)


def decide_on(which: str) -> Callable[[World, Actor], Any]:
    return lambda world, who: decide(getattr(world, which), actor=who, verdict="deny", justification=WHY)


def manage_the_group(world: World, who: Actor) -> Any:
    return manage_group(make_group("Night watch two", owners=(world.people["group_owner"],)), actor=who)


#: what is done: how, and who may
TABLE: dict[str, tuple[Callable[[World, Actor], Any], set[str]]] = {
    "see who holds it": (see, DUTIES | PARTS),
    "make eligible": (give, ADMINISTRATORS | OWNERS),
    "make active": (give_active, ADMINISTRATORS | OWNERS),
    "update and extend": (move_end, ADMINISTRATORS | OWNERS),
    "make active instead": (turn_active, ADMINISTRATORS | OWNERS),
    "remove": (remove, ADMINISTRATORS | OWNERS),
    "change its settings": (set_settings(lambda world: Place(role=world.role)), ADMINISTRATORS | OWNERS),
    "change its directory's settings": (
        set_settings(lambda world: Place(directory=world.directory)),
        ADMINISTRATORS | {"owner_of_directory"},
    ),
    "change the portal's settings": (set_settings(lambda world: Place()), ADMINISTRATORS),
    "save a template": (
        lambda world, who: save_template(SettingsTemplate(name="New"), actor=who, values={}),
        ADMINISTRATORS,
    ),
    "decide on an activation": (decide_on("waiting"), {"approver"}),
    "decide on an extension": (decide_on("extension"), ADMINISTRATORS | {"owner_of_directory"}),
    # Entra lets administrators cancel what waits; here whoever manages the role may, beside who asked.
    "cancel what waits": (
        lambda world, who: cancel_request(world.waiting, actor=who, justification=WHY),
        ADMINISTRATORS | OWNERS | {"holder"},
    ),
    "add a scope": (
        lambda world, who: add_scope(world.directory.root_scope(), actor=who, name="production", path="/p/"),
        ADMINISTRATORS | {"owner_of_directory"},
    ),
    "manage a group": (manage_the_group, ADMINISTRATORS | {"group_owner"}),
    "invite somebody": (
        lambda world, who: invite_person(
            "new@example.test", display_name="New", manager=None, department="", groups=[], actor=who
        ),
        ADMINISTRATORS,
    ),
    "add a service principal": (
        lambda world, who: add_service(
            "builder@services.example.test", display_name="Builder", manager=world.cast.approver,
            description="Builds", actor=who,
        ),
        ADMINISTRATORS,
    ),
    "disable somebody": (
        lambda world, who: disable_person(world.cast.auditor, actor=who, justification=WHY),
        ADMINISTRATORS,
    ),
    "help somebody in": (
        lambda world, who: help_person(world.cast.auditor, actor=who, justification=WHY),
        ADMINISTRATORS,
    ),
    "name a break-glass account": (
        lambda world, who: name_break_glass(world.cast.administrator, actor=who, justification=WHY),
        {"global_administrator"},
    ),
    "read the journal": (read_journal, DUTIES),
    "take up an alert": (take_up_alert, ADMINISTRATORS | {"security_administrator"}),
}  # fmt: skip


def may(world: World, act: Callable[[World, Actor], Any], person: User) -> bool:
    """Whether the act is let through as far as the question who may; what else is missing is another question."""
    try:
        with transaction.atomic():
            try:
                act(world, acting(person))
            except NotAllowed:
                return False
            except (StepUpRequired, Refused, Overtaken):
                return True
            else:
                return True
            finally:
                transaction.set_rollback(True)
    finally:
        world.role = Role.objects.select_related("directory").get(pk=world.role.pk)
        for name in ("eligibility", "waiting", "extension"):
            thing = getattr(world, name)
            setattr(world, name, type(thing).objects.get(pk=thing.pk))


def test_section_10_who_may_do_what(world: World) -> None:
    assert set(world.people) == EVERYBODY

    allowed = {
        what: {name for name in EVERYBODY if may(world, act, world.people[name])}
        for what, (act, _expected) in TABLE.items()
    }

    assert allowed == {what: expected for what, (_act, expected) in TABLE.items()}
