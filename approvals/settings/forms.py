"""What an administrator fills in about several roles at once, about templates, and to answer a proposed change."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from accounts.mfa.freshness import act_digest
from approvals.forms import StrictForm
from approvals.models import SettingsTemplate
from approvals.settings.fields import why
from approvals.settings.places import Document, canonical
from approvals.settings.values_form import ValuesForm
from roles.models import EffectiveSettings


class TemplateForm(ValuesForm):
    """A template: its name, and the values it sets; the others it does not touch."""

    missing = gettext_lazy("Fill this in, or leave it untouched.")

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    description = forms.CharField(label=gettext_lazy("Description"), required=False, max_length=300)

    def __init__(self, data: Any = None, *, template: SettingsTemplate) -> None:
        initial = {"name": template.name, "description": template.description}
        document = Document(values=canonical(template.said()))
        super().__init__(data, document=document, shown=EffectiveSettings(), initial=initial)


class TogetherForm(ValuesForm):
    """Some values for several roles; what is left alone stays as it is in each of them."""

    missing = gettext_lazy("Fill this in, or leave it as it is.")

    pick = forms.Field(required=False, widget=forms.MultipleHiddenInput)
    seen = forms.Field(required=False, widget=forms.MultipleHiddenInput)
    shown = forms.CharField(required=False, max_length=64)
    again = forms.BooleanField(required=False)
    justification = why()

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, document=Document(), shown=EffectiveSettings())

    @property
    def digest(self) -> str:
        """What a valid form sets, so that only what was shown is sent."""
        return act_digest(values=canonical(self.values))

    @property
    def is_confirmed(self) -> bool:
        """Whether what it changes was shown, and is what it still says."""
        return not self.cleaned_data["again"] and self.cleaned_data["shown"] == self.digest


class ApplyForm(StrictForm):
    """Why a template is applied to several roles."""

    pick = forms.Field(required=False, widget=forms.MultipleHiddenInput)
    seen = forms.Field(required=False, widget=forms.MultipleHiddenInput)
    justification = why()


class DecideChangeForm(StrictForm):
    """A second administrator's answer, or the proposer's second thoughts."""

    VERDICTS = ("confirm", "refuse", "withdraw")

    verdict = forms.ChoiceField(choices=[(one, one) for one in VERDICTS], widget=forms.HiddenInput)
    decision = why()
