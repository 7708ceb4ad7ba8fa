"""Rights that end while everything fails: 80 of them on PostgreSQL and OpenLDAP, and what stands there afterwards.

``python -m benchmarks.chaos [seed] [runs]``. In each run two real workers are killed (SIGKILL) before a call to
a directory, after one that they could not note any more, and at any moment; each directory hangs for some seconds and is
stopped for some more; answers to what changes it are lost on the way. Meanwhile somebody gives six rights past the portal and
takes two away. What is counted is what the directories themselves say.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.bench import percentile, portal_on, verdict
from benchmarks.crew import Crew
from benchmarks.places import DatabasePlace, GroupsPlace, Place
from benchmarks.watching import Held, Judgement, Watch, judge

EACH, ROLES, PEOPLE = 40, 8, 5  # rights in each directory
HANDS = 3  # rights in each that somebody gives past the portal
LEASE = 8  # seconds; nothing here takes longer than a hanging directory, which is some three
SETTINGS = {
    "LEASE_SECONDS": str(LEASE),
    "RECONCILE_LEASE_SECONDS": str(LEASE),
    "RECONCILE_SECONDS": "1",
    "SWEEP_SECONDS": "0.5",
}
PATIENCE = 90.0  # seconds after the last end until everything must have settled
MOMENTS = ("before-grant", "after-grant", "before-revoke", "after-revoke")
Event = tuple[float, Callable[[], Any]]


@dataclass
class Run:
    """One run.

    Args:
        places: the directories.
        people: who holds rights there: p0, p1 and so on.
        folder: of this run alone.
    """

    seed: int
    places: list[Place]
    people: list[Any]
    folder: Path
    held: list[Held] = field(default_factory=list)
    by_hand: list[tuple[Place, str, str]] = field(default_factory=list)
    crew: Crew = field(init=False)

    def __post_init__(self) -> None:
        from roles.models import Drift

        self.chance = random.Random(self.seed)
        self.before = Drift.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def go(self) -> tuple[Judgement, int, int]:
        """Let everything happen, wait until it has settled; the judgement, drift not found, drift that was none."""
        with ExitStack() as stack:
            watches = [stack.enter_context(Watch(place)) for place in self.places]
            self.crew = Crew(2, self.folder, SETTINGS, mortal=True)
            stack.callback(self.crew.stop)
            self._wait_for_workers()
            asking = threading.Thread(target=self._ask_for_all, daemon=True)
            asking.start()
            self._play(self._events(), watches)
            asking.join()
            self._settle(watches)
        self._clear_away()
        found, wrong = self._drift()
        expected = len(self.by_hand) + sum(one.taken for one in self.held)
        return judge(self.held, watches), expected - found, wrong

    # What is asked for --------------------------------------------------------------------------------------------

    def _ask_for_all(self) -> None:
        """80 rights, begun within ten seconds, each for some twenty; two are longer, to be taken away."""
        from django.db import connection

        wanted = [(place, number) for place in self.places for number in range(EACH)]
        self.chance.shuffle(wanted)
        began = time.monotonic()
        moments = sorted(random.Random(self.seed + 1).uniform(0, 10) for _ in wanted)
        for at, (place, number) in zip(moments, wanted, strict=True):
            time.sleep(max(0.0, began + at - time.monotonic()))
            self.held.append(
                begin(place, self.people, number, seconds=45 if number == 0 else 18 + number % 10)
            )
        connection.close()

    # What goes wrong ----------------------------------------------------------------------------------------------

    def _events(self) -> list[Event]:
        """When what happens, in seconds from the beginning; all of it from the seed."""
        at = self.chance.uniform
        events: list[Event] = []
        for number, moment in enumerate(MOMENTS * 2):
            order = self.folder / f"{moment}.{number}"
            events.append((at(1, 10) if "grant" in moment else at(20, 34), order.touch))
        for number in range(3):
            events.append((at(2, 34), lambda number=number: self.crew.kill(number % 2)))  # type: ignore[misc]
        for place in self.places:
            hung, stopped = at(2, 14), at(20, 32)
            events += [(hung, place.hang), (hung + at(2, 3), place.go_on)]
            events += [(stopped, place.stop), (stopped + at(2, 3), place.start)]
            assert place.line is not None
            events += [(at(1, 34), place.line.lose_an_answer) for _ in range(5)]
            events += [
                (at(3, 25), lambda place=place, number=number: self._give_by_hand(place, number))  # type: ignore[misc]
                for number in range(HANDS)
            ]
            events.append((at(24, 28), lambda place=place: self._take_by_hand(place)))  # type: ignore[misc]
        return sorted(events, key=lambda event: event[0])

    def _play(self, events: list[Event], watches: list[Watch]) -> None:
        began = time.monotonic()
        while events or not self._is_over():
            self.crew.revive()
            while events and events[0][0] <= time.monotonic() - began:
                at, happen = events.pop(0)
                if happen() is False:  # it cannot happen yet
                    events.insert(0, (at + 0.5, happen))
                    events.sort(key=lambda event: event[0])
            time.sleep(0.02)

    def _is_over(self) -> bool:
        return len(self.held) == len(self.places) * EACH and all(one.ends < time.time() for one in self.held)

    def _give_by_hand(self, place: Place, number: int) -> bool:
        right = f"h{number}", place.entitlement(self.chance.randrange(ROLES))
        return self._try(place, lambda: place.by_hand("give", *right)) and not self.by_hand.append(
            (place, *right)
        )

    def _take_by_hand(self, place: Place) -> bool:
        """Take away one that the portal has given, has noted and will not end soon."""
        from roles.models import Assignment

        (one,) = [held for held in self.held if held.place is place and held.right == right_of(place, 0)] or [
            None
        ]
        noted = Assignment.objects.filter(
            account=one.right[0] if one else "", role__entitlement=one.right[1] if one else "",
            role__directory=place.row, status=Assignment.Status.ACTIVE,
        )  # fmt: skip
        if one is not None and one.ends < time.time():
            return True  # too late: it was never given
        if one is None or not noted.exists():
            return False
        one.taken = self._try(place, lambda: place.by_hand("take", *one.right))
        return one.taken

    @staticmethod
    def _try(place: Place, act: Callable[[], None]) -> bool:
        if not place.away:
            act()
        return not place.away

    # What came of it ----------------------------------------------------------------------------------------------

    def _wait_for_workers(self) -> None:
        """Until they work: each directory was compared by one of them."""
        from roles.models import Reconciliation

        since, deadline = time.time(), time.monotonic() + 60
        while time.monotonic() < deadline:
            done = [one.done_at.timestamp() for one in Reconciliation.objects.exclude(done_at=None)]
            if len(done) == len(self.places) and min(done) > since:
                return
            time.sleep(0.2)

    def _settle(self, watches: list[Watch]) -> None:
        mine = {(one.place.name, one.right) for one in self.held}
        last = time.monotonic()
        while time.monotonic() - last < PATIENCE:
            self.crew.revive()
            left = {(watch.place.name, right) for watch in watches for right in watch.standing()} & mine
            expected = len(self.by_hand) + sum(one.taken for one in self.held)
            if not left and self._drift()[0] == expected and not self._at_work():
                return
            time.sleep(0.2)

    @staticmethod
    def _at_work() -> bool:
        from roles.models import Assignment

        return Assignment.objects.filter(status__in=["provisioning", "ending"]).exists()

    def _drift(self) -> tuple[int, int]:
        """How much of what somebody did was found, and how much was found that nobody did."""
        from roles.models import Drift

        done = {("found_outside", place.row.pk, account, role) for place, account, role in self.by_hand}
        done |= {("missing", one.place.row.pk, *one.right) for one in self.held if one.taken}
        rows = Drift.objects.filter(pk__gt=self.before)
        found = set(rows.values_list("kind", "directory", "account", "role__entitlement"))
        return len(done & found), len(found - done)

    def _clear_away(self) -> None:
        for place, account, role in self.by_hand:
            place.take_back(account, role)

    def ordered_deaths(self) -> int:
        """How many died before or after a call, as they were told."""
        return len(list(self.folder.glob("died-*")))


def answers_lost(places: list[Place]) -> int:
    """How many on the lines to these so far."""
    return sum(place.line.cut for place in places if place.line)


def right_of(place: Place, number: int) -> tuple[str, str]:
    """The account and the entitlement of the right with this number."""
    return f"p{number % PEOPLE}", place.entitlement(number // PEOPLE)


def begin(place: Place, people: list[Any], number: int, *, seconds: float) -> Held:
    """Approve a right for so many seconds; the portal sets out to give it when this returns."""
    from django.utils import timezone

    from audit.journal.actor import PORTAL
    from roles.provisioning import begin_assignment

    account, entitlement = right_of(place, number)
    now = timezone.now()
    ends = now + timedelta(seconds=seconds)
    begin_assignment(
        place.row.roles.get(entitlement=entitlement),
        actor=PORTAL,
        person=people[int(account[1:])],
        scope=place.row.root_scope(),
        starts_at=now,
        ends_at=ends,
    )
    return Held(place, (account, entitlement), time.time(), ends.timestamp())


@contextmanager
def two_places(
    folder: Path, *, people: int, roles: int, cut: bool = False
) -> Iterator[tuple[list[Place], list[Any]]]:
    """A PostgreSQL server and an slapd in the portal, with the accounts of so many people in each."""
    from accounts.models import User

    cast = [User.objects.create_user(f"p{n}@example.test", f"Person {n}") for n in range(people)]
    accounts = [f"p{n}" for n in range(people)] + [f"h{n}" for n in range(HANDS)]
    places: list[Place] = []
    try:
        places.append(DatabasePlace("Database", folder / "database", cut=cut))
        places.append(GroupsPlace("Groups", folder / "groups", cut=cut))
        for place in places:
            place.open(accounts, roles)
        yield places, cast
    finally:
        for place in places:
            place.erase()


def measure(seed: int, runs: int) -> None:
    """Run with ``seed`` and those after it; one line each, and a sum."""
    standing = early = unfound = wrong = given = 0
    late: list[float] = []
    with portal_on("postgresql") as server, tempfile.TemporaryDirectory(prefix="pim-portal-chaos-") as name:
        folder = Path(name)
        print(
            f"\n{2 * EACH} rights on PostgreSQL and OpenLDAP, workers killed, directories stopped, answers lost"
        )
        with two_places(folder, people=PEOPLE, roles=ROLES, cut=True) as (places, people):
            for number in range(seed, seed + runs):
                (folder / str(number)).mkdir()
                cut = answers_lost(places)
                run = Run(number, places, people, folder / str(number))
                said, missed, none = run.go()
                print(
                    f"  seed {number:3}: {run.crew.deaths:2} workers killed ({run.ordered_deaths()} at a call), "
                    f"{answers_lost(places) - cut:2} answers lost, {said.given} given, "
                    f"{len(said.standing)} standing after their end, {len(said.early)} ended early, "
                    f"{missed} of {len(run.by_hand) + sum(one.taken for one in run.held)} changes past the portal not found, "
                    f"gone after {percentile(said.to_revoked, 0.5):.1f} s (median), {max(said.to_revoked):.1f} s (last)",
                    flush=True,
                )
                standing, early, unfound = (
                    standing + len(said.standing),
                    early + len(said.early),
                    unfound + missed,
                )
                given, wrong, late = given + said.given, wrong + none, late + said.to_revoked
        del server
    print(
        f"  sum: {given} of {runs * 2 * EACH} given, {standing} standing, {early} early, {unfound} changes not found, "
        f"{wrong} found that nobody made; gone after {percentile(late, 0.99):.1f} s (p99), {max(late):.1f} s (last)"
    )
    verdict(
        {
            "no right stands after its end": standing == 0,
            "none ended early": early == 0,
            "every change past the portal is found": unfound == 0,
            "nothing else is taken for one": wrong == 0,
        }
    )


if __name__ == "__main__":
    said = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no directory is left hanging
    measure(*(int(one) for one in [*said, *("1", "20")[len(said) :]]))
