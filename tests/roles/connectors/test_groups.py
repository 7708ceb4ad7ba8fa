"""The two connectors that tests can hold to the contract without a server: the portal's groups, and the vault with scopes."""

from __future__ import annotations

import pytest

from accounts.models import Membership
from roles.connectors.base import Denied, Unsupported
from roles.connectors.groups import GroupsConnector, entitlement_of, group_of
from roles.connectors.portal import PortalConnector
from tests.cast import Cast
from tests.factories.connectors import Vault, right_of
from tests.factories.people import make_group, make_person
from tests.roles.connectors.contract import ConnectorContract, Target

pytestmark = pytest.mark.django_db


class TestGroupsKeepTheContract(ConnectorContract):
    @pytest.fixture
    def target(self, cast: Cast) -> Target:
        group = make_group("Engineers")

        def is_in(account: str) -> bool:
            return Membership.objects.in_force().filter(group=group, person=account).exists()

        return Target(
            connect=GroupsConnector,
            account=str(cast.employee.pk),
            entitlement=entitlement_of(Membership.Kind.MEMBER, group.pk),
            more_accounts=[str(cast.approver.pk), str(cast.outsider.pk)],
            can_use=is_in,
            grant_by_hand=lambda account: Membership.objects.create(group=group, person_id=account),
        )

    def test_given_a_right_given_by_hand_when_granted_then_it_is_reported_and_left_as_it_is(
        self, target: Target
    ) -> None:
        """Here the two stand side by side: what an administrator entered is not the portal's to take away."""
        target.grant_by_hand(target.account)
        (by_hand,) = target.connect().list_grants([target.entitlement])
        assert by_hand.granted_by == "by hand"

        outcome = target.connect().grant(target.account, target.entitlement, not_after=None, operation="op-1")
        assert (outcome.changed, outcome.preexisting) == (True, False)
        assert target.connect().revoke(target.account, target.entitlement, operation="op-2").changed

        assert list(target.connect().list_grants([target.entitlement])) == [by_hand]
        assert target.can_use(target.account)


class TestAVaultWithScopesKeepsTheContract(ConnectorContract):
    @pytest.fixture
    def target(self) -> Target:
        vault = Vault("vault", "optional", scopes=True)
        vault.known = {"alice", "bob", "reader"}

        def give(account: str) -> None:
            vault.rights[right_of(account, "reader")] = "somebody else"

        return Target(
            connect=lambda: vault.connect({}),
            account="alice",
            entitlement="reader",
            more_accounts=["bob"],
            can_use=lambda account: right_of(account, "reader") in vault.rights,
            grant_by_hand=give,
        )


@pytest.mark.parametrize("name", ["member:12", "owner:3"])
def test_an_entitlement_names_a_group_by_its_key(name: str) -> None:
    about = group_of(name)
    assert about is not None
    assert entitlement_of(*about) == name


@pytest.mark.parametrize(
    "name", ["", "member", "member:", "reader:1", "member:x", "member:1:2", "member:-1", "member:²"]
)
def test_anything_else_is_no_group(name: str) -> None:
    assert group_of(name) is None


def test_neither_a_disabled_person_nor_a_program_is_let_in(cast: Cast) -> None:
    group = make_group("Engineers")
    gone = make_person("gone", is_active=False)
    service = make_person("export", kind="service", password="!", manager=cast.approver)
    for account in (gone, service):
        with pytest.raises(Denied):
            GroupsConnector().grant(
                str(account.pk), entitlement_of("member", group.pk), not_after=None, operation="op-1"
            )
    with pytest.raises(Denied):
        PortalConnector().grant(str(service.pk), "security_reader", not_after=None, operation="op-1")
    assert not group.memberships.exists()


def test_the_portal_s_own_directory_has_no_scopes(cast: Cast) -> None:
    for verb in (
        lambda: PortalConnector().grant(
            str(cast.outsider.pk), "security_reader", not_after=None, operation="op-1", scope="/here"
        ),
        lambda: PortalConnector().revoke(
            str(cast.outsider.pk), "security_reader", operation="op-1", scope="/here"
        ),
    ):
        with pytest.raises(Unsupported, match="/here"):
            verb()
