"""What administrators fill in about web hooks."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from approvals.forms import JustifiedForm
from approvals.hooks.keeping import Wanted, version_of
from approvals.hooks.models import Hook
from audit.journal.refusing import Refused
from roles.outbound import check_address


class HookForm(JustifiedForm):
    """Name, address and patience of a web hook.

    Args:
        hook: what is changed, or a new one.
    """

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("As people read it, such as “Ticket check”.")
    )
    key = forms.SlugField(
        label=_("Key"),
        max_length=60,
        required=False,
        help_text=_("What role settings call it. Made from the name when left empty; it never changes."),
    )
    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_(
            "Begins with https://. Addresses inside your network must be allowed by whoever runs the portal."
        ),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}),
    )
    timeout_seconds = forms.IntegerField(
        label=_("Waits for an answer, in seconds"), min_value=1, max_value=30, initial=10
    )
    retries = forms.IntegerField(
        label=_("Asked again at most"),
        min_value=0,
        max_value=5,
        initial=3,
        help_text=_("Times, with growing pauses, when no answer came."),
    )
    version = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)
    field_order = ("name", "key", "url", "timeout_seconds", "retries", "justification")

    def __init__(self, *args: Any, hook: Hook | None = None, **kwargs: Any) -> None:
        if hook is not None:
            names = ("name", "url", "timeout_seconds", "retries")
            known = {name: getattr(hook, name) for name in names} | {"version": version_of(hook)}
            kwargs["initial"] = known | kwargs.pop("initial", {})
        super().__init__(*args, **kwargs)
        if hook is not None:
            del self.fields["key"]

    def clean_url(self) -> str:
        """An address the portal may call; its name is looked up.

        Raises:
            ValidationError: it may not.
        """
        url: str = self.cleaned_data["url"].strip()
        try:
            check_address(url)
        except Refused as refused:
            raise forms.ValidationError(refused.message) from refused
        return url

    def wanted(self) -> Wanted:
        """What was filled in."""
        said = self.cleaned_data
        return Wanted(said["name"], said["url"].strip(), said["timeout_seconds"], said["retries"])
