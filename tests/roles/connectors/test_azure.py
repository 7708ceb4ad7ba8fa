"""The Azure connector against an Azure on loopback, signed in by the real azure-identity."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from roles.connectors.azure import AzureConnector
from roles.connectors.base import WHOLE, Busy, Denied, NotFound, Unavailable, Unsupported
from tests.roles.connectors.contract import ConnectorContract, NetworkContract, Target
from tests.roles.connectors.microsoft_azure import (
    AZURE_OWNER,
    AZURE_READER,
    INNER_GROUP,
    MANAGEMENT_GROUP,
    RESOURCE,
    RESOURCE_GROUP,
    SUBSCRIPTION,
    AzureTenant,
)
from tests.roles.connectors.microsoft_server import CLIENT_SECRET, SERVICE_PRINCIPAL, Microsoft, Trouble
from tests.roles.connectors.microsoft_tenant import account

pytestmark = pytest.mark.one_database


@pytest.fixture
def azure(microsoft: Microsoft) -> Iterator[AzureTenant]:
    azure = AzureTenant(microsoft)
    yield azure
    assert microsoft.complaints == []


def connector(azure: AzureTenant, secret: str = CLIENT_SECRET, **settings: str) -> AzureConnector:
    here = {"management": azure.microsoft.address, "root": SUBSCRIPTION}
    return AzureConnector(azure.microsoft.settings(**here | settings), secret)


def target_of(azure: AzureTenant, dead_port: int, **settings: str) -> Target:
    dead = f"https://localhost:{dead_port}"
    return Target(
        connect=lambda: connector(azure, **settings),
        account=account("alice"),
        entitlement=AZURE_READER,
        more_accounts=[account("bob"), account("carol")],
        can_use=lambda name: azure.can_use(name, AZURE_READER, SUBSCRIPTION),
        grant_by_hand=lambda name: azure.hold(name, AZURE_READER, SUBSCRIPTION),
        scope=RESOURCE_GROUP,
        unknown_account=account("nobody"),
        connect_to_dead_address=lambda: connector(azure, authority=dead, graph=dead, management=dead),
        connect_with_secret=lambda secret: connector(azure, secret),
    )


class TestAzureKeepsTheContract(ConnectorContract, NetworkContract):
    @pytest.fixture
    def target(self, azure: AzureTenant, dead_port: int) -> Target:
        return target_of(azure, dead_port)


class TestAzureKeepsTheContractByPlainAssignments(ConnectorContract):
    @pytest.fixture
    def target(self, azure: AzureTenant, dead_port: int) -> Target:
        azure.actions = [one for one in azure.actions if "Schedule" not in one]
        return target_of(azure, dead_port, native_end="never")


class TestPlaces:
    def test_given_a_management_group_when_looked_through_then_each_place_comes_after_the_one_above(
        self, azure: AzureTenant
    ) -> None:
        found = connector(azure, root=MANAGEMENT_GROUP).scopes()
        assert [(one.path, one.parent) for one in found] == [
            (INNER_GROUP, WHOLE),
            (SUBSCRIPTION, INNER_GROUP),
            (RESOURCE_GROUP, SUBSCRIPTION),
            (RESOURCE, RESOURCE_GROUP),
        ]
        assert [(one.path, one.parent) for one in connector(azure).scopes()] == [
            (RESOURCE_GROUP, WHOLE),
            (RESOURCE, RESOURCE_GROUP),
        ]
        roles = {one.entitlement: one.privileged for one in connector(azure).roles()}
        assert roles == {AZURE_READER: False, AZURE_OWNER: True}

    def test_given_holders_above_at_and_beneath_the_root_when_listed_then_those_above_are_not_ours_to_tell(
        self, azure: AzureTenant
    ) -> None:
        azure.microsoft.page_size = 1
        azure.hold("alice", AZURE_READER, MANAGEMENT_GROUP)
        azure.hold("bob", AZURE_READER, SUBSCRIPTION)
        azure.hold("carol", AZURE_READER, RESOURCE)
        azure.hold(SERVICE_PRINCIPAL, AZURE_READER, SUBSCRIPTION)
        azure.hold("alice", AZURE_OWNER, RESOURCE_GROUP)
        found = connector(azure).list_grants([AZURE_READER])
        assert sorted((one.account, one.scope) for one in found) == [
            (account("bob"), WHOLE),
            (account("carol"), RESOURCE),
        ]
        found = connector(azure, root=MANAGEMENT_GROUP).list_grants([AZURE_READER])
        assert sorted((one.account, one.scope) for one in found) == [
            (account("alice"), WHOLE),
            (account("bob"), SUBSCRIPTION),
            (account("carol"), RESOURCE),
        ]

    @pytest.mark.parametrize(
        "scope",
        [
            "/subscriptions/66666666-6666-4666-8666-666666666666",
            f"{SUBSCRIPTION}/../66666666-6666-4666-8666-666666666666",
            f"{SUBSCRIPTION}/resourceGroups/payments?x=y",
            "payments",
            MANAGEMENT_GROUP,
        ],
    )
    def test_given_a_place_that_is_not_beneath_the_root_when_granted_then_it_is_unsupported(
        self, azure: AzureTenant, scope: str
    ) -> None:
        with pytest.raises(Unsupported, match="no place beneath"):
            connector(azure).grant(
                account("alice"), AZURE_READER, not_after=None, operation="op-1", scope=scope
            )

    def test_given_no_root_or_one_that_is_none_then_the_setting_is_refused(self, azure: AzureTenant) -> None:
        for root in ("", "/", "/subscriptions/x", "payments"):
            with pytest.raises(Unsupported, match="root"):
                connector(azure, root=root)


class TestBothForms:
    def test_given_no_licence_when_granted_twice_then_it_is_one_plain_assignment_and_ours(
        self, azure: AzureTenant
    ) -> None:
        azure.has_pim = False
        end = datetime.now(UTC) + timedelta(hours=1)
        azure.microsoft.troubles.append(Trouble("PUT", "roleAssignments", cut=True))
        lost = connector(azure).grant(account("alice"), AZURE_READER, not_after=end, operation="op-1")
        again = connector(azure).grant(account("alice"), AZURE_READER, not_after=end, operation="op-1")
        assert (lost.changed, lost.not_after) == (True, None)
        assert (again.changed, again.preexisting) == (False, False)
        assert connector(azure).revoke(account("alice"), AZURE_READER, operation="op-2").changed
        assert "plain assignments only" in connector(azure).check()["version"]

    def test_given_a_connection_cut_after_the_request_when_granted_again_then_it_is_ours(
        self, azure: AzureTenant
    ) -> None:
        azure.microsoft.troubles.append(Trouble("PUT", "ScheduleRequests", cut=True))
        with pytest.raises(Unavailable):
            connector(azure).grant(account("alice"), AZURE_READER, not_after=None, operation="op-1")
        again = connector(azure).grant(account("alice"), AZURE_READER, not_after=None, operation="op-1")
        assert (again.changed, again.preexisting) == (False, False)

    def test_given_another_end_when_granted_again_then_azure_keeps_that_one(self, azure: AzureTenant) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        for hours in (1, 3, 2):
            end = now + timedelta(hours=hours)
            outcome = connector(azure).grant(account("alice"), AZURE_READER, not_after=end, operation="op-1")
            assert (outcome.changed, outcome.not_after) == (True, end)
            (grant,) = connector(azure).list_grants([AZURE_READER])
            assert grant.not_after == end

    def test_given_lists_that_lag_when_granted_and_revoked_at_once_then_nothing_is_left(
        self, azure: AzureTenant
    ) -> None:
        azure.lag = 0.4
        connector(azure).grant(account("alice"), AZURE_READER, not_after=None, operation="op-1")
        assert connector(azure).revoke(account("alice"), AZURE_READER, operation="op-2").changed
        assert not azure.can_use("alice", AZURE_READER, SUBSCRIPTION)

    @pytest.mark.parametrize(("status", "error"), [("Failed", Busy), ("PendingAdminDecision", Denied)])
    def test_given_a_request_that_comes_to_nothing_when_granted_then_the_refusal_says_how(
        self, azure: AzureTenant, status: str, error: type[Exception]
    ) -> None:
        azure.statuses = [status]
        with pytest.raises(error, match=status):
            connector(azure).grant(account("alice"), AZURE_READER, not_after=None, operation="op-1")

    def test_given_missing_and_needless_actions_when_checked_then_each_is_named_and_the_deed_denied(
        self, azure: AzureTenant
    ) -> None:
        azure.actions = ["*/read", "Microsoft.Compute/virtualMachines/write"]
        finding = connector(azure).check([AZURE_READER])
        assert not finding["usable"]
        assert "Microsoft.Authorization/roleAssignments/write is missing" in " ".join(finding["missing"])
        assert "virtualMachines/write" in " ".join(finding["excess"])
        with pytest.raises(Denied):
            connector(azure).grant(account("alice"), AZURE_READER, not_after=None, operation="op-1")

    def test_given_a_full_path_as_entitlement_when_granted_then_it_is_the_same_role(
        self, azure: AzureTenant
    ) -> None:
        path = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{AZURE_READER}"
        connector(azure).grant(account("alice"), path, not_after=None, operation="op-1")
        assert azure.can_use("alice", AZURE_READER, SUBSCRIPTION)
        with pytest.raises(NotFound):
            connector(azure).grant(account("alice"), f"{path}x", not_after=None, operation="op-1")
