"""Filling an empty portal with the demo: through the same verbs that a page uses, so that the journal tells it all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.adding_services import add_service
from accounts.breaking_glass import name_break_glass
from accounts.duties import Duty
from accounts.mfa.models import Authenticator
from accounts.models import Group, Membership, User
from approvals.models import SettingsChange
from approvals.requesting import request_activation
from approvals.settings.examining import examine
from approvals.settings.places import Document, Place
from approvals.settings.templating import applied_to, make_starters
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import begin_life
from audit.journal.recording import record, save_as
from pim_portal.demo.billing import SERVICE, make_billing_database
from pim_portal.demo.keys import make_key_cabinet
from pim_portal.demo.people import GROUPS, PASSWORD, PEOPLE, ZONE
from pim_portal.demo.reviewing import begin_review
from roles.assigning import make_eligible
from roles.cataloguing import add_role, manage_group, open_directory, open_portal_directory
from roles.models import Approver, Directory, Factor, Risk, Role, RoleSettings
from roles.models.separation import SeparationRule
from roles.provisioning import begin_assignment
from roles.requirements import Asked
from roles.separating import save_rule

DEMO = PORTAL.known_as("the demo")
YEAR = timedelta(days=365)


def make_demo(*, postgresql_url: str = "") -> None:
    """Make the organisation, all of it or nothing.

    Args:
        postgresql_url: superuser's address of the server that becomes the second directory; empty for none.
    """
    with transaction.atomic():
        record("demo.made", actor=DEMO)
        people = make_people()
        groups = make_groups(people)
        portal = open_portal_directory("PIM Portal", actor=DEMO)
        give_duties(portal, people)
        name_break_glass(people["val"], justification="For the day when nothing else works", actor=DEMO)
        manage_engineers(people, groups)
        make_starters(actor=DEMO)
        make_key_cabinet(people, actor=DEMO)
        if postgresql_url:
            make_billing(people, groups, postgresql_url)


def make_people() -> dict[str, User]:
    """Everyone, each with the demo's password and an authenticator app already enrolled."""
    template = User()
    template.set_password(PASSWORD)  # hashed once: forty hashes would cost the start ten seconds
    people: dict[str, User] = {}
    for someone in PEOPLE:
        person = User(
            email=someone.email,
            display_name=someone.name,
            department=someone.department,
            job_title=someone.title,
            time_zone=ZONE,
            person_key=f"E-{len(people) + 1:04d}",
            password=template.password,
            is_superuser=someone.login == "sam",  # means nothing here, and the demo shows it
        )
        save_as(person, actor=DEMO)
        Authenticator.objects.create(user=person, name="Authenticator app", confirmed=True)
        people[someone.login] = person
    for someone in PEOPLE:
        if someone.manager:
            person = people[someone.login]
            person.manager = people[someone.manager]
            save_as(person, actor=DEMO)
    return people


def make_groups(people: dict[str, User]) -> dict[str, Group]:
    """The groups and who is in them."""
    groups = {}
    for name, (description, members) in GROUPS.items():
        group = groups[name] = Group(name=name, description=description)
        save_as(group, actor=DEMO)
        for login in members:
            save_as(Membership(group=group, person=people[login]), actor=DEMO)
    return groups


def give_duties(portal: Directory, people: dict[str, User]) -> None:
    """One standing administrator, one break-glass account, one standing auditor; the others are eligible."""
    roles = {role.entitlement: role for role in portal.roles.select_related("directory")}
    settings = own_settings(roles[Duty.GLOBAL_ADMINISTRATOR])
    settings.approval_required = True
    save_as(settings, actor=DEMO)
    name_approvers(
        roles[Duty.GLOBAL_ADMINISTRATOR], *({"person": people[login]} for login in ("val", "ines"))
    )
    for login, duty in (
        ("val", Duty.GLOBAL_ADMINISTRATOR),
        ("dana", Duty.PRIVILEGED_ROLE_ADMINISTRATOR),
        ("toni", Duty.SECURITY_READER),
    ):
        begin_assignment(
            roles[duty],
            actor=DEMO,
            person=people[login],
            scope=portal.root_scope(),
            starts_at=timezone.now(),
            ends_at=None,
            justification="Standing, so that the demo has somebody to sign in as",
        )
    for login, duty in (
        ("dana", Duty.GLOBAL_ADMINISTRATOR),
        ("ines", Duty.PRIVILEGED_ROLE_ADMINISTRATOR),
        ("ines", Duty.SECURITY_ADMINISTRATOR),
        ("toni", Duty.GLOBAL_READER),
        ("tatum", Duty.SECURITY_READER),
        ("robin", Duty.SECURITY_READER),
    ):
        make_eligible(roles[duty], actor=DEMO, principal=people[login], ends_at=timezone.now() + YEAR)


def manage_engineers(people: dict[str, User], groups: dict[str, Group]) -> None:
    """One group to be activated into: whoever is in it has what it may activate, for themselves."""
    member, _owner = manage_group(groups["Data engineers"], actor=DEMO)
    make_eligible(member, actor=DEMO, principal=people["robin"], ends_at=timezone.now() + YEAR)


def make_billing(people: dict[str, User], groups: dict[str, Group], postgresql_url: str) -> None:
    """The billing database as a directory, with three roles of different weight."""
    connection, secret = make_billing_database(postgresql_url)
    directory = open_directory(
        "PostgreSQL · billing",
        actor=DEMO,
        kind="postgresql",
        description="Invoices and payments.",
        connection=connection,
        secret=secret,
    )
    administrator = add_role(
        directory,
        actor=DEMO,
        name="Database administrator",
        entitlement="billing_administrator",
        description="Reads, changes and deletes every invoice.",
        risk=Risk.HIGH,
        max_minutes=8 * 60,
        approval_required=True,
        emergency_allowed=True,
    )
    operator = add_role(
        directory,
        actor=DEMO,
        name="Billing operator",
        entitlement="billing_operator",
        description="Reads every invoice and marks it as paid.",
        risk=Risk.MEDIUM,
        max_minutes=4 * 60,
        ticket_required=True,
        factor=Factor.RECENT,
    )
    reader = add_role(
        directory,
        actor=DEMO,
        name="Billing reader",
        entitlement="billing_reader",
        description="Reads every invoice.",
        risk=Risk.LOW,
        max_minutes=12 * 60,
        factor=Factor.NONE,
        approval_required=True,
    )
    owners = {"kind": Approver.Kind.GROUP, "group": groups["Database owners"]}
    name_approvers(administrator, owners)
    name_approvers(reader, {"kind": Approver.Kind.MANAGER}, owners)
    make_eligible(administrator, actor=DEMO, principal=people["robin"], ends_at=timezone.now() + YEAR)
    make_eligible(administrator, actor=DEMO, principal=people["jo"], ends_at=timezone.now() + YEAR)
    make_eligible(administrator, actor=DEMO, principal=groups["Data engineers"])
    make_eligible(operator, actor=DEMO, principal=groups["Payments team"])
    for login in ("robin", "hayden", "indigo"):
        make_eligible(reader, actor=DEMO, principal=people[login])
    service = add_service(
        f"{SERVICE}@example.test",
        display_name="Invoice export",
        manager=people["alex"],
        description="Writes the invoices of each night to the archive",
        actor=DEMO,
    )
    begin_assignment(
        reader,
        actor=DEMO,
        person=service,
        scope=directory.root_scope(),
        starts_at=timezone.now(),
        ends_at=timezone.now() + YEAR / 2,
        justification="The archive is filled from it every night",
    )
    propose_longer(administrator, people["dana"])
    save_rule(
        SeparationRule(
            name="Paying and deleting",
            reason="Whoever marks invoices as paid could delete them afterwards.",
        ),
        actor=DEMO,
        roles=[operator, administrator],
    )
    alex = make_eligible(reader, actor=DEMO, principal=people["alex"])
    _ask(reader, alex.pk, people["alex"], 120, "Find the invoices that were paid twice in October.")
    begin_review(
        directory,
        owner=people["dana"],
        reviewers=groups["Database owners"],
        in_turn=people["ines"],
        actor=DEMO,
    )


def propose_longer(role: Role, person: User) -> None:
    """A change that takes a safeguard away, and waits for a second administrator."""
    [wanted] = applied_to({"max_minutes": 12 * 60}, [role])
    before = Document.of(Place(role=role), own_settings(role))
    change = SettingsChange(
        **wanted.place.columns,
        before=before.as_json(),
        after=wanted.document.as_json(),
        weakens=examine(wanted.place, before, wanted.document).weakens,
        justification="The yearly closing takes more than a working day",
        proposer=person,
    )
    begin_life(
        change,
        actor=Actor.of(person),
        action="settings_change.proposed",
        justification=change.justification,
    )


def own_settings(role: Role) -> RoleSettings:
    """What ``role`` says itself."""
    return RoleSettings.objects.get(role=role, level=RoleSettings.Level.ROLE)


def name_approvers(role: Role, *lines: dict[str, Any]) -> None:
    """Let ``role`` itself say who approves."""
    settings = own_settings(role)
    settings.names_approvers = True
    save_as(settings, actor=DEMO)
    for line in lines:
        save_as(Approver(role_settings=settings, **line), actor=DEMO)


def _ask(role: Role, eligibility: int, person: User, minutes: int, justification: str) -> None:
    request_activation(
        role.eligibilities.get(pk=eligibility),
        actor=Actor.of(person),
        asked=Asked(minutes=minutes, justification=justification),
    )
