"""How long the main pages take on the demo: ``python -m benchmarks.pages sqlite|postgresql [rounds]``.

Measured in the process that answers, through every middleware and the session, with a signed-in person; network and web
server are left out. The journal is filled up to some 20,000 entries first.
"""

from __future__ import annotations

import sys
import time

from benchmarks.bench import percentile, portal_on, verdict

ENTRIES = 20_000
LIMIT = 0.100  # seconds
PAGES = {
    "home": ("robin", "/"),
    "my roles": ("robin", "/my-roles/"),
    "to decide": ("kim", "/to-decide/"),
    "journal": ("toni", "/journal/"),
    "journal, filtered": ("toni", "/journal/?action=factor.verified&text=demo"),
}


def measure(database: str, rounds: int) -> None:
    """Open each page ``rounds`` times and print how long it took."""
    with portal_on(database) as server:
        from django.test import Client

        from accounts.models import User
        from audit.journal.actor import PORTAL
        from audit.journal.recording import Entry, record_all
        from pim_portal.demo.making import make_demo

        make_demo(postgresql_url=server.url())
        everybody = list(User.objects.all())
        for begin in range(0, ENTRIES, 1000):
            record_all(
                [
                    Entry("factor.verified", PORTAL, about=everybody[number % len(everybody)])
                    for number in range(begin, begin + 1000)
                ]
            )
        promises = {}
        print(
            f"\nPages on the demo, {rounds} times each, portal on {database}, {ENTRIES} entries in the journal"
        )
        print(f"  {'':20} {'median':>9} {'p95':>9} {'slowest':>9}")
        for name, (login, path) in PAGES.items():
            client = Client(headers={"host": "localhost"})
            _sign_in(client, login)
            times = []
            for _round in range(rounds):
                began = time.perf_counter()
                answer = client.get(path)
                times.append(time.perf_counter() - began)
                assert answer.status_code == 200, (path, answer.status_code)
            figures = [percentile(times, 0.5), percentile(times, 0.95), max(times)]
            print(f"  {name:20}" + "".join(f" {figure * 1000:6.1f} ms" for figure in figures))
            promises[f"{name}: p95 under {LIMIT * 1000:.0f} ms"] = figures[1] < LIMIT
        verdict(promises)


def _sign_in(client: object, login: str) -> None:
    """Sign in as a person does, with password and the code of the moment."""
    from accounts.models import Authenticator
    from pim_portal.demo.people import DOMAIN, PASSWORD

    client.post("/sign-in/", {"email": f"{login}@{DOMAIN}", "password": PASSWORD})  # type: ignore[attr-defined]
    device = Authenticator.objects.get(user__email=f"{login}@{DOMAIN}")
    Authenticator.objects.filter(pk=device.pk).update(last_t=-1)
    answer = client.post("/sign-in/code/", {"code": device.code_at(device.present_step)})  # type: ignore[attr-defined]
    assert answer.status_code == 302, answer.status_code


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100)
