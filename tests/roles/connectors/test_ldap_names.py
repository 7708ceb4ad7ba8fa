"""Names as odd as LDAP allows, names that nobody has, spellings of one name; and settings."""

import sys

import ldap.dn
import pytest

from roles.connectors.base import NotFound, Unsupported
from roles.connectors.ldap import LDAPConnector
from roles.connectors.ldap_names import is_below, same_form
from roles.connectors.registry import connector_for_kind, connector_kinds
from tests.roles.connectors.ldap_servers import ALICE, BASE, OPERATORS, OpenLDAP

pytestmark = pytest.mark.one_database

ODD_NAMES = [
    "Robin Sample",
    "star*star",
    "paren(the)ses",
    "*)(uid=*",
    "back\\slash",
    "comma, plus+ equals= semi; <angle> #hash",
    '"quoted"',
    "#leading",
    "Jürgen Größe",
    "名前 имя 🔑",
    "robin@example.test",
    "x" * 200,
]


class TestNames:
    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_given_an_odd_name_then_grant_use_list_and_revoke_all_work(
        self, openldap: OpenLDAP, name: str
    ) -> None:
        dn = openldap.add_person(name)
        group = openldap.add(
            f"cn={ldap.dn.escape_dn_chars(name[:60])},{OPERATORS.partition(',')[2]}",
            "groupOfNames",
            member=dn,
        )
        assert openldap.grant(name).changed
        (grant,) = openldap.connector().list_grants([OPERATORS])
        assert grant.account == name
        assert [one.account for one in openldap.connector().list_grants([group])] == [name]
        assert openldap.revoke(name).changed
        assert dn not in openldap.members()

    @pytest.mark.parametrize(
        "name",
        ["", " ", "*", "ali*", "alice)(uid=*", "nul\x00byte", "half \ud83d surrogate", "\\2a", "alice,bob"],
    )
    def test_given_a_name_that_nobody_has_when_granted_or_revoked_then_it_is_not_found(
        self, openldap: OpenLDAP, name: str
    ) -> None:
        before = openldap.members()
        for account, group in ((name, OPERATORS), (ALICE, name)):
            with pytest.raises(NotFound):
                openldap.grant(account, group)
            with pytest.raises(NotFound):
                openldap.revoke(account, group)
        assert openldap.connector().list_grants([name]) == []
        assert openldap.members() == before

    def test_given_a_group_beyond_the_base_or_no_group_at_all_then_it_is_not_found(
        self, openldap: OpenLDAP
    ) -> None:
        for dn in (f"cn=vault,{BASE}", f"ou=groups,{BASE}", openldap.person(ALICE)):
            with pytest.raises(NotFound):
                openldap.grant(group=dn)

    def test_given_two_accounts_of_one_name_then_neither_is_given_anything(self, openldap: OpenLDAP) -> None:
        openldap.add(f"ou=more,ou=people,{BASE}", "organizationalUnit", ou="more")
        openldap.add_person(ALICE, f"uid={ALICE},ou=more,ou=people,{BASE}")
        with pytest.raises(Unsupported, match="More than one"):
            openldap.grant()

    def test_given_other_spellings_of_account_and_group_then_they_are_the_same(
        self, openldap: OpenLDAP
    ) -> None:
        spelled = "CN=Operators, OU=Groups, DC=Example, DC=Test"
        assert openldap.grant("ALICE", spelled).changed
        (grant,) = openldap.connector(people_base="OU=People, DC=example,DC=TEST").list_grants([spelled])
        assert (grant.account, grant.entitlement) == (ALICE, spelled)
        assert not openldap.grant().changed
        assert openldap.revoke(ALICE, spelled).changed

    def test_one_name_has_one_form(self) -> None:
        form = same_form(r"UID=Smith\, Ann+ou=X, DC=Example , dc=test")
        assert form == same_form(r"ou=x+uid=smith\2c  ann,dc=example,DC=TEST")
        assert form != same_form("uid=smith,dc=example,dc=test")
        assert is_below("uid=a,ou=people,dc=test", "OU=people, dc=test")
        assert not is_below("uid=a,ou=otherpeople,dc=test", "ou=people,dc=test")
        assert not is_below("no name at all", "dc=test")


PLACE = {
    "url": "ldaps://ldap.example.test",
    "bind_dn": "cn=pim,dc=test",
    "people_base": "ou=people,dc=test",
    "groups_base": "ou=groups,dc=test",
    "flavour": "openldap",
}


class TestSettings:
    @pytest.mark.parametrize("name", sorted(PLACE))
    def test_given_a_missing_setting_then_it_is_named(self, name: str) -> None:
        with pytest.raises(Unsupported, match=name):
            LDAPConnector(PLACE | {name: ""})

    @pytest.mark.parametrize("name", ["password", "port", "sasl", "filter"])
    def test_given_a_setting_that_is_none_of_ours_then_it_is_refused(self, name: str) -> None:
        with pytest.raises(Unsupported, match=name):
            LDAPConnector(PLACE | {name: "x"})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("url", "ldapi:///run/slapd"),
            ("url", "ldap://a.test/dc=test"),
            ("url", "ldap://user@a.test"),
            ("url", "ldap://a.test:port"),
            ("url", "ldap://a.test ldap://b.test"),
            ("bind_dn", "pim"),
            ("people_base", "people"),
            ("flavour", "novell"),
            ("account_attribute", "uid)(x=*"),
            ("starttls", "no"),
            ("dynamic_base", "ou=now,ou=groups,dc=test"),
            ("time_to_live", "yes"),
        ],
    )
    def test_given_a_setting_that_cannot_be_then_it_is_named(self, name: str, value: str) -> None:
        with pytest.raises(Unsupported, match=name):
            LDAPConnector(PLACE | {name: value})

    def test_given_a_server_elsewhere_then_the_password_is_not_sent_in_clear(self) -> None:
        far = PLACE | {"url": "ldap://ldap.example.test", "starttls": "no"}
        with pytest.raises(Unsupported, match="in clear"):
            LDAPConnector(far)
        LDAPConnector(far | {"url": "ldap://127.0.0.1"})
        LDAPConnector(far | {"starttls": "yes"})

    def test_what_it_can_do_depends_on_the_settings(self) -> None:
        assert LDAPConnector(PLACE).capabilities.native_expiry == "none"
        assert (
            LDAPConnector(PLACE | {"dynamic_base": "ou=now,dc=test"}).capabilities.native_expiry == "optional"
        )

    def test_given_no_library_then_the_kind_is_known_and_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in [name for name in sys.modules if name.startswith("roles.connectors.ldap")]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, "ldap", None)
        assert "ldap" in connector_kinds()
        with pytest.raises(Unsupported, match=r"requirements/ldap\.txt"):
            connector_for_kind("ldap", PLACE, "x")
