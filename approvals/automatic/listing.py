"""Questions about rules for the pages that show them: where they are named, how often they decided, what they would decide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.utils import timezone

from approvals.automatic.conditions import FaultyCondition, read_conditions
from approvals.automatic.deciding import conditions_of
from approvals.automatic.gathering import as_text, events_read, inputs_for
from approvals.automatic.judging import UNREADABLE, Judgement, as_said, judge
from approvals.automatic.models import AutomaticDecision, AutomaticRule, Calendar
from approvals.automatic.on_call import STALE_AFTER, covers
from approvals.models import AccessRequest
from roles.models import Role, RoleSettings

COUNTED_DAYS = 30
TRIED = 20  # requests
SHOWN_EVENTS = 20


@dataclass(frozen=True)
class Line:
    """A version of a rule as a list shows it.

    Args:
        words: its conditions as sentences.
        named_in: the role settings that name it.
        decided: how often it decided lately.
    """

    rule: AutomaticRule
    words: list[str]
    named_in: list[RoleSettings]
    decided: int


@dataclass(frozen=True)
class Tried:
    """What a rule would have come to on a request."""

    access_request: AccessRequest
    judgement: Judgement


def lines_of(rules: Iterable[AutomaticRule]) -> list[Line]:
    """The lines of ``rules``. Two queries besides theirs, however many they are."""
    wanted = list(rules)
    since = timezone.now() - timedelta(days=COUNTED_DAYS)
    made = AutomaticDecision.objects.filter(rule__in=wanted, at__gt=since)
    counted = dict(made.order_by("rule").values_list("rule").annotate(Count("pk")))
    naming = settings_naming()
    return [
        Line(rule, words_of(rule.conditions), naming.get(rule.reference, []), counted.get(rule.pk, 0))
        for rule in wanted
    ]


def settings_naming() -> dict[str, list[RoleSettings]]:
    """The role settings that name a rule, by its reference."""
    found: dict[str, list[RoleSettings]] = {}
    rows = RoleSettings.objects.exclude(automatic=None).exclude(automatic="")
    for row in rows.select_related("role__directory", "directory", "scope"):
        for reference in (row.automatic or "").split():
            found.setdefault(reference, []).append(row)
    return found


def words_of(conditions: Any) -> list[str]:
    """Conditions as sentences; none where they cannot be read."""
    try:
        return [one.in_words() for one in read_conditions(conditions)]
    except (FaultyCondition, *UNREADABLE):
        return []


def try_rule(rule: AutomaticRule, role: Role) -> list[Tried]:
    """What ``rule`` would have come to on the last requests for ``role``, by the very function that decides.

    Each is judged as of when it was filed; memberships as far as they are still known, calendars as they are now.
    """
    asked = AccessRequest.objects.filter(
        role=role, act__in=[AccessRequest.Act.ACTIVATE, AccessRequest.Act.PROLONG], holder__isnull=False
    )
    related = ("role", "holder", "assignment")
    conditions = conditions_of([rule])
    found = []
    for access_request in asked.select_related(*related).order_by("-created_at", "-pk")[:TRIED]:
        then = access_request.created_at
        inputs = inputs_for(access_request, conditions, decided_at=then)
        for calendar in inputs.get("calendars", {}).values():
            if calendar["fetched_at"]:
                calendar["fetched_at"] = as_text(then)  # its age then is not known
        found.append(Tried(access_request, judge(as_said(rule), inputs)))
    return found


def on_call_now(calendar: Calendar) -> list[dict[str, Any]]:
    """The events of a calendar that go on at this moment."""
    now = timezone.now()
    return [event for event in events_read(calendar)["events"] if covers(event, now)][:SHOWN_EVENTS]


def is_stale(calendar: Calendar) -> bool:
    """Whether the copy of a calendar is too old to say anything."""
    return calendar.fetched_at is None or timezone.now() - calendar.fetched_at > STALE_AFTER
