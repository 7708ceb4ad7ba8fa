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


#: characters; one that signs with a certificate chain needs some thousands
LONGEST_ANSWER = 30_000


class PasskeyForm(PortalForm):
    """What a passkey made or signed. A script puts it in, and it is never shown again."""

    passkey = forms.CharField(
        max_length=LONGEST_ANSWER,
        widget=forms.HiddenInput(),
        error_messages={"required": _("Press the button for your passkey and do what your browser says.")},
    )


class AddPasskeyForm(PasskeyForm):
    """A passkey just made, and what it is called."""

    name = forms.CharField(
        label=_("Name of this passkey"),
        max_length=60,
        required=False,
        help_text=_("For instance “Work laptop” or “Blue key”, so that you can tell them apart."),
    )


class CodeForm(PasskeyForm):
    """A code of an authenticator app, a recovery code, or what a passkey signed.

    Nothing is taken off a code: it has one spelling (C2).
    """

    use_required_attribute = False  # one of them is enough

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
        self.fields["passkey"].required = False
        if self.data.get("recovery_code") or self.data.get("passkey"):
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
