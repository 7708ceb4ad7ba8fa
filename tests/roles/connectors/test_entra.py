"""The Entra connector against a tenant on loopback, signed in by the real azure-identity."""

from collections.abc import Iterator

import pytest

from roles.connectors.base import Unsupported
from roles.connectors.entra import EntraConnector
from tests.roles.connectors.contract import ConnectorContract, NetworkContract, Target
from tests.roles.connectors.microsoft_server import CLIENT_SECRET, Microsoft
from tests.roles.connectors.microsoft_tenant import (
    GROUP,
    READER,
    UNIT,
    Tenant,
    account,
)

pytestmark = pytest.mark.one_database

ROLE = f"role:{READER}"
MEMBER = f"group:{GROUP}:member"
OWNER = f"group:{GROUP}:owner"
NOWHERE = "44444444-4444-4444-8444-444444444444"


@pytest.fixture
def tenant(microsoft: Microsoft) -> Iterator[Tenant]:
    tenant = Tenant(microsoft)
    yield tenant
    assert microsoft.complaints == []


def connector(tenant: Tenant, secret: str = CLIENT_SECRET, **settings: str) -> EntraConnector:
    return EntraConnector(tenant.microsoft.settings(**settings), secret)


def target_of(tenant: Tenant, entitlement: str, dead_port: int) -> Target:
    dead = f"https://localhost:{dead_port}"
    return Target(
        connect=lambda: connector(tenant),
        account=account("alice"),
        entitlement=entitlement,
        more_accounts=[account("bob"), account("carol")],
        can_use=lambda name: tenant.can_use(name, entitlement),
        grant_by_hand=lambda name: tenant.hold(name, entitlement),
        scope=f"/administrativeUnits/{UNIT}",
        unknown_account=account("nobody"),
        connect_to_dead_address=lambda: connector(tenant, authority=dead, graph=dead),
        connect_with_secret=lambda secret: connector(tenant, secret),
    )


class TestEntraKeepsTheContractForRoles(ConnectorContract, NetworkContract):
    @pytest.fixture
    def target(self, tenant: Tenant, dead_port: int) -> Target:
        tenant.microsoft.permissions -= {
            "GroupMember.Read.All",
            "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
        }
        return target_of(tenant, ROLE, dead_port)


class TestEntraKeepsTheContractForGroups(ConnectorContract):
    @pytest.fixture
    def target(self, tenant: Tenant, dead_port: int) -> Target:
        # What a membership outside of Privileged Identity Management is, nobody can take for a schedule.
        tenant.microsoft.permissions -= {
            "RoleManagement.Read.Directory",
            "RoleAssignmentSchedule.ReadWrite.Directory",
        }
        return target_of(tenant, MEMBER, dead_port)

    def test_where_scopes_are_known_a_right_stands_at_its_own_place_and_elsewhere_nothing_is_given(
        self, target: Target
    ) -> None:
        """Roles have places, groups have none."""
        with pytest.raises(Unsupported, match="no places"):
            target.connect().grant(
                target.account, target.entitlement, not_after=None, operation="op-1", scope=target.scope
            )
        assert not target.lists(target.account)
