"""What one place says, filled in: every value, who approves stage by stage, and why it is changed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from approvals.models import SettingsTemplate
from approvals.settings.changing import Wanted
from approvals.settings.fields import whole, why
from approvals.settings.places import Document, Level, Rule, canonical
from approvals.settings.rule_faults import faults_in
from approvals.settings.stage_form import StageForm, names_sent, without_stage
from approvals.settings.standing import Standing
from approvals.settings.trying import DAYS
from approvals.settings.values_form import PREFIX, ValuesForm
from approvals.settings.words import APPROVERS, LEAST_HOLDERS, value_in_words
from roles.models.stages import MOST
from roles.models.values import VALUES

MOST_HOLDERS = 50
IN_A_STAGE = "in_a_stage"  # code of an error that a stage shows beside its own field


class RoleSettingsForm(ValuesForm):
    """What one place says, whether it is left to the level above or said here, and why it is changed.

    Args:
        standing: the place, and how it stands.
    """

    names = (*VALUES, APPROVERS)
    sent_by_parts = names_sent(PREFIX)

    approvers = forms.Field(required=False)  # the list as a whole, for what is wrong with it
    stage_count = whole(1, MOST)
    more = forms.CharField(required=False, max_length=1)
    drop = whole(1, MOST)
    least_holders = whole(0, MOST_HOLDERS)
    seen = forms.CharField(required=False, max_length=100, strip=False, widget=forms.HiddenInput)
    template = forms.ModelChoiceField(required=False, queryset=SettingsTemplate.objects.all())
    days = forms.TypedChoiceField(
        required=False, coerce=int, choices=[(n, str(n)) for n in DAYS], initial=30, empty_value=None
    )
    justification = why()

    def __init__(self, data: Any = None, *, standing: Standing) -> None:
        self.standing = standing
        document = standing.document
        shown = document.rule or standing.rule_above
        self.rule: Rule | None = None
        self.each_stage, data = stages_sent(data, shown)
        super().__init__(
            data,
            document=document,
            shown=standing.inherited,
            initial={LEAST_HOLDERS: document.least_holders},
        )
        if document.rule is None:
            self.initial["inherit"].append(APPROVERS)
        if standing.place.level != Level.ROLE:
            del self.fields[LEAST_HOLDERS]

    def clean(self) -> dict[str, Any]:
        said = super().clean()
        stages = self._stages()
        if APPROVERS in self.silent:
            for stage in stages:
                stage.errors.clear()
            self.errors.pop("stage_count", None)
        else:
            self._take_rule(stages)
        if LEAST_HOLDERS in self.fields and LEAST_HOLDERS not in self.errors and said[LEAST_HOLDERS] is None:
            self.add_error(LEAST_HOLDERS, _("Say how many; 0 is no such rule."))
        return said

    def _stages(self) -> list[StageForm]:
        """The stages that say something: the first, and the others up to the last in which anything stands."""
        stages = list(self.each_stage)
        for stage in stages:
            stage.is_valid()
        while len(stages) > 1 and stages[-1].is_blank:
            stages.pop()
        return stages

    def _take_rule(self, stages: list[StageForm]) -> None:
        if self.errors.pop("stage_count", None):
            self.add_error(APPROVERS, _("At most %(n)s stages.") % {"n": MOST})
        lines = [line for stage in stages for named in stage.lines.values() for line in named]
        self.rule = Rule(tuple(lines), tuple(stage.stage for stage in stages))
        for fault in faults_in(self.rule):
            stage = stages[fault.stage - 1]
            if not stage.errors:
                stage.add_error(fault.field, fault.message)
        for stage in stages:
            if stage.errors:
                words = _("Look at stage %(n)s.") % {"n": stage.number}
                self.add_error(APPROVERS, ValidationError(words, code=IN_A_STAGE))

    def document(self) -> Document:
        """What stands in the form. For a value that cannot be read, what is said now."""
        unread = set(VALUES) - set(self.values) - self.silent
        kept = {name: value for name, value in self.before.values.items() if name in unread}
        least = self.cleaned_data.get(LEAST_HOLDERS)
        readable = self.rule is None or APPROVERS not in self.errors
        rule = self.rule if readable else self.before.rule
        return Document(
            values=canonical(self.values | kept),
            approvers=rule.lines if rule else None,
            least_holders=self.before.least_holders if least is None else least,
            stages=rule.stages if rule else (),
        )

    @property
    def has_several_stages(self) -> bool:
        """Whether the stages are shown with their numbers."""
        return len(self.each_stage) > 1

    @property
    def may_add_stage(self) -> bool:
        """Whether there is room for one more."""
        return len(self.each_stage) < MOST

    def left_to(self, name: str) -> tuple[str, str]:
        """What counts when a value is left to the level above, and whence, in words."""
        value = self.standing.rule_above if name == APPROVERS else self.standing.value_above(name)
        return value_in_words(name, value), self.standing.source_of(name)

    def wanted(self) -> Wanted:
        """The change that a valid form asks for."""
        return Wanted(self.standing.place, self.document(), seen=self.cleaned_data["seen"])


def stages_sent(data: Any, shown: Rule) -> tuple[list[StageForm], Any]:
    """A form for each stage that is shown, after one was added or removed, and the rest of what was sent.

    Args:
        shown: what they hold when nothing was sent.
    """
    if data is None:
        return [StageForm(number=number, prefix=PREFIX, rule=shown) for number in shown.numbers], None
    count, more, drop = (str(data.get(f"{PREFIX}-{name}", "")) for name in ("stage_count", "more", "drop"))
    stages = min(int(count), MOST) if count.isdecimal() and len(count) < 3 and int(count) else 1
    if drop.isdecimal() and 1 <= int(drop[:3]) <= stages and stages > 1:
        data, stages = without_stage(data, int(drop[:3]), PREFIX), stages - 1
    elif more and stages < MOST:
        stages += 1
    return [StageForm(data, number=at, prefix=PREFIX, rule=shown) for at in range(1, stages + 1)], data
