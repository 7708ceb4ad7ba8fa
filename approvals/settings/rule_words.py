"""A list of approvers in words: short for tables, in sentences for those who set it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from approvals.settings.rules import Line, Rule, names_of
from roles.models import Approver
from roles.models.stages import ALL
from roles.wording import in_words


def rule_in_words(rule: Rule) -> str:
    """Who approves, for a table: "Kim, Jo", or "2 of Kim, Jo, Pat; then Dana (after 2 h also Toni)"."""
    if rule.is_usual:
        return names_of(rule.lines)
    return _("; then ").join(_with_further(rule, number) for number in rule.numbers)


def sentences_of(rule: Rule) -> list[str]:
    """Who is asked in which order, and who may decide when it takes long."""
    said = [stage_in_words(rule, number) for number in rule.numbers]
    found = []
    if len(said) > 1:
        found.append(_("First %(stages)s.") % {"stages": _("; then ").join(said)})
    elif not rule.is_usual:
        found.append(_("Asked: %(stage)s.") % {"stage": said[0]})
    for number in rule.numbers:
        after, further = rule.stage(number).escalate_after, rule.further(number)
        if after is None or not further:
            continue
        words = (
            _("Stage %(stage)s not decided in %(time)s: %(names)s may decide too.")
            if len(said) > 1
            else _("Not decided in %(time)s: %(names)s may decide too.")
        )
        found.append(words % {"stage": number, "time": in_words(after), "names": names_of(further)})
    return found


def stage_in_words(rule: Rule, number: int) -> str:
    """How many of whom must agree at one stage."""
    lines, quorum = rule.asked(number), rule.stage(number).quorum
    names = names_of(lines)
    if _is_one(lines):
        return names
    if quorum == ALL:
        return _("all of %(names)s") % {"names": names}
    if quorum == 1:
        return _("one of %(names)s") % {"names": names}
    return _("%(n)s of %(names)s") % {"n": quorum, "names": names}


def _is_one(lines: tuple[Line, ...]) -> bool:
    """Whether no more than one human is meant."""
    return len(lines) == 1 and lines[0].kind in (Approver.Kind.PERSON, Approver.Kind.MANAGER)


def _with_further(rule: Rule, number: int) -> str:
    after, further = rule.stage(number).escalate_after, rule.further(number)
    said = stage_in_words(rule, number)
    if after is None or not further:
        return said
    return _("%(stage)s (after %(time)s also %(names)s)") % {
        "stage": said,
        "time": in_words(after),
        "names": names_of(further),
    }
