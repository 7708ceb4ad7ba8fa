"""Rights on OpenLDAP that end by themselves: dynamic entries, from which groups are computed."""

import time
from datetime import UTC, datetime, timedelta

import ldap
import pytest

from roles.connectors.base import Denied, Outcome, Unsupported
from roles.connectors.ldap import LDAPConnector
from tests.roles.connectors.contract import ConnectorContract, Target
from tests.roles.connectors.ldap_servers import (
    ACTIVATIONS,
    ALICE,
    BASE,
    BOB,
    CAROL,
    OPERATORS,
    WATCHERS,
    OpenLDAP,
)
from tests.servers import wait_until

pytestmark = pytest.mark.one_database


def connect(openldap: OpenLDAP) -> LDAPConnector:
    return openldap.connector(dynamic_base=ACTIVATIONS)


def grant(openldap: OpenLDAP, **until: float) -> Outcome:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(**until) if until else None
    return connect(openldap).grant(ALICE, WATCHERS, not_after=end, operation="op-1")


def put_in_by_hand(openldap: OpenLDAP, uid: str) -> None:
    openldap.add(
        f"cn=by-hand-{uid},{ACTIVATIONS}", "groupOfNames", member=openldap.person(uid), seeAlso=WATCHERS
    )


class TestDynamicEntriesKeepTheContract(ConnectorContract):
    @pytest.fixture
    def target(self, openldap: OpenLDAP) -> Target:
        return Target(
            connect=lambda: connect(openldap),
            account=ALICE,
            entitlement=WATCHERS,
            more_accounts=[BOB, CAROL],
            can_use=lambda uid: openldap.is_in(WATCHERS, uid),
            grant_by_hand=lambda uid: put_in_by_hand(openldap, uid),
            unknown_entitlement=f"cn=nothing,ou=groups,{BASE}",
        )


class TestTheEnd:
    def test_given_a_right_of_two_seconds_then_it_ends_with_nobody_revoking(self, openldap: OpenLDAP) -> None:
        began = time.monotonic()
        assert grant(openldap, seconds=2).changed
        assert openldap.is_in(WATCHERS, ALICE)
        wait_until(lambda: not openldap.is_in(WATCHERS, ALICE), "the right to end by itself", seconds=10)
        assert time.monotonic() - began >= 1
        assert connect(openldap).list_grants([WATCHERS]) == []
        assert not connect(openldap).revoke(ALICE, WATCHERS, operation="op-2").changed

    def test_given_a_running_right_when_granted_with_a_later_end_then_the_server_holds_that_one(
        self, openldap: OpenLDAP
    ) -> None:
        first, later = grant(openldap, hours=1), grant(openldap, hours=3)
        assert later.changed
        assert first.not_after
        assert later.not_after
        assert timedelta(minutes=119) < later.not_after - first.not_after < timedelta(minutes=121)
        (listed,) = connect(openldap).list_grants([WATCHERS])
        assert listed.not_after == later.not_after

    def test_given_a_right_without_an_end_when_it_gets_one_and_loses_it_again_then_it_is_never_held_twice(
        self, openldap: OpenLDAP
    ) -> None:
        for until in ({}, {"hours": 1.0}, {}):
            outcome = grant(openldap, **until)
            assert outcome.changed
            assert bool(outcome.not_after) == bool(until)
            assert len(openldap.admin.search_s(ACTIVATIONS, ldap.SCOPE_ONELEVEL)) == 1
            assert openldap.is_in(WATCHERS, ALICE)
        assert not grant(openldap).changed

    def test_given_a_longer_time_than_the_server_allows_when_granted_then_it_is_refused_and_nothing_is_left(
        self, openldap: OpenLDAP
    ) -> None:
        with pytest.raises(Unsupported, match="dds-max-ttl"):
            grant(openldap, days=3)
        assert openldap.admin.search_s(ACTIVATIONS, ldap.SCOPE_ONELEVEL) == []


class TestWhatTheServerDoes:
    def test_given_a_server_without_dynamic_entries_there_when_checked_and_granted_then_it_says_so(
        self, openldap: OpenLDAP
    ) -> None:
        connector = openldap.connector(dynamic_base="ou=activations,dc=elsewhere,dc=test")
        assert "overlay dds" in " ".join(connector.check([WATCHERS])["missing"])
        with pytest.raises(Unsupported, match="overlay dds"):
            connector.grant(ALICE, WATCHERS, not_after=None, operation="op-1")

    def test_given_a_group_that_is_not_computed_from_them_when_granted_then_it_is_refused_and_nothing_is_left(
        self, openldap: OpenLDAP
    ) -> None:
        with pytest.raises(Unsupported, match="memberURL"):
            connect(openldap).grant(
                ALICE, OPERATORS, not_after=datetime.now(UTC) + timedelta(hours=1), operation="op-1"
            )
        assert openldap.admin.search_s(ACTIVATIONS, ldap.SCOPE_ONELEVEL) == []

    def test_given_an_entry_by_hand_when_revoked_then_it_goes_too(self, openldap: OpenLDAP) -> None:
        put_in_by_hand(openldap, ALICE)
        assert connect(openldap).revoke(ALICE, WATCHERS, operation="op-2").changed
        assert not openldap.is_in(WATCHERS, ALICE)

    def test_given_a_membership_by_another_url_when_revoked_then_it_is_denied(
        self, openldap: OpenLDAP
    ) -> None:
        other = f"ldap:///{OPERATORS}?member?base?(objectClass=*)"
        openldap.admin.modify_s(WATCHERS, [(ldap.MOD_ADD, "memberURL", [other.encode()])])
        openldap.put_in_by_hand(ALICE)
        grant(openldap, hours=1)
        with pytest.raises(Denied, match="still in"):
            connect(openldap).revoke(ALICE, WATCHERS, operation="op-2")
