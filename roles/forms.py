"""Forms for what there is in a directory."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.forms import PortalForm
from roles.models import Scope


class ScopeChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A scope by its name and the directory's own name for it: names may be alike."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} ({obj.path})"


class AddScopeForm(PortalForm):
    """A new place within a directory."""

    parent = ScopeChoice(Scope.objects.none(), label=_("Below"))
    name = forms.CharField(label=_("Name"), max_length=200)
    path = forms.CharField(
        label=_("Name in the directory"),
        max_length=500,
        help_text=_("What the directory itself calls it; the connector is told this. It stays as it is."),
    )

    def __init__(self, *args: Any, scopes: QuerySet[Scope], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].queryset = scopes  # type: ignore[attr-defined]


class RenameScopeForm(PortalForm):
    """What a place is called."""

    name = forms.CharField(label=_("Name"), max_length=200)
