"""Giving and taking a right at Microsoft, the same for directory roles, groups and Azure roles.

Microsoft's lists may lag behind what was done, and a request may be carried out a little later. So what a request
came to is asked of the request, and a right counts as taken only when the list no longer shows it.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from .base import Busy, Denied, NotFound, Outcome, Unavailable
from .microsoft_calls import WITHOUT_PIM, Refused
from .microsoft_rights import Request, Right, Standing, everything, mark_of, receipt_of

SETTLE_SECONDS = 8.0
LEAST_TIME = timedelta(minutes=5, seconds=30)  # Microsoft refuses ends nearer than five minutes
SAME_TIME = timedelta(seconds=2)

DONE = {"provisioned", "granted", "schedulecreated", "revoked"}
WAITS_FOR_SOMEBODY = {"pendingapproval", "pendingadmindecision"}
TURNED_DOWN = {"denied", "admindenied", "canceled", "invalid", "timedout"}
FAILED = {"failed", "failedasresourceislocked"}
EXISTS = {"RoleAssignmentExists", "PendingRoleAssignmentRequest", "RoleAssignmentRequestExists", "Conflict"}
GONE = {"RoleAssignmentDoesNotExist", "RoleAssignmentNotFound", "ResourceNotFound"}
RULES = {"RoleAssignmentRequestPolicyValidationFailed", "InvalidPolicy", "ExpirationRuleFailed"}


class Giving:
    """One principal and one right, for one act of the portal."""

    def __init__(self, right: Right, principal: str, account: str, client_id: str, operation: str) -> None:
        self._right, self._principal, self._account = right, principal, account
        self._client_id, self._why = client_id, mark_of(client_id, operation)

    def give(self, not_after: datetime | None) -> Outcome:
        """See `Connector.grant`."""
        standing, has_pim = self._here()
        if standing:
            return self._already(standing, not_after)
        if has_pim:
            try:
                return self._schedule(not_after)
            except Refused as error:
                if error.code != WITHOUT_PIM:
                    raise
        return self._assign()

    def take(self, receipt: dict[str, str]) -> bool:
        """See `Connector.revoke`. Returns whether there was something to take."""
        standing, has_pim = self._here()
        taken = False
        if standing is None and has_pim:
            taken = self._take_unseen()
        if standing is None and not taken and receipt.get("form") == "plain":
            taken = self._unassign(receipt["id"])
        removed: set[str] = set()
        for _attempt in _until(SETTLE_SECONDS):
            if standing is None and not taken:
                return False
            # Beneath one that was taken another may come to light: a plain one, or a person's own activation.
            if standing and standing.id not in removed:
                self._remove(standing)
                removed.add(standing.id)
                taken = True
            standing, _ = self._here()
            if standing is None:
                return True
        raise Busy(f"{self._words} was taken away, but is still listed.")

    @property
    def _words(self) -> str:
        return f'{self._right.words} of "{self._account}"'

    def _here(self) -> tuple[Standing | None, bool]:
        found, has_pim = everything(self._right, self._principal)
        place = self._right.scope.lower()
        here = [one for one in found if one.scope.lower() == place and one.principal == self._principal]
        return (here[0] if here else None), has_pim

    def _already(self, standing: Standing, not_after: datetime | None) -> Outcome:
        receipt = receipt_of(standing)
        if not standing.native:
            return Outcome(changed=False, preexisting=not self._right.is_ours(standing), receipt=receipt)
        if not any(self._is_mine(one) and standing.id in (one.schedule, one.id) for one in self._requests()):
            return Outcome(changed=False, preexisting=True, not_after=standing.not_after, receipt=receipt)
        if _same(standing.not_after, not_after):
            return Outcome(changed=False, not_after=standing.not_after, receipt=receipt)
        end = _allowed(not_after)
        self._settle(self._ask("adminUpdate", until=end, schedule=standing.id))
        return Outcome(changed=True, not_after=end, receipt=receipt)

    def _schedule(self, not_after: datetime | None) -> Outcome:
        end = _allowed(not_after)
        try:
            done = self._settle(self._ask("adminAssign", until=end))
        except Refused as error:
            if error.code not in EXISTS:
                raise
            return self._found_existing(error, not_after)
        return Outcome(changed=True, not_after=end, receipt=self._receipt("native", done.schedule or done.id))

    def _found_existing(self, refusal: Refused, not_after: datetime | None) -> Outcome:
        """It is there although the list did not show it: after a lost answer it is the portal's own."""
        if last := self._asked_lately():
            done = self._settle(last)
            return Outcome(changed=False, not_after=last.end, receipt=self._receipt("native", done.schedule))
        standing, _ = self._here()
        if standing:
            return self._already(standing, not_after)
        raise Busy(f"{self._words} is said to exist and is not listed yet: {refusal}") from refusal

    def _assign(self) -> Outcome:
        try:
            name = self._right.give(self._principal, self._why)
        except (Refused, Unavailable) as error:
            standing, _ = self._here()
            if standing is None:
                raise
            # Nothing stood a moment ago. If the answer was lost it was this call; if it was refused, another's.
            lost = isinstance(error, Unavailable)
            mine = lost or self._right.is_ours(standing)
            return Outcome(changed=lost, preexisting=not mine, receipt=receipt_of(standing))
        return Outcome(changed=True, receipt=self._receipt("plain", name))

    def _remove(self, standing: Standing) -> None:
        if not standing.native:
            self._unassign(standing.id)
            return
        try:
            self._settle(self._ask("adminRemove", schedule=standing.id))
        except NotFound:
            return
        except Refused as error:
            if error.code not in GONE:
                raise

    def _take_unseen(self) -> bool:
        """Nothing is listed. Take back what was asked for lately and may not show yet, or not be done yet."""
        last = self._asked_lately()
        if last is None:
            return False
        if last.state in WAITS_FOR_SOMEBODY:
            self._right.cancel(last)
            return True
        try:
            self._settle(self._ask("adminRemove", schedule=last.schedule))
        except NotFound:
            return False
        except Refused as error:
            if error.code in EXISTS:
                raise Busy(
                    f"{self._words} is only being given: it is taken away once that is done."
                ) from error
            if error.code not in GONE:
                raise
            return False
        return True

    def _unassign(self, name: str) -> bool:
        try:
            self._right.take(self._principal, name)
        except NotFound:
            return False
        return True

    def _ask(self, action: str, *, until: datetime | None = None, schedule: str = "") -> Request:
        try:
            return self._right.ask(action, self._principal, self._why, until=until, schedule=schedule)
        except Refused as error:
            if error.code in RULES:
                raise Denied(
                    f"The settings that Microsoft keeps for {self._right.words} do not allow this active assignment: "
                    f"{error} Change them there, or set native_end to never."
                ) from error
            if error.code == "ActiveDurationTooShort":
                raise Busy(
                    f"{self._words} can be taken away only five minutes after it was given."
                ) from error
            raise

    def _settle(self, request: Request) -> Request:
        """Wait until the request is done. Raises Busy while it is not, or failed; Denied if somebody has to act."""
        for _ in _until(SETTLE_SECONDS):
            if request.state in DONE:
                return request
            if request.state in FAILED:
                raise Busy(f"Microsoft could not carry out the request {request.id}: {request.status}.")
            if request.state in TURNED_DOWN:
                raise Denied(f"Microsoft turned the request {request.id} down: {request.status}.")
            if request.state in WAITS_FOR_SOMEBODY:
                # Nobody shall say yes to it when the portal has long given it up.
                self._right.cancel(request)
                raise Denied(
                    f"The request {request.id} was to wait for a decision at Microsoft ({request.status}) and was "
                    "withdrawn: ask for no approval of active assignments there."
                )
            request = self._right.request(request.id)
        raise Busy(f"Microsoft has not carried out the request {request.id} yet: {request.status}.")

    def _requests(self) -> list[Request]:
        """All at this place, in the order they were made."""
        place = self._right.scope.lower()
        found = [one for one in self._right.requests(self._principal) if one.scope.lower() == place]
        return sorted(found, key=lambda one: one.made)

    def _asked_lately(self) -> Request | None:
        """The portal's own last request here, if it is to give the right and may still do so, or has done so."""
        mine = [one for one in self._requests() if self._is_mine(one)]
        if not mine or (last := mine[-1]).action.lower() == "adminremove":
            return None
        over = last.end is not None and last.end <= datetime.now(UTC)
        return None if over or last.state in TURNED_DOWN | FAILED | {"revoked"} else last

    def _is_mine(self, request: Request) -> bool:
        return request.why.startswith(mark_of(self._client_id, ""))

    def _receipt(self, form: str, name: str) -> str:
        return receipt_of(Standing(self._principal, "", name, form == "native"))


def _until(seconds: float, pause: float = 0.1) -> Iterator[None]:
    """Try at once, then with growing pauses until so many seconds have passed."""
    last = time.monotonic() + seconds
    while True:
        yield
        if time.monotonic() + pause > last:
            return
        time.sleep(pause)
        pause = min(pause * 2, 2.0)


def _allowed(not_after: datetime | None) -> datetime | None:
    if not_after is None:
        return None
    return max(not_after, (datetime.now(UTC) + LEAST_TIME).replace(microsecond=0))


def _same(stands: datetime | None, wanted: datetime | None) -> bool:
    """Whether the end that stands is the one wanted, or was put off only because the one wanted is too near."""
    allowed = _allowed(wanted)
    if stands is None or wanted is None or allowed is None:
        return stands is wanted
    return abs(stands - wanted) <= SAME_TIME or wanted <= stands <= allowed
