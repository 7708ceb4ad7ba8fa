"""What every connector keeps, whoever wrote it, tried on a real directory.

A test class inherits from `ConnectorContract`, and from `NetworkContract` where the directory is reached over a
network, and offers a fixture `target`: a directory prepared with accounts and an entitlement, and ways to look at
it that do not go through the connector.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from roles.connectors.base import (
    WHOLE,
    AuthenticationFailed,
    Connector,
    NotFound,
    Unavailable,
    Unsupported,
)

SECRET = "a planted secret: 7f0c2a"


@dataclass
class Target:
    """A directory to try a connector on.

    connect: makes the connector to it, with a service account that has exactly the rights its page asks for.
    account, entitlement: they exist; the account does not hold the entitlement.
    more_accounts: further accounts that do not hold it.
    scope: where the connector knows scopes, a place below the whole directory that exists.
    can_use: whether this account can use the right now, found out by signing in as it and doing so.
    grant_by_hand: gives the entitlement to the account as another administrator would, without the connector.
    connect_to_dead_address, connect_with_secret: needed by `NetworkContract`; the same connector, pointed at an
        address where nobody listens, and with another secret.
    """

    connect: Callable[[], Connector]
    account: str
    entitlement: str
    more_accounts: Sequence[str]
    can_use: Callable[[str], bool]
    grant_by_hand: Callable[[str], None]
    scope: str = "/somewhere"
    unknown_account: str = "nobody.by.that.name"
    unknown_entitlement: str = "nothing_by_that_name"
    connect_to_dead_address: Callable[[], Connector] | None = None
    connect_with_secret: Callable[[str], Connector] | None = None

    def holders(self) -> set[str]:
        return {grant.account for grant in self.connect().list_grants([self.entitlement])}

    def lists(self, account: str) -> bool:
        """Whether it is listed; where a directory cannot list, whether it can be used."""
        connector = self.connect()
        return account in self.holders() if connector.capabilities.lists else self.can_use(account)


def _end() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(hours=4)


class ConnectorContract:
    def test_given_the_documented_rights_when_checked_then_nothing_is_missing_and_nothing_too_much(
        self, target: Target
    ) -> None:
        finding = target.connect().check([target.entitlement])
        assert finding["missing"] == []
        assert finding["excess"] == []
        assert finding["usable"] is True
        assert finding["version"]
        assert finding["service_account"]
        assert target.entitlement in finding["administers"]

    def test_when_an_unknown_entitlement_is_checked_then_the_finding_names_it(self, target: Target) -> None:
        finding = target.connect().check([target.unknown_entitlement])
        assert finding["usable"] is False
        assert target.unknown_entitlement in " ".join(finding["missing"])

    def test_a_right_is_unusable_until_granted_and_again_after_it_is_revoked(self, target: Target) -> None:
        connector = target.connect()
        assert not target.can_use(target.account)
        assert not target.lists(target.account)

        granted = connector.grant(target.account, target.entitlement, not_after=_end(), operation="op-1")
        assert (granted.changed, granted.preexisting) == (True, False)
        assert target.can_use(target.account)
        assert target.lists(target.account)

        revoked = connector.revoke(
            target.account, target.entitlement, operation="op-2", receipt=granted.receipt
        )
        assert revoked.changed
        assert not target.can_use(target.account)
        assert not target.lists(target.account)

    def test_given_a_right_of_ours_when_granted_again_then_nothing_changes_and_it_stays_ours(
        self, target: Target
    ) -> None:
        connector, end = target.connect(), _end()
        connector.grant(target.account, target.entitlement, not_after=end, operation="op-1")
        again = connector.grant(target.account, target.entitlement, not_after=end, operation="op-1")
        assert (again.changed, again.preexisting) == (False, False)
        assert target.can_use(target.account)

    def test_given_a_revoked_right_when_revoked_again_then_nothing_changes(self, target: Target) -> None:
        connector = target.connect()
        granted = connector.grant(target.account, target.entitlement, not_after=_end(), operation="op-1")
        connector.revoke(target.account, target.entitlement, operation="op-2", receipt=granted.receipt)
        again = connector.revoke(
            target.account, target.entitlement, operation="op-2", receipt=granted.receipt
        )
        assert not again.changed
        assert not target.can_use(target.account)

    def test_given_a_right_that_was_never_granted_when_revoked_then_nothing_changes(
        self, target: Target
    ) -> None:
        assert not target.connect().revoke(target.account, target.entitlement, operation="op-1").changed

    def test_given_a_lost_receipt_when_revoked_then_the_right_is_gone_all_the_same(
        self, target: Target
    ) -> None:
        connector = target.connect()
        connector.grant(target.account, target.entitlement, not_after=_end(), operation="op-1")
        assert connector.revoke(target.account, target.entitlement, operation="op-2").changed
        assert not target.can_use(target.account)

    def test_the_end_is_promised_by_the_directory_only_where_it_keeps_ends(self, target: Target) -> None:
        connector, end = target.connect(), _end()
        outcome = connector.grant(target.account, target.entitlement, not_after=end, operation="op-1")
        kept = None if connector.capabilities.native_expiry == "none" else end
        assert outcome.not_after == kept
        if connector.capabilities.lists:
            (grant,) = connector.list_grants([target.entitlement])
            assert grant.not_after == kept

    def test_given_a_right_given_by_hand_when_granted_then_it_is_reported_and_left_as_it_is(
        self, target: Target
    ) -> None:
        target.grant_by_hand(target.account)
        assert target.lists(target.account)
        outcome = target.connect().grant(
            target.account, target.entitlement, not_after=_end(), operation="op-1"
        )
        assert (outcome.changed, outcome.preexisting) == (False, True)
        assert target.can_use(target.account)

    def test_an_unknown_entitlement_has_no_grants_and_does_not_stop_the_listing(self, target: Target) -> None:
        connector = target.connect()
        if not connector.capabilities.lists:
            with pytest.raises(Unsupported):
                connector.list_grants([target.entitlement])
            return
        connector.grant(target.account, target.entitlement, not_after=_end(), operation="op-1")
        found = list(connector.list_grants([target.unknown_entitlement, target.entitlement]))
        assert [(grant.account, grant.entitlement) for grant in found] == [
            (target.account, target.entitlement)
        ]
        assert list(connector.list_grants([])) == []

    def test_given_an_unknown_account_when_granted_or_revoked_then_it_is_not_found(
        self, target: Target
    ) -> None:
        connector = target.connect()
        if not connector.capabilities.verifies_accounts:
            return
        with pytest.raises(NotFound, match=target.unknown_account):
            connector.grant(target.unknown_account, target.entitlement, not_after=_end(), operation="op-1")
        with pytest.raises(NotFound, match=target.unknown_account):
            connector.revoke(target.unknown_account, target.entitlement, operation="op-2")

    def test_given_an_unknown_entitlement_when_granted_or_revoked_then_it_is_not_found(
        self, target: Target
    ) -> None:
        connector = target.connect()
        with pytest.raises(NotFound, match=target.unknown_entitlement):
            connector.grant(target.account, target.unknown_entitlement, not_after=_end(), operation="op-1")
        with pytest.raises(NotFound, match=target.unknown_entitlement):
            connector.revoke(target.account, target.unknown_entitlement, operation="op-2")

    def test_in_a_batch_a_refusal_does_not_spoil_what_follows(self, target: Target) -> None:
        accounts = [target.account, *target.more_accounts]
        with target.connect() as connector:
            for account in accounts:
                connector.grant(account, target.entitlement, not_after=_end(), operation="op-1")
                with pytest.raises(NotFound):
                    connector.grant(account, target.unknown_entitlement, not_after=_end(), operation="op-1")
        assert all(target.lists(account) for account in accounts)
        with target.connect() as connector:
            outcomes = [
                connector.revoke(account, target.entitlement, operation="op-2") for account in accounts
            ]
        assert all(outcome.changed for outcome in outcomes)
        assert not any(target.lists(account) for account in accounts)

    def test_where_scopes_are_known_a_right_stands_at_its_own_place_and_elsewhere_nothing_is_given(
        self, target: Target
    ) -> None:
        connector = target.connect()
        there: dict[str, str] = {"account": target.account, "entitlement": target.entitlement}
        if not connector.capabilities.scopes:
            for call in (
                lambda: connector.grant(**there, not_after=_end(), operation="op-1", scope=target.scope),
                lambda: connector.revoke(**there, operation="op-2", scope=target.scope),
            ):
                with pytest.raises(Unsupported):
                    call()
            assert not target.lists(target.account)
            return

        def places() -> list[str]:
            return sorted(one.scope for one in connector.list_grants([target.entitlement]))

        connector.grant(**there, not_after=_end(), operation="op-1", scope=target.scope)
        assert places() == [target.scope]
        assert not connector.revoke(**there, operation="op-2", scope=WHOLE).changed
        connector.grant(**there, not_after=_end(), operation="op-3", scope=WHOLE)
        assert places() == sorted([WHOLE, target.scope])
        assert connector.revoke(**there, operation="op-4", scope=target.scope).changed
        assert places() == [WHOLE]

    def test_after_a_batch_the_connector_still_answers_single_calls(self, target: Target) -> None:
        connector = target.connect()
        with connector:
            connector.grant(target.account, target.entitlement, not_after=_end(), operation="op-1")
        assert connector.revoke(target.account, target.entitlement, operation="op-2").changed


def _calls(connector: Connector, target: Target) -> list[Callable[[], object]]:
    return [
        connector.check,
        lambda: connector.grant(target.account, target.entitlement, not_after=None, operation="op-1"),
        lambda: connector.revoke(target.account, target.entitlement, operation="op-2"),
        lambda: list(connector.list_grants([target.entitlement])),
    ]


class NetworkContract:
    def test_given_nobody_listening_when_called_then_it_is_unavailable_within_six_seconds(
        self, target: Target
    ) -> None:
        for call in _calls(target.connect_to_dead_address(), target):
            began = time.monotonic()
            with pytest.raises(Unavailable):
                call()
            assert time.monotonic() - began < 6

    def test_given_a_wrong_secret_when_called_then_authentication_fails_and_the_secret_is_not_told(
        self, target: Target
    ) -> None:
        connector = target.connect_with_secret(SECRET)
        for call in _calls(connector, target):
            with pytest.raises(AuthenticationFailed) as refusal:
                call()
            assert SECRET not in str(refusal.value)
        assert SECRET not in repr(connector)
        assert SECRET not in str(connector)
