"""What a list says about each thing that somebody may activate or holds: who, how it stands, whence it comes, what can be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext

from accounts.addresses import address_of
from accounts.models import Group, Membership, User
from accounts.wording import worded
from approvals.listing import Held
from approvals.models import AccessRequest
from roles.models import Assignment, Eligibility, GroupAssignment, Origin, Role

Look = tuple[str, str, str]

PICKS: dict[type, str] = {Eligibility: "e", Assignment: "a", GroupAssignment: "g"}
NOUNS: dict[type, str] = {
    Eligibility: "eligibility",
    Assignment: "assignment",
    GroupAssignment: "group_assignment",
}
ACTS = {
    "update": ("sliders", _lazy("Update…")),
    "extend": ("calendar", _lazy("Extend…")),
    "renew": ("refresh", _lazy("Renew…")),
    "remove": ("x", _lazy("Remove…")),
}


@dataclass(frozen=True)
class Line:
    """One row of a list.

    Args:
        held: the eligibility or assignment itself.
        pick: how a form names it: ``e12``, ``a7``, ``g3``.
        look: tone, icon and word of its state.
        how: whence it comes, or why it stands as it does.
        request: key of the access request behind it.
        acts: what can be done with it: ``update``, ``extend``, ``renew``, ``remove``.
        refusal: why it cannot be taken away; "" when it can.
    """

    held: Held
    pick: str
    second: str
    look: Look
    how: str
    request: int | None = None
    acts: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def links(self) -> list[dict[str, str]]:
        """What can be done with it: address, icon and label."""
        noun = NOUNS[type(self.held)]
        return [
            {
                "act": act,
                "url": address_of(f"{act}_{noun}", self.held.pk),
                "icon": ACTS[act][0],
                "label": str(ACTS[act][1]),
            }
            for act in self.acts
        ]

    @property
    def group(self) -> Group | None:
        """The group that has it, where it is a group."""
        return getattr(self.held, "group", None)

    @property
    def mark(self) -> str:
        """The icon of who has it; "" for a person, who has initials."""
        if self.group:
            return "users"
        return "bot" if self.held.person.kind == User.Kind.SERVICE else ""  # type: ignore[union-attr]

    @property
    def ended(self) -> datetime | None:
        """When it ended or ends; None is never."""
        return getattr(self.held, "ended_at", None) or self.held.ends_at


def lines_for(rows: Sequence[Held], *, managed: Iterable[int]) -> list[Line]:
    """The lines for ``rows``. Five queries, however many there are.

    Args:
        managed: keys of the roles whose assignments the reader may change.
    """
    seen = _Seen(rows)
    return [seen.line(held, is_managed=held.role_id in managed) for held in rows]


class _Seen:
    """What several rows need to be told, asked for all of them together."""

    def __init__(self, rows: Sequence[Held]) -> None:
        self.now = timezone.now()
        assignments = [held.pk for held in rows if isinstance(held, Assignment)]
        self.counting = _in_force_among(assignments, self.now)
        self.sizes = _sizes_of({group.pk for held in rows if (group := getattr(held, "group", None))})
        self.requests = _requests_behind(rows)
        self.scarce = _scarce({held.role_id: held.role for held in rows})

    def line(self, held: Held, *, is_managed: bool) -> Line:
        refusal = self.refusal(held)
        return Line(
            held,
            pick=f"{PICKS[type(held)]}{held.pk}",
            second=self.second(held),
            look=self.look(held, is_protected=bool(refusal)),
            how=refusal or self.how(held),
            request=request_key(held),
            acts=self.acts(held) if is_managed and not refusal else (),
            refusal=refusal,
        )

    def is_over(self, held: Held) -> bool:
        """Whether it has ended, or does not count any more although its row does not say so yet."""
        if held.ends_at is not None and held.ends_at <= self.now:
            return True
        return isinstance(held, Assignment) and held.status == "active" and held.pk not in self.counting

    def look(self, held: Held, *, is_protected: bool) -> Look:
        if held.status in ("ended", "expired", "removed"):
            return "mute", "stop", _("Expired") if isinstance(held, Eligibility) else _("Ended")
        if held.status == "failed":
            return "bad", "alert", _("Not put in force")
        if held.status == "ending" or self.is_over(held):
            if isinstance(held, Eligibility):
                return "mute", "stop", _("Expired")
            if getattr(held, "last_error", ""):
                return "bad", "alert", _("Removal failed")
            return "wait", "refresh", _("Being removed")
        if held.starts_at > self.now:
            return "info", "calendar", _("Starts later")
        if held.status == "provisioning":
            return "wait", "hourglass", _("Being put in force")
        if isinstance(held, Eligibility):
            return "ok", "check", _("Eligible")
        if is_protected:
            return "info", "lock", _("Protected")
        if getattr(held, "origin", "") == Origin.FOUND_OUTSIDE:
            return "bad", "alert", _("Found outside")
        return ("ok", "check", _("In force")) if held.ends_at else ("wait", "lock", _("Standing"))

    def second(self, held: Held) -> str:
        """What stands under the name."""
        if group := getattr(held, "group", None):
            size = self.sizes.get(group.pk, 0)
            return ngettext("Group, %(n)s person", "Group, %(n)s people", size) % {"n": size}
        person: Any = held.person  # type: ignore[union-attr]  # the groups have gone above
        if person.kind == User.Kind.SERVICE:
            return _("Service principal")
        word = _("Break-glass account") if person.is_break_glass else _("Person")
        return f"{word}, {person.department}" if person.department else word

    def how(self, held: Held) -> str:
        if isinstance(held, Eligibility):
            return (
                _("Its members activate it for themselves")
                if held.group_id
                else _("Activates it when needed")
            )
        if getattr(held, "last_error", "") and held.status != "ended":
            return str(held.last_error)  # type: ignore[union-attr]
        if held.status in ("ended", "ending") and held.end_cause:
            return _("Ended: %(cause)s") % {"cause": held.get_end_cause_display()}
        if isinstance(held, Assignment):
            if held.through:
                return _("Through %(group)s") % {"group": held.through.group}
            if held.origin == Origin.FOUND_OUTSIDE:
                return _("Made at the directory, not here")
            if held.eligibility:
                group = held.eligibility.group
                return _("Activated, through %(group)s") % {"group": group} if group else _("Activated")
        who = self.requests.get(request_key(held) or 0)
        return _("Assigned by %(who)s") % {"who": who} if who else _("Assigned")

    def acts(self, held: Held) -> tuple[str, ...]:
        if held.status in ("ended", "expired") or (isinstance(held, Eligibility) and self.is_over(held)):
            is_direct = not isinstance(held, Assignment) or _is_given_directly(held)
            return ("renew",) if is_direct else ()
        if held.status == "ending" or self.is_over(held) or getattr(held, "through_id", None):
            return ()
        if isinstance(held, Assignment) and not _is_given_directly(held):
            return ("remove",)
        return ("update", "extend", "remove") if held.ends_at else ("update", "remove")

    def refusal(self, held: Held) -> str:
        """Why it cannot be lost: it is one of the last that keep a protected role alive."""
        if not isinstance(held, Assignment) or held.role_id not in self.scarce or not _is_standing(held):
            return ""
        least = self.scarce[held.role_id]
        words = ngettext(
            "Last holder: %(role)s keeps at least %(n)s for good",
            "One of the last holders: %(role)s keeps at least %(n)s for good",
            least,
        )
        return words % {"role": held.role, "n": least}


def request_key(held: Held) -> int | None:
    """The key of the access request behind it, from its number (R-2026-00042)."""
    tail = getattr(held, "request_number", "").rpartition("-")[2]
    return int(tail) if tail.isascii() and tail.isdigit() else None


def _is_given_directly(held: Assignment) -> bool:
    return held.origin == Origin.DIRECT and held.eligibility_id is None and held.through_id is None


def _is_standing(held: Assignment) -> bool:
    """Whether the guard of protected roles counts it (``roles.triggers``)."""
    return (
        held.status == Assignment.Status.ACTIVE
        and held.ends_at is None
        and held.eligibility_id is None
        and held.through_id is None
        and held.origin in (Origin.DIRECT, Origin.FOUND_OUTSIDE)
        and held.person.is_active
        and held.person.kind == User.Kind.PERSON
        and held.scope.is_root
    )


def _in_force_among(assignments: list[int], now: datetime) -> set[int]:
    """Those of ``assignments`` that count now."""
    if not assignments:
        return set()
    return set(worded(_counting, now, tuple(assignments)))


def _counting(now: datetime, assignments: tuple[int, ...]) -> QuerySet[Assignment, int]:
    return Assignment.objects.in_force(now).filter(pk__in=assignments).order_by().values_list("pk", flat=True)


def _sizes_of(groups: set[int]) -> dict[int, int]:
    """How many members each group has at this moment."""
    return dict(worded(_sizes, timezone.now(), tuple(groups))) if groups else {}


def _sizes(now: datetime, groups: tuple[int, ...]) -> QuerySet[Membership, tuple[int, int]]:
    members = Membership.objects.in_force(now).filter(group__in=groups, kind=Membership.Kind.MEMBER)
    counted: Any = members.order_by().values_list("group").annotate(size=Count("person", distinct=True))
    return counted  # type: ignore[no-any-return]


def _requests_behind(rows: Sequence[Held]) -> dict[int, User | None]:
    """Who asked for what was given, by the key of the request."""
    given = [held for held in rows if not isinstance(held, Assignment) or _is_given_directly(held)]
    keys = {key for held in given if (key := request_key(held))}
    return {one.pk: one.requester for one in worded(_requests, tuple(keys))} if keys else {}


def _requests(keys: tuple[int, ...]) -> QuerySet[AccessRequest]:
    return AccessRequest.objects.filter(pk__in=keys).select_related("requester")


def _scarce(roles: dict[int, Role]) -> dict[int, int]:
    """Of ``roles`` those that have no more holders for good than they must keep, with how many that is."""
    protected = {key: role.least_holders for key, role in roles.items() if role.least_holders}
    if not protected:
        return {}
    counted: Any = (
        Assignment.objects.filter(
            role__in=protected,
            status=Assignment.Status.ACTIVE,
            ends_at=None,
            eligibility=None,
            through=None,
            origin__in=[Origin.DIRECT, Origin.FOUND_OUTSIDE],
            person__is_active=True,
            person__kind=User.Kind.PERSON,
            scope__parent=None,
        )
        .order_by()
        .values_list("role")
        .annotate(holders=Count("person", distinct=True))
    )
    return {key: protected[key] for key, holders in counted if holders <= protected[key]}
