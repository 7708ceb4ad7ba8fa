"""The connector to the portal's own directory: its roles are duties, and a holding carries its own end.

The one connector that knows the portal: it writes duty holdings. It runs in the caller's transaction, so a duty
begins and ends with the act itself and needs no worker; when the time is over the holding is over by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from django.db import transaction
from django.utils import timezone

from accounts.duties import Duty
from accounts.models import DutyHolding, User

from .base import WHOLE, Capabilities, Denied, Finding, Grant, NotFound, Outcome, refuse_scopes


class PortalConnector:
    """Gives and takes duties. ``account`` is a person's key, ``entitlement`` the name of a duty."""

    def __init__(self, settings: Mapping[str, object] | None = None, secret: str = "") -> None:
        self._settings, self._secret = settings or {}, secret

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(native_expiry="optional", ends_sessions=True)

    def check(self, entitlements: Iterable[str] = ()) -> Finding:
        """Always usable: it is the portal's own database."""
        unknown = [name for name in entitlements if name not in Duty.values]
        return Finding(
            usable=not unknown,
            version="PIM Portal",
            service_account="the portal",
            rights=[],
            administers=list(Duty.values),
            missing=[f"There is no duty called {name}." for name in unknown],
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
        """Let the person hold the duty until ``not_after``; for good when None."""
        refuse_scopes(scope)
        person = self._person(account)
        self._duty(entitlement)
        if not person.is_active:
            raise Denied(f"{person} is disabled.")
        if person.is_service:
            raise Denied(f"{person} is a service principal, and those hold no duty.")
        with transaction.atomic():
            holding = DutyHolding.objects.filter(person=person, duty=entitlement).first()
            if holding is not None and holding.ends_at == not_after:
                return Outcome(changed=False, not_after=not_after)
            if holding is None:
                holding = DutyHolding(person=person, duty=entitlement, starts_at=timezone.now())
            holding.ends_at = not_after
            holding.save()
        return Outcome(changed=True, not_after=not_after)

    def revoke(
        self, account: str, entitlement: str, *, operation: str, receipt: str = "", scope: str = WHOLE
    ) -> Outcome:
        """End the holding. There are no sessions to end: every page asks for the duty anew."""
        refuse_scopes(scope)
        person = self._person(account)
        self._duty(entitlement)
        with transaction.atomic():
            held = list(DutyHolding.objects.filter(person=person, duty=entitlement))
            for holding in held:
                holding.delete()
        return Outcome(changed=bool(held))

    def list_grants(self, entitlements: Iterable[str]) -> Iterable[Grant]:
        """The holdings in force."""
        return [
            Grant(str(holding.person_id), holding.duty, holding.ends_at)
            for holding in DutyHolding.objects.in_force().filter(duty__in=list(entitlements))
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        return None

    def _person(self, account: str) -> Any:
        person = User.objects.filter(pk=account).first() if account.isdigit() else None
        if person is None:
            raise NotFound(f"There is no person with the key {account}.")
        return person

    def _duty(self, entitlement: str) -> None:
        if entitlement not in Duty.values:
            raise NotFound(f"There is no duty called {entitlement}.")
