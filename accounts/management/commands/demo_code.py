"""Prints the authenticator code of a demo person, for trying the portal without a phone."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Authenticator, User, canonical_email


class Command(BaseCommand):
    help = "Prints the code that a demo person's authenticator app shows. Not for a portal in production."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="email, or what stands before its @, for instance robin")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("This portal is in production: codes come from its people's own apps.")
        asked = canonical_email(options["person"])
        people = (
            User.objects.filter(email=asked)
            if "@" in asked
            else User.objects.filter(email__startswith=f"{asked}@")
        )
        device = Authenticator.objects.filter(user__in=people, confirmed=True).order_by("pk").first()
        if device is None:
            raise CommandError(f"Nobody known as {options['person']} has an authenticator app.")
        step = max(device.present_step, device.last_t + 1)
        begins = device.t0 + (step - device.drift) * device.step
        # The portal takes a code one step before its time as well, so only what lies further ahead must be waited for.
        wait = begins - device.step * device.tolerance - int(timezone.now().timestamp())
        self.stdout.write(device.code_at(step))
        if wait > 0:
            self.stderr.write(f"It works in {wait} s: each code works once, and the last one was just used.")
