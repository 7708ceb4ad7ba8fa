"""Whether a change of role settings takes away a safeguard. Pure: nothing here reads the database or the clock."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from approvals.settings.places import Line, Rule
from roles.models import EffectiveSettings, Factor
from roles.models.stages import ALL
from roles.models.values import Audience, IfNobody, IfSilent, Occasion
from roles.wording import in_days, in_words

#: from none to the strongest
STRENGTH = {Factor.NONE: 0, Factor.RECENT: 1, Factor.EVERY_TIME: 2, Factor.PASSKEY: 3}


def safeguards_lost(before: EffectiveSettings, after: EffectiveSettings) -> list[str]:
    """What ``after`` asks less of than ``before``, each as a clause; empty when it is as strict or stricter.

    How long a request waits, and whether a question stops that clock, is convenience: nobody passes by it.
    """
    lost: list[str] = []

    def lose(is_lost: bool, words: str) -> None:
        if is_lost:
            lost.append(words)

    lose(
        after.max_minutes > before.max_minutes,
        _("activation for up to %(t)s") % {"t": in_words(after.max_minutes)},
    )
    lose(
        bool(before.day_minutes) and not 0 < after.day_minutes <= before.day_minutes,
        _("up to %(t)s within 24 hours") % {"t": in_words(after.day_minutes)}
        if after.day_minutes
        else _("no limit within 24 hours"),
    )
    weaker = STRENGTH[Factor(after.factor)] < STRENGTH[Factor(before.factor)]
    both_recent = after.factor == before.factor == Factor.RECENT
    lose(weaker, _("a weaker proof of identity"))
    lose(
        both_recent and after.factor_minutes > before.factor_minutes,
        _("an older second factor"),
    )
    lose(before.justification_required and not after.justification_required, _("no justification"))
    lose(after.justification_least < before.justification_least, _("a shorter justification"))
    lose(
        _loosened(before.justification_pattern, after.justification_pattern),
        _("another form of justification"),
    )
    lose(before.ticket_required and not after.ticket_required, _("no ticket"))
    lose(_loosened(before.ticket_pattern, after.ticket_pattern), _("another form of ticket"))
    more_systems = bool(before.systems) and (
        not after.systems or bool(set(after.systems) - set(before.systems))
    )
    lose(more_systems, _("tickets of other systems"))
    lose(before.approval_required and not after.approval_required, _("no approval"))
    if before.approval_required:
        lose(before.approval_factor and not after.approval_factor, _("no second factor to approve"))
        fall_back = IfNobody.ADMINISTRATORS
        lose(
            before.if_nobody != fall_back and after.if_nobody == fall_back,
            _("role administrators decide when nobody else can"),
        )
    lost += _decided_by_less(before, after)
    lose(after.eligible_permanent and not before.eligible_permanent, _("eligible without an end"))
    lose(
        not after.eligible_permanent
        and not before.eligible_permanent
        and after.eligible_days > before.eligible_days,
        _("eligible for up to %(t)s") % {"t": in_days(after.eligible_days)},
    )
    lose(after.active_permanent and not before.active_permanent, _("active without an end"))
    lose(
        not after.active_permanent and not before.active_permanent and after.active_days > before.active_days,
        _("active for up to %(t)s") % {"t": in_days(after.active_days)},
    )
    lose(before.active_factor and not after.active_factor, _("no second factor to make active"))
    lose(before.active_justification and not after.active_justification, _("no justification to make active"))
    lose(before.active_ticket and not after.active_ticket, _("no ticket to make active"))
    lose(_told_less(before, after), _("fewer people told"))
    return lost


def _decided_by_less(before: EffectiveSettings, after: EffectiveSettings) -> list[str]:
    """What of that which decides beside people, or instead of them, asks for less.

    Which of two web hooks or rules is the stricter cannot be told from here: another one may be the looser one. A rule
    may approve as well as deny, so that one more and one fewer both count.
    """
    lost: list[str] = []
    if before.hook and before.hook != after.hook:
        lost.append(_("another web hook") if after.hook else _("no web hook asked first"))
    if after.hook_may_approve and (not before.hook_may_approve or (after.hook and not before.hook)):
        lost.append(_("approval by a web hook"))
    if after.hook_silent == IfSilent.GO_ON and before.hook_silent != IfSilent.GO_ON:
        lost.append(_("a silent web hook lets pass"))
    was, is_now = set(before.automatic_rules), set(after.automatic_rules)
    if added := ", ".join(sorted(is_now - was)):
        lost.append(_("decided also by the rules %(rules)s") % {"rules": added})
    if gone := ", ".join(sorted(was - is_now)):
        lost.append(_("no longer held back by the rules %(rules)s") % {"rules": gone})
    if after.emergency_allowed and not before.emergency_allowed:
        lost.append(_("emergency activation past approval"))
    return lost


@dataclass(frozen=True)
class Eased:
    """One way in which a list of approvers asks less than before.

    Args:
        what: ``stages`` (fewer of them), ``gained`` (``lines`` may decide too), ``quorum`` (fewer must agree),
            ``sooner`` (those who may decide only after a while may do so earlier).
        stage: where; 0 where it is about the whole list.
    """

    what: str
    stage: int = 0
    lines: tuple[Line, ...] = ()


def approval_eased(before: Rule, after: Rule) -> list[Eased]:
    """In what ``after`` asks less than ``before``; empty when each stage of before is still there, as strict or stricter.

    Every stage has to be passed, so one more, wherever it stands, takes nothing away, while one that is gone does, and
    within a stage: whoever may decide there and could not, or could only later; fewer who must agree; less patience.
    A smaller list is stricter, except where all of it must agree.
    """
    kept = iter(after.numbers)
    if all(any(not _eased_at(before, was, after, number) for number in kept) for was in before.numbers):
        return []
    found = [Eased("stages")] if len(after.stages) < len(before.stages) else []
    for number in before.numbers[: len(after.stages)]:
        found += _eased_at(before, number, after, number)
    return found


def _eased_at(before: Rule, was: int, after: Rule, number: int) -> list[Eased]:
    """In what the stage ``number`` of ``after`` asks less than the stage ``was`` of ``before``."""
    asked, asked_before = _who(after.asked(number)), _who(before.asked(was))
    later, later_before = _who(after.further(number)), _who(before.further(was))
    quorum, quorum_before = after.stage(number).quorum, before.stage(was).quorum
    added = asked - asked_before
    if quorum == ALL and asked >= asked_before:
        added = set()  # all of those before must agree, and these beside them
    gained = tuple(sorted(added | (later - later_before - asked_before)))
    found = [Eased("gained", number, gained)] if gained else []
    if quorum_before == ALL:
        fewer = quorum != ALL or not asked >= asked_before
    elif quorum == ALL:
        fewer = len(asked) < quorum_before  # a group may be of one
    else:
        fewer = quorum < quorum_before
    if fewer:
        found.append(Eased("quorum", number))
    patience, patience_before = after.stage(number).escalate_after, before.stage(was).escalate_after
    if later & later_before and patience is not None and patience_before and patience < patience_before:
        found.append(Eased("sooner", number))
    return found


def _who(lines: tuple[Line, ...]) -> set[Line]:
    return {line.who for line in lines}


def _loosened(before: str, after: str) -> bool:
    """Whether a pattern is gone or says something else: which of two is the stricter, nobody can tell in general."""
    return bool(before) and before != after


def _told_less(before: EffectiveSettings, after: EffectiveSettings) -> bool:
    """Whether somebody besides the holder and the approvers learns less of what happens."""
    for occasion in Occasion:
        was, is_now = (one.telling(occasion, Audience.ADMINISTRATORS) for one in (before, after))
        if was.usual and (not is_now.usual or (is_now.only_needed and not was.only_needed)):
            return True
        if set(was.also) - set(is_now.also):
            return True
    return False
