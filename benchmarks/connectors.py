"""How long each kind of directory takes: from an approval to a right that the portal has confirmed, and from its end.

``python -m benchmarks.connectors``. One worker, the portal on PostgreSQL, and beside one another: PostgreSQL, OpenLDAP, an
Active Directory (Samba), the example of a web hook's receiver, and the stand-ins for Entra and Azure. These two answer
at once, so their figures are the portal's own part. A right counts when its connector has read it back.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.bench import percentile, portal_on, verdict

ROUNDS = 4
SECONDS = 8  # that each right lasts
PATIENCE = 90.0
SECRET = "DIRECTORY_BENCH_{}"  # noqa: S105  # the variable that holds it


@dataclass
class Peer:
    """A directory to be spoken to.

    Args:
        accounts: their names there; each gets the entitlement once in a round.
    """

    kind: str
    title: str
    connection: dict[str, Any]
    secret: str
    accounts: list[str]
    entitlement: str
    row: Any = None

    def open(self, people: list[Any]) -> None:
        """Write it down in the portal, with whose the accounts are."""
        from audit.journal.actor import PORTAL
        from roles.cataloguing import add_role, open_directory
        from roles.models import Account, Directory

        variable = SECRET.format(self.title.upper().replace(" ", "_"))
        os.environ[variable] = self.secret
        self.row = open_directory(
            self.title,
            actor=PORTAL,
            kind=self.kind,
            connection=self.connection,
            secret=f"env:{variable}",
            account_names=Directory.AccountNames.LISTED,
        )
        add_role(self.row, actor=PORTAL, name=self.title, entitlement=self.entitlement)
        for account, person in zip(self.accounts, people, strict=True):
            Account.objects.create(directory=self.row, person=person, name=account)


@contextmanager
def peers(folder: Path, database: Any) -> Iterator[list[Peer]]:
    """All of them, running."""
    from benchmarks.places import DatabasePlace
    from roles.connectors.signing import new_secret
    from tests.factories.receivers import receiving
    from tests.roles.connectors import ldap_servers, microsoft_tenant
    from tests.roles.connectors.microsoft_azure import AZURE_READER, SUBSCRIPTION, AzureTenant
    from tests.roles.connectors.microsoft_server import CLIENT_SECRET, Microsoft
    from tests.roles.connectors.samba import STAFF, SambaAD

    named = [ldap_servers.ALICE, ldap_servers.BOB, ldap_servers.CAROL]
    with ExitStack() as ends:
        place = DatabasePlace("database", folder / "database")
        ends.callback(place.erase)
        place.fill(named, 1)
        openldap = ldap_servers.OpenLDAP(folder / "openldap")
        ends.callback(openldap.stop)
        openldap.fill()
        domain = SambaAD(folder / "samba")
        ends.callback(domain.stop)
        domain.make_everything()
        key = new_secret()
        receiver = ends.enter_context(receiving(folder, key))
        clouds = []
        for made in (microsoft_tenant.Tenant, AzureTenant):
            (folder / made.__name__).mkdir()
            clouds.append(Microsoft(folder / made.__name__))
            ends.callback(clouds[-1].close)
            made(clouds[-1])
        entra, azure = clouds
        users = [microsoft_tenant.account(name) for name in named]
        manages = {"management": azure.address, "root": SUBSCRIPTION}
        switches = dict.fromkeys(("lists", "native_end", "tells_whose"), True)
        word = ldap_servers.PASSWORD
        yield [
            Peer("postgresql", "PostgreSQL", place.connection(), word, named, place.entitlement(0)),
            Peer("ldap", "OpenLDAP", openldap.settings(), word, named, ldap_servers.OPERATORS),
            Peer("ldap", "Active Directory", domain.settings(), word, named, STAFF),
            Peer(
                "webhook",
                "Web hook",
                {"url": receiver.url} | switches,
                key,
                ["robin", "kim", "ada"],
                "archive",
            ),
            Peer("entra", "Entra", entra.settings(), CLIENT_SECRET, users, f"role:{microsoft_tenant.READER}"),
            Peer("azure", "Azure", azure.settings(**manages), CLIENT_SECRET, users, AZURE_READER),
        ]


def measure() -> None:
    """Give each account of each directory a right that lasts some seconds, several times over."""
    with (
        portal_on("postgresql") as database,
        tempfile.TemporaryDirectory(prefix="pim-portal-connectors-") as name,
        peers(Path(name), database) as all_of_them,
    ):
        from accounts.models import User
        from benchmarks.crew import Crew
        from roles.models import Assignment

        people = [User.objects.create_user(f"p{n}@example.test", f"Person {n}") for n in range(3)]
        for peer in all_of_them:
            peer.open(people)
        crew = Crew(1, Path(name), {"OUTBOUND_ALLOWED": "127.0.0.1"})
        try:
            for _round in range(ROUNDS):
                _begin(all_of_them, people)
                deadline = time.monotonic() + PATIENCE
                while Assignment.objects.exclude(status="ended").exists():
                    assert time.monotonic() < deadline, list(
                        Assignment.objects.exclude(status="ended").values_list("role__name", "last_error")
                    )
                    time.sleep(0.2)
        finally:
            crew.stop()
        _print(all_of_them)


def _begin(all_of_them: list[Peer], people: list[Any]) -> None:
    from django.utils import timezone

    from audit.journal.actor import PORTAL
    from roles.provisioning import begin_assignment

    for person in people:
        for peer in all_of_them:
            now = timezone.now()
            begin_assignment(
                peer.row.roles.get(),
                actor=PORTAL,
                person=person,
                scope=peer.row.root_scope(),
                starts_at=now,
                ends_at=now + timedelta(seconds=SECONDS),
            )


def _print(all_of_them: list[Peer]) -> None:
    from roles.models import Assignment

    print(f"\n{ROUNDS * 3} rights in each directory, confirmed by reading back; seconds")
    print(f"  {'':17} {'approval to usable right':>26} {'end to revoked right':>24}")
    print(f"  {'':17} {'median':>17} {'p99':>8} {'median':>15} {'p99':>8}")
    whole = True
    for peer in all_of_them:
        rows = list(Assignment.objects.filter(role__directory=peer.row))
        given = [(one.active_since - one.created_at).total_seconds() for one in rows if one.active_since]
        gone = [
            (one.revoked_at - one.ends_at).total_seconds() for one in rows if one.revoked_at and one.ends_at
        ]
        whole &= len(given) == len(gone) == len(rows) == ROUNDS * 3 and min(gone, default=-1) >= 0
        figures = [percentile(of or [float("nan")], at) for of in (given, gone) for at in (0.5, 0.99)]
        print(f"  {peer.title:17} {figures[0]:17.2f} {figures[1]:8.2f} {figures[2]:15.2f} {figures[3]:8.2f}")
    verdict({"every right was given, and revoked after its end": whole})


if __name__ == "__main__":
    measure()
