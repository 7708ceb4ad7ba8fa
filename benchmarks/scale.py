"""How long each page takes in a large organisation, and what a hundred times as many assignments cost: ``make scale``.

``python -m benchmarks.scale [--quick]``. On PostgreSQL, over the loopback interface, from web servers with two workers, by
a browser in which a person is signed in: from a database with few assignments and from its grown copy in turn. ``--quick``
has a tenth of everything: it shows that the measurement works, and promises nothing. Whatever else the machine does is
measured too: run it alone.
"""

from __future__ import annotations

import re
import signal
import sys
import time
from dataclasses import dataclass, field
from html import unescape
from http.client import HTTPConnection
from typing import Any

from benchmarks.bench import cookie_of, percentile, portal_on, two_workers, verdict

LIMIT = 0.100  # seconds, of the slowest but one in twenty
GROWTH = 1.3  # of the median
GROWN = "grown"  # the copy with many assignments
FEW, MANY = 10_000, 1_000_000
ROUNDS, WARM = 60, 8  # of each page
#: who opens it, and where
PAGES = {
    "Home": ("employee", "/"),
    "My roles": ("employee", "/my-roles/"),
    "My roles, expired": ("employee", "/my-roles/?tab=expired"),
    "My requests": ("employee", "/my-requests/"),
    "Notifications": ("employee", "/inbox/"),
    "To decide": ("approver", "/to-decide/"),
    "Decided by me": ("approver", "/to-decide/?tab=decided"),
    "Assignments, eligible": ("administrator", "/assignments/?tab=eligible"),
    "Assignments, active": ("administrator", "/assignments/?tab=active"),
    "Assignments, expired": ("administrator", "/assignments/?tab=expired"),
    "Assignments, ends first": ("administrator", "/assignments/?tab=eligible&sort=ends"),
    "Assignments, a name": ("administrator", "/assignments/?tab=eligible&q=Testcase"),
    "Assignments, a directory": ("administrator", "/assignments/?tab=active&directory=Directory+3&risk=high"),
    "Assignments, standing": ("administrator", "/assignments/?tab=active&kind=standing"),
    "Assignments, of an owner": ("approver", "/assignments/?tab=eligible"),
    "People": ("administrator", "/people/"),
    "People, a name": ("administrator", "/people/?q=Testcase"),
    "Journal": ("administrator", "/journal/"),
    "Alerts": ("administrator", "/alerts/"),
}
#: pages of lists that are measured far behind their beginning as well
DEEP = ("Assignments, eligible", "Assignments, expired", "People")


@dataclass
class Figures:
    """What one page took, at each number of assignments."""

    queries: int
    times: dict[int, list[float]] = field(default_factory=dict)

    def median(self, total: int) -> float:
        return percentile(self.times[total], 0.5)

    def p95(self, total: int) -> float:
        return percentile(self.times[total], 0.95)

    @property
    def growth(self) -> float:
        """How many times longer it takes with many assignments."""
        return self.median(max(self.times)) / self.median(min(self.times))


def measure(*, by: int) -> None:
    """Seed, copy, let the copy grow, measure both.

    Args:
        by: how many times less of everything there is.
    """
    began = time.monotonic()
    large = {"shared_buffers": "256MB", "max_wal_size": "2GB", "fsync": "off", "autovacuum": "off"}
    with portal_on("postgresql", **large) as server:
        from benchmarks import growing, seeding
        from benchmarks.bulk import analyse

        size = seeding.Size().smaller(by) if by > 1 else seeding.Size()
        cast = seeding.seed(size)
        growing.grow(total=FEW // by, in_force=FEW // by)
        growing.wait(size, cast)
        analyse()
        _say(f"{size.people} people, {size.eligibilities} eligibilities, {FEW // by} assignments", began)
        pages = _with_deep_ones({who: cookie_of(getattr(cast, who), seeding.PASSWORD) for who in vars(cast)})
        figures = {name: Figures(_queries(cookie, path)) for name, (cookie, path) in pages.items()}
        _go_on_with_a_copy(server)
        growing.grow(total=MANY // by, in_force=2 * FEW // by)
        analyse()
        _say(f"{MANY // by} assignments in a copy, {2 * FEW // by} of them in force", began)
        with two_workers(server.url("portal")) as few, two_workers(server.url(GROWN)) as many:
            for name, (cookie, path) in pages.items():
                figures[name].times = _times({FEW // by: few, MANY // by: many}, cookie, path)
        _say("measured", began)
    _print(figures)
    if by == 1:
        verdict(
            {
                f"p95 of every page under {LIMIT * 1000:.0f} ms": all(
                    one.p95(total) < LIMIT for one in figures.values() for total in one.times
                ),
                f"{MANY:,} instead of {FEW:,} assignments cost at most {GROWTH} times on every page": all(
                    one.growth <= GROWTH for one in figures.values()
                ),
            }
        )


def _go_on_with_a_copy(server: Any) -> None:
    """Copy the database, and let this process go on with the copy."""
    import psycopg
    from django.db import connection

    connection.close()
    with psycopg.connect(server.url(), autocommit=True) as session:
        session.execute(f"CREATE DATABASE {GROWN} TEMPLATE portal")
    connection.settings_dict["NAME"] = GROWN


def _say(what: str, began: float) -> None:
    print(f"  {time.monotonic() - began:6.1f} s  {what}", flush=True)


def _print(figures: dict[str, Figures]) -> None:
    few, many = sorted(next(iter(figures.values())).times)
    print(f"\n  {'':26} {'queries':>7}   {few:>9,} assignments   {many:>9,} assignments")
    print(f"  {'':26} {'':>7}   {'median':>10} {'p95':>9}   {'median':>12} {'p95':>9}   {'growth':>6}")
    for name, one in figures.items():
        told = [1000 * value for total in (few, many) for value in (one.median(total), one.p95(total))]
        print(
            f"  {name:26} {one.queries:>7}   {told[0]:>7.1f} ms {told[1]:>6.1f} ms"
            f"   {told[2]:>9.1f} ms {told[3]:>6.1f} ms   {one.growth:>5.2f}x"
        )
    print()


def _with_deep_ones(cookies: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Cookie and path of every page, and of pages far behind the beginning of some lists."""
    pages = {name: (cookies[who], path) for name, (who, path) in PAGES.items()}
    for name in DEEP:
        cookie, path = pages[name]
        for _step in range(20):
            onwards = re.search(r'rel="next" href="([^"]+)"', _open_here(cookie, path).content.decode())
            if onwards is None:
                break
            path = f"{path.partition('?')[0]}{unescape(onwards[1])}"
        pages[f"{name}, page 21"] = (cookie, path)
    return pages


def _open_here(cookie: str, path: str) -> Any:
    """The answer made in this process."""
    from django.test import Client

    answer = Client(headers={"host": "localhost", "cookie": cookie}).get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer


def _queries(cookie: str, path: str) -> int:
    """How many statements a page asks."""
    from django.db import connection

    asked: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append(sql)
        return execute(sql, params, many, context)

    _open_here(cookie, path)
    with connection.execute_wrapper(note):
        _open_here(cookie, path)
    return len(asked)


def _times(ports: dict[int, int], cookie: str, path: str) -> dict[int, list[float]]:
    """What a page takes, from the request to the last byte, on each server in turn: what slows one slows the other.

    Args:
        ports: of the servers, by the number of their assignments.
    """
    times: dict[int, list[float]] = {total: [] for total in ports}
    connections = {total: HTTPConnection("127.0.0.1", port, timeout=30) for total, port in ports.items()}
    for turn in range(WARM + ROUNDS):
        for total, connection in connections.items():
            began = time.perf_counter()
            connection.request("GET", path, headers={"Host": "localhost", "Cookie": cookie})
            answer = connection.getresponse()
            answer.read()
            took = time.perf_counter() - began
            assert answer.status == 200, (path, answer.status)
            if turn >= WARM:
                times[total].append(took)
    for connection in connections.values():
        connection.close()
    return times


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing is left behind
    measure(by=10 if "--quick" in sys.argv else 1)
