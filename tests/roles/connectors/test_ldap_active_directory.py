"""The LDAP connector on a real Active Directory domain (Samba's), with people whose groups the domain itself computes."""

import ldap
import pytest

from roles.connectors import ldap_queries
from roles.connectors.base import AuthenticationFailed, Denied, FoundAccount, NotFound, Unsupported
from tests.roles.connectors.contract import ConnectorContract, NetworkContract, Target
from tests.roles.connectors.ldap_servers import ALICE, BOB, CAROL
from tests.roles.connectors.samba import DOMAIN, GROUPS, PEOPLE, SERVICE, STAFF, SambaAD

pytestmark = pytest.mark.one_database


class TestActiveDirectoryKeepsTheContract(ConnectorContract, NetworkContract):
    @pytest.fixture
    def target(self, domain: SambaAD, dead_port: int) -> Target:
        return Target(
            connect=domain.connector,
            account=ALICE,
            entitlement=STAFF,
            more_accounts=[BOB, CAROL],
            can_use=domain.is_staff,
            grant_by_hand=domain.put_in_by_hand,
            unknown_entitlement=f"CN=nothing,{GROUPS}",
            connect_to_dead_address=lambda: domain.connector(url=f"ldaps://127.0.0.1:{dead_port}"),
            connect_with_secret=lambda secret: domain.connector(secret),
        )


class TestMembers:
    def test_given_an_account_in_a_nested_group_when_listed_then_the_group_is_and_the_domain_counts_both(
        self, domain: SambaAD
    ) -> None:
        inner = domain.add(f"CN=inner,{GROUPS}", "group", sAMAccountName="inner")
        domain.put_in_by_hand(BOB, inner)
        domain.admin.modify_s(STAFF, [(ldap.MOD_ADD, "member", [inner.encode()])])
        domain.grant()
        assert {one.account for one in domain.connector().list_grants([STAFF])} == {ALICE, inner}
        assert domain.is_staff(BOB)
        assert not domain.revoke(BOB).changed  # not by a value of this group

    @pytest.mark.parametrize("portion", [5, 13, 14])
    def test_given_more_members_than_are_given_at_once_then_all_are_listed_and_the_last_is_found(
        self, domain: SambaAD, portion: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ldap_queries, "PORTION", portion)
        many = [domain.add(f"CN=contact{number:02},{PEOPLE}", "contact") for number in range(12)]
        domain.admin.modify_s(STAFF, [(ldap.MOD_ADD, "member", [one.encode() for one in many])])
        domain.grant()
        listed = [one.account for one in domain.connector().list_grants([STAFF])]
        assert len(listed) == 13
        assert set(listed) == {ALICE, *many}
        assert domain.revoke().changed

    def test_given_a_renamed_account_when_revoked_by_its_receipt_then_the_right_is_gone(
        self, domain: SambaAD
    ) -> None:
        erin = domain.add_person("erin")
        receipt = domain.grant("erin").receipt
        domain.admin.modify_s(erin, [(ldap.MOD_REPLACE, "sAMAccountName", [b"erin.married"])])
        with pytest.raises(NotFound):
            domain.revoke("erin")
        assert domain.revoke("erin", receipt=receipt).changed
        assert domain.connector().list_grants([STAFF]) == []


class TestRights:
    def test_given_a_group_that_was_not_delegated_when_checked_and_granted_then_the_missing_right_is_named(
        self, domain: SambaAD
    ) -> None:
        other = domain.add(f"CN=other,{GROUPS}", "group", sAMAccountName="other")
        finding = domain.connector().check([STAFF, other])
        assert finding["administers"] == [STAFF]
        assert any("writing member" in sentence and other in sentence for sentence in finding["missing"])
        assert "Samba" in finding["version"]
        with pytest.raises(Denied, match="member"):
            domain.grant(group=other)

    def test_given_an_administrator_as_service_account_when_checked_then_what_is_too_much_is_named(
        self, domain: SambaAD
    ) -> None:
        finding = domain.connector(bind_dn=f"CN=Administrator,CN=Users,{DOMAIN}").check([STAFF])
        assert finding["usable"]
        assert "does not need to write" in finding["excess"][0]

    def test_given_a_domain_that_wants_encryption_when_spoken_to_in_clear_then_it_is_refused_in_words(
        self, domain: SambaAD
    ) -> None:
        with pytest.raises(AuthenticationFailed, match=r"(?i)strong"):
            domain.connector(url=f"ldap://{domain.address}", starttls="no").check()
        assert domain.connector(url=f"ldap://{domain.address}").check([STAFF])["usable"]

    def test_given_a_domain_without_ends_of_memberships_when_they_are_asked_for_then_it_is_refused_in_words(
        self, domain: SambaAD
    ) -> None:
        connector = domain.connector(time_to_live="yes")
        assert connector.capabilities.native_expiry == "optional"
        assert "Privileged Access Management" in " ".join(connector.check([STAFF])["missing"])
        with pytest.raises(Unsupported, match="Privileged Access Management"):
            connector.grant(ALICE, STAFF, not_after=None, operation="op-1")

    def test_given_the_service_account_in_the_group_then_it_is_not_listed(self, domain: SambaAD) -> None:
        domain.admin.modify_s(STAFF, [(ldap.MOD_ADD, "member", [SERVICE.encode()])])
        assert domain.connector().list_grants([STAFF]) == []


class TestDiscovery:
    def test_roles_that_could_take_the_domain_over_are_marked(self, domain: SambaAD) -> None:
        roles = {one.name: one.privileged for one in domain.connector(groups_base=DOMAIN).roles()}
        powerful = (
            "Domain Admins",
            "Enterprise Admins",
            "Schema Admins",
            "Administrators",
            "Backup Operators",
        )
        assert all(roles[name] for name in powerful)
        assert not any(roles[name] for name in ("staff", "Domain Users", "Guests"))

    def test_accounts_are_people_with_name_and_mail(self, domain: SambaAD) -> None:
        assert FoundAccount(ALICE, "Person alice", "somebody@example.test") in list(
            domain.connector().accounts()
        )
