"""What somebody fills in who changes a run that is open, or hands a series over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User, canonical_email
from approvals.forms import MomentField, StrictForm
from approvals.reviews.changing import TERMS, StageChange, stages_left, version_of_run
from approvals.reviews.models import AccessReview, ReviewSeries, ReviewStage
from approvals.reviews.series_fields import RunTerms
from approvals.reviews.stage_forms import MOST_DAYS, StagePeopleForm, Who, names_sent, principals_of

Silence = AccessReview.Silence


class RunStageForm(StagePeopleForm):
    """The present stage of a run, or one to come.

    Args:
        stage: as it is.
        is_present: whether its end is said elsewhere.
    """

    days = forms.IntegerField(label=gettext_lazy("Days"), min_value=1, max_value=MOST_DAYS)

    def __init__(self, data: Any = None, *, stage: ReviewStage, is_present: bool) -> None:
        super().__init__(data, number=stage.number, stage=stage)
        self.stage, self.is_chosen = stage, stage.who == Who.CHOSEN
        if is_present:
            del self.fields["days"]
        if not self.is_chosen:
            del self.fields["reviewers"], self.fields["add_reviewer"]

    def clean(self) -> dict[str, Any]:
        """Somebody has to answer."""
        said = super().clean()
        if self.is_chosen and not self.named["reviewers"].lines and not self.errors:
            self.add_error("add_reviewer", _("Name at least one person or group who answers."))
        return said

    def wish(self) -> StageChange:
        """The stage as it was filled in."""
        return StageChange(
            number=self.number,
            reviewers=principals_of(self.named["reviewers"].lines) if self.is_chosen else (),
            in_turn=principals_of(self.named["in_turn"].lines),
            days=self.cleaned_data.get("days") or 0,
        )


class RunForm(RunTerms):
    """What of an open run is to be another one.

    Args:
        run: as it is.
    """

    sent_by_parts = names_sent()  # those of a stage that is over by now, too

    stage = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=3)
    stage_ends_at = MomentField()
    act = forms.CharField(required=False, max_length=40)

    def __init__(self, data: QueryDict | None = None, *, run: AccessReview) -> None:
        self.run = run
        self.stages = [
            RunStageForm(data, stage=stage, is_present=stage.number == run.stage)
            for stage in stages_left(run)
        ]
        super().__init__(data, initial=shown_of(run))
        self.fields["stage_ends_at"].label = (
            _("The present stage ends") if len(self.stages) > 1 else _("The review ends")
        )

    @property
    def is_late(self) -> bool:
        """Whether it was made for a stage that is over by now."""
        return self.is_bound and str(self.data.get("stage", "")) != str(self.run.stage)

    def clean(self) -> dict[str, Any]:
        """An end there must be."""
        said = super().clean()
        if said.get("stage_ends_at") is None and "stage_ends_at" not in self.errors:
            self.add_error("stage_ends_at", _("Say when it ends."))
        return said

    def is_valid(self) -> bool:
        """Whether nothing is wrong, here and in the stages."""
        fine = [stage.is_valid() for stage in self.stages]
        return super().is_valid() and all(fine)

    def wanted(self) -> dict[str, Any]:
        """What was filled in, as the verb takes it."""
        said = self.cleaned_data
        return {
            "stage_ends_at": self._end_of_stage(said["stage_ends_at"]),
            "terms": {name: said[name] for name in TERMS},
            "stages": [stage.wish() for stage in self.stages],
            "seen": said["version"],
        }

    def _end_of_stage(self, at: datetime) -> datetime:
        """As it is where it was left alone; fields know no seconds."""
        kept = self.run.stage_ends_at
        return kept if kept is not None and at == kept.replace(second=0, microsecond=0) else at

    def show(self, refused: Any) -> None:
        """Put a refusal beside the field it is about."""
        if refused.field == "stages" and self.stages:
            refused.field = ""
        super().show(refused)

    def go_on(self) -> None:
        """Somebody was added: read what was typed, and say of no other field that something is missing."""
        self.is_valid()
        self.errors.clear()
        for stage in self.stages:
            stage.keep_errors_of("add_in_turn", *(["add_reviewer"] if stage.adding else []))

    @property
    def is_risky(self) -> bool:
        """Whether silence alone takes access away, and nobody looks at it first."""
        harsh = self["on_silence"].value() in (Silence.REMOVE, Silence.RECOMMENDATION)
        return harsh and bool(self["applies_itself"].value())


def shown_of(run: AccessReview) -> dict[str, Any]:
    """What the fields hold."""
    said = {name: getattr(run, name) for name in (*TERMS, "stage", "stage_ends_at")}
    return said | {"version": version_of_run(run)}


class HandOverForm(StrictForm):
    """Who is to own a series.

    Args:
        series: as it is.
    """

    to = forms.CharField(
        label=gettext_lazy("To whom"),
        max_length=254,
        help_text=gettext_lazy("Their email. They look after all of its roles, or administer roles."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    owner = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**63 - 1)

    def __init__(self, data: QueryDict | None = None, *, series: ReviewSeries) -> None:
        super().__init__(data, initial={"owner": series.owner_id}, auto_id="hand_over_%s")

    def clean_to(self) -> User:
        """The enabled person of this email.

        Raises:
            ValidationError: there is none.
        """
        known = User.objects.enabled().humans()
        person: User | None = known.filter(email=canonical_email(self.cleaned_data["to"])).first()
        if person is None:
            raise forms.ValidationError(_("No enabled person has this email."))
        return person
