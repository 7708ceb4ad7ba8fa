"""The key cabinet of the demo: a directory that nothing speaks to, so that people give and take by hand."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts.models import User
from audit.journal.actor import Actor
from audit.journal.recording import save_as
from roles.assigning import make_eligible
from roles.cataloguing import add_role, open_directory
from roles.models import DirectoryPersonAppointment, Factor, Risk
from roles.models.directory import BY_HAND_KIND
from roles.provisioning import begin_assignment


def make_key_cabinet(people: dict[str, User], *, actor: Actor) -> None:
    """The cabinet and its one role: the head of the service desk hands out the keys, one of which is asked for now."""
    cabinet = open_directory(
        "Key cabinet", actor=actor, kind=BY_HAND_KIND, description="Keys of the vault, handed out by people."
    )
    owns = Permission.objects.get(codename="own_directory")
    save_as(
        DirectoryPersonAppointment(user=people["emery"], content_object=cabinet, permission=owns), actor=actor
    )
    keyholders = add_role(
        cabinet,
        actor=actor,
        name="Vault keyholders",
        entitlement="vault",
        description="Opens the room with the backup tapes.",
        risk=Risk.MEDIUM,
        max_minutes=8 * 60,
        factor=Factor.NONE,
    )
    make_eligible(keyholders, actor=actor, principal=people["robin"])
    now = timezone.now()
    begin_assignment(
        keyholders,
        actor=actor,
        person=people["drew"],
        scope=cabinet.root_scope(),
        starts_at=now,
        ends_at=now + timedelta(days=1),
        justification="The tapes are changed today",
    )
