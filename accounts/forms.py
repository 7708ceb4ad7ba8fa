"""Forms for signing in, and for those who look after people."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from accounts.models import Group, User
from audit.journal.refusing import Refused

LONGEST_JUSTIFICATION = 2000  # characters


class PortalForm(forms.Form):
    """A form that can show what a verb answered."""

    refusal: Refused | None = None

    def refuse(self, refusal: Refused) -> None:
        """Show a refusal beside the field it belongs to, or over the whole form.

        Raises:
            Refused: when it is a question back (a step-up), which the middleware asks.
        """
        if getattr(refusal, "is_a_question", False):
            raise refusal
        self.refusal = refusal
        self.add_error(refusal.field if refusal.field in self.fields else None, refusal.message)

    @property
    def status(self) -> int:
        """The status of the page that shows this form: 200, or that of what is wrong with it."""
        if self.refusal is not None:
            return self.refusal.status_code
        return 422 if self.errors else 200


class SignInForm(PortalForm):
    """The first step. Nothing about the email is checked here: every wrong one gets the same answer."""

    email = forms.CharField(
        label=_("Email"),
        max_length=254,
        widget=forms.EmailInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class InvitePersonForm(PortalForm):
    """Who is to come."""

    display_name = forms.CharField(label=_("Name"), max_length=150)
    email = forms.EmailField(label=_("Email"), max_length=254, help_text=_("The name they sign in with."))
    manager = forms.ModelChoiceField(User.objects.none(), label=_("Manager"), required=False)
    department = forms.CharField(label=_("Department"), max_length=120, required=False)
    groups = forms.ModelMultipleChoiceField(Group.objects.none(), label=_("Groups"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["manager"].queryset = User.objects.enabled().humans()  # type: ignore[attr-defined]
        self.fields["groups"].queryset = Group.objects.all()  # type: ignore[attr-defined]


class AddServiceForm(PortalForm):
    """Which program, and who answers for it."""

    display_name = forms.CharField(label=_("Name"), max_length=150)
    login = forms.EmailField(
        label=_("Unique name"),
        max_length=254,
        help_text=_(
            "Looks like an address, so that directories can derive an account from it. No mail goes there."
        ),
    )
    manager = forms.ModelChoiceField(
        User.objects.none(),
        label=_("Who answers for it"),
        help_text=_("They are told what becomes of its roles."),
    )
    description = forms.CharField(label=_("What it does"), max_length=120)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["manager"].queryset = User.objects.enabled().humans()  # type: ignore[attr-defined]


class JustificationForm(PortalForm):
    """Why."""

    justification = forms.CharField(
        label=_("Justification"),
        max_length=LONGEST_JUSTIFICATION,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Written to the journal, readable for auditors and for the person."),
    )


class ChangePasswordForm(PortalForm):
    """The old password and twice the new one."""

    old = forms.CharField(
        label=_("Present password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label=_("New password"),
        max_length=1024,
        strip=False,
        help_text=_("At least twelve characters. A sentence is better than a word."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("New password again"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if said.get("new") and said.get("again") and said["new"] != said["again"]:
            self.add_error("again", _("This differs from the new password."))
        elif said.get("new"):
            try:
                validate_password(said["new"], self.person)
            except forms.ValidationError as weak:
                self.add_error("new", weak)
        return said
