"""Raising alerts and settling them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.duties import ALERT_KEEPERS, holders_of, require
from accounts.models import User
from accounts.notifications.notifying import notify
from audit.alerts.models import Alert
from audit.journal.actor import Actor
from audit.journal.lifecycle import begin_life, move_to
from audit.journal.plain import one_line
from audit.journal.recording import journaled, record
from audit.journal.refusing import Overtaken, Refused

QUIET_DAYS = (1, 7, 30, 90)  # for how long a dismissed finding may stay quiet

#: Whom to tell beside those who hold the duty right now. People who may activate it are known further up only
#: (``roles.permissions.people_with_duty``), which adds its question here when it starts.
also_told: list[Callable[[], Iterable[User]]] = []


def alert_keepers() -> list[User]:
    """Everybody to tell of an alert: who holds the duty, and who may activate it."""
    found = {person.pk: person for person in holders_of(*ALERT_KEEPERS)}
    for more in also_told:
        found |= {person.pk: person for person in more()}
    return list(found.values())


@journaled
def raise_alert(
    kind: str,
    *,
    key: str,
    severity: str,
    title: str,
    text: str = "",
    fix: str = "",
    url: str = "",
    directory: str = "",
    tell: Iterable[User] | None = None,
    actor: Actor,
) -> Alert:
    """Say that something is wrong. Saying it again while it is open only counts; who is to know is told once.

    A finding that somebody dismissed stays quiet until the time they named, or until its cause has gone meanwhile.
    A finding that got worse is told again.

    Args:
        kind: which check found it.
        key: what it is about; with ``kind`` it tells findings apart.
        severity: high, medium or low (``Alert.Severity``).
        text: what is so and why it matters; ``fix``: how to put it right; ``url``: path of the page to do so.
        tell: whom to tell; the keepers of alerts when left out.

    Returns:
        The alert that stands for the finding: a new one, the open one, or the dismissed one that keeps it quiet.
    """
    now = timezone.now()
    words = {
        "severity": str(severity),
        "title": one_line(str(title), most=200),
        "text": str(text),
        "fix": str(fix),
        "url": url,
    }
    same = Alert.objects.filter(kind=kind, key=key)
    alert = same.open().first()
    if alert is None:
        alert = same.quiet(now).first()
        if alert is not None:
            _see_again(alert)
            return alert
        alert = Alert(kind=kind, key=key, directory=directory, raised_at=now, last_seen_at=now, **words)
        begin_life(
            alert, actor=actor, action="alert.raised", kind=kind, key=key, severity=severity, text=str(text)
        )
        _tell(alert, tell, actor=actor)
        return alert
    worse = _rank(severity) > _rank(alert.severity)
    if not worse:
        del words["severity"]  # while it is open, an alert does not get harmless unseen
    for name, value in words.items():
        setattr(alert, name, value)
    _see_again(alert, also=tuple(words))
    if worse:
        record("alert.worsened", actor=actor, subject=alert, detail={"severity": severity, "text": str(text)})
        _tell(alert, tell, actor=actor)
    return alert


def resolve_alert(kind: str, *, key: str, actor: Actor) -> Alert | None:
    """Note that the cause of a finding is gone: its open alert is resolved, a dismissed one no longer keeps quiet.

    Returns:
        The alert that was resolved; None when none was open.
    """
    same = Alert.objects.filter(kind=kind, key=key)
    # Asked after every round that went well: without an alert nothing is locked.
    if not (same.open() | same.quiet()).exists():
        return None
    return _resolve_alert(kind, key=key, actor=actor)


@journaled
def _resolve_alert(kind: str, *, key: str, actor: Actor) -> Alert | None:
    same = Alert.objects.filter(kind=kind, key=key)
    for alert in same.quiet():
        alert.quiet_until = None
        _see_again(alert, also=("quiet_until",), seen=False)
    found = same.open().first()
    if found is not None:
        move_to(
            found,
            Alert.Status.RESOLVED,
            actor=actor,
            action="alert.resolved",
            settled_at=timezone.now(),
            settled_by=None,
        )
    return found


@journaled
def acknowledge(alert: Alert, *, actor: Actor, justification: str = "") -> None:
    """Take the alert up: others see who looks after it.

    Raises:
        NotAllowed: the actor has no duty to keep alerts.
        Overtaken: it is no longer open.
    """
    require(actor, *ALERT_KEEPERS)
    _move(alert, Alert.Status.ACKNOWLEDGED, actor=actor, justification=justification, taken_by=actor.person)


@journaled
def resolve(alert: Alert, *, actor: Actor, justification: str = "") -> None:
    """Say that what was wrong is right again. If it is not, the next check opens a new alert.

    Raises:
        NotAllowed: the actor has no duty to keep alerts.
        Overtaken: it is settled already.
    """
    require(actor, *ALERT_KEEPERS)
    now = timezone.now()
    _move(
        alert,
        Alert.Status.RESOLVED,
        actor=actor,
        justification=justification,
        settled_by=actor.person,
        settled_at=now,
    )


@journaled
def dismiss(alert: Alert, *, actor: Actor, justification: str, days: int = 7) -> None:
    """Say that nothing needs to be done, why, and for how long the same finding stays quiet.

    Args:
        days: one of ``QUIET_DAYS``.

    Raises:
        NotAllowed: the actor has no duty to keep alerts.
        Refused: without a justification, or for another number of days.
        Overtaken: it is settled already.
    """
    require(actor, *ALERT_KEEPERS)
    if not justification.strip():
        raise Refused(
            _("Say why nothing needs to be done."), field="justification", code="justification_missing"
        )
    if days not in QUIET_DAYS:
        raise Refused(_("Choose for how long it stays quiet."), field="days", code="days_unknown")
    now = timezone.now()
    _move(
        alert,
        Alert.Status.DISMISSED,
        actor=actor,
        justification=justification,
        settled_by=actor.person,
        settled_at=now,
        quiet_until=now + timedelta(days=days),
    )


def _move(alert: Alert, status: str, *, actor: Actor, justification: str, **changes: Any) -> None:
    """Move the alert from where the actor saw it; whatever happened since, somebody was faster."""
    present = Alert.objects.values_list("status", flat=True).get(pk=alert.pk)
    if present != alert.status or status not in Alert.NEXT.get(present, frozenset()):
        raise Overtaken(
            _("Somebody was faster: this alert is %(status)s already.") % {"status": _word(present)}
        )
    move_to(
        alert,
        status,
        actor=actor,
        action=f"alert.{status}",
        justification=justification,
        note=justification.strip() or alert.note,
        **changes,
    )


def _see_again(alert: Alert, *, also: tuple[str, ...] = (), seen: bool = True) -> None:
    """Count that the finding was seen again: no act, no history, only figures."""
    if seen:
        alert.times_seen, alert.last_seen_at = alert.times_seen + 1, timezone.now()
    alert.skip_history_when_saving = True  # type: ignore[attr-defined]
    alert.save(update_fields=["times_seen", "last_seen_at", *also])
    del alert.skip_history_when_saving  # type: ignore[attr-defined]


def _tell(alert: Alert, tell: Iterable[User] | None, *, actor: Actor) -> None:
    people = alert_keepers() if tell is None else tell
    notify(
        people,
        notice="audit/alert_raised",
        context={"alert": alert, "severity": alert.get_severity_display()},
        url=alert.url or reverse("alerts"),
        actor=actor,
    )


def _rank(severity: str) -> int:
    return [Alert.Severity.LOW, Alert.Severity.MEDIUM, Alert.Severity.HIGH].index(Alert.Severity(severity))


def _word(status: str) -> str:
    return str(Alert.Status(status).label).lower()
