"""People to test with. All invented; everybody has the same password and an authenticator of their own."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Any

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from accounts.models import Authenticator, DutyHolding, Group, Membership, User

PASSWORD = "correct horse battery staple"


@functools.cache
def password_hash() -> str:
    """The hash of ``PASSWORD``, made once: it is meant to be slow."""
    return make_password(PASSWORD)


def make_person(email: str, display_name: str = "", **fields: Any) -> User:
    """A person who can sign in: enabled, with ``PASSWORD`` and an authenticator app.

    Args:
        email: the whole address, or what stands before ``@example.test``.
    """
    email = email if "@" in email else f"{email}@example.test"
    name = display_name or email.partition("@")[0].replace(".", " ").title()
    fields = {"password": password_hash()} | fields
    person = User.objects.create(email=email, display_name=name, **fields)
    Authenticator.objects.create(user=person, name="Phone", confirmed=True)
    return person


def give_duty(person: User, duty: str, *, ends_at: datetime | None = None) -> DutyHolding:
    """Let ``person`` hold a duty right now."""
    return DutyHolding.objects.create(
        person=person, duty=str(duty), starts_at=timezone.now(), ends_at=ends_at
    )


def make_group(name: str, *members: User, owners: tuple[User, ...] = ()) -> Group:
    """A group with members and owners for good."""
    group = Group.objects.create(name=name)
    for person in members:
        Membership.objects.create(group=group, person=person)
    for person in owners:
        Membership.objects.create(group=group, person=person, kind=Membership.Kind.OWNER)
    return group
