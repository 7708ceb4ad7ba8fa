"""``manage.py bootstrap``: the first administrator of a new portal."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.utils import timezone

from accounts.duties import Duty, holders_of
from accounts.mfa.enrolling import give_pass, has_factor
from accounts.models import EnrolmentPass, User, canonical_email
from audit.journal.actor import PORTAL
from audit.journal.recording import journaled, record, save_as
from audit.journal.refusing import Refused
from roles.cataloguing import open_portal_directory
from roles.provisioning import begin_assignment


class Command(BaseCommand):
    help = "Make the first Global Administrator and print the one-time link with which they set up their factors."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("name", help="for instance 'Dana Fictive'")

    def handle(self, *args: Any, email: str, name: str, **options: Any) -> None:
        try:
            validate_email(email)
            url = bootstrap(
                email,
                name=name,
                actor=PORTAL.known_as(f"{os.environ.get('USER', 'somebody')} on the console"),
            )
        except (Refused, ValidationError) as refusal:
            raise CommandError(getattr(refusal, "message", "This is not an email address.")) from None
        self.stdout.write(f"{name} is Global Administrator. Open this once, within three days:\n{url}")


@journaled
def bootstrap(email: str, *, name: str, actor: Any) -> str:
    """Make the portal's directory and its first Global Administrator, who holds the duty for good.

    As long as nobody with the duty has ever come, whoever was named before is given a new link: the first one may lapse.

    Returns:
        The one-time link.

    Raises:
        Refused: somebody holds the duty already: they invite others.
    """
    holders = list(holders_of(Duty.GLOBAL_ADMINISTRATOR))
    if any(has_factor(one) for one in holders):
        raise Refused("This portal has a Global Administrator already. They invite others under People.")
    for named in holders:
        if named.email == canonical_email(email):
            record("portal.bootstrapped", actor=actor, subject=named, detail={"again": True})
            return give_pass(named, kind=EnrolmentPass.Kind.INVITATION).url
    directory = open_portal_directory(settings.PORTAL_NAME, actor=actor)
    person = User.objects.filter(email=canonical_email(email)).first()
    if person is None:
        person = User(email=email, display_name=name)
        person.set_unusable_password()
        save_as(person, actor=actor)
    begin_assignment(
        directory.roles.get(entitlement=Duty.GLOBAL_ADMINISTRATOR),
        actor=actor,
        person=person,
        scope=directory.root_scope(),
        starts_at=timezone.now(),
        ends_at=None,
        justification="The first administrator of this portal",
    )
    record("portal.bootstrapped", actor=actor, subject=person)
    return give_pass(person, kind=EnrolmentPass.Kind.INVITATION).url
