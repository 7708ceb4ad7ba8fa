"""``manage.py seed_scale``: an organisation large enough to see what the portal makes of it."""

from __future__ import annotations

from importlib import import_module, util
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User

IN_FORCE = 20_000


class Command(BaseCommand):
    help = (
        "Fill an empty portal with 10,000 people, 2,000 roles and 200,000 eligibilities. Rows of bulk come without history"
        " and without entries in the journal, which says so in one. Refuses where people exist already, and in production."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--assignments",
            type=int,
            default=IN_FORCE,
            help=f"how many there are; those beyond {IN_FORCE} have ended (default: {IN_FORCE})",
        )
        parser.add_argument(
            "--smaller", type=int, default=1, help="how many times less of everything (default: 1)"
        )

    def handle(self, *args: Any, assignments: int, smaller: int, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Its people have a password that everybody knows: not in production.")
        if util.find_spec("benchmarks") is None:
            raise CommandError("This is no whole repository: the seeding stands in benchmarks/.")
        if User.objects.exists():
            raise CommandError("There are people in this portal already.")
        seeding, growing, bulk = (
            import_module(f"benchmarks.{name}") for name in ("seeding", "growing", "bulk")
        )
        size = seeding.Size().smaller(smaller) if smaller > 1 else seeding.Size()
        cast = seeding.seed(size)
        total = assignments // smaller
        growing.grow(total=total, in_force=min(IN_FORCE // smaller, total))
        growing.wait(size, cast)
        bulk.analyse()
        people = ", ".join(f"{who} {person.email}" for who, person in vars(cast).items())
        self.stdout.write(
            f"Seeded. With the password “{seeding.PASSWORD}” and an authenticator each: {people}."
        )
