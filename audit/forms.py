"""What one may ask of the journal, and say about an alert."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import User
from audit.alerts.alerting import QUIET_DAYS
from audit.history import HistorySpan
from audit.journal.models import AuditEvent, Outcome
from audit.journal.plain import one_line
from audit.vocabulary import values_like

PORTAL_WORDS = ("portal", "the portal")
MOST_PEOPLE = 500  # whose entries are looked for when a part of a name fits many
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class MomentField(forms.CharField):
    """A day or a moment in the reader's time zone, ``2026-11-18`` or ``2026-11-18 14:20``, as aware UTC.

    Args:
        whole_day: whether a day alone means its end (the beginning of the next one).
    """

    widget = forms.TextInput

    def __init__(self, *, whole_day: bool = False, **options: Any) -> None:
        self.whole_day = whole_day
        super().__init__(**options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value).strip()
        if not text:
            return None
        wrong = forms.ValidationError(_("Write a day or a moment like 2026-11-18 or 2026-11-18 14:20."))
        try:
            if len(text) <= len("2026-11-18"):
                moment = datetime.combine(date.fromisoformat(text), time())
                moment += timedelta(days=1) if self.whole_day else timedelta()
            else:
                moment = datetime.fromisoformat(text)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.get_current_timezone())
            found = aware.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise wrong from error
        if not EARLIEST <= found <= LATEST:
            raise wrong
        return found


class JournalFilter(forms.Form):
    """What to show of the journal. Forgiving: a field with a mistake says so, and the others count all the same."""

    person = forms.CharField(label=_("Person"), required=False, max_length=150)
    actor = forms.CharField(label=_("Actor"), required=False, max_length=150)
    about = forms.CharField(label=_("About"), required=False, max_length=150)
    action = forms.CharField(label=_("Action"), required=False, max_length=80)
    directory = forms.CharField(label=_("Directory"), required=False, max_length=200)
    role = forms.CharField(label=_("Role"), required=False, max_length=200)
    outcome = forms.ChoiceField(
        label=_("Outcome"), required=False, choices=[("", _("Any outcome")), *Outcome.choices]
    )
    access_request = forms.CharField(label=_("Request"), required=False, max_length=40)
    text = forms.CharField(label=_("Text"), required=False, max_length=200)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields = {  # "from" is no name that Python lets a class have
            "from": MomentField(label=_("From"), required=False),
            "to": MomentField(label=_("To"), required=False, whole_day=True),
            **self.fields,
        }

    def events(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """``events``, only those that every field without a mistake lets through."""
        self.is_valid()
        said = {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
        asked = Q()
        if "from" in said:
            asked &= Q(at__gte=said["from"])
        if "to" in said:
            asked &= Q(at__lt=said["to"])
        if "person" in said:
            asked &= who("actor", said["person"]) | who("about", said["person"])
        for side in ("actor", "about"):
            if side in said:
                asked &= who(side, said[side])
        if "action" in said:
            said["action"] = said["action"].lower().replace(" ", "_")
        for name in ("action", "directory", "role"):
            if name in said:
                asked &= Q(**{f"{name}__in": values_like(name, said[name])})
        if "outcome" in said:
            asked &= Q(outcome=said["outcome"])
        if "access_request" in said:
            asked &= Q(access_request=said["access_request"].upper())
        if "text" in said:
            asked &= words_in(said["text"])
        return events.filter(asked)

    @property
    def is_a_span(self) -> bool:
        """Whether a span of time is asked for, and nothing else."""
        return bool(self.in_words()) and set(self.in_words()) <= {"from", "to"}

    def span(self) -> HistorySpan:
        """What of the models' own history is meant: the fields for time and actor count, the others say nothing there."""
        self.is_valid()
        asked = self.cleaned_data
        name = asked.get("actor") or asked.get("person")
        return HistorySpan(
            since=asked.get("from"),
            until=asked.get("to"),
            by=people_called(name) if name else None,
        )

    def in_words(self) -> dict[str, str]:
        """What was asked, for the entry about a download."""
        return {
            name: one_line(str(self.data[name]), most=200)
            for name in self.fields
            if self.data.get(name, "").strip()
        }


def quiet_words(days: int) -> str:
    """How long a dismissed alert stays quiet: "7 days"."""
    return ngettext("%(n)s day", "%(n)s days", days) % {"n": days}


class AlertForm(forms.Form):
    """What a keeper of alerts says about one. Which field is needed depends on the act; the verbs decide."""

    status = forms.CharField(required=False, widget=forms.HiddenInput)
    justification = forms.CharField(
        label=_("Justification"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2})
    )
    days = forms.ChoiceField(
        label=_("Quiet for"),
        required=False,
        choices=lambda: [(str(days), quiet_words(days)) for days in QUIET_DAYS],
    )

    def clean_days(self) -> int:
        return int(self.cleaned_data["days"] or QUIET_DAYS[1])


def words_in(text: str) -> Q:
    """Entries that contain ``text`` in what people wrote or in what it is about, or have it as their number."""
    found = Q(justification__icontains=text) | Q(subject_name__icontains=text) | Q(detail__icontains=text)
    plain_number = text.replace(" ", "").replace("\u2009", "")
    return found | Q(number=int(plain_number)) if plain_number.isascii() and plain_number.isdigit() else found


def who(side: str, name: str) -> Q:
    """Entries whose actor, or whom they are about, is or was called ``name``."""
    if side == "actor" and name.strip().lower() in PORTAL_WORDS:
        return Q(actor__isnull=True) & ~Q(actor_name="somebody not signed in")
    keys = people_called(name)
    if side == "actor" and not keys:
        return Q(actor__isnull=True, actor_name__icontains=name)
    return Q(**{f"{side}__in": keys})


def people_called(name: str) -> list[int]:
    """Keys of the people whose name or email contains ``name``, today or once: those who are gone have history."""
    called = Q(display_name__icontains=name) | Q(email__icontains=name)
    today = User.objects.filter(called).order_by().values_list("pk", flat=True)
    once = User.history.filter(called).order_by().values_list("id", flat=True).distinct()
    return list(dict.fromkeys([*today[:MOST_PEOPLE], *once[:MOST_PEOPLE]]))
