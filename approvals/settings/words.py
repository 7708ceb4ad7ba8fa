"""What role settings say, value by value, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from approvals.settings.examining import Reach
from approvals.settings.naming import hook_named, rules_named
from approvals.settings.places import Document, Rule
from approvals.settings.rule_words import rule_in_words
from roles.models import EffectiveSettings, Factor
from roles.models.values import (
    CELLS,
    VALUES,
    Audience,
    IfNobody,
    IfSilent,
    Occasion,
    Telling,
    cell_name,
    plain,
)
from roles.wording import in_days, in_words

APPROVERS, LEAST_HOLDERS = "approvers", "least_holders"

LABELS: dict[str, Any] = {
    "max_minutes": gettext_lazy("Longest activation"),
    "factor": gettext_lazy("Proof of identity"),
    "factor_minutes": gettext_lazy("A second factor stays fresh for"),
    "justification_required": gettext_lazy("Ask for a justification"),
    "justification_least": gettext_lazy("Fewest characters of a justification"),
    "justification_pattern": gettext_lazy("Form of a justification"),
    "ticket_required": gettext_lazy("Ask for a ticket"),
    "ticket_systems": gettext_lazy("Ticket systems"),
    "ticket_pattern": gettext_lazy("Form of a ticket"),
    "approval_required": gettext_lazy("Someone must approve"),
    "approval_hours": gettext_lazy("A request waits at most"),
    "approval_factor": gettext_lazy("Second factor to decide"),
    "if_nobody": gettext_lazy("When nobody can decide"),
    "asking_stops_clock": gettext_lazy("A question stops the clock"),
    "day_minutes": gettext_lazy("Longest within 24 hours"),
    "hook": gettext_lazy("Web hook asked first"),
    "hook_may_approve": gettext_lazy("The web hook’s yes can stand in for approval"),
    "hook_silent": gettext_lazy("When the web hook does not answer"),
    "automatic": gettext_lazy("Automatic rules"),
    "emergency_allowed": gettext_lazy("Emergency activation"),
    "eligible_permanent": gettext_lazy("Eligible without an end"),
    "eligible_days": gettext_lazy("Eligible at most"),
    "active_permanent": gettext_lazy("Active without an end"),
    "active_days": gettext_lazy("Active at most"),
    "active_factor": gettext_lazy("Second factor to make active"),
    "active_justification": gettext_lazy("Justification to make active"),
    "active_ticket": gettext_lazy("Ticket to make active"),
    APPROVERS: gettext_lazy("Approvers"),
    LEAST_HOLDERS: gettext_lazy("Never fewer holders than"),
}

#: values by the part of the page that shows them; the matrix of notifications is a part of its own
ACTIVATION = (
    "max_minutes",
    "day_minutes",
    "factor",
    "factor_minutes",
    "justification_required",
    "justification_least",
    "justification_pattern",
    "ticket_required",
    "ticket_systems",
    "ticket_pattern",
    "approval_required",
    APPROVERS,
    "approval_factor",
    "approval_hours",
    "asking_stops_clock",
    "if_nobody",
    "hook",
    "hook_may_approve",
    "hook_silent",
    "automatic",
    "emergency_allowed",
)
ASSIGNMENT = (
    "eligible_permanent",
    "eligible_days",
    "active_permanent",
    "active_days",
    "active_factor",
    "active_justification",
    "active_ticket",
)
EVERYTHING = (*ACTIVATION, *ASSIGNMENT, *CELLS)

#: values that are one of a few
CHOSEN: dict[str, Any] = {"factor": Factor, "if_nobody": IfNobody, "hook_silent": IfSilent}

_WHO = {
    Audience.ADMINISTRATORS: gettext_lazy("administrators"),
    Audience.HOLDER: gettext_lazy("the person"),
    Audience.APPROVERS: gettext_lazy("approvers"),
}
for _row in Occasion:
    for _column in Audience:
        LABELS[cell_name(_row, _column)] = (_row, _column)


def label_of(name: str) -> str:
    """What pages call a value."""
    label = LABELS[name]
    if isinstance(label, tuple):
        occasion, audience = label
        return _("%(what)s: %(who)s") % {"what": occasion.label, "who": _WHO[audience]}
    return str(label)


def value_in_words(name: str, value: Any) -> str:
    """A value, as columns or ``EffectiveSettings`` have it, in words."""
    if name == APPROVERS:
        return rule_in_words(value or Rule())
    if name in CELLS:
        return telling_in_words(value if isinstance(value, Telling) else plain(name, value))
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if name in ("max_minutes", "factor_minutes"):
        return in_words(value)
    if name == "day_minutes":
        return in_words(value) if value else _("no limit")
    if name == "hook":
        return str(hook_named(value)) if value else _("none")
    if name == "automatic":
        return ", ".join(map(str, rules_named(value.split()))) or _("none")
    if name in ("eligible_days", "active_days"):
        return in_days(value)
    if name == "approval_hours":
        return ngettext("%(n)s hour", "%(n)s hours", value) % {"n": value}
    if name == "justification_least":
        return ngettext("%(n)s character", "%(n)s characters", value) % {"n": value} if value else _("any")
    if name in CHOSEN:
        return str(CHOSEN[name](value).label) if value in CHOSEN[name] else str(value)
    if name == "ticket_systems":
        return ", ".join(line.strip() for line in value.splitlines() if line.strip()) or _("any")
    if name in ("justification_pattern", "ticket_pattern"):
        return value or _("any")
    return str(value)


def telling_in_words(cell: Telling) -> str:
    """A cell of the notification matrix."""
    if not cell.usual:
        words = _("not told")
    elif cell.only_needed:
        words = _("told if action is needed")
    else:
        words = _("told of everything")
    if cell.also:
        return _("%(told)s; also %(addresses)s") % {"told": words, "addresses": ", ".join(cell.also)}
    return words


@dataclass(frozen=True)
class Difference:
    """One value that is, or would be, another.

    Args:
        name: of the value; before, after: in words.
    """

    name: str
    before: str
    after: str

    @property
    def label(self) -> str:
        """What pages call the value."""
        return label_of(self.name)


def differences(
    before: Document,
    after: Document,
    *,
    inherited: EffectiveSettings | None = None,
    rule: Rule | None = None,
) -> list[Difference]:
    """What ``after`` says otherwise than ``before``, in the order of the page.

    Args:
        inherited: what counts where a document says nothing, and ``rule`` who approves then; told when it is known.
    """

    def said(document: Document, name: str) -> str:
        value = document.rule if name == APPROVERS else document.values.get(name)
        if value is not None:
            return value_in_words(name, value)
        if inherited is None:
            return _("inherited")
        above = rule if name == APPROVERS else getattr(inherited, name)
        return _("%(value)s, inherited") % {"value": value_in_words(name, above)}

    found = []
    for name in EVERYTHING:
        was = before.rule if name == APPROVERS else before.values.get(name)
        is_now = after.rule if name == APPROVERS else after.values.get(name)
        if was != is_now:
            found.append(Difference(name, said(before, name), said(after, name)))
    if before.least_holders != after.least_holders:
        found.append(Difference(LEAST_HOLDERS, str(before.least_holders), str(after.least_holders)))
    return found


def effects(reach: Reach) -> list[Difference]:
    """What counts otherwise at one role or scope, in the order of the page."""
    return compared(reach.before, reach.after, reach.rule_before, reach.rule_after)


def compared(
    one: EffectiveSettings, other: EffectiveSettings, rule: Rule | None = None, another: Rule | None = None
) -> list[Difference]:
    """The values in which two settings that count are different."""
    found = [
        Difference(name, value_in_words(name, getattr(one, name)), value_in_words(name, getattr(other, name)))
        for name in VALUES
        if getattr(one, name) != getattr(other, name)
    ]
    if rule != another:
        found.append(
            Difference(APPROVERS, value_in_words(APPROVERS, rule), value_in_words(APPROVERS, another))
        )
    return sorted(found, key=lambda each: EVERYTHING.index(each.name))
