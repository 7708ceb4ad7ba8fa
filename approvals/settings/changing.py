"""Changing role settings: what weakens a privileged role waits for a second administrator, the rest counts at once.

A change counts for later requests; one in flight keeps the settings it was made under, except that whoever stops to be
an approver stops at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.duties import ROLE_ADMINISTRATORS, require
from accounts.mfa.freshness import act_digest, prove_act
from accounts.models import User
from accounts.notifications.notifying import notify
from approvals.models import SettingsChange
from approvals.settings.applying import apply_change, close_change
from approvals.settings.examining import Finding, examine
from approvals.settings.naming import fault_in_names
from approvals.settings.places import Document, Place, place_of
from approvals.settings.rule_faults import faults_in
from audit.journal.actor import Actor
from audit.journal.lifecycle import begin_life
from audit.journal.plain import storable
from audit.journal.recording import journaled
from audit.journal.refusing import NotAllowed, Overtaken, Refused, refusing_what_is_invalid
from roles.permissions import OWN, directories_of, people_with_duty, roles_of

Status = SettingsChange.Status


class LockedOut(Refused):
    """These settings would leave somebody with nobody to decide for them."""

    code = "locked_out"


@dataclass(frozen=True)
class Wanted:
    """One change that is asked for.

    Args:
        place: where.
        document: what it shall say there.
        seen: the version the person was shown (``version_of``); None when they saw none.
    """

    place: Place
    document: Document
    seen: str | None = None


def version_of(place: Place) -> str:
    """What identifies the state of a place, to notice that somebody changed it since."""
    row = place.row()
    protected = place.role.least_holders if place.role else 0
    return f"{row.changed_at.isoformat() if row else ''} {protected}"


def may_change(person: User, place: Place) -> bool:
    """Whether ``person`` may change role settings there: by duty everywhere, else what they own."""
    try:
        _check_may_change(place, Actor.of(person))
    except NotAllowed:
        return False
    return True


@journaled
def change_settings(wanted: Sequence[Wanted], *, actor: Actor, justification: str) -> list[SettingsChange]:
    """Change what role settings say in one or many places, all or none.

    Returns:
        The changes made. Those that weaken a privileged role are only proposed, and wait for a second administrator.

    Raises:
        NotAllowed: no duty for one of the places.
        Overtaken: somebody changed one of them since it was shown.
        LockedOut: somebody would be left with nobody to decide.
        Refused: nothing changes, a value is out of range, a change of the same place waits already, or no second
            administrator exists.
        StepUpRequired: the person did not just prove themselves for this.
    """
    justification = storable(justification.strip())
    found = []
    for one in wanted:
        _check_may_change(one.place, actor)
        if one.seen is not None and one.seen != version_of(one.place):
            raise Overtaken(_("Somebody has changed the settings of %(place)s since.") % {"place": one.place})
        before = Document.of(one.place, one.place.row())
        if before == one.document:
            continue
        _check_values(one.place, before, one.document)
        found.append((one, before, examine(one.place, before, one.document)))
    if not found:
        raise Refused(_("Nothing would change."), code="nothing_changes")
    for _one, _before, finding in found:
        if finding.locked_out:
            raise LockedOut(finding.locked_out[0], field="approvers")
        if finding.weakens and not justification:
            raise Refused(_("Say why: this takes a safeguard away."), field="justification")
    _check_factor([one for one, _before, _finding in found], justification, actor)
    batch = secrets.token_hex(16) if len(found) > 1 else ""
    return [
        _file(one, before, finding, actor=actor, justification=justification, batch=batch)
        for one, before, finding in found
    ]


def _file(
    one: Wanted, before: Document, finding: Finding, *, actor: Actor, justification: str, batch: str
) -> SettingsChange:
    change = SettingsChange(
        **one.place.columns,
        before=before.as_json(),
        after=one.document.as_json(),
        weakens=finding.weakens,
        batch=batch,
        justification=justification,
        proposer=actor.person,
    )
    waits = bool(finding.weakens) and settings.FOUR_EYES and actor.person is not None
    if SettingsChange.objects.filter(status=Status.PROPOSED, **one.place.columns).exists():
        raise Refused(
            _("A change of the settings of %(place)s waits already for a second administrator.")
            % {"place": one.place},
            code="change_waits",
        )
    begin_life(change, actor=actor, action="settings_change.proposed", justification=justification)
    if not waits:
        apply_change(change, actor=actor)
        return change
    others = [person for person in people_with_duty(*ROLE_ADMINISTRATORS) if not _is_own(change, person)]
    if not others:
        raise Refused(
            _(
                "This takes a safeguard away from a privileged role and needs a second administrator, and there is "
                "none. Appoint one, or switch four eyes off in the portal's configuration."
            ),
            code="no_second_administrator",
        )
    notify(
        others,
        notice="approvals/settings_change_proposed",
        context={"change": change},
        url=f"/role-settings/changes/{change.pk}/",
        actor=actor,
    )
    return change


@journaled
def confirm_change(change: SettingsChange, *, actor: Actor, decision: str = "") -> None:
    """Let a proposed change count, as the second administrator.

    Raises:
        NotAllowed: no duty, or one's own.
        Overtaken: it does not wait any more, or the settings were changed since it was proposed.
        LockedOut: somebody would be left with nobody to decide, as things stand now.
        Refused: it names a web hook or an automatic rule that is gone meanwhile.
        StepUpRequired: the person did not just prove themselves for this.
    """
    change = _check_may_decide(change, actor)
    place, wanted = place_of(change), Document.from_json(change.after)
    if Document.of(place, place.row()) != Document.from_json(change.before):
        raise Overtaken(
            _("The settings were changed since this was proposed. Refuse it; it can be proposed anew.")
        )
    _check_names(Document.from_json(change.before), wanted)
    if locked := examine(place, Document.from_json(change.before), wanted).locked_out:
        raise LockedOut(locked[0])
    act = act_digest(verb="confirm_change", change=change.pk)
    if actor.person is not None:
        what_for = _("Confirming the settings of %(place)s") % {"place": place}
        prove_act(actor, act=act, what_for=what_for)
    apply_change(change, actor=actor, decision=decision)
    _tell_proposer(change, actor=actor)


@journaled
def refuse_change(change: SettingsChange, *, actor: Actor, decision: str) -> None:
    """Say no to a proposed change, as the second administrator.

    Raises:
        NotAllowed: no duty, or one's own.
        Overtaken: it does not wait any more.
        Refused: no justification.
    """
    change = _check_may_decide(change, actor)
    if not decision.strip():
        raise Refused(_("Say why you refuse it."), field="decision")
    close_change(change, Status.REFUSED, actor=actor, action="settings_change.refused", decision=decision)
    _tell_proposer(change, actor=actor)


@journaled
def withdraw_change(change: SettingsChange, *, actor: Actor) -> None:
    """Take back a proposed change of one's own.

    Raises:
        NotAllowed: somebody else's.
        Overtaken: it does not wait any more.
    """
    if actor.person is None or change.proposer_id != actor.person.pk:
        raise NotAllowed(_("Only who proposed it may withdraw it."))
    close_change(change, Status.WITHDRAWN, actor=actor, action="settings_change.withdrawn")


def changes_decidable_by(person: User) -> list[SettingsChange]:
    """The proposed changes that ``person`` may confirm or refuse."""
    shown = SettingsChange.objects.filter(status=Status.PROPOSED).select_related(
        "role__directory", "directory", "scope", "proposer"
    )
    return [one for one in shown if not _is_own(one, person) and may_change(person, place_of(one))]


# What is checked ------------------------------------------------------------------------------------------------------


def _check_may_change(place: Place, actor: Actor) -> None:
    if actor.person is not None and not _owns(place, actor.person):
        require(actor, *ROLE_ADMINISTRATORS)


def _owns(place: Place, person: User) -> bool:
    if place.role:
        return roles_of(person, OWN).filter(pk=place.role.pk).exists()
    if place.directory:
        return directories_of(person, OWN).filter(pk=place.directory.pk).exists()
    return False


def _check_may_decide(change: SettingsChange, actor: Actor) -> SettingsChange:
    current = SettingsChange.objects.select_related("role__directory", "directory", "scope", "proposer").get(
        pk=change.pk
    )
    if current.status != Status.PROPOSED:
        raise Overtaken(
            _("This does not wait any more: %(status)s.") % {"status": current.get_status_display().lower()}
        )
    _check_may_change(place_of(current), actor)
    if actor.person is not None and _is_own(current, actor.person):
        raise NotAllowed(_("Four eyes are two people: nobody confirms their own change."), code="own_request")
    return current


def _is_own(change: SettingsChange, person: User) -> bool:
    return change.proposer is not None and change.proposer.is_same_human_as(person)


def _check_values(place: Place, before: Document, document: Document) -> None:
    if document.rule and document.rule != before.rule and (faults := faults_in(document.rule)):
        words = _("Stage %(stage)s: %(fault)s") if len(document.stages) > 1 else "%(fault)s"
        raise Refused(words % {"stage": faults[0].stage, "fault": faults[0].message}, field="approvers")
    _check_names(before, document)
    row = place.blank()
    document.write_on(row)
    with refusing_what_is_invalid():
        row.full_clean(validate_unique=False, validate_constraints=False)


def _check_names(before: Document, document: Document) -> None:
    if fault := fault_in_names(document.values, before.values):
        raise Refused(fault[1], field=fault[0])


def _check_factor(wanted: Sequence[Wanted], justification: str, actor: Actor) -> None:
    """Saving is proved for exactly these values: a proof given for one change is none for another."""
    if actor.person is None:
        return
    act = act_digest(
        verb="change_settings",
        person=actor.person.pk,
        wanted=[[str(one.place), one.document.as_json()] for one in wanted],
        justification=justification,
    )
    what_for = _("Changing the settings of %(place)s") % {
        "place": wanted[0].place if len(wanted) == 1 else _("%(n)s roles") % {"n": len(wanted)}
    }
    prove_act(actor, act=act, what_for=what_for)


def _tell_proposer(change: SettingsChange, *, actor: Actor) -> None:
    if change.proposer is not None:
        notify(
            [change.proposer],
            notice="approvals/settings_change_decided",
            context={"change": change},
            url=f"/role-settings/changes/{change.pk}/",
            actor=actor,
        )
