"""A directory in memory: it counts what it is told, and fails as it is asked to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Self

import pytest

from audit.journal.actor import PORTAL
from roles.cataloguing import open_directory
from roles.connectors import registry
from roles.connectors.base import (
    WHOLE,
    Capabilities,
    Finding,
    Grant,
    NativeExpiry,
    NotFound,
    Outcome,
    refuse_scopes,
)
from roles.models import Assignment, Directory

PORTALS_OWN = "the portal"
Right = tuple[str, ...]  # account and entitlement, and the scope where it is not the whole


def right_of(account: str, entitlement: str, scope: str = WHOLE) -> Right:
    """One right as the vault keeps it."""
    return (account, entitlement) if scope == WHOLE else (account, entitlement, scope)


class Vault:
    """What stands in the directory, what it was told, and what is wrong with it.

    Args:
        rights: who gave each right that stands.
        ends: when the directory itself lets a right end, as far as it was told.
        told: every call that reached it, as verb, account and entitlement.
        receipts: what was handed back with each right that was taken away.
        trouble: raised by every call, as from a directory that is down.
        trouble_with: raised by calls about one account.
        before_answering: called inside every call, after it took effect.
        known: the accounts and entitlements that exist; None where any name does.
    """

    def __init__(self, kind: str, native_expiry: NativeExpiry = "none", *, scopes: bool = False) -> None:
        self.kind = kind
        self.rights: dict[Right, str] = {}
        self.ends: dict[Right, datetime | None] = {}
        self.told: list[tuple[str, ...]] = []
        self.known: set[str] | None = None
        self.receipts: list[str] = []
        self.trouble: Exception | None = None
        self.trouble_with: dict[str, Exception] = {}
        self.before_answering: Callable[[], None] = lambda: None
        self.capabilities = Capabilities(native_expiry=native_expiry, ends_sessions=True, scopes=scopes)
        self.lock = threading.Lock()
        self.row: Directory

    def holds(self, assignment: Assignment) -> bool:
        """Whether the directory lets the holder use the role."""
        return self._right_of(assignment) in self.rights

    def times(self, verb: str, assignment: Assignment) -> int:
        """How often it was told to do this with the right of ``assignment``."""
        return self.told.count((verb, *self._right_of(assignment)))

    def _right_of(self, assignment: Assignment) -> Right:
        return right_of(assignment.account, assignment.role.entitlement, assignment.scope.path)

    def connect(self, settings: Mapping[str, object], secret: str = "") -> VaultConnector:
        return VaultConnector(self)


class VaultConnector:
    """Speaks to a ``Vault``."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault

    @property
    def capabilities(self) -> Capabilities:
        return self.vault.capabilities

    def check(self, entitlements: Iterable[str] = ()) -> Finding:
        known = self.vault.known or set()
        return Finding(
            usable=known.issuperset(entitlements),
            version="Vault",
            service_account="pim_portal",
            rights=[],
            administers=sorted(known),
            missing=[f"There is no {name}." for name in entitlements if name not in known],
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
        with self.vault.lock:
            right = self._hear("grant", account, entitlement, scope)
            before = self.vault.rights.get(right)
            self.vault.rights.setdefault(right, PORTALS_OWN)
            self.vault.ends[right] = not_after
        self.vault.before_answering()
        return Outcome(
            changed=before is None,
            preexisting=before not in (None, PORTALS_OWN),
            not_after=self._kept(not_after),
            receipt=f"receipt of {operation}",
        )

    def revoke(
        self, account: str, entitlement: str, *, operation: str, receipt: str = "", scope: str = WHOLE
    ) -> Outcome:
        with self.vault.lock:
            right = self._hear("revoke", account, entitlement, scope)
            before = self.vault.rights.pop(right, None)
            self.vault.receipts.append(receipt)
        self.vault.before_answering()
        return Outcome(changed=before is not None)

    def list_grants(self, entitlements: Iterable[str]) -> list[Grant]:
        wanted = set(entitlements)
        if self.vault.trouble is not None:
            raise self.vault.trouble
        return [
            Grant(right[0], right[1], self._kept(self.vault.ends.get(right)), "", *right[2:])
            for right in self.vault.rights
            if right[1] in wanted
        ]

    def _kept(self, not_after: datetime | None) -> datetime | None:
        return None if self.capabilities.native_expiry == "none" else not_after

    def _hear(self, verb: str, account: str, entitlement: str, scope: str) -> Right:
        if not self.capabilities.scopes:
            refuse_scopes(scope)
        for name in (account, entitlement):
            if self.vault.known is not None and name not in self.vault.known:
                raise NotFound(f"There is no {name}.")
        if self.vault.trouble is not None:
            raise self.vault.trouble
        if account in self.vault.trouble_with:
            raise self.vault.trouble_with[account]
        right = right_of(account, entitlement, scope)
        self.vault.told.append((verb, *right))
        return right

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        return None


def open_vault(
    monkeypatch: pytest.MonkeyPatch,
    kind: str = "vault",
    *,
    native_expiry: NativeExpiry = "none",
    scopes: bool = False,
) -> Vault:
    """Open a directory of that kind for this test."""
    vault = Vault(kind, native_expiry, scopes=scopes)
    monkeypatch.setitem(registry._own, kind, vault.connect)
    vault.row = open_directory(kind.capitalize(), actor=PORTAL, kind=kind)
    return vault


@pytest.fixture
def vault(db: None, monkeypatch: pytest.MonkeyPatch) -> Vault:
    """A directory in memory that works."""
    return open_vault(monkeypatch)
