"""How each status looks: a tone, an icon and a word, always all three."""

from __future__ import annotations

from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from approvals.models import AccessRequest
from audit.journal.models import AuditEvent, Outcome
from roles.models import Assignment

#: acts whose approval brings an assignment, which then tells how things stand
BRINGS = (AccessRequest.Act.ACTIVATE, AccessRequest.Act.ASSIGN)


class Look(NamedTuple):
    """What a badge shows.

    Args:
        tone: ``ok``, ``wait``, ``bad``, ``info`` or ``mute``; decides the colour.
        icon: name of an icon in the sprite.
        word: what the person reads, translated when shown.
    """

    tone: str
    icon: str
    word: object


# Keyed by model and status: the same status may read differently on another thing.
LOOKS: dict[str, Look] = {
    "accessrequest.pending": Look("wait", "clock", _("Waits for approval")),
    "accessrequest.checking": Look("wait", "send", _("A web hook is asked")),
    "accessrequest.asked_back": Look("wait", "note", _("Asked back")),
    "accessrequest.approved": Look("ok", "check", _("Approved")),
    "accessrequest.denied": Look("bad", "x", _("Denied")),
    "accessrequest.canceled": Look("mute", "undo", _("Canceled")),
    "accessrequest.timed_out": Look("mute", "hourglass", _("Nobody decided in time")),
    "accessrequest.failed": Look("bad", "alert", _("No longer possible")),
    "assignment.scheduled": Look("info", "calendar", _("Starts later")),
    "assignment.provisioning": Look("wait", "hourglass", _("Being put in force")),
    "assignment.active": Look("ok", "check", _("Active")),
    "assignment.ending": Look("wait", "hourglass", _("Not yet revoked")),
    "assignment.ended": Look("mute", "stop", _("Ended")),
    "assignment.failed": Look("bad", "alert", _("Not put in force")),
    "emergencyuse.open": Look("bad", "alert", _("Not reviewed")),
    "emergencyuse.reviewed": Look("ok", "check", _("Reviewed")),
    "eligibility.scheduled": Look("info", "calendar", _("Starts later")),
    "eligibility.in_force": Look("ok", "check", _("Eligible")),
    "eligibility.expired": Look("mute", "stop", _("Expired")),
    "eligibility.removed": Look("mute", "x", _("Removed")),
    "alert.open": Look("bad", "alert", _("Open")),
    "alert.acknowledged": Look("wait", "eye", _("Acknowledged")),
    "alert.resolved": Look("ok", "check", _("Resolved")),
    "alert.dismissed": Look("mute", "x", _("Dismissed")),
    "invitation.open": Look("wait", "mail", _("Invited")),
    "invitation.accepted": Look("ok", "check", _("Accepted")),
    "invitation.expired": Look("mute", "hourglass", _("Invitation lapsed")),
    "person.active": Look("ok", "check", _("Active")),
    "person.disabled": Look("mute", "stop", _("Disabled")),
    "person.break_glass": Look("wait", "alert", _("Break-glass account")),
    "settingschange.proposed": Look("wait", "users", _("Waits for a second administrator")),
    "settingschange.applied": Look("ok", "check", _("Applied")),
    "settingschange.refused": Look("bad", "x", _("Refused")),
    "settingschange.withdrawn": Look("mute", "undo", _("Withdrawn")),
    "drift.open": Look("wait", "alert", _("Open")),
    "drift.accepted": Look("mute", "eye", _("Left as it is")),
    "drift.correcting": Look("wait", "hourglass", _("Being put right")),
    "drift.resolved": Look("ok", "check", _("Settled")),
    "handtask.open": Look("wait", "clock", _("To be done")),
    "handtask.done": Look("ok", "check", _("Done")),
    "handtask.refused": Look("bad", "alert", _("Could not be done")),
    "handtask.withdrawn": Look("mute", "undo", _("Not wanted any more")),
    "outcome.done": Look("ok", "check", _("Done")),
    "outcome.refused": Look("wait", "x", _("Refused")),
    "outcome.failed": Look("bad", "alert", _("Failed")),
    "accessreview.scheduled": Look("info", "calendar", _("Starts later")),
    "accessreview.open": Look("wait", "clock", _("Open")),
    "accessreview.closed": Look("info", "stop", _("Over")),
    "accessreview.stopped": Look("mute", "stop", _("Stopped")),
    "accessreview.applied": Look("ok", "check", _("Carried out")),
    "accessreview.canceled": Look("mute", "undo", _("Canceled")),
    "verdict.approve": Look("ok", "check", _("Keep")),
    "verdict.deny": Look("bad", "x", _("Remove")),
    "verdict.unknown": Look("mute", "minus", _("Don’t know")),
    "verdict.": Look("wait", "clock", _("Not answered")),
    "done.new": Look("wait", "clock", _("Not carried out yet")),
    "done.kept": Look("mute", "minus", _("Kept")),
    "done.ending": Look("wait", "hourglass", _("Being removed")),
    "done.applied": Look("ok", "check", _("Removed")),
    "done.gone": Look("mute", "check", _("Was gone already")),
    "done.failed": Look("bad", "alert", _("Could not be removed")),
    "severity.high": Look("bad", "alert", _("High")),
    "severity.medium": Look("wait", "alert", _("Medium")),
    "severity.low": Look("info", "info", _("Low")),
}


def look_of(thing: object) -> Look:
    """The look of a thing with a status, or of a key such as ``"assignment.active"``.

    Times decide here too: a request past its deadline and an assignment past its end look so, whether or not a sweep
    has run. A status that the table does not know shows its own word, in grey.
    """
    if isinstance(thing, str):
        return LOOKS.get(thing) or Look(
            "mute", "info", thing.rpartition(".")[2].replace("_", " ").capitalize()
        )
    key = key_of(thing)
    word = getattr(thing, "get_status_display", lambda: key.rpartition(".")[2])
    return LOOKS.get(key) or Look("mute", "info", word())


def key_of(thing: object) -> str:
    """Model and status of a thing as they are at this moment."""
    now = timezone.now()
    if isinstance(thing, AccessRequest):
        if thing.status == AccessRequest.Status.APPROVED and thing.assignment and thing.act in BRINGS:
            return key_of(thing.assignment)
        if thing.status in AccessRequest.WAITING and not thing.is_open:
            return "accessrequest.timed_out"
        if thing.status in AccessRequest.WAITING and thing.is_checking:
            return "accessrequest.checking"
    if isinstance(thing, Assignment) and thing.status in Assignment.LIVE:
        # Not in force although the directory still has it: past its end, or what it rests on is gone.
        over = thing.ends_at is not None and thing.ends_at <= now
        gone = thing.status == Assignment.Status.ACTIVE and not getattr(thing, "counts", True)
        if over or gone:
            return "assignment.ending"
    return f"{type(thing).__name__.lower()}.{getattr(thing, 'status', '')}"


# Journal actions by the words they end in, or begin with; the first that fits counts.
ACTIONS: tuple[tuple[str, str, str], ...] = (
    ("emergency.", "bad", "alert"),
    ("review.applied", "ok", "check"),
    ("review.stopped", "wait", "stop"),
    ("review.canceled", "mute", "undo"),
    ("review", "info", "list-check"),
    ("settings_change.", "wait", "sliders"),
    ("settings_template.", "wait", "sliders"),
    (".requested", "info", "send"),
    (".approved", "ok", "check"),
    (".denied", "bad", "x"),
    (".canceled", "mute", "undo"),
    (".provisioned", "ok", "check"),
    (".deprovisioned", "ok", "lock"),
    (".ended", "mute", "stop"),
    (".timed_out", "wait", "hourglass"),
    (".failed", "bad", "alert"),
    (".disabled", "bad", "stop"),
    ("factor.", "ok", "shield-check"),
    ("step_up.", "ok", "shield-check"),
    ("sign_in.", "mute", "user"),
    ("sign_out.", "mute", "out"),
    ("journal.", "info", "download"),
    ("alert.", "wait", "alert"),
    ("role_settings.", "wait", "sliders"),
    ("approver.", "wait", "sliders"),
    ("drift.found", "wait", "alert"),
    ("drift.", "info", "directory"),
    ("directory.", "wait", "sliders"),
    ("user.", "mute", "user"),
    ("person.", "mute", "user"),
    ("group.", "mute", "users"),
    ("membership.", "mute", "users"),
)


def look_of_entry(entry: AuditEvent) -> Look:
    """The look of a journal entry: what was refused or failed first, then by its action."""
    if entry.outcome != Outcome.DONE:
        return LOOKS[f"outcome.{entry.outcome}"]
    for part, tone, icon in ACTIONS:
        if entry.action.endswith(part) if part.startswith(".") else entry.action.startswith(part):
            return Look(tone, icon, entry.action)
    return Look("mute", "note", entry.action)
