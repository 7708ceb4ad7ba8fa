"""What role settings mean, in plain words: asked of the same pure functions that judge a request. Nothing here reads the
database or the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from roles.models import EffectiveSettings, Factor
from roles.models.values import DAY, IfNobody, IfSilent
from roles.requirements import (
    ACTIVE,
    ELIGIBLE,
    SECOND_FACTOR,
    Asked,
    AskedAssignment,
    Standing,
    unmet_for_assignment,
    unmet_requirements,
)
from roles.wording import in_days, in_words

SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)  # what is asked does not depend on the day
ADDRESSES = 3  # named in one sentence


@dataclass(frozen=True)
class Fact:
    """One line under the sentence.

    Args:
        tone: ``ok``, ``wait``, ``bad`` or ``info``; icon: of the sprite.
    """

    tone: str
    icon: str
    text: str


def asked_on_activation(role_settings: EffectiveSettings) -> list[str]:
    """What a person has to give, found by asking with nothing given."""
    nothing = Asked(minutes=role_settings.max_minutes)
    codes = {
        one.code for one in unmet_requirements(role_settings, nothing, Standing(now=SOME_DAY, shortest=1))
    }
    asked = []
    if SECOND_FACTOR in codes:
        asked.append(_factor_in_words(role_settings))
    if "justification_missing" in codes:
        least = role_settings.justification_least
        asked.append(
            ngettext(
                "a justification of %(n)s character", "a justification of %(n)s characters or more", least
            )
            % {"n": least}
            if least
            else _("a justification")
        )
    if "ticket_missing" in codes:
        asked.append(_("a ticket"))
    return asked


def _factor_in_words(role_settings: EffectiveSettings) -> str:
    if role_settings.factor == Factor.PASSKEY:
        return _("a passkey each time")
    if role_settings.oldest_factor:
        return _("a second factor not older than %(t)s") % {"t": in_words(role_settings.oldest_factor)}
    return _("a second factor each time")


def sentence(role_settings: EffectiveSettings, *, subject: str, deciders: str) -> SafeString:
    """Who gets what, for how long, and who must agree.

    Args:
        subject: the role, or which roles.
        deciders: who may approve, in words ("one of 4 approvers").
    """
    asked = asked_on_activation(role_settings)
    nobody = nobody_has_to(role_settings)
    said = {
        "role": format_html("<b>{}</b>", subject),
        "nobody": nobody,
        "asked": get_text_list([format_html("<b>{}</b>", one) for one in asked], _("and")),
        "who": format_html(waiting_for(role_settings), format_html("<b>{}</b>", deciders)),
        "time": format_html("<b>{}</b>", in_words(longest_in(role_settings))),
    }
    if asked and role_settings.approval_required:
        words = _(
            "To use %(role)s, a person gives %(asked)s, waits for %(who)s, and then holds it for at most %(time)s."
        )
    elif asked:
        words = _(
            "To use %(role)s, a person gives %(asked)s and then holds it for at most %(time)s. %(nobody)s"
        )
    elif role_settings.approval_required:
        words = _(
            "To use %(role)s, a person only asks, waits for %(who)s, and then holds it for at most %(time)s."
        )
    else:
        words = _("To use %(role)s, a person only asks, and then holds it for at most %(time)s. %(nobody)s")
    return mark_safe(escape(words) % said)  # noqa: S308  every part is escaped


def longest_in(role_settings: EffectiveSettings) -> int:
    """The longest activation in minutes, where a day may be the shorter limit."""
    return min(role_settings.max_minutes, role_settings.day_minutes or DAY)


def waiting_for(role_settings: EffectiveSettings) -> str:
    """Who is waited for, as words around ``{}``: those who may approve, unless something else decides first."""
    by_hook = bool(role_settings.hook) and role_settings.hook_may_approve
    if role_settings.automatic_rules and by_hook:
        return _("{} unless a web hook or a rule decides")
    if role_settings.automatic_rules:
        return _("{} unless a rule decides")
    return _("{} unless a web hook approves") if by_hook else "{}"


def nobody_has_to(role_settings: EffectiveSettings) -> str:
    """That no approval is asked for, and what may refuse it all the same."""
    if role_settings.hook and role_settings.automatic_rules:
        return _("Nobody has to approve, but a web hook or a rule may deny it.")
    if role_settings.hook:
        return _("Nobody has to approve, but a web hook may deny it.")
    if role_settings.automatic_rules:
        return _("Nobody has to approve, but a rule may deny it.")
    return _("Nobody has to approve.")


def facts(role_settings: EffectiveSettings) -> list[Fact]:
    """What else follows from the settings alone."""
    found = [_permanence(role_settings)]
    if 0 < role_settings.day_minutes < DAY:
        words = _("One person holds it for at most %(t)s within any 24 hours.")
        found.append(Fact("ok", "clock", words % {"t": in_words(role_settings.day_minutes)}))
    if role_settings.emergency_allowed:
        found.append(Fact("wait", "zap", _emergency(role_settings)))
    if role_settings.approval_required:
        found += _deciding(role_settings)
    if asked := asked_of_administrator(role_settings):
        words = _("Who makes somebody active gives %(what)s.") % {"what": get_text_list(asked, _("and"))}
        found.append(Fact("ok", "shield-check", words))
    cells = [getattr(role_settings, name) for name in vars(role_settings) if name.startswith("tell_")]
    also = sorted({address for cell in cells for address in cell.also})
    if also:
        shown = ", ".join(also[:ADDRESSES]) + ("…" if len(also) > ADDRESSES else "")
        found.append(Fact("info", "mail", _("Also told by mail: %(who)s.") % {"who": shown}))
    if not any(cell.usual or cell.also for cell in cells):
        found.append(Fact("wait", "bell", _("Nobody is told of anything.")))
    return found


#: one of ``IfNobody``, as a sentence
NOBODY = {
    IfNobody.ADMINISTRATORS: gettext_lazy("When nobody can decide, the role administrators do."),
    IfNobody.REFUSE: gettext_lazy("When nobody can decide, the request is refused."),
    IfNobody.WAIT: gettext_lazy("When nobody can decide, the request waits until its time is over."),
}


def decided_without_people(role_settings: EffectiveSettings, *, hook: str, rules: list[str]) -> list[Fact]:
    """What the web hook and the automatic rules do.

    Args:
        hook: its name; rules: theirs; empty where settings name none.
    """
    found = []
    if hook:
        said = [_("Before anybody is asked, the web hook %(hook)s is.") % {"hook": hook}]
        if role_settings.hook_may_approve and role_settings.approval_required:
            said.append(_("Its yes can stand in for approval."))
        said.append(str(SILENT[IfSilent(role_settings.hook_silent)]))
        loose = role_settings.hook_may_approve or role_settings.hook_silent == IfSilent.GO_ON
        found.append(Fact("wait" if loose else "info", "send", " ".join(said)))
    if rules:
        words = ngettext("Rule that may decide: %(rules)s.", "Rules that may decide: %(rules)s.", len(rules))
        found.append(Fact("info", "gavel", words % {"rules": ", ".join(rules)}))
    return found


def _emergency(role_settings: EffectiveSettings) -> str:
    if role_settings.approval_required:
        return _("May be activated past approval in an emergency: with a passkey, and reviewed afterwards.")
    return _("Emergency activation is allowed; while nobody has to approve, it passes over nobody.")


#: one of ``IfSilent``, as a sentence
SILENT = {
    IfSilent.REFUSE: gettext_lazy("When it does not answer, the request is refused."),
    IfSilent.GO_ON: gettext_lazy("When it does not answer, the request goes on as if it had said yes."),
}


def _deciding(role_settings: EffectiveSettings) -> list[Fact]:
    """How a request waits, and what is asked of those who decide."""
    hours = role_settings.approval_hours
    lapses = ngettext(
        "A request that nobody answers lapses after %(n)s hour.",
        "A request that nobody answers lapses after %(n)s hours.",
        hours,
    ) % {"n": hours}
    if role_settings.asking_stops_clock:
        lapses += " " + _("A question to whoever asked stops that clock until it is answered.")
    found = [
        Fact("info", "hourglass", lapses),
        Fact("info", "users", str(NOBODY[IfNobody(role_settings.if_nobody)])),
    ]
    if role_settings.approval_factor:
        found.append(Fact("ok", "shield-check", _("Who decides gives a second factor each time.")))
    return found


def ends_at_the_latest(role_settings: EffectiveSettings, kind: str) -> bool:
    """Whether an assignment of that kind without an end is refused."""
    unmet = unmet_for_assignment(
        role_settings, AskedAssignment(kind), now=SOME_DAY, shortest=1, factor_is_fresh=True
    )
    return any(one.code == "end_missing" for one in unmet)


def asked_of_administrator(role_settings: EffectiveSettings) -> list[str]:
    """What whoever makes somebody active has to give."""
    lasting = replace(role_settings, active_permanent=True)
    unmet = unmet_for_assignment(
        lasting, AskedAssignment(ACTIVE), now=SOME_DAY, shortest=1, factor_is_fresh=False
    )
    words = {
        SECOND_FACTOR: _("a second factor"),
        "justification_missing": _("a justification"),
        "ticket_missing": _("a ticket"),
    }
    codes = {one.code for one in unmet}
    return [said for code, said in words.items() if code in codes]


def _permanence(role_settings: EffectiveSettings) -> Fact:
    days = {
        "active": in_days(role_settings.active_days),
        "eligible": in_days(role_settings.eligible_days),
    }
    active_ends = ends_at_the_latest(role_settings, ACTIVE)
    eligible_ends = ends_at_the_latest(role_settings, ELIGIBLE)
    if active_ends and eligible_ends:
        words = _("Nobody can hold it for good: active ends after %(active)s, eligible after %(eligible)s.")
        return Fact("ok", "check", words % days)
    if active_ends:
        words = _("Active ends after %(active)s at the latest; eligible may be without an end.")
        return Fact("ok", "check", words % days)
    if eligible_ends:
        words = _("Active may be without an end, eligible ends after %(eligible)s at the latest.")
        return Fact("wait", "alert", words % days)
    return Fact("wait", "alert", _("It may be held for good: neither active nor eligible needs an end."))
