"""What those who manage roles fill in. As in ``forms``: the verbs say no, these show it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django import forms
from django.db import models
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Group, User, canonical_email
from approvals.acting_together import What
from approvals.filing import Act, Held, kind_of, version_of
from approvals.forms import MomentField, StrictForm, hour_of
from audit.journal.plain import storable
from roles.assigning import Wish
from roles.effective import settings_at
from roles.models import EffectiveSettings, Role, Scope
from roles.requirements import ACTIVE, ELIGIBLE, AskedAssignment

MOST_AT_ONCE = 200  # people and groups in one act
SHOWN_SCOPES = 500


class Kind(models.TextChoices):
    """What is given."""

    ELIGIBLE = ELIGIBLE, _("Eligible: may activate it")
    ACTIVE = ACTIVE, _("Active: holds it without activating")


def principal_called(said: str) -> User | Group | None:
    """The enabled person or service principal with this email, or the group with this name."""
    said = said.strip()
    person = User.objects.enabled().filter(email=canonical_email(said)).first()
    if person is not None:
        return person
    return cast(Group | None, Group.objects.filter(name=said).first())


class TimesForm(StrictForm):
    """From when to when, and why: what every act that gives something asks."""

    starts_at = MomentField(label=_("From"), help_text=_("Empty is at once."))
    ends_at = MomentField(label=_("Until"), help_text=_("Empty is without an end."))
    justification = forms.CharField(
        label=_("Justification"), required=False, widget=forms.Textarea(attrs={"required": True})
    )
    ticket = forms.CharField(label=_("Ticket"), required=False)
    ticket_system = forms.CharField(label=_("Ticket system"), required=False)

    def asked(self, kind: str) -> AskedAssignment:
        """What a valid form asks for."""
        said = self.cleaned_data
        return AskedAssignment(
            kind,
            said.get("starts_at"),
            said.get("ends_at"),
            said["justification"],
            said.get("ticket", ""),
            said.get("ticket_system", ""),
        )

    def readable(self, name: str) -> Any:
        """What stands in a field, when it can be read; the form need not be sent for that."""
        try:
            return self.fields[name].clean(self[name].value())
        except (forms.ValidationError, KeyError):
            return None


class AssignForm(TimesForm):
    """Who may activate or hold which role, where, until when, and why.

    Args:
        roles: the roles one may assign.
    """

    role = forms.ModelChoiceField(label=_("Role"), queryset=Role.objects.none())
    scope = forms.ModelChoiceField(
        label=_("Scope"),
        queryset=Scope.objects.none(),
        required=False,
        empty_label=_("Whole directory"),
        help_text=_("It counts there and everywhere beneath."),
    )
    principal = forms.CharField(
        label=_("Who"),
        max_length=254,
        help_text=_("The email of a person or service principal, or the name of a group."),
    )
    others = forms.CharField(
        label=_("Further people and groups"),
        required=False,
        widget=forms.Textarea,
        help_text=_("One email or name a line. All get it, or none."),
    )
    kind = forms.ChoiceField(
        label=_("Kind"), choices=Kind.choices, initial=Kind.ELIGIBLE, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, roles: QuerySet[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["role"]
        choice.queryset = roles.select_related("directory")
        choice.label_from_instance = lambda role: f"{role.name} · {role.directory.name}"
        scope: Any = self.fields["scope"]
        scope.queryset = Scope.objects.filter(parent__isnull=False, directory__roles__in=roles).distinct()
        nodes = scope.queryset.select_related("directory").order_by("directory__name", "path")
        self.has_scopes = nodes.exists()
        scope.widget.choices = [
            ("", scope.empty_label),
            *((one.pk, f"{one.directory.name} · {one.name}") for one in nodes[:SHOWN_SCOPES]),
        ]

    def clean_principal(self) -> User | Group:
        """The person or group that is meant."""
        found = principal_called(self.cleaned_data["principal"])
        if found is None:
            raise forms.ValidationError(_("No enabled person has this email, and no group this name."))
        return found

    def clean_others(self) -> list[User | Group]:
        """The further people and groups that are meant."""
        names = [line.strip() for line in self.cleaned_data["others"].splitlines() if line.strip()]
        if len(names) > MOST_AT_ONCE:
            raise forms.ValidationError(
                _("At most %(n)s in one act; import a file for more.") % {"n": MOST_AT_ONCE}
            )
        found = {name: principal_called(name) for name in names}
        if unknown := [name for name, principal in found.items() if principal is None]:
            raise forms.ValidationError(
                _("No enabled person has this email, and no group this name: %(names)s.")
                % {"names": ", ".join(name[:100] for name in unknown[:10])}
            )
        return [principal for principal in found.values() if principal is not None]

    def wishes(self) -> list[Wish]:
        """What a valid form asks for, once for each principal."""
        said = self.cleaned_data
        scope = said["scope"] or said["role"].directory.root_scope()
        asked = self.asked(said["kind"])
        principals = list(dict.fromkeys([said["principal"], *said["others"]]))
        return [Wish(said["role"], scope, principal, asked) for principal in principals]

    def effect(self) -> SafeString:
        """The sentence above the button, for what is filled in so far."""
        role, named = self.readable("role"), storable((self["principal"].value() or "").strip())
        further = len([line for line in (self["others"].value() or "").splitlines() if line.strip()])
        who = principal_called(named) or named or gettext("Whoever you name")
        said = {
            "who": format_html("<b>{}</b>", who)
            if not further
            else format_html(gettext("<b>{}</b> and {} more"), who, further),
            "role": format_html("<b>{}</b>", role or gettext("the role")),
        }
        kind = self["kind"].value()
        sentence = what_it_means(kind, self.readable("starts_at"), self.readable("ends_at")) % said
        return mark_safe(sentence)  # noqa: S308  names and hours are escaped, the rest is the portal's own


def what_it_means(kind: str, starts_at: datetime | None, ends_at: datetime | None) -> str:
    """One sentence for what an assignment brings, with places for ``who`` and ``role``."""
    times = {
        "start": format_html("<b>{}</b>", hour_of(starts_at)) if starts_at else "",
        "end": format_html("<b>{}</b>", hour_of(ends_at)) if ends_at else "",
        "who": "%(who)s",
        "role": "%(role)s",
    }
    if kind == ACTIVE:
        if starts_at and ends_at:
            return gettext("%(who)s will hold %(role)s from %(start)s until %(end)s.") % times
        if starts_at:
            return gettext("%(who)s will hold %(role)s from %(start)s, without an end.") % times
        if ends_at:
            return (
                gettext("%(who)s will hold %(role)s at once; it is taken away by itself at %(end)s.") % times
            )
        return gettext("%(who)s will hold %(role)s at once, without an end. Eligible would be safer.") % times
    if starts_at and ends_at:
        return gettext("%(who)s may activate %(role)s from %(start)s until %(end)s.") % times
    if starts_at:
        return gettext("%(who)s may activate %(role)s from %(start)s, without an end.") % times
    if ends_at:
        return gettext("%(who)s may activate %(role)s at once, until %(end)s.") % times
    return gettext("%(who)s may activate %(role)s at once, without an end.") % times


class ChangeForm(TimesForm):
    """Another end, another start while it has not started, another kind on renewal; and why.

    Args:
        held: what is changed.
        act: one of ``AccessRequest.Act``.
        kind: what it shall be afterwards; asked of the person where it is renewed.
    """

    kind = forms.ChoiceField(label=_("Kind"), choices=Kind.choices, widget=forms.RadioSelect)
    seen = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)

    def __init__(self, *args: Any, held: Held, act: str, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.held, self.act, self.becomes = held, act, kind
        self.role_settings: EffectiveSettings = settings_at(held.role, held.scope)
        self.initial.setdefault("seen", version_of(held))
        self.initial.setdefault("kind", kind)
        if act != Act.RENEW:
            del self.fields["kind"]
            if held.starts_at <= timezone.now() or act == Act.EXTEND or kind != kind_of(held):
                del self.fields["starts_at"]
            else:
                self.initial.setdefault("starts_at", held.starts_at)
        if kind == ELIGIBLE or not (self.role_settings.active_ticket or act == Act.RENEW):
            for name in ("ticket", "ticket_system"):
                self.fields[name].widget = forms.HiddenInput()

    def wanted(self) -> AskedAssignment:
        """What a valid form asks for."""
        return self.asked(self.cleaned_data.get("kind") or self.becomes)

    def effect(self) -> SafeString:
        """The sentence above the button, for what is filled in so far."""
        kind = self.readable("kind") or self.becomes
        said = {
            "who": format_html("<b>{}</b>", self.held.principal),
            "role": format_html("<b>{}</b>", self.held.role),
        }
        return mark_safe(what_it_means(kind, self.readable("starts_at"), self.readable("ends_at")) % said)  # noqa: S308


class RemovalForm(StrictForm):
    """Why; the verb refuses an empty one."""

    justification = forms.CharField(label=_("Justification"), widget=forms.Textarea)
    seen = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)


class ReasonForm(StrictForm):
    """Why a holder wants to keep something, or to have it again."""

    justification = forms.CharField(label=_("Why you still need it"), widget=forms.Textarea)


class TogetherForm(StrictForm):
    """One act for several things that were given; ``confirmed`` once they were listed."""

    act = forms.ChoiceField(choices=What.choices, widget=forms.HiddenInput)
    pick = forms.Field(required=False, widget=forms.MultipleHiddenInput)
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)
    ends_at = MomentField(label=_("Until"), help_text=_("Empty is without an end."))
    justification = forms.CharField(label=_("Justification"), required=False, widget=forms.Textarea)


class CopyForm(StrictForm):
    """Whom to copy to, which of the eligibilities, and why."""

    to = forms.CharField(label=_("To whom"), max_length=254, help_text=_("The email of whoever joins."))
    pick = forms.Field(required=False, widget=forms.MultipleHiddenInput)
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)
    justification = forms.CharField(label=_("Justification"), required=False, widget=forms.Textarea)


class EndEverythingForm(StrictForm):
    """Why everything that somebody holds ends."""

    justification = forms.CharField(label=_("Justification"), widget=forms.Textarea)
    seen = forms.CharField(max_length=64, widget=forms.HiddenInput)


class ImportForm(StrictForm):
    """A file, or its text; the text and what was shown of it come back when it is applied."""

    file = forms.FileField(label=_("File"), required=False, help_text=_("CSV in UTF-8."))
    text = forms.CharField(
        label=_("Or paste it here"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "code"}),
    )
    digest = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
