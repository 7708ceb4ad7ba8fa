"""Forms for second factors."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import PortalForm

CODE_ATTRIBUTES = {
    "class": "otp",
    "inputmode": "numeric",
    "autocomplete": "one-time-code",
    "pattern": "[0-9]{6}",
    "maxlength": "6",
}


class CodeForm(PortalForm):
    """A code of an authenticator app, or a recovery code. Nothing is taken off a code: it has one spelling (C2)."""

    use_required_attribute = False  # one of the two is enough

    code = forms.CharField(
        label=_("Code"),
        max_length=64,
        strip=False,
        widget=forms.TextInput(attrs=CODE_ATTRIBUTES),
        error_messages={"required": _("Type the six figures your app shows.")},
    )
    recovery_code = forms.CharField(
        label=_("Recovery code"),
        max_length=64,
        required=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.data.get("recovery_code"):
            self.fields["code"].required = False

    @property
    def given(self) -> str:
        """What is looked at. A code from paper may have been typed in capitals or with spaces."""
        recovery_code: str = self.cleaned_data["recovery_code"]
        return self.cleaned_data["code"] or "-".join(recovery_code.lower().replace("-", " ").split())


class EnrolForm(PortalForm):
    """The first code of a new authenticator app."""

    name = forms.CharField(
        label=_("Name of this device"),
        max_length=60,
        required=False,
        help_text=_("For instance “Work phone”, so that you can tell your devices apart."),
    )
    code = forms.CharField(
        label=_("Code"), max_length=64, strip=False, widget=forms.TextInput(attrs=CODE_ATTRIBUTES)
    )
