"""What it costs to ask, to decide and to hold: statements, transactions, and whole cycles a second.

``python -m benchmarks.cycles [cycles]``. The portal on PostgreSQL, over the loopback interface, from a web server with two
workers, by eight browsers in which eight people and eight approvers are signed in. A cycle is a form sent by who asks, a
form sent by who decides, and the role in force: a group's membership, which is in force when the answer to the approver
is. Clients, web server and database share this machine's cores.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from benchmarks.bench import cookie_of, percentile, portal_on, two_workers, verdict

CLIENTS = 8
WARM = 3  # cycles of each client that are not counted
PASSWORD = "a password for measuring only"  # noqa: S105
#: a rival on two such cores
RIVAL_CYCLES, RIVAL_STATEMENTS = 22.0, 42


@dataclass
class Client:
    """One who asks and one who decides, each in a browser of their own.

    Args:
        asking, deciding: their cookies.
        eligibilities: keys; each is activated once.
        steps: what each step of each cycle took, in seconds.
    """

    asking: str
    deciding: str
    eligibilities: list[int]
    steps: dict[str, list[float]] = field(default_factory=lambda: {"ask": [], "decide": [], "cycle": []})

    def run(self, port: int, keys: Sequence[int]) -> None:
        """One cycle for each of ``keys``."""
        server = HTTPConnection("127.0.0.1", port, timeout=30)
        for key in keys:
            began = time.perf_counter()
            request = _number(_post(server, self.asking, f"/my-roles/{key}/activate/", ASKED))
            asked = time.perf_counter()
            _post(server, self.deciding, f"/requests/{request}/decide/", APPROVED)
            decided = time.perf_counter()
            for name, took in (
                ("ask", asked - began),
                ("decide", decided - asked),
                ("cycle", decided - began),
            ):
                self.steps[name].append(took)
        server.close()


ASKED = {"minutes": "60", "justification": "Measuring what it costs"}
APPROVED = {"verdict": "approve", "justification": ""}


def measure(cycles: int) -> None:
    """Measure one client, then eight at once, then count statements.

    Args:
        cycles: of each client, at one and at eight.
    """
    with portal_on("postgresql", max_wal_size="1GB") as server:
        clients = _prepare(each=2 * cycles + 3 * WARM + 2)
        from roles.models import Assignment

        with two_workers(server.url("portal")) as port:
            alone = clients[0]
            _take(alone, port, WARM)
            alone.steps = Client("", "", []).steps
            _take(alone, port, cycles)
            single = {name: percentile(took, 0.5) for name, took in alone.steps.items()}
            with ThreadPoolExecutor(CLIENTS) as pool:
                list(pool.map(lambda one: _take(one, port, WARM), clients))
                before = Assignment.objects.in_force().count()
                began = time.perf_counter()
                list(pool.map(lambda one: _take(one, port, cycles), clients))
                took = time.perf_counter() - began
        in_force = Assignment.objects.in_force().count() - before
        counted = _count(clients[0])
    rate = in_force / took
    print(
        "\nAsking, deciding, holding: portal on PostgreSQL, two web workers, approval and second factor asked"
    )
    print(f"  {'':22} {'statements':>10} {'transactions':>12} {'p50, one client':>16}")
    for name, (statements, commits) in counted.items():
        p50 = f"{single[name] * 1000:13.1f} ms" if name in single else ""
        print(f"  {name:22} {statements:>10} {commits:>12} {p50:>16}")
    print(f"  {'cycle':22} {'':>10} {'':>12} {single['cycle'] * 1000:13.1f} ms")
    print(f"  whole cycles a second with {CLIENTS} clients  {rate:6.1f}  ({in_force} in {took:.1f} s)")
    verdict(
        {
            "every cycle ended with the role in force": in_force == CLIENTS * cycles,
            f"a decision asks less than half of a rival's {RIVAL_STATEMENTS} statements": counted["decide"][0]
            < RIVAL_STATEMENTS / 2,
            f"three times a rival's {RIVAL_CYCLES:.0f} cycles a second": rate >= 3 * RIVAL_CYCLES,
        }
    )


def _take(client: Client, port: int, count: int) -> None:
    keys, client.eligibilities = client.eligibilities[:count], client.eligibilities[count:]
    client.run(port, keys)


# What is asked of the server ------------------------------------------------------------------------------------------


def _post(server: HTTPConnection, cookie: str, path: str, said: dict[str, str]) -> str:
    """Send a form; where it leads to.

    Raises:
        AssertionError: it was not taken.
    """
    headers = {
        "Host": "localhost",
        "Cookie": cookie,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    token = re.search(r"\bcsrf=(\w+)", cookie)
    assert token is not None
    server.request("POST", path, urlencode(said | {"csrfmiddlewaretoken": token[1]}), headers)
    answer = server.getresponse()
    page = answer.read()
    assert answer.status == 302, (path, answer.status, _told(page))
    return str(answer.headers["Location"])


def _told(page: bytes) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.decode()).split())[:400]


def _number(address: str) -> int:
    return int(address.strip("/").split("/")[-1])


# What is counted ------------------------------------------------------------------------------------------------------


def _count(client: Client) -> dict[str, tuple[int, int]]:
    """Statements and transactions of each step, in this process."""
    from django.test import Client as Browser

    asking, deciding = (
        Browser(headers={"host": "localhost", "cookie": cookie})
        for cookie in (client.asking, client.deciding)
    )
    found: dict[str, tuple[int, int]] = {}
    for key in client.eligibilities[:2]:  # the first one only warms
        with _counting() as counts:
            answer = asking.post(f"/my-roles/{key}/activate/", ASKED)
        found["ask"] = counts[0], counts[1]
        request = _number(answer["Location"])
        with _counting() as counts:
            deciding.get(f"/requests/{request}/")
        found["page of a request"] = counts[0], counts[1]
        with _counting() as counts:
            answer = deciding.post(f"/requests/{request}/decide/", APPROVED)
        assert answer.status_code == 302, answer.status_code
        found["decide"] = counts[0], counts[1]
        with _counting() as counts:
            asking.get("/")
        found["home"] = counts[0], counts[1]
    return found


@contextmanager
def _counting() -> Iterator[list[int]]:
    """The statements and the transactions, in this order, that the block takes."""
    from django.db import connection

    counts = [0, 0]
    commit = connection._commit

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        counts[0] += 1
        return execute(sql, params, many, context)

    def committed() -> None:
        counts[1] += 1
        commit()

    connection._commit = committed  # type: ignore[method-assign]
    try:
        with connection.execute_wrapper(note):
            yield counts
    finally:
        del connection._commit


# Who takes part -------------------------------------------------------------------------------------------------------


def _prepare(each: int) -> list[Client]:
    """Eight people, each eligible for ``each`` groups that eight others decide on."""
    from django.utils import timezone

    from accounts.models import Authenticator, Group, User
    from audit.journal.actor import PORTAL
    from roles.assigning import make_eligible
    from roles.cataloguing import manage_group, open_groups_directory, open_portal_directory
    from roles.models import Approver, RoleSettings

    open_portal_directory("PIM Portal", actor=PORTAL)
    directory = open_groups_directory("Groups", actor=PORTAL)

    def somebody(name: str) -> User:
        person = User.objects.create_user(f"{name}@example.test", name.title(), password=PASSWORD)
        Authenticator.objects.create(user=person, name="Phone", confirmed=True)
        return person

    asking = [somebody(f"asking{n}") for n in range(CLIENTS)]
    deciding = [somebody(f"deciding{n}") for n in range(CLIENTS)]
    # The factor given when signing in counts: a code works once in 30 seconds, and nobody waits for that here.
    said = RoleSettings.objects.create(
        level="directory",
        directory=directory,
        approval_required=True,
        names_approvers=True,
        factor="recent",
        factor_minutes=600,
    )
    for person in deciding:
        Approver.objects.create(role_settings=said, kind=Approver.Kind.PERSON, person=person)
    end = timezone.now() + timedelta(days=90)
    keys: dict[int, list[int]] = {person.pk: [] for person in asking}
    for number in range(each):
        role = manage_group(Group.objects.create(name=f"Group {number:03d}"), actor=PORTAL)[0]
        for person in asking:
            eligibility = make_eligible(
                role, principal=person, actor=PORTAL, ends_at=end, justification="Measuring"
            )
            keys[person.pk].append(eligibility.pk)
    return [
        Client(cookie_of(one, PASSWORD), cookie_of(other, PASSWORD), keys[one.pk])
        for one, other in zip(asking, deciding, strict=True)
    ]


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else 25)
