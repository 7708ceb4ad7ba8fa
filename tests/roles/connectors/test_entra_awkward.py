"""The Entra connector in a tenant that is awkward: late, cut off, unlicensed, or holding what others gave."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from roles.connectors import microsoft_giving
from roles.connectors.base import (
    WHOLE,
    AuthenticationFailed,
    Busy,
    Denied,
    NotFound,
    Unavailable,
    Unsupported,
)
from roles.connectors.entra import EntraConnector
from tests.roles.connectors.microsoft_server import (
    CLIENT_SECRET,
    SERVICE_PRINCIPAL,
    Answer,
    Microsoft,
    Trouble,
)
from tests.roles.connectors.microsoft_tenant import (
    COMPUTED_GROUP,
    GLOBAL,
    GROUP,
    NESTED_GROUP,
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


class TestWhatIsListed:
    def test_given_holders_of_all_kinds_on_many_pages_when_listed_then_each_is_named_once_and_the_portal_left_out(
        self, tenant: Tenant
    ) -> None:
        tenant.microsoft.page_size = 1
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
        tenant.hold("alice", ROLE)
        tenant.hold("bob", ROLE, end=end, schedule="one-of-theirs")
        tenant.hold("carol", ROLE, f"/administrativeUnits/{UNIT}")
        tenant.hold(NESTED_GROUP, ROLE)
        tenant.hold(SERVICE_PRINCIPAL, ROLE)
        tenant.hold("alice", OWNER)
        found = connector(tenant).list_grants([ROLE, OWNER])
        assert sorted((one.account, one.entitlement, one.scope, one.not_after) for one in found) == sorted(
            [
                (account("alice"), ROLE, WHOLE, None),
                (account("bob"), ROLE, WHOLE, end),
                (account("carol"), ROLE, f"/administrativeUnits/{UNIT}", None),
                (NESTED_GROUP, ROLE, WHOLE, None),
                (account("alice"), OWNER, WHOLE, None),
            ],
            key=str,
        )

    def test_given_a_next_page_on_another_host_when_listed_then_it_is_refused_and_the_token_stays(
        self, tenant: Tenant
    ) -> None:
        tenant.microsoft.page_size, tenant.microsoft.next_host = 1, "https://elsewhere.example"
        tenant.hold("alice", ROLE)
        tenant.hold("bob", ROLE)
        with pytest.raises(Denied, match="another host"):
            connector(tenant).list_grants([ROLE])

    def test_when_the_tenant_is_looked_through_then_its_roles_places_and_people_are_found(
        self, tenant: Tenant
    ) -> None:
        tenant.microsoft.permissions.add("AdministrativeUnit.Read.All")
        found = connector(tenant)
        roles = {one.entitlement: one for one in found.roles()}
        assert set(roles) == {ROLE, f"role:{GLOBAL}", MEMBER, OWNER, f"group:{COMPUTED_GROUP}:owner"}
        assert (roles[f"role:{GLOBAL}"].privileged, roles[MEMBER].privileged) == (True, False)
        assert [(one.path, one.parent) for one in found.scopes()] == [(f"/administrativeUnits/{UNIT}", WHOLE)]
        assert account("alice") in {one.account for one in found.accounts()}


class TestWhoseItIs:
    def test_given_a_longer_or_a_shorter_end_when_granted_again_then_microsoft_keeps_the_new_one(
        self, tenant: Tenant
    ) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        for entitlement in (ROLE, OWNER):
            for hours in (1, 3, 2):
                outcome = connector(tenant).grant(
                    account("alice"), entitlement, not_after=now + timedelta(hours=hours), operation="op-1"
                )
                assert (outcome.changed, outcome.preexisting) == (True, False)
                (grant,) = connector(tenant).list_grants([entitlement])
                assert grant.not_after == outcome.not_after == now + timedelta(hours=hours)

    def test_given_an_end_nearer_than_microsoft_allows_when_granted_then_it_says_which_end_is_kept(
        self, tenant: Tenant
    ) -> None:
        soon = datetime.now(UTC) + timedelta(minutes=1)
        outcome = connector(tenant).grant(account("alice"), ROLE, not_after=soon, operation="op-1")
        assert outcome.not_after
        assert outcome.not_after > soon
        assert not connector(tenant).grant(account("alice"), ROLE, not_after=soon, operation="op-1").changed

    def test_given_a_schedule_by_another_administrator_when_granted_then_it_is_reported_with_its_end(
        self, tenant: Tenant
    ) -> None:
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        tenant.hold("alice", MEMBER, schedule="theirs", end=end)
        outcome = connector(tenant).grant(account("alice"), MEMBER, not_after=None, operation="op-1")
        assert (outcome.changed, outcome.preexisting, outcome.not_after) == (False, True, end)

    def test_given_a_name_that_now_belongs_to_somebody_else_when_revoked_then_the_receipt_says_from_whom(
        self, tenant: Tenant
    ) -> None:
        given = connector(tenant).grant(account("alice"), ROLE, not_after=None, operation="op-1")
        tenant.hold("bob", ROLE)
        assert connector(tenant).revoke(account("bob"), ROLE, operation="op-2", receipt=given.receipt).changed
        assert (tenant.can_use("alice", ROLE), tenant.can_use("bob", ROLE)) == (False, True)

    def test_given_a_holder_that_is_no_user_when_revoked_by_id_then_it_is_gone_and_an_unknown_id_is_not_found(
        self, tenant: Tenant
    ) -> None:
        tenant.hold(NESTED_GROUP, ROLE)
        assert connector(tenant).revoke(NESTED_GROUP, ROLE, operation="op-1").changed
        assert connector(tenant).list_grants([ROLE]) == []
        with pytest.raises(NotFound):
            connector(tenant).revoke(NOWHERE, ROLE, operation="op-2")

    def test_given_a_name_with_quotes_and_signs_when_granted_then_exactly_that_user_holds_it(
        self, tenant: Tenant
    ) -> None:
        connector(tenant).grant(account("o'hara#ext"), ROLE, not_after=None, operation="op-1")
        assert tenant.can_use("o'hara#ext", ROLE)
        for nobody in ("x' or userPrincipalName ne 'x", "", "a/../b", "new\nline"):
            with pytest.raises(NotFound):
                connector(tenant).grant(nobody, ROLE, not_after=None, operation="op-1")


class TestWithoutPrivilegedIdentityManagement:
    @pytest.fixture(autouse=True)
    def _without(self, tenant: Tenant) -> None:
        tenant.has_pim = False
        tenant.microsoft.permissions |= {"RoleManagement.ReadWrite.Directory", "Group.ReadWrite.All"}

    def test_given_no_licence_when_granted_and_revoked_then_plain_assignments_come_and_go_without_an_end(
        self, tenant: Tenant
    ) -> None:
        end = datetime.now(UTC) + timedelta(hours=1)
        for what in (ROLE, MEMBER, OWNER):
            tenant.hold("bob", what)  # a group keeps an owner
            given = connector(tenant).grant(account("alice"), what, not_after=end, operation="op-1")
            assert (given.changed, given.not_after) == (True, None)
            assert tenant.can_use("alice", what)
            taken = connector(tenant).revoke(account("alice"), what, operation="op-2", receipt=given.receipt)
            assert taken.changed
            assert not tenant.can_use("alice", what)
        assert "plain assignments only" in connector(tenant).check([ROLE])["version"]

    def test_given_a_tenant_that_never_began_with_it_when_granted_then_the_assignment_is_plain(
        self, tenant: Tenant
    ) -> None:
        tenant.has_pim = True
        never = Answer(400, "BadRequest", "The tenant has not onboarded to PIM.")
        tenant.microsoft.troubles.append(Trouble("GET", "ScheduleInstances", before=never))
        connector(tenant).grant(account("alice"), ROLE, not_after=None, operation="op-1")
        assert "POST /v1.0/roleManagement/directory/roleAssignments" in tenant.microsoft.asked

    def test_given_a_lost_answer_when_granted_then_it_is_found_to_be_ours_at_once(
        self, tenant: Tenant
    ) -> None:
        tenant.microsoft.troubles.append(Trouble("POST", "roleAssignments", cut=True))
        outcome = connector(tenant).grant(account("alice"), ROLE, not_after=None, operation="op-1")
        assert (outcome.changed, outcome.preexisting) == (True, False)

    def test_given_an_assignment_that_stood_before_when_granted_then_it_is_reported(
        self, tenant: Tenant
    ) -> None:
        tenant.hold("alice", ROLE)
        assert connector(tenant).grant(account("alice"), ROLE, not_after=None, operation="op-1").preexisting

    def test_given_the_last_owner_when_revoked_then_it_is_denied_in_words(self, tenant: Tenant) -> None:
        connector(tenant).grant(account("alice"), OWNER, not_after=None, operation="op-1")
        with pytest.raises(Denied, match="last owner"):
            connector(tenant).revoke(account("alice"), OWNER, operation="op-2")
        assert tenant.can_use("alice", OWNER)

    def test_given_the_setting_never_when_granted_then_schedules_are_not_even_asked_for(
        self, tenant: Tenant
    ) -> None:
        plain = connector(tenant, native_end="never")
        assert plain.capabilities.native_expiry == "none"
        plain.grant(account("alice"), ROLE, not_after=None, operation="op-1")
        plain.revoke(account("alice"), ROLE, operation="op-2")
        assert not any("Schedule" in one for one in tenant.microsoft.asked)


class TestThingsThatTakeTime:
    def test_given_lists_that_lag_when_granted_and_revoked_at_once_then_nothing_is_left(
        self, tenant: Tenant
    ) -> None:
        tenant.lag = 0.4
        for what in (ROLE, MEMBER):
            given = connector(tenant).grant(account("alice"), what, not_after=None, operation="op-1")
            again = connector(tenant).grant(account("alice"), what, not_after=None, operation="op-1")
            assert (given.changed, again.changed, again.preexisting) == (True, False, False)
            assert connector(tenant).revoke(account("alice"), what, operation="op-2").changed
            assert not tenant.can_use("alice", what)

    def test_given_a_list_that_still_shows_it_when_revoked_then_it_waits_and_then_says_so(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tenant.hold("alice", ROLE, made=0.0)
        tenant.lag = 0.5
        began = time.monotonic()
        assert connector(tenant).revoke(account("alice"), ROLE, operation="op-1").changed
        assert time.monotonic() - began >= 0.4
        monkeypatch.setattr(microsoft_giving, "SETTLE_SECONDS", 0.3)
        tenant.hold("alice", ROLE, made=0.0)
        tenant.lag = 60
        with pytest.raises(Busy, match="still listed"):
            connector(tenant).revoke(account("alice"), ROLE, operation="op-1")
        assert not tenant.can_use("alice", ROLE)

    def test_given_a_request_that_is_carried_out_later_when_granted_then_it_waits_for_it(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tenant.statuses = ["PendingProvisioning", "PendingProvisioning", "Provisioned"]
        assert connector(tenant).grant(account("alice"), ROLE, not_after=None, operation="op-1").changed
        assert tenant.can_use("alice", ROLE)
        monkeypatch.setattr(microsoft_giving, "SETTLE_SECONDS", 0.3)
        tenant.statuses = ["PendingProvisioning"] * 20
        with pytest.raises(Busy, match="PendingProvisioning"):
            connector(tenant).grant(account("bob"), ROLE, not_after=None, operation="op-1")

    @pytest.mark.parametrize(
        ("status", "error"), [("Failed", Busy), ("Denied", Denied), ("PendingApproval", Denied)]
    )
    def test_given_a_request_that_comes_to_nothing_when_granted_then_the_refusal_says_how(
        self, tenant: Tenant, status: str, error: type[Exception]
    ) -> None:
        tenant.statuses = [status]
        with pytest.raises(error, match=status):
            connector(tenant).grant(account("alice"), MEMBER, not_after=None, operation="op-1")
        assert not tenant.can_use("alice", MEMBER)
        # And nobody can say yes to it later.
        assert tenant.requests[-1]["status"] in ("Failed", "Denied", "Canceled")
        assert not connector(tenant).revoke(account("alice"), MEMBER, operation="op-2").changed

    def test_given_an_end_too_near_or_a_user_not_known_everywhere_yet_when_asked_then_it_is_tried_again(
        self, tenant: Tenant
    ) -> None:
        for code in ("ActiveDurationTooShort", "SubjectNotFound"):
            refusal = Answer(400, code, "Not yet.")
            tenant.microsoft.troubles.append(Trouble("POST", "ScheduleRequests", before=refusal))
            with pytest.raises(Busy):
                connector(tenant).grant(account("alice"), ROLE, not_after=None, operation="op-1")
        assert connector(tenant).grant(account("alice"), ROLE, not_after=None, operation="op-1").changed

    def test_given_a_connection_cut_after_the_deed_when_granted_again_then_it_is_ours_and_revocable(
        self, tenant: Tenant
    ) -> None:
        tenant.microsoft.troubles.append(Trouble("POST", "ScheduleRequests", cut=True))
        with pytest.raises(Unavailable):
            connector(tenant).grant(account("alice"), ROLE, not_after=None, operation="op-1")
        again = connector(tenant).grant(account("alice"), ROLE, not_after=None, operation="op-1")
        assert (again.changed, again.preexisting) == (False, False)
        tenant.microsoft.troubles.append(Trouble("POST", "ScheduleRequests", cut=True))
        with pytest.raises(Unavailable):
            connector(tenant).revoke(account("alice"), ROLE, operation="op-2")
        assert not connector(tenant).revoke(account("alice"), ROLE, operation="op-2").changed

    def test_when_asked_to_come_back_soon_then_it_does_and_later_then_it_says_so_at_once(
        self, tenant: Tenant
    ) -> None:
        soon = Answer(429, "TooManyRequests", "Slow down.", Retry_After="0")
        tenant.microsoft.troubles.append(Trouble("POST", "ScheduleRequests", before=soon))
        assert connector(tenant).grant(account("alice"), ROLE, not_after=None, operation="op-1").changed
        for status in (429, 503):
            late = Answer(status, "TooManyRequests", "Slow down.", Retry_After="60")
            tenant.microsoft.troubles.append(Trouble("GET", "roleDefinitions", before=late))
            began = time.monotonic()
            with pytest.raises(Unavailable):
                connector(tenant).list_grants([ROLE])
            assert time.monotonic() - began < 2


class TestWhatItRefuses:
    def test_given_a_rule_of_the_tenant_against_it_when_granted_then_the_refusal_names_the_rule(
        self, tenant: Tenant
    ) -> None:
        tenant.policy_failure = "ExpirationRule"
        with pytest.raises(Denied, match=r"ExpirationRule.*native_end"):
            connector(tenant).grant(account("alice"), ROLE, not_after=None, operation="op-1")

    def test_given_a_group_whose_members_are_computed_when_granted_then_it_is_unsupported(
        self, tenant: Tenant
    ) -> None:
        with pytest.raises(Unsupported, match="computed by a rule"):
            connector(tenant).grant(
                account("alice"), f"group:{COMPUTED_GROUP}:member", not_after=None, operation="op-1"
            )

    @pytest.mark.parametrize(
        "settings",
        [
            {"host": "x"},
            {"tenant_id": ""},
            {"tenant_id": "a/b"},
            {"graph": "http://graph.example"},
            {"authority": "https://user@login.example"},
            {"native_end": "sometimes"},
            {"management": "https://management.example"},
        ],
    )
    def test_given_settings_it_does_not_take_then_it_says_so(
        self, tenant: Tenant, settings: dict[str, str]
    ) -> None:
        with pytest.raises(Unsupported):
            connector(tenant, **settings)

    def test_given_missing_and_needless_permissions_when_checked_then_each_is_named_with_its_remedy(
        self, tenant: Tenant
    ) -> None:
        tenant.microsoft.permissions -= {"RoleAssignmentSchedule.ReadWrite.Directory"}
        tenant.microsoft.permissions |= {"Directory.ReadWrite.All", "Organization.Read.All"}
        finding = connector(tenant).check([ROLE])
        assert not finding["usable"]
        assert "Contoso" in finding["version"]
        (missing,) = finding["missing"]
        assert "RoleAssignmentSchedule.ReadWrite.Directory is missing" in missing
        assert "Grant admin consent" in missing
        assert "Directory.ReadWrite.All" in " ".join(finding["excess"])
        with pytest.raises(Denied, match="Insufficient privileges"):
            connector(tenant).grant(account("alice"), ROLE, not_after=None, operation="op-1")

    def test_given_a_fault_at_sign_in_that_passes_then_it_is_unavailable_and_not_a_wrong_secret(
        self, tenant: Tenant
    ) -> None:
        with pytest.raises(AuthenticationFailed, match="not known"):
            connector(tenant, secret="").check()
        tenant.microsoft.sign_in_fault = 503
        with pytest.raises(Unavailable):
            connector(tenant).check()
