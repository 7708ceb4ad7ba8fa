"""Letting a change of role settings count: the values, the lines of approvers, and what waits for one of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ALERT_KEEPERS
from approvals.models import AccessRequest, FrozenApprover, SettingsChange
from approvals.permissions import approvers_of
from approvals.settings.places import Document, Line, Place, place_of
from approvals.staging import can_be_decided, nobody_can_decide
from audit.alerts.alerting import raise_alert
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import move_to
from audit.journal.plain import storable
from audit.journal.recording import delete_as, save_as
from audit.journal.refusing import Overtaken
from roles.effective import layers_for
from roles.models import Approver, RoleSettings
from roles.permissions import people_with_duty

Status = SettingsChange.Status
#: what the approvers decide whom settings name
BY_RULE = (AccessRequest.Act.ACTIVATE, AccessRequest.Act.PROLONG)
ALWAYS = (FrozenApprover.ADMINISTRATORS, FrozenApprover.MANAGERS)  # lines of no list
WEAKENED = "role_settings_weakened"  # kind of alert


def close_change(
    change: SettingsChange, status: str, *, actor: Actor, action: str, decision: str = ""
) -> None:
    """Move a proposed change to what became of it.

    Raises:
        Overtaken: it does not wait any more.
    """
    if change.status != Status.PROPOSED:
        raise Overtaken
    decision = storable(decision.strip())
    move_to(change, status, actor=actor, action=action, justification=decision, decision=decision,
            decider=actor.person, closed_at=timezone.now())  # fmt: skip


def apply_change(change: SettingsChange, *, actor: Actor, decision: str = "") -> None:
    """Write down what the change says, and strike who no longer approves from requests that wait.

    For the verbs that change settings, inside their transaction.

    Raises:
        Overtaken: it does not wait any more.
    """
    close_change(change, Status.APPLIED, actor=actor, action="settings_change.applied", decision=decision)
    place, document = place_of(change), Document.from_json(change.after)
    row = place.row() or place.blank()
    document.write_on(row)
    save_as(row, actor=actor, reason=change.justification)
    _write_lines(row, document.approvers or (), actor=actor)
    if (
        place.role
        and document.least_holders is not None
        and place.role.least_holders != document.least_holders
    ):
        place.role.least_holders = document.least_holders
        save_as(place.role, actor=actor, reason=change.justification)
    _strike(place, actor=actor)
    if change.weakens:
        raise_alert(
            WEAKENED,
            key=f"settings:{change.pk}",
            severity="medium",
            title=_("The settings of %(place)s ask for less than before") % {"place": place},
            text=" ".join(change.weakens),
            url=f"/role-settings/changes/{change.pk}/",
            tell=people_with_duty(*ALERT_KEEPERS),
            actor=PORTAL,
        )


def _write_lines(row: RoleSettings, lines: Sequence[Line], *, actor: Actor) -> None:
    """Lines that stay keep their row: a request in flight knows its approvers by it."""
    wanted = set(lines)
    for standing in row.approvers.all():
        line = Line.of(standing)
        if line in wanted:
            wanted.discard(line)
        else:
            delete_as(standing, actor=actor)
    for line in sorted(wanted):
        save_as(
            Approver(
                role_settings=row,
                kind=line.kind,
                person_id=line.person or None,
                group_id=line.group or None,
                stage=line.stage,
                is_escalation=line.is_escalation,
            ),
            actor=actor,
        )


def _strike(place: Place, *, actor: Actor) -> None:
    """Whoever is no longer named by the list that counts is no approver of what waits, from this moment.

    Named is named for the same: at the same stage, at once or only after a while. Whoever stands elsewhere in the list
    by now was not asked for this request there. What nobody can decide then goes the way that settings say.
    """
    waiting = list(
        AccessRequest.objects.open()
        .filter(act__in=BY_RULE, role__in=place.roles())
        .select_related("role__directory", "scope", "holder", "requester", "eligibility")
    )
    layers = layers_for((one.role, one.scope) for one in waiting)
    for access_request in waiting:
        named = {Line.of(one) for one in layers[access_request.role_id, access_request.scope_id].approvers()}
        gone = [
            one.pk
            for one in access_request.approver_rule.exclude(kind__in=ALWAYS)
            if Line.of(one) not in named
        ]
        if not gone:
            continue
        FrozenApprover.objects.filter(pk__in=gone, struck_at=None).update(struck_at=timezone.now())
        able = list(approvers_of(access_request))
        if not can_be_decided(access_request, able):
            with suppress(Overtaken):  # they are asked already
                nobody_can_decide(access_request, actor=PORTAL)
