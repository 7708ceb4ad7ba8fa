"""What role settings ask of an activation: one pure function, used to show, to enforce, and to say what will happen.

Nothing here reads the database or the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.utils.dateformat import format as dated
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from roles.models.directory import Scope
from roles.models.values import EffectiveSettings, Factor
from roles.patterns import matches
from roles.within_a_day import Span, possible_from, room_from
from roles.wording import in_days, in_words

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
        ticket: number in another system; ticket_system: which one.
        scope: where, if not at all that one is eligible at.
    """

    minutes: int
    justification: str = ""
    starts_at: datetime | None = None
    ticket: str = ""
    ticket_system: str = ""
    scope: Scope | None = None


@dataclass(frozen=True)
class Standing:
    """What is so at the moment of asking.

    Args:
        now: the moment.
        shortest: the portal's shortest duration in minutes.
        eligible_until: when the eligibility ends; None is never.
        factor_is_fresh: whether a second factor counts that is as fresh as the settings ask.
        held: tells when the person has held, and will hold, the role by activating it; asked only where settings limit
            the time within 24 hours.
    """

    now: datetime
    shortest: int
    eligible_until: datetime | None = None
    factor_is_fresh: bool = False
    held: Callable[[], Sequence[Span]] = tuple


@dataclass(frozen=True)
class Unmet:
    """One thing that is asked and not there: the form field it belongs to, a code for the journal, and a sentence."""

    field: str
    code: str
    message: str


SECOND_FACTOR = "second_factor"
DAY_USED_UP = "day_used_up"
#: by whether it must be a passkey
FACTOR_ASKED = {
    False: gettext_lazy("Prove it is you with a second factor."),
    True: gettext_lazy("Prove it is you with a passkey."),
}
CAP_DAYS = (15, 30, 90, 180, 365)  # offered as the longest time; the choices of Microsoft Entra PIM


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
    if settings.day_minutes and not unmet:
        unmet += unmet_within_a_day(settings, asked.minutes, standing, start=start)
    unmet += unmet_words(
        settings,
        justification=asked.justification,
        ticket=asked.ticket,
        ticket_system=asked.ticket_system,
        justification_required=settings.justification_required,
        ticket_required=settings.ticket_required,
    )
    if settings.oldest_factor is not None and not standing.factor_is_fresh:
        miss("code", SECOND_FACTOR, str(FACTOR_ASKED[settings.factor == Factor.PASSKEY]))
    return unmet


def unmet_within_a_day(
    settings: EffectiveSettings, minutes: int, standing: Standing, *, start: datetime
) -> list[Unmet]:
    """What is wrong with holding it for ``minutes`` more from ``start`` on, where settings limit the time within 24 hours.

    Says how much is left then, and from when on what was asked is possible.
    """
    held, limit = standing.held(), settings.day_minutes
    left = room_from(held, start, limit=limit, at_most=minutes)
    until = standing.eligible_until
    if left >= minutes or (until is not None and start + timedelta(minutes=left) >= until):
        return []
    said = {"limit": in_words(limit), "left": in_words(left), "time": in_words(minutes)}
    words = [
        _("Of the %(limit)s within any 24 hours %(left)s are left then.") % said
        if left
        else _("The %(limit)s that this role may be held within any 24 hours are used up then.") % said
    ]
    if minutes <= limit:
        possible = localtime(possible_from(held, start, minutes=minutes, limit=limit))
        today = possible.date() == localtime(standing.now).date()
        said["when"] = dated(possible, "H:i" if today else "j M H:i")
        words.append(_("%(time)s are possible from %(when)s on.") % said)
    return [Unmet("minutes", DAY_USED_UP, " ".join(words))]


def unmet_words(
    settings: EffectiveSettings,
    *,
    justification: str,
    ticket: str,
    ticket_system: str = "",
    justification_required: bool,
    ticket_required: bool,
) -> list[Unmet]:
    """What is wrong with a justification and a ticket; the same for who activates and who assigns."""
    unmet: list[Unmet] = []
    said, number = justification.strip(), ticket.strip()

    def miss(field: str, code: str, message: str) -> None:
        unmet.append(Unmet(field, code, message))

    if justification_required and not said:
        miss("justification", "justification_missing", _("Say why you need the role."))
    elif said and len(said) < settings.justification_least:
        least = settings.justification_least
        miss(
            "justification",
            "justification_too_short",
            ngettext("Say it in at least %(n)s character.", "Say it in at least %(n)s characters.", least)
            % {"n": least},
        )
    elif said and settings.justification_pattern and not matches(settings.justification_pattern, said):
        miss(
            "justification",
            "justification_not_as_asked",
            _("A justification for this role has the form %(pattern)s.")
            % {"pattern": settings.justification_pattern},
        )
    if len(justification) > LONGEST_JUSTIFICATION:
        miss(
            "justification",
            "justification_too_long",
            _("A justification has at most %(n)s characters; this one has %(m)s.")
            % {"n": LONGEST_JUSTIFICATION, "m": len(justification)},
        )
    if ticket_required and not number:
        miss("ticket", "ticket_missing", _("Name the ticket this is for."))
    elif number and settings.ticket_pattern and not matches(settings.ticket_pattern, number):
        miss(
            "ticket",
            "ticket_not_as_asked",
            _("A ticket for this role has the form %(pattern)s.") % {"pattern": settings.ticket_pattern},
        )
    if number and settings.systems and ticket_system not in settings.systems:
        miss("ticket_system", "ticket_system_unknown", _("Say which system the ticket is in."))
    if len(ticket) > LONGEST_TICKET:
        miss("ticket", "ticket_too_long", _("A ticket has at most %(n)s characters.") % {"n": LONGEST_TICKET})
    return unmet


@dataclass(frozen=True)
class AskedAssignment:
    """What an administrator, or who extends or renews, asks to be written down.

    Args:
        kind: ``ELIGIBLE`` or ``ACTIVE``.
        starts_at, ends_at: from when to when; None is at once, and without an end.
    """

    kind: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    justification: str = ""
    ticket: str = ""
    ticket_system: str = ""


ELIGIBLE, ACTIVE = "eligible", "active"


def unmet_for_assignment(
    settings: EffectiveSettings,
    asked: AskedAssignment,
    *,
    now: datetime,
    shortest: int,
    factor_is_fresh: bool,
) -> list[Unmet]:
    """Everything that ``settings`` ask of an assignment and ``asked`` does not have; empty when it may be made.

    Rules follow Microsoft Entra PIM (assignment tab, and five minutes as the shortest assignment). A justification is
    always asked here, for both kinds.

    Args:
        shortest: the portal's shortest duration in minutes.
        factor_is_fresh: whether whoever assigns has just proved themselves.
    """
    unmet: list[Unmet] = []

    def miss(field: str, code: str, message: str) -> None:
        unmet.append(Unmet(field, code, message))

    eligible = asked.kind == ELIGIBLE
    start = max(asked.starts_at or now, now)
    days = settings.eligible_days if eligible else settings.active_days
    permanent = settings.eligible_permanent if eligible else settings.active_permanent
    if asked.starts_at is not None and asked.starts_at < now - CLOCK_TOLERANCE:
        miss(
            "starts_at",
            "start_in_the_past",
            _("The start lies in the past. Leave it empty to start at once."),
        )
    elif asked.starts_at is not None and asked.starts_at > now + FURTHEST_START:
        miss("starts_at", "start_too_far", _("The start may lie at most one year ahead."))
    if asked.ends_at is None:
        if not permanent:
            miss(
                "ends_at",
                "end_missing",
                _("This role is given for at most %(t)s. Say until when.") % {"t": in_days(days)},
            )
    elif asked.ends_at <= start:
        miss("ends_at", "end_before_start", _("The end comes before the start, or is over already."))
    elif asked.ends_at - start < timedelta(minutes=shortest):
        miss("ends_at", "too_short", _("The shortest assignment is %(t)s.") % {"t": in_words(shortest)})
    elif not permanent and asked.ends_at - start > timedelta(days=days) + CLOCK_TOLERANCE:
        miss("ends_at", "too_long", _("This role is given for at most %(t)s.") % {"t": in_days(days)})
    unmet += unmet_words(
        # The pattern is for those who activate; what an administrator writes has its own reasons.
        replace(settings, justification_least=0, justification_pattern=""),
        justification=asked.justification,
        ticket=asked.ticket,
        ticket_system=asked.ticket_system,
        justification_required=eligible or settings.active_justification,
        ticket_required=not eligible and settings.active_ticket,
    )
    if not eligible and settings.active_factor and not factor_is_fresh:
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
    if asked.starts_at:
        words = _("You become %(role)s at %(start)s and lose it by itself at %(end)s.")
    elif settings.approval_required or settings.hook:
        words = _("From then on you are %(role)s for %(time)s and lose it by itself.")
    else:
        words = _("You become %(role)s at once and lose it by itself at %(end)s.")
    first, last = who_decides(settings)
    return " ".join(filter(None, (first, words % said, last)))


def who_decides(settings: EffectiveSettings) -> tuple[str, str]:
    """Who decides before it takes effect, and, where nobody has to, that nobody has to."""
    ruled = bool(settings.automatic_rules)
    if not settings.approval_required:
        nobody = _("Nobody has to approve, but a rule may deny it.") if ruled else _("Nobody has to approve.")
        return (_("A web hook is asked first.") if settings.hook else ""), nobody
    if settings.hook and ruled:
        return _("A web hook is asked first, then a rule or an approver decides."), ""
    if settings.hook:
        return _("A web hook is asked first, then an approver decides."), ""
    return _("A rule or an approver decides.") if ruled else _("An approver decides."), ""
