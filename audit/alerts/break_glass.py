"""The alarm of break-glass accounts: whatever one of them does, or somebody tries in their name, is told at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from audit.alerts.alerting import raise_alert
from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent
from audit.journal.recording import Entry

BREAK_GLASS_USED = "break_glass_used"
#: somebody tried to be them, and was not let in: not signed in, so the entry names them as whom it is about
TRIED = ("sign_in.refused", "factor.refused")


def sound_alarms(
    sender: Any, *, entries: Sequence[Entry], events: Sequence[AuditEvent], **_said: Any
) -> None:
    """Receiver of ``audit.journal.signals.recorded``: in the same transaction, so no act of theirs goes without.

    One alert for each session, and one for all that is refused while it is open: an attack must not bury the news.
    Nothing resolves them but a person.
    """
    for entry, event in zip(entries, events, strict=True):
        person = _who(entry)
        if person is not None:
            _raise(person, entry, event)


def _who(entry: Entry) -> User | None:
    actor = entry.actor.person
    if getattr(actor, "is_break_glass", False):
        return actor  # type: ignore[no-any-return]
    if entry.action in TRIED and getattr(entry.about, "is_break_glass", False):
        return entry.about  # type: ignore[no-any-return]
    return None


def _raise(person: User, entry: Entry, event: AuditEvent) -> None:
    tried = entry.action in TRIED
    said = {
        "name": person,
        "what": entry.action,
        "at": f"{event.at:%Y-%m-%d %H:%M:%S} UTC",
        "address": entry.actor.address or _("an unknown address"),
    }
    raise_alert(
        BREAK_GLASS_USED,
        key=f"person:{person.pk}:{'refused' if tried else entry.actor.session[:40]}",
        severity="high",
        title=(
            _("Somebody tries to use the break-glass account %(name)s")
            if tried
            else _("The break-glass account %(name)s is in use")
        )
        % said,
        text=_("Last: %(what)s at %(at)s from %(address)s.") % said,
        fix=_(
            "Ask its keeper, on a way you trust, whether this is them. If not, take the account's role away or disable it, "
            "and change its password and second factors."
        ),
        url=reverse("audit_event", args=[event.number]),
        actor=PORTAL,
    )
