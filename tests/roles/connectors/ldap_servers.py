"""A real OpenLDAP for the connector, from a Debian package, in a folder of its own on the loopback interface."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import ldap
import ldap.modlist
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pim_portal.embedded.postgresql import free_port
from pim_portal.embedded.supervising import has_ended, start_process, stop_process
from roles.connectors.base import Outcome
from roles.connectors.ldap import LDAPConnector
from tests.servers import wait_until

PASSWORD = "Same-for-all-1"
PIM, ALICE, BOB, CAROL = "pim", "alice", "bob", "carol"


def sign_in(url: str, ca_file: Path, dn: str, password: str = PASSWORD) -> Any:
    """A bound connection, as any program of the directory's users opens one."""
    session = ldap.initialize(url)
    session.set_option(ldap.OPT_REFERRALS, ldap.OPT_OFF)
    session.set_option(ldap.OPT_NETWORK_TIMEOUT, 5)
    session.set_option(ldap.OPT_TIMEOUT, 30)
    session.set_option(ldap.OPT_X_TLS_CACERTFILE, str(ca_file))
    session.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    session.simple_bind_s(dn, password)
    return session


def make_certificates(folder: Path, address: str) -> None:
    """An authority (`ca.pem`) and what it vouches for (`server.pem`, `server.key`), good for a day."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("Test CA", address)]
    for number, file in enumerate(("ca.pem", "server.pem")):
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(names[number])
            .issuer_name(names[0])
            .public_key(keys[number].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=number == 0, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
            .sign(keys[0], hashes.SHA256())
        )
        (folder / file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.key").write_bytes(private)
    (folder / "server.key").chmod(0o600)


# What docs/connectors/ldap.md tells an administrator to write stands between the two lines of hashes.
SLAPD = """
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload dynlist
moduleload dds
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/dyngroup.schema
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
security simple_bind=0
sizelimit 50
database mdb
suffix dc=example,dc=test
rootdn cn=admin,dc=example,dc=test
rootpw {password}
directory {folder}/data
maxsize 33554432
dbnosync
limits dn.exact="cn=pim,dc=example,dc=test" size.prtotal=unlimited
access to dn.exact="cn=vault,dc=example,dc=test"
    by group/groupOfNames/member.exact="cn=operators,ou=groups,dc=example,dc=test" read
    by * none
access to attrs=userPassword by anonymous auth by self write by * none
############
access to dn.exact="cn=operators,ou=groups,dc=example,dc=test" attrs=member,description
    by dn.exact="cn=pim,dc=example,dc=test" write
    by users read
access to dn.exact="ou=activations,dc=example,dc=test" attrs=children
    by dn.exact="cn=pim,dc=example,dc=test" write
    by users read
access to dn.one="ou=activations,dc=example,dc=test"
    by dn.exact="cn=pim,dc=example,dc=test" manage
    by users read
############
access to * by users read by anonymous auth
overlay dynlist
dynlist-attrset groupOfURLs memberURL
overlay dds
dds-interval 1
dds-default-ttl 60
dds-max-ttl 1d
"""

BASE = "dc=example,dc=test"
OPERATORS, WATCHERS = f"cn=operators,ou=groups,{BASE}", f"cn=watchers,ou=groups,{BASE}"
ACTIVATIONS = f"ou=activations,{BASE}"


class OpenLDAP:
    """An slapd with people, groups, an entry `cn=vault` that members of `operators` may read, and dynamic entries.

    Args:
        folder: its own, made here.
        groups: which ones the service account may change, as slapd's configuration says it.
    """

    def __init__(self, folder: Path, *, groups: str = f'dn.exact="{OPERATORS}"') -> None:
        folder.mkdir(parents=True)
        self.folder, self.ca_file = folder, folder / "ca.pem"
        (folder / "data").mkdir()
        make_certificates(folder, "127.0.0.1")
        self.port, self.tls_port = free_port(), free_port()
        self.url, self.tls_url = f"ldap://127.0.0.1:{self.port}", f"ldaps://127.0.0.1:{self.tls_port}"
        rules = SLAPD.format(folder=folder, password=PASSWORD)
        rules = rules.replace(f'to dn.exact="{OPERATORS}" attrs', f"to {groups} attrs")
        (folder / "slapd.conf").write_text(rules)
        self.start()
        self.add(BASE, "dcObject organization", dc="example", o="Example")

    def start(self) -> None:
        """Start it, again with what it held before, and wait until it answers."""
        argv: list[str | Path] = ["/usr/sbin/slapd", "-d", "0", "-f", self.folder / "slapd.conf"]
        with (self.folder / "log").open("ab") as log:
            self.process = start_process([*argv, "-h", f"{self.url} {self.tls_url}"], output=log)
        wait_until(self._answers, f"slapd (its log: {self.folder / 'log'})")
        self.admin = sign_in(self.url, self.ca_file, f"cn=admin,{BASE}")

    def _answers(self) -> bool:
        assert not has_ended(self.process), (self.folder / "log").read_text()
        try:
            sign_in(self.url, self.ca_file, f"cn=admin,{BASE}").unbind()
        except ldap.SERVER_DOWN:
            return False
        return True

    def stop(self) -> None:
        stop_process(self.process)

    def add(self, dn: str, classes: str, **attributes: str | list[str]) -> str:
        values = {"objectClass": classes.split()} | {
            name: value if isinstance(value, list) else [value] for name, value in attributes.items()
        }
        entry = {name: [one.encode() for one in some] for name, some in values.items()}
        self.admin.add_s(dn, ldap.modlist.addModlist(entry))
        return dn

    def add_person(self, uid: str, dn: str = "") -> str:
        return self.add(
            dn or f"uid={ldap.dn.escape_dn_chars(uid)},ou=people,{BASE}",
            "inetOrgPerson",
            uid=uid,
            cn=f"Person {uid}",
            sn="Test",
            mail="somebody@example.test",
            userPassword=PASSWORD,
        )

    def fill(self) -> None:
        """Whatever was there is gone; then what every test begins with."""
        below = self.admin.search_s(BASE, ldap.SCOPE_SUBTREE, "(objectClass=*)", ["1.1"])
        for dn, _ in sorted(below, key=lambda one: -one[0].count(",")):
            if dn != BASE:
                self.admin.delete_s(dn)
        for name in ("people", "groups", "activations"):
            self.add(f"ou={name},{BASE}", "organizationalUnit", ou=name)
        pim = self.add(f"cn=pim,{BASE}", "organizationalRole simpleSecurityObject", userPassword=PASSWORD)
        self.add(f"cn=vault,{BASE}", "organizationalRole", description="gold")
        for uid in (ALICE, BOB, CAROL):
            self.add_person(uid)
        self.add(OPERATORS, "groupOfNames", member=pim, description="May open the vault")
        url = f"ldap:///{ACTIVATIONS}?member?one?(seeAlso={WATCHERS})"
        self.add(WATCHERS, "groupOfURLs", memberURL=url)

    def person(self, uid: str) -> str:
        return f"uid={uid},ou=people,{BASE}"

    def settings(self, **more: object) -> dict[str, object]:
        return {
            "url": self.url,
            "ca_file": str(self.ca_file),
            "bind_dn": f"cn=pim,{BASE}",
            "people_base": f"ou=people,{BASE}",
            "groups_base": f"ou=groups,{BASE}",
            "flavour": "openldap",
        } | more

    def connector(self, secret: str = PASSWORD, **more: object) -> LDAPConnector:
        return LDAPConnector(self.settings(**more), secret)

    def grant(self, account: str = ALICE, group: str = OPERATORS) -> Outcome:
        return self.connector().grant(account, group, not_after=None, operation="op-1")

    def revoke(self, account: str = ALICE, group: str = OPERATORS, receipt: str = "") -> Outcome:
        return self.connector().revoke(account, group, operation="op-2", receipt=receipt)

    def members(self, group: str = OPERATORS) -> set[str]:
        found = self.admin.search_s(group, ldap.SCOPE_BASE, "(objectClass=*)", ["member"])
        return {value.decode() for value in found[0][1].get("member", [])}

    def marks(self, group: str = OPERATORS) -> list[bytes]:
        found = self.admin.search_s(group, ldap.SCOPE_BASE, "(objectClass=*)", ["description"])
        return [one for one in found[0][1].get("description", []) if one.startswith(b"pim-portal:")]

    def reads_vault(self, uid: str) -> bool:
        session = sign_in(self.url, self.ca_file, self.person(uid))
        try:
            return reads(session)
        finally:
            session.unbind()

    def is_in(self, group: str, uid: str) -> bool:
        """As a program would ask: does the group have this member?"""
        session = sign_in(self.url, self.ca_file, self.person(uid))
        try:
            return bool(session.compare_s(group, "member", self.person(uid).encode()))
        except ldap.NO_SUCH_ATTRIBUTE:
            return False
        finally:
            session.unbind()

    def put_in_by_hand(self, uid: str, group: str = OPERATORS) -> None:
        self.admin.modify_s(group, [(ldap.MOD_ADD, "member", [self.person(uid).encode()])])


def reads(session: Any) -> bool:
    try:
        return bool(session.search_s(f"cn=vault,{BASE}", ldap.SCOPE_BASE, "(objectClass=*)"))
    except ldap.NO_SUCH_OBJECT:
        return False
