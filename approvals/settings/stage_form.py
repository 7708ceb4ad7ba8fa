"""One stage of an approval, filled in: who is asked, how many of them must agree, and who may decide after a while."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals.settings.approver_field import RULES, ApproversField, Chip, chips_of, lines_in
from approvals.settings.fields import HOURS, MINUTES, UNITS, whole
from approvals.settings.rule_faults import MOST_AGREEING
from approvals.settings.rules import Line, Rule
from roles.models.stages import ALL, MOST, Stage

ONE, SOME, EVERYBODY = "one", "some", "all"
AGREE = [
    (ONE, gettext_lazy("Any one of them")),
    (SOME, gettext_lazy("A number of them")),
    (EVERYBODY, gettext_lazy("All of them")),
]
#: fields that name people, and the one beside each in which further ones are typed
NAMING = {"approvers": "add_approver", "further": "add_further"}


class StageForm(forms.Form):
    """One stage. Its fields bear its number, but for the first: most lists have no other.

    Args:
        number: of the stage, from 1 on.
        prefix: of the form that it is a part of.
        rule: what is shown when nothing was sent.
    """

    approvers = ApproversField(required=False)
    add_approver = forms.CharField(required=False, max_length=500)
    agree = forms.ChoiceField(required=False, choices=AGREE)
    least = whole(1, MOST_AGREEING)
    after = whole(1, 99999)
    unit = forms.ChoiceField(required=False, choices=UNITS)
    further = ApproversField(required=False)
    add_further = forms.CharField(required=False, max_length=500)

    def __init__(self, data: Any = None, *, number: int, prefix: str, rule: Rule) -> None:
        self.number = number
        self.lines: dict[str, tuple[Line, ...]] = {}
        initial = shown_of(rule, number) if number in rule.numbers else {}
        super().__init__(data, prefix=prefix, initial=initial)

    def add_prefix(self, field_name: str) -> str:
        name = super().add_prefix(field_name)
        return name if self.number == 1 else f"{name}_{self.number}"

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        for name, adding in NAMING.items():
            typed, unknown = lines_in(said.get(adding) or "")
            if unknown:
                self.add_error(adding, _("Nobody goes by this: %(names)s.") % {"names": ", ".join(unknown)})
            self.lines[name] = tuple(
                replace(line, stage=self.number, is_escalation=name == "further")
                for line in {*(said.get(name) or ()), *typed}
            )
        if said.get("agree") == SOME and said.get("least") is None and "least" not in self.errors:
            self.add_error("least", _("Say how many."))
        return said

    @property
    def stage(self) -> Stage:
        """How many must agree, and by when, of what was sent."""
        said = self.cleaned_data
        quorum = {EVERYBODY: ALL, SOME: said.get("least") or 1}.get(said.get("agree", ""), 1)
        after = said.get("after")
        return Stage(quorum, after * 60 if after and said.get("unit") == HOURS else after)

    @property
    def is_blank(self) -> bool:
        """Whether nothing was filled in."""
        return not self.errors and not any(self.lines.values()) and self.stage == Stage()

    # What the page shows

    def _chips(self, name: str) -> list[Chip]:
        sent = self[name].value() or ()
        read = self.is_bound and not {name, NAMING[name]} & set(self.errors)
        return chips_of(self.lines[name] if read else sent)

    @property
    def chips(self) -> list[Chip]:
        """The people and groups asked, those just added among them."""
        return self._chips("approvers")

    @property
    def further_chips(self) -> list[Chip]:
        """Those who may decide after a while, those just added among them."""
        return self._chips("further")

    def _typed(self, name: str) -> str:
        return str(self[name].value() or "") if name in self.errors else ""

    @property
    def adding(self) -> str:
        """What stands in the line where approvers are added: nothing, once it was understood."""
        return self._typed("add_approver")

    @property
    def adding_further(self) -> str:
        """The same for those who may decide after a while."""
        return self._typed("add_further")

    @property
    def rules(self) -> list[str]:
        """Which rules stand among the approvers: ``manager``, ``owners``."""
        return [one for one in self["approvers"].value() or () if one in RULES]

    @property
    def further_rules(self) -> list[str]:
        """The same of those who may decide after a while."""
        return [one for one in self["further"].value() or () if one in RULES]

    @property
    def unfolds(self) -> bool:
        """Whether it asks more than one yes of somebody, or something about that is wrong."""
        said = self["agree"].value() not in (None, "", ONE) or self["after"].value() or self.further_chips
        return bool(said or self.further_rules or set(self.errors) - {"approvers", "add_approver"})


def shown_of(rule: Rule, number: int) -> dict[str, Any]:
    """What the fields of a stage hold."""
    stage = rule.stage(number)
    after, unit = stage.escalate_after, MINUTES
    if after is None:
        unit = HOURS
    elif after % 60 == 0:
        after, unit = after // 60, HOURS
    return {
        "approvers": [line for line in rule.lines if line in rule.asked(number)],
        "further": list(rule.further(number)),
        "agree": {ALL: EVERYBODY, 1: ONE}.get(stage.quorum, SOME),
        "least": stage.quorum if stage.quorum > 1 else 2,
        "after": after,
        "unit": unit,
    }


def names_sent(prefix: str) -> frozenset[str]:
    """The names under which stages send fields."""
    forms_of_all = (StageForm(number=number, prefix=prefix, rule=Rule()) for number in range(1, MOST + 1))
    return frozenset(form.add_prefix(name) for form in forms_of_all for name in form.fields)


def without_stage(data: QueryDict, number: int, prefix: str) -> QueryDict:
    """What was sent, the stage ``number`` taken out and those after it moved up."""
    left = data.copy()
    every = [StageForm(number=at, prefix=prefix, rule=Rule()) for at in range(1, MOST + 2)]
    for here, after in zip(every[number - 1 : MOST], every[number:], strict=False):
        for name in here.fields:
            left.pop(here.add_prefix(name), None)
            if after.add_prefix(name) in data:
                left.setlist(here.add_prefix(name), data.getlist(after.add_prefix(name)))
    return left
