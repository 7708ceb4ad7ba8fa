"""Directories, roles and who has them, made with the portal's own verbs: the journal tells of all of it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.db import models
from guardian.shortcuts import assign_perm

from accounts.mfa.freshness import StepUpRequired
from accounts.models import FactorUse, Group, Notification, User
from approvals.deciding import decide
from approvals.models import AccessRequest, Decision
from approvals.requesting import request_activation
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL, Actor
from audit.journal.models import AuditEvent
from audit.journal.recording import delete_as, save_as
from roles.assigning import make_eligible
from roles.cataloguing import add_role, open_portal_directory
from roles.models import Approver, Assignment, Directory, Eligibility, Factor, Role, RoleSettings
from roles.models.stages import Stage, as_stored
from roles.requirements import Asked

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)  # a Monday
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)

Thing = TypeVar("Thing", bound=models.Model)

#: who may approve: a person, a group, or the word for a rule
Approving = User | Group | str


def make_portal_directory() -> Directory:
    """The portal's own directory, a role for each duty."""
    return open_portal_directory("PIM Portal", actor=PORTAL)


def make_role(
    directory: Directory,
    name: str = "Operator",
    *,
    approvers: Sequence[Approving] | None = None,
    **settings: Any,
) -> Role:
    """A role for whose activation nobody needs a second factor, unless ``settings`` say so.

    Args:
        approvers: people, groups, "manager" or "owners". Naming them, be it nobody, is to ask for approval.
        settings: columns of ``RoleSettings``.
    """
    settings = {"factor": Factor.NONE, "approval_required": approvers is not None} | settings
    settings = {"names_approvers": settings["approval_required"]} | settings
    entitlement = name.lower().replace(" ", "_")
    role = add_role(directory, actor=PORTAL, name=name, entitlement=entitlement, **settings)
    name_approvers(role, *(approvers or ()))
    return role


def proof(minutes: int | None) -> dict[str, Any]:
    """Role settings that ask for a second factor not older than that; 0 is every time, None never."""
    if minutes is None:
        return {"factor": Factor.NONE}
    return {"factor": Factor.RECENT, "factor_minutes": minutes} if minutes else {"factor": Factor.EVERY_TIME}


def change_settings(role: Role, **values: Any) -> RoleSettings:
    """Change what ``role`` says itself."""
    row = own_settings(role)
    for name, value in values.items():
        setattr(row, name, value)
    save_as(row, actor=PORTAL)
    return row


def own_settings(role: Role) -> RoleSettings:
    """What ``role`` says itself."""
    return RoleSettings.objects.get_or_create(role=role, level=RoleSettings.Level.ROLE)[0]


def name_approvers(role: Role, *approvers: Approving) -> None:
    """Add to those who may approve."""
    row = own_settings(role)
    if approvers:
        row.names_approvers = True
        save_as(row, actor=PORTAL)
    for approver in approvers:
        line = approver_line(row, approver)
        line.full_clean()
        save_as(line, actor=PORTAL)


def approver_line(row: RoleSettings, approver: Approving) -> Approver:
    """The line that names ``approver``, not saved."""
    if isinstance(approver, str):
        return Approver(role_settings=row, kind=approver)
    if isinstance(approver, Group):
        return Approver(role_settings=row, kind=Approver.Kind.GROUP, group=approver)
    return Approver(role_settings=row, kind=Approver.Kind.PERSON, person=approver)


def name_stages(role: Role, *stages: tuple[Stage, Sequence[Approving], Sequence[Approving]]) -> None:
    """Let approval of ``role`` have these stages: each with whom it asks, and whom only after its patience is over."""
    row = own_settings(role)
    row.names_approvers, row.approval_required = True, True
    row.stages = as_stored([stage for stage, _who, _later in stages])
    save_as(row, actor=PORTAL)
    strike_approvers(role)
    for number, (_stage, who, later) in enumerate(stages, 1):
        for approver, is_later in [*((one, False) for one in who), *((one, True) for one in later)]:
            line = approver_line(row, approver)
            line.stage, line.is_escalation = number, is_later
            save_as(line, actor=PORTAL)


def strike_approvers(role: Role) -> None:
    """Take everybody out of the role settings who may approve."""
    for line in Approver.objects.filter(role_settings__role=role):
        delete_as(line, actor=PORTAL)


def appoint(who: User | Group, part: str, thing: Role | Directory) -> None:
    """Let somebody own, review or read a role or a directory."""
    assign_perm(f"{part}_{'role' if isinstance(thing, Role) else 'directory'}", who, thing)


def make_eligibility(
    role: Role, principal: User | Group, *, starts_at: datetime | None = None, ends_at: datetime | None = None
) -> Eligibility:
    """An eligibility for the whole directory; at once and for good when no times are named."""
    return make_eligible(role, actor=PORTAL, principal=principal, starts_at=starts_at, ends_at=ends_at)


def acting(person: User, session: str = "a session") -> Actor:
    """The person, signed in."""
    return Actor.of(person, session=session)


def asked(minutes: int = 240, justification: str = "The nightly job is stuck", **more: Any) -> Asked:
    """What somebody asks for who leaves nothing out."""
    return Asked(minutes=minutes, justification=justification, **more)


def give_evidence(actor: Actor, *, act: str = "", at: datetime | None = None) -> FactorUse:
    """What is kept after a second factor was verified in the actor's session."""
    times = {} if at is None else {"at": at}
    return FactorUse.objects.create(
        person=actor.person,
        method="totp",
        device="totp/1",
        device_name="Phone",
        session=actor.session,
        act=act,
        **times,
    )


def ask(eligibility: Eligibility, person: User, **what: Any) -> AccessRequest:
    """Ask to activate, and prove oneself when asked to."""
    actor, wanted = acting(person), asked(**what)
    try:
        return request_activation(eligibility, actor=actor, asked=wanted)
    except StepUpRequired as question:
        give_evidence(actor, act=question.act)
        return request_activation(eligibility, actor=actor, asked=wanted)


def approve(access_request: AccessRequest, approver: User) -> Assignment:
    """Approve, and give the assignment that came of it."""
    decide(access_request, actor=acting(approver), verdict=Decision.Verdict.APPROVE)
    assignment = now(access_request).assignment
    assert assignment is not None
    return assignment


def activate(eligibility: Eligibility, person: User, **what: Any) -> Assignment:
    """Activate a role that needs no approval."""
    assignment = ask(eligibility, person, **what).assignment
    assert assignment is not None
    return assignment


def now(thing: Thing) -> Thing:
    """The row as it stands in the database."""
    return type(thing)._base_manager.get(pk=thing.pk)


def save_again(thing: models.Model) -> None:
    """Try to put a second row into the database that says the same."""
    copy = now(thing)
    copy.pk = None
    copy.save(force_insert=True)


def acts_on(thing: models.Model) -> list[str]:
    """What the journal says was done to ``thing``, refusals left out, in order."""
    return list(entries_on(thing).exclude(outcome="refused").values_list("action", flat=True))


def refusals_on(thing: models.Model) -> list[str]:
    """The codes with which acts on ``thing`` were refused, in order."""
    return [entry.detail["code"] for entry in entries_on(thing).filter(action="portal.refused")]


def entries_on(thing: models.Model) -> models.QuerySet[AuditEvent]:
    """The journal's entries about ``thing``, the first at the top."""
    mine = AuditEvent.objects.filter(subject_kind=thing._meta.label_lower, subject_key=str(thing.pk))
    return mine.order_by("number")


def notices_of(person: User) -> list[str]:
    """The notices a person was sent, in order."""
    return list(Notification.objects.filter(person=person).order_by("pk").values_list("notice", flat=True))


def open_alerts() -> list[str]:
    """The kinds of alerts that are open."""
    return sorted(Alert.objects.open().values_list("kind", flat=True))


def some_key() -> str:
    """What a form carries so that sending it twice is asking once."""
    return secrets.token_hex(16)
