"""What people fill in who were asked to do something by hand."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import PortalForm

DONE, NOT_DONE = "done", "not_done"


class HandTaskForm(PortalForm):
    """Whether it is done, and what there is to say about it. The answer comes from the button."""

    answer = forms.ChoiceField(
        choices=[(DONE, _("It is done")), (NOT_DONE, _("It could not be done"))],
        widget=forms.HiddenInput,
        error_messages={"required": _("Say whether it is done.")},
    )
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Needed if it could not be done. The person it is about can read it."),
    )
