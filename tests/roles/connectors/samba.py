"""A real Active Directory for the connector: Samba's, from Debian packages, in a folder of its own."""

import secrets
import subprocess
from pathlib import Path
from typing import Any

import ldap
import ldap.modlist

from pim_portal.embedded.supervising import has_ended, start_process, stop_process
from roles.connectors.base import Outcome
from roles.connectors.ldap import LDAPConnector
from tests.roles.connectors.ldap_servers import ALICE, BOB, CAROL, PASSWORD, make_certificates, sign_in
from tests.servers import wait_until

DOMAIN = "DC=pim,DC=test"
PEOPLE, GROUPS = f"OU=Staff,{DOMAIN}", f"OU=Roles,{DOMAIN}"
SERVICE, STAFF = f"CN=PIM Portal,CN=Users,{DOMAIN}", f"CN=staff,{GROUPS}"


class SambaAD:
    """A Samba domain controller that speaks LDAP alone, on a loopback address of its own: its ports are fixed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.address = (
            f"127.{secrets.randbelow(250) + 1}.{secrets.randbelow(250) + 1}.{secrets.randbelow(250) + 2}"
        )
        self.url, self.ca_file = f"ldaps://{self.address}", folder / "ca.pem"
        self._provision()
        make_certificates(folder, self.address)
        with (folder / "log").open("wb") as log:
            self.process = start_process(
                ["/usr/sbin/samba", "-i", "-M", "single", "-s", folder / "etc" / "smb.conf"], output=log
            )
        wait_until(self._answers, f"Samba (its log: {folder / 'log'})")
        self.admin = self._as_administrator()

    def _provision(self) -> None:
        given = {
            "interfaces": f"{self.address}/8",
            "bind interfaces only": "yes",
            "server services": "ldap",
            "log file": f"{self.folder}/log.samba",
            "tls keyfile": f"{self.folder}/server.key",
            "tls certfile": f"{self.folder}/server.pem",
            "tls cafile": f"{self.folder}/ca.pem",
            "pid directory": str(self.folder),
            "ncalrpc dir": str(self.folder / "ncalrpc"),
            "vfs objects": "acl_xattr dfs_samba4 xattr_tdb",
        }
        done = subprocess.run(
            ["/usr/bin/samba-tool", "domain", "provision", f"--targetdir={self.folder}", "--realm=PIM.TEST"]
            + ["--domain=PIM", f"--adminpass={PASSWORD}", "--server-role=dc", "--dns-backend=NONE"]
            + [f"--host-ip={self.address}"]
            + [f"--option={name}={value}" for name, value in given.items()],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr[-3000:]

    def _answers(self) -> bool:
        assert not has_ended(self.process), (self.folder / "log").read_text()
        try:
            self._as_administrator().unbind()
        except (ldap.SERVER_DOWN, ldap.UNAVAILABLE):
            return False
        return True

    def _as_administrator(self) -> Any:
        return sign_in(self.url, self.ca_file, f"CN=Administrator,CN=Users,{DOMAIN}")

    def stop(self) -> None:
        stop_process(self.process)

    def add(self, dn: str, kind: str, **attributes: bytes | str) -> str:
        entry = {name: [one if isinstance(one, bytes) else one.encode()] for name, one in attributes.items()}
        self.admin.add_s(dn, ldap.modlist.addModlist({"objectClass": [kind.encode()], **entry}))
        return dn

    def add_person(self, name: str) -> str:
        dn = f"CN={ldap.dn.escape_dn_chars('Person ' + name)},{PEOPLE}"
        quoted = f'"{PASSWORD}"'.encode("utf-16-le")
        more = {"displayName": f"Person {name}", "mail": "somebody@example.test", "userAccountControl": "512"}
        return self.add(dn, "user", sAMAccountName=name, unicodePwd=quoted, **more)

    def make_everything(self) -> None:
        """What every test begins with: made once, since signing passwords and descriptors is slow."""
        for place in (PEOPLE, GROUPS):
            self.add(place, "organizationalUnit")
        for name in (ALICE, BOB, CAROL):
            self.add_person(name)
        quoted = f'"{PASSWORD}"'.encode("utf-16-le")
        self.add(SERVICE, "user", sAMAccountName="svc-pim", unicodePwd=quoted, userAccountControl="512")
        self.add(STAFF, "group", sAMAccountName="staff", description="May do what staff may")
        self.delegate()

    def delegate(self) -> None:
        """The commands of docs/connectors/ldap.md."""
        sid = self.sid_of(SERVICE)
        for attribute in ("bf9679c0-0de6-11d0-a285-00aa003049e2", "bf967972-0de6-11d0-a285-00aa003049e2"):
            self.run_tool("dsacl", "set", f"--objectdn={STAFF}", f"--sddl=(OA;;WP;{attribute};;{sid})")

    def run_tool(self, *argv: str) -> None:
        database, settings = self.folder / "private" / "sam.ldb", self.folder / "etc" / "smb.conf"
        command = ["/usr/bin/samba-tool", *argv, "-H", str(database), "-s", str(settings)]
        subprocess.run(command, check=True, capture_output=True)

    def sid_of(self, dn: str) -> str:
        raw = self.admin.search_s(dn, ldap.SCOPE_BASE, "(objectClass=*)", ["objectSid"])[0][1]["objectSid"][0]
        parts = [int.from_bytes(raw[at : at + 4], "little") for at in range(8, len(raw), 4)]
        return "S-1-5-" + "-".join(map(str, parts))

    def clean(self) -> None:
        """Take out of the group whoever a test has left in it, and delete what it has made."""
        held = self.admin.search_s(STAFF, ldap.SCOPE_BASE, "(objectClass=*)", ["member", "extensionName"])[0][
            1
        ]
        if held:
            self.admin.modify_s(STAFF, [(ldap.MOD_REPLACE, name, None) for name in held])
        own = {dn.lower() for dn in (PEOPLE, GROUPS, STAFF, *map(self.person, (ALICE, BOB, CAROL)))}
        for base in (PEOPLE, GROUPS):
            for dn, _ in self.admin.search_s(base, ldap.SCOPE_SUBTREE, "(objectClass=*)", ["1.1"]):
                if dn and dn.lower() not in own:
                    self.admin.delete_s(dn)

    def person(self, name: str) -> str:
        return f"CN=Person {name},{PEOPLE}"

    def settings(self, **more: object) -> dict[str, object]:
        return {
            "url": self.url,
            "ca_file": str(self.ca_file),
            "bind_dn": SERVICE,
            "people_base": PEOPLE,
            "groups_base": GROUPS,
            "flavour": "active_directory",
        } | more

    def connector(self, secret: str = PASSWORD, **more: object) -> LDAPConnector:
        return LDAPConnector(self.settings(**more), secret)

    def grant(self, account: str = ALICE, group: str = "") -> Outcome:
        return self.connector().grant(account, group or STAFF, not_after=None, operation="op-1")

    def revoke(self, account: str = ALICE, group: str = "", receipt: str = "") -> Outcome:
        return self.connector().revoke(account, group or STAFF, operation="op-2", receipt=receipt)

    def is_staff(self, name: str) -> bool:
        """Sign in as this account and ask the domain which groups count for it, nested ones too (tokenGroups)."""
        raw = self.admin.search_s(STAFF, ldap.SCOPE_BASE, "(objectClass=*)", ["objectSid"])[0][1][
            "objectSid"
        ][0]
        session = sign_in(self.url, self.ca_file, self.person(name))
        try:
            found = session.search_s(self.person(name), ldap.SCOPE_BASE, "(objectClass=*)", ["tokenGroups"])
        finally:
            session.unbind()
        return raw in found[0][1]["tokenGroups"]

    def put_in_by_hand(self, name: str, group: str = "") -> None:
        self.admin.modify_s(group or STAFF, [(ldap.MOD_ADD, "member", [self.person(name).encode()])])
