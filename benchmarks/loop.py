"""The loop that keeps directories as the portal says: how soon, how much it costs, and a thousand ends in one second.

``python -m benchmarks.loop calm|cost|ending``. Portal on PostgreSQL; the directories are
servers of their own, and when a right can be used there, and when it is gone, is what they themselves say.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.bench import percentile, portal_on, verdict
from benchmarks.chaos import begin, two_places
from benchmarks.crew import Crew
from benchmarks.places import GroupsPlace, Place
from benchmarks.watching import Held, Watch, judge

CALM = 40  # rights in each directory
ENTITLEMENTS = 10_000
ENDING = 1_000
PATIENCE = 60.0  # seconds


def calm() -> None:
    """Rights begun one by one, each for some seconds, with nothing going wrong: how soon they stand, and are gone."""
    with (
        portal_on("postgresql"),
        tempfile.TemporaryDirectory(prefix="pim-portal-loop-") as name,
        two_places(Path(name), people=5, roles=8) as (places, people),
    ):
        crew = Crew(1, Path(name), {})
        watches = [Watch(place) for place in places]
        try:
            for watch in watches:
                watch.__enter__()
            _wait_for_sweep()
            held = []
            for number in range(CALM):
                for place in places:
                    held.append(begin(place, people, number, seconds=15))
                    time.sleep(0.3)
            _wait_until_gone(watches, held)
        finally:
            for watch in watches:
                watch.__exit__()
            crew.stop()
        print(
            f"\n{CALM} rights in each directory, nothing going wrong; seconds, seen in the directory itself"
        )
        print(f"  {'':12} {'approval to usable right':>26} {'end to revoked right':>24}")
        print(f"  {'':12} {'median':>17} {'p99':>8} {'median':>15} {'p99':>8}")
        whole = True
        for place in places:
            said = judge([one for one in held if one.place is place], watches)
            figures = [percentile(of, at) for of in (said.to_usable, said.to_revoked) for at in (0.5, 0.99)]
            print(
                f"  {place.title:12} {figures[0]:17.2f} {figures[1]:8.2f} {figures[2]:15.2f} {figures[3]:8.2f}"
            )
            whole &= len(said.to_revoked) == CALM and not said.early
        verdict({"every right was given, and gone after its end": whole})


def cost() -> None:
    """Compare a directory in which everything is as it shall be, again and again."""
    with portal_on("postgresql"), tempfile.TemporaryDirectory(prefix="pim-portal-loop-") as name:
        from django.conf import settings
        from django.db import connection

        from roles.models import Drift, Reconciliation
        from roles.reconciling import reconcile

        with two_places(Path(name), people=100, roles=100) as (places, people):
            place = places[0]
            _give_all(place, people)
            took, used, counts = [], [], Counter[str]()

            def note(execute: Any, text: str, params: Any, many: bool, context: Any) -> Any:
                counts[text.split(" ")[0]] += 1
                return execute(text, params, many, context)

            for number in range(6):
                began, before = time.perf_counter(), time.process_time()
                counts.clear()
                with connection.execute_wrapper(note):
                    reconcile(place.row.pk)
                if number:  # the first one only warms
                    took.append(time.perf_counter() - began)
                    used.append(time.process_time() - before)
            state = Reconciliation.objects.get(directory=place.row)
            share = percentile(took, 0.5) / settings.RECONCILE_SECONDS
            print(f"\nComparing a directory of {state.rights} rights with nothing to do (PostgreSQL)")
            print(
                f"  one comparison              {percentile(took, 0.5):8.2f} s  (slowest {max(took):.2f} s)"
            )
            print(f"  of that the portal's CPU    {percentile(used, 0.5):8.2f} s")
            print(f"  statements                  {counts.total():8d}")
            print(f"  of one core, each {settings.RECONCILE_SECONDS:.0f} s     {share:8.1%}")
            verdict(
                {
                    f"all {ENTITLEMENTS} were looked at, and nothing was found": state.rights == ENTITLEMENTS
                    and not Drift.objects.exists()
                    and not state.error,
                    "it costs less than a twentieth of a core": share < 0.05,
                }
            )


def _give_all(place: Place, people: list[Any]) -> None:
    """What a year of giving comes to: members in the directory by its service account, rows in the portal."""
    import psycopg
    from django.utils import timezone

    from benchmarks.bulk import analyse, insert
    from roles.models import Assignment, Intent
    from tests.roles.connectors.ldap_servers import PASSWORD

    roles = {role.entitlement: role.pk for role in place.row.roles.all()}
    accounts = [f"p{number}" for number in range(len(people))]
    url = place.server.url(user="pim", password=PASSWORD)
    with psycopg.connect(url, autocommit=True) as session:
        for role in roles:
            session.execute(f"GRANT {role} TO {', '.join(accounts)}")
    rows = (
        (role, person.pk, account)
        for role in roles.values()
        for account, person in zip(accounts, people, strict=True)
    )
    begun = timezone.now() - timedelta(days=1)
    common = {
        "scope": place.row.root_scope(),
        "starts_at": begun,
        "active_since": begun,
        "next_try_at": begun,
        "ends_at": begun + timedelta(days=90),
        "status": Assignment.Status.ACTIVE,
        "intent": Intent.NEW,
    }
    insert(Assignment, ("role_id", "person_id", "account"), rows, common)
    analyse()


def ending() -> None:
    """A thousand rights over three directories end in the same second."""
    with (
        portal_on("postgresql"),
        tempfile.TemporaryDirectory(prefix="pim-portal-loop-") as name,
        two_places(Path(name), people=25, roles=14) as (places, people),
    ):
        third = GroupsPlace("More groups", Path(name) / "more")
        try:
            third.open([f"p{number}" for number in range(25)], 14)
            _end_together([*places, third], people, Path(name))
        finally:
            third.erase()


def _end_together(places: list[Place], people: list[Any], folder: Path) -> None:
    from django.utils import timezone

    from roles.models import Assignment
    from roles.provisioning import work_lane

    ends = timezone.now() + timedelta(hours=1)
    held = _write_down(places, people, ends)
    began = time.monotonic()
    for place in places:
        work_lane(place.row.pk)
    granted = time.monotonic() - began
    ends = timezone.now() + timedelta(seconds=20)
    Assignment.objects.filter(ends_at__isnull=False).update(ends_at=ends)
    for one in held:
        one.ends = ends.timestamp()
    crew = Crew(1, folder, {})
    watches = [Watch(place) for place in places]
    try:
        for watch in watches:
            watch.__enter__()
        _wait_for_sweep()
        time.sleep(max(0.0, ends.timestamp() - time.time()))
        in_force = Assignment.objects.in_force().count()
        _wait_until_gone(watches, held)
    finally:
        for watch in watches:
            watch.__exit__()
        crew.stop()
    said = judge(held, watches)
    print(f"\n{len(held)} rights ending in the same second, over {len(places)} directories, one worker")
    print(f"  given one after the other in        {granted:8.2f} s")
    for place in places:
        mine = judge([one for one in held if one.place is place], watches).to_revoked
        last = max(mine, default=float("inf"))
        print(
            f"  {place.name + ' (' + place.title + ')':28} {len(mine):6d} gone, the last one after {last:6.2f} s"
        )
    verdict(
        {
            "every right stood there": said.given == len(held),
            "none in force here after the end": in_force == 0,
            "none gone early": not said.early,
            "none left standing": not said.standing,
            "the last one gone within 10 s": max(said.to_revoked, default=float("inf")) <= 10,
        }
    )


def _write_down(places: list[Place], people: list[Any], ends: Any) -> list[Held]:
    from django.db import transaction
    from django.utils import timezone

    from audit.journal.actor import PORTAL
    from audit.journal.lifecycle import begin_life
    from roles.models import Assignment

    held = []
    with transaction.atomic():
        for number in range(ENDING):
            place, number = places[number % 3], number // 3
            person, role = people[number % 25], place.entitlement(number // 25)
            assignment = Assignment(
                role=place.row.roles.get(entitlement=role),
                scope=place.row.root_scope(),
                person=person,
                starts_at=timezone.now(),
                ends_at=ends,
                status=Assignment.Status.PROVISIONING,
                account=f"p{number % 25}",
            )
            begin_life(assignment, actor=PORTAL, action="assignment.begun")
            held.append(Held(place, (assignment.account, role), time.time(), 0.0))
    return held


def _wait_for_sweep() -> None:
    from roles.models import Heartbeat

    since, deadline = time.time(), time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if any(one.at.timestamp() > since for one in Heartbeat.objects.filter(pk="sweep")):
            return
        time.sleep(0.1)


def _wait_until_gone(watches: list[Watch], held: list[Held]) -> None:
    deadline = max(one.ends for one in held) + PATIENCE
    while time.time() < deadline:
        if time.time() > deadline - PATIENCE and not any(watch.standing() for watch in watches):
            return
        time.sleep(0.1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no server's folder is left behind
    {"calm": calm, "cost": cost, "ending": ending}[sys.argv[1]]()
