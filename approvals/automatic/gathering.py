"""Reading what the conditions of automatic rules look at, once, into a plain document that is kept with the decision."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts.models import Group, Membership, User
from approvals.automatic.conditions import Condition, MemberOf, OnCall, RiskAtMost
from approvals.automatic.models import Calendar
from approvals.automatic.on_call import covers, names
from approvals.automatic.risk import Facts
from approvals.models import AccessRequest
from roles.models.role import Risk

USUAL_DAYS, DENIED_DAYS = 90, 30
MOST_ROWS = 200  # requests of the past that are looked at
MOST_EVENTS = 50  # kept of each calendar: those that go on at the moment, who is asked about first


def inputs_for(
    access_request: AccessRequest, conditions: Iterable[Condition], *, decided_at: datetime | None = None
) -> dict[str, Any]:
    """Everything that ``conditions`` look at, of the requested role and the person it is for, as plain values.

    Five queries at most: two for the risk, one each for groups, memberships, calendars and the person's name.

    Args:
        decided_at: now when left out; another moment to try what would have been.
    """
    kinds = list(conditions)
    now = decided_at or timezone.now()
    holder = access_request.holder
    moment = max(begins_at(access_request), now)
    inputs: dict[str, Any] = {
        "access_request": access_request.number,
        "decided_at": as_text(now),
        "moment": as_text(moment),
        "ticket": access_request.ticket,
    }
    if holder is None:  # a group: what asks about a person cannot be told
        return inputs
    inputs["person"] = {"email": holder.email.casefold(), "name": holder.display_name}
    if groups := {one.group for one in kinds if isinstance(one, MemberOf)}:
        inputs["groups"] = groups_of(holder, groups, now=now, moment=moment)
    if calendars := {one.calendar for one in kinds if isinstance(one, OnCall)}:
        named = User.objects.enabled().filter(display_name__iexact=holder.display_name)
        inputs["person"]["is_the_only_one"] = not named.exclude(pk=holder.pk).exists()
        inputs["calendars"] = calendars_for(inputs["person"], calendars, moment=moment)
    if any(isinstance(one, RiskAtMost) for one in kinds):
        inputs["risk"] = facts_about(access_request, at=moment).as_json()
    return inputs


def begins_at(access_request: AccessRequest) -> datetime:
    """From when on what is asked would count: what is longer begins at the end it has."""
    if access_request.act == AccessRequest.Act.PROLONG and access_request.assignment is not None:
        return access_request.assignment.ends_at or access_request.created_at
    return access_request.asked_start or access_request.created_at


def groups_of(person: User, keys: Iterable[int], *, now: datetime, moment: datetime) -> dict[str, Any]:
    """Of each group that exists, whether ``person`` is a member now and still is at ``moment``."""
    wanted = list(keys)
    mine = Membership.objects.in_force(now).filter(
        Q(ends_at=None) | Q(ends_at__gt=moment),
        person=person,
        group__in=wanted,
        kind=Membership.Kind.MEMBER,
    )
    member_of = set(mine.values_list("group", flat=True))
    return {
        str(group.pk): {"name": group.name, "member": group.pk in member_of}
        for group in Group.objects.filter(pk__in=wanted)
    }


def calendars_for(person: dict[str, Any], keys: Iterable[str], *, moment: datetime) -> dict[str, Any]:
    """Of each calendar that exists, how old the copy is and what goes on in it at ``moment``."""
    found = {}
    for calendar in Calendar.objects.filter(key__in=list(keys)):
        read = events_read(calendar)
        try:
            here = [event for event in read["events"] if covers(event, moment)]
            here.sort(key=lambda event: not names(event, person))
        except (KeyError, TypeError, ValueError, AttributeError):  # not what the portal has written
            read, here = nothing_read(), []
        found[calendar.key] = {
            "name": calendar.name,
            "fetched_at": as_text(calendar.fetched_at) if calendar.fetched_at else "",
            "from": read["from"],
            "until": read["until"],
            "events": here[:MOST_EVENTS],
        }
    return found


def events_read(calendar: Calendar) -> dict[str, Any]:
    """What was read of a calendar: its events, and between which moments they were looked for."""
    try:
        return nothing_read() | dict(json.loads(calendar.text or "{}"))
    except (ValueError, TypeError):
        return nothing_read()


def nothing_read() -> dict[str, Any]:
    """What stands for a calendar of which nothing can be told."""
    return {"from": "", "until": "", "events": []}


def facts_about(access_request: AccessRequest, *, at: datetime) -> Facts:
    """The facts about a request as they were before it, for the requested role alone. Two queries.

    Args:
        at: the moment from which it would count, for the hour of the day.

    Raises:
        ValueError: it is for a group.
    """
    holder = access_request.holder
    if holder is None:
        raise ValueError("the risk of a group's request is not known")
    filed, zone, Status = access_request.created_at, holder.zone, AccessRequest.Status
    before = AccessRequest.objects.filter(
        act=AccessRequest.Act.ACTIVATE,
        role=access_request.role_id,
        holder__in=User.objects.same_human_as(holder),
        created_at__lte=filed,
    ).exclude(pk=access_request.pk)
    lately = before.filter(created_at__gt=filed - timedelta(days=USUAL_DAYS)).order_by("-created_at")
    found = list(lately.values_list("status", "created_at")[:MOST_ROWS])
    approved = [when for status, when in found if status == Status.APPROVED]
    denials = [when for status, when in found if status == Status.DENIED]
    return Facts(
        privileged=access_request.role.risk == Risk.HIGH,
        minutes=access_request.minutes or 0,
        longest=access_request.asked_under.max_minutes,
        activated_before=bool(approved) or before.filter(status=Status.APPROVED).exists(),
        hour=timezone.localtime(at, zone).hour,
        usual_hours=tuple(timezone.localtime(when, zone).hour for when in approved),
        denied=sum(when > filed - timedelta(days=DENIED_DAYS) for when in denials),
        recent=sum(when > filed - timedelta(days=1) for when in approved),
        second_factor=access_request.factor_use_id is not None,
    )


def as_text(at: datetime) -> str:
    """A moment in UTC, for a document."""
    return at.astimezone(UTC).isoformat()
