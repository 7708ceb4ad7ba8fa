"""What role administrators fill in about automatic rules and calendars: one row for each kind of condition."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from accounts.models import Group
from approvals.automatic.conditions import KINDS, LONGEST_PATTERN, FaultyCondition
from approvals.automatic.models import AutomaticRule, Calendar
from approvals.forms import JustifiedForm

NOT_ASKED, MUST, MUST_NOT = "", "must", "must_not"
ANSWERS = [(NOT_ASKED, _("does not matter")), (MUST, _("must be so")), (MUST_NOT, _("must not be so"))]
DAYS = [
    ("0", _("Mon")),
    ("1", _("Tue")),
    ("2", _("Wed")),
    ("3", _("Thu")),
    ("4", _("Fri")),
    ("5", _("Sat")),
    ("6", _("Sun")),
]
OFFERED_GROUPS = 200
#: the fields of each row, by the name the condition stores them under
ROWS: dict[str, dict[str, str]] = {
    "window": {"zone": "window_zone", "days": "window_days", "from": "window_from", "to": "window_to"},
    "calendar": {"calendar": "calendar_key"},
    "member": {"group": "member_group"},
    "ticket": {"pattern": "ticket_pattern"},
    "risk": {"most": "risk_most"},
}


class RuleForm(JustifiedForm):
    """Name, verdict and conditions of a rule.

    Args:
        before: the version that the new one takes the place of; None for a new rule.
        zone: the time zone that a new rule's form suggests.
    """

    field_order = ("name", "key", "verdict")

    name = forms.CharField(label=_("Name"), max_length=100)
    key = forms.CharField(
        label=_("Key"),
        max_length=60,
        required=False,
        help_text=_("Role settings and the journal call it by this. Empty makes one of the name."),
    )
    verdict = forms.ChoiceField(
        label=_("What it decides"), choices=AutomaticRule.Verdict.choices, widget=forms.RadioSelect
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    window_must = forms.ChoiceField(label=_("Time of the week"), required=False, choices=ANSWERS)
    window_zone = forms.CharField(label=_("Time zone"), required=False, max_length=64)
    window_days = forms.MultipleChoiceField(
        label=_("Days"), required=False, choices=DAYS, widget=forms.CheckboxSelectMultiple
    )
    window_from = forms.CharField(label=_("From"), required=False, max_length=5)
    window_to = forms.CharField(label=_("To"), required=False, max_length=5)
    calendar_must = forms.ChoiceField(label=_("On call"), required=False, choices=ANSWERS)
    calendar_key = forms.ChoiceField(label=_("Calendar"), required=False)
    member_must = forms.ChoiceField(label=_("Membership"), required=False, choices=ANSWERS)
    member_group = forms.CharField(label=_("Group"), required=False, max_length=150)
    ticket_must = forms.ChoiceField(label=_("Ticket"), required=False, choices=ANSWERS)
    ticket_pattern = forms.CharField(
        label=_("Form of the ticket"), required=False, max_length=LONGEST_PATTERN, strip=False
    )
    risk_must = forms.ChoiceField(label=_("Risk"), required=False, choices=ANSWERS)
    risk_most = forms.ChoiceField(
        label=_("At most"), required=False, choices=[("low", _("low")), ("medium", _("medium"))]
    )

    def __init__(
        self, *args: Any, before: AutomaticRule | None = None, zone: str = "UTC", **kwargs: Any
    ) -> None:
        usual = {
            "window_zone": zone,
            "window_from": "08:00",
            "window_to": "18:00",
            "window_days": list("01234"),
        }
        kwargs["initial"] = usual | (filled_from(before) if before else {"verdict": "approve"})
        super().__init__(*args, **kwargs)
        self.before = before
        self.calendars = {calendar.key: calendar.name for calendar in Calendar.objects.all()}
        self.fields["calendar_key"] = forms.ChoiceField(
            label=_("Calendar"), required=False, choices=[("", "—"), *self.calendars.items()]
        )
        if before is not None:
            del self.fields["key"]
        self.conditions: list[dict[str, Any]] = []

    @property
    def groups(self) -> list[str]:
        """Names of groups that the browser suggests."""
        return list(Group.objects.order_by("name").values_list("name", flat=True)[:OFFERED_GROUPS])

    def clean(self) -> dict[str, Any]:
        """Each row that matters is a condition; what is wrong with one stands beside its field."""
        said = super().clean()
        for kind in ROWS:
            if answer := said.get(f"{kind}_must"):
                self._add_condition(kind, must_hold=answer == MUST)
        if not self.conditions and not self.errors:
            raise forms.ValidationError(_now("Let at least one condition matter."))
        return said

    def _add_condition(self, kind: str, *, must_hold: bool) -> None:
        said = self.cleaned_data
        if any(field in self.errors for field in ROWS[kind].values()):
            return
        stored: dict[str, Any] = {name: said[field] for name, field in ROWS[kind].items()}
        if kind == "window":
            stored["days"] = [int(day) for day in stored["days"]]
        elif kind == "calendar":
            stored["name"] = self.calendars.get(stored["calendar"], "")
        elif kind == "member":
            group = Group.objects.filter(name__iexact=stored["group"]).first() if stored["group"] else None
            if group is None and stored["group"]:
                self.add_error("member_group", _now("There is no group of this name."))
                return
            stored = {"group": group.pk, "name": group.name} if group else {"group": None}
        try:
            condition = KINDS[kind].from_json(stored | {"must_hold": must_hold})
        except FaultyCondition as fault:
            self.add_error(fault.field or None, fault.message)
        else:
            self.conditions.append(condition.as_json())

    def rule(self) -> AutomaticRule:
        """The rule as it is filled in, not saved. Which version it is, is what the page said it would be."""
        said = self.cleaned_data
        key = (
            self.before.key if self.before else (said["key"].strip() or slugify(said["name"])[:60].strip("-"))
        )
        version = said.get("version") if self.before else 1
        return AutomaticRule(
            key=key,
            version=version or 1,
            name=said["name"],
            verdict=said["verdict"],
            conditions=self.conditions,
        )


def filled_from(rule: AutomaticRule) -> dict[str, Any]:
    """The form as it would have been filled in for ``rule``; ready for its next version."""
    newest = AutomaticRule.objects.filter(key=rule.key).order_by("-version").first() or rule
    filled: dict[str, Any] = {"name": rule.name, "verdict": rule.verdict, "version": newest.version + 1}
    for said in rule.conditions:
        if not isinstance(said, dict) or said.get("kind") not in ROWS:
            continue
        kind = said["kind"]
        filled[f"{kind}_must"] = MUST if said.get("must_hold") else MUST_NOT
        filled |= {field: said.get(name) for name, field in ROWS[kind].items()}
        if kind == "window":
            filled["window_days"] = [str(day) for day in said.get("days", [])]
        elif kind == "member":
            group = Group.objects.filter(pk=said.get("group", 0)).first()
            filled["member_group"] = group.name if group else said.get("name")
    return filled


class CalendarForm(JustifiedForm):
    """Name and address of a calendar; its key only as long as it is new."""

    field_order = ("name", "key", "url")

    name = forms.CharField(label=_("Name"), max_length=100)
    key = forms.CharField(
        label=_("Key"),
        max_length=60,
        required=False,
        help_text=_("Rules know it by this. Empty makes one of the name."),
    )
    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_("Of an iCalendar text (.ics), beginning with https. It is read every five minutes."),
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, calendar: Calendar, **kwargs: Any) -> None:
        kwargs["initial"] = {"name": calendar.name, "url": calendar.url}
        super().__init__(*args, **kwargs)
        self.calendar = calendar
        if calendar.pk:
            del self.fields["key"]

    def filled(self) -> Calendar:
        """The calendar with what was filled in, not saved."""
        said, calendar = self.cleaned_data, self.calendar
        if not calendar.pk:
            calendar.key = said["key"].strip() or slugify(said["name"])[:60].strip("-")
        calendar.name, calendar.url = said["name"], said["url"]
        return calendar
