"""The web hooks and automatic rules that role settings name: their names for people, and what is named and is not there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from approvals.automatic.listing import words_of
from approvals.automatic.models import AutomaticRule
from approvals.hooks.models import Hook


@dataclass(frozen=True)
class Named:
    """A web hook or an automatic rule as a page shows it.

    Args:
        value: as role settings say it; note: what is odd about it, or what it does.
        is_gone: whether it does nothing any more: removed, retired, or never there.
    """

    value: str
    label: str
    note: str = ""
    is_gone: bool = False

    def __str__(self) -> str:
        return f"{self.label} ({self.note})" if self.is_gone else self.label


def hooks_offered(also: str = "") -> list[Named]:
    """Every web hook. One query.

    Args:
        also: the key of one that is named already, listed as gone where there is none.
    """
    found = [Named(hook.key, hook.name) for hook in Hook.objects.only("key", "name")]
    if also and also not in {one.value for one in found}:
        found.append(Named(also, also, _("removed"), is_gone=True))
    return found


def hook_named(key: str) -> Named:
    """The web hook of that key, gone where there is none."""
    name = Hook.objects.filter(key=key).values_list("name", flat=True).first()
    return Named(key, key, _("removed"), is_gone=True) if name is None else Named(key, name)


def rules_offered(also: Iterable[str] = ()) -> list[Named]:
    """Every automatic rule in use, with what it comes to, then those of ``also`` that are not. One query, or two."""
    found = [Named(rule.reference, str(rule), _comes_to(rule)) for rule in AutomaticRule.objects.in_use()]
    offered = {one.value for one in found}
    return found + rules_named(one for one in also if one not in offered)


def rules_named(references: Iterable[str]) -> list[Named]:
    """The automatic rules that ``references`` name, in their order; gone where one is retired or there is none."""
    wanted = list(dict.fromkeys(references))
    rules = _rules_of(wanted)
    return [_rule_shown(one, rules.get(one)) for one in wanted]


def fault_in_names(values: dict[str, Any], before: dict[str, Any]) -> tuple[str, str] | None:
    """The value of ``values`` that names what is not there, and a sentence; None when all it names is.

    Args:
        before: what is said now; what is gone and named there already may stay.
    """
    key = values.get("hook") or ""
    if key and key != before.get("hook") and hook_named(key).is_gone:
        return "hook", _("There is no web hook %(key)s.") % {"key": key}
    kept = set((before.get("automatic") or "").split())
    for one in rules_named(one for one in (values.get("automatic") or "").split() if one not in kept):
        if one.is_gone:
            return "automatic", _("There is no automatic rule %(rule)s in use.") % {"rule": one.value}
    return None


def _rules_of(references: list[str]) -> dict[str, AutomaticRule]:
    keys = {one.rpartition(".")[0] for one in references}
    rules = AutomaticRule.objects.filter(key__in=keys) if keys else []
    return {rule.reference: rule for rule in rules}


def _rule_shown(reference: str, rule: AutomaticRule | None) -> Named:
    if rule is None:
        return Named(reference, reference, _("there is no such rule"), is_gone=True)
    if rule.retired_at is not None:
        return Named(reference, str(rule), _("retired, decides nothing"), is_gone=True)
    return Named(reference, str(rule), _comes_to(rule))


def _comes_to(rule: AutomaticRule) -> str:
    said = (
        _("Denies without asking anybody (%(rule)s).")
        if rule.verdict == AutomaticRule.Verdict.DENY
        else _("Approves in place of a person (%(rule)s).")
    )
    return " ".join([said % {"rule": rule.reference}, *words_of(rule.conditions)])
