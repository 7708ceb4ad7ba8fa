"""Telling people. What is told commits with the act it tells of; the mail follows after."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.backends.django import DjangoTemplates
from django.utils import timezone, translation
from kombu.exceptions import OperationalError

from accounts.models import User
from accounts.notifications.delivering import deliver_due_notifications, deliver_notification
from accounts.notifications.models import Notification
from audit.journal.actor import Actor
from audit.journal.plain import one_line, storable
from audit.journal.recording import within_transaction

logger = logging.getLogger(__name__)

ONE_BY_ONE = 20  # up to so many mails are hurried each by a task of its own
MOST_PEOPLE = 1000  # told by one event, as in Entra


@cache
def templates() -> DjangoTemplates:
    """Notices are plain text: nothing is escaped here. The mail's layout escapes everything it shows.

    Made when first used: the engine loads the tags of every app, and those may import what tells people.
    """
    return DjangoTemplates(
        {
            "NAME": "notices",
            "DIRS": settings.TEMPLATES[0]["DIRS"],
            "APP_DIRS": True,
            "OPTIONS": {"autoescape": False, "builtins": ["accounts.templatetags.notices"]},
        }
    )


def notify(
    people: Iterable[User], *, notice: str, context: dict[str, Any], url: str = "", actor: Actor
) -> list[Notification]:
    """Write a message to each of ``people`` into their inbox, to be mailed once the transaction has committed.

    The words are ``templates/<app>/notices/<name>.subject.txt`` and ``.txt``, rendered for each in their own time
    zone, with ``context``, ``person`` (who reads it), ``actor`` and ``portal``. Nobody is told twice, disabled people
    are not told, and of more than 1,000 only the first 1,000. What is said to a service principal goes to its manager.

    Args:
        notice: ``<app>/<name>``, for instance ``approvals/approval_asked``.
        context: what the templates speak of. No secrets: mail is read by others, and the row stays.
        url: path in the portal that the button leads to.

    Raises:
        ValueError: ``url`` is not a path in the portal.
        django.template.TemplateDoesNotExist: there is no such notice.
    """
    readers = (person.reader for person in people)
    told = list({reader.pk: reader for reader in readers if reader and reader.is_active}.values())
    if len(told) > MOST_PEOPLE:
        logger.warning("%s: only %s of %s people are told", notice, MOST_PEOPLE, len(told))
        told = told[:MOST_PEOPLE]
    return notify_each([(person, context) for person in told], notice=notice, url=url, actor=actor)


def notify_each(
    messages: Sequence[tuple[User, dict[str, Any]]], *, notice: str, url: str = "", actor: Actor
) -> list[Notification]:
    """Write the same notice to many people, to each with a context of their own, in one statement; see ``notify``."""
    if url and (not url.startswith("/") or url.startswith(("//", "/\\"))):
        raise ValueError(f"not a path in the portal: {url!r}")
    if not messages:
        return []
    said = {"actor": actor, "portal": settings.PORTAL_NAME}
    with within_transaction():
        rows = Notification.objects.bulk_create(
            [
                worded(reader, notice=notice, context={**context, **said}, url=url)
                for reader, context in ((person.reader, context) for person, context in messages)
                if reader and reader.is_active
            ],
            batch_size=200,
        )
        transaction.on_commit(lambda: hurry(rows), robust=True)
    return rows


def notify_addresses(
    addresses: Iterable[str], *, notice: str, context: dict[str, Any], url: str = "", actor: Actor
) -> list[Notification]:
    """Mail a notice to addresses that role settings name beside people, in UTC; see ``notify``."""
    said = {**context, "actor": actor, "portal": settings.PORTAL_NAME}
    nobody = User(display_name="", time_zone="UTC")
    rows = [worded(nobody, notice=notice, context=said, url=url) for _address in addresses]
    for row, address in zip(rows, addresses, strict=True):
        row.person, row.address = None, address
    with within_transaction():
        rows = Notification.objects.bulk_create(rows)
        transaction.on_commit(lambda: hurry(rows), robust=True)
    return rows


def worded(person: User, *, notice: str, context: dict[str, Any], url: str) -> Notification:
    """The message for one person, in their own time zone, not saved."""
    app, _, name = notice.partition("/")
    with translation.override(settings.LANGUAGE_CODE), timezone.override(person.zone):
        said = {**context, "person": person}
        subject = templates().get_template(f"{app}/notices/{name}.subject.txt").render(said)
        text = templates().get_template(f"{app}/notices/{name}.txt").render(said)
    return Notification(
        person=person, notice=notice, subject=one_line(subject, most=200), text=tidy(text), url=url
    )


def tidy(text: str) -> str:
    """``text`` without the gaps that template tags leave: one empty line between paragraphs, none at the ends."""
    lines = [line.rstrip() for line in storable(text).strip().splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def hurry(rows: Sequence[Notification]) -> None:
    """Ask the worker to mail ``rows`` now. Where the broker does not answer, the sweep finds them."""
    try:
        if len(rows) > ONE_BY_ONE:
            deliver_due_notifications.delay()
        else:
            for row in rows:
                deliver_notification.delay(row.pk)
    except (OperationalError, OSError) as error:
        logger.warning("The broker does not answer (%s); mail leaves with the next sweep", error)
