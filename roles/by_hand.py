"""The connector to a directory that nothing speaks to: people give and take its rights, and say when they have.

Like the portal's own it knows the portal's database. What stands there is what somebody has confirmed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Self

from audit.journal.recording import take_the_pen, within_transaction
from roles.connectors.base import (
    WHOLE,
    Busy,
    Capabilities,
    Denied,
    Finding,
    Grant,
    NotFound,
    Outcome,
    Setting,
    Unsupported,
)
from roles.doing_by_hand import ask_for, someone_can_do, withdraw
from roles.models import Assignment, Directory, HandTask, Role, Scope

Act, Status = HandTask.Act, HandTask.Status


class ByHandConnector:
    """Asks people.

    settings: none of its own; ``directory``, the key of its directory, comes from ``reaching``. Without it, it only says
        what it can do.
    """

    TITLE: ClassVar[str] = "Done by hand"
    ASKS_FOR: ClassVar[str] = ""
    SETTINGS: ClassVar[tuple[Setting, ...]] = ()
    capabilities: ClassVar[Capabilities] = Capabilities(
        scopes=True, tells_whose=True, verifies_accounts=False
    )

    def __init__(self, settings: Mapping[str, object], secret: str = "") -> None:
        if unknown := sorted(set(settings) - {"directory"}):
            raise Unsupported(f"A directory kept by hand has no use for the setting {', '.join(unknown)}.")
        self._key = settings.get("directory")

    def check(self, entitlements: Iterable[str] = ()) -> Finding:
        """Whether there is somebody to ask. See `Connector.check`."""
        roles = list(self._roles().select_related("directory").order_by("pk"))
        known = [role.entitlement for role in roles]
        missing = [f'There is no role "{name}" here.' for name in entitlements if name not in known]
        if roles and not someone_can_do(roles[0]):
            missing.append("There is nobody to ask: the directory needs an owner.")
        return Finding(
            usable=not missing,
            version="People",
            service_account="those who own the directory",
            rights=[],
            administers=known,
            missing=missing,
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
        """See to it that somebody is asked to give it. See `Connector.grant`.

        Raises Busy until somebody has said that it is done, Denied when they say that it cannot be.
        """
        role, place = self._role(entitlement), self._place(scope)
        with within_transaction():
            take_the_pen()
            about = HandTask.objects.about(role, place, account)
            for task in about.waiting().filter(act=Act.TAKE):
                withdraw(task)  # it shall stand after all
            if standing := about.standing().first():
                return Outcome(changed=standing.operation == operation)
            refused = about.filter(act=Act.GIVE, status=Status.REFUSED, operation=operation).first()
            if refused is None:
                self._ask(about, Act.GIVE, role, place, account, operation)
        if refused is not None:
            raise Denied(f"{refused.done_by} could not do it by hand: {refused.note}")
        raise Busy("Waits for somebody to do it by hand and to say so.")

    def revoke(
        self, account: str, entitlement: str, *, operation: str, receipt: str = "", scope: str = WHOLE
    ) -> Outcome:
        """See to it that somebody is asked to take it away. See `Connector.revoke`.

        What was asked to be given and is not done yet is asked for no more: then there is nothing to take.
        Raises Busy until somebody has said that it is done, Denied while they say that it cannot be.
        """
        role, place = self._role(entitlement), self._place(scope)
        with within_transaction():
            take_the_pen()
            about = HandTask.objects.about(role, place, account)
            for task in about.waiting().filter(act=Act.GIVE):
                withdraw(task)
            if not about.standing().exists():
                taken = about.filter(act=Act.TAKE, status=Status.DONE, operation=operation)
                return Outcome(changed=taken.exists())
            refused = about.filter(act=Act.TAKE, status=Status.REFUSED).first()
            if refused is None:
                self._ask(about, Act.TAKE, role, place, account, operation)
        if refused is not None:
            raise Denied(f"{refused.done_by} could not do it by hand: {refused.note}")
        raise Busy("Waits for somebody to do it by hand and to say so.")

    def list_grants(self, entitlements: Iterable[str]) -> list[Grant]:
        """What was confirmed, and not taken back since. See `Connector.list_grants`."""
        standing = HandTask.objects.standing().filter(
            role__in=self._roles().filter(entitlement__in=list(entitlements))
        )
        return [
            Grant(task.account, task.role.entitlement, None, str(task.done_by or ""), task.scope.path)
            for task in standing.select_related("role", "scope", "done_by")
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        return None

    def _ask(
        self, about: Any, act: HandTask.Act, role: Role, place: Scope, account: str, operation: str
    ) -> None:
        if about.filter(act=act, status=Status.OPEN).exists():
            return
        held = Assignment.objects.filter(role=role, scope=place, account=account)
        latest = held.select_related("person").order_by("-pk").first()
        ask_for(
            HandTask(
                act=act,
                role=role,
                scope=place,
                account=account,
                person=latest.person if latest else None,
                operation=operation,
            )
        )

    def _roles(self) -> Any:
        return Role.objects.filter(directory=self._directory())

    def _directory(self) -> int:
        if not isinstance(self._key, int):
            raise Unsupported("It is not said which directory is meant.")
        return self._key

    def _role(self, entitlement: str) -> Role:
        role = self._roles().select_related("directory").filter(entitlement=entitlement).first()
        if role is None:
            raise NotFound(f'There is no role "{entitlement}" here.')
        found: Role = role
        return found

    def _place(self, scope: str) -> Scope:
        directory = Directory.objects.get(pk=self._directory())
        place = directory.root_scope() if scope == WHOLE else directory.scopes.filter(path=scope).first()
        if place is None:
            raise NotFound(f"There is no place {scope} here.")
        return place
