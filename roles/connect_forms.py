"""The form that connects a directory: asks for what its kind says it needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import PortalForm
from audit.journal.refusing import Refused
from roles.connectors.base import Setting
from roles.connectors.registry import Kind
from roles.models import Directory
from roles.models.directory import secret_reference
from roles.reachable import AddressRefused, Unreachable, check_machine

LONGEST_SECRET = 4_000  # characters
LONGEST_SETTING = 500
PREFIX = "setting_"  # before the names of a kind's own settings, which may be called like a field of ours


class ConnectionForm(PortalForm):
    """How a directory is spoken to. A secret is never shown again: left empty, the present one stays."""

    reference = forms.CharField(
        label=_("Or where it is kept"),
        max_length=300,
        required=False,
        validators=[secret_reference],
        help_text=_(
            "env:DIRECTORY_NAME or file:/run/secrets/name on the worker’s machine. Nothing is stored in the portal then."
        ),
    )

    def __init__(self, *args: Any, kind: Kind, has_secret: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        if kind.secret:
            self.fields["secret_text"] = forms.CharField(
                label=_(kind.secret),
                max_length=LONGEST_SECRET,
                required=False,
                strip=False,
                widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
                help_text=_("Left empty, the present one stays.")
                if has_secret
                else _("Kept sealed; only the worker opens it."),
            )
        else:
            del self.fields["reference"]
        if kind.settings is None:
            self.fields[f"{PREFIX}all"] = forms.JSONField(
                label=_("Settings"),
                help_text=_("As this connector’s own documents say, in JSON."),
                initial=dict,
            )
        for setting in kind.settings or ():
            self.fields[f"{PREFIX}{setting.name}"] = field_for(setting)
        self.order_fields(self._in_order())

    def _in_order(self) -> list[str]:
        own = [name for name in self.fields if name.startswith(PREFIX)]
        return ["name", "description", *own, "account_names", "secret_text", "reference"]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        for setting in self.kind.settings or ():
            value = said.get(f"{PREFIX}{setting.name}")
            if setting.is_address and value:
                self._look_at(f"{PREFIX}{setting.name}", value)
        return said

    def _look_at(self, field: str, machine: str) -> None:
        try:
            check_machine(machine)
        except AddressRefused as refused:
            self.add_error(field, str(refused))
        except Unreachable:
            return  # a name that has no address now may have one later: the test says so

    @property
    def connection(self) -> dict[str, Any]:
        """The settings of the kind, as they are kept."""
        said = self.cleaned_data
        if self.kind.settings is None:
            return dict(said[f"{PREFIX}all"])
        found = {one.name: said[f"{PREFIX}{one.name}"] for one in self.kind.settings}
        return {name: value for name, value in found.items() if value != ""}

    @property
    def secrets(self) -> dict[str, str]:
        """The secret and the reference, as the verbs take them."""
        said = self.cleaned_data
        return {"secret": said.get("secret_text", ""), "reference": said.get("reference", "")}

    def refuse(self, refusal: Refused) -> None:
        for name in self.fields:
            if refusal.field and name in (refusal.field, f"{PREFIX}{refusal.field}"):
                self.refusal = refusal
                self.add_error(name, refusal.message)
                return
        super().refuse(refusal)

    @classmethod
    def initial_of(cls, directory: Directory) -> dict[str, Any]:
        """What the form shows of a directory that there is: everything but its secret."""
        shown = {f"{PREFIX}{name}": value for name, value in directory.connection.items()}
        return shown | {
            f"{PREFIX}all": json.dumps(directory.connection, indent=2),
            "reference": directory.secret,
        }


class ConnectForm(ConnectionForm):
    """A new directory, and how it is spoken to."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("What people here call it."))
    description = forms.CharField(label=_("What it is for"), max_length=500, required=False)
    account_names = forms.ChoiceField(
        label=_("A person’s account there is"), choices=Directory.AccountNames.choices
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if Directory.objects.filter(name=name).exists():
            raise forms.ValidationError(_("There is a directory of this name already."))
        return name


class RolesForm(PortalForm):
    """Which of the roles that were found shall be managed here."""

    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Tick at least one role."),
            "invalid_choice": _("This is not among what was found. Discover once more."),
        },
    )

    def __init__(self, *args: Any, found: list[dict[str, Any]], known: set[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.found, self.known = found, known
        self.fields["roles"].choices = [(one["entitlement"], one["name"]) for one in found]  # type: ignore[attr-defined]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each role that was found: with whether it is one here already, or was ticked."""
        ticked = set(self.data.getlist("roles")) if self.is_bound else set()  # type: ignore[attr-defined]
        for one in self.found:
            has = one["entitlement"] in self.known
            yield one | {"is_known": has, "is_ticked": has or one["entitlement"] in ticked}


def field_for(setting: Setting) -> forms.Field:
    """The form's field for a setting of a kind."""
    said: dict[str, Any] = {
        "label": setting.label,
        "help_text": setting.help,
        "required": setting.required,
    }
    if setting.choices:
        blank = _("Left to the connector") if not setting.default else setting.default
        choices = setting.choices if setting.required else (("", blank), *setting.choices)
        return forms.ChoiceField(choices=choices, **said)
    hint = forms.TextInput(attrs={"placeholder": setting.default}) if setting.default else forms.TextInput()
    return forms.CharField(max_length=LONGEST_SETTING, widget=hint, **said)
