"""``manage.py verify_journal``: did anybody alter the book?"""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.journal.verifying import verify_lines
from audit.watching import check_whole_journal


class Command(BaseCommand):
    help = (
        "Read the whole journal and name the first wrong entry; exits 1 when there is one. "
        "With --file, check a JSON Lines download instead, by the key alone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--file",
            type=argparse.FileType("r", encoding="utf-8"),
            metavar="JOURNAL.jsonl",
            help="a download of the journal (JSON Lines); - reads standard input",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["file"]:
            with options["file"] as lines:
                verdict = verify_lines(lines)
            if not verdict.holds:
                raise CommandError(f"{verdict.why} {verdict.count} lines before it hold.")
            self.stdout.write(f"The file holds: {verdict.count} entries, last digest {verdict.head}")
            return
        verdict = check_whole_journal()
        if not verdict.holds:
            raise CommandError(f"{verdict.why} {verdict.count} entries before it hold.")
        self.stdout.write(f"The journal holds: {verdict.count} entries, head {verdict.head}")
