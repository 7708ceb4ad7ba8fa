"""The connector to the portal's own groups: their roles are membership and ownership, and a membership carries its own end.

Beside `portal` the one connector that knows the portal, and it runs in the caller's transaction as that one does. It
writes and takes away only what was given through it. A membership that somebody entered by hand stands beside it and
goes its own way: the person is in the group while one of the two is in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from django.db import transaction
from django.utils import timezone

from accounts.models import Group, Membership, User

from .base import WHOLE, Capabilities, Denied, Finding, Grant, NotFound, Outcome, refuse_scopes

BY_HAND = "by hand"


def entitlement_of(kind: str, group: int) -> str:
    """What the membership or ownership of a group is called here: "member:12".

    Args:
        kind: one of `Membership.Kind`.
        group: its key. Never its name: a name can be given to another group.
    """
    return f"{kind}:{group}"


def group_of(entitlement: str) -> tuple[str, int] | None:
    """Kind and key of the group that an entitlement is about; None when it is not about one."""
    kind, _, key = entitlement.partition(":")
    known = kind in Membership.Kind.values and key.isascii() and key.isdecimal()
    return (kind, int(key)) if known else None


class GroupsConnector:
    """Gives and takes memberships. `account` is a person's key, `entitlement` as `entitlement_of`."""

    def __init__(self, settings: Mapping[str, object] | None = None, secret: str = "") -> None:
        self._settings, self._secret = settings or {}, secret

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(native_expiry="optional", ends_sessions=True)

    def check(self, entitlements: Iterable[str] = ()) -> Finding:
        """Usable while every group asked about exists: it is the portal's own database."""
        administers = [
            entitlement_of(kind, group)
            for group in Group.objects.values_list("pk", flat=True)
            for kind in Membership.Kind.values
        ]
        unknown = sorted(set(entitlements).difference(administers))
        return Finding(
            usable=not unknown,
            version="PIM Portal",
            service_account="the portal",
            rights=[],
            administers=administers,
            missing=[f"There is no group behind {name}." for name in unknown],
            excess=[],
        )

    def grant(
        self,
        account: str,
        entitlement: str,
        *,
        not_after: datetime | None,
        operation: str,
        scope: str = WHOLE,
    ) -> Outcome:
        """Let the person be in the group until `not_after`; for good when None."""
        refuse_scopes(scope)
        person, (kind, group) = self._person(account), self._group(entitlement)
        if not person.is_active or person.is_service:
            raise Denied(f"{person} is disabled, or no person, and cannot be in a group.")
        now = timezone.now()
        with transaction.atomic():
            membership = self._given(person, kind, group).first()
            going_on = membership is not None and (membership.ends_at is None or membership.ends_at > now)
            if membership is not None and going_on and membership.ends_at == not_after:
                return Outcome(changed=False, not_after=not_after)
            if membership is None:
                origin = Membership.Origin.ACTIVATED
                membership = Membership(group=group, person=person, kind=kind, origin=origin)
            if not going_on:
                membership.starts_at = now
            membership.ends_at = not_after
            membership.save()
        return Outcome(changed=True, not_after=not_after)

    def revoke(
        self, account: str, entitlement: str, *, operation: str, receipt: str = "", scope: str = WHOLE
    ) -> Outcome:
        """End what was given here. There are no sessions to end: every page asks for the membership anew."""
        refuse_scopes(scope)
        person, (kind, group) = self._person(account), self._group(entitlement)
        with transaction.atomic():
            held = list(self._given(person, kind, group))
            for membership in held:
                membership.delete()
        return Outcome(changed=bool(held))

    def list_grants(self, entitlements: Iterable[str]) -> Iterable[Grant]:
        """The memberships in force; those entered by hand say so."""
        wanted = [about for about in map(group_of, entitlements) if about is not None]
        return [
            Grant(
                str(one.person_id),
                entitlement_of(one.kind, one.group_id),
                one.ends_at,
                BY_HAND if one.origin == Membership.Origin.DIRECT else "",
            )
            for one in Membership.objects.in_force().filter(group__in={group for _, group in wanted})
            if (one.kind, one.group_id) in wanted
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        return None

    def _given(self, person: Any, kind: str, group: Any) -> Any:
        origin = Membership.Origin.ACTIVATED
        return Membership.objects.filter(person=person, group=group, kind=kind, origin=origin)

    def _person(self, account: str) -> Any:
        person = User.objects.filter(pk=account).first() if account.isdigit() else None
        if person is None:
            raise NotFound(f"There is no person with the key {account}.")
        return person

    def _group(self, entitlement: str) -> tuple[str, Any]:
        about = group_of(entitlement)
        group = Group.objects.filter(pk=about[1]).first() if about else None
        if about is None or group is None:
            raise NotFound(f"There is no group behind {entitlement}.")
        return about[0], group
