"""Print the public key that secrets of directories are sealed with."""

from typing import Any

from django.core.management.base import BaseCommand

from roles.sealing import public_key


class Command(BaseCommand):
    """Run it where SEALING_KEYS is set, which is on the worker; the web process is given what it prints."""

    help = "Print what SEALING_PUBLIC_KEY has to be in the web process, so that only this process opens what it seals."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(public_key())
