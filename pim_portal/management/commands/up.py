"""`manage.py up`: the whole portal from this folder, in the foreground."""

import os
import signal
import subprocess
from contextlib import closing
from functools import partial
from shlex import quote
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from pim_portal.demo.billing import DATABASE
from pim_portal.demo.people import PASSWORD
from pim_portal.embedded import preparing
from pim_portal.embedded.postgresql import NoPostgreSQL, PostgreSQL
from pim_portal.embedded.programs import environment, wait_until_healthy, web_server, worker
from pim_portal.embedded.supervising import start_process, stop_processes, watch


class Command(BaseCommand):
    help = "Start the portal with everything it needs (database, demo data, web server, worker) and watch over it."

    def add_arguments(self, parser: CommandParser) -> None:
        port = int(os.environ.get("PORT") or 8000)
        parser.add_argument(
            "--port", type=int, default=port, help="port of the web server (default: PORT or 8000)"
        )

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        """Prepare, start, announce, watch; and leave nothing behind, whatever ends it."""
        if settings.PRODUCTION:
            raise CommandError(
                "`up` runs a portal for this machine alone. For others to reach it, see docs/install.md."
            )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # ignored: nohup
                signal.signal(number, signal.default_int_handler)
        postgresql = PostgreSQL(settings.VAR / "postgresql")
        started: dict[str, subprocess.Popen[bytes]] = {}
        try:
            with closing(preparing.claim_folder(settings.VAR)):
                preparing.require_free_port(port)
                directory = self._start_postgresql(postgresql)
                preparing.run_apart(partial(preparing.prepare_portal, postgresql_url=directory))
                started["web server"] = start_process(web_server(port), env=environment(port))
                started["worker"] = start_process(worker(), env=environment(port))
                watched = started | ({"PostgreSQL server": postgresql.process} if postgresql.process else {})
                wait_until_healthy(port, watched)
                self._announce(port, postgresql)
                raise preparing.CannotStart(
                    f"The {watch(watched)} ended, so everything else was stopped too."
                )
        except preparing.CannotStart as reason:
            raise CommandError(str(reason)) from None
        except KeyboardInterrupt:
            self.stdout.write("\nStopping.")
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # an impatient second Ctrl-C must not cut this short
            stop_processes(list(started.values()))
            postgresql.stop()

    def _start_postgresql(self, postgresql: PostgreSQL) -> str:
        """Start the demo's second directory and return its superuser's address; where it cannot be had, say so."""
        try:
            postgresql.start()
        except NoPostgreSQL as reason:
            self.stderr.write(f"{reason}. The demo goes on with the portal's own directory alone.")
            return ""
        return postgresql.url()

    def _announce(self, port: int, postgresql: PostgreSQL) -> None:
        lines = ["", f"{settings.PORTAL_NAME} is running: http://localhost:{port}", ""]
        demo = settings.VAR / "demo.txt"  # written by demo_data: who is who, and how to sign in
        if demo.exists():
            lines += [*demo.read_text(encoding="utf-8").rstrip().split("\n"), ""]
        lines.append(f"Mail is written to {settings.EMAIL_FILE_PATH}." if settings.EMAIL_FILE_PATH else "")
        if postgresql.process:
            psql = f"PGPASSWORD={PASSWORD} {quote(str(postgresql.programs / 'psql'))} -h 127.0.0.1 -p {postgresql.port}"
            lines += ["What Robin may do in the billing database:", f"  {psql} -U robin {DATABASE}"]
        lines += ["", "Ctrl-C stops everything.", ""]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()
