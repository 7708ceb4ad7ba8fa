"""The field in which approvers are named: chips to take away, and a line in which to add some."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import Group, Membership, User, canonical_email
from approvals.settings.places import Line
from roles.models import Approver

Kind = Approver.Kind
RULES = (Kind.MANAGER, Kind.OWNERS)
NAMED = (Kind.PERSON, Kind.GROUP)


class ApproversField(forms.Field):
    """Lines of approvers, each sent as ``person-3``, ``group-2``, ``manager`` or ``owners``."""

    widget = forms.SelectMultiple

    def to_python(self, value: Any) -> list[Line]:
        """The lines.

        Raises:
            ValidationError: something that is none, or somebody who does not exist.
        """
        lines = [line_of(str(one)) for one in value or ()]
        people, groups = {line.person for line in lines} - {0}, {line.group for line in lines} - {0}
        found = User.objects.filter(pk__in=people).count() + Group.objects.filter(pk__in=groups).count()
        if found != len(people) + len(groups):
            raise ValidationError(_("Somebody named here is gone. Open the page anew."))
        return sorted(set(lines))

    def prepare_value(self, value: Any) -> Any:
        return [text_of(one) if isinstance(one, Line) else one for one in value or ()]


def text_of(line: Line) -> str:
    """A line as forms send it."""
    return f"{line.kind}-{line.person or line.group}" if line.kind in NAMED else line.kind


def line_of(text: str) -> Line:
    """A line from what forms send.

    Raises:
        ValidationError: it is none.
    """
    kind, _dash, key = text.partition("-")
    if text in RULES:
        return Line(text)
    if kind in NAMED and key.isdecimal() and 0 < int(key) < 2**63 and len(key) < 19:
        return Line(kind, person=int(key)) if kind == Kind.PERSON else Line(kind, group=int(key))
    raise ValidationError(_("This is no approver: %(text)s.") % {"text": text[:60]})


def lines_in(text: str) -> tuple[list[Line], list[str]]:
    """The people and groups that somebody typed, separated by comma or semicolon, and what nobody goes by."""
    lines, unknown = [], []
    for name in (one.strip() for one in re.split(r"[,;\n]", text)):
        if not name:
            continue
        person = User.objects.enabled().filter(email=canonical_email(name), kind=User.Kind.PERSON).first()
        group = None if person else Group.objects.filter(name__iexact=name).first()
        if person:
            lines.append(Line(Kind.PERSON, person=person.pk))
        elif group:
            lines.append(Line(Kind.GROUP, group=group.pk))
        else:
            unknown.append(name)
    return lines, unknown


@dataclass(frozen=True)
class Chip:
    """An approver as a page shows them.

    Args:
        value: as forms send it; note: what is odd about them.
    """

    value: str
    label: str
    icon: str = ""
    note: str = ""


def chips_of(values: Iterable[Any]) -> list[Chip]:
    """Chips for people and groups in what a form holds; the rules have switches of their own."""
    lines = []
    for one in values:
        try:
            lines.append(one if isinstance(one, Line) else line_of(str(one)))
        except ValidationError:
            continue
    people = User.objects.in_bulk([line.person for line in lines if line.person])
    groups = Group.objects.in_bulk([line.group for line in lines if line.group])
    chips = []
    for line in sorted(set(lines)):
        if line.person in people:
            person = people[line.person]
            chips.append(Chip(text_of(line), str(person), note="" if person.is_active else _("disabled")))
        elif line.group in groups:
            members = Membership.objects.in_force().filter(
                group=line.group, kind=Membership.Kind.MEMBER, person__is_active=True
            )
            label = f"{groups[line.group]} ({members.count()})"
            chips.append(Chip(text_of(line), label, "users"))
    return chips
