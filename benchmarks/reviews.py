"""An access review of fifty thousand: opening it, its pages, answering, following the recommendations, closing, carrying out.

``python -m benchmarks.reviews [items]``. The portal on PostgreSQL with ten thousand people. One review has a chosen
reviewer, another asks each person's manager, and a third is of about a thousand, whose recommendations are all followed at
once. The pages come from a web server with two workers; it, the client and the database share this machine's cores.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any
from unittest.mock import patch

from benchmarks.bench import cookie_of, percentile, portal_on, two_workers, verdict

PEOPLE = 10_000
FOLLOWED = 1_000
OPENED_WITHIN = 15.0  # seconds for fifty thousand
PEN_WITHIN = 1.0  # seconds that everybody else who writes waits meanwhile
CLOSED_WITHIN = 15.0
PAGE_WITHIN = 0.200
ASKED_WITHIN = 0.100  # more on every page of those whom one of the open reviews asks
UNASKED_WITHIN = 0.005  # and of everybody else
PAGES = 40


def measure(count: int) -> None:
    """Make a portal with ``count`` assignments to review, and measure."""
    took = Figures()
    print(f"\nAccess reviews of {count} items, portal on PostgreSQL, {PEOPLE} people")
    with portal_on("postgresql", max_wal_size="1GB") as server:
        cast = _prepare(count)
        runs = _runs(cast)
        chosen, managers, small = runs
        for name, run in zip(("chosen reviewers", "managers"), (chosen, managers), strict=True):
            _open(run, name, took)
        _open(small, "some roles", took)
        _analyse()
        items = {name: run.items.count() for name, run in (("chosen", chosen), ("managers", managers))}
        _ask(cast, managers, took)
        with two_workers(server.url("portal")) as port:
            statuses = _pages(port, cast.approver, chosen, took)
        _decide(cast, chosen, took)
        followed = _follow(cast, small, took)
        _close(chosen, took)
    print(f"  {'recommendations followed at once':58} {followed:10d}")
    asked = [seconds for name, seconds in took.items() if name.startswith("who is asked")]
    unasked = took["who is asked: somebody else"]
    opened = [seconds for name, seconds in took.items() if name.startswith("opened")]
    pen = [seconds for name, seconds in took.items() if name.startswith("  others wait")]
    verdict(
        {
            f"{count} items in each review": set(items.values()) == {count},
            f"opened within {OPENED_WITHIN:.0f} s": max(opened) <= OPENED_WITHIN,
            f"nobody waits longer than {PEN_WITHIN:.0f} s for it": max(pen) <= PEN_WITHIN,
            f"everybody's pages learn within {UNASKED_WITHIN * 1000:.0f} ms that nothing is asked of them": unasked
            <= UNASKED_WITHIN,
            f"a reviewer's pages learn within {ASKED_WITHIN * 1000:.0f} ms what is": max(asked)
            <= ASKED_WITHIN,
            "the reviewer's page is there": statuses == {200},
            f"the reviewer's page within {PAGE_WITHIN * 1000:.0f} ms (p95)": took["reviewer's page, p95"]
            <= PAGE_WITHIN,
            f"closed within {CLOSED_WITHIN:.0f} s": took["closed, each outcome settled"] <= CLOSED_WITHIN,
        }
    )


class Figures(dict[str, float]):
    """Seconds by what they were spent on; each is printed as soon as it is there."""

    def __setitem__(self, name: str, seconds: float) -> None:
        super().__setitem__(name, seconds)
        shown = f"{seconds:10.2f} s" if seconds >= 1 else f"{seconds * 1000:10.1f} ms"
        print(f"  {name:58} {shown}", flush=True)


def timed(act: Callable[[], Any], *, times: int = 1) -> float:
    """The median of the seconds that ``act`` takes."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        found.append(time.perf_counter() - began)
    return percentile(found, 0.5)


# What there is --------------------------------------------------------------------------------------------------------


def _prepare(count: int) -> Any:
    from django.utils import timezone

    from accounts.models import Group, Membership, User
    from benchmarks.bulk import insert
    from benchmarks.seeding import Size, seed
    from roles.models import Assignment, Eligibility

    cast = seed(
        Size(
            PEOPLE, directories=3, roles=max(20, count // 100), groups=50, eligibilities=count, entries=1_000
        )
    )
    now = timezone.now()
    rows = Eligibility.objects.filter(status="in_force").exclude(person=None).order_by("pk")
    held = list(rows.values_list("pk", "role", "scope", "person"))
    used = (
        (key, role, scope, person, now - timedelta(days=place % 200 + 1), now - timedelta(days=place % 200))
        for place, (key, role, scope, person) in enumerate(held)
        if place % 3
    )
    names = ("eligibility_id", "role_id", "scope_id", "person_id", "starts_at", "ends_at")
    insert(Assignment, names, used, {"status": "ended", "origin": "activated"})
    owned = Group.objects.order_by("pk").values_list("pk", flat=True)[::2]
    owners = User.objects.filter(kind="person").order_by("-pk").values_list("pk", flat=True)[: len(owned)]
    insert(Membership, ("group_id", "person_id"), zip(owned, owners, strict=True), {"kind": "owner"})
    _analyse()
    return cast


def _analyse() -> None:
    from benchmarks.bulk import analyse

    analyse()


def _runs(cast: Any) -> list[Any]:
    """A review of everything by a chosen reviewer, one by managers, and one of some roles."""
    from approvals.reviews.keeping import StageWish, keep_series
    from approvals.reviews.models import ReviewSeries
    from audit.journal.actor import Actor
    from roles.models import Eligibility, Role

    actor = Actor.of(cast.administrator, session="measuring")
    some: list[Role] = []
    found = 0
    for role in Role.objects.exclude(directory__kind="portal").order_by("pk"):
        if found >= FOLLOWED:
            break
        some.append(role)
        found += Eligibility.objects.in_force().filter(role=role).count()
    runs = []
    for name, roles, stage in (
        ("By a chosen reviewer", [], StageWish("chosen", 14, reviewers=[cast.approver])),
        ("By managers", [], StageWish("manager", 14, in_turn=[cast.approver])),
        ("Some", some, StageWish("chosen", 14, reviewers=[cast.employee])),
    ):
        series = ReviewSeries(
            name=name,
            owner=cast.administrator,
            what="eligible",
            most_percent=100,
            on_silence="recommendation",
            why_on_approval=False,
        )
        keep_series(series, actor=actor, roles=roles, told=[], stages=[stage])
        runs.append(series.runs.get())
    return runs


# What is measured -----------------------------------------------------------------------------------------------------


def _open(run: Any, name: str, took: Figures) -> None:
    from approvals.reviews import opening
    from audit.journal.actor import PORTAL

    with _noting_the_pen(opening) as held:
        took[f"opened, {name}"] = timed(lambda: opening.open_review(run, actor=PORTAL))
    took[f"  others wait for it, {name}"] = time.perf_counter() - held[0]
    run.refresh_from_db()


@contextmanager
def _noting_the_pen(module: Any) -> Iterator[list[float]]:
    """When the journal's pen is taken."""
    taken: list[float] = []
    take = module.take_the_pen

    def noting() -> Any:
        head = take()
        taken.append(time.perf_counter())
        return head

    with patch.object(module, "take_the_pen", noting):
        yield taken


def _ask(cast: Any, managers: Any, took: Figures) -> None:
    from accounts.models import User
    from approvals.reviews.permissions import reviews_asking

    manager = User.objects.get(pk=managers.items.exclude(manager=None).order_by("-pk")[0].manager_id)
    for name, person in (
        ("a reviewer, who is a fallback as well", cast.approver),
        ("the owner of the reviews", cast.administrator),
        ("a manager", manager),
        ("the owner of a group", User.objects.filter(memberships__kind="owner").order_by("pk")[0]),
        (
            "somebody else",
            User.objects.filter(reports=None, memberships=None, kind="person").order_by("-pk")[0],
        ),
    ):
        reviews_asking(person)
        took[f"who is asked: {name}"] = timed(lambda person=person: reviews_asking(person), times=20)  # type: ignore[misc]


def _pages(port: int, person: Any, run: Any, took: Figures) -> set[int]:
    from benchmarks.seeding import PASSWORD

    headers = {"Host": "localhost", "Cookie": cookie_of(person, PASSWORD)}
    server = HTTPConnection("127.0.0.1", port, timeout=60)
    statuses, seconds = set(), []
    for path in [f"/reviews/{run.pk}/work/"] * PAGES:
        began = time.perf_counter()
        server.request("GET", path, headers=headers)
        answer = server.getresponse()
        answer.read()
        seconds.append(time.perf_counter() - began)
        statuses.add(answer.status)
        if answer.status != 200:
            break
    seconds = seconds[4:] or seconds  # each worker's first pages only warm
    took["reviewer's page, p50"] = percentile(seconds, 0.5)
    took["reviewer's page, p95"] = percentile(seconds, 0.95)
    return statuses


def _decide(cast: Any, run: Any, took: Figures) -> None:
    from approvals.reviews.permissions import items_open_to
    from approvals.reviews.reviewing import decide_item, decide_items, take_back
    from audit.journal.actor import Actor

    actor = Actor.of(cast.approver, session="measuring")
    items = items_open_to(cast.approver, run).select_related("review").order_by("pk")
    left = iter(list(items[:600]))

    def decide() -> Any:
        return decide_item(next(left), actor=actor, verdict="approve", justification="Needed for the job")

    took["one item answered"] = timed(decide, times=50)
    last = items.filter(reviewer=cast.approver).order_by("-decided_at")[0]
    took["one answer taken back"] = timed(lambda: take_back(last, actor=actor))
    some = [item.pk for item in left][:500]
    took["500 items answered alike"] = timed(
        lambda: decide_items(run, actor=actor, keys=some, verdict="approve", justification="Needed")
    )


def _follow(cast: Any, run: Any, took: Figures) -> int:
    from approvals.reviews.reviewing import follow_recommendations, recommended_to
    from audit.journal.actor import Actor

    said = list(recommended_to(run, cast.employee).values_list("recommendation", flat=True))
    numbers = {"keep": said.count("approve"), "remove": said.count("deny")}
    actor = Actor.of(cast.employee, session="measuring")
    took["all recommendations of a reviewer followed"] = timed(
        lambda: follow_recommendations(run, actor=actor, **numbers)
    )
    return len(said)


def _close(run: Any, took: Figures) -> None:
    from django.utils import timezone

    from approvals.reviews.applying import carry_out
    from approvals.reviews.closing import close_review, release_review
    from approvals.reviews.models import AccessReview
    from audit.journal.actor import PORTAL

    over = timezone.now()
    AccessReview.objects.filter(pk=run.pk).update(starts_at=over - timedelta(days=14), ends_at=over)
    run.refresh_from_db()
    took["closed, each outcome settled"] = timed(lambda: close_review(run, actor=PORTAL))
    run.refresh_from_db()
    if run.released_at is None:
        release_review(run, actor=PORTAL, justification="Measured")
        run.refresh_from_db()
    took["one item carried out"] = timed(lambda: carry_out(run, most=50), times=3) / 50


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
