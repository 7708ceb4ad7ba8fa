"""A thousand assignments end in the same second: refused at once here, and when is the last one gone in the directory?

``python -m benchmarks.ending sqlite|postgresql [count]``. The directory is a real PostgreSQL server with a login for each
person, the worker a real Celery worker with its sweep; what stands in the directory is read from the server itself.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta

import psycopg
from psycopg import sql

from benchmarks.bench import portal_on, verdict

PEOPLE = 40
PATIENCE = 60.0  # seconds until the last right must be gone


def measure(database: str, count: int) -> None:
    """Make ``count`` assignments, let them end together, and watch."""
    with portal_on(database) as server:
        from django.test import Client
        from django.utils import timezone

        from accounts.models import User
        from pim_portal.embedded.programs import environment, worker
        from pim_portal.embedded.supervising import start_process, stop_process
        from roles.models import Assignment
        from roles.provisioning import work_lane

        session = psycopg.connect(server.url(), autocommit=True)
        directory = _prepare(server, session, count)
        ends_at = timezone.now() + timedelta(seconds=max(20, count // 25))
        _assign(directory, count, ends_at)
        began = time.monotonic()
        work_lane(directory.pk)
        granted = time.monotonic() - began
        assert _standing(session) == count, "not everything was granted"
        Assignment.objects.filter(role__directory=directory, ends_at__isnull=True).delete()
        running = start_process(worker(), env=environment(8000))
        try:
            early = 0
            while (left := (ends_at - timezone.now()).total_seconds()) > 0:
                early = max(early, count - _standing(session))
                time.sleep(min(0.5, max(left, 0)))
            in_force_after = Assignment.objects.in_force().count()
            person = User.objects.get(email="p0@example.test")
            client = Client()
            client.force_login(person)
            shown = sum(one.is_in_force() for one in Assignment.objects.filter(person=person)[:5])
            curve = _watch(session, ends_at, count)
        finally:
            stop_process(running)
        last = curve[-1][0] if curve and curve[-1][1] == 0 else float("inf")
        half = next((at for at, standing in curve if standing <= count // 2), float("inf"))
        print(f"\n{count} assignments ending in the same second, portal on {database}, directory PostgreSQL")
        print(f"  granted one after the other in       {granted:8.2f} s")
        print(f"  in force here just after the end     {in_force_after:8d}")
        print(f"  half of them revoked after           {half:8.2f} s")
        print(f"  last one revoked after               {last:8.2f} s")
        print(f"  revoked before their end             {early:8d}")
        verdict(
            {
                "none in force here after the end": in_force_after == 0 and shown == 0,
                "none revoked early": early == 0,
                "last one revoked within 5 s": last <= 5,
            }
        )


def _prepare(server: object, session: psycopg.Connection[tuple[object, ...]], count: int) -> object:
    from audit.journal.actor import PORTAL
    from roles.cataloguing import add_role, open_directory

    directory = open_directory(
        "Bench",
        actor=PORTAL,
        kind="postgresql",
        connection={"host": "127.0.0.1", "port": server.port, "dbname": "postgres", "user": "pim"},  # type: ignore[attr-defined]
        secret="env:DIRECTORY_BENCH_SECRET",  # noqa: S106
    )
    import os

    os.environ["DIRECTORY_BENCH_SECRET"] = "bench"  # noqa: S105
    session.execute("CREATE ROLE pim LOGIN PASSWORD 'bench'")
    session.execute("GRANT pg_signal_backend TO pim")
    for number in range(PEOPLE):
        session.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(f"p{number}")))
    for number in range(-(-count // PEOPLE)):
        name = f"r{number}"
        session.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
        session.execute(
            sql.SQL("GRANT {} TO pim WITH ADMIN TRUE, INHERIT FALSE, SET FALSE").format(sql.Identifier(name))
        )
        add_role(directory, actor=PORTAL, name=name, entitlement=name)
    return directory


def _assign(directory: object, count: int, ends_at: object) -> None:
    from django.db import transaction
    from django.utils import timezone

    from accounts.models import User
    from audit.journal.actor import PORTAL
    from audit.journal.lifecycle import begin_life
    from roles.models import Assignment

    people = [User.objects.create_user(f"p{n}@example.test", f"Person {n}") for n in range(PEOPLE)]
    scope = directory.root_scope()  # type: ignore[attr-defined]
    with transaction.atomic():
        for number in range(count):
            person = people[number % PEOPLE]
            role = directory.roles.get(name=f"r{number // PEOPLE}")  # type: ignore[attr-defined]
            begin_life(
                Assignment(
                    role=role,
                    scope=scope,
                    person=person,
                    starts_at=timezone.now(),
                    ends_at=ends_at,
                    status=Assignment.Status.PROVISIONING,
                    account=directory.account_of(person),  # type: ignore[attr-defined]
                ),
                actor=PORTAL,
                action="assignment.begun",
            )


def _standing(session: psycopg.Connection[tuple[object, ...]]) -> int:
    row = session.execute(
        "SELECT count(*) FROM pg_auth_members WHERE member IN (SELECT oid FROM pg_roles WHERE rolname ~ '^p[0-9]')"
    ).fetchone()
    return int(str(row[0])) if row else 0


def _watch(
    session: psycopg.Connection[tuple[object, ...]], ends_at: object, count: int
) -> list[tuple[float, int]]:
    from django.utils import timezone

    curve: list[tuple[float, int]] = []
    while True:
        standing = _standing(session)
        after = (timezone.now() - ends_at).total_seconds()  # type: ignore[operator]
        curve.append((after, standing))
        if standing == 0 or after > PATIENCE:
            return curve
        time.sleep(0.05)


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
