"""``manage.py demo_data``: an organisation of some forty invented people, to try the portal with."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from audit.watching import check_journal
from pim_portal.demo.making import make_demo
from pim_portal.demo.people import PASSWORD

WHO = """Sign in with the password {password} as one of these, and with a code from  make code WHO=robin

  robin@example.test   employee        may activate roles in the billing database
  kim@example.test     approver        decides on them, as does jo@example.test
  dana@example.test    administrator   people, roles, assignments
  toni@example.test    auditor         reads and downloads the journal
  pat@example.test     outsider        has nothing to do with any of it
"""


class Command(BaseCommand):
    help = "Fill an empty portal with the demo organisation. Refuses where people exist already, and in production."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--postgresql-url", default="", help="superuser's address of the second directory"
        )

    def handle(self, *args: Any, postgresql_url: str, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo has a password that everybody knows: not in production.")
        if User.objects.exists():
            raise CommandError("There are people in this portal already.")
        make_demo(postgresql_url=postgresql_url)
        check_journal()
        (settings.VAR / "demo.txt").write_text(WHO.format(password=PASSWORD), encoding="utf-8")
        self.stdout.write(f"The demo has {User.objects.count()} people.")
