"""What role settings ask of an activation: one pure function, used to show, to enforce, and to say what will happen.

Nothing here reads the database or the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from roles.models.settings import EffectiveSettings

LONGEST_JUSTIFICATION = 2000
LONGEST_TICKET = 60
FURTHEST_START = timedelta(days=365)
CLOCK_TOLERANCE = timedelta(minutes=1)


@dataclass(frozen=True)
class Asked:
    """What a person asks for.

    Args:
        minutes: for how long.
        justification: why.
        starts_at: from when; None is at once.
        ticket: number in another system.
    """

    minutes: int
    justification: str = ""
    starts_at: datetime | None = None
    ticket: str = ""


@dataclass(frozen=True)
class Standing:
    """What is so at the moment of asking.

    Args:
        now: the moment.
        shortest: the portal's shortest duration in minutes.
        eligible_until: when the eligibility ends; None is never.
        factor_is_fresh: whether a second factor counts that is as fresh as the settings ask.
    """

    now: datetime
    shortest: int
    eligible_until: datetime | None = None
    factor_is_fresh: bool = False


@dataclass(frozen=True)
class Unmet:
    """One thing that is asked and not there: the form field it belongs to, a code for the journal, and a sentence."""

    field: str
    code: str
    message: str


SECOND_FACTOR = "second_factor"


def unmet_requirements(settings: EffectiveSettings, asked: Asked, standing: Standing) -> list[Unmet]:
    """Everything that ``settings`` ask and ``asked`` does not have; empty when it may be filed.

    Rules and limits follow Microsoft Entra PIM (activation tab); the second factor is the stricter one of this portal.
    """
    unmet: list[Unmet] = []

    def miss(field: str, code: str, message: str) -> None:
        unmet.append(Unmet(field, code, message))

    if asked.minutes < standing.shortest:
        miss(
            "minutes",
            "too_short",
            _("The shortest activation is %(t)s.") % {"t": in_words(standing.shortest)},
        )
    elif asked.minutes > settings.max_minutes:
        miss(
            "minutes",
            "too_long",
            _("This role may be activated for at most %(t)s.") % {"t": in_words(settings.max_minutes)},
        )
    if asked.starts_at is not None:
        if asked.starts_at < standing.now - CLOCK_TOLERANCE:
            miss(
                "starts_at",
                "start_in_the_past",
                _("The start lies in the past. Leave it empty to start at once."),
            )
        elif asked.starts_at > standing.now + FURTHEST_START:
            miss("starts_at", "start_too_far", _("The start may lie at most one year ahead."))
    start = max(asked.starts_at or standing.now, standing.now)
    if standing.eligible_until is not None and start >= standing.eligible_until:
        miss("starts_at", "after_eligibility", _("Your eligibility has ended by then."))
    if settings.justification_required and not asked.justification.strip():
        miss("justification", "justification_missing", _("Say why you need the role."))
    if len(asked.justification) > LONGEST_JUSTIFICATION:
        miss(
            "justification",
            "justification_too_long",
            _("A justification has at most %(n)s characters; this one has %(m)s.")
            % {"n": LONGEST_JUSTIFICATION, "m": len(asked.justification)},
        )
    if settings.ticket_required and not asked.ticket.strip():
        miss("ticket", "ticket_missing", _("Name the ticket this is for."))
    if len(asked.ticket) > LONGEST_TICKET:
        miss("ticket", "ticket_too_long", _("A ticket has at most %(n)s characters.") % {"n": LONGEST_TICKET})
    if settings.factor_minutes is not None and not standing.factor_is_fresh:
        miss("code", SECOND_FACTOR, _("Prove it is you with a second factor."))
    return unmet


def window(
    asked: Asked, *, decided_at: datetime, eligible_until: datetime | None
) -> tuple[datetime, datetime]:
    """When it starts and ends: from the decision or the asked start, whichever is later, cut to the eligibility's end.

    All in UTC, whatever zone a start came in: there, a change to or from summer time in between would stretch it.
    """
    start = max(decided_at, asked.starts_at or decided_at).astimezone(UTC)
    end = start + timedelta(minutes=asked.minutes)
    return start, min(end, eligible_until) if eligible_until else end


def in_words(minutes: int) -> str:
    """``270`` as "4 h 30 min"."""
    hours, rest = divmod(minutes, 60)
    return " ".join(
        part for part in (f"{hours} h" if hours else "", f"{rest} min" if rest or not hours else "") if part
    )


def settings_in_words(settings: EffectiveSettings) -> list[tuple[str, str]]:
    """What the settings ask, each with the name of its icon."""
    words = [("clock", _("At most %(t)s") % {"t": in_words(settings.max_minutes)})]
    if settings.factor_minutes == 0:
        words.append(("shield-check", _("Second factor, asked anew each time")))
    elif settings.factor_minutes is not None:
        words.append(
            (
                "shield-check",
                _("Second factor, not older than %(t)s") % {"t": in_words(settings.factor_minutes)},
            )
        )
    if settings.justification_required:
        words.append(("note", _("Justification")))
    if settings.ticket_required:
        words.append(("ticket", _("Ticket")))
    if settings.approval_required:
        hours = settings.approval_hours
        words.append(
            (
                "gavel",
                ngettext("One approval within %(n)s hour", "One approval within %(n)s hours", hours)
                % {"n": hours},
            )
        )
    return words


def effect_in_words(
    settings: EffectiveSettings,
    asked: Asked,
    standing: Standing,
    *,
    role: str,
    clock: Callable[[datetime], str],
) -> str:
    """The sentence above the button: what will happen when this is sent.

    Args:
        role: the role's name.
        clock: writes a moment as the person reads it, in their zone.
    """
    start, end = window(asked, decided_at=standing.now, eligible_until=standing.eligible_until)
    said = {"role": role, "start": clock(start), "end": clock(end), "time": in_words(asked.minutes)}
    if settings.approval_required and asked.starts_at:
        return (
            _("An approver decides. You become %(role)s at %(start)s and lose it by itself at %(end)s.")
            % said
        )
    if settings.approval_required:
        return (
            _("An approver decides. From then on you are %(role)s for %(time)s and lose it by itself.") % said
        )
    if asked.starts_at:
        return (
            _("You become %(role)s at %(start)s and lose it by itself at %(end)s. Nobody has to approve.")
            % said
        )
    return _("You become %(role)s at once and lose it by itself at %(end)s. Nobody has to approve.") % said
