"""One stage of a review, filled in: who answers, for how long, who in their place, and what the next stage looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Group, User
from approvals.reviews.keeping import MOST_STAGES, StageWish
from approvals.reviews.models import Reviewer, ReviewSeries, ReviewStage
from approvals.reviews.series_models import ANSWERS
from approvals.settings.approver_field import NAMED, ApproversField, Chip, chips_of, lines_in
from approvals.settings.rules import Line

Who = ReviewStage.Who
USUAL_DAYS = 14
MOST_DAYS = 365
EVERY_ANSWER = [str(key) for key, _label in ANSWERS]
#: fields that name people and groups, and the one beside each in which further ones are typed
NAMING = {"reviewers": "add_reviewer", "in_turn": "add_in_turn"}


class PrincipalsField(ApproversField):
    """People and groups, each sent as ``person-3`` or ``group-2``."""

    def to_python(self, value: Any) -> list[Line]:
        """The lines.

        Raises:
            ValidationError: something that is none, or somebody who does not exist.
        """
        lines = super().to_python(value)
        if any(line.kind not in NAMED for line in lines):
            raise forms.ValidationError(_("Choose people and groups."))
        return lines


@dataclass
class Naming:
    """What a field that names people says: who is chosen, and what nobody goes by.

    Args:
        lines: those sent and those just typed.
        unknown: typed, and nobody's.
    """

    lines: tuple[Line, ...]
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, sent: Sequence[Line], typed: str) -> Naming:
        """What was sent and typed."""
        found, unknown = lines_in(typed)
        return cls(tuple(dict.fromkeys([*sent, *found])), tuple(unknown))

    @property
    def fault(self) -> str:
        """The sentence about what nobody goes by; "" where there is none."""
        return (
            _("Nobody goes by this: %(names)s.") % {"names": ", ".join(self.unknown)} if self.unknown else ""
        )


def principals_of(lines: Sequence[Line]) -> list[User | Group]:
    """The people and groups that ``lines`` name. Two queries."""
    people: dict[int, User] = User.objects.in_bulk([line.person for line in lines if line.person])
    groups: dict[int, Any] = Group.objects.in_bulk([line.group for line in lines if line.group])
    found = [people.get(line.person) if line.person else groups.get(line.group) for line in lines]
    return [one for one in found if one is not None]


class StagePeopleForm(forms.Form):
    """Who answers at one stage of at most three, and who in their place.

    Args:
        number: of the stage, from 1 on.
        stage: what is shown when nothing was sent.
    """

    reviewers = PrincipalsField(required=False)
    add_reviewer = forms.CharField(required=False, max_length=500)
    in_turn = PrincipalsField(required=False)
    add_in_turn = forms.CharField(required=False, max_length=500)

    def __init__(self, data: Any = None, *, number: int, stage: ReviewStage | None = None) -> None:
        self.number = number
        self.named: dict[str, Naming] = {}
        super().__init__(data, prefix=f"s{number}", initial=shown_of(stage))

    def clean(self) -> dict[str, Any]:
        """Who was typed is found, or what nobody goes by stands beside the field."""
        said: dict[str, Any] = super().clean() or self.cleaned_data
        for name, adding in NAMING.items():
            self.named[name] = Naming.of(said.get(name) or [], said.get(adding) or "")
            if fault := self.named[name].fault:
                self.add_error(adding, fault)
        return said

    # What the page shows

    def _chips(self, name: str) -> list[Chip]:
        read = name in self.named and name not in self.errors
        return chips_of(self.named[name].lines if read else self[name].value() or ())

    @property
    def chips(self) -> list[Chip]:
        """Those who answer."""
        return self._chips("reviewers")

    @property
    def in_turn_chips(self) -> list[Chip]:
        """Those who answer in their place."""
        return self._chips("in_turn")

    @property
    def adding(self) -> str:
        """What stands in the line where reviewers are added: nothing, once it was understood."""
        return self._typed("add_reviewer", self.named.get("reviewers"))

    @property
    def adding_in_turn(self) -> str:
        """The same for those in their place."""
        return self._typed("add_in_turn", self.named.get("in_turn"))

    def _typed(self, name: str, naming: Naming | None) -> str:
        return ", ".join(naming.unknown) if naming else str(self[name].value() or "")

    def keep_errors_of(self, *names: str) -> None:
        """Forget every other error: the form was sent to go on with it, not to save it."""
        for name in set(self.errors) - set(names):
            del self.errors[name]


class ReviewStageForm(StagePeopleForm):
    """One stage of a series: who answers, for how long, and what the next one looks at."""

    who = forms.ChoiceField(label=gettext_lazy("Who answers"), choices=Who.choices)
    days = forms.IntegerField(label=gettext_lazy("Days"), min_value=1, max_value=MOST_DAYS)
    moves_on = forms.MultipleChoiceField(
        label=gettext_lazy("The next stage looks again at what was answered with"),
        required=False,
        choices=ANSWERS,
        widget=forms.CheckboxSelectMultiple,
    )

    def judge(self, *, is_last: bool) -> None:
        """Say beside the field what a stage cannot do without.

        Args:
            is_last: whether no stage follows.
        """
        said = self.cleaned_data
        if said.get("who") == Who.CHOSEN and not self.named["reviewers"].lines and not self.errors:
            self.add_error("add_reviewer", _("Name at least one person or group who answers."))
        if not is_last and not said.get("moves_on") and "moves_on" not in self.errors:
            self.add_error("moves_on", _("Choose at least one answer that the next stage looks at."))

    def wish(self, *, is_last: bool) -> StageWish:
        """The stage as it was filled in."""
        said = self.cleaned_data
        moves_on = said.get("moves_on") or []
        return StageWish(
            who=said["who"],
            days=said["days"],
            moves_on=[] if is_last or set(moves_on) == set(EVERY_ANSWER) else moves_on,
            reviewers=principals_of(self.named["reviewers"].lines) if said["who"] == Who.CHOSEN else [],
            in_turn=principals_of(self.named["in_turn"].lines),
        )


def shown_of(stage: ReviewStage | None) -> dict[str, Any]:
    """What the fields of a stage hold."""
    if stage is None:
        return {"who": Who.CHOSEN, "days": USUAL_DAYS, "moves_on": EVERY_ANSWER}
    lines = [one for one in stage.reviewers.all() if one.role_id is None]
    return {
        "who": stage.who,
        "days": stage.days,
        "moves_on": stage.moves_on or EVERY_ANSWER,
        "reviewers": [line_for(one) for one in lines if not one.is_fallback],
        "in_turn": [line_for(one) for one in lines if one.is_fallback],
    }


def line_for(reviewer: Reviewer) -> Line:
    """A reviewer as forms name them."""
    if reviewer.group_id is not None:
        return Line(NAMED[1], group=reviewer.group_id)
    return Line(NAMED[0], person=reviewer.person_id or 0)


def stage_forms(data: QueryDict | None, series: ReviewSeries) -> list[ReviewStageForm]:
    """The stages that were sent, or those of the series; one of a new one."""
    if data is not None:
        return [ReviewStageForm(data, number=number) for number in range(1, count_in(data) + 1)]
    kept: list[ReviewStage | None] = []
    if series.pk:
        kept += series.stages.prefetch_related("reviewers")
    kept = kept or [None]
    return [ReviewStageForm(number=number, stage=stage) for number, stage in enumerate(kept, start=1)]


def count_in(data: Mapping[str, Any]) -> int:
    """How many stages were sent: one at least, three at most."""
    said = str(data.get("stage_count", ""))
    return min(max(int(said), 1), MOST_STAGES) if said in {"1", "2", "3"} else 1


def names_sent() -> frozenset[str]:
    """The names under which stages send fields."""
    every = [ReviewStageForm(number=number) for number in range(1, MOST_STAGES + 1)]
    return frozenset(form.add_prefix(name) for form in every for name in form.fields)


def with_stages(data: QueryDict, act: str) -> QueryDict:
    """What was sent, with a stage more (``more``) or without one of them (``less-2``)."""
    verb, _dash, number = act.partition("-")
    count, left = count_in(data), data.copy()
    fields = ReviewStageForm.base_fields
    if verb == "more" and count < MOST_STAGES:
        for name, value in (
            ("who", [Who.CHOSEN.value]),
            ("days", [str(USUAL_DAYS)]),
            ("moves_on", EVERY_ANSWER),
        ):
            left.setlist(f"s{count + 1}-{name}", list(value))
        count += 1
    elif verb == "less" and number in {"1", "2", "3"} and count > 1:
        for at in range(int(number), MOST_STAGES + 1):
            for name in fields:
                left.setlist(f"s{at}-{name}", data.getlist(f"s{at + 1}-{name}"))
        count -= 1
    left["stage_count"] = str(count)
    return left
